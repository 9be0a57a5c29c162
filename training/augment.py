"""Random changes to batches of faces that leave age and person alone. All are differentiable in the faces."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

LUMA = (0.299, 0.587, 0.114)
"""Rec. 601 weights of red, green and blue in lightness."""


def uniform(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    """(count,) float32 in low..high."""
    return torch.rand(count, generator=random) * (high - low) + low


def warp(
    faces: Tensor,
    degrees: Tensor,
    scales: Tensor,
    shifts: Tensor,
    mode: Literal["bilinear", "bicubic"] = "bilinear",
) -> Tensor:
    """Turn, scale and shift each face about its middle; what comes in at the border is mirrored.

    Args:
        faces: (N, 3, S, S), or weights of their pixels, (N, 1, S, S).
        degrees: (N,) counter-clockwise.
        scales: (N,) above 1 enlarges.
        shifts: (N, 2) parts of the side, to the right and down, before the turn and the scale.
        mode: between pixels; bicubic keeps more detail, and may exceed the faces' range.
    Returns:
        The same shape.
    """
    radians = degrees * (math.pi / 180)
    cosine, sine = torch.cos(radians) / scales, torch.sin(radians) / scales
    across = torch.stack((cosine, -sine, -2 * shifts[:, 0]), 1)
    down = torch.stack((sine, cosine, -2 * shifts[:, 1]), 1)
    grid = F.affine_grid(torch.stack((across, down), 1).to(faces), list(faces.shape), align_corners=False)
    return F.grid_sample(faces, grid, mode=mode, padding_mode="reflection", align_corners=False)


def recolour(faces: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Add `brightness`, multiply contrast about mid grey, and saturation about each pixel's lightness.

    Args:
        faces: (N, 3, S, S), -1..1; the result may exceed that.
        brightness, contrast, saturation: (N,).
    """
    luma = (faces * torch.tensor(LUMA).to(faces)[:, None, None]).sum(1, keepdim=True)
    coloured = luma + (faces - luma) * saturation.to(faces)[:, None, None, None]
    return coloured * contrast.to(faces)[:, None, None, None] + brightness.to(faces)[:, None, None, None]


