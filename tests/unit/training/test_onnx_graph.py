"""Graphs read into torch against ONNX Runtime, gradients through them, and files that are refused."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from core.errors import WeightsMissing, WeightsRefused
from training import onnx_graph
from training.onnx_graph import OPERATORS, OnnxGraph

SHAPE = (2, 3, 8, 8)


def constant(name: str, values: object, dtype: type = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype=dtype), name)


def drawn(name: str, *shape: int) -> TensorProto:
    seed = sum(map(ord, name))
    return constant(name, np.random.default_rng(seed).uniform(0.2, 1.0, shape))


def write(path: Path, nodes: list[onnx.NodeProto], constants: list[TensorProto], opset: int = 17) -> Path:
    """A graph from "faces" to "out" as a file."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", *SHAPE[1:]])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def residual_network(path: Path) -> Path:
    """What an ArcFace ResNet is made of, its input normalised by the graph itself."""
    node = helper.make_node
    nodes = [
        node("Sub", ["faces", "mean"], ["a"]),
        node("Mul", ["a", "scale"], ["b"]),
        node("Conv", ["b", "w1"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", ["c", "gamma", "beta", "centre", "spread"], ["d"], epsilon=2e-5),
        node("PRelu", ["d", "slope"], ["e"]),
        node("Conv", ["e", "w2", "bias"], ["f"], kernel_shape=[2, 2], pads=[0, 0, 1, 1], group=2),
        node("Add", ["f", "e"], ["g"]),
        node("Conv", ["g", "w3"], ["g2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 3], group=4),
        node("Relu", ["g2"], ["h"]),
        node("Dropout", ["h"], ["i"]),
        node("Flatten", ["i"], ["j"]),
        node("Gemm", ["j", "wide", "offset"], ["k"], transB=1, alpha=0.5, beta=2.0),
        node("BatchNormalization", ["k", "gamma5", "beta5", "centre5", "spread5"], ["out"]),
    ]
    constants = [
        constant("mean", [0.1]),
        constant("scale", [2.0]),
        drawn("w1", 4, 3, 3, 3),
        *(drawn(name, 4) for name in ("gamma", "beta", "centre", "spread")),
        drawn("slope", 4, 1, 1),
        drawn("w2", 4, 2, 2, 2),
        drawn("bias", 4),
        drawn("w3", 4, 1, 3, 3),
        drawn("wide", 5, 16),
        drawn("offset", 5),
        *(drawn(name, 5) for name in ("gamma5", "beta5", "centre5", "spread5")),
    ]
    return write(path, nodes, constants)


def exported_network(path: Path, opset: int = 17) -> Path:
    """What exporters add: a slice, shapes worked out at run time, pooling; axes as an attribute before opset 13."""
    node = helper.make_node
    if opset >= 13:
        unsqueeze = node("Unsqueeze", ["rows", "zero"], ["rows1"])
    else:
        unsqueeze = node("Unsqueeze", ["rows"], ["rows1"], axes=[0])
    nodes = [
        node("Constant", [], ["starts"], value=constant("", [1, 0], np.int64)),
        node("Slice", ["faces", "starts", "ends", "axes", "steps"], ["a"]),
        node("Div", ["a", "scale"], ["b"]),
        node("Identity", ["b"], ["c"]),
        node("GlobalAveragePool", ["c"], ["d"]),
        node("Reshape", ["d", "keep"], ["e"]),
        node("MatMul", ["e", "wide"], ["f"]),
        node("Shape", ["f"], ["shape"]),
        node("Gather", ["shape", "first"], ["rows"], axis=0),
        unsqueeze,
        node("Concat", ["rows1", "rest"], ["wanted"], axis=0),
        node("Reshape", ["f", "wanted"], ["out"]),
    ]
    constants = [
        constant("ends", [7, 2**62], np.int64),
        constant("axes", [-1, 2], np.int64),
        constant("steps", [2, 1], np.int64),
        constant("scale", [0.5]),
        constant("keep", [0, -1], np.int64),
        drawn("wide", 3, 6),
        constant("first", 0, np.int64),
        constant("zero", [0], np.int64),
        constant("rest", [-1], np.int64),
    ]
    return write(path, nodes, constants, opset)


def run(path: Path, given: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: given.numpy()})[0])


@pytest.mark.parametrize("build", [residual_network, exported_network, lambda path: exported_network(path, 12)])
@pytest.mark.parametrize("num_faces", [1, 3])
def test_as_onnx_runtime_does(build, num_faces: int, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = build(tmp_path / "net.onnx")
    given = torch.randn(num_faces, *SHAPE[1:], generator=torch.Generator().manual_seed(num_faces))
    np.testing.assert_allclose(OnnxGraph(path, SHAPE)(given).numpy(), run(path, given), rtol=1e-4, atol=1e-5)


def test_the_two_networks_need_every_operator(tmp_path: Path) -> None:
    """So none is here without being compared above."""
    graphs = [OnnxGraph(build(tmp_path / "net.onnx"), SHAPE) for build in (residual_network, exported_network)]
    assert {step.operator for graph in graphs for step in graph.steps} == set(OPERATORS)


def test_gradients_reach_the_input_alone(tmp_path: Path) -> None:
    graph = OnnxGraph(residual_network(tmp_path / "net.onnx"), SHAPE).double()
    assert list(graph.parameters()) == [] and not any(one.requires_grad for one in graph.buffers())
    given = torch.randn(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(graph, (given,), fast_mode=True)


def one_node(path: Path, node: onnx.NodeProto, *constants: TensorProto) -> Path:
    return write(path, [node], list(constants))


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    path = one_node(tmp_path / "net.onnx", helper.make_node("Loop", ["faces"], ["out"]))
    with pytest.raises(WeightsRefused, match="operator Loop"):
        OnnxGraph(path, SHAPE)


def test_a_known_name_of_another_domain_is_unknown(tmp_path: Path) -> None:
    path = one_node(tmp_path / "net.onnx", helper.make_node("Relu", ["faces"], ["out"], domain="com.example"))
    with pytest.raises(WeightsRefused, match="operator Relu"):
        OnnxGraph(path, SHAPE)


REFUSED_NODES = {
    "a value that nothing makes": (helper.make_node("Add", ["faces", "ghost"], ["out"]), "'ghost'"),
    "padding by rule": (
        helper.make_node("Conv", ["faces", "w"], ["out"], auto_pad="SAME_UPPER"),
        "padding by the rule",
    ),
    "steps back": (helper.make_node("Slice", ["faces", "one", "ten", "one", "back"], ["out"]), "step"),
    "a side of no pixels": (helper.make_node("Reshape", ["faces", "one"], ["out"], allowzero=1), "allowzero"),
    "shapes that do not fit": (helper.make_node("MatMul", ["faces", "w"], ["out"]), "size"),
    "no finite numbers": (helper.make_node("Div", ["faces", "nought"], ["out"]), "finite"),
    "no result": (helper.make_node("Relu", ["faces"], ["elsewhere"]), "'out'"),
}


@pytest.mark.parametrize(("node", "complaint"), REFUSED_NODES.values(), ids=REFUSED_NODES.keys())
def test_what_would_go_wrong_later_is_refused_at_once(node: onnx.NodeProto, complaint: str, tmp_path: Path) -> None:
    constants = [
        drawn("w", 4, 3, 3, 3),
        constant("one", [1], np.int64),
        constant("ten", [10], np.int64),
        constant("back", [-1], np.int64),
        constant("nought", [0.0]),
    ]
    with pytest.raises(WeightsRefused, match=complaint):
        OnnxGraph(one_node(tmp_path / "net.onnx", node, *constants), SHAPE)


@pytest.mark.parametrize("place", ["weight", "constant"])
def test_weights_in_another_file_are_not_read(place: str, tmp_path: Path) -> None:
    """The other file exists and fits, so only the refusal keeps it unread."""
    (tmp_path / "w.bin").write_bytes(np.ones(1, np.float32).tobytes())
    outside = constant("scale", [1.0])
    onnx.external_data_helper.set_external_data(outside, "w.bin", length=4)
    outside.ClearField("raw_data")
    multiply = helper.make_node("Mul", ["faces", "scale"], ["out"])
    if place == "weight":
        path = write(tmp_path / "net.onnx", [multiply], [outside])
    else:
        path = write(tmp_path / "net.onnx", [helper.make_node("Constant", [], ["scale"], value=outside), multiply], [])
    with pytest.raises(WeightsRefused, match=r"keeps .* in another file"):
        OnnxGraph(path, SHAPE)


def test_two_inputs(tmp_path: Path) -> None:
    model = onnx.load(residual_network(tmp_path / "net.onnx"))
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(WeightsRefused, match="2 inputs and 1 outputs"):
        OnnxGraph(tmp_path / "net.onnx", SHAPE)


def test_no_file_no_onnx_cut_off_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsMissing, match="no ONNX file"):
        OnnxGraph(tmp_path / "absent.onnx", SHAPE)
    whole = residual_network(tmp_path / "net.onnx")
    data = whole.read_bytes()
    for part in (b"", b"\xff" * 99, data[: len(data) // 2]):
        (tmp_path / "part.onnx").write_bytes(part)
        with pytest.raises(WeightsRefused):
            OnnxGraph(tmp_path / "part.onnx", SHAPE)
    monkeypatch.setattr(onnx_graph, "MAX_FILE_BYTES", len(data) - 1)
    with pytest.raises(WeightsRefused, match="larger"):
        OnnxGraph(whole, SHAPE)
