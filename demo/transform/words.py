"""What the Transform tab says, as HTML: first words, progress, what was found, what a model cannot do."""

from collections.abc import Sequence
from html import escape

from core.age_reader import PresentAge
from core.budget import Likeness
from core.weights import ModelInfo
from demo import notices
from demo.language import Language


def welcome(say: Language) -> str:
    """What a first visit sees in place of results."""
    steps = (
        (
            say("Choose a photo."),
            say("Drop it in, paste it, or take one with the camera. One face or many, tight or wide."),
        ),
        (say("Say that it is all right."), say("No face is looked for until you tick the box.")),
        (
            say("Press “Show the ages”."),
            say("Pick an age from the strip, or any year on the slider; compare it with your photo, and save it."),
        ),
    )
    items = "".join(f"<li><b>{title}</b> {text}</li>" for title, text in steps)
    example = say("No photo at hand? Try the astronaut, a NASA picture in the public domain.")
    title = say("How it works")
    return (
        f'<section id="welcome-steps" aria-label="{escape(title)}"><h2>{title}</h2>'
        f'<ol>{items}</ol><p class="quiet">{example}</p></section>'
    )


def limits(say: Language, info: ModelInfo, estimator: ModelInfo | None) -> str:
    """What the model, and the age estimator if there is one, cannot do, stated plainly."""
    facts = [
        say(
            "<b>Skin and features change, at {size} px.</b> The change is worked out on a square of {size} px around "
            "the face and added to your photo: the photo’s own sharpness stays, and finer wrinkles do not appear.",
            size=info.size_px,
        ),
        say("<b>It is one guess.</b> Nobody’s real future or past face is known to it; do not identify people by it."),
        say("<b>Faces seen from the side, very small or blurred</b> come out worse; a note says so."),
        say("<b>Every picture carries a visible “AI-aged” label.</b> Leave it on when you share one."),
    ]
    if info.framing == "utkface":
        hair = say(
            "<b>Hair does not age.</b> The model learnt from UTKFace, whose pictures are cut from brow to "
            "chin: hair, neck and hands stay as they are; nobody turns grey or bald."
        )
        facts.insert(0, hair)
    if estimator is not None:
        facts.append(
            say(
                "<b>The age a face reads as is a guess too.</b> Of five faces, about four are in truth as old as the "
                "range in brackets says."
            )
        )
    items = "".join(f"<li>{fact}</li>" for fact in facts)
    weights = [info] if estimator is None else [info, estimator]
    terms = [
        f'<p class="quiet">{say.html("Weights of “{name}”: {licence}", name=one.name, licence=one.licence)}</p>'
        for one in weights
    ]
    return f'<ul class="facts">{items}</ul>{"".join(terms)}'


def progress(say: Language, done: int, total: int, name: str) -> str:
    """How many ages are there; `name` is the latest."""
    text = say("Age {name} is there: {done} of {total}", name=name, done=done, total=total) if done else say("Starting")
    return notices.progress(done, total, text, say("Ages made"))


def present(say: Language, age: PresentAge | None, num_faces: int, warnings: tuple[str, ...]) -> str:
    """What was found: how many faces, the age the picked one reads as, and why it may come out badly."""
    reads = ""
    if age is not None:
        years = f'<b id="present-age">{age.whole_years}</b>{interval(age)}'
        reads = f'<span class="whole">{say("It reads as about {years} today.", years=years)}</span>'
    found = say("One face found.") if num_faces == 1 else say("{count} faces found; pick one.", count=num_faces)
    reasons = {"profile": say("seen from the side"), "tiny": say("very small"), "blurred": say("blurred")}
    told = [reasons.get(warning, warning) for warning in warnings]
    caution = ""
    if told:
        caution = say.html("The face is {faults}; expect less.", faults=", ".join(told))
        caution = f'<p class="caution">{caution}</p>'
    return f'<div id="found-text" role="status"><p>{found} {reads}</p>{caution}</div>'


def interval(age: PresentAge) -> str:
    """The 80 % interval in brackets, whole years; nothing where none is known."""
    if age.whole_interval is None:
        return ""
    low, high = age.whole_interval
    return f' <span id="present-interval">({low}–{high})</span>'


def showing(say: Language, name: str, age: PresentAge | None) -> str:
    """Heading over the comparison."""
    today = say("beside today") if age is None else say("beside today, about {years}", years=age.whole_years)
    return f'<h2 id="showing">{say.html("Age {name}", name=name)} <span class="quiet">{today}</span></h2>'


def likeness(say: Language, weighed: Sequence[Likeness]) -> str:
    """Which ages of the strip are no longer like the person, dimmed there, and by what measure; "" for no strip."""
    if not weighed:
        return ""
    known = [one for one in weighed if one.limit is not None]
    if not known:
        text = say("How far a face may change is not known for this face finder, so no age is dimmed.")
        return f'<p class="quiet">{text}</p>'
    left = [(number, one) for number, one in enumerate(weighed, 1) if one.has_left]
    if not left:
        return f'<p class="quiet">{say("At every age the face still looks like this person to a face recogniser.")}</p>'
    ages = ", ".join(one.target.name for _, one in left)
    reason = (
        say("less like this person than 95 of 100 real people are like themselves over these years")
        if left[0][1].yardstick == "people"
        else say(
            "a face recogniser that mistakes one pair of strangers in 1,000 for one person would no longer take this "
            "face for the same person"
        )
    )
    dimmed = ", ".join(f"#strip .gallery-item:nth-child({number}) img" for number, _ in left)
    told = say.html("Dimmed: {ages}. The reason: {reason}.", ages=ages, reason=reason)
    return f'<style>{dimmed} {{ opacity: 0.42; }}</style><p id="dimmed" role="status">{told}</p>'


def member(say: Language, number: int, age: PresentAge | None) -> str:
    """One face of several, by its number, with the age it reads as; plain text."""
    if age is None:
        return say("Face {number}", number=number)
    if age.whole_interval is None:
        return say("Face {number}, reads as about {years}", number=number, years=age.whole_years)
    low, high = age.whole_interval
    span = f"{low}–{high}"
    return say("Face {number}, reads as about {years} ({span})", number=number, years=age.whole_years, span=span)
