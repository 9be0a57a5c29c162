"""The sections of a dataset card: what the program can say from the records, and what its maintainer has to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cafdata.markdown import cell, table
from cafdata.record import RECORD_VERSION
from cafdata.summary import UNKNOWN, Summary
from cafdata.summary_report import HEATMAP, ages_read_table, licence_table, splits_table

TO_WRITE: Final = "**To be written:**"
"""Begins what only the maintainer knows; gone from a finished card."""
FEW: Final = 0.5
"""An age group, sex or ethnicity with less than this part of an equal share is named among the biases."""
HOW_KNOWN: Final = {
    "given": "taken over from the source, which does not say how it knows",
    "dates": "from the dates of birth and of the photo, as an interval as wide as their precision leaves",
    "annotators": "from people who looked at the picture",
    "estimator": "read by a network from the picture",
    "combined": "from several of these",
    "synthetic": "the age that a generator was asked for, or of the faces that a composite was made of",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One heading of a card."""

    key: str
    """Name of its region in the file."""
    title: str
    made: Callable[[Summary], str] | None = None
    """What the records say, as Markdown; written anew each time. None where they say nothing."""
    text: str = ""
    """What is written below it once, for the maintainer to change."""


def _summary(found: Summary) -> str:
    synthetic = ""
    if found.synthetic_pictures:
        which = "All" if found.synthetic_pictures == found.pictures else cell(found.synthetic_pictures)
        synthetic = f" {which} of the pictures are synthetic: made, not taken."
    filled = [name for name, count in found.people_per_group.items() if count]
    ages = f", aged {filled[0].partition('-')[0].rstrip('+')} to {filled[-1].rpartition('-')[2]}" if filled else ""
    return (
        f"{cell(found.pictures)} pictures of {cell(found.people)} people{ages}, "
        f"each with its age as an interval, its source and its licence.{synthetic}\n\n"
        f"![Pictures of each person in each age group](./{HEATMAP})\n"
    )


def _composition(found: Summary) -> str:
    groups = [(name, count, found.pictures_per_group[name]) for name, count in found.people_per_group.items()]
    return "\n".join(
        (
            table(("age group", "people", "pictures"), groups),
            f"{cell(found.pictures_between_groups)} pictures have an age interval that reaches into two groups.\n",
            table(("years between two pictures of a person", "pairs"), found.pairs_per_gap.items()),
            table(("decade of the photo", "pictures"), found.pictures_per_decade.items()),
            table(("sex", "pictures"), found.pictures_per_sex.items()),
            table(("ethnicity, in the words of the sources", "pictures"), found.pictures_per_ethnicity.items()),
        )
    )


def _labels(found: Summary) -> str:
    rows = [(name, HOW_KNOWN[name], count) for name, count in found.pictures_per_provenance.items()]
    return "\n".join((table(("age", "how it is known", "pictures"), rows), ages_read_table(found)))


def _preprocessing(found: Summary) -> str:
    rows = [("as the source has it" if name == UNKNOWN else name, n) for name, n in found.pictures_per_framing.items()]
    return (
        "Pictures are stored upright, without EXIF, comments or colour profiles. Framing (`core.align`):\n\n"
        + table(("framing", "pictures"), rows)
    )


def _biases(found: Summary) -> str:
    lines = []
    for what, counts in (
        ("age group", found.pictures_per_group),
        ("sex", found.pictures_per_sex),
        ("ethnicity", found.pictures_per_ethnicity),
    ):
        stated = {name: count for name, count in counts.items() if name != UNKNOWN}
        total = sum(stated.values())
        few = [name for name, count in stated.items() if count < FEW * total / len(stated)]
        if few:
            lines.append(f"- {what}: less than half of an equal share: {', '.join(map(cell, few))}")
        if counts.get(UNKNOWN):
            lines.append(f"- {what}: {UNKNOWN} for {cell(counts[UNKNOWN])} pictures")
    return (
        "\n".join(lines or ["- Every age group, sex and ethnicity that is stated has at least half of an equal share."])
        + "\n"
    )


SECTIONS: Final = (
    Section(key="summary", title="Summary", made=_summary),
    Section(
        key="motivation",
        title="Motivation",
        text="To study how a face changes with age, and how far verification thresholds have to follow the years\n"
        "between two pictures of a person.",
    ),
    Section(key="composition", title="Composition by age group and decade", made=_composition),
    Section(
        key="people",
        title="People and minors",
        text="Only adults of today, or the deceased. No picture of anyone who is under 18 today. Childhood photos of\n"
        "today's adults form a tier of their own, which is off by default.\n\n"
        f"{TO_WRITE} how this was made sure of for these pictures.",
    ),
    Section(
        key="sources",
        title="Sources and licences",
        made=licence_table,
        text="Each record names its source, author, licence and attribution where they are known.",
    ),
    Section(
        key="collection",
        title="How it was collected",
        text=f"Records are of version {RECORD_VERSION} of the schema `cafdata.record`.\n\n"
        f"{TO_WRITE} which programs at which code revision collected these pictures, from where and when.",
    ),
    Section(
        key="labels",
        title="Age labels and their error",
        made=_labels,
        text=f"{TO_WRITE} the measured error of the ages: on how many pictures, checked by whom, against what.",
    ),
    Section(key="preprocessing", title="Preprocessing", made=_preprocessing),
    Section(
        key="splits",
        title="Splits",
        made=splits_table,
        text="All pictures of a person are in one split, and so are near-duplicates.",
    ),
    Section(
        key="biases",
        title="Known biases",
        made=_biases,
        text="People of whom many pictures exist are not like everyone else: expect worse results for others.",
    ),
    Section(
        key="personal",
        title="Personal data",
        text="Pictures of faces with ages, sexes and, in places, names of people and words for their descent. No face\n"
        "embeddings: they are biometric identifiers.",
    ),
    Section(
        key="prohibited",
        title="Prohibited uses",
        text="Not for identifying or tracking people, nor for surveillance; not for decisions about a person (such as\n"
        "access, employment, asylum or policing); not for pictures that pass somebody off as another age to deceive;\n"
        "not for sexual content of any kind.",
    ),
    Section(
        key="access",
        title="Access",
        text="Open as metadata: addresses, digests, alignment. Pictures only in a gated configuration, for research,\n"
        "to those who accept these terms.",
    ),
    Section(
        key="removal",
        title="Removal",
        text="Whoever is shown or holds rights may have pictures removed: by address, digest or person. They go from\n"
        "every split and version and are kept from coming back.\n\n"
        f"{TO_WRITE} whom to write to, and how soon they answer.",
    ),
    Section(
        key="retention",
        title="Retention",
        text="Embeddings are held in a working folder while they are needed and deleted when the archive is sealed.\n"
        "Copies that were downloaded are to be renewed with each version, so that removals reach them.",
    ),
    Section(key="changelog", title="Changelog", text=f"{TO_WRITE} a line for each version."),
    Section(key="citation", title="Citation", text=f"{TO_WRITE} how to cite this data set."),
)
"""In the order of the card."""
