"""Whether faces fit into memory, known before any is decoded."""

from pathlib import Path

from core.errors import DataBroken

STREAM = "read them as they are needed, with --stream"


def check_room(num_faces: int, size_px: int, num_processes: int = 1, num_copies: int = 1, way: str = STREAM) -> None:
    """Raise DataBroken if so many decoded faces, in each process on this machine, do not fit into memory.

    Only where the system tells how large that is (Linux); else nobody knows.

    Args:
        num_copies: how often each is held for a while.
        way: out of it, for people.
    """
    needed, there = num_faces * size_px**2 * 3 * num_processes * num_copies, memory_bytes()
    if there is not None and needed > there:
        each = f" in each of {num_processes} processes" if num_processes > 1 else ""
        raise DataBroken(
            f"{num_faces} faces of {size_px} px{each} take {needed / 1e9:.0f} GB, and this process may "
            f"use {there / 1e9:.0f} GB of memory: {way}"
        )


def memory_bytes(root: Path = Path("/")) -> int | None:
    """Memory that this process may use, in use or not; None where the system does not tell.

    The machine's memory and swap, or what the process's control groups leave of them, as in a container.
    """
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return min([1024 * (kib["MemTotal"] + kib["SwapTotal"]), *_limits(root)])


def _limits(root: Path) -> list[int]:
    """Limits in bytes of this process's control group and those around it, of either version; swap is not counted."""
    try:
        groups = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for _, controllers, place in (line.split(":", 2) for line in groups):
        if controllers not in ("", "memory"):
            continue
        top = root / "sys/fs/cgroup" / controllers
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        own = top / place.lstrip("/")
        for folder in (own, *own.parents):
            limit = folder / name
            if folder.is_relative_to(top) and limit.is_file():
                said = limit.read_text(encoding="ascii").strip()
                found += [int(said)] if said != "max" else []
    return found
