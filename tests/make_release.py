"""Archives that may be published: drawn adults with dates and sources, in splits, with a finished card."""

import re
from pathlib import Path
from typing import Any

from cafdata.archive import Archive
from cafdata.card import write_card
from cafdata.manifest import SplitRule
from cafdata.record import Picture
from cafdata.splits import assign_splits
from tests.make_archive import drawn_picture

GROWN = (25, 37, 48)
TODAY_YEAR = 2026


def grown_picture(person: int, age_years: int, **changes: Any) -> Picture:
    """A drawn person of a known birthday, photographed at an age."""
    values = {
        "born": "1950-03-01",
        "captured": f"{1950 + age_years}-06-01",
        "age_provenance": "dates",
        "age_min_years": age_years + 0.25,
        "age_max_years": age_years + 0.26,
        "licence": "CC-BY-SA-4.0",
        "attribution": "A machine, CC BY-SA 4.0",
    }
    return drawn_picture(person, age_years, **values | changes)


def make_release(folder: Path, pictures: list[Picture] | None = None, num_people: int = 4) -> Archive:
    """Archive that passes every gate, of these pictures or of so many people at three ages."""
    archive = Archive.create(folder)
    archive.append(pictures or [grown_picture(person, age) for person in range(num_people) for age in GROWN])
    rule = SplitRule(validation_share=0.2, test_share=0.2)
    archive.assign(assign_splits(archive.records(), rule), rule)
    finish_card(archive)
    return archive


def finish_card(archive: Archive) -> None:
    """Write the card, and in it what its maintainer has to."""
    write_card(archive)
    readme = archive.folder / "README.md"
    readme.write_text(re.sub(r"\*\*To be written:\*\*", "Written:", readme.read_text()))
