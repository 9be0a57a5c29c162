"""Command line of training: python -m training train --preset NAME --out RUN."""

import dataclasses
import json
import sys
from pathlib import Path

import tyro

from core.errors import CafError


def train(
    preset: str = "tiny",
    out: Path = Path("runs/tiny"),
    data: tuple[Path, ...] = (),
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    threads: int = 2,
    start_from: Path | None = None,
) -> None:
    """Train a generator, or go on with the run in --out.

    Args:
        preset: Which configuration: tiny, utk128-10 or utk128-4.
        out: Run folder; a run already there is resumed.
        data: Parquet files of faces instead of the preset's.
        minutes: Stop after so many minutes of this sitting.
        steps: Stop after so many steps in all.
        seed: Fixes weights and batches.
        threads: CPU threads; a resumed run is bit-identical only with as many as before.
        start_from: Run folder whose networks to start from.
    """
    from training.config import preset as find_preset
    from training.loop import train as run_training

    config = dataclasses.replace(
        find_preset(preset), data=data, minutes=minutes, seed=seed, num_threads=threads, start_from=start_from
    )
    if steps is not None:
        config = dataclasses.replace(config, num_steps=steps)
    state = run_training(config, out)
    faces = state.step * config.batch_size
    summary = {"run": str(out), "step": state.step, "faces": faces, "seconds": round(state.seconds, 1)}
    print(json.dumps(summary))


def main() -> None:
    """Parse, run, and turn a known error into one line on stderr."""
    try:
        tyro.extras.subcommand_cli_from_dict({"train": train}, prog="python -m training")
    except (CafError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
