"""A model under judgement: what it makes of faces at the age of every group, whatever kind of network it is."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from core import device as compute_device
from core.ages import AgeGroups, group_system
from core.aging import FaceAger
from core.align import UTKFACE, Affine, Points, apply, crop, framing_named, invert
from core.detect import FacePack
from core.generator import Generator, age_code
from core.images import to_tensor, to_uint8
from core.reference import ReferenceGenerator
from core.weights import LoadedModel, ModelInfo, load
from training.digest import weights_digest
from training.metrics import Floats
from training.state import load_average

Pictures = npt.NDArray[np.uint8]


class Outputs(NamedTuple):
    """What a model makes of N faces, all in UTKFace framing and of the faces' size."""

    targets: Pictures
    """(N, G, S, S, 3) at the typical age of every group."""
    own: Pictures
    """(N, S, S, 3) at the labelled age."""
    present_years: Floats
    """(N,) the model's own reading of the present age; NaN from one that reads none."""


class Contender(Protocol):
    """A model as an evaluation sees it."""

    @property
    def info(self) -> ModelInfo:
        """Its description."""

    @property
    def weights_sha256(self) -> str:
        """`training.digest.weights_digest` of its network."""

    @property
    def groups(self) -> AgeGroups:
        """Its target groups."""

    @property
    def faces_px(self) -> int:
        """Side of the faces in UTKFace framing that it is given and gives back."""

    def age(self, faces: Pictures, points: Points, ages_years: npt.NDArray[np.int64]) -> Outputs:
        """Bring faces to every group and to their own age.

        Args:
            faces: (N, S, S, 3) uint8 RGB in UTKFace framing, S = faces_px.
            points: (N, 5, 2) float64, "arcface5" in pixels of those faces.
            ages_years: (N,) labelled ages.
        """

    def ager(self, pack: FacePack) -> FaceAger:
        """The model as the app runs it, in float32."""


class _Judged:
    """What all contenders have in common."""

    def __init__(self, model: LoadedModel) -> None:
        self.model, self.info = model, model.info
        self.groups = group_system(model.info.groups)
        self.weights_sha256 = weights_digest(model.network)
        # The reference: fast paths differ from machine to machine.
        self.compute = compute_device.choose("cpu", "float32")
        self.compute.place(model.network)

    def ager(self, pack: FacePack) -> FaceAger:
        return FaceAger(self.model, pack, self.compute)


class OurContender(_Judged):
    """A generator of this project; it is given the faces as they are."""

    def __init__(self, model: LoadedModel, network: Generator) -> None:
        super().__init__(model)
        self.network, self.faces_px = network, network.config.size_px

    def age(self, faces: Pictures, points: Points, ages_years: npt.NDArray[np.int64]) -> Outputs:
        """See Contender; the points are not used."""
        if len(points) != len(faces):
            raise ValueError(f"{len(faces)} faces, but points of {len(points)}")
        groups, network, compute = self.groups, self.network, self.compute
        pictures = compute.move(to_tensor(faces))
        with torch.inference_mode(), compute_device.autocast(compute):
            encoding = network.encode(pictures)
            code = compute.move(age_code(groups, list(groups.typical_years) * len(faces)))
            repeated = pictures.repeat_interleave(len(groups), dim=0)
            made = network.decode(repeated, encoding.repeat(len(groups)), code)[0]
            own = network.decode(pictures, encoding, compute.move(age_code(groups, ages_years)))[0]
        present = encoding.present_age_years().cpu().double().numpy()
        return Outputs(to_uint8(made).reshape(len(faces), len(groups), *faces.shape[1:]), to_uint8(own), present)


class PublishedContender(_Judged):
    """The published generator. A face is cut out anew as its framing asks, and its outputs are laid back.

    Such a crop reaches beyond the face that is given; there the face is mirrored, where an app would have the photo.
    """

    def __init__(self, model: LoadedModel, network: ReferenceGenerator) -> None:
        super().__init__(model)
        self.network, self.framing = network, framing_named(model.info.framing)
        # More pixels than UTKFace's crops have would only cost time.
        self.faces_px = min(network.size_px, UTKFACE.unit_px)

    def age(self, faces: Pictures, points: Points, ages_years: npt.NDArray[np.int64]) -> Outputs:
        """See Contender; one picture at a time, as this network is fastest, and without noise."""
        made = np.stack([self._age(*one) for one in zip(faces, points, ages_years.tolist(), strict=True)])
        return Outputs(made[:, :-1], made[:, -1], np.full(len(faces), np.nan))

    def _age(self, face: Pictures, points: Points, age_years: int) -> Pictures:
        """(G + 1, S, S, 3) of one face: every group, then the own age."""
        side_px, border_px = face.shape[0], face.shape[0] // 2
        around = np.pad(face, ((border_px, border_px), (border_px, border_px), (0, 0)), mode="reflect")
        matrix = self._matrix(points + border_px, border_px)
        cut = crop(around, matrix, self.network.size_px, style=self.framing.style)
        pictures = self.compute.move(to_tensor(cut[None]))
        code = torch.from_numpy(self.groups.soft_code([*self.groups.typical_years, age_years]))
        with torch.inference_mode(), compute_device.autocast(self.compute):
            made = [self.network(pictures, self.compute.move(row[None])) for row in code]
        back = _moved(invert(matrix), -border_px)
        return np.stack([crop(one, back, side_px) for one in to_uint8(torch.cat(made))])

    def _matrix(self, points: Points, border_px: int) -> Affine:
        """From the picture with its border to the network's crop."""
        if self.framing == UTKFACE:  # as it is: nobody aligned the faces that such a model learnt from either
            return _scaled(self.network.size_px / self.faces_px, border_px)
        return self.framing.matrix(points, "arcface5", self.network.size_px)


def contender(model: LoadedModel) -> Contender:
    """What judges a model of either kind. Raises ValueError for one that makes no pictures."""
    match model.network:
        case Generator() as network:
            return OurContender(model, network)
        case ReferenceGenerator() as network:
            return PublishedContender(model, network)
        case _:
            raise ValueError(f"{model.info.name} reads ages and makes no pictures; name a generator")


def contender_named(name: str, strengths: Sequence[float] = (1.0,)) -> Contender:
    """A contender by model name, .safetensors file or run folder; `strengths` multiply the changes of a run's.

    Raises:
        WeightsMissing, WeightsRefused, RunBroken: as `core.weights.load` and `training.state.load_average`.
        ValueError: the model makes no pictures.
    """
    run = Path(name)
    return contender(unfiled(load_average(run, strengths), run.resolve().name) if run.is_dir() else load(name))


def unfiled(network: Generator, name: str) -> LoadedModel:
    """A generator that lies in no model folder, described."""
    info = ModelInfo(
        name=name,
        file="",
        sha256=weights_digest(network),
        architecture="agetrans",
        config=json.loads(json.dumps(dataclasses.asdict(network.config))),
        groups=network.config.groups,
        framing=UTKFACE.name,
        size_px=network.config.size_px,
        licence="",
    )
    return LoadedModel(info=info, network=network.eval().requires_grad_(False))


def _moved(matrix: Affine, by_px: float) -> Affine:
    """The matrix, its results moved by so many pixels to the right and down."""
    return np.hstack([matrix[:, :2], matrix[:, 2:] + by_px])


def _scaled(scale: float, border_px: int) -> Affine:
    """From a picture with a border to the picture, `scale` times as large, about pixel edges."""
    corner = apply([[scale, 0, 0], [0, scale, 0]], [[0.5 - border_px, 0.5 - border_px]])[0] - 0.5
    return np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
