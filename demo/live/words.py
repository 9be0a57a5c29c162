"""What the Live tab says, as HTML: the camera's frame with its texts, what it sees, how far the strip is."""

from html import escape

from core.age_reader import PresentAge
from demo import notices
from demo.language import Language

CONSENT = "Everybody the camera sees is an adult and agrees to this, or it is only me."
TICK_FIRST = "Tick the box, then start the camera. Until then nothing is looked at."


def camera(say: Language) -> str:
    """Where the camera's picture is shown; `camera.js` fills it. Its texts lie in data attributes."""
    texts = {
        "rate": say("{rate} pictures a second"),
        "opening": say("The camera opens. Your browser may ask you to allow it."),
        "refused": say("The camera could not be opened. Allow it for this page in your browser, then start again."),
        "none": say("No camera was found on this device."),
        "insecure": say("Browsers open the camera only for pages that come by https or from this machine."),
    }
    data = " ".join(f'data-{name}="{escape(text)}"' for name, text in texts.items())
    steps = (
        (say("Say that it is all right."), say("No face is looked for until you tick the box.")),
        (say("Start the camera."), say("Each picture is aged, shown and forgotten. None is stored.")),
        (say("Move the slider."), say("“Freeze” stops the camera and makes all the ages from that moment.")),
    )
    items = "".join(f"<li><b>{title}</b> {text}</li>" for title, text in steps)
    name = escape(say("The camera’s picture at the chosen age"))
    return (
        f'<div class="live-frame"><section class="live-welcome"><h2>{say("A mirror into other ages")}</h2>'
        f"<ol>{items}</ol></section>"
        f'<video class="live-picture" data-part="video" muted playsinline aria-hidden="true" tabindex="-1"></video>'
        f'<img class="live-picture" data-part="picture" alt="{name}">'
        f'<span class="live-rate" data-part="rate"></span>'
        f'<p class="live-note" data-part="note" role="status"></p>'
        f'<span data-part="texts" {data} hidden></span></div>'
    )


def reads(say: Language, age: PresentAge | None) -> str:
    """What the camera's face reads as."""
    if age is None:
        return ""
    return say("It reads as about {years} today.", years=age.whole_years)


def progress(say: Language, done: int, total: int, name: str) -> str:
    """How many ages of the frozen picture are there; `name` is the latest."""
    text = say("Age {name} is there: {done} of {total}", name=name, done=done, total=total) if done else say("Starting")
    return notices.progress(done, total, text, say("Ages made"))
