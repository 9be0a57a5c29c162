"""Faces of an archive in UTKFace framing, and their real pairs."""

from pathlib import Path

import numpy as np
import pytest

from cafdata.archive import Archive
from core.align import UTKFACE, apply, invert
from core.detect import FacePack, open_pack
from core.errors import ArchiveBroken, DataBroken
from core.images import encode_png
from tests.make_archive import drawn_photo, drawn_picture, picture_of
from training.archive_faces import archive_digest, load_archive


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


def test_the_digest_follows_what_the_archive_holds(folder: Path) -> None:
    before = archive_digest(folder)
    assert archive_digest(folder) == before
    Archive(folder).remove(["p00001/37"])
    assert archive_digest(folder) != before
