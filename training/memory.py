"""Whether faces fit into memory, known before any is decoded."""

from pathlib import Path

from core.errors import DataBroken

STREAM = "read them as they are needed, with --stream"


def check_room(num_faces: int, size_px: int, num_processes: int = 1, num_copies: int = 1, way: str = STREAM) -> None:
    """Raise DataBroken if so many decoded faces, in each process on this machine, do not fit into its memory.

    Only where the system tells how large that is (Linux); else nobody knows.

    Args:
        num_copies: how often each is held for a while.
        way: out of it, for people.
    """
    needed, there = num_faces * size_px**2 * 3 * num_processes * num_copies, memory_bytes()
    if there is not None and needed > there:
        each = f" in each of {num_processes} processes" if num_processes > 1 else ""
        raise DataBroken(
            f"{num_faces} faces of {size_px} px{each} take {needed / 1e9:.0f} GB, and this machine has "
            f"{there / 1e9:.0f} GB of memory: {way}"
        )


def memory_bytes() -> int | None:
    """Memory and swap of this machine, in use or not; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return 1024 * (kib["MemTotal"] + kib["SwapTotal"])
