"""SCRFD, the detector of InsightFace's packs, run on pictures as they are: no square around them, no enlargement.

At each cell of three grids (five in some models) stand one or two guesses: a score, the distances from the cell to
the four sides of a box, and the way from it to five points, all in strides of the grid. Where InsightFace's own
detector is given a picture of the network's size, this finds the same, bit for bit.

Source: Guo et al. 2021, "Sample and Computation Redistribution for Efficient Face Detection".
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.align import Photo
from core.candidates import Candidate

STRIDES_PX: Final = (8, 16, 32, 64, 128)
PIXEL_EDGE: Final = 0.5
"""The detector counts from the corner of the top-left pixel (as mirrored crops show), we from its centre."""
MAX_OVERLAP: Final = 0.4
"""Of two boxes that share more of their union than this, the one with the lower score goes."""
MIDDLE, SPREAD = 127.5, 128.0
"""The network takes (level - MIDDLE) / SPREAD."""
LAST_PIXEL: Final = np.float32(1)
"""InsightFace takes a box to reach to the end of its last pixel."""

Numbers = npt.NDArray[np.float32]


class Scrfd:
    """A detector with five points. Safe to call from several threads."""

    def __init__(self, session: Any) -> None:
        """Around an onnxruntime session whose 9 or 15 outputs are the grids' scores, then boxes, then points."""
        self._session = session
        self._input = session.get_inputs()[0].name
        self._outputs = [output.name for output in session.get_outputs()]
        self._strides_px = STRIDES_PX[: len(self._outputs) // 3]
        self._guesses = 2 if len(self._strides_px) == 3 else 1

    @property
    def step_px(self) -> int:
        """Width and height of what the network sees divide by it; black is added to the right and below."""
        return self._strides_px[-1]

    def candidates(self, picture: Photo, min_score: float) -> list[Candidate]:
        """Faces of a (H, W, 3) uint8 RGB picture, highest score first, in its own pixels.

        Args:
            min_score: 0..1; guesses below it are left out.
        """
        blob = self._blob(picture)
        outputs = self._session.run(self._outputs, {self._input: blob})
        count, width_px = len(self._strides_px), blob.shape[3]
        rows = np.concatenate(
            [
                self._of_grid(stride_px, width_px // stride_px, outputs[number::count], min_score)
                for number, stride_px in enumerate(self._strides_px)
            ]
        )
        rows = rows[np.argsort(-rows[:, 0], kind="stable")]
        candidates = []
        for row in rows[_apart(rows[:, 1:5])].astype(np.float64):
            left, top, right, bottom = row[1:5].tolist()
            points = row[5:].reshape(5, 2) - PIXEL_EDGE
            candidates.append(Candidate(box=(left, top, right, bottom), score=float(row[0]), points=points))
        return candidates

    def _blob(self, picture: Photo) -> Numbers:
        """(1, 3, H, W) float32 network input, both sides multiples of the step."""
        import cv2

        below, beside = (-side % self.step_px for side in picture.shape[:2])
        padded: Any = picture
        if below or beside:
            padded = cv2.copyMakeBorder(picture, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=(0, 0, 0))
        size_px = padded.shape[1], padded.shape[0]
        blob = cv2.dnn.blobFromImage(padded, 1 / SPREAD, size_px, (MIDDLE, MIDDLE, MIDDLE), swapRB=False)
        return np.asarray(blob, dtype=np.float32)

    def _of_grid(self, stride_px: int, columns: int, outputs: list[Numbers], min_score: float) -> Numbers:
        """(N, 15) score, box and points of the guesses of one grid that reach the score."""
        scores, sides, ways = outputs[0].reshape(-1), outputs[1].reshape(-1, 4), outputs[2].reshape(-1, 10)
        chosen = np.flatnonzero(scores >= min_score)
        cell = chosen // self._guesses
        at = np.stack((cell % columns, cell // columns), axis=1).astype(np.float32) * stride_px
        far = sides[chosen] * stride_px
        points = np.tile(at, 5) + ways[chosen] * stride_px
        return np.concatenate((scores[chosen, None], at - far[:, :2], at + far[:, 2:], points), axis=1)


def _apart(boxes: Numbers) -> list[int]:
    """Which of (N, 4) boxes, best first, do not overlap a better one."""
    areas = (boxes[:, 2] - boxes[:, 0] + LAST_PIXEL) * (boxes[:, 3] - boxes[:, 1] + LAST_PIXEL)
    rest: npt.NDArray[np.signedinteger[Any]] = np.arange(len(boxes))
    kept = []
    while len(rest):
        best, rest = int(rest[0]), rest[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.maximum(high - low + LAST_PIXEL, 0).prod(1)
        rest = rest[shared / (areas[best] + areas[rest] - shared) <= MAX_OVERLAP]
    return kept
