"""A generator as an ONNX file, for programs without torch; compared with the network before it is kept."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import WeightsRefused
from core.files import replacing
from core.generator import Generator, age_code
from core.weights import ModelInfo, load

OPSET = 18
INPUTS = ("faces", "code")
OUTPUTS = ("aged", "mask", "present_age")
BATCH = "batch"
"""Name of the side that may have any length."""
TOLERANCES = {"aged": 1e-4, "mask": 1e-4, "present_age": 1e-3}
"""How far the file may be from the network: in units of -1..1, of 0..1, and in years."""
NUM_FACES = (1, 3)
"""Batches on which the two are compared; neither is the one that was traced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnnxFile:
    """An ONNX file that does what its network does."""

    file: Path
    """Where it lies."""
    sha256: str
    """Of the file, 64 hexadecimal digits."""
    num_bytes: int
    """Its size."""
    largest_errors: Mapping[str, float]
    """Output -> largest difference from the network, in the units of TOLERANCES."""


class OneCall(nn.Module):
    """A generator's encoder and decoder in one call that also tells mask and present age."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, faces: Tensor, code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, S, S) and (N, groups + 1) to aged (N, 3, S, S), mask (N, 1, S, S), present age (N,) in years."""
        encoding = self.generator.encode(faces)
        aged, mask = self.generator.decode(faces, encoding, code)
        return aged, mask, encoding.present_age_years()


def export_onnx(name_or_path: str | Path, out: Path) -> OnnxFile:
    """Write a model of the zoo as an ONNX file. Takes a minute.

    Args:
        name_or_path: as core.weights.load takes it.
        out: the file; its folder is made, an old file replaced.
    Raises:
        WeightsMissing, WeightsRefused: from reading the model; or what ONNX Runtime makes of the file is not what
            the network makes, then `out` is as it was.
        ValueError: a model that is no generator of this project.
    """
    model = load(name_or_path)
    if not isinstance(model.network, Generator):
        raise ValueError(f"{name_or_path} is a {model.info.architecture} model; only generators are exported")
    return write_checked(model.network, to_onnx(model.network, properties(model.info)), out)


def properties(info: ModelInfo) -> dict[str, str]:
    """What the file says of itself: terms, origin, and all that is needed to make its inputs."""
    return {
        "name": info.name,
        "licence": info.licence,
        "weights_sha256": info.sha256,
        "groups": info.groups,
        "framing": info.framing,
        "size_px": str(info.size_px),
    }


def write_checked(generator: Generator, data: bytes, out: Path) -> OnnxFile:
    """Write an ONNX file if ONNX Runtime makes of it what the generator makes.

    Args:
        generator: float32, on the CPU, in evaluation mode.
        data: of `to_onnx`.
    Raises:
        WeightsRefused: the file does not do what the network does; `out` is as it was.
    """
    errors = largest_errors(generator, data)
    for output, error in errors.items():
        if not error <= TOLERANCES[output]:
            raise WeightsRefused(
                f"As ONNX, {output} is off by {error:.2g}, more than {TOLERANCES[output]:g}: {out} was not written."
            )
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as draft:
        draft.write_bytes(data)
    return OnnxFile(file=out, sha256=hashlib.sha256(data).hexdigest(), num_bytes=len(data), largest_errors=errors)


def to_onnx(generator: Generator, about: Mapping[str, str]) -> bytes:
    """The generator as a whole ONNX file: any number of faces, weights within, checked by ONNX's own rules.

    Args:
        generator: float32, on the CPU.
        about: becomes the file's properties, with the group names and typical ages beside it.
    """
    import onnx

    groups = generator.groups
    program = torch.onnx.export(
        OneCall(generator).eval(),
        tuple(example(generator, 2)[name] for name in INPUTS),
        input_names=INPUTS,
        output_names=OUTPUTS,
        opset_version=OPSET,
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC}, {0: torch.export.Dim.DYNAMIC}),
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # it is, with dynamo
    model = program.model_proto
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    shown = {"group_names": json.dumps(groups.names), "typical_years": json.dumps(groups.typical_years)}
    onnx.helper.set_model_props(model, {**about, **shown})
    model.doc_string = (
        "faces: RGB, -1..1, aligned in the framing. code: the mix of the two groups between whose typical years the "
        "target age lies, then that age / 100. aged: clamp to -1..1. mask: 0 where the face is kept. "
        "present_age: years."
    )
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def example(generator: Generator, num_faces: int) -> dict[str, Tensor]:
    """Inputs by name: seeded noise for faces, ages of 1 to 90 years."""
    size = generator.config.size_px
    noise = torch.rand(num_faces, 3, size, size, generator=torch.Generator().manual_seed(num_faces))
    return {"faces": noise * 2 - 1, "code": age_code(generator.groups, np.linspace(1, 90, num_faces))}


def largest_errors(generator: Generator, data: bytes) -> dict[str, float]:
    """Largest absolute difference between the file in ONNX Runtime and the network, output by output."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    errors = dict.fromkeys(OUTPUTS, 0.0)
    network = OneCall(generator).eval()
    for num_faces in NUM_FACES:
        inputs = example(generator, num_faces)
        with torch.inference_mode():
            expected = network(*(inputs[name] for name in INPUTS))
        got = session.run(list(OUTPUTS), {name: inputs[name].numpy() for name in INPUTS})
        for name, ours, theirs in zip(OUTPUTS, expected, got, strict=True):
            errors[name] = max(errors[name], float(np.abs(ours.numpy() - theirs).max()))
    return errors
