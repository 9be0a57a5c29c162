"""Face packs on real photos: the astronaut with the embedded pack, and what lies beside the repository."""

import io
import logging
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.align import UTKFACE, apply, invert
from core.detect import Face, FacePack, open_pack, portrait_box
from core.errors import PackMissing
from core.identity import cosine
from core.pack_embedded import EmbeddedPack
from core.pack_insightface import packs_present


@pytest.fixture(scope="module")
def embedded() -> FacePack:
    return open_pack("embedded")


@pytest.fixture(scope="module")
def insightface(shared: Path) -> FacePack:
    return open_pack(f"insightface:{shared / 'models' / 'pack_scrfd_mobilefacenet'}")


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    from skimage import data

    return np.ascontiguousarray(data.astronaut())


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def utkface(shared: Path, count: int) -> list[np.ndarray]:
    import pyarrow.parquet as pq

    rows = next(pq.ParquetFile(shared / "data" / "utkface_eval.parquet").iter_batches(count)).to_pylist()
    return [np.asarray(Image.open(io.BytesIO(row["jpeg"])).convert("RGB")) for row in rows]


def eyes_of(face: Face) -> np.ndarray:
    points = face.points
    return points[:2] if face.convention == "arcface5" else np.stack([points[:2].mean(0), points[2:4].mean(0)])


def test_embedded_finds_the_astronaut(embedded: FacePack, astronaut: np.ndarray) -> None:
    """Pupils read off an enlargement: (203, 100) and (246, 103)."""
    faces = embedded.detect(astronaut)
    assert len(faces) == 1
    assert faces[0].warnings == ()
    assert np.abs(eyes_of(faces[0]) - [[203, 100], [246, 103]]).max() < 3
    left, top, right, bottom = faces[0].box
    assert 160 < left < 200 < 250 < right < 290
    assert 50 < top < 100 < 150 < bottom < 210


@pytest.mark.parametrize("degrees", [-30, 30])
def test_landmarks_follow_a_rolled_head(embedded: FacePack, astronaut: np.ndarray, degrees: int) -> None:
    import cv2

    upright = embedded.detect(astronaut)[0].points
    matrix = cv2.getRotationMatrix2D((225, 130), degrees, 1.7) + np.array([[0, 0, 200], [0, 0, 300]])
    rolled = cv2.warpAffine(astronaut, matrix, (900, 900))
    points = apply(invert(matrix), embedded.detect(rolled)[0].points)
    assert np.linalg.norm(points - upright, axis=1).mean() < 0.02 * 40  # of the eye distance


def test_no_face(embedded: FacePack) -> None:
    sky = np.linspace(90, 200, 300).astype(np.uint8)[:, None, None].repeat(400, 1).repeat(3, 2)
    assert embedded.detect(sky) == []


def test_tiny_pictures_do_not_break_the_detector(embedded: FacePack) -> None:
    for shape in ((1, 1, 3), (16, 3, 3), (7, 900, 3)):
        assert embedded.detect(np.zeros(shape, np.uint8)) == []


def test_threads_get_their_own_faces(embedded: FacePack, astronaut: np.ndarray) -> None:
    photos = [np.ascontiguousarray(astronaut[top : top + 400, left : left + 420]) for top, left in
              ((0, 0), (0, 80), (30, 40), (10, 60))]  # fmt: skip
    expected = [embedded.detect(photo)[0].points for photo in photos]
    results: dict[int, np.ndarray] = {}

    def look(index: int) -> None:
        face = embedded.detect(photos[index])[0]
        embedded.embed(photos[index], face)
        results[index] = face.points

    threads = [threading.Thread(target=look, args=(index % 4,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(results[index], expected[index]) for index in range(4))


@pytest.mark.parametrize("pack_name", ["embedded", "insightface"])
def test_same_person_scores_above_another(pack_name: str, shared: Path, request: pytest.FixtureRequest) -> None:
    pack: FacePack = request.getfixturevalue(pack_name)
    obama, again, biden = (read(shared / "photos" / f"{name}.jpg") for name in ("obama", "obama2", "biden"))
    vectors = [pack.embed(photo, pack.detect(photo)[0]) for photo in (obama, again, biden)]
    assert all(np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) for vector in vectors)
    assert cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2]) + 0.1


