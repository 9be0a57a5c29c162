"""The commands, each in a process of its own: help at once, one line for what is wrong, no secret in it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation.labelling.commands import folder_photos, label_commands
from tests.label_stub import serving
from tests.make_archive import make_archive

ROOT = Path(__file__).resolve().parents[4]
CANARY = "canary0123456789"


def label(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LABEL_STUDIO")}
    return subprocess.run(
        [sys.executable, "-m", "tests.labelling.command", *words],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_comes_quickly() -> None:
    start_s = time.perf_counter()
    shown = label("push", "--help")
    assert shown.returncode == 0
    assert "--read-ages" in shown.stdout
    assert time.perf_counter() - start_s < 5
    assert set(label_commands) == {"up", "push", "pull", "status", "agreement", "backend"}


def test_what_is_wrong_is_one_line_without_the_secret(tmp_path: Path) -> None:
    make_archive(tmp_path / "archive", 1)
    cases = [
        (label("pull", str(tmp_path / "archive")), "LABEL_STUDIO_URL is not set"),
        (label("push", str(tmp_path / "nowhere")), "nowhere"),
        (
            label(
                "status", str(tmp_path / "archive"), LABEL_STUDIO_URL="http://127.0.0.1:9", LABEL_STUDIO_TOKEN=CANARY
            ),
            "cannot be reached",
        ),
        (
            label("pull", str(tmp_path / "archive"), LABEL_STUDIO_URL="http://far.example", LABEL_STUDIO_TOKEN=CANARY),
            "use https",
        ),
    ]
    for outcome, sentence in cases:
        assert outcome.returncode == 1
        assert sentence in outcome.stderr
        assert len(outcome.stderr.strip().splitlines()) == 1
        assert CANARY not in outcome.stdout + outcome.stderr


def test_looking_every_so_often_outlives_a_hiccup(tmp_path: Path) -> None:
    make_archive(tmp_path / "archive", 1)
    command = [sys.executable, "-m", "tests.labelling.command", "pull", str(tmp_path / "archive"), "--every", "1"]
    nothing = json.dumps({"results": []}).encode()
    with serving() as stub:
        stub.answers = [
            (200, b"[]"),
            (200, nothing),
            (400, b'{"detail": "being restarted"}'),
            (200, b"[]"),
            (200, nothing),
        ]
        environment = os.environ | {"LABEL_STUDIO_URL": stub.url, "LABEL_STUDIO_TOKEN": CANARY}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.readline()
            line = process.stdout.readline()
            process.kill()
            told = process.stderr.read()
    assert json.loads(line)["num_refused"] == 0
    assert told.count("being restarted") == 1 and len(told.strip().splitlines()) == 1


def test_agreement_needs_no_server(tmp_path: Path) -> None:
    make_archive(tmp_path / "archive", 1)
    outcome = label("agreement", str(tmp_path / "archive"))
    assert outcome.returncode == 0, outcome.stderr
    assert '"num_pictures": 0' in outcome.stdout


def test_photos_come_from_their_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "p1").mkdir(parents=True)
    (folder / "p1" / "04.jpg").write_bytes(b"one")
    (folder / "p2.png").write_bytes(b"two")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    read = folder_photos(folder)
    assert read(["p1/04", "p2", "p3", "../secret", "link", str(tmp_path / "secret")]) == {"p1/04": b"one", "p2": b"two"}
    with pytest.raises(ValueError, match="no folder"):
        folder_photos(tmp_path / "nowhere")
