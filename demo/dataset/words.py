"""What the Dataset tab says of an archive, as HTML: counts, the map of people and ages, one picture's facts."""

from collections.abc import Mapping
from html import escape

from cafdata.catalogue import Catalogue
from cafdata.record import Record
from cafdata.summary import Summary
from core.ages import TEN
from core.thresholds import MIN_PAIRS
from demo import notices
from demo.dataset.browsing import years
from demo.dataset.pairing import SeenPair
from demo.dataset.ranking import Ranking
from demo.dataset.recognition import Comparison
from demo.dataset.travel import Journey
from demo.language import Language

MAP_ROWS = 40
"""People on a page of the map."""


def title(say: Language, catalogue: Catalogue, is_sample: bool) -> str:
    """Name and size of an archive, and whether its people live."""
    counts = say("{pictures} pictures of {people} people", pictures=len(catalogue), people=len(catalogue.people))
    told = ""
    if is_sample:
        told = say("This is the bundled sample: twenty people who never lived, each blended from a dozen faces.")
    name = say(catalogue.title) if is_sample else catalogue.title
    return f'<h2 class="dataset-title">{escape(name)}</h2><p class="quiet">{counts}. {told}</p>'


def counted(say: Language, summary: Summary) -> str:
    """Gaps in years, licences and other counts."""
    return "".join(
        (
            bars(say, "Years between two pictures of one person", summary.pairs_per_gap),
            bars(say, "Pictures in each age group", summary.pictures_per_group),
            bars(say, "Pictures of each sex", summary.pictures_per_sex),
            bars(say, "Pictures in each split", summary.pictures_per_split),
            bars(say, "Where the ages come from", summary.pictures_per_provenance),
            licences(say, summary),
        )
    )


def coverage(say: Language, catalogue: Catalogue, page: int) -> str:
    """Who has pictures in which age group: a row a person, darker where there are more; page 0 is the first."""
    most = max(1, int(catalogue.coverage.max(initial=0)))
    head = "".join(f'<th scope="col">{name}</th>' for name in TEN.names)
    first = page * MAP_ROWS
    rows = []
    for number in range(first, min(first + MAP_ROWS, len(catalogue.people))):
        counts = catalogue.coverage[number].tolist()
        cells = "".join(f'<td style="--share:{count / most:.2f}">{count or ""}</td>' for count in counts)
        rows.append(f'<tr><th scope="row">{escape(catalogue.people[number])}</th>{cells}</tr>')
    name = say("People (rows) and age groups (columns): how many pictures")
    told = say(
        "People {first} to {last} of {count}", first=first + 1, last=first + len(rows), count=len(catalogue.people)
    )
    return (
        f'<h3>{name}</h3><p class="quiet">{told}</p>'
        f'<div class="dataset-scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<table class="dataset-map"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def bars(say: Language, name: str, counts: Mapping[str, int]) -> str:
    """Counts as a table whose cells are bars; its name, and what is counted, as records call it, are translated."""
    most = max([1, *counts.values()])
    rows = "".join(
        f'<tr><th scope="row">{escape(say(key))}</th>'
        f'<td><span style="--share:{count / most:.3f}"></span>{say.number(f"{count:,}")}</td></tr>'
        for key, count in counts.items()
    )
    return f'<h3>{escape(say(name))}</h3><table class="dataset-bars">{rows}</table>'


def licences(say: Language, summary: Summary) -> str:
    """What stands under which licence."""
    heads = (say("Licence"), say("Pictures"), say("People"), say("Without an author"))
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    rows = "".join(
        f'<tr><th scope="row">{escape(say(one.licence))}</th><td>{say.number(f"{one.pictures:,}")}</td>'
        f"<td>{say.number(f'{one.people:,}')}</td>"
        f"<td>{say.number(f'{one.without_author:,}')}</td></tr>"
        for one in summary.licences
    )
    return f'<h3>{say("Licences")}</h3><table class="dataset-list"><thead><tr>{head}</tr></thead>{rows}</table>'


def facts(say: Language, record: Record) -> str:
    """What is known of one picture. Addresses are those that records may hold: http or https, and nothing else."""
    not_stated = say("not stated")
    known = (
        (say("Picture"), escape(record.picture_id)),
        (say("Age, years"), years(record)),
        (say("The age comes from"), escape(say(record.age_provenance))),
        (say("Taken"), escape(record.captured or not_stated)),
        (say("Licence"), link(record.licence_url, record.licence or not_stated)),
        (say("Author"), escape(record.author or not_stated)),
        (say("Attribution"), escape(record.attribution or not_stated)),
        (say("Source"), link(record.source_url, record.source_url or not_stated)),
    )
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in known)
    return f'<dl class="dataset-facts">{rows}</dl>'


