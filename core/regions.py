"""Parts of a photo that a change leaves as they are: the hair, the glasses, the background.

Where they lie follows from the face's points and from colour: an oval that is skin for certain and a surrounding that
is not teach GrabCut (Rother et al. 2004) the person from the background, and skin from what frames it. No network is
asked. Lengths are in eye distances, about the middle between the eyes, along and across the line through them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from core.align import FFHQ, Affine, Photo, apply, crop
from core.detect import Face

Lock = Literal["hair", "glasses", "background"]
LOCKS: Final[tuple[Lock, ...]] = get_args(Lock)
Weights = npt.NDArray[np.float32]
Shape = npt.NDArray[np.bool_]

SIZE_PX: Final = 192
"""Regions are found on a crop of this side, framed as FFHQ's are: head, hair and neck."""
ROUNDS: Final = 2
"""Times GrabCut learns the colours anew."""
SOFT_PX: Final = 2.0
"""Standard deviation of a region's soft rim, on that crop."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Kept:
    """How much of a photo stays as it is, around one face."""

    weights: Weights
    """(192, 192) float32, 0..1; 1 keeps the photo, 0 lets all of a change through."""
    matrix: Affine
    """(2, 3) float64, photo pixels to pixels of `weights`. Beyond their edge the outermost goes on."""


def keep(photo: Photo, face: Face, locks: Collection[Lock]) -> Kept | None:
    """Find what is to be kept.

    Args:
        photo: (H, W, 3) uint8 RGB.
        face: a face of that photo.
        locks: which regions; none gives None, and nothing is computed.
    Raises:
        ValueError: a region that is not known.
    """
    check(locks)
    if not locks:
        return None
    matrix = FFHQ.matrix(face.points, face.convention, SIZE_PX)
    across, down = face_frame(apply(matrix, face.points), face.convention)
    kept = np.zeros((SIZE_PX, SIZE_PX), np.bool_)
    if "glasses" in locks:
        kept |= glasses(across, down)
    if "hair" in locks or "background" in locks:
        person, skin = person_and_skin(crop(photo, matrix, SIZE_PX), across, down)
        if "background" in locks:
            kept |= ~person
        if "hair" in locks:
            kept |= oval(across, down, 0.0, 1.6, 2.2) & (down < 1.0) & ~skin
    return Kept(weights=softened(kept), matrix=matrix)


def check(locks: Collection[str]) -> None:
    """Raises ValueError for a region that is not known."""
    if unknown := sorted(set(locks) - set(LOCKS)):
        raise ValueError(f"there is no region {unknown[0]!r} to keep; there are {', '.join(LOCKS)}")


def face_frame(points: npt.ArrayLike, convention: str) -> tuple[Weights, Weights]:
    """Where each pixel lies as seen from the face: across and down, in eye distances from between the eyes.

    Args:
        points: (5, 2) of the face, pixels of the crop.
        convention: "arcface5" or "dlib5".
    Returns:
        two (192, 192) float32.
    """
    five = np.asarray(points, dtype=np.float64)
    right, left = (five[:2].mean(0), five[2:4].mean(0)) if convention == "dlib5" else (five[0], five[1])
    distance = max(float(np.linalg.norm(left - right)), 1.0)
    along = (left - right) / distance
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX]
    middle = (left + right) / 2
    x, y = (columns - middle[0]) / distance, (rows - middle[1]) / distance
    return (x * along[0] + y * along[1]).astype(np.float32), (y * along[0] - x * along[1]).astype(np.float32)


def oval(across: Weights, down: Weights, middle: float, half_width: float, half_height: float) -> Shape:
    """Inside of an upright ellipse of the face, `middle` below the eyes."""
    inside: Shape = (across / half_width) ** 2 + ((down - middle) / half_height) ** 2 < 1
    return inside


def glasses(across: Weights, down: Weights) -> Shape:
    """Where glasses sit on a face: two lenses with their frames, the bridge, the arms up to the ears."""
    lens = (np.abs(np.abs(across) - 0.5) / 0.47) ** 4 + (np.abs(down - 0.08) / 0.36) ** 4 < 1
    bridge = (np.abs(across) < 0.2) & (np.abs(down) < 0.13)
    arms = (np.abs(across) > 0.9) & (np.abs(across) < 1.3) & (np.abs(down + 0.05) < 0.13)
    worn: Shape = lens | bridge | arms
    return worn


def person_and_skin(head: Photo, across: Weights, down: Weights) -> tuple[Shape, Shape]:
    """The person on a crop, and of the person the face's skin with its features.

    Args:
        head: (192, 192, 3) uint8 RGB.
        across, down: from `face_frame`.
    Returns:
        two (192, 192) bool.
    """
    import cv2

    def cut(guess: npt.NDArray[np.uint8]) -> Shape:
        # OpenCV's generator decides which pixels teach the first colours; the same photo must give the same picture.
        cv2.setRNGSeed(0)
        cv2.grabCut(smooth, guess, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
        return np.asarray(guess & 1, dtype=np.bool_)

    smooth = cv2.GaussianBlur(head, (0, 0), 1)
    around = oval(across, down, 0.2, 1.3, 1.9)
    guess = np.full(head.shape[:2], cv2.GC_PR_BGD, np.uint8)
    guess[oval(across, down, 0.0, 1.3, 1.95) | ((down > 1.5) & (np.abs(across) < 1.2))] = cv2.GC_PR_FGD
    guess[~oval(across, down, 0.2, 1.75, 2.6)] = cv2.GC_BGD
    guess[oval(across, down, 0.45, 0.9, 1.2)] = cv2.GC_FGD
    person = cut(guess)
    guess = np.full(head.shape[:2], cv2.GC_BGD, np.uint8)
    guess[around] = cv2.GC_PR_BGD
    guess[oval(across, down, 0.35, 1.08, 1.45)] = cv2.GC_PR_FGD
    guess[~person] = cv2.GC_BGD
    guess[oval(across, down, 0.5, 0.72, 0.95)] = cv2.GC_FGD
    # Brows, eyes and lips are not of the skin's colour, but of the face.
    skin = cut(guess) | oval(across, down, 0.45, 0.88, 1.15)
    return person | skin, skin


def softened(shape: Shape) -> Weights:
    """A region with a soft rim, (192, 192) float32: 1 well inside, 0 well outside, half at its edge."""
    import cv2

    blurred = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), SOFT_PX)
    return np.asarray(np.clip((blurred - 0.1) / 0.8, 0, 1), dtype=np.float32)
