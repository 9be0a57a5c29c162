"""Command line of curation: python -m curation COMMAND."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Literal

import tyro

from core.errors import CafError
from curation.commands import archive_commands
from curation.labelling.commands import label_commands
from curation.publishing.commands import publish_commands


def run(
    recipe: tyro.conf.Positional[Path],
    dry_run: bool = False,
    anew: bool = False,
    engine: Literal["native", "ray"] | None = None,
    address: str | None = None,
    workers: int | None = None,
) -> int:
    """Collect what a recipe names into its archive. Stop it whenever you like; the same command goes on.

    Args:
        recipe: Recipe, a TOML file (docs/curation.md).
        dry_run: Read the sources and count what they name; fetch no picture and write nothing.
        anew: Read the sources again: take in what is new there, and ask whether pictures have changed.
        engine: Do the work on this machine or on a Ray cluster, whatever the recipe says.
        address: Of the Ray cluster, such as ray://head:10001; without it one is started here.
        workers: Processes that look at pictures, whatever the recipe says.
    """
    from curation.pipeline import run_recipe, try_recipe
    from curation.recipe import read_recipe, with_engine

    read = with_engine(read_recipe(recipe), engine, address, workers)
    print(json.dumps(try_recipe(read) if dry_run else run_recipe(read, anew=anew), ensure_ascii=False))
    return 0


def status(recipe: tyro.conf.Positional[Path]) -> int:
    """How far the run of a recipe has come; also while it runs.

    Args:
        recipe: Recipe, a TOML file.
    """
    from curation.pipeline import status_of
    from curation.recipe import read_recipe

    print(json.dumps(status_of(read_recipe(recipe)), ensure_ascii=False))
    return 0


def label() -> int:
    """Annotators' work through Label Studio; `label --help` has its commands: up, push, pull, status and more."""
    return run_command(label_commands, "python -m curation label", ["--help"])


COMMANDS: dict[str, Callable[..., int]] = {
    "run": run,
    "status": status,
    **archive_commands,
    "label": label,
    **publish_commands,
}


def run_command(commands: Mapping[str, Callable[..., int]], program: str, words: Sequence[str]) -> int:
    """Parse words and do what they say."""
    return int(tyro.extras.subcommand_cli_from_dict(dict(commands), prog=program, args=list(words)))


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


def main() -> None:
    """Parse, run, and turn a known error into one line on stderr."""
    # Daft, Ray and faiss tell much of themselves; only their warnings are for the user.
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in ("curation", "cafdata", "core"):
        logging.getLogger(name).setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, _stop)
    code = 0
    try:
        words = sys.argv[1:]
        if words[:1] == ["label"]:
            code = run_command(label_commands, "python -m curation label", words[1:])
        else:
            code = run_command(COMMANDS, "python -m curation", words)
    except (CafError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("stopped; what was finished is kept, and the same command goes on", file=sys.stderr)
        code = 130
    sys.stdout.flush()
    sys.stderr.flush()
    # Daft's threads may still be at work, and would turn an ordinary end into a crash.
    os._exit(code)


if __name__ == "__main__":
    main()
