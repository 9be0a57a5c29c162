"""The counts of an archive as files and Markdown tables; no person is named in them."""

import json
from pathlib import Path
from typing import Final

from cafdata.heatmap import coverage_heatmap
from cafdata.markdown import table
from cafdata.summary import Summary
from core.files import write_atomic
from core.images import encode_png

HEATMAP: Final = "coverage.png"


def as_markdown(summary: Summary) -> str:
    """The summary as Markdown tables; no person is named, and what sources wrote is shown as plain text."""
    groups = [
        (name, summary.people_per_group[name], summary.pictures_per_group[name]) for name in summary.people_per_group
    ]
    parts = [
        f"{summary.pictures} pictures of {summary.people} people"
        + (f", {summary.synthetic_pictures} of the pictures made, not taken" if summary.synthetic_pictures else "")
        + f"; {summary.pictures_between_groups} have an age interval that reaches into two groups.\n",
        table(("age group", "people", "pictures"), groups),
        table(("years between two pictures of a person", "pairs"), summary.pairs_per_gap.items()),
        table(("age groups a person is seen in", "people"), summary.groups_per_person.items()),
        table(("decade of the photo", "pictures"), summary.pictures_per_decade.items()),
        table(("sex", "pictures"), summary.pictures_per_sex.items()),
        table(("ethnicity, as sources say", "pictures"), summary.pictures_per_ethnicity.items()),
        table(("age from", "pictures"), summary.pictures_per_provenance.items()),
        ages_read_table(summary),
        splits_table(summary),
        licence_table(summary),
    ]
    return "\n".join(part for part in parts if part)


def write_summary(summary: Summary, folder: Path) -> list[Path]:
    """Write summary.json, summary.md and coverage.png, the heat map; gives back their paths."""
    contents = {
        "summary.json": (json.dumps(summary.as_json(), indent=2, ensure_ascii=False) + "\n").encode(),
        "summary.md": f"# Summary\n\n{as_markdown(summary)}\n![People by age group]({HEATMAP})\n".encode(),
        HEATMAP: encode_png(coverage_heatmap(summary.coverage)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        write_atomic(folder / name, data)
    return [folder / name for name in contents]


def ages_read_table(summary: Summary) -> str:
    """What networks read beside what the labels say; "" where nothing was read."""
    rows = [
        (one.reader, one.group, one.pictures, one.mean_label_years, one.mean_read_years, one.mean_error_years)
        for one in summary.ages_read
    ]
    header = ("read by", "age group", "pictures", "mean label, years", "mean reading", "mean distance")
    return table(header, rows) if rows else ""


def splits_table(summary: Summary) -> str:
    """People and pictures of each split."""
    rows = [(split, summary.people_per_split[split], count) for split, count in summary.pictures_per_split.items()]
    return table(("split", "people", "pictures"), rows)


def licence_table(summary: Summary) -> str:
    """Pictures, people and authors under each licence."""
    rows = [
        (one.licence, one.licence_url or "", one.pictures, one.people, one.authors, one.without_author)
        for one in summary.licences
    ]
    return table(("licence", "its text", "pictures", "people", "authors", "pictures without author"), rows)
