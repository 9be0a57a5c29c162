"""The model zoo: what it lets in, and that it lets nothing else in."""

import dataclasses
import hashlib
import json
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as format_safetensors
from torch import Tensor

from core.errors import WeightsMissing, WeightsRefused
from core.estimator import Estimator, EstimatorConfig
from core.generator import Generator, GeneratorConfig, age_code
from core.reference_estimator import ReferenceEstimator
from core.weights import add_model, default_estimator, default_model, list_models, load
from tests.models import TINY_ESTIMATOR, random_estimator

TINY = GeneratorConfig(
    size_px=16, channels=(4, 6), encoder_blocks=(0, 1), decoder_blocks=(0, 1), code_width=8, groups="4"
)
"""A generator of a few thousand weights."""


def tiny(seed: int = 0, config: GeneratorConfig = TINY) -> Generator:
    torch.manual_seed(seed)
    return Generator(config).eval().requires_grad_(False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder with one model, "tiny", named by the environment."""
    add_model(tiny(), "tiny", tmp_path, licence="CC0")
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path))
    return tmp_path


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest's only entry."""
    path = folder / "manifest.json"
    written = json.loads(path.read_text())
    change(written["models"][0])
    path.write_text(json.dumps(written))


def plant(folder: Path, data: bytes) -> None:
    """Put other bytes in the model's place, with the right hash: what is refused then is refused for itself."""
    (folder / "tiny.safetensors").write_bytes(data)
    rewrite(folder, lambda entry: entry.update(sha256=hashlib.sha256(data).hexdigest()))


def test_what_was_saved_is_loaded(folder: Path) -> None:
    network = tiny()
    loaded = load("tiny")
    faces = torch.rand(1, 3, 16, 16) * 2 - 1
    code = age_code(network.groups, [40.0])
    with torch.inference_mode():
        error = (loaded.network(faces, code) - network(faces, code)).abs().max()
    assert error < 5e-3  # stored as float16
    assert not loaded.network.training
    assert {value.dtype for value in loaded.network.state_dict().values()} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in loaded.network.parameters())
    assert load(folder / "tiny.safetensors").info == loaded.info


def test_strengths_come_with_the_description(folder: Path) -> None:
    """A description written before there were any has none."""
    rewrite(folder, lambda entry: entry["config"].pop("strengths"))
    plain = load("tiny").network
    assert isinstance(plain, Generator) and plain.config == TINY
    rewrite(folder, lambda entry: entry["config"].update(strengths=[0.5, 0.6, 0.7, 2.0]))
    stronger = load("tiny").network
    faces, code = torch.rand(1, 3, 16, 16) * 2 - 1, age_code(plain.groups, [80.0])
    torch.testing.assert_close(stronger(faces, code) - faces, 2 * (plain(faces, code) - faces), atol=1e-5, rtol=1e-4)
    info = add_model(stronger, "stronger", folder, licence="CC0")
    assert info.config["strengths"] == [0.5, 0.6, 0.7, 2.0]
    assert load("stronger").network.config == stronger.config


@pytest.mark.parametrize("strengths", [[1.0], [1.0] * 5, [1, 1, 1, 0], [1, 1, 1, math.nan], ["1"] * 4, "1111", 1, True])
def test_impossible_strengths_are_refused(folder: Path, strengths: object) -> None:
    rewrite(folder, lambda entry: entry["config"].update(strengths=strengths))
    with pytest.raises(WeightsRefused):
        load("tiny")


def test_a_model_from_before_there_were_strengths_makes_what_its_weights_say(folder: Path) -> None:
    rewrite(folder, lambda entry: entry["config"].pop("strengths"))
    network = load("tiny").network
    assert isinstance(network, Generator) and network.config.strengths == ()
    size_px = network.config.size_px
    faces, code = torch.rand(1, 3, size_px, size_px) * 2 - 1, age_code(network.groups, [62.0])
    with torch.inference_mode():
        change, mask = network.decoder(network.encode(faces).scales, code)
        assert torch.equal(network(faces, code), faces + mask * change)


def test_float32_is_kept_exactly(tmp_path: Path) -> None:
    network = tiny()
    info = add_model(network, "exact", tmp_path, licence="CC0", dtype=torch.float32)
    state = load(tmp_path / info.file).network.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_manifest_lists_and_replaces(folder: Path) -> None:
    ten = dataclasses.replace(TINY, groups="10")
    add_model(tiny(1, ten), "ten", folder, licence="MIT")
    again = add_model(tiny(2), "tiny", folder, licence="MIT")
    infos = {info.name: info for info in list_models()}
    assert sorted(infos) == ["ten", "tiny"]
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "ten.safetensors", again.file}
    assert infos["tiny"] == again
    assert (infos["ten"].groups, infos["ten"].size_px, infos["ten"].config["channels"]) == ("10", 16, [4, 6])
    assert default_model("4").name == "tiny"
    assert default_model("10").name == "ten"


