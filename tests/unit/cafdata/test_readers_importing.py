"""A folder into an archive: all or nothing, resumed where it stopped, rid of what cameras write beside."""

import dataclasses
import io
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin

from cafdata.archive import Archive
from cafdata.manifest import SplitRule
from cafdata.readers.importing import ImportOutcome, import_folder
from cafdata.readers.stored import is_bare, stored_form
from cafdata.record import AgeLabel
from core.errors import DataBroken
from core.images import decode_photo
from tests.drawn import face

CANARY = b"canary-51.5N"


def jpeg(seed: int, size: tuple[int, int] = (48, 32), exif: Image.Exif | None = None, comment: bytes = b"") -> bytes:
    picture = face(30 + seed, seed % 2, np.random.default_rng(seed)).resize(size)
    target = io.BytesIO()
    more = {"comment": comment} if comment else {}
    picture.save(target, "JPEG", quality=90, exif=exif or b"", **more)
    return target.getvalue()


def caf_tree(folder: Path, people: int = 3, ages: tuple[int, ...] = (5, 30)) -> Path:
    for person in range(people):
        home = folder / ("males", "females")[person % 2] / f"P{person}"
        home.mkdir(parents=True)
        for age in ages:
            (home / f"P{person}_{age}.jpg").write_bytes(jpeg(100 * person + age))
    return folder


def run(folder: Path, archive: Path, *, drop: bool = False) -> tuple[ImportOutcome, list[str]]:
    lines: list[str] = []
    return import_folder("caf", folder, archive, drop=drop, report=lines.append), lines


def test_what_is_there_and_no_archive_is_refused_before_a_picture_is_read(tmp_path: Path) -> None:
    tree = caf_tree(tmp_path / "caf")
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "notes.txt").write_text("mine")
    for place in (tmp_path / "holiday", tmp_path / "holiday" / "notes.txt"):
        with pytest.raises(DataBroken, match=f"{place.name} is there and is no archive"):
            run(tree, place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["caf", "holiday"]
    (tmp_path / "empty").mkdir()
    assert run(tree, tmp_path / "empty")[0].added == 6


def test_a_folder_becomes_an_archive(tmp_path: Path) -> None:
    tree = caf_tree(tmp_path / "caf")
    outcome, lines = run(tree, tmp_path / "archive")
    assert (outcome.found, outcome.added, outcome.people, outcome.dropped) == (6, 6, 3, 0)
    assert lines == ["6 of 6 pictures read"]
    pictures = {picture.record.picture_id: picture for picture in Archive(tmp_path / "archive").pictures()}
    one = pictures["caf/females/P1/P1_30.jpg"]
    assert one.data == (tree / "females" / "P1" / "P1_30.jpg").read_bytes()
    assert (one.record.person_id, one.record.sex, one.record.age_years) == ("caf/P1", "female", 30)
    assert (one.record.width_px, one.record.height_px) == (48, 32)
    assert one.record.licence == "research only; the pictures belong to their owners"
    assert [*Archive(tmp_path / "archive").verify()] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "caf"]


def test_faults_are_all_named_and_nothing_is_written(tmp_path: Path) -> None:
    tree = caf_tree(tmp_path / "caf", people=1)
    for name in ("a_-5.jpg", "a_1e9.jpg", "a_NaN.jpg"):
        (tree / "males" / "P0" / name).write_bytes(jpeg(1))
    with pytest.raises(DataBroken, match=r"-5.*1e9.*NaN.*--drop"):
        run(tree, tmp_path / "archive")
    assert [path.name for path in tmp_path.iterdir()] == ["caf"]
    outcome, lines = run(tree, tmp_path / "archive", drop=True)
    assert (outcome.found, outcome.dropped) == (2, 3)
    assert sum("is no whole number of years" in line for line in lines) == 3


