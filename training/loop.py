"""A training run around the steps of an objective: it can be stopped at any moment, and gone on with."""

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from core.errors import RunBroken
from core.files import write_atomic
from training.config import PRESETS, ReferenceConfig, TrainingConfig, differences
from training.data import FaceSource
from training.environment import describe, write_environment
from training.inputs import to_inputs
from training.prefetch import Prefetcher
from training.processes import Processes
from training.reporter import Reporter
from training.sitting import sitting
from training.source import open_source
from training.start import start_from
from training.state import STATE_FILE, AnyState, load_state, read_counters, save_state
from training.stopping import stop_signal
from training.stream import FacesFromShards
from training.trainer import Trainer

OF_A_SITTING = ("minutes", "num_steps")
"""Settings that differ from sitting to sitting without changing what is learnt."""
OF_A_MACHINE = ("minutes", "num_threads", "num_workers", "checkpoint_every_minutes", "data", "start_from")
"""Settings that may differ between the machines of a run; of data and weights the digests are compared."""


def train(config: TrainingConfig, run: Path) -> AnyState:
    """Train until the configured steps or minutes are over, or a signal asks to stop; resumes `run`.

    Writes into `run`: config.json, environment.json, losses.jsonl, state.safetensors, grids/, events/, lock.
    Raises DataBroken for bad data, RunBroken if the run cannot be resumed, diverges, or is another's just now.
    """
    processes = Processes()
    (run / "grids").mkdir(parents=True, exist_ok=True)
    with sitting(run) if processes.is_main else nullcontext():
        state = _sit(dataclasses.replace(config, num_processes=processes.count), run, processes)
    processes.leave()
    return state


def _sit(config: TrainingConfig, run: Path, processes: Processes) -> AnyState:
    state_path = run / STATE_FILE
    before = _before(run) if state_path.exists() else {}
    if before:
        _check_shape(run, before, config)
        config = _as_begun(run, before, config, processes)
    of_preset = PRESETS[config.preset].precision if config.preset in PRESETS else "auto"
    if state_path.exists() and config.precision == of_preset:  # nothing else was asked for
        config = dataclasses.replace(config, precision=read_counters(run)["precision"])
    trainer = Trainer(config, processes)
    state = trainer.state
    config = dataclasses.replace(config, precision=state.precision)
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
    written = json.dumps(dataclasses.asdict(config), default=str, indent=2)
    if processes.is_main:
        if before:
            _say_what_changed(run, before, json.loads(written))
        write_atomic(run / "config.json", (written + "\n").encode())
    source = open_source(config, processes)
    if processes.count > 1:
        told = {name: value for name, value in json.loads(written).items() if name not in OF_A_MACHINE}
        processes.check_agreed(told | _bare(told) | {"data": source.digest})
    if processes.is_main:
        environment = describe(trainer.compute, processes.count, source.digest)
        write_environment(run, environment, state.step)
    with stop_signal() as stop_asked, Prefetcher(source, state.step) as prefetcher:
        _go_on(trainer, source, prefetcher, run, stop_asked)
    if isinstance(source, FacesFromShards):
        source.close()
    return state


def _as_begun(run: Path, before: dict[str, Any], config: TrainingConfig, processes: Processes) -> TrainingConfig:
    """The config with what a run was started from, which another --start-from comes too late to change."""
    begun = before.get("start_from")
    if processes.is_main and config.start_from is not None and str(config.start_from) != begun:
        _say(f"{run} started from {begun or 'nothing'} and goes on: --start-from {config.start_from} has no effect")
    return dataclasses.replace(config, start_from=None if begun is None else Path(begun))


def _bare(settings: dict[str, Any]) -> dict[str, Any]:
    """The frozen networks of a configuration by their files' names: the folder may be another on each machine."""
    return {name: settings[name] and Path(settings[name]).name for name in ("reader", "recogniser")}


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
