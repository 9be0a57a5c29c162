"""Pictures with person and age from folders, Parquet files and archives; faults named, nothing used."""

import dataclasses
import re
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cafdata.archive import Archive
from cafdata.labelled import chosen, find, labels_of
from cafdata.pairs import faces_of
from cafdata.picture_hash import measure
from cafdata.readers.found import Found
from cafdata.record import Picture, Record
from core.errors import ScoresBroken
from core.images import encode_png


def people(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


def test_a_folder_of_people(tmp_path: Path) -> None:
    folder = people(tmp_path, "anna/25.jpg", "anna/trip_60.png", "men/ben/7.jpg", "women/ben/8.jpg", "anna/notes.txt")
    finder = find((folder,))
    names, faces = labels_of(finder())
    assert names == ["anna/25.jpg", "anna/trip_60.png", "men/ben/7.jpg", "women/ben/8.jpg"]
    assert faces.ages_years.tolist() == [25, 60, 7, 8] and len(set(faces.persons.tolist())) == 3
    assert [one.read() for one in finder() if isinstance(one, Found)] == [name.encode() for name in names]


def test_one_name_in_two_spellings_of_unicode_is_one_person(tmp_path: Path) -> None:
    people(tmp_path, "Jos\u00e9/25.jpg", "Jose\u0301/60.jpg", "Jose/40.jpg")
    _, faces = labels_of(find((tmp_path,))())
    assert len(set(faces.persons.tolist())) == 2


def test_faults_of_a_folder_are_named_and_counted(tmp_path: Path) -> None:
    people(tmp_path, "anna/25.jpg", "30.jpg", "anna/x_abc.jpg", "anna/-5.jpg", "unknown/30.jpg", "ben/131.jpg")
    with pytest.raises(ScoresBroken) as refusal:
        labels_of(find((tmp_path,))())
    said = str(refusal.value)
    assert said.startswith("Nothing was used, for 5 of the pictures cannot be: ") and "anna/25.jpg" not in said
    for fault in (
        "30.jpg: it lies in no person's folder",
        "anna/x_abc.jpg: age 'abc'",
        "anna/-5.jpg: age '-5'",
        "person 'unknown' names nobody",
        "ben/131.jpg: age '131'",
    ):
        assert fault in said


def test_no_picture_is_kept_while_labels_are_read() -> None:
    """An archive's findings hold their pictures: fifty thousand of them would not fit."""

    class Data:
        def __call__(self) -> bytes:
            return b""

    kept: list[weakref.ref[Data]] = []

    def findings() -> Iterator[Found]:
        for number in range(20):
            data = Data()
            kept.append(weakref.ref(data))
            yield Found(
                where=f"{number}.jpg", key=f"{number}", person=f"p{number}", age_min_years=number,
                age_max_years=number, age_provenance="given", read=data,
            )  # fmt: skip
            del data
            assert sum(one() is not None for one in kept) <= 1

    assert len(labels_of(findings())[0]) == 20


def test_parquet_with_and_without_people(tmp_path: Path) -> None:
    one = parquet(tmp_path / "a.parquet", age=[1.5, 20, 20], jpeg=[b"x", b"y", b"z"], person=["p", "q", "p"])
    other = parquet(tmp_path / "b.parquet", age=[30], image=[{"bytes": b"w", "path": "w.jpg"}])
    finder = find((one, other))
    names, faces = labels_of(finder())
    assert names == ["a.parquet, row 0", "a.parquet, row 1", "a.parquet, row 2", "b.parquet, row 0"]
    assert faces.groups.tolist() == [0, 5, 5, 6] and faces.persons[0] == faces.persons[2]
    assert [one.read() for one in finder() if isinstance(one, Found)] == [b"x", b"y", b"z", b"w"]
    assert not labels_of(find((other,))())[1].knows_persons


def test_rows_of_files_of_one_name_are_of_different_people(tmp_path: Path) -> None:
    """As shards of a data set lie: train/0000.parquet beside test/0000.parquet. A file given twice is read once."""
    files = [tmp_path / split / "0000.parquet" for split in ("train", "test")]
    for number, file in enumerate(files):
        file.parent.mkdir()
        parquet(file, age=[20, 30], jpeg=[b"%d" % number, b"%d more" % number])
    alone = parquet(tmp_path / "a.parquet", age=[40], jpeg=[b"x"])
    names, faces = labels_of(find((*files, alone, files[0]))())
    assert not faces.knows_persons and len(faces) == 5
    assert names == [f"{file}, row {row}" for file in files for row in range(2)] + ["a.parquet, row 0"]
    parquet(files[1], age=[20, -1], jpeg=[b"y", b"z"])
    with pytest.raises(ScoresBroken, match=re.escape(f"{files[1]}, row 1: age -1")):
        labels_of(find(files)())


@pytest.mark.parametrize("name", ["=1+1.parquet", f"{'long-' * 45}.parquet"])
def test_a_file_of_nobody_in_particular_may_be_called_anything(name: str, tmp_path: Path) -> None:
    path = parquet(tmp_path / name, age=[20, 30], jpeg=[b"x", b"y"])
    assert not labels_of(find((path,))())[1].knows_persons


@pytest.mark.parametrize("age", [-5.0, 1e9, float("nan"), None])
def test_ages_that_cannot_be_name_their_row(age: float | None, tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", age=[20, 30, age], jpeg=[b"x", b"y", b"z"])
    with pytest.raises(ScoresBroken, match=r"1 of the pictures cannot be: a\.parquet, row 2: age"):
        labels_of(find((path,))())


def test_people_that_cannot_be_name_their_row(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", age=[20, 30], jpeg=[b"x", b"y"], person=["=1+1", "p"])
    with pytest.raises(ScoresBroken, match=r"a\.parquet, row 0: person begins with '='"):
        labels_of(find((path,))())


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ScoresBroken, match="There is no"):
        find((tmp_path / "none",))
    with pytest.raises(ValueError, match="no layout 'caff'"):
        find((tmp_path,), "caff")
    with pytest.raises(ValueError, match="name one folder"):
        find((tmp_path, tmp_path))
    with pytest.raises(ScoresBroken, match="no picture with a person"):
        labels_of(find((tmp_path,))())
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ScoresBroken, match="no Parquet file that can be read"):
        labels_of(find((tmp_path / "cut.parquet",))())
    with pytest.raises(ScoresBroken, match="lacks the column"):
        labels_of(find((parquet(tmp_path / "few.parquet", age=[1]),))())


def test_layouts_of_known_sets_are_read_too(tmp_path: Path) -> None:
    people(tmp_path, "001A02.JPG", "001A30.JPG", "002A41.JPG")
    _, faces = labels_of(find((tmp_path,), "fgnet")())
    assert faces.persons.tolist() == [0, 0, 1] and faces.groups.tolist() == [0, 6, 7]


def test_so_many_of_each_group_spread_evenly() -> None:
    ages = np.repeat([1.0, 25.0, 45.0], [50, 3, 10])
    faces = faces_of([f"p{number}" for number in range(63)], ages, np.where(ages == 45, 51, ages))
    assert chosen(faces, None) == set(range(53))  # 45 to 51 lies in no group
    assert chosen(faces, 5) == {0, 12, 24, 37, 49, 50, 51, 52}
    with pytest.raises(ValueError, match="at least 2"):
        chosen(faces, 1)


def test_an_archive_but_for_what_was_made(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    pictures = []
    for number, (person, low, high) in enumerate(
        [("anna", 25, 25), ("ben", 38, 41), ("anna", 60, 61), ("cleo", 30, 30)]
    ):
        data = encode_png(generator.integers(0, 256, (40, 40, 3), dtype=np.uint8))
        record = Record(
            picture_id=f"n{number}",
            person_id=person,
            age_min_years=low,
            age_max_years=high,
            age_provenance="synthetic" if person == "cleo" else "given",
            is_synthetic=person == "cleo",
            **dataclasses.asdict(measure(data)),
        )
        pictures.append(Picture(record=record, data=data))
    Archive.create(tmp_path / "archive").append(pictures)
    finder = find((tmp_path / "archive",))
    found = {one.where: one for one in finder() if isinstance(one, Found)}
    assert set(found) == {"n0", "n1", "n2"}
    assert all(found[f"n{number}"].read() == pictures[number].data for number in range(3))
    names, faces = labels_of(finder())
    groups = dict(zip(names, faces.groups.tolist(), strict=True))
    assert groups == {"n0": 5, "n1": -1, "n2": 8} and faces.knows_persons