def test_absent_models_and_files_are_named(folder: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"no model large.*tiny"):
        load("large")
    with pytest.raises(WeightsMissing, match="morph-4"):
        default_model("morph-4")
    (folder / "tiny.safetensors").unlink()
    with pytest.raises(WeightsMissing, match=r"tiny\.safetensors"):
        load("tiny")
    (folder / "manifest.json").unlink()
    assert list_models() == ()


def test_values_that_float16_cannot_hold_are_not_written(tmp_path: Path) -> None:
    network = tiny()
    network.encoder.stem.weight.data[0, 0, 0, 0] = 1e6
    with pytest.raises(ValueError, match=r"encoder\.stem\.weight"):
        add_model(network, "loud", tmp_path, licence="CC0")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b", "a\0b"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        add_model(tiny(), name, tmp_path, licence="CC0")


def test_an_estimator_is_loaded_as_it_was_saved(folder: Path) -> None:
    network = random_estimator()
    info = add_model(network, "reader", folder, licence="CC0")
    assert (info.architecture, info.groups, info.framing, info.size_px) == ("estimator", "", "utkface", 32)
    loaded = load("reader")
    assert isinstance(loaded.network, Estimator)
    assert loaded.network.config == TINY_ESTIMATOR
    assert not loaded.network.training
    state = loaded.network.state_dict()
    for key, value in network.state_dict().items():
        # Tables of years and running variances do not survive rounding.
        exact = value.ndim < 2
        torch.testing.assert_close(state[key], value, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-6)


def test_an_estimator_of_the_full_size_is_small_and_reads_the_same_ages(tmp_path: Path) -> None:
    network = random_estimator(EstimatorConfig())
    norm = network.stem.norm
    with torch.no_grad():  # the same function, with variances of all but nothing and beyond float16
        variances = torch.tensor([1e-9, 1e5])
        norm.weight[:2] *= ((variances + norm.eps) / (norm.running_var[:2] + norm.eps)).sqrt()
        norm.running_var[:2] = variances
    info = add_model(network, "reader", tmp_path, licence="CC0")
    assert (tmp_path / info.file).stat().st_size < 15e6
    loaded = load(tmp_path / info.file).network
    assert isinstance(loaded, Estimator)
    faces = torch.rand(16, 3, 128, 128) * 2 - 1
    with torch.inference_mode():
        before, after = network.read(faces), loaded.read(faces)
    for was, now in zip(before, after, strict=True):
        assert (now - was).abs().max() < 0.05
    assert before.years.std() > 3  # else there was nothing to be told apart


def test_the_default_of_each_kind_is_of_that_kind(folder: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"no age estimator.*--model"):
        default_estimator()
    (folder / "manifest.json").unlink()
    add_model(random_estimator(), "reader", folder, licence="CC0")
    for groups in ("", "4", "10"):
        with pytest.raises(WeightsMissing):
            default_model(groups)
    add_model(tiny(), "tiny", folder, licence="CC0")
    assert default_model("4").name == "tiny"
    assert default_estimator().name == "reader"


def test_the_reference_estimator_is_kept_but_is_no_default(folder: Path) -> None:
    info = add_model(ReferenceEstimator().eval(), "theirs", folder, licence="none")
    assert (info.architecture, info.framing, info.size_px) == ("reference-estimator", "whole", 224)
    assert isinstance(load("theirs").network, ReferenceEstimator)
    with pytest.raises(WeightsMissing):
        default_estimator()


BAD_ESTIMATORS: dict[str, dict[str, Any]] = {
    "groups": {"groups": "10"},
    "a framing of whole pictures": {"framing": "whole"},
    "another size": {"size_px": 64},
    "a patch of nothing": {"config": {"patch_px": 0}},
    "channels below nothing": {"config": {"channels": [-8, -8], "blocks": [1, 1]}},
    "too few channels": {"config": {"channels": [4, 4], "blocks": [1, 1]}},
    "endless blocks": {"config": {"channels": [8, 8], "blocks": [4096, 4096]}},
    "half a block": {"config": {"channels": [8, 8], "blocks": [0.5, 1]}},
    "a generator's fields": {"config": {"fold": 2}},
    "a generator's architecture": {"architecture": "agetrans"},
    "the reference's architecture": {"architecture": "reference-estimator"},
    "the reference's architecture and framing": {"architecture": "reference-estimator", "framing": "whole"},
}


