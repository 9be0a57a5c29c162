"""A folder to a table of ages: what stands in it, what is done again, and what a spreadsheet may not run."""

import csv
import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from core.age_reader import AgeReader
from core.cells import FORMULA_SIGNS, path_cell, text_cell
from core.detect import FacePack, open_pack
from core.device import choose
from core.errors import BadImage
from core.estimate import COLUMNS, Outcome, estimate_ages
from core.images import encode_jpeg
from core.reference_estimator import ReferenceEstimator
from core.weights import LoadedModel
from tests.models import info_of, random_estimator

ONE = encode_jpeg(astronaut(), 90)
WALL = encode_jpeg(np.full((300, 300, 3), 120, np.uint8), 90)


@pytest.fixture(scope="module")
def pack() -> FacePack:
    return open_pack("embedded")


@pytest.fixture(scope="module")
def reader() -> AgeReader:
    network = random_estimator()
    return AgeReader(LoadedModel(info=info_of(network), network=network), choose("cpu", "float32"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The astronaut in a folder within the folder, a wall, a letter that calls itself a picture, and a note."""
    place = tmp_path / "photos"
    (place / "space").mkdir(parents=True)
    (place / "space" / "astronaut.jpg").write_bytes(ONE)
    (place / "wall.JPG").write_bytes(WALL)
    (place / "letter.png").write_text("Dear Sir or Madam")
    (place / "notes.txt").write_text("not looked at")
    return place


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run(reader: AgeReader, pack: FacePack, folder: Path) -> list[Outcome]:
    return list(estimate_ages(reader, pack, folder, folder.parent / "ages.csv"))


def test_every_photo_has_its_row_in_the_order_of_their_names(reader: AgeReader, pack: FacePack, folder: Path) -> None:
    outcomes = run(reader, pack, folder)
    rows = table(folder.parent / "ages.csv")
    assert tuple(rows[0]) == COLUMNS
    assert [row["file"] for row in rows] == ["letter.png", "space/astronaut.jpg", "wall.JPG"]
    letter, person, wall = rows
    assert "not a picture" in letter["error"] and "No face found" in wall["error"]
    assert {letter[column] for column in COLUMNS[1:-1]} == {""} == {wall[column] for column in COLUMNS[1:-1]}
    assert person["error"] == "" and person["face"] == "0"
    low, age, high = (float(person[column]) for column in ("low_years", "age_years", "high_years"))
    assert 0 <= low < age < high <= 100
    first, last = person["group10"].split("-")
    assert int(first) <= age < int(last) + 1
    assert [outcome.has_failed for outcome in outcomes] == [True, False, True]


def test_all_faces_are_numbered_by_size(reader: AgeReader, pack: FacePack, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    small = np.pad(astronaut()[::2, ::2], ((0, 256), (0, 0), (0, 0)))
    (tmp_path / "in" / "two.jpg").write_bytes(encode_jpeg(np.concatenate([small, astronaut()], axis=1), 95))
    list(estimate_ages(reader, pack, tmp_path / "in", tmp_path / "all.csv", "all"))
    list(estimate_ages(reader, pack, tmp_path / "in", tmp_path / "largest.csv"))
    both, largest = table(tmp_path / "all.csv"), table(tmp_path / "largest.csv")
    assert [row["face"] for row in both] == ["0", "1"]
    assert largest == both[:1]


def test_only_what_is_new_changed_or_failed_is_read_again(reader: AgeReader, pack: FacePack, folder: Path) -> None:
    run(reader, pack, folder)
    before = (folder.parent / "ages.csv").read_bytes()
    assert [outcome.is_new for outcome in run(reader, pack, folder)] == [True, False, True]
    assert (folder.parent / "ages.csv").read_bytes() == before
    (folder / "space" / "astronaut.jpg").write_bytes(encode_jpeg(astronaut()[:, ::-1].copy(), 90))
    (folder / "another.jpg").write_bytes(ONE)
    (folder / "letter.png").unlink()
    outcomes = {outcome.photo.name: outcome for outcome in run(reader, pack, folder)}
    assert {name: outcome.is_new for name, outcome in outcomes.items()} == {
        "another.jpg": True, "astronaut.jpg": True, "wall.JPG": True,
    }  # fmt: skip
    assert [row["file"] for row in table(folder.parent / "ages.csv")] == [
        "another.jpg", "space/astronaut.jpg", "wall.JPG",
    ]  # fmt: skip


def test_a_run_that_is_broken_off_goes_on(reader: AgeReader, pack: FacePack, folder: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(ONE)
    work = estimate_ages(reader, pack, folder, folder.parent / "ages.csv")
    assert next(work).photo.name == "a.jpg"
    work.close()
    assert [row["file"] for row in table(folder.parent / "ages.csv")] == ["a.jpg"]
    outcomes = run(reader, pack, folder)
    assert [outcome.is_new for outcome in outcomes] == [False, True, True, True, True]
    rows = table(folder.parent / "ages.csv")
    assert [row["file"] for row in rows] == ["a.jpg", "b.jpg", "letter.png", "space/astronaut.jpg", "wall.JPG"]
    assert rows[0] == {**rows[1], "file": "a.jpg"}
    assert outcomes[0].rows[0] == {**outcomes[1].rows[0], "file": "a.jpg"}  # numbers are numbers again


def test_another_estimator_or_precision_starts_anew(reader: AgeReader, pack: FacePack, folder: Path) -> None:
    run(reader, pack, folder)
    network = random_estimator()
    info = info_of(network)
    retrained = LoadedModel(info=dataclasses.replace(info, sha256="1" * 64), network=network)
    assert run(AgeReader(retrained, choose("cpu", "float32")), pack, folder)[1].is_new
    assert not run(AgeReader(retrained, choose("cpu", "float32")), pack, folder)[1].is_new
    assert run(AgeReader(retrained, choose("cpu", "bfloat16")), pack, folder)[1].is_new


@pytest.mark.parametrize("name", ["ages.csv", "ages.record.json"])
@pytest.mark.parametrize("damage", ["", "{", "[]", "null", "file,face\n1,2\n", "\0"])
def test_a_damaged_table_or_record_is_made_again(
    reader: AgeReader, pack: FacePack, folder: Path, name: str, damage: str
) -> None:
    run(reader, pack, folder)
    good = (folder.parent / "ages.csv").read_bytes()
    (folder.parent / name).write_text(damage)
    assert [outcome.is_new for outcome in run(reader, pack, folder)] == [True, True, True]
    assert (folder.parent / "ages.csv").read_bytes() == good


def test_a_cell_that_is_no_number_is_made_again(reader: AgeReader, pack: FacePack, folder: Path) -> None:
    run(reader, pack, folder)
    path = folder.parent / "ages.csv"
    good = path.read_text()
    path.write_text(good.replace('jpg",0,', 'jpg",zero,'))
    run(reader, pack, folder)
    assert path.read_text() == good


NAMES = [
    "=cmd|' C calc'!A0.jpg", "+1+1.jpg", "-2.jpg", "@SUM(A1).jpg", "=1,2.jpg", ' =1.jpg', "\t=1.jpg", "\r=1.jpg",
    "a\n=1.jpg", 'a"=1.jpg', "a;=1.jpg", "＝1.jpg", "\u202egpj.exe.jpg", "\u200b=1.jpg", "back\\slash.jpg",
    "\x1b[31mred.jpg", "<img src=x onerror=alert(1)>.jpg", os.fsdecode(b"\xff\xfe.jpg"), "\u2028.jpg", "plain.jpg",
]  # fmt: skip


def test_names_are_inert_and_told_apart(reader: AgeReader, pack: FacePack, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    for name in NAMES:
        (place / name).write_bytes(WALL)
    run(reader, pack, place)
    text = (tmp_path / "ages.csv").read_text(encoding="utf-8")
    assert text.count("\n") == len(NAMES) + 1  # no line break within a cell
    for delimiter in (",", ";", "\t"):
        for row in csv.reader(text.splitlines(), delimiter=delimiter):
            assert not any(cell.lstrip().startswith(FORMULA_SIGNS) for cell in row)
    assert all(one.isprintable() or one == "\n" for one in text)
    cells = [row["file"] for row in table(tmp_path / "ages.csv")]
    assert len(set(cells)) == len(NAMES)
    assert "plain.jpg" in cells and "./-2.jpg" in cells
    assert (place / "./-2.jpg").is_file()  # still the path of the same file


def test_sentences_are_inert() -> None:
    assert text_cell("=1\x07 of \u202e") == "'=1\\x07 of \\u202e"
    assert path_cell(Path("a") / "=b.jpg") == "a/=b.jpg"


def test_what_cannot_be_is_said(reader: AgeReader, pack: FacePack, folder: Path) -> None:
    with pytest.raises(BadImage, match="no folder"):
        run(reader, pack, folder / "nowhere")
    (folder / "empty").mkdir()
    with pytest.raises(BadImage, match="no picture"):
        run(reader, pack, folder / "empty")
    with pytest.raises(ValueError, match=r"\.csv"):
        list(estimate_ages(reader, pack, folder, folder.parent / "ages.jpg"))


def test_a_pipe_is_no_photo(reader: AgeReader, pack: FacePack, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe.jpg")
    (outcome,) = run(reader, pack, tmp_path / "in")
    assert "pipe.jpg" in outcome.rows[0]["error"]


def test_the_references_estimator_reads_whole_photos(pack: FacePack, folder: Path) -> None:
    network = ReferenceEstimator().eval()
    reader = AgeReader(LoadedModel(info=info_of(network), network=network), choose("cpu", "float32"))
    run(reader, pack, folder)
    letter, person, wall = table(folder.parent / "ages.csv")
    assert letter["error"] and not person["error"] and not wall["error"]
    assert person["face"] == wall["face"] == "" and 0 <= float(wall["age_years"]) <= 100
    with pytest.raises(ValueError, match="whole photos"):
        list(estimate_ages(reader, pack, folder, folder.parent / "all.csv", "all"))
    record = json.loads((folder.parent / "ages.record.json").read_text())
    assert record["asked"]["face_pack"] == ""
