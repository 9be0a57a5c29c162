"""Training of the age estimator: mean-variance loss on soft labels (Pan et al. 2018), resumable at any moment."""

import copy
import dataclasses
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from core import device as compute_device
from core.ages import TEN
from core.device import Precision
from core.errors import RunBroken
from core.estimator import Estimator, EstimatorConfig, expectation
from core.files import write_atomic
from core.images import to_tensor
from core.weights import load
from training import augment, losses
from training.config import differences
from training.data import FaceSet, default_files, load_faces
from training.monitor import LossLog
from training.processes import num_started
from training.sitting import sitting
from training.state import read_counters, read_tensors, under, write_tensors
from training.stopping import stop_signal

STATE_FILE = "estimator.safetensors"
REPORT_EVERY_STEPS = 100
UNTRAINED = ("correction_years", "interval_mass")
"""Buffers that calibration sets, after training."""


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
    data: tuple[str, ...] = ()
    """Parquet files of faces (training/parquet.py); empty: parts 0-2 of the UTKFace pack beside the repository."""
    max_faces: int | None = None
    """Use only the first so many faces of the data."""
    start_from: str | None = None
    """Estimator, a model's name or file, whose weights to start from."""
    num_threads: int = 2
    """CPU threads; part of what makes a resumed run bit-identical."""
    checkpoint_every_minutes: float = 3.0
    """Minutes between checkpoints."""

    def __post_init__(self) -> None:
        if not 0 < self.held_out_share < 1:
            raise ValueError(f"held_out_share must lie between 0 and 1, got {self.held_out_share}")
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, got {self.batch_size}")
        if self.num_threads < 1:
            raise ValueError(f"num_threads must be at least 1, got {self.num_threads}")


class EstimatorRun:
    """State of a run and its steps."""

    def __init__(self, config: EstimatorTraining, faces: FaceSet, precision: Precision = "auto") -> None:
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.num_threads)
        self.config, self.faces, self.of_faces = config, faces, kept_faces(faces)
        self.compute = compute_device.choose(precision=precision)
        network = Estimator(config.network)
        if config.start_from is not None:
            start = load(config.start_from).network
            if not isinstance(start, Estimator) or start.config != config.network:
                raise RunBroken(f"cannot start from {config.start_from}: it is no estimator of this shape")
            weights = {key: value for key, value in start.state_dict().items() if key not in UNTRAINED}
            network.load_state_dict({**network.state_dict(), **weights})
        self.network = self.compute.place(network).train()
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step = 0
        held_out = held_out_rows(len(faces), config.held_out_share, config.seed)
        self.kept = np.setdiff1d(np.arange(len(faces)), held_out)
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
        torch.manual_seed(int(random.integers(2**62)))  # of the dropout
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

    def save(self, path: Path) -> None:
        """Write everything a later sitting needs, atomically."""
        tensors = {f"network.{key}": value for key, value in self.network.state_dict().items()}
        tensors |= {f"average.{key}": value for key, value in self.average.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{key}": value for key, value in moments.items()}
        precision = "bfloat16" if self.compute.dtype == torch.bfloat16 else "float32"
        write_tensors(tensors, path, counters={"step": self.step, "precision": precision, **self.of_faces})

    def load(self, path: Path) -> None:
        """Take over what `save` wrote. Raises RunBroken if the file is damaged or of another network."""
        try:
            tensors, counters = read_tensors(path)
            self.network.load_state_dict(under(tensors, "network."))
            self.average.load_state_dict(under(tensors, "average."))
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in under(tensors, "adam.").items():
                index, _, kind = key.partition(".")
                moments.setdefault(int(index), {})[kind] = value
            self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
            self.step = counters["step"]
        except (RuntimeError, KeyError, ValueError) as error:
            raise RunBroken(f"cannot go on from {path}: {error}; remove it to start the run anew") from error


def held_out_rows(count: int, share: float, seed: int) -> npt.NDArray[np.int64]:
    """Positions, of so many faces, that training leaves to calibration; adding faces at the end moves none of them."""
    return np.flatnonzero(np.random.default_rng(seed).random(count) < share)


def kept_faces(faces: FaceSet) -> dict[str, Any]:
    """How many faces a run uses and their digest, as its checkpoint keeps them."""
    return {"num_faces": len(faces), "faces_sha256": faces.digest}


def check_faces(run: Path, faces: FaceSet, counters: Mapping[str, Any]) -> None:
    """Raise RunBroken where the first faces are not those of a run's checkpoint: others would now be held out.

    More at the end move none of them. A checkpoint from before this was kept says nothing.
    """
    count = counters.get("num_faces", 0)
    if count and kept_faces(faces.rows(slice(count))).items() - counters.items():
        raise RunBroken(
            f"{run} was begun with other faces: the first {count} of the {len(faces)} here are not those it learnt "
            "from or kept for its calibration; give the files it was begun with, and more only after them"
        )


def _check_draw(run: Path, config: EstimatorTraining) -> None:
    """Raise RunBroken where a run would hold out other faces than before, and learn from those it kept."""
    path = run / "config.json"
    if not path.is_file():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    drawn_by = ("seed", "held_out_share")
    told = differences({name: before[name] for name in drawn_by}, {name: getattr(config, name) for name in drawn_by})
    if told:
        raise RunBroken(
            f"{run} was begun with other faces held out ({'; '.join(told)}), and would now learn from those it kept "
            "for calibration; give what it was begun with, or another --out"
        )


def train_estimator(config: EstimatorTraining, run: Path) -> EstimatorRun:
    """Train to the end, or until a signal asks to stop; goes on with the run in `run`.

    Writes into `run`: config.json, losses.jsonl, estimator.safetensors, lock.
    Raises DataBroken for bad data, RunBroken if the run cannot be gone on with, diverges, or is another's just now.
    """
    if num_started() > 1:
        raise RunBroken("train-estimator runs in one process; start it without torchrun or accelerate launch")
    run.mkdir(parents=True, exist_ok=True)
    with sitting(run):
        return _sit(config, run)


def _sit(config: EstimatorTraining, run: Path) -> EstimatorRun:
    path = run / STATE_FILE
    counters = read_counters(run, STATE_FILE) if path.exists() else {}
    if counters:
        _check_draw(run, config)
    faces = load_faces(config.data or default_files(), config.network.size_px, max_faces=config.max_faces)
    check_faces(run, faces, counters)
    state = EstimatorRun(config, faces, counters.get("precision", "auto"))
    if counters:
        state.load(path)
    write_atomic(run / "config.json", (json.dumps(dataclasses.asdict(config), default=str, indent=2) + "\n").encode())
    log = LossLog(run / "losses.jsonl", state.step, state.step * config.batch_size)
    saved = time.monotonic()
    with stop_signal() as stop_asked:
        while state.step < state.num_steps and not stop_asked():
            terms = state.do_step()
            for name, value in terms.items():
                if not math.isfinite(value):
                    raise RunBroken(f"{name} became {value} in step {state.step}; the last checkpoint is good")
            log.add(terms)
            if state.step % REPORT_EVERY_STEPS == 0:
                log.report(state.step, state.step * config.batch_size, 0.0)
            if time.monotonic() - saved > config.checkpoint_every_minutes * 60:
                state.save(path)
                saved = time.monotonic()
    state.save(path)
    return state
