"""InsightFace's model packs through its FaceAnalysis: a folder on disk, or a name it knows how to fetch.

The detector's five points wander by 4 % of the eye distance when a face is turned or moved. They are
therefore found again on a small upright crop, which brings that to 1.2 % for a few milliseconds.
"""

import contextlib
import logging
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from core.align import ARCFACE, UTKFACE, Convention, Photo, Points, apply, crop, fit_similarity, invert
from core.candidates import Candidate, search, warnings_for
from core.detect import Face
from core.errors import PackMissing
from core.identity import Embedding, unit

log = logging.getLogger(__name__)

SCAN_SIZES_PX = (320, 640, 1280)
"""Sides of the detector's input; a picture goes into the smallest that holds it."""
MIN_SCORE = 0.5
CHIP_PX = 256
CHIP_FACE = 0.55
"""Part of the chip that UTKFace's framing takes up; detectors want room around a face."""
CHIP_MIN_SCORE = 0.3
PIXEL_EDGE = 0.5
"""The detector counts from the corner of the top-left pixel (as mirrored crops show), we from its centre."""
FAVOURITES = ("buffalo_l", "antelopev2", "buffalo_m", "buffalo_s", "buffalo_sc")


def home() -> Path:
    """Folder whose `models` holds InsightFace's packs: $INSIGHTFACE_HOME, else ~/.insightface."""
    return Path(os.environ.get("INSIGHTFACE_HOME") or "~/.insightface").expanduser()


def packs_present() -> list[str]:
    """Names of the packs on this machine, the better ones first; models are not opened."""
    folder = home() / "models"
    names = sorted(path.name for path in folder.iterdir() if any(path.glob("*.onnx"))) if folder.is_dir() else []
    return sorted(names, key=lambda name: FAVOURITES.index(name) if name in FAVOURITES else len(FAVOURITES))


class InsightFacePack:
    """A pack's detector and recogniser. Safe to call from several threads."""

    convention: Convention = "arcface5"

    def __init__(self, name: str) -> None:
        """Load a pack.

        Args:
            name: a folder with the pack's .onnx files, or the name of a pack such as "buffalo_l", which
                InsightFace downloads when it is absent. Its packs are for non-commercial research.
        Raises:
            PackMissing: no such folder or name, no network, a damaged file, no detector or no recogniser.
        """
        self.name = f"insightface:{name}"
        models = _load(name)
        self._detector = models["detection"]
        self._recogniser = models["recognition"]
        self.recogniser_file = Path(self._recogniser.model_file)
        self.identity = self.recogniser_file.stem
        static = self._detector.static_input_size
        self._scan_sizes = (min(static),) if static else SCAN_SIZES_PX
        size_px = int(self._recogniser.input_size[0])
        # Recognisers of 128 px show what those of 112 px do, with 8 px more on the left and right.
        unit_px, margin_px = (128, 8.0) if size_px % 112 else (112, 0.0)
        template = ARCFACE.template("arcface5", 112) + np.array([margin_px, 0.0])
        self._recogniser_template = template * size_px / unit_px

    def detect(self, photo: Photo) -> list[Face]:
        """All faces of a (H, W, 3) uint8 RGB photo, largest first; empty if there is none."""
        faces = []
        for candidate in search(photo, self._scan):
            points = self._refined(photo, candidate.points)
            faces.append(
                Face(
                    box=candidate.box,
                    points=points,
                    convention=self.convention,
                    score=candidate.score,
                    warnings=warnings_for(photo, points, self.convention),
                )
            )
        return faces

    def embed(self, photo: Photo, face: Face) -> Embedding:
        """(D,) float32 of length 1 for a face this pack found in this photo."""
        if face.convention != self.convention:
            raise ValueError(f"{self.name} embeds faces with {self.convention} points, got {face.convention}")
        size_px = int(self._recogniser.input_size[0])
        chip = crop(photo, fit_similarity(face.points, self._recogniser_template), size_px)
        return unit(self._recogniser.get_feat([chip[:, :, ::-1]]))

    def _scan(self, picture: Photo) -> list[Candidate]:
        longest = max(picture.shape[:2])
        size_px = next((size for size in self._scan_sizes if size >= longest), self._scan_sizes[-1])
        return self._candidates(picture, size_px, MIN_SCORE)

    def _refined(self, photo: Photo, points: Points) -> Points:
        """The points as found on an upright chip; as they were if the chip shows no face to the detector."""
        side_px = CHIP_PX * CHIP_FACE
        template = (UTKFACE.template(self.convention, 200) + 0.5) * side_px / 200 - 0.5
        matrix = fit_similarity(points, template + (CHIP_PX - side_px) / 2)
        chip = crop(photo, matrix, CHIP_PX, style="grey")
        found = self._candidates(chip, CHIP_PX, CHIP_MIN_SCORE)
        eye_distance = float(np.linalg.norm(points[1] - points[0]))
        for candidate in sorted(found, key=lambda c: -c.score):
            refined = apply(invert(matrix), candidate.points)
            if np.linalg.norm(refined - points, axis=1).mean() < 0.35 * eye_distance:
                return refined
        return points

    def _candidates(self, picture: Photo, size_px: int, min_score: float) -> list[Candidate]:
        """The detector over one picture, letterboxed into a square of `size_px`."""
        bgr = np.ascontiguousarray(picture[:, :, ::-1])
        boxes, points = self._detector.detect(bgr, input_size=(size_px, size_px), det_thresh=min_score)
        candidates = []
        for row, five in zip(boxes.astype(np.float64).tolist(), points.astype(np.float64), strict=True):
            box = (row[0], row[1], row[2], row[3])
            candidates.append(Candidate(box=box, score=row[4], points=five - PIXEL_EDGE))
        return candidates


def _load(name: str) -> dict[str, Any]:
    """InsightFace's own model objects of a pack, by task."""
    with contextlib.redirect_stdout(sys.stderr):  # it prints while it loads, and stdout is for results
        import onnxruntime
        import onnxruntime.capi.onnxruntime_pybind11_state as onnx_errors
        import requests
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from insightface.app import FaceAnalysis

        damaged = (
            DecodeError,
            onnx_errors.InvalidProtobuf,
            onnx_errors.InvalidGraph,
            onnx_errors.Fail,
            onnx_errors.NoSuchFile,
            AssertionError,
            zipfile.BadZipFile,
        )
        options = onnxruntime.SessionOptions()
        # Idle worker threads would otherwise spin and take the cores from the generator.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        unreachable = (requests.RequestException, RuntimeError, OSError)
        if not Path(name).expanduser().is_dir() and name not in packs_present():
            if Path(name).name != name:
                raise PackMissing(f"There is no folder {name} with an InsightFace pack: check the path.")
            log.info("InsightFace now downloads its pack %s, for non-commercial research only", name)
        try:
            analysis = FaceAnalysis(
                name=name, root=str(home()), providers=["CPUExecutionProvider"], sess_options=options
            )
        except damaged as error:
            raise PackMissing(f"The InsightFace pack {name} is incomplete or damaged: fetch it again.") from error
        except unreachable as error:
            raise PackMissing(
                f"The InsightFace pack {name} is not on this machine and could not be downloaded: "
                "give the folder of a pack, or use the embedded pack."
            ) from error
    models: dict[str, Any] = analysis.models
    if "recognition" not in models or not models["detection"].use_kps:
        raise PackMissing(f"The InsightFace pack {name} needs a recogniser and a detector with five points.")
    models["detection"].prepare(ctx_id=-1, input_size=(640, 640), det_thresh=MIN_SCORE, nms_thresh=0.4)
    return models
