"""What the Verify tab says of two faces, as HTML: ages, verdicts side by side, why, and the strip's scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from core.thresholds import ThresholdTable
from core.verification import Verification, told_apart
from demo.language import Language
from demo.verify.curves import Marks
from demo.verify.evidence import Source, band_of
from demo.verify.pairing import Side, StripScore
from demo.verify.picture import picture
from demo.verify.terms import groups_text, percent

ICONS = {
    True: '<path d="M4 12.5l5 5L20 6.5"/>',
    False: '<path d="M6 6l12 12M18 6L6 18"/>',
    None: '<path d="M5 12h14"/>',
}
"""Tick, cross and dash, drawn on 24 x 24."""
STATES = {True: "yes", False: "no", None: "open"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """Two faces held against each other, as the page shows it. Numbers only: nobody can be known by them."""

    score: float
    """Cosine of the two, -1..1."""
    is_made: bool
    """Whether one picture was made from the other."""


def found(say: Language, side: Side) -> str:
    """Beside a photo: how many faces, the age the picked one reads as, why it may compare badly."""
    parts = []
    if side.is_made:
        parts.append(say("Made from the first photo. It carries the “AI-aged” label."))
    elif len(side.faces) > 1:
        parts.append(say("{count} faces found; pick one.", count=len(side.faces)))
    else:
        parts.append(say("One face found."))
    age = side.present_age
    if age is not None and not side.is_made:
        if age.whole_interval is None:
            parts.append(say("It reads as about {years}.", years=age.whole_years))
        else:
            low, high = age.whole_interval
            parts.append(say("It reads as {years} ({low}–{high}).", years=age.whole_years, low=low, high=high))
    reasons = {"profile": say("seen from the side"), "tiny": say("very small"), "blurred": say("blurred")}
    told = ", ".join(reasons.get(warning, warning) for warning in side.face.warnings)
    caution = f'<p class="caution">{say.html("The face is {faults}: its score says less.", faults=told)}</p>'
    return f'<div class="verify-found" role="status"><p>{" ".join(parts)}</p>{caution if told else ""}</div>'


def ages_text(seen: Verification) -> dict[str, str]:
    """The two ages for a sentence: whole years begun, as the groups beside them count."""
    return {"first": str(int(seen.ages_years[0])), "second": str(int(seen.ages_years[1]))}


def sentences(say: Language, seen: Verification, is_made: bool) -> list[str]:
    """What it comes to, in plain words."""
    threshold, ages = seen.threshold, ages_text(seen)
    if threshold is None:
        return [say("No verdict: there is no threshold for these two ages, and none is guessed.")]
    score, limit, one_size = map(say.number, told_apart(seen.score, threshold, seen.one_size_threshold))
    if threshold > seen.highest_score:
        said = [say("At these ages no score can say that two are the same person: the threshold lies above the scale.")]
    elif seen.passes_rectified:
        said = [say("At ages {first} and {second} these two are probably the same person.", **ages)]
    else:
        said = [say("At ages {first} and {second} these two are not alike enough to be called one person.", **ages)]
    cell = seen.cell
    assert cell is not None
    if seen.false_accept_rate is not None and threshold <= seen.highest_score:
        number = say.number(f"{1 / seen.false_accept_rate:,.0f}")
        said.append(
            say("Of strangers of these ages one pair in {number} scores {limit} or more.", number=number, limit=limit)
        )
    if seen.passes_one_size is not None and seen.passes_one_size != seen.passes_rectified:
        turned = say("One threshold for all ages, {limit}, would have turned them away.", limit=one_size)
        called = say("One threshold for all ages, {limit}, would have called them one person.", limit=one_size)
        said.append(called if seen.passes_one_size else turned)
    band = band_of(cell)
    if band is not None and band[0] <= seen.score <= band[1]:
        said.append(say("The score {score} lies in the threshold’s error band: it could go either way.", score=score))
    if cell.genuine_rate is None:
        said.append(say("How many pairs of one person would pass was not measured for this recogniser."))
    else:
        said.append(
            say("Of real pairs of one person at these ages {share} pass.", share=percent(say, cell.genuine_rate))
        )
    if is_made:
        said.append(say("Light, pose and camera are the same in both: two photos of one person would score less."))
    return said


def card(say: Language, name: str, verdict: bool | None, reason: str, elem_id: str) -> str:
    """One verdict: name, icon, word, reason."""
    words = {True: say("Same person"), False: say("Not the same"), None: say("No verdict")}
    return (
        f'<section id="{elem_id}" class="verify-card {STATES[verdict]}"><h3>{name}</h3>'
        f'<p class="verify-word"><svg viewBox="0 0 24 24" aria-hidden="true">{ICONS[verdict]}</svg>{words[verdict]}</p>'
        f"<p>{reason}</p></section>"
    )


def against(say: Language, score: str, limit: str, verdict: bool | None) -> str:
    """Why a verdict is as it is."""
    if verdict is None:
        return say("There is no such threshold.")
    if verdict:
        return say("{score} reaches {limit}.", score=score, limit=limit)
    return say("{score} does not reach {limit}.", score=score, limit=limit)


def result(say: Language, source: Source, seen: Verification, table: ThresholdTable, is_made: bool) -> str:
    """Everything about two faces: figures, both verdicts, sentences, picture."""
    score, limit, one_size = map(say.number, told_apart(seen.score, seen.threshold or 0.0, seen.one_size_threshold))
    names = groups_text(say, *seen.groups)
    figures = (
        (say("Score"), f'<data id="verify-score" value="{seen.score!r}">{score}</data>'),
        (say("Ages"), say("{first} and {second}", **ages_text(seen))),
        (say("Gap"), say("{years} years", years=abs(int(seen.ages_years[0]) - int(seen.ages_years[1])))),
        (say("Groups"), names),
    )
    told = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
    cards = card(
        say,
        say("One threshold for all ages"),
        seen.passes_one_size,
        against(say, score, one_size, seen.passes_one_size),
        "verify-one-size",
    ) + card(
        say,
        say("The threshold of these ages"),
        seen.passes_rectified,
        against(say, score, limit, seen.passes_rectified),
        "verify-rectified",
    )
    first, *others = sentences(say, seen, is_made)
    return (
        f'<div id="verify-result" role="status"><h2>{first}</h2><dl class="verify-figures">{told}</dl>'
        f'<div class="verify-cards">{cards}</div><p class="verify-why">{" ".join(others)}</p></div>'
        f"{picture(say, source, seen.groups, marks_of(seen), table)}"
    )


def no_tables(say: Language, recogniser: str, score: float) -> str:
    """A recogniser without thresholds gets its score told, and no verdict."""
    said = say.html(
        "No verdict: there are no thresholds for the recogniser {name}, and none is guessed.", name=recogniser
    )
    figure = f'<data id="verify-score" value="{score!r}">{say.number(f"{score:.3f}")}</data>'
    hint = say("<code>python -m cafdata calibrate</code> makes them from pictures with ages.")
    return (
        f'<div id="verify-result" role="status"><h2>{said}</h2><p class="verify-why">'
        f"{say('Score: {score}.', score=figure)} {hint}</p></div>"
    )


def strip_table(say: Language, rows: Sequence[tuple[StripScore, Verification | None]]) -> str:
    """The strip against its photo: a row an age."""
    heads = (say("Made"), say("Score"), say("One for all ages"), say("For these ages"), say("Band"))
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = ""
    for row, seen in rows:
        name = escape(row.name.replace("-", "–"))
        if row.score is None or seen is None or seen.cell is None:
            score = say("no face found") if row.score is None else say.number(f"{row.score:.3f}")
            body += f'<tr><th scope="row">{name}</th><td>{score}</td><td>–</td><td>–</td><td>–</td></tr>'
            continue
        ends = band_of(seen.cell)
        band = "–" if ends is None else say.number(f"{ends[0]:.3f}–{ends[1]:.3f}")
        if ends is not None and ends[0] <= row.score <= ends[1]:
            band += f" ({say('it could go either way')})"
        verdicts = "".join(
            f"<td>{verdict_cell(say, one)}</td>" for one in (seen.passes_one_size, seen.passes_rectified)
        )
        body += (
            f'<tr><th scope="row">{name}</th><td>{say.number(f"{row.score:.3f}")}</td>{verdicts}<td>{band}</td></tr>'
        )
    caption = say("Every age against the photo it was made from")
    return (
        f'<div class="verify-scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table '
        f'id="verify-strip-table" class="verify-table"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def verdict_cell(say: Language, verdict: bool | None) -> str:
    """A verdict in a row of a table."""
    words = {True: say("same"), False: say("not the same"), None: "–"}
    icon = f'<svg viewBox="0 0 24 24" aria-hidden="true">{ICONS[verdict]}</svg>'
    return f'<span class="verify-mini {STATES[verdict]}">{icon}{words[verdict]}</span>'


def marks_of(seen: Verification) -> Marks:
    """What stands in the picture of two faces."""
    cell = seen.cell
    band = None if cell is None else band_of(cell)
    return Marks(rectified=seen.threshold, band=band, one_size=seen.one_size_threshold, pair=seen.score)
