"""A training run around the steps of an objective: it can be stopped at any moment, and gone on with."""

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.ages import group_system
from core.errors import RunBroken
from core.files import write_atomic
from training.config import PRESETS, ReferenceConfig, TrainingConfig, differences
from training.data import FacesInMemory, FaceSource, default_files, load_faces
from training.environment import describe, write_environment
from training.inputs import to_inputs
from training.prefetch import Prefetcher
from training.processes import Processes
from training.reporter import Reporter
from training.start import start_from
from training.state import STATE_FILE, AnyState, load_state, read_counters, save_state
from training.stopping import stop_signal
from training.stream import FacesFromShards, StreamConfig
from training.trainer import Trainer

OF_A_SITTING = ("minutes", "num_steps", "start_from")
"""Settings that differ from sitting to sitting without changing what is learnt."""


def train(config: TrainingConfig, run: Path) -> AnyState:
    """Train until the configured steps or minutes are over, or a signal asks to stop; resumes `run`.

    Writes into `run`: config.json, environment.json, losses.jsonl, state.safetensors, grids/, events/.
    Raises DataBroken for bad data, RunBroken if the run cannot be resumed or diverges.
    """
    processes = Processes()
    config = dataclasses.replace(config, num_processes=processes.count)
    state_path = run / STATE_FILE
    before = _before(run) if state_path.exists() else {}
    if before:
        _check_shape(run, before, config)
    of_preset = PRESETS[config.preset].precision if config.preset in PRESETS else "auto"
    if state_path.exists() and config.precision == of_preset:  # nothing else was asked for
        config = dataclasses.replace(config, precision=read_counters(run)["precision"])
    trainer = Trainer(config, processes)
    state = trainer.state
    start = config.start_from or before.get("start_from")
    config = dataclasses.replace(config, precision=state.precision, start_from=None if start is None else Path(start))
    (run / "grids").mkdir(parents=True, exist_ok=True)
    if processes.is_main:
        for draft in run.glob(f".{STATE_FILE}.*.part"):  # of a save that was killed
            draft.unlink()
    if state_path.exists():
        load_state(state, state_path)
    elif config.start_from is not None:
        if isinstance(config.generator, ReferenceConfig):
            raise ValueError("a run of the published recipe starts from nothing; leave --start-from out")
        start_from(state, config.start_from)
        state.step = config.warmup_steps  # the other run has been through it
    if processes.is_main:
        written = json.dumps(dataclasses.asdict(config), default=str, indent=2)
        if before:
            _say_what_changed(run, before, json.loads(written))
        write_atomic(run / "config.json", (written + "\n").encode())
    source = open_source(config, processes)
    if processes.is_main:
        environment = describe(trainer.compute, processes.count, source.digest)
        write_environment(run, environment, state.step)
    with stop_signal() as stop_asked, Prefetcher(source, state.step) as prefetcher:
        _go_on(trainer, source, prefetcher, run, stop_asked)
    if isinstance(source, FacesFromShards):
        source.close()
    processes.leave()
    return state


def _before(run: Path) -> dict[str, Any]:
    """The configuration of a run's sitting before; empty where none was written."""
    path = run / "config.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _check_shape(run: Path, before: dict[str, Any], config: TrainingConfig) -> None:
    """Raise RunBroken where a run was begun with other networks: --preset was forgotten, or --out is another's."""
    now = json.loads(json.dumps(dataclasses.asdict(config), default=str))
    # What a shape did not have yet when the run was begun is as it is today.
    if any({**now[name], **before.get(name, {})} != now[name] for name in ("generator", "discriminator")):
        raise RunBroken(
            f"{run} was begun with --preset {before.get('preset')}, whose networks are not those of {config.preset}; "
            "give that preset to go on, or another --out"
        )


def _say_what_changed(run: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Options are taken anew when a run is resumed; one that was forgotten should not go unnoticed."""
    changed = [one for one in differences(before, now) if one.partition(" ")[0] not in OF_A_SITTING]
    if changed:
        _say(f"{run} goes on with other settings than before: {'; '.join(changed)}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def open_source(config: TrainingConfig, processes: Processes) -> FaceSource:
    """The faces that the config names, in memory, and this process's part of each batch."""
    groups = group_system(config.generator.groups)
    if config.stream:
        shape = StreamConfig(
            size_px=config.generator.size_px,
            batch_size=config.batch_size,
            row_groups_per_window=config.row_groups_per_window,
            steps_per_window=config.steps_per_window,
            num_workers=config.num_workers,
        )
        return FacesFromShards(
            config.data or default_files(),
            groups,
            shape,
            seed=config.seed,
            own_age_share=config.own_age_share,
            rank=processes.rank,
            num_processes=processes.count,
        )
    faces = load_faces(
        config.data or default_files(),
        config.generator.size_px,
        min_age_years=groups.first_years[0],
        max_faces=config.max_faces,
        num_processes=processes.count_here,
    )
    return FacesInMemory(
        faces,
        groups,
        batch_size=config.batch_size,
        seed=config.seed,
        own_age_share=config.own_age_share,
        rank=processes.rank,
        num_processes=processes.count,
    )


def _go_on(
    trainer: Trainer, source: FaceSource, prefetcher: Prefetcher, run: Path, stop_asked: Callable[[], bool]
) -> None:
    """Step after step, with reports and checkpoints, until it is time to stop; a checkpoint at the end."""
    config, state, processes = trainer.config, trainer.state, trainer.processes
    state_path = run / STATE_FILE
    reporter = Reporter(trainer, source.one_of_each(), run) if processes.is_main else None
    started = checkpointed = time.monotonic()
    seconds_before = state.seconds
    stopping = False
    if reporter is not None and state.step >= config.num_steps:
        _say(f"{run} is at step {state.step} already, and {config.num_steps} were asked for; name more with --steps")
    while state.step < config.num_steps and not stopping:
        terms = trainer.step(to_inputs(prefetcher.batch(), trainer.groups, trainer.compute))
        now = time.monotonic()
        state.seconds = seconds_before + now - started
        due = now - checkpointed > config.checkpoint_every_minutes * 60
        over = config.minutes is not None and now - started > config.minutes * 60
        stopping = processes.any(stop_asked() or over)
        if reporter is None:
            continue
        reporter.after_step(terms, prefetcher.waited_s)
        if due and not stopping:
            save_state(state, state_path)
            checkpointed = now
    if reporter is not None:
        save_state(state, state_path)
        reporter.show()
        reporter.tracker.close()
    processes.wait()
