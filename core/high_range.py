"""Pictures of high dynamic range, as telephones film by default, to sRGB; without it they come out pale and grey.

Each channel by itself is made linear and bent below the brightest that a screen shows, then the primaries are changed:

    y = x,                                 x <= k,
    y = k + (1 - k) (1 - exp(-(x - k) / (1 - k))),  x > k,       x = light / light of white paper

Source: ITU-R BT.2100 (PQ and HLG), BT.2408 (paper white: 203 candela per square metre), BT.2087 (primaries).
"""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

PQ: Final = 16
HLG: Final = 18
"""Transfer characteristics as files name them (ITU-T H.273, table 3)."""
BT709_PRIMARIES: Final = 1
WHITE_NITS: Final = 203.0
HLG_PEAK_NITS: Final = 1000.0
KNEE: Final = 0.75
"""Of the light of white paper; what is darker stays as it is."""
FROM_BT2020: Final = np.array(
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], np.float32
)
"""Linear light with the primaries of BT.2020 -> with those of BT.709, which are sRGB's."""
ROWS_AT_ONCE: Final = 16
"""So that what is between stays in the processor's cache."""
NUM_LEVELS: Final = 4096
"""Of the tables: coded values have 10 or 12 bits."""


def is_high_range(transfer: int) -> bool:
    """Whether a picture of these transfer characteristics is for `to_srgb`."""
    return transfer in (PQ, HLG)


def to_srgb(coded: npt.NDArray[np.uint16], transfer: int, primaries: int) -> npt.NDArray[np.uint8]:
    """A picture of high dynamic range as an ordinary one.

    Args:
        coded: (H, W, 3) uint16 RGB, 0..65535, full range.
        transfer: `PQ` or `HLG`.
        primaries: as files name them; all but BT.709's are taken for BT.2020's, which go with these.
    Returns:
        (H, W, 3) uint8 RGB, sRGB.
    """
    shown = np.empty(coded.shape, np.uint8)
    for top in range(0, len(coded), ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        light = light_of(transfer)[coded[rows] >> 4]
        if primaries != BT709_PRIMARIES:
            light = light @ FROM_BT2020.T
        np.clip(light, 0, 1, out=light)
        light *= np.float32(65535)
        light += np.float32(0.5)
        shown[rows] = srgb_levels()[light.astype(np.uint16)]
    return shown


@cache
def light_of(transfer: int) -> npt.NDArray[np.float32]:
    """(4096,) float32: coded values to light as it is to be shown, 0..1."""
    value: npt.NDArray[np.float64] = np.linspace(0, 1, NUM_LEVELS, dtype=np.float64)
    light = (_pq_nits(value) if transfer == PQ else _hlg_nits(value)) / WHITE_NITS
    bent = KNEE + (1 - KNEE) * (1 - np.exp(-np.maximum(light - KNEE, 0) / (1 - KNEE)))
    return np.where(light <= KNEE, light, bent).astype(np.float32)


@cache
def srgb_levels() -> npt.NDArray[np.uint8]:
    """(65536,) uint8: light to sRGB's levels. Source: IEC 61966-2-1."""
    light = np.linspace(0, 1, 1 << 16)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * value).astype(np.uint8)


def _pq_nits(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """BT.2100, table 4: candela per square metre."""
    root = value ** (32 / 2523)
    ratio: npt.NDArray[np.float64] = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
    return 10_000 * ratio ** (8192 / 1305)


def _hlg_nits(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """BT.2100, table 5, on a screen of 1000 candela per square metre, channel by channel."""
    scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    nits: npt.NDArray[np.float64] = HLG_PEAK_NITS * scene**1.2
    return nits
