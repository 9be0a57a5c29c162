"""What judges and a recogniser see in faces and in what a generator makes of them, before any figure is drawn."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.ages import AgeGroups
from core.align import GREY, UTKFACE, Points
from core.detect import Face, FacePack
from core.errors import DataBroken
from core.images import resize
from training import metrics
from training.contender import Contender, Pictures
from training.data import FaceSet
from training.judge import Judge, JudgeReading
from training.metrics import Floats
from training.observed import Observed, Part

BATCH = 4
"""Faces that are aged and read at once, each at every group; so many are kept as one part."""
NUM_SHOWN = 40
"""Faces kept to be looked at."""
SHOWN_PX = 512
"""Side at which they are kept, of models that are larger."""
NUM_FOLLOWED = 100
"""Faces on whose outputs the points are found again, the slowest thing to be seen."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shown:
    """Pictures to look at."""

    rows: tuple[int, ...]
    """Which faces, spread over all."""
    own: Pictures
    """(rows, P, P, 3) those faces at their own age; P is S, but at most SHOWN_PX."""
    targets: Pictures
    """(rows, G, P, P, 3) at the target groups."""
    mean_targets: Pictures
    """(G, P, P, 3) mean over all faces, of each target group."""


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
    """(N,) the model's own reading of the present age; NaN from one that reads none."""
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


def observe(
    contender: Contender, faces: FaceSet, judges: Sequence[Judge], pack: FacePack, observed: Observed
) -> Observations:
    """Age every face to every group and to its own age, and have all of it read; parts already seen are taken up.

    Outputs are read by the points of their inputs: in place and size a face stays where it is. Raises DataBroken
    if the pack's points are none that judges are aligned by.
    """
    groups, side = contender.groups, min(faces.faces.shape[1], SHOWN_PX)
    shown_rows = spread(len(faces), NUM_SHOWN)
    looker = _Looker(contender, faces, judges, pack)
    total = np.zeros((len(groups), side, side, 3))
    parts: list[Part] = []
    for start in range(0, len(faces), BATCH):
        rows = range(start, min(start + BATCH, len(faces)))
        part = observed.part(start // BATCH, lambda rows=rows: looker.look(rows))  # type: ignore[misc]
        total += part["total"]
        parts.append({name: array for name, array in part.items() if name != "total"})
        if start % (12 * BATCH) == 0:
            observed.say(f"judged {start} of {len(faces)} faces")
    seen = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Observations(
        groups=groups,
        faces=faces,
        judges=tuple(judge.name for judge in judges),
        real=tuple(_reading(seen, f"real.{number}") for number in range(len(judges))),
        made=tuple(_reading(seen, f"made.{number}") for number in range(len(judges))),
        embeddings=seen["embeddings"],
        made_embeddings=seen["made_embeddings"],
        skin_change=seen["skin_change"],
        point_drift=seen["point_drift"],
        present_years=seen["present_years"],
        own_age_psnr_db=seen["own_age_psnr_db"],
        shown=Shown(
            rows=shown_rows,
            own=seen["shown_own"],
            targets=seen["shown_targets"],
            mean_targets=(total / len(faces)).round().astype(np.uint8),
        ),
    )


class _Looker:
    """Ages and reads some of the faces at a time. What it sees of one depends on the others of its part alone."""

    def __init__(self, contender: Contender, faces: FaceSet, judges: Sequence[Judge], pack: FacePack) -> None:
        self.contender, self.faces, self.judges, self.pack = contender, faces, judges, pack
        self.shown, self.followed = set(spread(len(faces), NUM_SHOWN)), set(spread(len(faces), NUM_FOLLOWED))

    def look(self, rows: range) -> Part:
        """Arrays of the fields of Observations, a row a face; "total" is the sum of the outputs, (G, P, P, 3)."""
        before = self.faces.faces[rows.start : rows.stop]
        points, is_found = find_points(before, self.pack)
        targets, own, present = self.contender.age(before, points, self.faces.ages_years[rows.start : rows.stop])
        num_groups = targets.shape[1]
        seen: Part = {
            "present_years": present,
            "own_age_psnr_db": np.asarray([_likeness_db(one, face) for one, face in zip(own, before, strict=True)]),
            "skin_change": np.stack([_skin_change(*pair) for pair in zip(before, targets, strict=True)]),
            "embeddings": np.asarray([self._embed(*pair) for pair in zip(before, points, strict=True)], np.float64),
            "made_embeddings": np.asarray(
                [[self._embed(one, five) for one in made] for made, five in zip(targets, points, strict=True)],
                np.float64,
            ),
            "total": to_show(targets).sum(0, dtype=np.uint16),  # of BATCH faces; a part lies on disk
        }
        for number, judge in enumerate(self.judges):
            seen |= _kept(f"real.{number}", judge.read(before, points))
            made = [
                judge.read(after, np.repeat(five[None], num_groups, axis=0))
                for after, five in zip(targets, points, strict=True)
            ]
            seen |= _kept(f"made.{number}", _stacked(made))
        followed = [number for number, row in enumerate(rows) if row in self.followed and is_found[number]]
        drifts = [self._drift(targets[number], points[number]) for number in followed]
        shown = [number for number, row in enumerate(rows) if row in self.shown]
        return seen | {
            "point_drift": np.asarray(drifts, dtype=np.float64).reshape(-1, num_groups),
            "shown_own": to_show(own[shown]),
            "shown_targets": to_show(targets[shown]),
        }

    def _embed(self, face: Pictures, points: Points) -> npt.NDArray[np.float32]:
        size_px = face.shape[0]
        where = Face(box=(0, 0, size_px, size_px), points=points, convention=self.pack.convention, score=1.0)
        return self.pack.embed(face, where)

    def _drift(self, made: Pictures, points: Points) -> Floats:
        """(G,) of the outputs of one face; NaN where no points were found."""
        again, is_seen = find_points(made, self.pack)
        return np.where(is_seen, metrics.drift(np.broadcast_to(points, again.shape), again), np.nan)


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


def to_show(pictures: Pictures) -> Pictures:
    """(..., S, S, 3) to (..., P, P, 3), P at most SHOWN_PX."""
    *counts, size_px, _, _ = pictures.shape
    side = min(size_px, SHOWN_PX)
    small = [resize(one, side, side) for one in pictures.reshape(-1, size_px, size_px, 3)]
    return np.asarray(small, np.uint8).reshape(*counts, side, side, 3)


def _skin_change(before: Pictures, after: Pictures) -> Floats:
    """(G,) of one face (S, S, 3) and its outputs (G, S, S, 3)."""
    return metrics.colour_difference(metrics.cheek_colours(before[None]), metrics.cheek_colours(after))


def _likeness_db(one: Pictures, other: Pictures) -> float:
    return metrics.peak_signal_to_noise(one.astype(np.float64) - other)


def _stacked(readings: Sequence[JudgeReading]) -> JudgeReading:
    ages = np.stack([reading.ages_years for reading in readings])
    women = np.stack([reading.women for reading in readings])
    features = [reading.features for reading in readings if reading.features is not None]
    return JudgeReading(ages, women, np.stack(features) if features else None)


def _kept(name: str, reading: JudgeReading) -> Part:
    return {f"{name}.{field}": array for field, array in reading._asdict().items() if array is not None}


def _reading(seen: Part, name: str) -> JudgeReading:
    return JudgeReading(seen[f"{name}.ages_years"], seen[f"{name}.women"], seen.get(f"{name}.features"))
