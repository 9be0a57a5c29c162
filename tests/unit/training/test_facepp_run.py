"""Folders to tables, against a real server: rows, consent, budget, resume, recording and replay."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataBroken, FaceppRefused
from tests.facepp_server import KEY, SECRET, THRESHOLDS, FaceppServer, serving
from tests.unit.training.test_facepp import picture
from tests.unit.training.test_facepp_pictures import encoded
from training.facepp import Method
from training.facepp_command import Terms
from training.facepp_journal import read_journal
from training.facepp_questions import about_ages, about_pairs
from training.facepp_run import make_table

Make = Callable[..., dict[str, Any]]
WALL = encoded(64, 64, "PNG")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaceppServer]:
    monkeypatch.setenv("FACEPP_KEY", KEY)
    monkeypatch.setenv("FACEPP_SECRET", SECRET)
    with serving() as server:
        yield server


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def make(server: FaceppServer, said: list[str]) -> Make:
    """make_table with quick terms that agree to pay."""

    def make(method: Method, folders: list[Path], out: Path, **changed: Any) -> dict[str, Any]:
        quick = {"endpoint": server.endpoint, "rate": 1000.0, "first_wait_s": 0.001, "tries": 3, "yes": True}
        questions = about_ages(*folders) if method == "detect" else about_pairs(*folders)
        return make_table(method, questions, out, Terms(**(quick | changed)), said.append)

    return make


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Pictures of four brightnesses, one of them twice, a wall, a letter, a dwarf and names that mean harm."""
    folder = tmp_path / "faces"
    (folder / "=within").mkdir(parents=True)
    for number, level in enumerate((60, 90, 120)):
        (folder / f"{number}.png").write_bytes(picture(level))
    (folder / "again.png").write_bytes(picture(90))
    (folder / "=within" / "x.png").write_bytes(picture(150))
    for name in ("+1.png", "-1.png", "@sum.png", "\t=1.png", "=cmd|' -C calc'!A0.png"):
        (folder / name).write_bytes(picture(60))
    (folder / "wall.png").write_bytes(WALL)
    (folder / "letter.jpg").write_text("Dear Sir or Madam")
    (folder / "dwarf.png").write_bytes(picture(100, size_px=47))
    (folder / "notes.txt").write_text("not looked at")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_ages_of_a_folder(make: Make, server: FaceppServer, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "ages.csv"
    summary = make("detect", [faces], out)
    table = rows(out)
    assert list(table[0]) == ["k", "filename", "age", "status"]
    assert [row["k"] for row in table] == [str(number) for number in range(13)]
    found = {row["filename"]: (row["age"], row["status"]) for row in table}
    assert found["0.png"] == ("20", "ok")
    assert found["1.png"] == found["again.png"] == ("30", "ok")
    assert found["./=within/x.png"] == ("50", "ok")
    assert found["wall.png"] == ("", "no_face")
    assert found["letter.jpg"][0] == found["dwarf.png"][0] == ""
    assert found["letter.jpg"][1].startswith("unusable: This file is not a picture")
    assert found["dwarf.png"][1].startswith("unusable: ")
    assert server.num_charged == 5, "the same bytes are asked once, what cannot be sent never"
    assert summary["rows"] == 13 and summary["ok"] == 10 and summary["no_face"] == 1 and summary["unusable"] == 2
    assert summary["calls_charged_at_most"] == 5


def test_no_cell_begins_a_formula(make: Make, server: FaceppServer, faces: Path, tmp_path: Path) -> None:
    server.faults += ["error:400:=HYPERLINK(1)", "error:400:@x", "error:400:+x\r\n=y"]
    make("detect", [faces], tmp_path / "ages.csv")
    cells = [cell for row in rows(tmp_path / "ages.csv") for cell in row.values()]
    assert len(cells) == 13 * 4
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert not [cell for cell in cells if set(cell) & set("\t\r\n")]


def test_pairs_of_two_folders(make: Make, server: FaceppServer, tmp_path: Path) -> None:
    made, originals = tmp_path / "made", tmp_path / "originals"
    for folder, level in ((made, 100), (originals, 120)):
        (folder / "a").mkdir(parents=True)
        (folder / "a" / "b.png").write_bytes(picture(level))
        (folder / "wall.png").write_bytes(WALL if folder == originals else picture(level))
    (made / "alone.png").write_bytes(picture(70))
    (made / "torn.png").write_bytes(picture(70))
    (originals / "torn.png").write_bytes(picture(80)[:-9])
    summary = make("compare", [made, originals], tmp_path / "pairs.csv")
    table = rows(tmp_path / "pairs.csv")
    assert list(table[0]) == ["k", "filename", "confidence", "status"]
    assert [row["filename"] for row in table] == ["a/b.png", "alone.png", "torn.png", "wall.png"]
    assert 75 < float(table[0]["confidence"]) < 80 and table[0]["status"] == "ok"
    assert (table[1]["confidence"], table[1]["status"]) == ("", "no_original")
    assert table[2]["status"].startswith("unusable: ")
    assert (table[3]["confidence"], table[3]["status"]) == ("", "no_face: in the second picture")
    assert server.num_charged == summary["calls_charged_at_most"] == 2
    journal = read_journal(tmp_path / "pairs.journal.jsonl")
    assert [one.details.get("thresholds") for one in journal.outcomes.values()] == [THRESHOLDS, None]


def test_a_second_run_pays_for_what_is_new_alone(
    make: Make, server: FaceppServer, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "ages.csv"
    server.faults += ["error:400:INVALID_IMAGE_SIZE:image_file", "", "error:400:BAD_ARGUMENTS:image_file"]
    make("detect", [faces], out)
    assert server.num_charged == 3
    make("detect", [faces], out)
    assert server.num_charged == 4, "only the error that may pass was asked again"
    first = out.read_bytes()
    out.unlink()
    monkeypatch.delenv("FACEPP_KEY")
    make("detect", [faces], out, yes=False)
    assert out.read_bytes() == first, "where nothing is to be paid, no key and no consent is needed"
    assert len(server.seen) == 6
    (faces / "0.png").write_bytes(picture(200))
    with pytest.raises(FaceppRefused, match="FACEPP_KEY is not set"):
        make("detect", [faces], out)
    monkeypatch.setenv("FACEPP_KEY", KEY)
    make("detect", [faces], out)
    assert len(server.seen) == 7, "a picture that has changed is another one"


def test_nobody_pays_who_was_not_asked(
    make: Make, server: FaceppServer, faces: Path, tmp_path: Path, said: list[str]
) -> None:
    with pytest.raises(FaceppRefused, match="calls to be paid for: 5, and nobody is here to agree; give --yes"):
        make("detect", [faces], tmp_path / "ages.csv", yes=False)
    assert server.seen == []
    assert not (tmp_path / "ages.csv").exists()
    assert said[-1].startswith("calls to be paid for: 5, before: 0; the pictures of faces go to http")


def test_a_budget_is_for_all_runs_together(
    make: Make, server: FaceppServer, faces: Path, tmp_path: Path, said: list[str]
) -> None:
    out = tmp_path / "ages.csv"
    for max_calls, answered in ((2, 2), (2, 2), (3, 3), (9, 5)):
        summary = make("detect", [faces], out, max_calls=max_calls)
        assert server.num_charged == len(server.seen) == answered
        assert summary["calls_charged_at_most"] == answered
        assert summary.get("not_asked", 0) == len([row for row in rows(out) if row["status"] == "not_asked"])
    assert [line for line in said if "to be paid for" in line][1].startswith("calls to be paid for: 1, before: 2;")
    assert "--max-calls 2 is used up; raise it for the 3 calls that are left" in said


def test_a_recording_makes_the_same_table_without_network_or_keys(
    make: Make, server: FaceppServer, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults += ["error:400:BAD_ARGUMENTS:image_file", *["cut"] * 3]
    make("detect", [faces], tmp_path / "live.csv", max_calls=5, record=tmp_path / "ages.recording")
    assert {row["status"].partition(":")[0] for row in rows(tmp_path / "live.csv")} == {
        *("ok", "api_error", "gave_up", "unusable", "not_asked")
    }
    requests = len(server.seen)
    monkeypatch.delenv("FACEPP_KEY")
    monkeypatch.delenv("FACEPP_SECRET")
    for source in ("ages.recording", "live.journal.jsonl"):
        make("detect", [faces], tmp_path / "new" / "replayed.csv", replay=tmp_path / source, yes=False)
        assert (tmp_path / "new" / "replayed.csv").read_bytes() == (tmp_path / "live.csv").read_bytes()
    assert len(server.seen) == requests
    assert not (tmp_path / "new" / "replayed.journal.jsonl").exists()
    for line in (tmp_path / "ages.recording").read_text().splitlines():
        assert json.loads(line)["event"] in ("journal", "outcome")


def test_a_fault_that_ends_the_run_leaves_the_table_of_what_is_known(
    make: Make, server: FaceppServer, faces: Path, tmp_path: Path
) -> None:
    server.faults += ["", "", "error:403:AUTHORIZATION_ERROR:Insufficient Account Balance"]
    out = tmp_path / "ages.csv"
    with pytest.raises(FaceppRefused, match="Insufficient Account Balance; look into your account"):
        make("detect", [faces], out)
    statuses = [row["status"] for row in rows(out)]
    assert statuses.count("ok") == 8 and statuses.count("not_asked") == 3, statuses


def test_a_picture_that_changes_meanwhile_is_not_taken_for_the_other(server: FaceppServer, tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.png").write_bytes(picture(100 + ord(name)))

    questions = about_ages(folder)

    def say(line: str) -> None:
        if "to be paid for" in line:
            (folder / "b.png").write_bytes(picture(30))

    make_table("detect", questions, tmp_path / "a.csv", Terms(endpoint=server.endpoint, rate=1000.0, yes=True), say)
    table = rows(tmp_path / "a.csv")
    assert [row["status"] for row in table] == ["ok", "unusable: it has changed while this was at work"]
    assert server.num_charged == 1


@pytest.mark.parametrize(
    ("terms", "out", "sentence"),
    [
        ({}, "ages.txt", "should end in .csv"),
        ({"max_calls": 0}, "a.csv", "--max-calls is at least 1"),
        ({"record": Path("r"), "replay": Path("r")}, "a.csv", "either --record or --replay"),
        ({"rate": 0.0}, "a.csv", "the rate is above 0"),
        ({"timeout_s": 0.0}, "a.csv", "timeout_s is above 0"),
        ({"timeout_s": float("inf")}, "a.csv", "timeout_s is above 0 and at most 3600"),
        ({}, "folder.csv", "--out .*folder.csv is a folder"),
        ({"record": Path("/")}, "a.csv", "--record / is a folder"),
        ({"endpoint": "http://faceplusplus.com"}, "a.csv", "use https"),
    ],
)
def test_terms_that_make_no_sense_cost_nothing(
    make: Make, server: FaceppServer, faces: Path, tmp_path: Path, terms: dict[str, Any], out: str, sentence: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match=sentence):
        make("detect", [faces], tmp_path / out, **terms)
    assert server.seen == []
    assert not (tmp_path / out).is_file()


def test_a_recording_does_not_overwrite_the_journal(make: Make, faces: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "a.journal.jsonl"):
        with pytest.raises(ValueError, match="is the table or its journal"):
            make("detect", [faces], tmp_path / "a.csv", record=tmp_path / name)


def test_folders_that_are_not_there_are_one_sentence(make: Make, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folders, sentence in (
        ([tmp_path / "nowhere", faces], "there is no folder"),
        ([faces, tmp_path / "nowhere"], "there is no folder"),
        ([faces, tmp_path / "empty"], "there is no picture in"),
    ):
        with pytest.raises(DataBroken, match=sentence):
            make("compare", folders, tmp_path / "a.csv")


def test_progress_names_rate_time_left_and_what_failed(
    make: Make, server: FaceppServer, faces: Path, tmp_path: Path, said: list[str]
) -> None:
    server.faults += ["", "", "error:400:BAD_ARGUMENTS:x"]
    make("detect", [faces], tmp_path / "a.csv")
    assert any(line.startswith("3 of 5, ") and "api_error: BAD_ARGUMENTS:x" in line for line in said)
    assert said[-1].startswith("5 of 5, ") and " a second, 0 s left: " in said[-1]
