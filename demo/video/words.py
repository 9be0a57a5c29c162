"""What the Video tab says, as HTML: first words, what was found, progress, the players, how steady the result is."""

from html import escape
from urllib.parse import quote

from core.clip_aging import Outcome
from demo import notices
from demo.language import Language
from demo.video.cinema import LIMITS, Progress, Reel, Seen

CONSENT = "The person in my video is an adult and agrees to this, or it is me."
TICK_FIRST = "Tick the box above, and the faces in your video are looked for. Until then nothing is."


def rules(say: Language) -> str:
    """What may be chosen."""
    text = say(
        "MP4, MOV or WebM, up to {seconds:g} seconds, {most} pixels and {size:g} MB.",
        seconds=LIMITS.max_s,
        most=LIMITS.largest,
        size=LIMITS.max_bytes / 2**20,
    )
    return f'<p class="video-quiet">{text}</p>'


def welcome(say: Language) -> str:
    """What a first visit sees in place of results."""
    steps = (
        (say("Choose a short video."), say("One person, seen mostly from the front, works best.")),
        (say("Say that it is all right."), say("No face is looked for until you tick the box.")),
        (say("Pick an age."), say("The most prominent face is followed and aged. The sound stays.")),
    )
    items = "".join(f"<li><b>{title}</b> {text}</li>" for title, text in steps)
    return f'<section class="video-welcome"><h2>{say("A film at another age")}</h2><ol>{items}</ol></section>'


def present(say: Language, seen: Seen) -> str:
    """What was found: how long the clip is, how many faces, the age the largest reads as."""
    reel = seen.reel
    seconds = say.number(f"{reel.length_s:.1f}")
    length = say("{seconds} seconds, {count} pictures.", seconds=seconds, count=reel.num_frames)
    faces = (
        say("One face found.")
        if seen.num_faces == 1
        else say("{count} faces found; the most prominent is aged.", count=seen.num_faces)
    )
    reads = ""
    if seen.present_age is not None:
        years = f'<b id="video-present-age">{seen.present_age.whole_years}</b>'
        reads = say("It reads as about {years} today.", years=years)
    reasons = {"profile": say("seen from the side"), "tiny": say("very small"), "blurred": say("blurred")}
    told = [reasons.get(warning, warning) for warning in seen.warnings]
    caution = say.html("The face is {faults}; expect less.", faults=", ".join(told)) if told else ""
    return f'<div role="status"><p>{length}</p><p>{faces} {reads}</p><p class="video-caution">{caution}</p></div>'


def progress(say: Language, done: Progress, num_frames: int) -> str:
    """How far the work is, and how long it will still take."""
    count = min(done.step.num_done, num_frames)
    if done.step.is_following:
        text = say("Following the face: {done} of {total} pictures.", done=count, total=num_frames)
    else:
        text = say("Ageing: {done} of {total} pictures.", done=count, total=num_frames)
    if done.left_s is not None:
        text = f"{text} {time_left(say, done.left_s)}"
    return notices.progress(round(done.share, 3), 1, text, say("Video made"))


def time_left(say: Language, left_s: float) -> str:
    """In seconds, or in minutes where it is long."""
    seconds = round(left_s / 5) * 5 if left_s > 10 else round(left_s)
    if seconds <= 1:
        return say("About a second left.")
    if seconds < 90:
        return say("About {seconds} seconds left.", seconds=seconds)
    return say("About {minutes} minutes left.", minutes=round(left_s / 60))


def player(path: str, label: str, caption: str, is_muted: bool = False) -> str:
    """A film with its controls; `path` lies in the page's cache. Phones show a first picture only if wound to one."""
    muted = " muted" if is_muted else ""
    return (
        f'<figure><video controls playsinline{muted} preload="metadata" src="gradio_api/file={quote(path)}#t=0.001" '
        f'aria-label="{escape(label)}"></video><figcaption>{escape(caption)}</figcaption></figure>'
    )


def before(say: Language, reel: Reel) -> str:
    """The clip as it came."""
    return f'<div class="video-pair">{player(reel.path, say("Your video"), say("Your video"))}</div>'


def pair(say: Language, reel: Reel, path: str, years: float) -> str:
    """The clip as it came, and aged."""
    today = player(reel.path, say("Your video"), say("Today"), is_muted=True)
    aged = say("Age {name}", name=f"{years:.0f}")
    return f'<div class="video-pair">{today}{player(path, aged, aged)}</div>'


def verdict(say: Language, outcome: Outcome) -> str:
    """How much of the clip was aged, and how steady it is."""
    told = []
    if outcome.num_aged < outcome.num_frames:
        told.append(
            say(
                "The face was seen in {aged} of {total} pictures; the others are as they were.",
                aged=outcome.num_aged,
                total=outcome.num_frames,
            )
        )
    if outcome.flicker_unsteadied > 0:
        percent = round(100 * outcome.flicker / outcome.flicker_unsteadied)
        told.append(say("Flicker of the change: {percent} % of that without smoothing over time.", percent=percent))
    told.append(say("Every picture carries its label. Leave it on when you share the video."))
    return notices.hint(" ".join(told))
