"""Released checkpoints: the real format in, anything else refused without running it."""

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from core.checkpoints import import_reference
from core.errors import WeightsMissing, WeightsRefused
from core.reference import ReferenceGenerator
from core.reference_estimator import ReferenceEstimator
from core.weights import list_models, load
from tests.golden import code, draw, drawn_reference, drawn_reference_estimator, noise_maps, picture

ROOT = Path(__file__).resolve().parents[3]
with torch.device("meta"):
    ESTIMATOR_SHAPES = ReferenceEstimator().state_dict()


def test_a_checkpoint_becomes_a_model_with_the_golden_output(shared: Path, tmp_path: Path) -> None:
    """As released: a dictionary with `g_ema` among other things, the state dict in float32 with its buffers."""
    network = drawn_reference(64, 10)
    path = tmp_path / "agetransgan_10.pt"
    torch.save({"g_ema": network.state_dict(), "iter": 910_000, "args": {"size": 64}, "g_optim": {"state": {}}}, path)
    info = import_reference(path, tmp_path / "models")
    assert (info.name, info.architecture, info.groups) == ("agetransgan_10", "reference", "10")
    assert (info.framing, info.size_px) == ("reference", 64)
    assert list_models(tmp_path / "models") == (info,)
    loaded = load(tmp_path / "models" / info.file).network
    with np.load(shared / "golden" / "reference_generator_outputs.npz") as golden:
        expected = torch.from_numpy(golden["s64_g10_hard3"])
    with torch.inference_mode():
        out = loaded(picture(64), code("hard3", 10), noise_maps(network))
    assert (out - expected).abs().max() <= 1e-4 * expected.std()


def test_a_bare_state_dict_of_four_groups(tmp_path: Path) -> None:
    path = tmp_path / "bare.pt"
    torch.save(drawn_reference(32, 4).state_dict(), path)
    info = import_reference(path, tmp_path / "models")
    assert (info.groups, info.size_px) == ("4", 32)
    assert isinstance(load(tmp_path / "models" / info.file).network, ReferenceGenerator)


def released_estimator(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    """The age estimator's state dict as released, other heads and counters included."""
    state = dict(drawn_reference_estimator().state_dict())
    counters = {key.replace("running_var", "num_batches_tracked") for key in state if key.endswith("running_var")}
    state |= {key: torch.tensor(7) for key in counters}
    for head, shape in {"classifier": (8631, 2048, 1, 1), "classgage": (164, 2048, 1, 1), "fc": (101, 101)}.items():
        state |= {f"{head}.weight": torch.zeros(1).expand(shape), f"{head}.bias": torch.zeros(1).expand(shape[:1])}
    return {**state, **changes}


def test_the_age_estimator_becomes_a_model_with_the_golden_ages(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "age.pt"
    manifest = json.loads((shared / "golden" / "reference_age_estimator_manifest.json").read_text())
    assert {key: list(value.shape) for key, value in released_estimator().items()} == manifest
    torch.save(released_estimator(), path)
    info = import_reference(path, tmp_path / "models")
    assert (info.name, info.architecture, info.framing, info.size_px) == ("age", "reference-estimator", "whole", 224)
    loaded = load(tmp_path / "models" / info.file).network
    assert isinstance(loaded, ReferenceEstimator)
    with np.load(shared / "golden" / "reference_age_estimator.npz") as golden:
        expected = torch.from_numpy(golden["logits"])
    with torch.inference_mode():
        out = loaded(110 + 40 * draw("age_image", (2, 3, 224, 224)))
    assert (out - expected).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"surprise": torch.zeros(1)}, "unknown surprise"),
        ({"classifier2.weight": torch.zeros(1)}, "unknown classifier2"),
        ({"fc.num_batches_tracked": torch.tensor(1)}, "unknown fc.num_batches_tracked"),
        ({"classage.bias": torch.full((101,), float("nan"))}, "no finite number"),
        ({"classage.bias": torch.zeros(100)}, "classage.bias"),
        ({"classage.bias": torch.zeros(101, dtype=torch.int64)}, "classage.bias"),
    ],
    ids=["a key", "a head that is not known", "a counter of nothing", "NaN", "a shape", "integers"],
)
def test_an_age_estimator_with_one_thing_wrong_is_refused(
    tmp_path: Path, change: dict[str, torch.Tensor], sentence: str
) -> None:
    state = {**{key: torch.zeros(1).expand(value.shape) for key, value in ESTIMATOR_SHAPES.items()}, **change}
    path = tmp_path / "age.pt"
    torch.save(state, path)
    with pytest.raises(WeightsRefused, match=sentence):
        import_reference(path, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_absent_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"none\.pt"):
        import_reference(tmp_path / "none.pt", tmp_path)


