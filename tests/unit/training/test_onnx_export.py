"""Generators as ONNX files, run by ONNX Runtime beside the network that they were made of."""

import contextlib
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from core.errors import WeightsRefused
from core.generator import Generator, GeneratorConfig, age_code
from core.weights import add_model, load
from training.__main__ import onnx as onnx_command
from training.onnx_export import TOLERANCES, OnnxFile, export_onnx, write_checked

TINY = GeneratorConfig(
    size_px=16,
    groups="4",
    channels=(8, 16),
    encoder_blocks=(0, 1),
    decoder_blocks=(1, 1),
    code_width=16,
    strengths=(0.6, 0.8, 1.0, 1.2),
)


def random_generator() -> Generator:
    torch.manual_seed(0)
    return Generator(TINY).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with one tiny generator."""
    folder = tmp_path_factory.mktemp("models")
    add_model(random_generator(), "tiny-4", folder, licence="CC0-1.0")
    return folder


@pytest.fixture(scope="module")
def exported(models: Path) -> OnnxFile:
    """Made by the command, and read from what it prints: one line of JSON and nothing else."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        onnx_command(str(models / "tiny-4.safetensors"), models / "onnx" / "tiny-4.onnx")
    said = json.loads(printed.getvalue())
    return OnnxFile(**{**said, "file": Path(said["file"])})


def compare(network: Generator, file: Path, num_faces: int) -> None:
    """Fails unless all three outputs agree on faces and ages drawn here."""
    generator = torch.Generator().manual_seed(100 + num_faces)
    size = network.config.size_px
    faces = torch.rand(num_faces, 3, size, size, generator=generator) * 2 - 1
    code = age_code(network.groups, np.linspace(17, 66, num_faces))
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    aged, mask, years = session.run(None, {"faces": faces.numpy(), "code": code.numpy()})
    with torch.inference_mode():
        encoding = network.encode(faces)
        expected_aged, expected_mask = network.decode(faces, encoding, code)
    np.testing.assert_allclose(aged, expected_aged.numpy(), atol=1e-4)
    np.testing.assert_allclose(mask, expected_mask.numpy(), atol=1e-4)
    np.testing.assert_allclose(years, encoding.present_age_years().numpy(), atol=1e-3)
    assert not np.allclose(aged, faces.numpy(), atol=1e-2)


@pytest.mark.parametrize("num_faces", [1, 3, 10])
def test_any_number_of_faces_as_the_network_does(exported: OnnxFile, models: Path, num_faces: int) -> None:
    network = load(models / "tiny-4.safetensors").network
    assert isinstance(network, Generator)
    compare(network, exported.file, num_faces)


def test_the_file_is_whole_and_says_what_it_is(exported: OnnxFile, models: Path) -> None:
    data = exported.file.read_bytes()
    assert exported.num_bytes == len(data) and exported.sha256 == hashlib.sha256(data).hexdigest()
    assert [path.name for path in exported.file.parent.iterdir()] == ["tiny-4.onnx"]
    model = onnx.load_model_from_string(data)
    said = {entry.key: entry.value for entry in model.metadata_props}
    weights = hashlib.sha256((models / "tiny-4.safetensors").read_bytes()).hexdigest()
    assert json.loads(said.pop("group_names")) == ["15-29", "30-39", "40-49", "50+"]
    assert json.loads(said.pop("typical_years")) == [24.0, 34.5, 44.5, 62.0]
    assert said == {
        "name": "tiny-4",
        "licence": "CC0-1.0",
        "weights_sha256": weights,
        "groups": "4",
        "framing": "utkface",
        "size_px": "16",
    }
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    sides = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.output}
    assert sides == {"aged": ["batch", 3, 16, 16], "mask": ["batch", 1, 16, 16], "present_age": ["batch"]}


def test_a_file_that_differs_is_not_left(exported: OnnxFile, models: Path, tmp_path: Path) -> None:
    """The colours that the network would add are a hundredth brighter than those of the file."""
    network = load(models / "tiny-4.safetensors").network
    assert isinstance(network, Generator)
    network.decoder.head.bias += 0.01
    out = tmp_path / "other.onnx"
    out.write_bytes(b"what was there")
    with pytest.raises(WeightsRefused, match="aged is off by"):
        write_checked(network, exported.file.read_bytes(), out)
    assert out.read_bytes() == b"what was there" and len(list(tmp_path.iterdir())) == 1


def test_errors_are_within_what_is_promised(exported: OnnxFile) -> None:
    assert exported.largest_errors.keys() == TOLERANCES.keys()
    assert all(exported.largest_errors[name] <= TOLERANCES[name] for name in TOLERANCES)


@pytest.mark.slow
def test_the_bundled_model(tmp_path: Path) -> None:
    name = "agetrans-128-10"
    network = load(name).network
    assert isinstance(network, Generator)
    file = export_onnx(name, tmp_path / f"{name}.onnx").file
    for num_faces in (1, 3):
        compare(network, file, num_faces)
