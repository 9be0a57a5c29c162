"""The processes of one run: alone, or one of many started by torchrun or accelerate launch.

    accelerate launch --num_processes 8 -m training train --preset utk128-10 --out runs/ten
    torchrun --nproc-per-node 8 -m training train --preset utk128-10 --out runs/ten

Accelerate sets up the group (NCCL on GPUs; gloo on CPUs, where torchrun alone starts several processes). Gradients are
averaged in one message after each backward pass, rather than by a wrapper around the network: a step goes through the
generator several times, the penalty differentiates twice, and a wrapper's hooks would fire at each. With 9 M weights
the message is 35 MB, a third of a millisecond between GPUs of one machine.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import RunBroken


def num_started() -> int:
    """Processes that the launcher says it has started; 1 where there is none. Raises RunBroken where it started fewer.

    On CPUs `accelerate launch --num_processes 8` starts one, and of a group tells it no more than an address.
    """
    if "MASTER_ADDR" in os.environ and "WORLD_SIZE" not in os.environ:
        raise RunBroken(
            "several processes were asked for and one was started (MASTER_ADDR is set, WORLD_SIZE is not): on CPUs use "
            "torchrun --nproc-per-node; to train alone, unset MASTER_ADDR"
        )
    return int(os.environ.get("WORLD_SIZE", "1"))


class Processes:
    """This process's place among those of the run."""

    def __init__(self) -> None:
        """Joins the group that the launcher describes in the environment; alone where there is none."""
        from accelerate import PartialState  # type: ignore[import-untyped]

        wanted = num_started()
        self._state = PartialState(cpu=not torch.accelerator.is_available())
        self.rank = int(self._state.process_index)
        self.count = int(self._state.num_processes)
        if self.count != wanted:
            raise RunBroken(f"the launcher started {wanted} processes, but a group of {self.count} came about")
        self.count_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        """Of them, those on this machine."""
        own = self._state.device
        self.device = "auto" if self.count == 1 else "cpu" if own.type == "cpu" else str(own)
        """For `core.device.choose`: with several processes, the one that this process was given."""
        self._agreed: set[int] = set()

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def share_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its mean over the processes.

        Raises:
            RunBroken: at the first time for this network, if not all processes begin with the same weights. Each
                reads the run folder by itself, and means of gradients would never bring them together.
        """
        if self.count == 1:
            return
        if id(network) not in self._agreed:
            self._check_same(network)
            self._agreed.add(id(network))
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        start = 0
        mean = self.mean(flat)
        for gradient in gradients:
            gradient.copy_(mean[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def _check_same(self, network: nn.Module) -> None:
        digest = hashlib.sha256()
        for name, value in network.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        others = [str(rank) for rank, (differs,) in enumerate(self._differing([digest.digest()])) if differs]
        if others:
            raise RunBroken(
                f"of {self.count} processes those of rank {', '.join(others)} begin with other weights of the "
                f"{type(network).__name__} than the main one: let all see one run folder, or give each machine a copy "
                f"of the same state.safetensors"
            )

    def check_agreed(self, settings: Mapping[str, Any]) -> None:
        """Raise RunBroken, in all processes, unless each has the same settings, as JSON has them, by the same names."""
        if self.count == 1:
            return
        digests = [hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest() for value in settings.values()]
        for rank, differing in enumerate(self._differing(digests)):
            if any(differing):
                names = ", ".join(name for name, differs in zip(settings, differing, strict=True) if differs)
                raise RunBroken(
                    f"of {self.count} processes that of rank {rank} was given another {names} than the main one: type "
                    "the same options on every machine, and have the same faces on each"
                )

    def _differing(self, digests: Sequence[bytes]) -> list[list[bool]]:
        """Of every process, by its rank, which of its digests are not those of the main one."""
        heads = [int.from_bytes(digest[:8], "little", signed=True) for digest in digests]
        own = torch.tensor(heads, dtype=torch.int64, device=self._state.device)
        every = [torch.zeros_like(own) for _ in range(self.count)]
        torch.distributed.all_gather(every, own)
        return [(one != every[0]).tolist() for one in every]

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the processes of a tensor that each has."""
        if self.count == 1:
            return values
        torch.distributed.all_reduce(values)
        return values / self.count

    def mean_of(self, terms: dict[str, float]) -> dict[str, float]:
        """The mean over the processes of each number; all must have the same names."""
        if self.count == 1:
            return terms
        values = self.mean(torch.tensor(list(terms.values()), dtype=torch.float64, device=self._state.device))
        return dict(zip(terms, values.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; all must ask at the same point."""
        if self.count == 1:
            return flag
        return bool(self.mean(torch.tensor(float(flag), device=self._state.device)) > 0)

    def wait(self) -> None:
        """Until all have come here."""
        self._state.wait_for_everyone()

    def leave(self) -> None:
        """Leave the group; a process that only ends would be complained of."""
        self._state.destroy_process_group()
