"""What is known of one pair of age groups, as HTML: thresholds of every recogniser, flips, generated faces."""

from html import escape

from core.ages import TEN
from core.thresholds import MIN_PAIRS, Cell, ThresholdTable
from demo.language import Language
from demo.verify.card import CardFigures, Made
from demo.verify.curves import Marks
from demo.verify.evidence import Flips, Source, band_of, is_sufficient, sources
from demo.verify.picture import picture
from demo.verify.terms import bounded, exactly, groups_text, name_of, score_text


def facts(say: Language, source: Source, rate: float, groups: tuple[int, int], card: CardFigures | None) -> str:
    """Everything of one pair of groups: heading, picture, flips, generated faces, all recognisers.

    Args:
        source: the recogniser that was picked.
        rate: of false accepts.
        groups: first and second group, 0..9.
        card: what the model's card says; None: nothing.
    """
    table = source.table(rate)
    cell = table.cell(*groups)
    made = None if card is None else card.of(table.recogniser, rate, *groups)
    threshold = cell.threshold if cell is not None and is_sufficient(cell) else None
    marks = Marks(
        rectified=threshold,
        band=None if cell is None or threshold is None else band_of(cell),
        one_size=table.one_size_threshold,
        made=None if made is None else made.mean_score,
    )
    parts = [
        f'<h2 id="verify-explored">{groups_text(say, *groups)}</h2>',
        f'<p class="verify-why">{lead(say, source, table, cell)}</p>',
        picture(say, source, groups, marks, table),
        f"<h3>{say('Verdicts that flip')}</h3>",
        f'<p id="verify-flips">{flips_told(say, source.flips(*groups, rate))}</p>',
        f"<h3>{say('Where generated faces fall')}</h3>",
        f'<p id="verify-made">{made_told(say, card, made, groups)}</p>',
        f"<h3>{say('The same two groups, by every recogniser')}</h3>",
        all_recognisers(say, source, rate, groups),
        f'<details class="verify-more"><summary>{say("How this table was made")}</summary>'
        f'<p class="quiet">{escape(say.sentence(table.notes))}</p></details>',
    ]
    return "".join(parts)


def lead(say: Language, source: Source, table: ThresholdTable, cell: Cell | None) -> str:
    """The threshold in a sentence or two."""
    if cell is None:
        return say("For these two groups there is no threshold in this table.")
    if not is_sufficient(cell):
        return insufficient(say, cell)
    assert cell.threshold is not None
    score = score_text(say, cell.threshold, table)
    if cell.threshold > source.highest:
        return say(
            "The threshold, {score}, lies above the scale: no score can say that two are one person.", score=score
        )
    said = say("Two faces of these ages pass from {score} on.", score=score)
    if table.one_size_threshold is not None:
        limit = score_text(say, table.one_size_threshold, table)
        said += " " + say("One threshold for all ages would ask for {score}.", score=limit)
    if not source.has_rates:
        said += " " + say("The paper does not say for which rate of false accepts.")
    return said


def insufficient(say: Language, cell: Cell) -> str:
    """Too few pairs are behind a cell."""
    return say(
        "Insufficient pairs: {count}, and at least {least} are needed.", count=cell.num_different, least=MIN_PAIRS
    )


def flips_told(say: Language, flips: Flips | None) -> str:
    """How many verdicts change, and how that was worked out."""
    if flips is None:
        return say("Not known: it takes the threshold of these ages and one for all ages.")
    said = []
    if flips.strangers is not None:
        share = f"<b>{bounded(say, flips.strangers)}</b>"
        if flips.is_looser:
            said.append(say("Of strangers {share} more now pass.", share=share))
        else:
            said.append(say("Of strangers {share} are now turned away, who passed before.", share=share))
    if flips.same is None:
        said.append(say("For pairs of one person it is not known: none were measured."))
    else:
        share = f"<b>{bounded(say, flips.same)}</b>"
        if flips.is_looser:
            said.append(say("Of pairs of one person {share} more now pass, who were turned away before.", share=share))
        else:
            said.append(say("Of pairs of one person {share} are now turned away.", share=share))
    how = say("Counted are the pairs whose score lies between the two thresholds.")
    return f'{" ".join(said)} <span class="quiet">{how}</span>'


def made_told(say: Language, card: CardFigures | None, made: Made | None, groups: tuple[int, int]) -> str:
    """Where the faces that the model makes lie, by its card."""
    if card is None:
        return say("The model’s card holds no such figures.")
    if made is None:
        source_name = TEN.names[card.source_group].replace("-", "–")
        return say.html(
            "Not known for this choice. The card of {model} holds figures for faces of {group} made any other age, by "
            "{recogniser}, where one pair of strangers in {number} may pass.",
            model=card.model,
            group=source_name,
            recogniser=card.recogniser,
            number=say.number(f"{1 / card.rate:,.0f}"),
        )
    first, second = (TEN.names[group].replace("-", "–") for group in groups)
    return say(
        "Of {count} faces of {first} that {model} made {second}, {one_size} pass the one threshold for all ages and "
        "{rectified} the threshold of these ages; on average they score {score}. That comes from the model’s card. "
        "A made face shares light and pose with its photo, which two photos of a person do not.",
        count=made.num_outputs,
        first=first,
        model=card.model,
        second=second,
        one_size=exactly(say, made.passes_one_size),
        rectified=exactly(say, made.passes_rectified),
        score=say.number(f"{made.mean_score:.3f}"),
    )


def all_recognisers(say: Language, picked: Source, rate: float, groups: tuple[int, int]) -> str:
    """A row a recogniser: what was published, and what was measured."""
    heads = (
        say("Recogniser"),
        say("Threshold"),
        say("Band"),
        say("Strangers who pass"),
        say("One person’s pairs that pass"),
        say("Pairs; people"),
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(row_of(say, source, rate, groups, is_picked=source is picked) for source in sources())
    caption = say("Thresholds of {groups}", groups=groups_text(say, *groups))
    return (
        f'<div class="verify-scroll" role="region" tabindex="0" aria-label="{caption}">'
        f'<table id="verify-all" class="verify-table"><caption class="verify-unseen">{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def row_of(say: Language, source: Source, rate: float, groups: tuple[int, int], *, is_picked: bool) -> str:
    """One recogniser's threshold with its rates; exact values stand in the `data` elements."""
    table = source.table(rate)
    cell = table.cell(*groups)
    name = f'<th scope="row">{name_of(say, source)}</th>'
    opening = f'<tr data-source="{source.key}"{" class=picked" if is_picked else ""}>{name}'
    if cell is None:
        return f'{opening}<td colspan="5">{say("none published for these two")}</td></tr>'
    if not is_sufficient(cell):
        return f'{opening}<td colspan="5">{insufficient(say, cell)}</td></tr>'
    assert cell.threshold is not None
    band = band_of(cell)
    ends = "–" if band is None else f"{score_text(say, band[0], table)}–{score_text(say, band[1], table)}"
    accepted = "–" if cell.false_accept_rate is None else exactly(say, cell.false_accept_rate)
    genuine = say("not measured") if cell.genuine_rate is None else exactly(say, cell.genuine_rate)
    if cell.num_same and cell.num_same < MIN_PAIRS:
        genuine = say("insufficient pairs")
    behind = (
        say("not published") if not cell.num_different else say.number(f"{cell.num_different:,}; {cell.num_subjects:,}")
    )
    values = (score_text(say, cell.threshold, table), ends, accepted, genuine, behind)
    return f"{opening}{''.join(f'<td>{value}</td>' for value in values)}</tr>"
