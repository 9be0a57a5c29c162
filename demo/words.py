"""Everything the page says, as HTML: first words, notices, progress, what a model cannot do, the footer."""

from html import escape

from core.age_reader import PresentAge
from core.weights import ModelInfo

CONSENT = "The person in my photo is an adult and agrees to this, or it is me."
GUARDIAN = "This face reads as under 18. The person is an adult, or I am the guardian and agree."
TICK_FIRST = "Tick the box above, and the faces in your photo are looked for. Until then nothing is."
TICK_GUARDIAN = "Tick the second box to go on."
GONE = "This photo is no longer held here (photos are forgotten after ten minutes). Choose it again."

HEADER = """
<header id="masthead">
  <p id="wordmark">AgeTrans</p>
  <h1>One photo. Every age.</h1>
  <p id="promise">Choose a photo of a person and see that face at ten ages, set back into the photo.
  It runs on this machine; nothing is sent elsewhere and nothing is kept.</p>
</header>
"""

WELCOME = """
<section id="welcome-steps" aria-label="How it works">
  <h2>How it works</h2>
  <ol>
    <li><b>Choose a photo.</b> Drop it in, paste it, or take one with the camera.
    One face or many, tight or wide.</li>
    <li><b>Say that it is all right.</b> No face is looked for until you tick the box.</li>
    <li><b>Press “Show the ages”.</b> Pick an age from the strip, or any year on the slider;
    compare it with your photo, and save what you like.</li>
  </ol>
  <p class="quiet">No photo at hand? Try the astronaut, a NASA picture in the public domain.</p>
</section>
"""


def limits(info: ModelInfo, estimator: ModelInfo | None) -> str:
    """What the model, and the age estimator if there is one, cannot do, stated plainly."""
    size = f"{info.size_px} px"
    facts = [
        f"<b>Skin and features change, at {size}.</b> The change is worked out on a square of {size} around the "
        "face and added to your photo: the photo’s own sharpness stays, and wrinkles finer than that do not appear.",
        "<b>It is one guess.</b> Nobody’s real future or past face is known to it; do not identify people by it.",
        "<b>Faces seen from the side, very small or blurred</b> come out worse; a note says so.",
        "<b>Every picture carries a visible “AI-aged” label.</b> Leave it on when you share one.",
    ]
    if info.framing == "utkface":
        facts.insert(
            0,
            "<b>Hair does not age.</b> The model learnt from UTKFace, whose pictures are cut from brow to "
            "chin: hair, neck and hands stay as they are; nobody turns grey or bald.",
        )
    if estimator is not None:
        facts.append(
            "<b>The age a face reads as is a guess too.</b> Of five faces, about four are in truth as old as the "
            "range in brackets says.",
        )
    items = "".join(f"<li>{fact}</li>" for fact in facts)
    weights = [info] if estimator is None else [info, estimator]
    terms = [f'<p class="quiet">Weights of “{escape(one.name)}”: {escape(one.licence)}</p>' for one in weights]
    return f'<ul class="facts">{items}</ul>{"".join(terms)}'


def footer(info: ModelInfo, estimator: ModelInfo | None, pack: str, precision: str) -> str:
    """Which model, estimator, face pack and precision answer here."""
    reader = "" if estimator is None else f"<span>Ages read by <b>{escape(estimator.name)}</b></span>"
    return (
        f'<footer id="imprint"><span>Model <b>{escape(info.name)}</b></span>{reader}'
        f"<span>Faces found by <b>{escape(pack)}</b></span><span>{escape(precision)}</span>"
        "<span>Photos are forgotten after ten minutes</span></footer>"
    )


def trouble(sentence: str) -> str:
    """A sentence about something that did not work; read out at once."""
    return f'<p class="notice trouble" role="alert">{escape(sentence)}</p>'


def hint(sentence: str) -> str:
    """A sentence about what to do next."""
    return f'<p class="notice hint" role="status">{escape(sentence)}</p>'


def progress(done: int, total: int, name: str) -> str:
    """How many ages are there; `name` is the latest."""
    text = f"Age {escape(name)} is there: {done} of {total}" if done else "Starting"
    return (
        f'<div class="notice hint" role="status"><progress max="{total}" value="{done}" '
        f'aria-label="Ages made"></progress><span>{text}</span></div>'
    )


def present(age: PresentAge | None, num_faces: int, warnings: tuple[str, ...]) -> str:
    """What was found: how many faces, the age the picked one reads as, and why it may come out badly."""
    reads = ""
    if age is not None:
        sentence = f'It reads as about <b id="present-age">{age.years:.0f}</b>{interval(age)} today.'
        reads = f'<span class="whole">{sentence}</span>'
    found = "One face found." if num_faces == 1 else f"{num_faces} faces found; pick one."
    reasons = {"profile": "seen from the side", "tiny": "very small", "blurred": "blurred"}
    told = [reasons.get(warning, warning) for warning in warnings]
    caution = f'<p class="caution">The face is {escape(" and ".join(told))}; expect less.</p>' if told else ""
    return f'<div id="found-text" role="status"><p>{found} {reads}</p>{caution}</div>'


def interval(age: PresentAge) -> str:
    """The 80 % interval in brackets, whole years; nothing where none is known."""
    if age.interval_years is None:
        return ""
    low, high = age.interval_years
    return f' <span id="present-interval">({low:.0f}–{high:.0f})</span>'


def showing(name: str, age: PresentAge | None) -> str:
    """Heading over the comparison."""
    today = "beside today" if age is None else f"beside today, about {age.years:.0f}"
    return f'<h2 id="showing">Age {escape(name)} <span class="quiet">{today}</span></h2>'