def link(address: str | None, text: str) -> str:
    """Text that leads to an address, which does not learn from where; the text alone where there is none."""
    if address is None:
        return escape(text)
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer nofollow">{escape(text)}</a>'


def unfiled(say: Language, reason: str, told: tuple[str, ...]) -> str:
    """Why nothing was filed, and what would have been."""
    items = "".join(f"<li>{escape(one)}</li>" for one in told if one)
    would = say("This is what the keeper would have read:")
    return f'{notices.trouble(say.sentence(reason))}<p class="quiet">{would}</p><ul class="facts">{items}</ul>'


def compared(say: Language, comparison: Comparison | None) -> str:
    """Score and verdict of two faces, in a few words."""
    if comparison is None:
        return say("no face found on one of them")
    found = comparison.verification
    if found is None or found.passes_rectified is None:
        return say(
            "score {score}, no verdict for this recogniser and these ages", score=say.number(f"{comparison.score:.2f}")
        )
    verdicts = {True: say("same person"), False: say("not the same")}
    one_size = say("none") if found.passes_one_size is None else verdicts[found.passes_one_size]
    return say(
        "score {score}: {rectified} by the threshold of these ages, {one_size} by one for all ages",
        score=say.number(f"{comparison.score:.2f}"),
        rectified=verdicts[found.passes_rectified],
        one_size=one_size,
    )


def pair(say: Language, seen: SeenPair) -> str:
    """A caption of a pair."""
    ages = " / ".join(years(record) for record in seen.records)
    return say("Ages {ages}: {verdict}", ages=ages, verdict=compared(say, seen.comparison))


def journey(say: Language, made: Journey, ranking: Ranking | None) -> str:
    """What the three pictures say, and how they rank among pairs of one person."""
    lines = [
        say.html("Generated and real: {verdict}.", verdict=compared(say, made.made_real)),
        say.html("The two real photos: {verdict}.", verdict=compared(say, made.start_real)),
        say.html("Generated and the photo it was made from: {verdict}.", verdict=compared(say, made.start_made)),
        rank(say, made, ranking),
    ]
    if made.is_synthetic:
        lines.append(
            say("This person never lived: the real photo was made by such a model too, so the scores flatter it.")
        )
    return f'<ul class="facts">{"".join(f"<li>{line}</li>" for line in lines if line)}</ul>'


def rank(say: Language, made: Journey, ranking: Ranking | None) -> str:
    """The percentile: as the recogniser's table knows it, else as it was measured on the archive; empty before."""
    found = made.made_real.verification
    if found is not None and found.percentile is not None:
        return say(
            "Of real pairs of one person at these ages, {share} % score less than generated and real do.",
            share=f"{found.percentile:.0f}",
        )
    if ranking is None:
        return ""
    if not ranking.is_enough:
        return say("This archive has too few pairs of one person at such ages to rank it among.")
    share = f"{100 * ranking.below / ranking.count:.0f}"
    if ranking.groups is None:
        low, high = (f"{years:.0f}" for years in ranking.gap_years)
        return say(
            "Of {count} pairs of one person in this archive, {low} to {high} years apart, {share} % score less than "
            "generated and real do.",
            count=ranking.count,
            low=low,
            high=high,
            share=share,
        )
    younger, older = ranking.groups
    return say(
        "Of {count} pairs of one person in this archive, of ages {younger} and {older}, {share} % score less than "
        "generated and real do.",
        count=ranking.count,
        younger=younger,
        older=older,
        share=share,
    )


def ranking_progress(say: Language, ranking: Ranking) -> str:
    """How far the measuring is."""
    text = say("Ranking it among this archive’s own pairs: {done} of {total}", done=ranking.count, total=MIN_PAIRS)
    return notices.progress(ranking.count, MIN_PAIRS, text, say("Pairs compared"))
