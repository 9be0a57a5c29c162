"""Observations made up by hand, as if judges had read them."""

import numpy as np
import numpy.typing as npt

from core.ages import TEN
from training.data import FaceSet
from training.judge import JudgeReading
from training.observations import Observations, Shown

AGES = (1, 8, 25, 60)
"""Labels of the four faces: groups 0, 2, 5 and 8."""


def observed(
    made_years: npt.ArrayLike,
    *,
    real_years: npt.ArrayLike = AGES,
    real_women: npt.ArrayLike = (0.01, 0.99, 0.99, 0.5),
    made_women: npt.ArrayLike = 0.99,
    cosines: npt.ArrayLike = 1.0,
    races: npt.ArrayLike | None = None,
) -> Observations:
    """Four faces of unrelated people, male and female in turn, at ten groups, and one judge named "hand"."""
    shape = (len(AGES), len(TEN))
    cosine = np.broadcast_to(np.asarray(cosines, np.float64), shape)
    embeddings = np.eye(len(AGES), 2 * len(AGES))
    strangers = np.eye(len(AGES), 2 * len(AGES), k=len(AGES))
    made_embeddings = cosine[..., None] * embeddings[:, None] + np.sqrt(1 - cosine**2)[..., None] * strangers[:, None]
    pictures = np.random.default_rng(0).integers(0, 256, (*shape, 32, 32, 3), dtype=np.uint8)
    return Observations(
        groups=TEN,
        faces=FaceSet(
            faces=pictures[:, 0],
            ages_years=np.asarray(AGES),
            sexes=np.asarray([0, 1, 0, 1]),
            races=None if races is None else np.asarray(races),
        ),
        judges=("hand",),
        real=(JudgeReading(np.asarray(real_years, np.float64), np.asarray(real_women, np.float64), None),),
        made=(
            JudgeReading(
                np.broadcast_to(np.asarray(made_years, np.float64), shape).copy(),
                np.broadcast_to(np.asarray(made_women, np.float64), shape).copy(),
                None,
            ),
        ),
        embeddings=embeddings,
        made_embeddings=made_embeddings,
        skin_change=np.full(shape, 2.0),
        point_drift=np.full((2, len(TEN)), np.nan),
        present_years=np.asarray(AGES, np.float64) + 3,
        own_age_psnr_db=np.full(len(AGES), 30.0),
        shown=Shown(rows=(0, 3), own=pictures[[0, 3], 0], targets=pictures[[0, 3]], mean_targets=pictures[0]),
    )