class Runs:
    """Unpickling this calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class Unknown:
    """A class that only this test knows."""

    def __setstate__(self, state: Path) -> None:
        state.touch()


def saved(content: object, *, is_legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not is_legacy)
    return file.getvalue()


def with_state(canary: Path) -> Unknown:
    unknown = Unknown()
    unknown.__dict__["where"] = canary
    return unknown


def rezipped(data: bytes, change: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The same archive, each entry as `change` (name, content) makes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return out.getvalue()


def pickle_replaced(data: bytes, replacement: bytes) -> bytes:
    return rezipped(data, lambda name, content: replacement if name.endswith("data.pkl") else content)


def opcodes(canary: Path, module: str, name: str) -> bytes:
    """A pickle by hand: a global called with a command line."""
    return f"c{module}\n{name}\n(S'touch {canary}'\ntR.".encode()


def scripted() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), file)
    return file.getvalue()


def small_state(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    """Looks at first like a generator of 32 px and ten groups."""
    state = {"convs_e.0.0.weight": torch.zeros(512, 13, 1, 1), "to_rgbs.0.bias": torch.zeros(1, 3, 1, 1)}
    return {**state, **changes}


def full_state(key: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every key and shape right, at no cost in memory, but for one entry."""
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in ReferenceGenerator(32, 4).state_dict().items()}
    state = {k: torch.zeros(1).expand(shape) for k, shape in shapes.items()}
    return {**state, key: value}


