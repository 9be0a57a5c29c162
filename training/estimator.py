"""Training of the age estimator: mean-variance loss on soft labels, then calibration on faces held out."""

import copy
import dataclasses
import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from core import device as compute_device
from core.ages import TEN
from core.estimator import INTERVAL_SHARE, Estimator, EstimatorConfig, expectation
from core.files import replacing, write_atomic
from core.images import to_tensor
from training import augment, losses
from training.data import FaceSet

STATE_FILE = "estimator.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class EstimatorTraining:
    """One run."""

    network: EstimatorConfig = field(default_factory=EstimatorConfig)
    """Shape of the estimator."""
    num_faces: int = 450_000
    """Faces to be seen, over all passes; the learning rate falls to zero over them."""
    batch_size: int = 64
    """Faces a step."""
    learning_rate: float = 2e-3
    """AdamW's, after a warm-up over the first twentieth."""
    weight_decay: float = 0.05
    """AdamW's."""
    mean_weight: float = 0.1
    """Of half the squared distance of the mean from the label."""
    variance_weight: float = 0.05
    """Of the variance about the mean."""
    sex_weight: float = 0.3
    """Of the sex label's cross-entropy."""
    balance: float = 0.5
    """0 draws faces as they come, 1 every age group equally often."""
    held_out_share: float = 0.05
    """Share of the faces kept for calibration."""
    average_half_life_faces: float = 10_000.0
    """Faces after which an old weight counts half in the averaged network."""
    seed: int = 0
    """Fixes weights, order and augmentation."""
    checkpoint_every_minutes: float = 3.0
    """Minutes between checkpoints."""


class EstimatorRun:
    """State of a run and its steps."""

    def __init__(self, config: EstimatorTraining, faces: FaceSet) -> None:
        torch.manual_seed(config.seed)
        self.config, self.faces = config, faces
        self.compute = compute_device.choose(precision="auto")
        self.network = self.compute.place(Estimator(config.network)).train()
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step = 0
        held_out = np.random.default_rng(config.seed).random(len(faces)) < config.held_out_share
        self.held_out, self.kept = np.flatnonzero(held_out), np.flatnonzero(~held_out)
        groups = np.asarray([TEN.index_of(int(age)) for age in faces.ages_years[self.kept]])
        counts = np.bincount(groups, minlength=len(TEN)).astype(float)
        chances = counts[groups] ** -config.balance
        self.chances = chances / chances.sum()

    @property
    def num_steps(self) -> int:
        """Steps of the whole run."""
        return math.ceil(self.config.num_faces / self.config.batch_size)

    def learning_rate(self) -> float:
        """Linear warm-up, then half a cosine to zero (Loshchilov and Hutter 2017)."""
        done = self.step / self.num_steps
        return self.config.learning_rate * min(done / 0.05, 0.5 + 0.5 * math.cos(math.pi * min(done, 1)))

    def do_step(self) -> dict[str, float]:
        """One step; the terms of the loss."""
        config = self.config
        random = np.random.default_rng((config.seed, self.step))
        rows = self.kept[random.choice(len(self.kept), config.batch_size, p=self.chances)]
        torch_random = torch.Generator().manual_seed(int(random.integers(2**62)))
        pictures = augment.vary_for_reading(to_tensor(self.faces.faces[rows]), torch_random)
        pictures = self.compute.move(pictures)
        ages = torch.from_numpy(self.faces.ages_years[rows]).to(self.compute.device, torch.float32)
        sexes = torch.from_numpy(self.faces.sexes[rows]).to(self.compute.device, torch.float32)
        with compute_device.autocast(self.compute):
            out = self.network(pictures)
        probabilities = out.age_logits.softmax(1)
        parts = {
            "age": (1.0, losses.present_age(out.age_logits, ages)),
            "mean": (config.mean_weight, losses.mean_error(probabilities, ages)),
            "variance": (config.variance_weight, losses.variance(probabilities)),
            "sex": (config.sex_weight, F.binary_cross_entropy_with_logits(out.sex_logit, sexes)),
        }
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.optimiser.zero_grad()
        torch.stack([weight * value for weight, value in parts.values()]).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        half_life = min(config.average_half_life_faces, self.step * config.batch_size / 4 + 1)
        keep = 0.5 ** (config.batch_size / half_life)
        with torch.no_grad():
            for averaged, current in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                averaged.lerp_(current, 1 - keep)
        error = (expectation(probabilities.detach()) - ages).abs().mean()
        return {name: value.item() for name, (_, value) in parts.items()} | {"mae": error.item()}

    def probabilities(self, faces: FaceSet) -> Tensor:
        """(N, 101) of the averaged network, over each face and its mirror image."""
        found = []
        for start in range(0, len(faces), 64):
            pictures = self.compute.move(to_tensor(faces.faces[start : start + 64]))
            with torch.inference_mode(), compute_device.autocast(self.compute):
                pair = [self.average(one).age_logits.softmax(1) for one in (pictures, pictures.flip(3))]
            found.append(((pair[0] + pair[1]) / 2).cpu())
        return torch.cat(found)
