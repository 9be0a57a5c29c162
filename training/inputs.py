"""A batch as the networks see it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.ages import AgeGroups
from core.device import Compute
from core.generator import age_code
from core.images import to_tensor
from training.data import LabelledBatch


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """N faces with what is asked of them; all (N, ...), on one device."""

    faces: Tensor
    """(N, 3, S, S) float32, -1..1."""
    ages_years: Tensor
    """(N,) float32."""
    groups: Tensor
    """(N,) int64."""
    sexes: Tensor
    """(N,) int64: 0 male, 1 female."""
    code: Tensor
    """(N, groups + 1) float32 of the own age."""
    target_years: Tensor
    """(N,) float32."""
    target_groups: Tensor
    """(N,) int64."""
    target_code: Tensor
    """(N, groups + 1) float32 of the target age."""
    gap_groups: Tensor
    """(N,) float32: how many groups lie between own age and target."""
    may_change: Tensor | None = None
    """(N, 1, S, S) float32, 0..1: where the faces may change (training/face_area.py); None: anywhere."""


def to_inputs(batch: LabelledBatch, groups: AgeGroups, compute: Compute) -> Inputs:
    """Mirror the faces that are to be mirrored, code the ages, and bring all to the device."""
    place = compute.device
    pixels = to_tensor(batch.faces).to(place)
    flips = torch.from_numpy(batch.flips).to(place)
    pixels = torch.where(flips[:, None, None, None], pixels.flip(3), pixels)
    ages, targets = batch.ages_years, batch.targets_years
    group_of = np.vectorize(groups.index_of, otypes=[np.int64])
    gaps = np.abs(groups.positions(ages) - groups.positions(targets))
    return Inputs(
        faces=compute.move(pixels),
        ages_years=torch.from_numpy(ages).to(place, torch.float32),
        groups=torch.from_numpy(group_of(ages)).to(place),
        sexes=torch.from_numpy(batch.sexes).to(place),
        code=age_code(groups, ages).to(place),
        target_years=torch.from_numpy(targets).to(place, torch.float32),
        target_groups=torch.from_numpy(group_of(targets)).to(place),
        target_code=age_code(groups, targets).to(place),
        gap_groups=torch.from_numpy(gaps).to(place, torch.float32),
    )