PLAIN = saved({"g_ema": small_state()})
HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"not a checkpoint at all",
    "a raw pickle that runs a command": lambda c: pickle.dumps(Runs(os.system, f"touch {c}")),
    "torch.save of a thing that runs a command": lambda c: saved(Runs(os.system, f"touch {c}")),
    "the same in the legacy format": lambda c: saved(Runs(os.system, f"touch {c}"), is_legacy=True),
    "a command beside good weights": lambda c: saved({"g_ema": small_state(), "args": Runs(os.system, f"touch {c}")}),
    "a command among the weights": lambda c: saved({"g_ema": {**small_state(), "x": Runs(os.system, f"touch {c}")}}),
    "a command beside an age estimator's head": lambda c: saved(
        {"classage.weight": torch.zeros(101, 2048, 1, 1), "fc.weight": Runs(os.system, f"touch {c}")}
    ),
    "an age estimator's head alone": lambda _: saved({"classage.weight": torch.zeros(101, 2048, 1, 1)}),
    "a command as a key": lambda c: saved({"g_ema": small_state(), Runs(os.system, f"touch {c}"): 1}),
    "eval": lambda c: saved({"g_ema": Runs(eval, f"open({str(c)!r}, 'w')")}),
    "exec": lambda c: saved({"g_ema": Runs(exec, f"open({str(c)!r}, 'w')")}),
    "a subprocess": lambda c: saved({"g_ema": Runs(subprocess.Popen, ["touch", str(c)])}),
    "a file written by pathlib": lambda c: saved({"g_ema": Runs(Path.touch, c)}),
    "a program's tree removed": lambda c: saved({"g_ema": Runs(shutil.copyfile, __file__, str(c))}),
    "torch.load within": lambda _: saved({"g_ema": Runs(torch.load, "/etc/passwd")}),
    "a whole module object": lambda _: saved({"g_ema": nn.Linear(2, 2)}),
    "a class with __setstate__": lambda c: saved({"g_ema": with_state(c)}),
    "opcodes for posix.system": lambda c: pickle_replaced(PLAIN, opcodes(c, "posix", "system")),
    "opcodes for builtins.eval": lambda c: pickle_replaced(PLAIN, opcodes(c, "builtins", "eval")),
    "opcodes through an allowed module": lambda c: pickle_replaced(PLAIN, opcodes(c, "torch.hub", "os.system")),
    "a TorchScript archive": lambda _: scripted(),
    "a pickle that ends early": lambda _: pickle_replaced(PLAIN, b"\x80\x02}"),
    "a pickle of nothing": lambda _: pickle_replaced(PLAIN, b""),
    "a pickle that pops an empty stack": lambda _: pickle_replaced(PLAIN, b"\x80\x020."),
    "cut off": lambda _: PLAIN[: len(PLAIN) // 2],
    "a weight cut off": lambda _: rezipped(PLAIN, lambda name, c: c[:8] if "/data/" in name else c),
    "compressed": lambda _: rezipped(PLAIN, lambda _, c: c, zipfile.ZIP_DEFLATED),
    "an archive that grows a thousandfold": lambda _: rezipped(
        PLAIN, lambda name, c: bytes(2**26) if name.endswith("data/0") else c, zipfile.ZIP_DEFLATED
    ),
    "a number": lambda _: saved(5),
    "a list": lambda _: saved([torch.zeros(2)]),
    "g_ema of a list": lambda _: saved({"g_ema": [torch.zeros(2)]}),
    "numbers for keys": lambda _: saved({1: torch.zeros(2)}),
    "a discriminator": lambda _: saved({"g_ema": OrderedDict(weight=torch.zeros(2, 2))}),
    "too few keys": lambda _: saved({"g_ema": small_state()}),
    "a first layer of another shape": lambda _: saved(small_state(**{"convs_e.0.0.weight": torch.zeros(13)})),
    "a thousand groups": lambda _: saved(small_state(**{"convs_e.0.0.weight": torch.zeros(2, 1003, 1, 1)})),
    "a hundred octaves": lambda _: saved(small_state(**{f"to_rgbs.{k}.bias": torch.zeros(1) for k in range(100)})),
    "a wrong shape": lambda _: saved(full_state("conv1.noise.weight", torch.zeros(2))),
    "integers": lambda _: saved(full_state("conv1.noise.weight", torch.zeros(1, dtype=torch.int64))),
    "NaN": lambda _: saved(full_state("conv1.noise.weight", torch.tensor([float("nan")]))),
    "a sparse tensor": lambda _: saved(full_state("final_conv.1.bias", torch.zeros(512).to_sparse())),
    "a tensor without data": lambda _: saved(full_state("final_conv.1.bias", torch.zeros(512, device="meta"))),
    "a quantised tensor": lambda _: saved(
        full_state("final_conv.1.bias", torch.quantize_per_tensor(torch.zeros(512), 1.0, 0, torch.qint8))
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_checkpoint_is_refused_and_nothing_runs(tmp_path: Path, make: Callable[[Path], bytes]) -> None:
    canary, path, out = tmp_path / "canary", tmp_path / "released.pt", tmp_path / "models"
    path.write_bytes(make(canary))
    with pytest.raises(WeightsRefused, match=r"released\.pt"):
        import_reference(path, out)
    assert not canary.exists()
    assert not out.exists()


def test_the_canary_sings_where_pickles_are_trusted(tmp_path: Path) -> None:
    """Or the tests above would prove nothing."""
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(Runs(os.system, f"touch {canary}")))  # noqa: S301
    assert canary.exists()


FORCED = """
import sys
from pathlib import Path
import torch
from core.checkpoints import import_reference
from core.errors import WeightsRefused
try:
    import_reference(Path(sys.argv[1]), Path(sys.argv[2]))
except WeightsRefused:
    print("refused")
if len(sys.argv) > 3:
    torch.load(sys.argv[1])
"""


@pytest.mark.parametrize("is_legacy", [False, True])
def test_an_environment_that_trusts_pickles_changes_nothing(tmp_path: Path, is_legacy: bool) -> None:
    """TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD makes a bare torch.load run code; ours says what it wants."""
    canary, path = tmp_path / "canary", tmp_path / "released.pt"
    path.write_bytes(saved({"g_ema": Runs(os.system, f"touch {canary}")}, is_legacy=is_legacy))
    environment = {**os.environ, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", FORCED, str(path), str(tmp_path / "models")]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "refused\n"
    assert not canary.exists()
    subprocess.run([*command, "bare"], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert canary.exists()  # the environment does what it is feared for


def test_random_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    """100 mutants of a small checkpoint, one to eight bytes each: never another exception."""
    draw = np.random.default_rng(0)
    path = tmp_path / "mutant.pt"
    for _ in range(100):
        data = np.frombuffer(PLAIN, np.uint8).copy()
        where = draw.integers(0, len(data), draw.integers(1, 9))
        data[where] = draw.integers(0, 256, len(where))
        path.write_bytes(data.tobytes())
        with pytest.raises(WeightsRefused):  # PLAIN itself lacks most keys
            import_reference(path, tmp_path / "models")
