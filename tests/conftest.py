"""Shared fixtures: the real photos, faces and models that lie beside the repository, where they do."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real photos, faces and models beside the repository; skips where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("real photos, faces and models (../shared) are not beside this repository")
    return SHARED
