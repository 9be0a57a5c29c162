"""Training as a command: it runs, resumes bit for bit after kills, and says what is wrong."""

import dataclasses
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tests.drawn import face_parquet

ROOT = Path(__file__).resolve().parents[2]
STEPS = 30


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return face_parquet(tmp_path_factory.mktemp("data") / "faces.parquet")


def command(out: Path, data: Path, *more: str) -> list[str]:
    head = [sys.executable, "-m", "training", "train", "--preset", "tiny", "--threads", "1"]
    return [*head, "--out", str(out), "--data", str(data), *more]


def run(out: Path, data: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(out, data, *more), cwd=ROOT, capture_output=True, text=True, timeout=300)


def same_state(one: Path, other: Path) -> bool:
    a, b = load_file(one / "state.safetensors"), load_file(other / "state.safetensors")
    return a.keys() == b.keys() and all(a[key].tobytes() == b[key].tobytes() for key in a)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A run of STEPS steps without a break."""
    out = tmp_path_factory.mktemp("straight") / "run"
    done = run(out, data, "--steps", str(STEPS))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["step"] == STEPS
    return out


def test_a_run_folder_holds_what_is_needed_to_understand_it(straight: Path) -> None:
    assert json.loads((straight / "config.json").read_text())["generator"]["size_px"] == 32
    lines = [json.loads(line) for line in (straight / "losses.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [25]
    assert lines[0]["faces_per_s"] > 0
    assert {"d", "g", "r1", "mirror", "own_age", "age_made", "age_real"} <= lines[0].keys()
    assert [grid.name for grid in (straight / "grids").iterdir()] == [f"{STEPS:07d}.png"]
    assert {file.name for file in straight.iterdir()} == {
        "config.json",
        "environment.json",
        "events",
        "grids",
        "lock",
        "losses.jsonl",
        "state.safetensors",
    }


def test_a_run_that_has_its_steps_says_so(straight: Path, data: Path) -> None:
    before = (straight / "state.safetensors").read_bytes()
    done = run(straight, data, "--steps", str(STEPS - 1))
    assert done.returncode == 0, done.stderr
    assert f"is at step {STEPS} already, and {STEPS - 1} were asked for; name more with --steps" in done.stderr
    assert (straight / "state.safetensors").read_bytes() == before


def test_two_sittings_equal_one(straight: Path, data: Path, tmp_path: Path) -> None:
    for steps in (STEPS // 3, STEPS):
        assert run(tmp_path / "run", data, "--steps", str(steps)).returncode == 0
    assert same_state(straight, tmp_path / "run")


def test_two_sittings_equal_one_where_weights_are_channels_last(data: Path, tmp_path: Path) -> None:
    """As on every GPU: moments are kept plain in the file, and must come back as the weights lie. And with jitter."""
    asked, varied = ("--precision", "bfloat16"), ("--jitter", "1", "--weight", "kept", "20")
    assert run(tmp_path / "straight", data, *asked, *varied, "--steps", "12").returncode == 0
    assert run(tmp_path / "run", data, *asked, *varied, "--steps", "5").returncode == 0
    assert run(tmp_path / "run", data, *varied, "--steps", "12").returncode == 0, "what a run began with, it keeps"
    assert same_state(tmp_path / "straight", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["precision"] == "bfloat16"


def test_another_preset_is_not_taken_for_a_damaged_checkpoint(straight: Path, data: Path) -> None:
    before = (straight / "state.safetensors").read_bytes()
    done = run(straight, data, "--preset", "utk128-10", "--steps", "40")
    assert done.returncode == 1
    assert f"{straight} was begun with --preset tiny, whose networks are not those of utk128-10" in done.stderr
    assert "remove" not in done.stderr
    assert (straight / "state.safetensors").read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_run_goes_on_as_if_nothing_had_been(
    straight: Path, data: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "run"
    started = subprocess.Popen(command(out, data, "--steps", "100000"), cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "state.safetensors").exists():
        assert time.monotonic() < deadline, "no checkpoint within two minutes"
        assert started.poll() is None, "the run ended by itself"
        time.sleep(0.02)
    started.send_signal(number)
    assert started.wait(timeout=10) == (-number if number == signal.SIGKILL else 0)
    stopped_at = step_of(out)
    final = max(STEPS, stopped_at + 6)
    assert run(out, data, "--steps", str(final)).returncode == 0
    reference = straight
    if final != STEPS:
        reference = tmp_path / "longer"
        assert run(reference, data, "--steps", str(final)).returncode == 0
    assert same_state(reference, out)
    steps = [json.loads(line)["step"] for line in (out / "losses.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps)), "a step is reported once, also if it was done again after a kill"


def step_of(out: Path) -> int:
    from safetensors import safe_open

    with safe_open(out / "state.safetensors", framework="np") as opened:
        return int(json.loads(opened.metadata()["counters"])["step"])


def test_weights_and_pace_can_be_given(data: Path, tmp_path: Path) -> None:
    options = ("--learning-rate", "1e-5", "--average-half-life", "9000", "--weight", "hue", "0", "mirror", "7")
    options += ("--identity-floor", "0.5")
    assert run(tmp_path / "run", data, "--steps", "1", *options).returncode == 0
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (written["learning_rate"], written["ema_half_life_faces"]) == (1e-5, 9000)
    assert written["identity_floor"] == 0.5
    assert run(tmp_path / "bare", data, "--steps", "1", "--recogniser", "none").returncode == 0
    assert json.loads((tmp_path / "bare" / "config.json").read_text())["identity_floor"] == 0
    published = run(
        tmp_path / "published", data, "--steps", "1", "--preset", "reference-tiny", "--identity-floor", "0.5"
    )
    assert published.returncode == 1
    assert "the published recipe has no identity band; leave --identity-floor out" in published.stderr
    assert (written["weights"]["hue"], written["weights"]["mirror"], written["weights"]["age"]) == (0, 7, 1)


def test_a_resumed_run_says_what_was_changed(data: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "run", data, "--steps", "1", "--weight", "hue", "5").returncode == 0
    same = run(tmp_path / "run", data, "--steps", "2", "--weight", "hue", "5")
    assert same.returncode == 0 and "other settings" not in same.stderr
    forgotten = run(tmp_path / "run", data, "--steps", "3")
    assert forgotten.returncode == 0, forgotten.stderr
    assert "goes on with other settings than before: weights.hue 5.0 -> 20.0\n" in forgotten.stderr


def test_a_run_that_goes_on_starts_from_what_it_started_from(straight: Path, data: Path, tmp_path: Path) -> None:
    out, start = tmp_path / "run", ("--start-from", str(straight))
    assert run(out, data, "--steps", "11", *start).returncode == 0
    same = run(out, data, "--steps", "12", *start)
    assert same.returncode == 0 and "--start-from" not in same.stderr
    other = run(out, data, "--steps", "13", "--start-from", str(tmp_path))
    assert other.returncode == 0, other.stderr
    assert f"started from {straight} and goes on: --start-from {tmp_path} has no effect" in other.stderr
    assert json.loads((out / "config.json").read_text())["start_from"] == str(straight)


def test_minutes_end_a_sitting(data: Path, tmp_path: Path) -> None:
    """Three seconds of steps that would take hours; the next sitting has three seconds of its own."""
    out, minutes, before = tmp_path / "run", 0.05, 0.0
    for _ in range(2):
        done = run(out, data, "--steps", "1000000", "--minutes", str(minutes))
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert 0 < said["step"] < 1_000_000
        assert 60 * minutes - 0.1 <= said["seconds"] - before < 60 * minutes + 10, "over by one step at most"
        assert step_of(out) == said["step"]
        before = said["seconds"]


def test_help_names_every_preset() -> None:
    from training.config import PRESETS

    command = [sys.executable, "-m", "training", "train", "--help"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0
    words = " ".join(re.sub("[│╭╮╰╯─]", " ", said.stdout).split())
    for name in PRESETS:
        family = re.sub(r"(-4|-10)$", "", name)
        family = re.sub(r"^reference-(ffhq-\d+|tiny)$", "reference-ffhq-", family)
        assert family in words, name


def test_a_four_group_run_can_start_from_a_ten_group_run(straight: Path) -> None:
    from core.ages import FOUR
    from core.discriminator import DiscriminatorConfig
    from core.generator import GeneratorConfig
    from training.config import PRESETS, TrainingConfig
    from training.start import start_from
    from training.trainer import Trainer

    ten = PRESETS["tiny"]
    shape = {"size_px": 32, "groups": "4", "channels": (8, 16, 24)}
    four = TrainingConfig(
        generator=GeneratorConfig(**shape, encoder_blocks=(0, 0, 1), decoder_blocks=(0, 1, 1), code_width=32),
        discriminator=DiscriminatorConfig(**shape, blocks=(0, 0, 0), width=32),
        num_threads=1,
        precision="float32",
        reader=None,
        recogniser=None,
    )
    state = Trainer(four).state
    start_from(state, straight)
    saved = load_file(straight / "state.safetensors")
    assert ten.generator.groups == "10"
    before, now = saved["discriminator.age_head.bias"], state.discriminator.age_head.bias
    # 15-29 is the mean of 15-19 and 20-29; 30-39 is itself; 50+ is the mean of 50-69 and 70+.
    assert len(now) == len(FOUR)
    assert now[0].item() == pytest.approx((before[4] + before[5]) / 2)
    assert now[1].item() == pytest.approx(before[6])
    assert now[3].item() == pytest.approx((before[8] + before[9]) / 2)


def test_errors_are_one_sentence(data: Path, tmp_path: Path, straight: Path) -> None:
    missing = run(tmp_path / "a", tmp_path / "none.parquet")
    assert missing.returncode == 1
    assert missing.stderr.strip().splitlines()[-1].startswith("error: no such data file")
    unknown = subprocess.run(
        [sys.executable, "-m", "training", "train", "--preset", "huge"], cwd=ROOT, capture_output=True, text=True
    )
    assert unknown.returncode == 1
    assert unknown.stderr.strip().startswith("error: no preset 'huge'; there are tiny, utk128-10, utk128-4, ")
    for options, said in (
        (("--weight", "hu", "3"), "error: no term 'hu'; there are age, read_age, "),
        (("--weight", "hue", "-3"), "error: the weight of hue must be 0 or more, got -3.0"),
        (("--learning-rate", "0"), "error: learning_rate must be above 0, got 0.0"),
        (("--preset", "reference-tiny", "--weight", "hue", "1"), "error: the published recipe has no terms of ours"),
        (("--threads", "0"), "error: num_threads must be at least 1, got 0"),
        (("--recogniser", "no.onnx"), "error: there is no recogniser no.onnx: name an ArcFace-style ONNX file with "),
    ):
        refused = run(tmp_path / "b", data, *options)
        assert refused.returncode == 1
        assert refused.stderr.startswith(said)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    whole = (straight / "state.safetensors").read_bytes()
    (damaged / "state.safetensors").write_bytes(whole[: len(whole) // 2])
    refused = run(damaged, data)
    assert refused.returncode == 1
    assert "cannot go on from" in refused.stderr
    assert (damaged / "state.safetensors").read_bytes() == whole[: len(whole) // 2]


def test_the_published_recipe_trains_and_resumes(data: Path, tmp_path: Path) -> None:
    def command_of(out: Path, steps: int) -> list[str]:
        head = [sys.executable, "-m", "training", "train", "--preset", "reference-tiny", "--threads", "1"]
        return [*head, "--out", str(out), "--data", str(data), "--steps", str(steps)]

    for out, steps in ((tmp_path / "straight", 6), (tmp_path / "halved", 3), (tmp_path / "halved", 6)):
        done = subprocess.run(command_of(out, steps), cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["step"] == steps
    assert same_state(tmp_path / "straight", tmp_path / "halved")


def test_a_run_goes_on_at_a_larger_size(straight: Path) -> None:
    import torch
    from torch.nn import functional as F

    from core.generator import age_code
    from training.config import TrainingConfig
    from training.start import start_from, trained_networks
    from training.trainer import Trainer

    small, judge = trained_networks(straight)
    config = TrainingConfig(
        generator=dataclasses.replace(small.config, size_px=64, fold=4),
        discriminator=dataclasses.replace(judge.config, size_px=64, channels=(6, 8, 16, 24), blocks=(0, 0, 0, 0)),
        num_threads=1,
        precision="float32",
        reader=None,
        recogniser=None,
    )
    state = Trainer(config).state
    start_from(state, straight)
    faces = F.interpolate(torch.rand(2, 3, 8, 8) * 2 - 1, (64, 64), mode="bilinear")
    code = age_code(small.groups, [5, 60])
    with torch.no_grad():
        halved = F.avg_pool2d(faces, 2)
        change = small(halved, code) - halved
        grown = F.avg_pool2d(state.average(faces, code) - faces, 2)
        score = judge(halved, torch.tensor([1, 8]), torch.tensor([0, 1])).score
        large = state.discriminator(faces, torch.tensor([1, 8]), torch.tensor([0, 1])).score
    assert (grown - change).abs().mean() < 0.25 * change.abs().mean()
    assert torch.allclose(score, large, atol=1e-3)
