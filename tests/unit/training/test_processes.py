"""How many processes a launcher has started."""

import pytest

from core.errors import RunBroken
from training.processes import Processes, num_started


def test_a_launcher_that_starts_one_of_many_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    assert (num_started(), Processes().count) == (1, 1)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    with pytest.raises(RunBroken, match="on CPUs use torchrun --nproc-per-node"):
        Processes()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert num_started() == 2
