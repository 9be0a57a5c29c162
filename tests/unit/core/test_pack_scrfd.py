"""SCRFD at any size: what InsightFace finds on a picture of the network's size, and the same faces on others."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.align import Photo
from core.candidates import Candidate, area
from core.detect import FacePack, open_pack
from core.errors import PackMissing
from core.images import read_photo
from core.pack_insightface import InsightFacePack
from core.pack_scrfd import Scrfd

SHAPES = {"score": 1, "box": 4, "points": 10}


def photos(shared: Path) -> list[Photo]:
    import insightface

    names = [*sorted((shared / "photos").glob("0000[0-4].png")), *sorted((shared / "photos").glob("*o*.jpg"))]
    return [read_photo(path) for path in [*names, Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"]]


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "models" / "pack_scrfd_mobilefacenet"


@pytest.fixture(scope="module")
def usual(folder: Path) -> FacePack:
    return open_pack(f"insightface:{folder}")


@pytest.fixture(scope="module")
def sparing(folder: Path) -> FacePack:
    return open_pack(f"insightface:{folder}", threads=1, is_sparing=True)


def as_rows(found: list[Candidate]) -> list[tuple[object, ...]]:
    return [(one.box, one.score, one.points.tolist()) for one in found]


def test_the_same_to_the_bit_as_insightface(usual: FacePack, shared: Path) -> None:
    """On squares of 640 px, down to scores at which several guesses tell of one face."""
    assert isinstance(usual, InsightFacePack)
    ours = Scrfd(usual._detector.session)
    counts = []
    for photo in photos(shared):
        square = np.zeros((640, 640, 3), np.uint8)
        height, width = min(640, photo.shape[0]), min(640, photo.shape[1])
        square[:height, :width] = photo[:height, :width]
        for min_score in (0.5, 0.02):
            boxes, points = usual._detector.detect(square[:, :, ::-1].copy(), det_thresh=min_score)
            found = ours.candidates(square, min_score)
            theirs = [
                (tuple(row[:4]), row[4], (five - 0.5).tolist())
                for row, five in zip(boxes.astype(float).tolist(), points.astype(float), strict=True)
            ]
            assert as_rows(found) == theirs
            counts.append(len(found))
    assert max(counts) > 6 and min(counts) < 3


def test_sparing_finds_the_same_faces_with_points_nearby(usual: FacePack, sparing: FacePack, shared: Path) -> None:
    """As the doubtful ones at the edge of the score may differ, only the chosen, largest face is compared exactly."""
    for photo in photos(shared):
        expected, found = usual.detect(photo), sparing.detect(photo)
        assert len(expected) == len(found)
        one, other = expected[0], found[0]
        eyes = np.linalg.norm(one.points[1] - one.points[0])
        assert np.linalg.norm(one.points - other.points, axis=1).mean() < 0.06 * eyes
        assert area(other.box) == pytest.approx(area(one.box), rel=0.2)


def test_the_border_that_is_added_holds_no_face(sparing: FacePack, shared: Path) -> None:
    """Sides that do not divide by the step, and what is smaller than one step."""
    photo = read_photo(shared / "photos" / "obama.jpg")
    for height, width in ((photo.shape[0] - 7, photo.shape[1] - 3), (40, 5), (1, 1)):
        cut = np.ascontiguousarray(photo[:height, :width])
        for face in sparing.find(cut):
            assert face.box[2] <= width and face.box[3] <= height
    assert sparing.find(np.zeros((1, 1, 3), np.uint8)) == []


def test_find_and_place_make_detect(usual: FacePack, shared: Path) -> None:
    photo = photos(shared)[-1]
    detected, found = usual.detect(photo), usual.find(photo)
    assert [face.box for face in detected] == [one.box for one in found]
    placed = usual.place(photo, found[3])
    assert np.array_equal(placed.points, detected[3].points) and placed.warnings == ()
    assert not np.array_equal(placed.points, found[3].points)


def stubborn(path: Path, side_px: int = 64) -> None:
    """A detector that says nothing of any picture, and only of pictures of one size."""
    nodes, outputs, constants = [], [], []
    for name, width in SHAPES.items():
        for stride in (8, 16, 32):
            count = 2 * (side_px // stride) ** 2
            outputs.append(helper.make_tensor_value_info(f"{name}{stride}", TensorProto.FLOAT, [count, width]))
            constants.append(numpy_helper.from_array(np.zeros((3 * side_px**2, 1), np.float32), f"zeros{name}{stride}"))
            constants.append(numpy_helper.from_array(np.zeros((1, count * width), np.float32), f"out{name}{stride}"))
            constants.append(numpy_helper.from_array(np.array([count, width], np.int64), f"shape{name}{stride}"))
            nodes += [
                helper.make_node("Reshape", ["images", "flat"], [f"flat{name}{stride}"]),
                helper.make_node("MatMul", [f"flat{name}{stride}", f"zeros{name}{stride}"], [f"sum{name}{stride}"]),
                helper.make_node("MatMul", [f"sum{name}{stride}", f"out{name}{stride}"], [f"line{name}{stride}"]),
                helper.make_node("Reshape", [f"line{name}{stride}", f"shape{name}{stride}"], [f"{name}{stride}"]),
            ]
    constants.append(numpy_helper.from_array(np.array([1, 3 * side_px**2], np.int64), "flat"))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side_px, side_px])
    graph = helper.make_graph(nodes, "stubborn", [images], outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


def test_a_detector_of_one_size_only_is_refused_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    stubborn(tmp_path / "det.onnx")
    (tmp_path / "recogniser.onnx").symlink_to(folder / "mobilefacenet_112.onnx")
    assert open_pack(f"insightface:{tmp_path}").find(np.zeros((64, 64, 3), np.uint8)) == []
    with pytest.raises(PackMissing, match=r"det\.onnx works at one size of picture only: take another pack\.$"):
        open_pack(f"insightface:{tmp_path}", is_sparing=True)