def soften(faces: Tensor, side_px: int) -> Tensor:
    """Faces as a picture of `side_px` pixels, enlarged again, would show them. (N, 3, S, S) to the same."""
    small = F.interpolate(faces, (side_px, side_px), mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(small, list(faces.shape[2:]), mode="bilinear", align_corners=False)


def erase(faces: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Cover, in that share of the faces, a rectangle of up to two fifths of the side with grey."""
    count, side = len(faces), faces.shape[2]
    place = torch.arange(side)
    covered = torch.rand(count, generator=random) < share
    inside = []
    for _ in range(2):
        length = uniform(count, 0.1, 0.4, random) * side
        start = uniform(count, 0.0, 1.0, random) * (side - length)
        inside.append((place >= start[:, None]) & (place < (start + length)[:, None]))  # (N, S)
    where = (inside[0][:, None, :, None] & inside[1][:, None, None, :]) & covered[:, None, None, None]
    return faces.masked_fill(where.to(faces.device), 0.0)


def vary_for_reading(faces: Tensor, random: torch.Generator) -> Tensor:
    """What an estimator is trained on: flips, jitter of the crop, light and colour, softness, covered parts.

    Args:
        faces: (N, 3, S, S) float32, -1..1.
        random: on the CPU; fixes everything.
    Returns:
        (N, 3, S, S) float32, about -1..1.
    """
    count = len(faces)
    flips = torch.rand(count, generator=random) < 0.5
    varied = torch.where(flips.to(faces.device)[:, None, None, None], faces.flip(3), faces)
    shifts = torch.stack((uniform(count, -0.05, 0.05, random), uniform(count, -0.05, 0.05, random)), 1)
    varied = warp(varied, uniform(count, -12, 12, random), uniform(count, 0.88, 1.12, random), shifts)
    grey = torch.rand(count, generator=random) < 0.1
    saturation = torch.where(grey, 0.0, uniform(count, 0.6, 1.4, random))
    varied = recolour(varied, uniform(count, -0.2, 0.2, random), uniform(count, 0.7, 1.3, random), saturation)
    parts = list(varied.chunk(4))
    side = faces.shape[2]
    parts[0] = soften(parts[0], int(torch.randint(3 * side // 8, side + 1, (1,), generator=random)))
    return erase(torch.cat(parts), 0.3, random)


@dataclass(frozen=True, kw_only=True, slots=True)
class Jitter:
    """How N faces are framed and lit otherwise: each (N,), or (N, 2) for the shifts, as `warp` and `recolour` take it.

    Crops of whole photos do not lie as the aligned faces of a dataset do: a generator that has only seen those knows
    where in the crop a chin ends and not what a chin is.
    """

    degrees: Tensor
    scales: Tensor
    shifts: Tensor
    brightness: Tensor
    contrast: Tensor
    saturation: Tensor

    def of_faces(self, faces: Tensor) -> Tensor:
        """(N, 3, S, S) float32, -1..1, as other photos would show them; in that range, too."""
        framed = warp(faces, self.degrees, self.scales, self.shifts, mode="bicubic")
        return recolour(framed, self.brightness, self.contrast, self.saturation).clamp(-1, 1)

    def of_weights(self, weights: Tensor) -> Tensor:
        """(N, 1, S, S) weights of the faces' pixels where they lie then."""
        return warp(weights, self.degrees, self.scales, self.shifts)


def draw_jitter(count: int, amount: float, random: torch.Generator) -> Jitter:
    """Nearer to the camera, off the middle, tilted, in another light.

    Nothing is made smaller by more than the twentieth part, so that hardly any of the border has to be made up.

    Args:
        count: N.
        amount: 0..1 of the full ranges: tilts of 6 degrees, scales of 0.95 to 1.25, shifts of 2 % of the side and of
            two thirds of what an enlarged face hides of its border, brightness of 0.1 (of -1..1), contrast and
            saturation of a quarter.
        random: on the CPU; fixes everything.
    """
    scales = torch.exp(uniform(count, math.log(0.95), math.log(1.25), random) * amount)
    room = 0.02 * amount + (1 - 1 / scales).clamp(min=0)[:, None] / 3
    return Jitter(
        degrees=uniform(count, -6, 6, random) * amount,
        scales=scales,
        shifts=torch.stack((uniform(count, -1, 1, random), uniform(count, -1, 1, random)), 1) * room,
        brightness=uniform(count, -0.1, 0.1, random) * amount,
        contrast=torch.exp(uniform(count, -0.25, 0.25, random) * amount),
        saturation=torch.exp(uniform(count, -0.25, 0.25, random) * amount),
    )


class Controller:
    """How often augmentation is applied, so that the discriminator does not learn its faces by heart.

    r = E sign D(real) is near 0 where it cannot tell and near 1 where it knows them; the chance moves so that r stays
    at the target. Source: Karras et al. 2020, "Training GANs with limited data", section 3.1.
    """

    WATCHED_FACES = 64.0
    """Faces over which r is averaged."""
    FACES_TO_FULL = 200_000.0
    """The chance goes from 0 to 1 over so many faces at the fastest."""
    MAX_CHANCE = 0.8
    """Up to here augmentation does not leak into outputs (section 2.2 there)."""

    def __init__(self, target: float, memory: dict[str, Tensor]) -> None:
        """`memory` keeps the chance and r between sittings; 0 where it holds none."""
        self.target, self.memory = target, memory
        for key in ("augment.chance", "augment.r"):
            memory.setdefault(key, torch.zeros(()))

    @property
    def chance(self) -> float:
        """Of each kind of change for each face, 0..0.8."""
        return float(self.memory["augment.chance"])

    def watch(self, mean_sign: float, num_faces: int) -> float:
        """Take in the mean sign of the scores of a step's real faces, `num_faces` of them; the new chance."""
        keep = 0.5 ** (num_faces / self.WATCHED_FACES)
        r = keep * float(self.memory["augment.r"]) + (1 - keep) * mean_sign
        step = num_faces / self.FACES_TO_FULL * (1 if r > self.target else -1)
        chance = min(max(self.chance + step, 0.0), self.MAX_CHANCE)
        self.memory["augment.r"], self.memory["augment.chance"] = torch.tensor(r), torch.tensor(chance)
        return chance


def vary_for_discriminator(faces: Tensor, chance: float, random: torch.Generator) -> Tensor:
    """What a discriminator is shown: each kind of change befalls a face with `chance`, real or made alike.

    Turns, scales and shifts, then light and colour: transformations that can be undone, and are skipped often
    enough, do not leak into what the generator makes (Karras et al. 2020, "limited data").

    Args:
        faces: (N, 3, S, S) float32, about -1..1.
        chance: 0..1; 0 gives the faces back untouched.
        random: on the CPU; fixes everything.
    """
    if chance == 0:
        return faces
    count = len(faces)

    def some(values: Tensor, otherwise: float) -> Tensor:
        applied = torch.rand(count, generator=random) < chance
        return torch.where(applied.reshape(-1, *[1] * (values.ndim - 1)), values, otherwise)

    degrees = some(uniform(count, -15, 15, random), 0.0)
    scales = some(torch.exp2(uniform(count, -0.2, 0.2, random)), 1.0)
    shifts = some(torch.stack((uniform(count, -0.08, 0.08, random), uniform(count, -0.08, 0.08, random)), 1), 0.0)
    brightness = some(uniform(count, -0.2, 0.2, random), 0.0)
    contrast = some(torch.exp2(uniform(count, -0.4, 0.4, random)), 1.0)
    saturation = some(torch.exp2(uniform(count, -0.6, 0.6, random)), 1.0)
    return recolour(warp(faces, degrees, scales, shifts), brightness, contrast, saturation)