@pytest.mark.parametrize("entry", BAD_ESTIMATORS.values(), ids=BAD_ESTIMATORS.keys())
def test_bad_entry_of_an_estimator_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> None:
    add_model(random_estimator(), "reader", tmp_path, licence="CC0")
    monkeypatch.setenv("AGETRANS_MODELS", str(tmp_path))
    load("reader")
    rewrite(tmp_path, lambda written: written.update(entry))
    with pytest.raises(WeightsRefused):
        load("reader")


class Canary:
    """A pickle of this makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.path}",))


def safetensors_with(header: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header + body


def header_of(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def changed(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    header, body = header_of(data)
    change(header)
    return safetensors_with(json.dumps(header).encode(), body)


def with_value(key: str, value: float) -> bytes:
    state = tiny().state_dict()
    state[key].flatten()[0] = value
    return format_safetensors(state)


def resaved(change: Callable[[dict[str, Tensor]], object]) -> bytes:
    state = tiny().state_dict()
    change(state)
    return format_safetensors(state)


def shift(header: dict[str, Any], first: int, last: int) -> None:
    entry = header["encoder.stem.weight"]
    begin, end = entry["data_offsets"]
    entry["data_offsets"] = [begin + first, end + last]


def overlap(header: dict[str, Any]) -> None:
    header["decoder.head.weight"]["data_offsets"] = [0, header["decoder.head.weight"]["data_offsets"][1]]


def swap_shapes(header: dict[str, Any]) -> None:
    header["encoder.stem.weight"]["shape"].reverse()


def duplicate_key(data: bytes) -> bytes:
    header, body = header_of(data)
    text = json.dumps(header)
    entry = json.dumps({"encoder.stem.bias": header["encoder.stem.bias"]})[1:-1]
    return safetensors_with((text[:-1] + ", " + entry + "}").encode(), body)


GOOD = format_safetensors(tiny().state_dict())
KEY = "encoder.stem.weight"
HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda _: b"",
    "three bytes": lambda _: b"abc",
    "a raw pickle": lambda canary: pickle.dumps(Canary(canary)),
    "a pickle behind a header's length": lambda canary: safetensors_with(pickle.dumps(Canary(canary))),
    "a zip archive": lambda _: b"PK\x03\x04" + bytes(200),
    "cut off in the body": lambda _: GOOD[:-5],
    "cut off in the header": lambda _: GOOD[:40],
    "bytes left over": lambda _: GOOD + b"more",
    "a header longer than the file": lambda _: safetensors_with(b"{}", length=10**6),
    "a header of 2^63 bytes": lambda _: safetensors_with(b"{}", length=2**63),
    "a huge header": lambda _: safetensors_with(b"{}" + b" " * (2 << 20), b""),
    "no JSON": lambda _: safetensors_with(b"not json"),
    "JSON that is a list": lambda _: safetensors_with(b"[1, 2]"),
    "JSON nested 100,000 deep": lambda _: safetensors_with(b"[" * 100_000),
    "not UTF-8": lambda _: safetensors_with(b'{"\xff\xfe": 1}'),
    "no tensors": lambda _: safetensors_with(b"{}"),
    "an entry that is a number": lambda _: changed(GOOD, lambda h: h.update({KEY: 5})),
    "an entry without a shape": lambda _: changed(GOOD, lambda h: h[KEY].pop("shape")),
    "a shape that is text": lambda _: changed(GOOD, lambda h: h[KEY].update(shape="big")),
    "a shape that holds lists": lambda _: changed(GOOD, lambda h: h[KEY].update(shape=[[4], 12, 3, 3])),
    "offsets out of range": lambda _: changed(GOOD, lambda h: shift(h, 10**9, 10**9)),
    "offsets that run backwards": lambda _: changed(GOOD, lambda h: shift(h, 10**5, 0)),
    "negative offsets": lambda _: changed(GOOD, lambda h: shift(h, -(10**9), 0)),
    "offsets too large for 64 bits": lambda _: changed(GOOD, lambda h: shift(h, 2**80, 2**80)),
    "offsets that leave a hole": lambda _: changed(GOOD, lambda h: shift(h, 4, 0)),
    "overlapping tensors": lambda _: changed(GOOD, overlap),
    "the right size in another shape": lambda _: changed(GOOD, swap_shapes),
    "a shape of 2^62": lambda _: changed(GOOD, lambda h: h[KEY].update(shape=[2**31, 2**31])),
    "a key twice": lambda _: duplicate_key(GOOD),
    "integers": lambda _: resaved(lambda s: s.update({KEY: s[KEY].int()})),
    "float64": lambda _: resaved(lambda s: s.update({KEY: s[KEY].double()})),
    "an unknown dtype": lambda _: changed(GOOD, lambda h: h[KEY].update(dtype="F8_E4M3")),
    "a dtype that is a list": lambda _: changed(GOOD, lambda h: h[KEY].update(dtype=["F32"])),
    "a dtype of another width": lambda _: changed(GOOD, lambda h: h[KEY].update(dtype="F16")),
    "NaN": lambda _: with_value(KEY, float("nan")),
    "infinity": lambda _: with_value("decoder.head.bias", float("inf")),
    "a missing key": lambda _: resaved(lambda s: s.pop(KEY)),
    "an unknown key": lambda _: resaved(lambda s: s.update(extra=torch.zeros(1))),
    "a wrong shape": lambda _: resaved(lambda s: s.update({KEY: torch.zeros(4, 12, 5, 5)})),
    "another architecture": lambda _: format_safetensors(tiny(0, dataclasses.replace(TINY, groups="10")).state_dict()),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_file_is_refused_and_nothing_runs(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path], bytes]
) -> None:
    canary = tmp_path_factory.mktemp("canary") / "sings"
    plant(folder, make(canary))
    with pytest.raises(WeightsRefused):
        load("tiny")
    assert not canary.exists()


def test_the_same_bytes_planted_unchanged_are_accepted(folder: Path) -> None:
    plant(folder, GOOD)
    assert load("tiny").info.name == "tiny"


def test_swapped_file_is_refused_by_its_hash(folder: Path) -> None:
    (folder / "tiny.safetensors").write_bytes(format_safetensors(tiny(seed=9).state_dict()))
    with pytest.raises(WeightsRefused, match="sha256"):
        load("tiny")


@settings(max_examples=150, deadline=None)
@given(position=st.integers(0, len(GOOD) - 1), value=st.integers(0, 255))
def test_any_changed_byte_loads_finite_weights_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("mutant")
    add_model(tiny(), "tiny", folder, licence="CC0")
    plant(folder, GOOD[:position] + bytes([value]) + GOOD[position + 1 :])
    try:
        network = load(folder / "tiny.safetensors").network
    except WeightsRefused:
        return
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())


BAD_ENTRIES: dict[str, dict[str, Any]] = {
    "a file above the folder": {"file": "../tiny.safetensors"},
    "an absolute file": {"file": "/etc/passwd"},
    "a card elsewhere": {"card": "../../card.md"},
    "a hash that is none": {"sha256": "abc"},
    "a hash in capitals": {"sha256": "A" * 64},
    "an unknown architecture": {"architecture": "stylegan3"},
    "unknown groups": {"groups": "11"},
    "an unknown framing": {"framing": "sideways"},
    "another size than the config": {"size_px": 32},
    "a size that is text": {"size_px": "16"},
    "a licence that is a list": {"licence": ["CC0"]},
    "a config that is a list": {"config": [1]},
    "a config with an unknown field": {"config": {"depth": 4}},
    "a config with absurd channels": {"config": {"channels": [10**9, 10**9]}},
    "a config with endless blocks": {"config": {"decoder_blocks": [10**9, 1]}},
    "a config of long lists": {"config": {"channels": [1] * 1000}},
    "a config of text": {"config": {"channels": "many"}},
    "a config that lists lists": {"config": {"channels": [[4], [6]]}},
    "a field too many": {"command": "rm"},
}


@pytest.mark.parametrize("entry", BAD_ENTRIES.values(), ids=BAD_ENTRIES.keys())
def test_bad_manifest_entry_is_refused(folder: Path, entry: dict[str, Any]) -> None:
    rewrite(folder, lambda written: written.update(entry))
    with pytest.raises(WeightsRefused):
        load("tiny")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"version": 1}', '{"version": 2, "models": []}', '{"version": 1, "models": 5}',
     '{"version": 1, "models": ["x"]}', "[" * 100_000, '{"version": 1, "models": [{}]}'],
)  # fmt: skip
def test_damaged_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(WeightsRefused, match=r"manifest\.json"):
        list_models()


def test_a_name_twice_is_refused(folder: Path) -> None:
    path = folder / "manifest.json"
    written = json.loads(path.read_text())
    path.write_text(json.dumps({"version": 1, "models": written["models"] * 2}))
    with pytest.raises(WeightsRefused, match="twice"):
        list_models()


SAVE_FOREVER = """
import sys
from pathlib import Path
from core.weights import add_model
from tests.unit.core.test_weights import tiny
networks = [tiny(seed) for seed in range(4)]
print("ready", flush=True)
for number in range(10**9):
    add_model(networks[number % 4], "tiny", Path(sys.argv[1]), licence="CC0")
"""


def test_killed_while_replacing_a_model_leaves_the_old_or_the_new_one(folder: Path) -> None:
    for delay_ms in (1, 4, 15):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOREVER, str(folder)],
            cwd=Path(__file__).resolve().parents[3],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(delay_ms / 1000)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert load("tiny").info.name == "tiny"
    add_model(tiny(), "tiny", folder, licence="CC0")
    load("tiny")
