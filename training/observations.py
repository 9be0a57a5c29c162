"""What judges and a recogniser see in faces and in what a generator makes of them, before any figure is drawn."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from core import device as compute_device
from core.ages import AgeGroups
from core.align import GREY, UTKFACE, Points
from core.detect import Face, FacePack
from core.errors import DataBroken
from core.generator import Generator, age_code
from core.images import to_tensor, to_uint8
from training import metrics
from training.data import FaceSet
from training.judge import Judge, JudgeReading
from training.metrics import Floats

Pictures = npt.NDArray[np.uint8]

BATCH = 4
"""Faces that the generator ages at once, each to every group."""
NUM_SHOWN = 12
"""Faces kept for the contact sheet."""
NUM_FOLLOWED = 100
"""Faces on whose outputs the points are found again, the slowest thing to be seen."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shown:
    """Pictures to look at."""

    rows: tuple[int, ...]
    """Which faces, spread over all."""
    own: Pictures
    """(rows, S, S, 3) those faces at their own age."""
    targets: Pictures
    """(rows, G, S, S, 3) at the target groups."""
    mean_targets: Pictures
    """(G, S, S, 3) mean over all faces, of each target group."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Observations:
    """Of N faces and of their outputs at G target groups."""

    groups: AgeGroups
    faces: FaceSet
    judges: tuple[str, ...]
    real: tuple[JudgeReading, ...]
    """A judge each: the faces, (N,)."""
    made: tuple[JudgeReading, ...]
    """A judge each: the outputs, (N, G); features (N, G, C)."""
    embeddings: Floats
    """(N, D) of the faces, length 1."""
    made_embeddings: Floats
    """(N, G, D) of the outputs."""
    skin_change: Floats
    """(N, G) CIE76 distance of the cheeks."""
    point_drift: Floats
    """(F, G) movement of the points in eye distances, of up to NUM_FOLLOWED faces; NaN where none were found."""
    present_years: Floats
    """(N,) the generator's own reading of the present age."""
    own_age_psnr_db: Floats
    """(N,) of the output at the labelled age."""
    shown: Shown

    @property
    def cosines(self) -> Floats:
        """(N, G) of input and output."""
        similar: Floats = np.einsum("nd,ngd->ng", self.embeddings, self.made_embeddings)
        return similar

    @property
    def own_groups(self) -> npt.NDArray[np.int64]:
        """(N,) group of each face by its label."""
        return metrics.groups_of(self.faces.ages_years, self.groups)


def observe(network: Generator, faces: FaceSet, judges: Sequence[Judge], pack: FacePack) -> Observations:
    """Age every face to every group and to its own age, and have all of it read.

    Outputs are read by the points of their inputs: in place and size a face stays where it is. Raises DataBroken
    if the pack's points are none that judges are aligned by.
    """
    groups, size_px = network.groups, network.config.size_px
    compute = compute_device.choose("cpu", "float32")  # the reference: fast paths differ from machine to machine
    compute.place(network)
    points, is_found = find_points(faces.faces, pack)
    shown_rows = spread(len(faces), NUM_SHOWN)
    followed = set(spread(len(faces), NUM_FOLLOWED))
    real = tuple(judge.read(faces.faces, points) for judge in judges)
    made: list[list[JudgeReading]] = [[] for _ in judges]
    embeddings, made_embeddings, skin, drifts, present, psnr, shown_own, shown_targets = ([] for _ in range(8))
    total = np.zeros((len(groups), size_px, size_px, 3))
    for chunk in _chunks(len(faces)):
        targets, own, own_present = _aged(network, faces.faces[chunk], faces.ages_years[chunk], compute)
        present.append(own_present)
        for number, row in enumerate(range(chunk.start, chunk.start + len(own))):
            before, after, five = faces.faces[row], targets[number], points[row]
            psnr.append(metrics.peak_signal_to_noise(own[number].astype(np.float64) - before))
            skin.append(metrics.colour_difference(metrics.cheek_colours(before[None]), metrics.cheek_colours(after)))
            for readings, judge in zip(made, judges, strict=True):
                readings.append(judge.read(after, np.repeat(five[None], len(groups), axis=0)))
            embeddings.append(pack.embed(before, _face(five, pack, size_px)))
            made_embeddings.append([pack.embed(one, _face(five, pack, size_px)) for one in after])
            if row in followed and is_found[row]:
                again, is_seen = find_points(after, pack)
                drifts.append(np.where(is_seen, metrics.drift(np.broadcast_to(five, again.shape), again), np.nan))
            if row in shown_rows:
                shown_own.append(own[number])
                shown_targets.append(after)
            total += after
    return Observations(
        groups=groups,
        faces=faces,
        judges=tuple(judge.name for judge in judges),
        real=real,
        made=tuple(_stacked(readings) for readings in made),
        embeddings=np.asarray(embeddings, dtype=np.float64),
        made_embeddings=np.asarray(made_embeddings, dtype=np.float64),
        skin_change=np.stack(skin),
        point_drift=np.asarray(drifts, dtype=np.float64).reshape(-1, len(groups)),
        present_years=np.concatenate(present),
        own_age_psnr_db=np.asarray(psnr, dtype=np.float64),
        shown=Shown(
            rows=shown_rows,
            own=np.stack(shown_own),
            targets=np.stack(shown_targets),
            mean_targets=(total / len(faces)).round().astype(np.uint8),
        ),
    )


