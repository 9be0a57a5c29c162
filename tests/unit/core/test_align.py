"""Similarity fit, framings and crops: hand-made numbers, properties, and the reference's own alignment."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.align import (
    FFHQ,
    FRAMINGS,
    REFERENCE_POSES,
    UTKFACE,
    Framing,
    apply,
    crop,
    fit_similarity,
    framing_named,
    invert,
    scale_of,
)

FIVE = UTKFACE.template("arcface5", 200)


def similarity(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[c, -s, x], [s, c, y]])


@given(st.floats(0.05, 20), st.floats(-180, 180), st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_fit_recovers_any_similarity(scale: float, degrees: float, x: float, y: float) -> None:
    matrix = similarity(scale, degrees, x, y)
    assert np.allclose(fit_similarity(FIVE, apply(matrix, FIVE)), matrix, atol=1e-6)
    assert scale_of(matrix) == pytest.approx(scale)


@given(st.lists(st.tuples(st.floats(-99, 99), st.floats(-99, 99)), min_size=5, max_size=5))
def test_fit_never_mirrors_and_is_least_squares(points: list[tuple[float, float]]) -> None:
    target = np.array(points)
    matrix = fit_similarity(FIVE, target)
    assert np.linalg.det(matrix[:, :2]) >= 0
    best = np.sum((apply(matrix, FIVE) - target) ** 2)
    for nudge in (similarity(1.01, 0, 0, 0), similarity(1, 1, 0, 0), similarity(1, 0, 0.3, 0)):
        assert np.sum((apply(nudge, apply(matrix, FIVE)) - target) ** 2) >= best - 1e-6


def test_fit_of_a_mirrored_face_does_not_mirror() -> None:
    matrix = fit_similarity(FIVE * [-1, 1], FIVE)
    assert np.linalg.det(matrix[:, :2]) > 0
    assert np.abs(apply(matrix, FIVE * [-1, 1]) - FIVE).max() > 20


@pytest.mark.parametrize("points", [np.ones((5, 2)), np.ones((4, 2)), np.full((5, 2), np.nan)])
def test_fit_refuses_points_that_fix_nothing(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="points"):
        fit_similarity(points, FIVE)


def test_invert_undoes() -> None:
    matrix = similarity(0.3, 40, 17, -5)
    assert np.allclose(apply(invert(matrix), apply(matrix, FIVE)), FIVE)
    with pytest.raises(ValueError, match="invertible"):
        invert(np.zeros((2, 3)))


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
@pytest.mark.parametrize("convention", ["arcface5", "dlib5"])
def test_templates_are_upright_and_centred(framing: Framing, convention: str) -> None:
    points = framing.template(convention, 256)
    eyes = points[:2] if convention == "arcface5" else points[:4]
    nose = points[2] if convention == "arcface5" else points[4]
    assert np.all(np.diff(eyes[:, 0]) > 0)
    assert eyes[:, 0].mean() == pytest.approx(127.5, abs=6)
    assert np.ptp(eyes[:, 1]) < 5
    assert nose[1] > eyes[:, 1].max() + 20


def test_both_conventions_frame_the_same_square() -> None:
    """The eye centres of one convention are the means of the corners of the other."""
    for framing in FRAMINGS.values():
        eyes = framing.template("arcface5", 256)[:2]
        corners = framing.template("dlib5", 256)[:4]
        centres = np.stack([corners[:2].mean(0), corners[2:].mean(0)])
        assert np.abs(centres - eyes).max() < 5, framing.name  # corners lie a little lower than pupils


def test_utkface_is_tighter_than_the_reference_and_that_tighter_than_ffhq() -> None:
    width = {name: np.ptp(f.template("arcface5", 256)[:2, 0]) for name, f in FRAMINGS.items()}
    assert width["utkface"] > 1.3 * width["reference"]
    assert width["reference"] == pytest.approx(1.16 * width["ffhq"], rel=0.02)


def test_templates_scale_about_pixel_edges_but_the_references_do_not() -> None:
    assert np.allclose(UTKFACE.template("arcface5", 100) * 2 + 0.5, UTKFACE.template("arcface5", 200))
    small, large = REFERENCE_POSES.template("arcface5", 112), REFERENCE_POSES.template("arcface5", 1024)
    assert np.allclose(small * 1024 / 112, large)
    assert small[0].tolist() == [39.730, 51.138]


def test_wrong_convention_size_and_name_are_named() -> None:
    with pytest.raises(ValueError, match="landmarks68"):
        UTKFACE.template("landmarks68", 128)
    with pytest.raises(ValueError, match="too small"):
        FFHQ.template("arcface5", 8)
    with pytest.raises(ValueError, match="morph"):
        framing_named("morph")
    assert framing_named("ffhq") is FFHQ


def test_each_pose_finds_itself() -> None:
    for index, pose in enumerate(REFERENCE_POSES.templates["arcface5"]):
        turned = apply(similarity(3.1, 20, 400, 90), np.array(pose))
        assert REFERENCE_POSES.pose_and_matrix(turned, "arcface5", 256)[0] == index


def test_alignment_equals_the_references(shared: Path) -> None:
    """Golden values computed by the reference system itself."""
    cases = json.loads((shared / "golden" / "reference_alignment.json").read_text())["cases"]
    assert len(cases) == 8
    for case in cases:
        pose, matrix = REFERENCE_POSES.pose_and_matrix(case["five_padded"], "arcface5", 1024)
        assert pose == case["pose"]
        assert np.abs(matrix - np.array(case["matrix"])).max() < 1e-3


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_crop_by_a_whole_shift_is_a_slice() -> None:
    photo = noise(60, 80)
    for style in ("smooth", "grey", "reference"):
        face = crop(photo, [[1, 0, -20], [0, 1, -10]], 32, style=style)
        assert np.array_equal(face, photo[10:42, 20:52])


def test_crop_beyond_the_photo() -> None:
    photo = np.full((64, 64, 3), 200, np.uint8)
    corner = [[1, 0, 16], [0, 1, 16]]
    assert crop(photo, corner, 32)[0, 0].tolist() == [200, 200, 200]
    assert crop(photo, corner, 32, style="grey")[0, 0].tolist() == [127, 127, 127]
    assert crop(photo, corner, 32, style="reference")[0, 0].tolist() == [0, 0, 0]


def test_crop_averages_when_it_shrinks() -> None:
    """A chequerboard of single pixels must come out grey at an eighth, not as one of its two colours."""
    board = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)[:, :, None].repeat(3, 2)
    face = crop(board, similarity(1 / 8, 10, 0, 0), 24)
    assert np.abs(face[4:20, 4:20].astype(int) - 127).max() < 12


def test_crop_centres_its_pixels() -> None:
    """A linear ramp shrunk four times: pixel 0 is the mean of photo pixels 0..3, so 1.5."""
    ramp = np.arange(128, dtype=np.uint8)[None, :, None].repeat(128, 0).repeat(3, 2)
    matrix = [[0.25, 0, -0.375], [0, 0.25, -0.375]]
    face = crop(ramp, matrix, 32)
    assert np.abs(face[16, 2:30, 0] - (np.arange(2, 30) * 4 + 1.5)).max() <= 1


def test_crop_refuses_what_is_no_photo() -> None:
    with pytest.raises(ValueError, match="uint8"):
        crop(np.zeros((9, 9, 3), np.float32), np.eye(3)[:2], 16)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="uint8"):
        crop(np.zeros((9, 9), np.uint8), np.eye(3)[:2], 16)
