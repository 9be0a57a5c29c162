"""The drawing: everything has room, only what is known is drawn, and every letter of it is HTML."""

import re

import pytest

from core.thresholds import QUANTILE_LEVELS
from demo.language import Language
from demo.verify.curves import Axis, Marks, axis_for, bell, plot
from demo.verify.evidence import Normal, Points

SAY = Language("en")
TAIL = Points(scores=(0.4, 0.5, 0.6), shares=(0.01, 0.001, 0.0001), bands=((0.38, 0.42), (0.47, 0.53), None))
BELLS = (Normal(mean=40, std=10, highest=100), Normal(mean=85, std=6, highest=100))


def test_everything_has_room_on_the_axis() -> None:
    marks = Marks(rectified=102.3, band=(101, 104), one_size=92, pair=12.5)
    axis = axis_for(*BELLS, marks, "0..100")
    assert axis.low < 12.5 and axis.high > 104
    assert all(0 <= axis.percent(value) <= 100 for value in marks.values)
    assert axis_for(TAIL, None, Marks(), "cosine").low < 0.38
    lone = axis_for(None, None, Marks(pair=0.5), "cosine")
    assert lone.low < 0.5 < lone.high


@pytest.mark.parametrize("axis", [Axis(low=0.87, high=0.97), Axis(low=5, high=107), Axis(low=-0.3, high=1.0)])
def test_ticks_are_round_and_not_too_many(axis: Axis) -> None:
    ticks = axis.ticks()
    assert 3 <= len(ticks) <= 8 and axis.low <= ticks[0] and ticks[-1] <= axis.high + 1e-9
    assert {f"{value:g}"[0] for value in (ticks[1] - ticks[0], 1)} <= {"1", "2", "5", "0"}


def test_a_bell_ends_where_the_scale_ends_and_peaks_at_its_mean() -> None:
    axis = Axis(low=50, high=110)
    path = re.findall(r"verify-line same\" d=\"M([^\"]+)\"", bell(axis, BELLS[1], "same", 0.0665))[0]
    points = [tuple(float(number) for number in point.split()) for point in path.split("L")]
    assert max(x for x, _ in points) == pytest.approx(axis.x(100), abs=0.1)
    top = min(points, key=lambda point: point[1])
    assert top[0] == pytest.approx(axis.x(85), abs=8) and top[1] < 20


def test_bells_where_means_are_known_and_points_where_a_tail_is() -> None:
    drawn = plot(SAY, *BELLS, Marks(rectified=70, one_size=92), "0..100", 'told "so"')
    assert drawn.count("verify-line") == 2 and drawn.count("verify-threshold") == 2
    assert 'aria-label="told &quot;so&quot;"' in drawn and "<text" not in drawn and "verify-row" not in drawn
    tail = plot(SAY, TAIL, None, Marks(rectified=0.5, band=(0.47, 0.53), pair=0.7, made=0.6), "cosine", "told")
    assert "verify-line" not in tail
    assert [tail.count(kind) for kind in ("verify-dot strangers", "verify-span strangers")] == [3, 2]
    assert all(
        text in tail for text in ("1 in 100<", "1 in 1,000<", "1 in 10,000<", "verify-band", "spot pair", "made")
    )
    assert "verify-dot same" not in tail and "one person" not in tail


def test_measured_pairs_of_one_person_get_their_middle() -> None:
    same = Points(
        scores=tuple(0.2 + level / 2 for level in QUANTILE_LEVELS), shares=tuple(1 - x for x in QUANTILE_LEVELS)
    )
    drawn = plot(SAY, TAIL, same, Marks(), "cosine", "told")
    assert "one person" in drawn and drawn.count("verify-dot same") == 1
    axis = axis_for(TAIL, same, Marks(), "cosine")
    assert f"left:{axis.percent(0.225):.2f}%;width:{axis.percent(0.675) - axis.percent(0.225):.2f}%" in drawn