def test_a_broken_picture_is_named_and_mended_later(tmp_path: Path) -> None:
    tree = caf_tree(tmp_path / "caf")
    broken = tree / "males" / "P0" / "P0_30.jpg"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataBroken, match=r"males/P0/P0_30\.jpg: This picture is cut off"):
        run(tree, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()
    broken.write_bytes(whole)
    assert run(tree, tmp_path / "archive")[0].added == 6


KILLED: Final = """
import os, signal, sys
from pathlib import Path
from cafdata.readers import importing
importing.BATCH = 3
def report(line):
    print(line, flush=True)
    if line.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
importing.import_folder("caf", Path(sys.argv[1]), Path(sys.argv[2]), report=report)
"""


def test_a_killed_import_goes_on(tmp_path: Path) -> None:
    """Killed after each batch; a label changes meanwhile; the archive is then the same as one made in one go."""
    tree = caf_tree(tmp_path / "caf", people=4)
    for number in ("3 of", "6 of"):
        run_it = [sys.executable, "-c", KILLED, str(tree), str(tmp_path / "archive"), number]
        killed = subprocess.run(run_it, capture_output=True, text=True, timeout=120)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert len(Archive(tmp_path / ".archive.importing")) == int(number[0])
        assert not (tmp_path / "archive").exists()
    (tree / "females" / "P1" / "P1_5.jpg").rename(tree / "females" / "P1" / "P1_6.jpg")
    outcome, _ = run(tree, tmp_path / "archive")
    assert outcome.added == 8
    run(tree, tmp_path / "other")
    one, other = (
        {record.picture_id: record for record in Archive(tmp_path / name).records()} for name in ("archive", "other")
    )
    assert one == other


def test_an_archive_that_is_there_is_joined(tmp_path: Path) -> None:
    run(caf_tree(tmp_path / "one", people=2), tmp_path / "archive")
    tree = caf_tree(tmp_path / "two", people=3)
    (tree / "males" / "P2" / "P2_90.jpg").write_bytes((tree / "males" / "P2" / "P2_30.jpg").read_bytes())
    outcome, lines = run(tree, tmp_path / "archive")
    assert (outcome.found, outcome.added, outcome.there_already, outcome.left_out) == (7, 2, 4, 1)
    assert any("its bytes are there as picture caf/males/P2/P2_30.jpg" in line for line in lines)
    assert len(Archive(tmp_path / "archive")) == 6


DISCARDING: Final = """
import contextlib, os, signal, sys
from pathlib import Path
import pandas  # which pyarrow asks for: once here, not in each process
from cafdata.readers.importing import import_folder

tree, archive = Path(sys.argv[1]), Path(sys.argv[2])
scandir = os.scandir

@contextlib.contextmanager
def listed(folder):
    # In the order of a file system that lists the shards first, then the manifest. Each has an order of its own.
    with scandir(folder) as entries:
        yield sorted(entries, key=lambda entry: entry.name, reverse=True)

os.scandir = listed

def run(last):
    # A process of its own, which may die while it deletes a draft, when it has deleted a file that ends so.
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    is_deleting = is_due = False
    def watch(event, values):
        nonlocal is_deleting, is_due
        is_deleting = is_deleting or event == "shutil.rmtree"
        if is_deleting and event in ("os.remove", "os.rmdir"):
            if is_due:
                os.kill(os.getpid(), signal.SIGKILL)
            is_due = last is not None and str(values[0]).endswith(last)
    sys.addaudithook(watch)
    import_folder("caf", tree, archive, report=lambda line: None)
    os._exit(0)

for last in (".parquet", "manifest.json", ".parquet"):
    assert run(last) == signal.SIGKILL, f"it ended by itself, or failed, before {last} was deleted"
assert run(None) == 0
"""


def test_killed_while_it_deletes_its_draft_it_goes_on(tmp_path: Path) -> None:
    """When a shard is gone from it, and when the manifest is."""
    tree, archive = caf_tree(tmp_path / "caf", people=1, ages=(5,)), tmp_path / "archive"
    run(tree, archive)
    command = [sys.executable, "-c", DISCARDING, str(tree), str(archive)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "caf"]
    assert len(Archive(archive)) == 1


@pytest.mark.parametrize("is_begun", [False, True])
def test_into_the_folder_that_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_begun: bool) -> None:
    """An empty one, or one in which an archive was begun and nothing more; one is still in it after that."""
    tree, place = caf_tree(tmp_path / "caf"), tmp_path / "empty"
    place.mkdir()
    if is_begun:
        (place / "shards").mkdir()
    monkeypatch.chdir(place)
    outcome, _ = run(tree, Path())
    assert (outcome.added, outcome.archive) == (6, ".")
    assert len(Archive(Path())) == 6 and [*Archive(Path()).verify()] == []
    assert run(tree, Path())[0].there_already == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["caf", "empty"]


def test_shards_of_another_data_set_are_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "set" / "shards" / "train-0.parquet"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(DataBroken, match="set is there and is no archive"):
        run(caf_tree(tmp_path / "caf", people=1), tmp_path / "set")
    assert mine.read_bytes() == b"mine"


