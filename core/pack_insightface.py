"""InsightFace's model packs through its FaceAnalysis: a folder on disk, or a name it knows how to fetch.

The detector's five points wander by 4 % of the eye distance when a face is turned or moved. They are
therefore found again on a small upright crop, which brings that to 1.2 % for a few milliseconds.

Many models name one size of input, 640 px, and InsightFace enlarges whatever is smaller. A sparing pack runs them
at the size of the picture, and finds the points on a smaller chip that the face fills: half the time, points as
steady, 1 to 2 % of the eye distance from those found otherwise.
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
from core.candidates import Candidate, search
from core.detect import Face, with_warnings
from core.errors import PackMissing
from core.identity import Embedding, unit
from core.pack_models import of_any_size, without_prelu
from core.pack_scrfd import PIXEL_EDGE, Scrfd

log = logging.getLogger(__name__)

SCAN_SIZES_PX = (320, 640, 1280)
"""Sides of the detector's input; a picture goes into the smallest that holds it."""
MIN_SCORE = 0.5
CHIP_PX = 256
CHIP_FACE = 0.55
"""Part of the chip that UTKFace's framing takes up; detectors want room around a face."""
CHIP_MIN_SCORE = 0.3
TIGHT_CHIP_PX, TIGHT_CHIP_FACE = 384, 0.9
"""The same for a sparing pack: the face is as large in it as in InsightFace's enlargement of the other chip."""
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

    def __init__(self, name: str, *, threads: int | None = None, is_sparing: bool = False) -> None:
        """Load a pack.

        Args:
            name: a folder with the pack's .onnx files, or the name of a pack such as "buffalo_l", which
                InsightFace downloads when it is absent. Its packs are for non-commercial research.
            threads: that it computes with; None for one a core.
            is_sparing: see the module.
        Raises:
            PackMissing: no such folder or name, no network, a damaged file, no detector or no recogniser.
        """
        self.name = f"insightface:{name}"
        options = _options(threads)
        models = _load(name, options)
        self._detector = models["detection"]
        self._sparing = _sparing(Path(self._detector.model_file), options) if is_sparing else None
        self._recogniser = models["recognition"]
        self.recogniser_file = Path(self._recogniser.model_file)
        self._recogniser.session = _session(without_prelu(self.recogniser_file), options)
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
        return [with_warnings(self.place(photo, candidate), photo) for candidate in self.find(photo)]

    def find(self, photo: Photo) -> list[Candidate]:
        """The same faces by their boxes, with the detector's first points."""
        return search(photo, self._scan)

    def place(self, photo: Photo, candidate: Candidate) -> Face:
        """A candidate of this photo with points found again on an upright chip; without warnings."""
        points = self._refined(photo, candidate.points)
        return Face(box=candidate.box, points=points, convention=self.convention, score=candidate.score)

    def embed(self, photo: Photo, face: Face) -> Embedding:
        """(D,) float32 of length 1 for a face this pack found in this photo."""
        if face.convention != self.convention:
            raise ValueError(f"{self.name} embeds faces with {self.convention} points, got {face.convention}")
        size_px = int(self._recogniser.input_size[0])
        chip = crop(photo, fit_similarity(face.points, self._recogniser_template), size_px)
        return unit(self._recogniser.get_feat([chip[:, :, ::-1]]))

    def _scan(self, picture: Photo) -> list[Candidate]:
        if self._sparing is not None:
            return self._sparing.candidates(picture, MIN_SCORE)
        longest = max(picture.shape[:2])
        size_px = next((size for size in self._scan_sizes if size >= longest), self._scan_sizes[-1])
        return self._candidates(picture, size_px, MIN_SCORE)

    def _refined(self, photo: Photo, points: Points) -> Points:
        """The points as found on an upright chip; as they were if the chip shows no face to the detector."""
        chip_px, share = (CHIP_PX, CHIP_FACE) if self._sparing is None else (TIGHT_CHIP_PX, TIGHT_CHIP_FACE)
        side_px = chip_px * share
        template = (UTKFACE.template(self.convention, 200) + 0.5) * side_px / 200 - 0.5
        matrix = fit_similarity(points, template + (chip_px - side_px) / 2)
        chip = crop(photo, matrix, chip_px, style="grey")
        if self._sparing is None:
            found = self._candidates(chip, chip_px, CHIP_MIN_SCORE)
        else:
            found = self._sparing.candidates(chip, CHIP_MIN_SCORE)
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


def _options(threads: int | None) -> Any:
    """How onnxruntime runs the models."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Idle worker threads would otherwise spin and take the cores from the generator.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    return options


def _session(model: bytes, options: Any) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _sparing(file: Path, options: Any) -> Scrfd:
    """The detector of a model file that has been loaded before, at any size. Raises PackMissing where it cannot be."""
    import onnxruntime.capi.onnxruntime_pybind11_state as onnx_errors

    unfit = (onnx_errors.InvalidGraph, onnx_errors.InvalidArgument, onnx_errors.Fail, onnx_errors.RuntimeException)
    try:
        detector = Scrfd(_session(of_any_size(file), options))
        for size_px in (TIGHT_CHIP_PX, TIGHT_CHIP_PX + detector.step_px):
            detector.candidates(np.zeros((TIGHT_CHIP_PX, size_px, 3), dtype=np.uint8), MIN_SCORE)
    except unfit as error:
        raise PackMissing(f"The detector {file} works at one size of picture only: take another pack.") from error
    return detector


def _load(name: str, options: Any) -> dict[str, Any]:
    """InsightFace's own model objects of a pack, by task."""
    with contextlib.redirect_stdout(sys.stderr):  # it prints while it loads, and stdout is for results
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
