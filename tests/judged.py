"""Figures of made-up observations."""

import numpy as np

from core.ages import TEN
from core.thresholds import BUNDLED, read_table
from tests.observed import AGES, observed
from training.figures import Figures, Input, frechet_figures, slice_figures
from training.judgement import judge_figures
from training.likeness import likeness_figures
from training.metrics import by_target
from training.real_scores import known_scores
from training.rectified import RectifiedFigures, Scored, rectified_figures
from training.surroundings import SurroundingsFigures


def rectified_by_hand() -> RectifiedFigures:
    """Four inputs at ten groups, alike by 0.4, by ArcFace's published table."""
    table = read_table(BUNDLED / "arcface-statistics-0.001.json")
    own = np.repeat([TEN.index_of(years) for years in AGES], len(TEN))
    scored = Scored(scores=np.full(len(own), 0.4), own_groups=own, target_groups=np.tile(np.arange(len(TEN)), 4))
    return rectified_figures(scored, table, known_scores(table))


def figures_of_a_perfect_generator() -> Figures:
    """Of a generator that ages just as asked."""
    seen = observed(np.asarray(TEN.typical_years))
    pair = (np.zeros((4, 10, 3)), np.zeros((4, 3)))
    return Figures(
        model="perfect",
        framing="utkface",
        inputs=(Input(role="faces", name="four.parquet", sha256="1" * 64),),
        weights_sha256="0" * 64,
        data_sha256="1" * 64,
        num_faces=4,
        num_outputs=40,
        target_groups=TEN.names,
        judges=(judge_figures(seen, 0),),
        likeness=likeness_figures(seen, "hand"),
        rectified=None,
        why_not_rectified="There are no thresholds for hand.",
        frechet=frechet_figures(seen, "hand", pair, seen.own_groups),
        surroundings=SurroundingsFigures(
            num_photos=2, psnr_db=34.96, lowest_psnr_db=30.0, psnr_db_by_target=(35.0,) * 10
        ),
        own_age_psnr_db=28.0,
        present_age_mae_years=3.0,
        skin_change_by_target=by_target(seen.skin_change),
        point_drift_by_target=by_target(seen.point_drift),
        num_followed=2,
        slices=slice_figures(seen),
    )