def pack(folder: Path, *ages: int) -> Path:
    """UTKFace's pack of one picture for each age, which is called and looks the same whatever the age."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"file": f"{number}.jpg", "age": age, "gender": 1, "race": 2, "jpeg": jpeg(number)}
        for number, age in enumerate(ages)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    return folder


def test_labels_that_were_corrected_since_are_counted_and_named(tmp_path: Path) -> None:
    archive, lines = tmp_path / "archive", []

    def read(folder: Path, licence: str | None = None) -> int:
        lines.clear()
        return import_folder("utkface-pack", folder, archive, licence=licence, report=lines.append).differing

    assert read(pack(tmp_path / "pack", *range(20, 28))) == 0
    held = {record.picture_id: record for record in Archive(archive).records()}
    label = AgeLabel(annotator="a", verdict="age", age_years=22, labelled_at="2025-05-03T10:00:00+00:00")
    weighed = dataclasses.replace(held["utkface-pack/0.jpg"], labels=(label,), age_max_years=22, quality=(("x", 1.0),))
    Archive(archive).update([weighed])
    Archive(archive).assign({record.person_id: "train" for record in held.values()}, SplitRule())
    before = Archive(archive).manifest
    assert read(tmp_path / "pack") == 0, "what other commands wrote is no difference"
    assert lines == ["8 of 8 pictures read"]
    assert read(pack(tmp_path / "pack", 20, *range(41, 48))) == 7
    differ = "is there already, with another age_min_years, age_max_years"
    assert lines[1:-1] == [f"utkface-pack/{number}.jpg {differ}" for number in range(1, 6)]
    assert lines[-1].startswith("7 of the pictures that were there already have other labels in the folder")
    assert read(pack(tmp_path / "pack", *range(20, 28)), "CC-BY-4.0") == 8
    assert lines[1] == "utkface-pack/0.jpg is there already, with another licence"
    assert Archive(archive).manifest == before
    assert read(pack(tmp_path / "pack", *range(20, 29))) == 0, "one that is new is none"


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    tree = caf_tree(tmp_path / "caf", people=1)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "thesis.doc").write_bytes(b"x")
    with pytest.raises(DataBroken, match="is there and is no archive"):
        run(tree, tmp_path / "archive")
    assert (tmp_path / "archive" / "thesis.doc").read_bytes() == b"x"
    with pytest.raises(DataBroken, match="no picture in the layout caf"):
        run(tmp_path / "archive", tmp_path / "other")
    with pytest.raises(DataBroken, match="there is no folder"):
        run(tmp_path / "nowhere", tmp_path / "other")
    with pytest.raises(ValueError, match="there are caf, fgnet"):
        import_folder("imdb", tree, tmp_path / "other", report=print)


def test_what_cameras_write_beside_the_pixels_stays_out(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = CANARY.decode()
    tree = caf_tree(tmp_path / "caf", people=1)
    home = tree / "males" / "P0"
    (home / "turned_40.jpg").write_bytes(jpeg(1, exif=exif))
    (home / "noted_41.jpg").write_bytes(jpeg(2, comment=CANARY))
    (home / "longer_42.jpg").write_bytes(jpeg(3) + CANARY)
    text = PngImagePlugin.PngInfo()
    text.add_text("where", CANARY.decode())
    face(43, 0, np.random.default_rng(4)).save(home / "a_43.png", pnginfo=text)
    face(44, 0, np.random.default_rng(5)).save(home / "a_44.png")
    face(45, 0, np.random.default_rng(6)).save(home / "a_45.bmp")
    face(46, 0, np.random.default_rng(7)).save(home / "a_46.webp", exif=exif)
    face(47, 0, np.random.default_rng(8)).save(home / "a_47.webp")
    run(tree, tmp_path / "archive")
    pictures = {
        picture.record.picture_id.rpartition("/")[2]: picture for picture in Archive(tmp_path / "archive").pictures()
    }
    assert len(pictures) == 10
    assert not any(CANARY in picture.data for picture in pictures.values())
    assert all(is_bare(picture.data) for picture in pictures.values())
    assert (pictures["turned_40.jpg"].record.width_px, pictures["turned_40.jpg"].record.height_px) == (32, 48)
    for kept in ("a_44.png", "a_47.webp", "P0_5.jpg"):
        assert pictures[kept].data == (home / kept).read_bytes()
    for name in ("a_43.png", "a_45.bmp", "a_46.webp"):
        np.testing.assert_array_equal(decode_photo(pictures[name].data), decode_photo((home / name).read_bytes()))
    near = np.abs(
        decode_photo(pictures["noted_41.jpg"].data).astype(int) - decode_photo((home / "noted_41.jpg").read_bytes())
    )
    assert near.mean() < 3


@pytest.mark.parametrize("cut", [3, 20, 200, -3])
def test_cut_files_are_left_to_the_decoder(cut: int) -> None:
    for data in (jpeg(1), jpeg(1, comment=CANARY)):
        assert isinstance(is_bare(data[:cut]), bool)
    assert stored_form(jpeg(1)) == jpeg(1)
