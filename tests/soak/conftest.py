"""How long to go on: `make soak` sets SOAK=full; without it a twentieth is done, or what a test says itself."""

import os

import pytest


@pytest.fixture(scope="session")
def is_full() -> bool:
    """Whether the numbers of the reliability table are to be reached."""
    return os.environ.get("SOAK") == "full"
