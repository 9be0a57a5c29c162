"""Command line of cafdata: python -m cafdata COMMAND."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import tyro

from core.errors import CafError


def facts(pictures: tyro.conf.Positional[tuple[Path, ...]]) -> int:
    """Print what a record says of the bytes of pictures: sha256, perceptual hash, size.

    Args:
        pictures: Picture files.
    """
    import dataclasses

    from cafdata.picture_hash import measure

    for path in pictures:
        print(json.dumps({"file": str(path)} | dataclasses.asdict(measure(path.read_bytes()))), flush=True)
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "facts": facts,
}
"""Name of a command -> what it does; it returns the exit status."""


def main() -> None:
    """Parse, run, and turn a known error into one line on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        code: int = tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="python -m cafdata")
    except (CafError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; the archive is as the last finished step left it", file=sys.stderr)
        sys.exit(130)
    sys.exit(code)


if __name__ == "__main__":
    main()
