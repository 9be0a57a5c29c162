"""Shared fixtures: the real photos, faces and models that lie beside the repository, where they do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing on a machine that others use too.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this program, in this process and in those it starts, keeps the key that it makes for itself."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("data")
        patch.setenv("AGETRANS_DATA", str(folder))
        yield folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real photos, faces and models beside the repository; skips where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("real photos, faces and models (../shared) are not beside this repository")
    return SHARED
