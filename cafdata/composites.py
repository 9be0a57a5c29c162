"""Faces of nobody: each the mean of twelve real faces of one sex, descent and age, carried onto each other.

A plain mean is a blur. Here each face is warped onto the mean by a dense flow field, a few rounds over, so that
eyes lie on eyes; then the two darkest and the two lightest values of each pixel are dropped, which takes spectacles
away, and the other eight averaged. No two of the faces may be of one person as far as a recogniser can tell.
Source: Kemelmacher-Shlizerman and Seitz, "Collection Flow", CVPR 2012, for the rounds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from cafdata.record import Sex
from core.align import UTKFACE, apply, crop
from core.detect import FacePack
from core.errors import DataBroken
from core.identity import Embedding
from core.images import Photo, decode_photo, resize

Levels = npt.NDArray[np.float32]
"""(H, W, 3) or (H, W), grey levels 0..255."""

SIZE_PX: Final = 200
"""UTKFace's own; its framing too."""
NUM_FACES: Final = 12
LEAST_FACES: Final = 8
"""Faces that each pixel is the mean of, after the extremes are dropped: the mean of so many people is nobody."""
MAX_CANDIDATES: Final = 90
MIN_SHARPNESS: Final = 35.0
"""Variance of the Laplacian, as the pack has it; half of its faces lie above 40."""
MAX_RESIDUAL_PX: Final = 7.0
"""Of the five points against those of a face seen from the front."""
SAME_PERSON_COSINE: Final = 0.92
"""dlib's recogniser: a distance of 0.6 between its descriptors, whose length is about 1.45."""
ROUNDS: Final = ((100, 4.0), (200, 8.0), (200, 12.0))
"""Side in pixels at which the flow is found, and how closely it follows the pixels."""
MOUTH: Final = np.s_[12:16, 5:15]
"""Rows and columns of the mouth on a face of 20 x 20 pixels."""
MOUTH_WEIGHT: Final = 1.5
"""Open mouths and closed ones do not mix."""
RACES: Final = ("White", "Black", "Asian", "Indian")
COLUMNS: Final = ("age", "gender", "race", "sharp")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """Who is averaged into one face."""

    sex: Sex
    race: str
    """In UTKFace's words."""
    first_years: int
    """Youngest age of a face."""
    last_years: int
    """Oldest age of a face."""

    def fits(self, row: dict[str, Any]) -> bool:
        """Whether a row of labels is of such a face, and sharp."""
        return bool(
            self.first_years <= row["age"] <= self.last_years
            and row["gender"] == ("male", "female").index(self.sex)
            and row["race"] == RACES.index(self.race)
            and row["sharp"] >= MIN_SHARPNESS
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidate:
    """A face that may go into a composite."""

    face: Photo
    """(200, 200, 3) uint8 RGB in UTKFace framing."""
    age_years: int
    embedding: Embedding
    """Of the recogniser of the pack that found it; never written anywhere."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Composite:
    """One face of nobody."""

    cast: Cast
    face: Photo
    """(200, 200, 3) uint8 RGB in UTKFace framing."""
    ages_years: tuple[int, ...]
    """Of the faces it was made of."""


def make_composites(
    files: Sequence[Path], casts: Sequence[Cast], pack: FacePack, report: Callable[[str], None]
) -> Iterator[Composite]:
    """One composite for each cast, in order. Takes about half a minute each.

    Args:
        files: Parquet files with age, gender, race, sharp and jpeg, as the UTKFace pack has them.
        pack: finds and tells faces apart.
        report: is told of progress.
    Raises:
        DataBroken: a file cannot be read, or holds too few faces that fit.
    """
    for number, cast in enumerate(casts, 1):
        candidates = find_candidates(files, cast, pack)
        chosen = choose(candidates)
        if len(chosen) < LEAST_FACES:
            raise DataBroken(f"only {len(chosen)} faces of different people fit {cast}; name more --faces")
        made = composite([candidate.face for candidate in chosen])
        report(f"composite {number} of {len(casts)}: {len(chosen)} of {len(candidates)} faces")
        yield Composite(cast=cast, face=made, ages_years=tuple(candidate.age_years for candidate in chosen))


def find_candidates(files: Sequence[Path], cast: Cast, pack: FacePack) -> list[Candidate]:
    """Up to `MAX_CANDIDATES` faces that fit, seen from the front, alone on their picture."""
    template = UTKFACE.template(pack.convention, SIZE_PX)
    found: list[Candidate] = []
    for row in _rows(files, cast):
        photo = decode_photo(row["jpeg"])
        faces = pack.detect(photo)
        if len(faces) != 1 or faces[0].warnings:
            continue
        matrix = UTKFACE.matrix(faces[0].points, faces[0].convention, SIZE_PX)
        if np.abs(apply(matrix, faces[0].points) - template).max() > MAX_RESIDUAL_PX:
            continue
        embedding = pack.embed(photo, faces[0])
        found.append(Candidate(face=crop(photo, matrix, SIZE_PX), age_years=row["age"], embedding=embedding))
        if len(found) == MAX_CANDIDATES:
            break
    return found


def choose(candidates: Sequence[Candidate], count: int = NUM_FACES) -> list[Candidate]:
    """Those `count` that look most alike, evenly lit, no two of one person; fewer if there are not so many."""
    if not candidates:
        return []
    looks = np.stack([_look(candidate.face) for candidate in candidates])
    uneven = ((looks - looks[:, :, ::-1]) ** 2).mean(axis=(1, 2))
    flat = looks.reshape(len(looks), -1)
    apart = ((flat[:, None] - flat[None]) ** 2).mean(axis=2) + (uneven[:, None] + uneven[None]) / 2
    embeddings = np.stack([candidate.embedding for candidate in candidates])
    is_same = embeddings @ embeddings.T >= SAME_PERSON_COSINE
    best: tuple[int, float, list[int]] = (0, 0.0, [])
    for first in range(len(candidates)):
        chosen: list[int] = []
        for index in np.argsort(apart[first] - (np.arange(len(candidates)) == first) * 1e6).tolist():
            if len(chosen) < count and not is_same[index, chosen].any():
                chosen.append(index)
        cost = float(apart[np.ix_(chosen, chosen)].mean())
        if (-len(chosen), cost) < (-best[0], best[1]):
            best = (len(chosen), cost, chosen)
    return [candidates[index] for index in best[2]]


def composite(faces: Sequence[Photo], rounds: Sequence[tuple[int, float]] = ROUNDS) -> Photo:
    """Mean of faces after each was warped onto the mean of all.

    Args:
        faces: eight at least, (200, 200, 3) uint8 RGB in one framing.
        rounds: side in pixels and attachment of each round.
    Returns:
        (200, 200, 3) uint8 RGB; what lies beyond the face is soft.
    """
    if len(faces) < LEAST_FACES:
        raise ValueError(f"a composite is of {LEAST_FACES} faces at least, got {len(faces)}")
    plain: Levels = np.stack([face.astype(np.float32) for face in faces]).mean(axis=0)
    toned = [_toned(face, plain) for face in faces]
    drop = (len(faces) - LEAST_FACES) // 2
    mean: Levels = plain
    for side_px, attachment in rounds:
        warped = np.sort(np.stack([_warped(face, _flow(mean, face, side_px, attachment)) for face in toned]), axis=0)
        mean = warped[drop : len(warped) - drop].mean(axis=0)
    return _finished(mean)


def _rows(files: Sequence[Path], cast: Cast) -> Iterator[dict[str, Any]]:
    """Rows that fit, with their pictures, in the order of the files."""
    for file in files:
        try:
            with pq.ParquetFile(file) as parquet:
                for row_group in range(parquet.num_row_groups):
                    labels = parquet.read_row_group(row_group, columns=[*COLUMNS]).to_pylist()
                    fitting = [index for index, row in enumerate(labels) if cast.fits(row)]
                    if fitting:
                        pictures = parquet.read_row_group(row_group, columns=["jpeg"]).take(fitting).to_pylist()
                        yield from (labels[index] | row for index, row in zip(fitting, pictures, strict=True))
        except (OSError, KeyError, pa.ArrowException) as error:
            raise DataBroken(f"{file} is no Parquet file with {', '.join(COLUMNS)} and jpeg: {error}") from error


def _grey(face: npt.NDArray[Any]) -> Levels:
    """Grey with mean 0 and spread 1."""
    grey: Levels = face.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    normal: Levels = (grey - grey.mean()) / (grey.std() + 1e-3)
    return normal


def _look(face: Photo) -> Levels:
    """(20, 20) grey of a face, blurred: where it is dark and light, which way it looks."""
    look = _grey(resize(face, 20, 20))
    look[MOUTH] *= MOUTH_WEIGHT
    return look


def _toned(face: Photo, mean: Levels) -> Levels:
    """Face with the brightness, contrast and tint of the mean, as measured within the face."""
    inner = np.s_[20:190, 30:170]
    levels = face.astype(np.float32)
    centre, spread = levels[inner].mean(axis=(0, 1)), levels[inner].std(axis=(0, 1)) + 1e-3
    toned: Levels = (levels - centre) / spread * mean[inner].std(axis=(0, 1)) + mean[inner].mean(axis=(0, 1))
    return toned


def _flow(mean: Levels, face: Levels, side_px: int, attachment: float) -> Levels:
    """(2, 200, 200) pixels down and right from each pixel of the mean to where the face has the same."""
    from scipy.ndimage import gaussian_filter, zoom
    from skimage.registration import optical_flow_tvl1

    scale = side_px / SIZE_PX
    small = [_grey(zoom(levels, (scale, scale, 1), order=1) if scale != 1 else levels) for levels in (mean, face)]
    flow = optical_flow_tvl1(*small, attachment=attachment, num_warp=5, num_iter=8)
    smooth = [gaussian_filter(part, 1.8 * scale) for part in flow]
    return np.stack([zoom(part, 1 / scale, order=1) / scale for part in smooth]).astype(np.float32)


def _warped(face: Levels, flow: Levels) -> Levels:
    from scipy.ndimage import map_coordinates

    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX] + flow
    channels = [map_coordinates(face[..., channel], [rows, columns], order=3, mode="reflect") for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def _finished(mean: Levels) -> Photo:
    """A little crisper within an oval, blurred beyond it, where nothing lay on the like of it."""
    from scipy.ndimage import gaussian_filter

    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX]
    distance = np.hypot((columns - 99.5) / 86, (rows - 100) / 112)
    inside = (1 / (1 + np.exp((distance - 1) * 14)))[..., None]
    crisp = mean + 0.5 * (mean - gaussian_filter(mean, (1.2, 1.2, 0)))
    levels = crisp * inside + gaussian_filter(mean, (4, 4, 0)) * (1 - inside)
    finished: Photo = np.clip(levels, 0, 255).round().astype(np.uint8)
    return finished
