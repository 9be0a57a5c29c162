"""Outside judges of age and sex: networks that no generator was trained with."""

import hashlib
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from core.align import ARCFACE, Points, crop
from core.errors import WeightsMissing
from core.estimator import Estimator
from core.images import resize, to_tensor
from core.weights import list_models, load
from training.digest import weights_digest

Floats = npt.NDArray[np.float64]

ESTIMATOR = "age-judge-128"
"""Name of the bundled estimator that was kept apart for judging: it learnt from faces that no generator saw."""
BATCH = 20
"""Faces that the estimator reads at once. The ONNX judge reads one by one: larger batches are slower on a CPU."""


class JudgeReading(NamedTuple):
    """What a judge says of N faces."""

    ages_years: Floats
    """(N,) years."""
    women: Floats
    """(N,) 0..1: how sure the judge is of a woman."""
    features: Floats | None
    """(N, C) what it saw, for Frechet distances; None from a judge that does not show it."""


class Judge(Protocol):
    """Reads ages and sexes of faces in UTKFace framing."""

    @property
    def name(self) -> str:
        """What figures are published under."""

    @property
    def sha256(self) -> str:
        """Of its weights, 64 hexadecimal digits."""

    def read(self, faces: npt.NDArray[np.uint8], points: Points) -> JudgeReading:
        """Age and sex of N faces, each aligned as this judge expects.

        Args:
            faces: (N, S, S, 3) uint8 RGB, in UTKFace framing.
            points: (N, 5, 2) float64, "arcface5" in pixels of those faces.
        """


class AgeSexJudge:
    """InsightFace's 2018 gender-age network: 112 px ArcFace crops in; sex, and one vote for each year lived.

    Source: github.com/deepinsight/insightface, gender-age model of 2018; non-commercial research only.
    """

    def __init__(self, path: Path) -> None:
        """Raises WeightsMissing if there is no such file."""
        import onnxruntime

        if not path.is_file():
            raise WeightsMissing(f"no judge at {path}; name one with --judge")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.size_px = 112
        self.name, self.sha256 = path.stem, hashlib.sha256(path.read_bytes()).hexdigest()

    def read(self, faces: npt.NDArray[np.uint8], points: Points) -> JudgeReading:
        """See Judge; cut out by the points."""
        ages, women = [], []
        for face, five in zip(faces, points, strict=True):
            matrix = ARCFACE.matrix(five, "arcface5", self.size_px)
            # Grey where the crop reaches beyond the face: a mirrored border changes what the judge reads.
            blob = crop(face, matrix, self.size_px, style="grey").astype(np.float32).transpose(2, 0, 1)[None]
            logits = self.session.run(None, {"data": blob})[0][0].astype(np.float64)
            votes = logits[2:].reshape(-1, 2)
            ages.append(float((votes[:, 1] > votes[:, 0]).sum()))
            women.append(float(1 / (1 + np.exp(logits[1] - logits[0]))))
        return JudgeReading(np.asarray(ages), np.asarray(women), None)


class EstimatorJudge:
    """An estimator of this project, trained on faces that no generator saw; face and mirror image are averaged."""

    def __init__(self, network: Estimator, name: str) -> None:
        self.network, self.name, self.sha256 = network.eval(), name, weights_digest(network)

    def read(self, faces: npt.NDArray[np.uint8], points: Points) -> JudgeReading:
        """See Judge; the framing is the estimator's own, so the points are not used and other sizes are resized."""
        if len(points) != len(faces):
            raise ValueError(f"{len(faces)} faces, but points of {len(points)}")
        size_px = self.network.config.size_px
        if faces.shape[1:3] != (size_px, size_px):
            faces = np.stack([resize(face, size_px, size_px) for face in faces])
        device = next(self.network.parameters()).device
        ages, women, features = [], [], []
        for start in range(0, len(faces), BATCH):
            pictures = to_tensor(faces[start : start + BATCH]).to(device)
            with torch.inference_mode():
                plain, mirrored = self.network(pictures), self.network(pictures.flip(3))
                probabilities = (plain.age_logits.softmax(1) + mirrored.age_logits.softmax(1)) / 2
                ages.append(self.network.reading(probabilities).years)
                women.append((plain.sex_logit.sigmoid() + mirrored.sex_logit.sigmoid()) / 2)
                features.append((plain.features + mirrored.features) / 2)
        return JudgeReading(*(torch.cat(parts).double().cpu().numpy() for parts in (ages, women, features)))


def bundled_estimator() -> EstimatorJudge | None:
    """The estimator kept for judging, or None where the model folder has none: then one judge has to do."""
    names = {info.name for info in list_models()}
    return estimator_named(ESTIMATOR) if ESTIMATOR in names else None


def estimator_named(name: str) -> EstimatorJudge:
    """An estimator by name or file. Raises WeightsMissing, WeightsRefused, or ValueError for another kind of model."""
    network = load(name).network
    if not isinstance(network, Estimator):
        raise ValueError(f"{name} is no age estimator; it cannot judge")
    return EstimatorJudge(network, Path(name).stem if name.endswith(".safetensors") else name)
