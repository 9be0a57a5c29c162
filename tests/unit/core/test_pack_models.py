"""Models that are changed before they are run compute what they did, to the last bit."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from core.pack_models import of_any_size, without_prelu


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "models" / "pack_scrfd_mobilefacenet"


def outputs(model: bytes, data: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: data})[0])


def test_only_sizes_are_changed(folder: Path) -> None:
    file = folder / "det_500m_kps.onnx"
    before, after = onnx.load(str(file)), onnx.load_from_string(of_any_size(file))
    assert [one.dim_param for one in after.graph.input[0].type.tensor_type.shape.dim[2:]] == ["height", "width"]
    assert list(before.graph.node) == list(after.graph.node)
    assert list(before.graph.initializer) == list(after.graph.initializer)


def test_a_recogniser_gives_the_same_bits(folder: Path) -> None:
    file = folder / "mobilefacenet_112.onnx"
    changed = without_prelu(file)
    assert not [node for node in onnx.load_from_string(changed).graph.node if node.op_type == "PRelu"]
    for seed in range(3):
        face = np.random.default_rng(seed).normal(0, 0.5, (1, 3, 112, 112)).astype(np.float32)
        assert np.array_equal(outputs(changed, face), outputs(file.read_bytes(), face))


def network(path: Path, slope: np.ndarray, channels: int, *, dense: bool = False) -> None:
    """A convolution with weights of 1, and PReLU with that slope."""
    weights = numpy_helper.from_array(np.ones((channels, 2, 1, 1), np.float32), "weights")
    nodes = [helper.make_node("Conv", ["data", "weights"], ["features"]),
             helper.make_node("PRelu", ["features", "slope"], ["result"])]  # fmt: skip
    if dense:
        nodes[0] = helper.make_node("Flatten", ["data"], ["features"])
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 2, 3, 3])],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, None)],
        [weights, numpy_helper.from_array(slope, "slope")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


VALUES = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=25, deadline=None)
@given(data=st.lists(VALUES, min_size=18, max_size=18), slopes=st.lists(VALUES, min_size=2, max_size=9))
def test_any_numbers_and_slopes(
    tmp_path_factory: pytest.TempPathFactory, data: list[float], slopes: list[float]
) -> None:
    path = tmp_path_factory.mktemp("prelu") / "network.onnx"
    network(path, np.array(slopes, np.float32).reshape(-1, 1, 1), len(slopes))
    given_data = np.array(data, np.float32).reshape(1, 2, 3, 3)
    changed = without_prelu(path)
    assert b"PRelu" not in changed
    assert np.array_equal(outputs(changed, given_data), outputs(path.read_bytes(), given_data))


@pytest.mark.parametrize(
    ("slope", "dense"),
    [((1, 1, 1), False), ((1,), False), ((4, 3, 3), False), ((18,), True), ((1, 1, 4, 3, 3), False)],
)
def test_slopes_of_another_kind_stay(tmp_path: Path, slope: tuple[int, ...], dense: bool) -> None:
    path = tmp_path / "network.onnx"
    network(path, np.full(slope, 0.25, np.float32), 4, dense=dense)
    assert [node.op_type for node in onnx.load_from_string(without_prelu(path)).graph.node][-1] == "PRelu"
