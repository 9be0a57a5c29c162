"""The layouts that can be read, by the name they have on the command line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cafdata.readers.cacd import find_cacd
from cafdata.readers.ffhq import find_ffhq
from cafdata.readers.fgnet import find_fgnet
from cafdata.readers.found import Finding
from cafdata.readers.morph import find_morph
from cafdata.readers.names import find_agedb, find_caf, find_utkface
from cafdata.readers.utkface_pack import find_utkface_pack


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A way in which people keep labelled faces."""

    find: Callable[[Path], Iterator[Finding]]
    """Pictures and faults of a folder, always in the same order; reads labels, no pictures."""
    form: str
    """What a folder looks like, for the documentation."""
    names_people: bool
    """False where every picture has to count as a person of its own."""
    terms: str
    """Under which terms the pictures are known to be had, in plain words; the licence of the records."""


LAYOUTS: Final[dict[str, Layout]] = {
    "caf": Layout(
        find=find_caf,
        form="{males,females}/<person>/<name>_<age>.jpg",
        names_people=True,
        terms="research only; the pictures belong to their owners",
    ),
    "fgnet": Layout(
        find=find_fgnet,
        form="001A02.JPG, points/001a02.pts",
        names_people=True,
        terms="research only; the pictures belong to their owners",
    ),
    "utkface": Layout(
        find=find_utkface,
        form="[age]_[gender]_[race]_[date&time].jpg",
        names_people=False,
        terms="non-commercial research only; the pictures belong to their owners",
    ),
    "utkface-pack": Layout(
        find=find_utkface_pack,
        form="*.parquet with file, age, gender, race, jpeg",
        names_people=False,
        terms="non-commercial research only; the pictures belong to their owners",
    ),
    "agedb": Layout(
        find=find_agedb,
        form="<number>_<person>_<age>_<m|f>.jpg",
        names_people=True,
        terms="non-commercial research only; the pictures belong to their owners",
    ),
    "cacd": Layout(
        find=find_cacd,
        form="<age>_<person>_<number>.jpg, celebrity2000_meta.mat or CSV",
        names_people=True,
        terms="non-commercial research only; the pictures belong to their owners",
    ),
    "morph": Layout(
        find=find_morph,
        form="<person>_<number><M|F><age>.JPG, the album's CSV",
        names_people=True,
        terms="as agreed with the University of North Carolina Wilmington; not to be passed on",
    ),
    "ffhq-aging": Layout(
        find=find_ffhq,
        form="ffhq_aging_labels.csv, images1024x1024/00000/00000.png",
        names_people=False,
        terms="CC BY-NC-SA 4.0 for the set; each photo under its owner's licence",
    ),
}
"""Name -> layout."""
