"""Stages keep or drop, and what they do not foresee costs one item."""

import pytest

from core.errors import BadImage, NoFace
from curation.stage import UNFORESEEN, Drop, Reasons, guarded


def raising(error: BaseException) -> object:
    def stage(_: int) -> int:
        raise error

    return stage


def test_what_a_stage_makes_passes_through() -> None:
    assert guarded("faces", lambda item: item + 1, 1) == 2
    drop = Drop(stage="faces", reason="no face")
    assert guarded("faces", lambda _: drop, 1) is drop


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BadImage("It is cut off."), "no usable picture"),
        (NoFace("None."), "NoFace"),
        (ZeroDivisionError("by 0"), UNFORESEEN),
        (MemoryError("too much"), UNFORESEEN),
    ],
)
def test_what_it_raises_becomes_a_drop(error: Exception, reason: str) -> None:
    drop = guarded("decode", raising(error), 1)  # type: ignore[arg-type]
    assert isinstance(drop, Drop)
    assert (drop.stage, drop.reason) == ("decode", reason)
    assert str(error) in drop.detail


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(3)])
def test_ends_of_the_process_pass_through(end: BaseException) -> None:
    with pytest.raises(type(end)):
        guarded("decode", raising(end), 1)  # type: ignore[arg-type]


def test_what_may_pass_and_what_is_our_fault_is_not_final() -> None:
    assert Drop(stage="faces", reason="no face").is_final
    assert not Drop(stage="fetch", reason="server fault", is_passing=True).is_final
    assert not Drop(stage="quality", reason=UNFORESEEN).is_final


def test_reasons_are_counted_by_stage() -> None:
    reasons = Reasons()
    for outcome in (1, 2, Drop(stage="faces", reason="no face"), Drop(stage="faces", reason="no face", detail="x"),
                    Drop(stage="fetch", reason="not found")):  # fmt: skip
        reasons.add(outcome)
    assert reasons.num_kept == 2
    assert reasons.as_json() == {"faces": {"no face": 2}, "fetch": {"not found": 1}}
