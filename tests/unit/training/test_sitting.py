"""One sitting at a time in a run folder."""

from pathlib import Path

import pytest

from core.errors import RunBroken
from tests.models import TINY_ESTIMATOR
from training.config import preset
from training.estimator import EstimatorTraining, train_estimator
from training.loop import train
from training.sitting import sitting


def test_a_second_sitting_is_refused(tmp_path: Path) -> None:
    with sitting(tmp_path):
        with pytest.raises(RunBroken, match=f"{tmp_path} is being written by another process .* or give another --out"):
            train(preset("tiny"), tmp_path)
        with pytest.raises(RunBroken, match="is being written by another process"):
            train_estimator(EstimatorTraining(network=TINY_ESTIMATOR), tmp_path)
    with sitting(tmp_path):
        pass