def spread(length: int, count: int) -> tuple[int, ...]:
    """At most `count` rows of `length`, evenly spread, ascending."""
    return tuple(np.linspace(0, length - 1, min(count, length)).round().astype(int).tolist())


def find_points(faces: Pictures, pack: FacePack) -> tuple[Points, npt.NDArray[np.bool_]]:
    """(N, 5, 2) "arcface5" of (N, S, S, 3) faces in UTKFace framing, and (N,) whether the pack found them.

    Where it did not, they are where the framing puts them. Raises DataBroken for a pack with other points.
    """
    if pack.convention != "arcface5":
        raise DataBroken(f"the judge needs arcface5 points, {pack.name} gives {pack.convention}")
    size_px = faces.shape[1]
    template = UTKFACE.template("arcface5", size_px)
    border_px = size_px // 2  # detectors miss faces that fill the picture, and then look a second time
    canvas = np.full((size_px + 2 * border_px, size_px + 2 * border_px, 3), GREY, dtype=np.uint8)
    points, is_found = [], []
    for face in faces:
        canvas[border_px : border_px + size_px, border_px : border_px + size_px] = face
        detected = [one.points - border_px for one in pack.detect(canvas)]
        is_near = bool(detected) and np.linalg.norm(detected[0] - template, axis=1).mean() < 0.15 * size_px
        points.append(detected[0] if is_near else template)
        is_found.append(is_near)
    return np.stack(points), np.asarray(is_found, dtype=np.bool_)


def _face(points: Points, pack: FacePack, size_px: int) -> Face:
    return Face(box=(0, 0, size_px, size_px), points=points, convention=pack.convention, score=1.0)


def _aged(
    network: Generator, faces: Pictures, ages_years: npt.NDArray[np.int64], compute: compute_device.Compute
) -> tuple[Pictures, Pictures, Floats]:
    """(N, G, S, S, 3) at the targets, (N, S, S, 3) at the own age, (N,) present ages in years."""
    groups = network.groups
    pictures = compute.move(to_tensor(faces))
    with torch.inference_mode(), compute_device.autocast(compute):
        encoding = network.encode(pictures)
        code = compute.move(age_code(groups, list(groups.typical_years) * len(faces)))
        repeated = pictures.repeat_interleave(len(groups), dim=0)
        made = network.decode(repeated, encoding.repeat(len(groups)), code)[0]
        own = network.decode(pictures, encoding, compute.move(age_code(groups, ages_years)))[0]
    present = encoding.present_age_years().cpu().double().numpy()
    return to_uint8(made).reshape(len(faces), len(groups), *faces.shape[1:]), to_uint8(own), present


def _stacked(readings: list[JudgeReading]) -> JudgeReading:
    ages = np.stack([reading.ages_years for reading in readings])
    women = np.stack([reading.women for reading in readings])
    features = [reading.features for reading in readings if reading.features is not None]
    return JudgeReading(ages, women, np.stack(features) if features else None)


def _chunks(count: int) -> Iterator[slice]:
    """Consecutive slices of 0..count-1, with a line on stderr now and then."""
    for start in range(0, count, BATCH):
        if start % (12 * BATCH) == 0:
            print(f"judged {start} of {count} faces", file=sys.stderr, flush=True)  # noqa: T201
        yield slice(start, min(count, start + BATCH))
