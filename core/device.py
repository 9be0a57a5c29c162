"""Where the networks run and in which precision: chosen once at the entry, then read off tensors.

float32 on the CPU is the reference. bfloat16 doubles to decuples the speed of processors that have
units for it, and is many times slower on those that only imitate it, so nothing is assumed: the two are
timed against each other on this machine, once a process.
"""

import functools
import os
import re
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import DeviceMissing

Precision = Literal["auto", "float32", "bfloat16"]
Module = TypeVar("Module", bound=nn.Module)

WORTHWHILE = 1.2
"""How many times faster than plain float32 another way must be before it is taken."""
ROUNDS = 4
"""Each way is timed this often, in turn, and its fastest round counts: others share the cores."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compute:
    """A device, and how to use it."""

    device: torch.device
    dtype: torch.dtype
    """Of the activations inside convolutions and linears: float32 or bfloat16. Weights stay float32."""
    channels_last: bool
    """Keep feature maps as NHWC in memory."""
    reason: str
    """Why this was chosen, for a log line."""

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def place(self, network: Module) -> Module:
        """The same network object, moved to the device, four-dimensional weights in the right layout."""
        network.to(self.device)
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.ndim == 4:  # Module.to(memory_format=...) would stumble over five dimensions
                tensor.data = tensor.data.contiguous(memory_format=self.memory_format)
        return network

    def move(self, tensor: Tensor) -> Tensor:
        """A tensor on the device; pictures and feature maps (four dimensions) in the right layout."""
        if tensor.ndim == 4:
            return tensor.to(self.device, memory_format=self.memory_format)
        return tensor.to(self.device)


def is_lent() -> bool:
    """Whether CUDA devices are lent for single calls (Hugging Face's ZeroGPU): between them there is none to use."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def choose(device: str = "auto", precision: Precision = "auto") -> Compute:
    """Pick device and precision.

    Args:
        device: "auto" (a CUDA device where there is one to keep, see `is_lent`, else the CPU), "cpu", "cuda", "cuda:1".
        precision: "auto" takes what is fastest here; "float32" on the CPU is the reference.
    Raises:
        DeviceMissing: a CUDA device is asked for and absent, or has no bfloat16.
        ValueError: neither a device nor a precision of those above.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision {precision!r} is none of auto, float32, bfloat16")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() and not is_lent() else "cpu"
    if device == "cpu":
        return choose_on_cpu(precision)
    if re.fullmatch(r"cuda(:\d+)?", device):
        return choose_on_cuda(device, precision)
    raise ValueError(f"device {device!r} is none of auto, cpu, cuda, cuda:<number>")


def choose_lent() -> Compute:
    """The device of a loan, as it is inside a function that borrows one. Raises DeviceMissing where none is lent."""
    return choose("cuda")


def choose_on_cuda(device: str, precision: Precision) -> Compute:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2] or 0) >= count:
        raise DeviceMissing(f"Device {device} is not here ({count} CUDA devices are); use --device cpu.")
    where = torch.device(device)
    name = torch.cuda.get_device_name(where)
    has_units = torch.cuda.get_device_capability(where) >= (8, 0)
    if precision == "bfloat16" and not has_units:
        raise DeviceMissing(f"{name} has no units for bfloat16; use --precision float32.")
    if precision == "float32" or not has_units:
        return Compute(device=where, dtype=torch.float32, channels_last=False, reason=f"float32 on {name}")
    return Compute(device=where, dtype=torch.bfloat16, channels_last=True, reason=f"bfloat16 on {name}")


def choose_on_cpu(precision: Precision) -> Compute:
    cpu = torch.device("cpu")
    if precision == "bfloat16":
        return Compute(device=cpu, dtype=torch.bfloat16, channels_last=True, reason="bfloat16 as asked, CPU")
    if precision == "float32":
        return Compute(device=cpu, dtype=torch.float32, channels_last=False, reason="float32 as asked, CPU")
    seconds = measure_cpu()
    plain = seconds[torch.float32, False]
    dtype, last = min(seconds, key=lambda way: seconds[way])
    if plain < WORTHWHILE * seconds[dtype, last]:
        dtype, last = torch.float32, False
    timings = ", ".join(f"{name_of(*way)} {1000 * took:.1f} ms" for way, took in seconds.items())
    reason = f"{name_of(dtype, last)} on the CPU; one layer takes {timings}"
    return Compute(device=cpu, dtype=dtype, channels_last=last, reason=reason)


def name_of(dtype: torch.dtype, channels_last: bool) -> str:
    return f"{str(dtype).removeprefix('torch.')}{' channels last' if channels_last else ''}"


@functools.cache
def measure_cpu() -> dict[tuple[torch.dtype, bool], float]:
    """Time one layer of a generator in each way worth having, in under 0.3 s.

    On one thread, so that work on the other cores does not drown the ratio.

    Returns:
        (dtype, channels last) -> seconds of the fastest of a few rounds.
    """
    ways = ((torch.float32, False), (torch.float32, True), (torch.bfloat16, True))
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 96, 48, 48, generator=generator)
    weight = torch.randn(96, 96, 3, 3, generator=generator)
    layers = {}
    for dtype, last in ways:
        layout = torch.channels_last if last else torch.contiguous_format
        layers[dtype, last] = tuple(tensor.to(dtype, memory_format=layout) for tensor in (features, weight))
    seconds = dict.fromkeys(ways, float("inf"))
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            for round_number in range(ROUNDS + 1):  # the first one warms up
                for way, (x, w) in layers.items():
                    start = time.perf_counter()
                    F.leaky_relu(F.conv2d(x, w, padding=1), 0.2)
                    if round_number:
                        seconds[way] = min(seconds[way], time.perf_counter() - start)
    finally:
        torch.set_num_threads(num_threads)
    return seconds


def autocast(compute: Compute) -> AbstractContextManager[object]:
    """Context in which networks run with the chosen precision; `float32` means full float32 everywhere."""
    if compute.dtype != torch.float32:
        return torch.autocast(compute.device.type, dtype=compute.dtype)
    if compute.device.type == "cuda":
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return nullcontext()


def wait_for(compute: Compute) -> None:
    """Until the device has done what it was given; a CPU always has."""
    if compute.device.type == "cuda":
        torch.cuda.synchronize(compute.device)


def memory_used_mib(compute: Compute) -> float | None:
    """Most memory of the device that was in use at a time, MiB; None for a CPU."""
    return torch.cuda.max_memory_allocated(compute.device) / 2**20 if compute.device.type == "cuda" else None
