"""The bundled sample: twenty people who never lived, each at several ages, as an archive of this project.

Each is a composite of a dozen real faces (cafdata.composites), brought to other ages by the project's own generator.
The composites lie in the archive too, so a better generator ages them anew without any real face at hand.
"""

import contextlib
import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cafdata.archive import README, Archive
from cafdata.card import write_card
from cafdata.composites import Cast, Composite
from cafdata.manifest import SplitRule
from cafdata.picture_hash import perceptual_hash
from cafdata.record import Picture, Record, Sex
from cafdata.splits import assign_splits
from cafdata.summary import AGE_READ
from core.age_reader import PresentAge
from core.ages import TEN
from core.aging import FaceAger
from core.errors import ArchiveBroken
from core.images import Photo, decode_photo, encode_jpeg

SAMPLE: Final = Path(__file__).resolve().parent / "sample"
"""The archive that comes with the project."""
LICENCE: Final = "non-commercial research only (made from UTKFace)"
AUTHOR: Final = "made by this project"
COMPOSITE: Final = "composite"
"""Last part of the picture id of who was not aged."""
COMPOSITE_QUALITY: Final = 92
AGED_QUALITY: Final = 86
RULE: Final = SplitRule(salt="sample", validation_share=0.15, test_share=0.15)
LEFT_OUT: Final = 2
"""Of the ten groups, so many are missing for each person, others for the next: as in real archives."""
AGES: Final = ((1, 2), (3, 6), (7, 9), (10, 14), (15, 19), (20, 29), (30, 39), (40, 49), (52, 68), (70, 82))
"""First and last whole year that is asked for in each group of `core.ages.TEN`."""
BANDS: Final = ((20, 28), (30, 38))
OLDER: Final[tuple[tuple[Sex, int, int], ...]] = (
    ("female", 42, 49),
    ("male", 42, 49),
    ("female", 58, 68),
    ("male", 50, 60),
)
CAST: Final = (
    *(
        Cast(sex=sex, race=race, first_years=first, last_years=last)
        for first, last in BANDS
        for race in ("White", "Black", "Asian", "Indian")
        for sex in ("female", "male")
    ),
    *(Cast(sex=sex, race="White", first_years=first, last_years=last) for sex, first, last in OLDER),
)
"""Twenty: of people over 40 few faces but of one descent are sharp enough, of men over 60 few with open eyes."""
Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Person:
    """Somebody who never lived."""

    composite: Picture
    """The picture at the present age, with its record."""
    photo: Photo
    """(200, 200, 3) uint8 RGB: the same, as it is decoded."""


def people_of(composites: Iterable[Composite]) -> Iterator[Person]:
    """People out of new composites, named by their number."""
    for number, made in enumerate(composites, 1):
        data = encode_jpeg(made.face, COMPOSITE_QUALITY)
        photo = decode_photo(data)
        person = f"synthetic-{number:02d}"
        record = Record(
            picture_id=f"{person}/{COMPOSITE}",
            person_id=person,
            **_facts(data, photo),
            age_min_years=float(min(made.ages_years)),
            age_max_years=float(max(made.ages_years)),
            age_provenance="synthetic",
            sex=made.cast.sex,
            ethnicity=made.cast.race,
            author=AUTHOR,
            licence=LICENCE,
            attribution=f"composite of {len(made.ages_years)} faces of UTKFace",
            framing="utkface",
            is_synthetic=True,
        )
        yield Person(composite=Picture(record=record, data=data), photo=photo)


def people_in(archive: Archive) -> Iterator[Person]:
    """The people of a sample that was made before.

    Raises:
        ArchiveBroken: it holds no composite.
    """
    names = [record.picture_id for record in archive.records() if record.picture_id.endswith(f"/{COMPOSITE}")]
    if not names:
        raise ArchiveBroken(f"{archive.folder} holds no composites; make some with --faces")
    for picture in sorted(archive.pictures(names), key=lambda picture: picture.record.picture_id):
        yield Person(composite=picture, photo=decode_photo(picture.data))


def make_sample(folder: Path, people: Iterable[Person], ager: FaceAger, report: Report) -> int:
    """Write the sample to a folder, in place of the one that was there. Gives back how many pictures it has.

    Raises:
        ArchiveBroken: the folder holds something that is no archive.
        NoFace: a composite shows no face.
    """
    bring_back(folder)
    if folder.is_dir() and any(folder.iterdir()):
        Archive(folder)
    draft = folder.parent / f".{folder.name}.draft"
    shutil.rmtree(draft, ignore_errors=True)
    archive = Archive.create(draft)
    words = next((file for file in (folder / README, SAMPLE / README) if file.exists()), None)
    if words is not None:
        shutil.copyfile(words, draft / README)
    for twin in archive.append(_pictures(people, ager, report)).left_out:
        report(f"left out {twin.picture_id}: {twin.reason}")
    archive.assign(assign_splits(archive.records(), RULE), RULE)
    write_card(archive)
    (draft / "lock").unlink()
    count = len(archive)
    before = _aside(folder)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(before)
    draft.rename(folder)
    shutil.rmtree(before, ignore_errors=True)
    return count


def bring_back(folder: Path) -> None:
    """Put the sample back that a killed run set aside; delete it where another has taken its place already."""
    before = _aside(folder)
    if before.exists() and not folder.exists():
        before.rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def ages_of(number: int, own_group: int) -> tuple[int, ...]:
    """Ages in whole years that person `number` (from 0) is brought to: one in each group but some and their own."""
    missing = {(number * LEFT_OUT + step * 5) % len(TEN) for step in range(LEFT_OUT)} | {own_group}
    return tuple(
        first + (number * 7 + group * 3) % (last - first + 1)
        for group, (first, last) in enumerate(AGES)
        if group not in missing
    )


def _aside(folder: Path) -> Path:
    """Where a sample lies while another takes its place."""
    return folder.parent / f".{folder.name}.before"


def _pictures(people: Iterable[Person], ager: FaceAger, report: Report) -> Iterator[Picture]:
    for number, person in enumerate(people):
        present = person.composite.record
        yield person.composite
        yield from _aged(person, ages_of(number, TEN.index_of(present.age_years)), ager)
        report(f"{present.person_id} aged")


def _aged(person: Person, ages_years: Iterable[int], ager: FaceAger) -> Iterator[Picture]:
    present, info = person.composite.record, ager.model.info
    aging = ager.transform(person.photo, ages_years=[*ages_years], present_age=PresentAge(years=present.age_years))
    for result in aging.results:
        data = encode_jpeg(result.photo, AGED_QUALITY)
        photo, years = decode_photo(data), result.target.years
        quality = []
        if ager.reader is not None:
            read_years = ager.reader.read(photo, [aging.face])[0].years
            quality.append((f"{AGE_READ}{ager.reader.info.name}", round(read_years, 1)))
        record = dataclasses.replace(
            present,
            picture_id=f"{present.person_id}/{years:02g}",
            **_facts(data, photo),
            age_min_years=years,
            age_max_years=years,
            source_revision=f"{info.name} {info.sha256[:16]}",
            attribution=f"{present.attribution}, aged to {years:g} by {info.name}",
            quality=tuple(quality),
        )
        yield Picture(record=record, data=data)


def _facts(data: bytes, photo: Photo) -> dict[str, Any]:
    """What a record says of bytes that were just decoded."""
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "phash": perceptual_hash(photo),
        "width_px": photo.shape[1],
        "height_px": photo.shape[0],
    }
