"""A good face is kept; the same face spoilt on purpose is refused for what was done to it."""

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage.data import astronaut

from core.align import UTKFACE
from core.detect import Face, FacePack, open_pack
from core.images import Photo, resize
from curation.faces import FaceRules
from curation.quality import Scores, refusal, scores_of
from curation.stage import Drop

RULES = FaceRules()


@pytest.fixture(scope="module")
def pack() -> FacePack:
    return open_pack("embedded")


@pytest.fixture(scope="module")
def found(pack: FacePack) -> Face:
    return pack.detect(astronaut())[0]


def judged(photo: Photo, face: Face, rules: FaceRules = RULES) -> tuple[Scores, str | None]:
    scores = scores_of(photo, face, rules)
    drop = refusal(scores, rules)
    assert drop is None or drop.stage == "quality"
    return scores, None if drop is None else drop.reason


def moved(face: Face, factor: float = 1.0, shift: tuple[float, float] = (0.0, 0.0), **changes: float) -> Face:
    """The face in a photo scaled by `factor`, then cut by `shift` pixels."""
    points = (face.points + 0.5) * factor - 0.5 - np.array(shift)
    left, top, right, bottom = (edge * factor - shift[number % 2] for number, edge in enumerate(face.box))
    score = changes.get("score", face.score)
    return Face(box=(left, top, right, bottom), points=points, convention=face.convention, score=score)


def test_a_good_photo_is_kept(found: Face) -> None:
    scores, reason = judged(astronaut(), found)
    assert reason is None
    assert 80 < scores.face_px < 160
    assert scores.beyond == scores.face_beyond == 0
    assert abs(scores.roll_degrees) < 15 and abs(scores.turn_degrees) < 40


def test_small(found: Face) -> None:
    small = resize(astronaut(), 205, 205)
    scores, reason = judged(small, moved(found, 0.4))
    assert reason == "too small"
    assert scores.face_px == pytest.approx(0.4 * judged(astronaut(), found)[0].face_px, rel=1e-6)


def test_blurred(found: Face) -> None:
    spoilt = cv2.GaussianBlur(astronaut(), (0, 0), 5)
    scores, reason = judged(spoilt, found)
    assert reason == "blurred" and scores.crispness < RULES.min_crispness


def test_dark_bright_and_flat(found: Face) -> None:
    photo = astronaut().astype(np.float64)
    assert judged((photo * 0.08).astype(np.uint8), found)[1] == "under-exposed"
    assert judged(np.clip(photo * 4 + 60, 0, 255).astype(np.uint8), found)[1] == "over-exposed"
    assert judged((photo * 0.1 + 120).astype(np.uint8), found)[1] == "without contrast"
    assert judged((photo * 0.5).astype(np.uint8), found)[1] is None


def test_cut_by_the_edge(found: Face) -> None:
    left, top = found.box[0], found.box[1]
    face_side = found.box[2] - left
    cut = round(left + 0.4 * face_side)
    scores, reason = judged(np.ascontiguousarray(astronaut()[:, cut:]), moved(found, shift=(cut, 0)))
    assert reason == "cut off by the picture's edge"
    assert scores.face_beyond > 0.2 and scores.beyond > scores.face_beyond * 0.5
    barely = round(top - 0.35 * face_side)
    kept, reason = judged(np.ascontiguousarray(astronaut()[barely:]), moved(found, shift=(0, barely)))
    assert reason is None and kept.face_beyond == 0 and kept.beyond > 0


def test_tilted(found: Face) -> None:
    lying = np.ascontiguousarray(np.rot90(astronaut()))
    x, y = found.points.T
    points = np.stack([y, astronaut().shape[1] - 1 - x], axis=1)
    face = Face(box=(0, 0, 512, 512), points=points, convention=found.convention, score=0.9)
    scores, reason = judged(lying, face)
    assert reason == "tilted" and abs(scores.roll_degrees) > 70


def test_turned_away() -> None:
    """The nose moves with the turn, to the side that the head turns to, in both conventions."""
    photo = resize(astronaut(), 400, 400)
    for convention, nose, offset in (("arcface5", [2], 0.33), ("dlib5", [4], 0.28)):
        points = UTKFACE.template(convention, 200) + 100
        eyes = points[[0, 1]] if convention == "arcface5" else np.stack([points[:2].mean(0), points[2:4].mean(0)])
        points[nose, 0] = eyes[:, 0].mean() + offset * (eyes[1, 0] - eyes[0, 0])
        face = Face(box=(100, 100, 300, 300), points=points, convention=convention, score=0.9)  # type: ignore[arg-type]
        scores, _ = judged(photo, face)
        assert scores.turn_degrees == pytest.approx(40, abs=0.5)
        rules = FaceRules(max_turn_degrees=30, max_misfit=1, min_contrast=0, min_crispness=0)
        assert judged(photo, face, rules)[1] == "turned away"


def test_doubtful_detections(found: Face) -> None:
    assert judged(astronaut(), moved(found, score=0.4))[1] == "doubtful detection"
    points = found.points.copy()
    points[4] += (0, 40)  # a nose far down
    odd = Face(box=found.box, points=points, convention=found.convention, score=0.9)
    scores, reason = judged(astronaut(), odd)
    assert reason == "doubtful detection" and scores.misfit > 2 * judged(astronaut(), found)[0].misfit


def test_scores_go_into_a_record(found: Face) -> None:
    pairs = dict(scores_of(astronaut(), found, RULES).as_pairs())
    assert set(pairs) == set(Scores.__slots__)
    assert all(isinstance(value, float) and np.isfinite(value) for value in pairs.values())


SPOILT: dict[str, tuple[Callable[[Photo], Photo], set[str]]] = {
    "blur": (lambda photo: cv2.GaussianBlur(photo, (0, 0), 6), {"blurred"}),
    "dark": (lambda photo: (photo * 0.07).astype(np.uint8), {"under-exposed"}),
    "bright": (lambda photo: np.clip(photo.astype(int) * 3 + 60, 0, 255).astype(np.uint8), {"over-exposed"}),
}


def test_real_faces(pack: FacePack, shared: Path) -> None:
    """Of real faces hardly one is refused as they are, and nearly all are once they are spoilt."""
    rows = pq.read_table(shared / "data" / "utkface_eval.parquet", columns=["jpeg"]).to_pylist()[::40]
    rules = FaceRules(framing="utkface")
    kept, refused = 0, dict.fromkeys(SPOILT, 0)
    for row in rows:
        photo = np.full((360, 360, 3), 127, np.uint8)
        photo[80:280, 80:280] = np.asarray(Image.open(io.BytesIO(row["jpeg"])).convert("RGB"))
        face = pack.detect(photo)[0]
        kept += judged(photo, face, rules)[1] is None
        for name, (spoil, reasons) in SPOILT.items():
            refused[name] += judged(spoil(photo), face, rules)[1] in reasons
    assert kept >= 0.9 * len(rows)
    assert {name: count >= 0.85 * len(rows) for name, count in refused.items()} == dict.fromkeys(SPOILT, True), refused


def test_the_first_reason_is_the_weightiest() -> None:
    bad = Scores(
        face_px=10, crispness=0, turn_degrees=80, roll_degrees=90, luminance=5, contrast=1, dark=1, bright=0,
        beyond=1, face_beyond=1, score=0.1, misfit=1,
    )  # fmt: skip
    drop = refusal(bad, RULES)
    assert isinstance(drop, Drop) and drop.reason == "doubtful detection" and "0.10" in drop.detail
