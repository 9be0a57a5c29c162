"""Command line of the demo: python -m demo space. The page itself is started by app.py."""

import sys
from pathlib import Path
from typing import Literal

import tyro

from core.errors import CafError


def space(
    out: Path = Path("build/space"),
    hardware: Literal["cpu-basic", "zero-a10g"] = "cpu-basic",
    models: tuple[str, ...] = (),
    datasets: tuple[str, ...] = (),
) -> int:
    """Build the folder that a Hugging Face Space is made of.

    Args:
        out: Folder to make; one that was built before is replaced.
        hardware: cpu-basic, or zero-a10g for ZeroGPU.
        models: Model repositories on the Hub to link to, as ORG/NAME.
        datasets: Dataset repositories on the Hub to link to, as ORG/NAME.
    """
    from demo.space_folder import SpaceOrder, build

    build(out, SpaceOrder(hardware=hardware, models=models, datasets=datasets))
    print(out)
    return 0


def main() -> None:
    """Parse, run, and turn a known error into one line on stderr."""
    try:
        code: int = tyro.extras.subcommand_cli_from_dict({"space": space}, prog="python -m demo")
    except (CafError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(code)


if __name__ == "__main__":
    main()
