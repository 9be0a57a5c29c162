"""The projects of an archive on a Label Studio server: what each asks, of how many people, and by what it is known."""

from dataclasses import dataclass
from typing import Final, Literal

from cafdata import fields
from curation.labelling import page

Kind = Literal["ages", "ages_once", "adjudication", "pictures", "pairs"]
KINDS: Final[tuple[Kind, ...]] = ("ages", "ages_once", "adjudication", "pictures", "pairs")
AGE_KINDS: Final[tuple[Kind, ...]] = ("ages", "ages_once", "adjudication")
"""Projects whose answers are age labels; the others' are decisions of the review queue."""

TITLES: Final[dict[Kind, str]] = {
    "ages": "ages",
    "ages_once": "ages, one look",
    "adjudication": "ages in dispute",
    "pictures": "pictures in doubt",
    "pairs": "pairs in doubt",
}
MAX_TITLE: Final = 50
"""Letters that Label Studio takes."""
MAX_NAME: Final = MAX_TITLE - 2 - max(map(len, TITLES.values()))

AGE_INSTRUCTION: Final = (
    "Say how old the person looks in this picture: one number, in years. By keyboard: Tab, the number, Tab, s for each "
    "star of how sure you are, Ctrl+Enter, and so on to the next picture. For a picture without an age to say press p "
    "(not this person), f (not a face) or c (a child, which is reviewed). Skip what you do not want to judge."
)
INSTRUCTIONS: Final[dict[Kind, str]] = {
    "ages": AGE_INSTRUCTION,
    "ages_once": AGE_INSTRUCTION,
    "adjudication": f"Others were of two minds about these pictures; what you say decides. {AGE_INSTRUCTION}",
    "pictures": "Say whether the picture stays: k keeps it, r removes it. Submit with Ctrl+Enter.",
    "pairs": "Say who is in the two pictures: o one person, d different people, t the same picture. Submit with "
    "Ctrl+Enter.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectPlan:
    """A project as it is to be on the server. Raises ValueError for what cannot be."""

    kind: Kind
    """What it asks."""
    archive_name: str
    """Name of the archive on the server, 1 to 31 letters; with the kind it makes the title, by which the project is
    found again."""
    num_annotators: int = 1
    """Different people who see each task."""
    has_photos: bool = False
    """Whether its tasks have the whole photo beside the face."""

    def __post_init__(self) -> None:
        fields.one_of("kind", self.kind, KINDS)
        fields.identifier("archive_name", self.archive_name)
        if len(self.archive_name) > MAX_NAME:
            raise ValueError(f"archive_name has at most {MAX_NAME} letters, got {self.archive_name!r}; choose another")
        fields.whole("num_annotators", self.num_annotators, 1)

    @property
    def title(self) -> str:
        """As annotators see it."""
        return f"{self.archive_name}: {TITLES[self.kind]}"

    def label_config(self) -> str:
        """Its page, as Label Studio's XML."""
        if self.kind in AGE_KINDS:
            return page.age_page(has_photos=self.has_photos, is_disputed=self.kind == "adjudication")
        return page.pair_page() if self.kind == "pairs" else page.picture_page()

    def as_json(self) -> dict[str, object]:
        """Fields of the server's project. Predictions are hidden, and tasks come in the order they were put in."""
        return {
            "title": self.title,
            "label_config": self.label_config(),
            "expert_instruction": INSTRUCTIONS[self.kind],
            # In a window over the page, whose cross lies outside a phone's screen; a button shows it when asked.
            "show_instruction": False,
            "show_skip_button": True,
            "enable_empty_annotation": False,
            "show_collab_predictions": False,
            "reveal_preannotations_interactively": False,
            "maximum_annotations": self.num_annotators,
            "sampling": "Sequential sampling",
        }
