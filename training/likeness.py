"""How much of the person is left: cosines of a recogniser, against strangers and against real people across ages.

Real people are unlike themselves across a lifetime. A generator whose outputs all resemble their inputs more than
that has aged them too little, so every share of outputs stands beside what real pairs of that gap would reach.
"""

import dataclasses

import numpy as np

from core.ages import TEN, AgeGroups
from core.verification import FACEPP_THRESHOLDS, band_for_ages, published_genuine_rate
from training import metrics
from training.metrics import ByTarget, Figure, by_target, finite, mean
from training.observations import Observations, spread

KEEPS_IDENTITY_FROM_YEARS = 10
"""Targets from here up are held against the different-person bound."""
DIFFERENT_PERSON_PERCENTILE = 99.9
MAX_STRANGERS = 4000
"""Inputs whose pairs make the bound, evenly spread over more: eight million pairs say enough."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LikenessFigures:
    """Cosines of input and output, -1..1, and shares, 0..1."""

    recogniser: str
    different_person_bound: Figure
    """99.9th percentile over all pairs of up to MAX_STRANGERS different inputs, where it is known who they are of two
    people. Where it is not, data of famous people may hold one of them twice, which puts the bound too high: it errs
    against the generator."""
    are_strangers: bool
    """Whether it is known that those pairs are of two people each."""
    num_pairs: int
    """Pairs behind the bound; with less than some ten thousand it is a guess."""
    cosine: Figure
    cosine_by_target: ByTarget
    above_bound: Figure
    """Share of outputs above the bound, over targets from KEEPS_IDENTITY_FROM_YEARS up."""
    above_bound_by_target: ByTarget
    genuine_above_bound_by_target: ByTarget
    """Share of real same-person pairs of the same age gaps above this bound, were this recogniser's cosines spread
    as those published for ArcFace."""
    genuine_rate_published_by_target: ByTarget
    """Share of real same-person pairs of 20-29 and the target above the thresholds published for Face++; ten groups
    only."""
    band_low_by_target: ByTarget
    """Published ArcFace mean of real pairs of the same ages, less one deviation; the mean over the inputs."""
    band_high_by_target: ByTarget
    """The same and one deviation more."""
    below_band_by_target: ByTarget
    """Share of outputs less alike than the published ArcFace mean of real pairs of that gap less one deviation."""
    inside_band_by_target: ByTarget
    """Within one deviation: 68 % of real pairs are."""
    above_band_by_target: ByTarget
    """More alike than that: where this is large, too little has changed."""


def likeness_figures(seen: Observations, recogniser: str) -> LikenessFigures:
    """Figures of the recogniser `recogniser`."""
    from scipy.stats import norm

    cosines, groups = seen.cosines, seen.groups
    rows, persons = list(spread(len(seen.embeddings), MAX_STRANGERS)), seen.faces.persons
    strangers = metrics.all_pairs(seen.embeddings[rows], None if persons is None else persons[rows])
    bound = float(np.percentile(strangers, DIFFERENT_PERSON_PERCENTILE)) if len(strangers) else float("nan")
    is_above = cosines > bound if len(strangers) else np.full(cosines.shape, np.nan)
    targets_years = np.broadcast_to(groups.typical_years, cosines.shape)
    ages_years = np.broadcast_to(seen.faces.ages_years[:, None], cosines.shape)
    band = band_for_ages(ages_years.ravel(), targets_years.ravel())
    low, high = (edge.reshape(cosines.shape) for edge in (band.low, 2 * band.mean - band.low))
    genuine = norm.sf(bound, band.mean, band.std).reshape(cosines.shape)
    is_held = np.asarray(groups.typical_years) >= KEEPS_IDENTITY_FROM_YEARS
    return LikenessFigures(
        recogniser=recogniser,
        different_person_bound=finite(bound),
        are_strangers=persons is not None,
        num_pairs=len(strangers),
        cosine=finite(mean(cosines)),
        cosine_by_target=by_target(cosines),
        above_bound=finite(mean(is_above[:, is_held])),
        above_bound_by_target=by_target(is_above),
        genuine_above_bound_by_target=by_target(genuine),
        genuine_rate_published_by_target=published_rates(groups),
        band_low_by_target=by_target(low),
        band_high_by_target=by_target(high),
        below_band_by_target=by_target(cosines < low),
        inside_band_by_target=by_target((cosines >= low) & (cosines <= high)),
        above_band_by_target=by_target(cosines > high),
    )


def published_rates(groups: AgeGroups) -> ByTarget:
    """Published share of real pairs of 20-29 and each group that pass; None for 20-29 and for other groups."""
    is_known = [groups == TEN and target in FACEPP_THRESHOLDS for target in range(len(groups))]
    return tuple(finite(published_genuine_rate(target)) if known else None for target, known in enumerate(is_known))
