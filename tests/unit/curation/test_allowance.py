"""Seconds and bytes of one errand, over all its requests."""

import time

import pytest

from curation.allowance import Allowance
from curation.refusal import Refusal


def test_time_is_that_of_all_requests_together_and_stands_still_between_them() -> None:
    allowance = Allowance(0.3, 100)
    with allowance.spending():
        time.sleep(0.1)
        assert 0.05 < allowance.left_s() <= 0.2
    time.sleep(0.3)
    with allowance.spending():
        assert 0.05 < allowance.left_s() <= 0.2
        time.sleep(0.25)
        with pytest.raises(Refusal, match=r"too slow \(over 0\.3 s\)") as caught:
            allowance.left_s()
    assert caught.value.is_passing
    with pytest.raises(Refusal), allowance.spending():
        allowance.left_s()


def test_bytes_are_those_of_each_request() -> None:
    allowance = Allowance(10, 100)
    for _ in range(2):
        with allowance.spending():
            allowance.take(60)
            allowance.take(40)
            with pytest.raises(Refusal, match="too large"):
                allowance.take(1)
