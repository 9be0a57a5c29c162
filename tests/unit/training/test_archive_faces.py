"""Faces of an archive in UTKFace framing, and their real pairs."""

from pathlib import Path

import numpy as np
import pytest

from cafdata.archive import Archive
from cafdata.readers.names import UTKFACE_RACES
from core.ages import TEN
from core.align import UTKFACE, apply, invert
from core.detect import FacePack, open_pack
from core.errors import ArchiveBroken, DataBroken
from core.images import encode_png
from tests.make_archive import drawn_photo, drawn_picture, picture_of
from tests.observed import observed
from training.archive_faces import RACE_CODES, archive_digest, load_archive
from training.figures import RACES, slice_figures


@pytest.fixture(scope="module")
def pack(shared: Path) -> FacePack:
    return open_pack(f"insightface:{shared / 'models' / 'pack_scrfd_mobilefacenet'}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three people of six ages each, framed as UTKFace's."""
    archive = Archive.create(tmp_path / "archive")
    archive.append(
        drawn_picture(person, age, framing="utkface", split=("test" if person == 2 else "train"), sex=sex)
        for person, sex in enumerate(("male", "female", None))
        for age in (4, 12, 25, 37, 48, 66)
    )
    return tmp_path / "archive"


def test_framed_pictures_are_taken_as_they_are(folder: Path, pack: FacePack) -> None:
    found = load_archive(folder, 64, pack)
    assert (len(found.faces), found.num_left_out) == (18, 0)
    by_id = {record.picture_id: row for row, record in enumerate(found.records)}
    row = by_id["p00001/37"]
    difference = found.faces.faces[row].astype(int) - drawn_photo(1, 37)
    assert np.abs(difference).mean() < 8, "but for what JPEG takes"
    assert (found.faces.ages_years[row], found.faces.sexes[row]) == (37, 1)
    assert found.faces.sexes[by_id["p00002/37"]] == -1


def test_faces_are_chosen_by_split_age_and_number(folder: Path, pack: FacePack) -> None:
    test = load_archive(folder, 32, pack, split="test", min_age_years=15)
    assert sorted(test.faces.ages_years.tolist()) == [25, 37, 48, 66]
    assert {record.person_id for record in test.records} == {"person-00002"}
    assert len(load_archive(folder, 32, pack, max_faces=5).faces) == 5
    with pytest.raises(DataBroken, match="no face of 0 years or more in the pictures of the split validation"):
        load_archive(folder, 32, pack, split="validation")
    with pytest.raises(ArchiveBroken):
        load_archive(folder.parent / "nothing", 32, pack)


def test_other_pictures_are_cut_out_by_their_points_or_by_what_the_pack_finds(tmp_path: Path, pack: FacePack) -> None:
    from skimage.data import astronaut

    photo = np.ascontiguousarray(astronaut()[:320, 60:380])
    (detected,) = pack.detect(photo)
    points = tuple((float(x), float(y)) for x, y in detected.points)
    archive = Archive.create(tmp_path / "photos")
    grey = np.full((100, 100, 3), 127, np.uint8)
    elsewhere = np.ascontiguousarray(photo[:, ::-1])
    archive.append(
        [
            picture_of(
                encode_png(photo),
                photo,
                "by-points",
                "a",
                30,
                {"points": points, "points_convention": "arcface5", "framing": None},
            ),
            picture_of(encode_png(elsewhere), elsewhere, "by-pack", "b", 30, {"framing": None}),
            picture_of(encode_png(grey), grey, "nobody", "c", 30, {"framing": None}),
        ]
    )
    found = load_archive(tmp_path / "photos", 64, pack)
    assert ([record.picture_id for record in found.records], found.num_left_out) == (["by-points", "by-pack"], 1)
    matrix = UTKFACE.matrix(detected.points, "arcface5", 64)
    for row, picture in ((0, photo), (1, elsewhere)):
        centre = apply(invert(matrix), [[32.0, 32.0]])[0].round().astype(int)
        x = centre[0] if row == 0 else 319 - centre[0]
        there = picture[centre[1] - 3 : centre[1] + 4, x - 3 : x + 4].reshape(-1, 3).mean(0)
        cut = found.faces.faces[row, 30:35, 30:35].reshape(-1, 3).mean(0)
        assert np.abs(cut - there).max() < 12


WORDS = ("White", "black", " Asian ", "Indian", "Others", "Other", "Hispanic", None)


def test_races_are_the_words_of_utkface_where_records_say_them(tmp_path: Path, pack: FacePack) -> None:
    archive = Archive.create(tmp_path / "archive")
    archive.append(drawn_picture(person, 30, ethnicity=word) for person, word in enumerate(WORDS))
    found = load_archive(tmp_path / "archive", 32, pack)
    assert found.faces.races is not None
    assert found.faces.races.tolist() == [0, 1, 2, 3, 4, 4, -1, -1]
    figures = slice_figures(observed(TEN.typical_years, races=found.faces.races[[1, 4, 1, 6]]))
    parts = {part.name: part.num_faces for part in figures}
    assert (parts["Black"], parts["Others"], parts["White"]) == (2, 1, 0)


def test_the_readers_words_are_known() -> None:
    assert [RACE_CODES[word.lower()] for word in UTKFACE_RACES] == [*range(5)]
    assert [RACES[code] for code in range(5)] == [*UTKFACE_RACES], "the evaluation names them so"


def test_there_are_no_races_where_nobody_said_a_word_that_is_known(tmp_path: Path, pack: FacePack) -> None:
    archive = Archive.create(tmp_path / "archive")
    archive.append(drawn_picture(person, 30, ethnicity=word) for person, word in enumerate((None, "Hispanic")))
    faces = load_archive(tmp_path / "archive", 32, pack).faces
    assert faces.races is None
    assert "White" not in {part.name for part in slice_figures(observed(TEN.typical_years, races=faces.races))}


def test_the_digest_follows_what_the_archive_holds(folder: Path) -> None:
    before = archive_digest(folder)
    assert archive_digest(folder) == before
    Archive(folder).remove(["p00001/37"])
    assert archive_digest(folder) != before


def test_outputs_are_not_held_against_synthetic_pictures(folder: Path, pack: FacePack) -> None:
    synthetic = {"is_synthetic": True, "age_provenance": "synthetic"}
    Archive(folder).append(drawn_picture(person, 25, framing="utkface", **synthetic) for person in (8, 9))
    found = load_archive(folder, 32, pack)
    assert {record.person_id for record in found.records} == {"person-00000", "person-00001", "person-00002"}
    assert found.faces.persons is not None
    named = {(record.person_id, number) for record, number in zip(found.records, found.faces.persons, strict=True)}
    assert len(named) == 3, "a number for each person"
