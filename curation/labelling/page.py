"""The pages that annotators see, as Label Studio's XML. Names of controls are written once, here.

The page of the ages shows the face and asks for one number. No estimate stands there, for people stay near a number
that they have seen; and no age group is asked, for it follows from the age. Label Studio's side panels and drawing
tools have no use here and are not shown while somebody labels; on a phone its bar of buttons is folded to fit.
"""

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from cafdata.fields import OLDEST_YEARS

AGE, PROBLEM, CONFIDENCE, DECISION = "age", "problem", "confidence", "decision"
"""Names of the controls."""
FACE, OTHER, PHOTO, REASON = "face", "other", "photo", "reason"
"""What is shown, and its name in the data of a task: the face, the other one of a pair, the whole photo, and why
somebody asks."""

PROBLEMS: Final = {"not this person": "not_this_person", "not a face": "not_a_face", "child: needs review": "child"}
"""Words on the page -> verdict of an AgeLabel."""
PICTURE_CHOICES: Final = {"keep it": "keep", "remove it": "remove"}
PAIR_CHOICES: Final = {
    "the same person": "same_person",
    "different people": "different_people",
    "the same picture": "same_picture",
}
"""Words on the page -> decision of the review queue."""
KEYS: Final = {
    "not this person": "p",
    "not a face": "f",
    "child: needs review": "c",
    "keep it": "k",
    "remove it": "r",
    "the same person": "o",
    "different people": "d",
    "the same picture": "t",
}
"""Words on the page -> key that chooses them. "s" gives one star more."""
AGE_KEYS: Final = "Tab, the age, Tab, s for each star, Ctrl+Enter."
CHOICE_KEYS: Final = "Ctrl+Enter submits."

STARS: Final = 5

STYLE: Final = """
.page { max-width: 1000px; margin: 0 auto; }
.beside, .pair { display: flex; flex-wrap: wrap; gap: 8px 32px; align-items: flex-start; }
.shown { flex: 1 1 270px; max-width: 560px; min-width: 0; }
.asked { flex: 1 1 270px; min-width: 0; }
.pair { gap: 8px; }
.pair .shown { flex-basis: 120px; max-width: 420px; }
.keys { opacity: 0.7; }
.page input[type=number] { font-size: 28px; height: 56px; width: 160px; }
.page .lsf-toolbar { display: none; }
.page .lsf-choice__item { font-size: 16px; padding: 6px 0; }
.lsf-root_mode_labelstream .lsf-sidepanels { padding: 0 !important; }
.lsf-root_mode_labelstream .lsf-sidepanels__wrapper { display: none; }
@media (max-width: 700px) {
  .keys { display: none; }
  .lsf-root_mode_labelstream .lsf-bottombar, .lsf-root_mode_labelstream .lsf-bottombar__group,
  .lsf-root_mode_labelstream .lsf-controls { flex-wrap: wrap; height: auto; min-width: 0; width: auto; }
  .lsf-root_mode_labelstream .lsf-action-buttons, .lsf-root_mode_labelstream .lsf-history-buttons { display: none; }
}
"""


def age_page(*, has_photos: bool, is_disputed: bool) -> str:
    """The page that asks for an age.

    Args:
        has_photos: each task has the whole photo too; it stays folded until it is asked for.
        is_disputed: annotators were of two minds; the page says so, and not what they said.
    """
    lead = _header("Others were of two minds about this one.", 5) if is_disputed else ""
    unless = f'visibleWhen="choice-unselected" whenTagName="{PROBLEM}"'
    number = (
        f'<Number name="{AGE}" toName="{FACE}" min="0" max="{OLDEST_YEARS}" step="1" required="true"'
        ' requiredMessage="Type the age in years, or say why there is none."/>'
    )
    stars = f'<Rating name="{CONFIDENCE}" toName="{FACE}" maxRating="{STARS}" icon="star" size="large" hotkey="s"/>'
    age = _header("How old does this person look here, in years?") + number + _header("How sure are you?", 5) + stars
    asked = (
        f"{lead}<View {unless}>{age}</View>"
        f"{_header('Or there is no age to say:', 5)}{_choices(PROBLEM, PROBLEMS, is_required=False)}{_keys(AGE_KEYS)}"
    )
    photo = f'<Collapse><Panel value="The whole photo">{_picture(PHOTO)}</Panel></Collapse>' if has_photos else ""
    return _page(_beside(asked) + photo)


def shows_photos(label_config: str) -> bool:
    """Whether a page of ages shows whole photos, so that each of its tasks needs one."""
    return f'value="${PHOTO}"' in label_config


def picture_page() -> str:
    """The page that asks whether a picture stays."""
    return _page(
        _beside(
            _header("Does this picture stay?") + _reason() + _choices(DECISION, PICTURE_CHOICES) + _keys(CHOICE_KEYS)
        )
    )


def pair_page() -> str:
    """The page that asks whether two pictures show one person."""
    shown = "".join(f'<View className="shown">{_picture(name)}</View>' for name in (FACE, OTHER))
    asked = _header("Who is in these two pictures?") + _reason() + _choices(DECISION, PAIR_CHOICES) + _keys(CHOICE_KEYS)
    return _page(f'<View className="pair">{shown}</View>{asked}')


def _page(content: str) -> str:
    return f'<View className="page"><Style>{STYLE}</Style>{content}</View>'


def _beside(asked: str) -> str:
    """The face, and what is asked of it beside or, on a narrow page, below it."""
    face = f'<View className="shown">{_picture(FACE)}</View>'
    return f'<View className="beside">{face}<View className="asked">{asked}</View></View>'


def _header(text: str, size: int = 4) -> str:
    return f'<Header value={quoteattr(text)} size="{size}"/>'


def _keys(text: str) -> str:
    """What can be done without a mouse; not shown on a phone."""
    return f'<View className="keys">{_header(text, 6)}</View>'


def _picture(name: str) -> str:
    return f'<Image name="{name}" value="${name}" zoom="false" zoomControl="false" rotateControl="false" width="100%"/>'


def _reason() -> str:
    return f'<Text name="{REASON}" value="${REASON}"/>'


def _choices(name: str, words: Mapping[str, str], *, is_required: bool = True) -> str:
    choices = "".join(f'<Choice value={quoteattr(word)} hotkey="{KEYS[word]}"/>' for word in words)
    needed = ' required="true" requiredMessage="Choose one."' if is_required else ""
    return f'<Choices name="{name}" toName="{FACE}" choice="single-radio"{needed}>{choices}</Choices>'
