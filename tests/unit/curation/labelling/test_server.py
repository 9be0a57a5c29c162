"""The owner's secrets: made once, kept from others, never in a command line."""

from pathlib import Path

import pytest

from curation.labelling.server import _environment, installed, is_up, owner_secrets, secret_path


def test_secrets_are_made_once_and_readable_by_their_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LABEL_STUDIO_TOKEN", raising=False)
    monkeypatch.delenv("LABEL_STUDIO_PASSWORD", raising=False)
    folder = tmp_path / "server"
    made = owner_secrets(folder)
    assert len(made.token) == 40 and int(made.token, 16) and len(made.password) >= 16
    assert owner_secrets(folder) == made
    assert made != owner_secrets(tmp_path / "other")
    for path in (folder, secret_path(folder, "token"), secret_path(folder, "password")):
        assert path.stat().st_mode & 0o077 == 0
    assert made.token not in repr(made) and made.password not in repr(made)


def test_secrets_of_the_environment_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", "ab" * 20)
    monkeypatch.setenv("LABEL_STUDIO_PASSWORD", "a long password")
    made = owner_secrets(tmp_path / "server")
    assert (made.token, made.password) == ("ab" * 20, "a long password")


def test_the_server_is_told_by_its_environment_and_gets_nothing_else_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "canary")
    told = _environment(tmp_path, owner_secrets(tmp_path / "server"))
    assert "canary" not in told.values()
    assert told["COLLECT_ANALYTICS"] == "False"


def test_what_is_not_there_is_not_there(tmp_path: Path) -> None:
    assert installed(tmp_path) is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "label-studio").touch()
    assert installed(tmp_path) is None, "an install that was broken off"
    assert not is_up("http://127.0.0.1:9")