@pytest.mark.parametrize("pack_name", ["embedded", "insightface"])
def test_group_photo_and_tight_crops(pack_name: str, shared: Path, request: pytest.FixtureRequest) -> None:
    import insightface as package

    pack: FacePack = request.getfixturevalue(pack_name)
    group = pack.detect(read(Path(package.__file__).parent / "data" / "images" / "t1.jpg"))
    assert len(group) == 6
    areas = [(f.box[2] - f.box[0]) * (f.box[3] - f.box[1]) for f in group]
    assert areas == sorted(areas, reverse=True)
    for name in ("00000", "00004", "00009"):
        assert len(pack.detect(read(shared / "photos" / f"{name}.png"))) == 1
    for face in utkface(shared, 12):
        points = pack.detect(face)[0].points
        template = UTKFACE.template(pack.convention, 200)
        assert np.linalg.norm(points - template, axis=1).mean() < 16


def test_insightface_keeps_standard_output_clean(shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pack = open_pack(f"insightface:{shared / 'models' / 'pack_scrfd_mobilefacenet'}")
    pack.detect(np.zeros((100, 100, 3), np.uint8))
    assert capfd.readouterr().out == ""
    assert pack.identity == "mobilefacenet_112"


def test_a_face_of_one_pack_is_refused_by_the_other(
    embedded: FacePack, insightface: FacePack, astronaut: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="dlib5"):
        insightface.embed(astronaut, embedded.detect(astronaut)[0])


def test_auto_takes_an_insightface_pack_that_is_present(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path))
    assert isinstance(open_pack(), EmbeddedPack)
    assert "embedded" in caplog.text
    (tmp_path / "models" / "aaa_damaged").mkdir(parents=True)
    (tmp_path / "models" / "aaa_damaged" / "det.onnx").write_bytes(b"no model")
    (tmp_path / "models" / "small").symlink_to(shared / "models" / "pack_scrfd_mobilefacenet")
    assert packs_present() == ["aaa_damaged", "small"]
    assert open_pack("auto").name == "insightface:small"
    assert "aaa_damaged is incomplete or damaged" in caplog.text


def test_absent_packs_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSIGHTFACE_HOME", str(tmp_path))
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with pytest.raises(PackMissing, match=r"buffalo_l is not on this machine.*embedded pack\.$"):
        open_pack("insightface:buffalo_l")
    with pytest.raises(PackMissing, match="no folder"):
        open_pack(f"insightface:{tmp_path / 'nowhere'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PackMissing, match="incomplete"):
        open_pack(f"insightface:{tmp_path / 'empty'}")
    with pytest.raises(ValueError, match="haar"):
        open_pack("haar")


def test_a_pack_without_recogniser_is_refused(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "det.onnx").symlink_to(shared / "models" / "pack_scrfd_mobilefacenet" / "det_500m_kps.onnx")
    with pytest.raises(PackMissing, match="recogniser"):
        open_pack(f"insightface:{tmp_path}")


def face_at(x: float, y: float, side_px: float) -> Face:
    points = (UTKFACE.template("arcface5", 200) - 99.5) * side_px / 200 + [x, y]
    return Face(box=(0, 0, 1, 1), points=points, convention="arcface5", score=1.0)


def test_portrait_is_a_square_inside_the_photo_with_hair_and_neck() -> None:
    left, top, right, bottom = portrait_box(face_at(500, 400, 100), (900, 1000, 3))
    assert right - left == bottom - top
    assert 150 < right - left < 170  # FFHQ is 1.58 times wider than UTKFace
    assert left < 450 < 550 < right
    assert top < 350 < 450 < bottom
    for x, y, side in ((5, 5, 300), (995, 895, 300), (500, 400, 2000)):
        left, top, right, bottom = portrait_box(face_at(x, y, side), (900, 1000))
        assert 0 <= left < right <= 1000
        assert 0 <= top < bottom <= 900
        assert right - left == bottom - top
