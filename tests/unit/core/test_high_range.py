"""Colours filmed with high dynamic range come out as they were; what is brighter than paper stays below white."""

import numpy as np
import numpy.typing as npt
import pytest

from core.high_range import BT709_PRIMARIES, FROM_BT2020, HLG, PQ, is_high_range, light_of, to_srgb

FIELDS = np.array([[200, 30, 30], [30, 180, 60], [40, 60, 200], [224, 172, 105], [128, 128, 128], [0, 0, 0]], np.uint8)


def coded(levels: npt.NDArray[np.uint8], transfer: int) -> npt.NDArray[np.float64]:
    """sRGB 0..255 as such a camera stores it, 0..1, paper white at 203 candela per square metre."""
    value = levels / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ np.linalg.inv(FROM_BT2020.astype(float)).T, 0, None)
    if transfer == PQ:
        root = (light * 203 / 10_000) ** (1305 / 8192)
        return ((107 / 128 + 2413 / 128 * root) / (1 + 2392 / 128 * root)) ** (2523 / 32)
    scene = (light * 203 / 1000) ** (1 / 1.2)
    bright = 0.17883277 * np.log(np.maximum(12 * scene, 1) - 0.28466892) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_colours_come_out_as_they_were(transfer: int) -> None:
    assert is_high_range(transfer) and not is_high_range(1) and not is_high_range(2)
    picture = np.round(coded(FIELDS, transfer) * 65535).astype(np.uint16)[None]
    shown = to_srgb(picture, transfer, 9)
    assert shown.dtype == np.uint8 and np.abs(shown[0].astype(int) - FIELDS).max() <= 3
    assert np.ptp(to_srgb(picture, transfer, BT709_PRIMARIES)[0][0]) < np.ptp(shown[0][0]), (
        "other primaries, less colour"
    )


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_brighter_than_paper_is_told_apart_below_white(transfer: int) -> None:
    light = light_of(transfer)
    assert light[0] == 0 and (np.diff(light) >= 0).all() and light[-1] <= 1
    paper, lamp = (round(coded(np.full(3, 255, np.uint8), transfer)[0] * 4095), round(0.8 * 4095))
    assert 0.88 < light[paper] < 0.93 and light[paper] < light[lamp]
