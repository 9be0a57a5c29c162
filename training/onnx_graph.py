"""An ONNX graph as a torch module, so that gradients flow through a network which only ONNX Runtime could run.

Recognition networks use a handful of operators, each of which is one line of torch. A graph with any other is
refused by name. The file is not trusted: nothing is read beside it, and it must prove itself on a blank input.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import WeightsMissing, WeightsRefused

MAX_FILE_BYTES = 1 << 30
DOMAINS = ("", "ai.onnx")
"""Both are names of the standard operators."""

Attributes = Mapping[str, Any]
Operator = Callable[[list[Tensor], Attributes], Tensor]


def convolution(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    """Two-dimensional; (N, C, H, W), (out, C / groups, h, w), perhaps (out,)."""
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise ValueError(f"padding by the rule {attributes['auto_pad']!r} is not known here")
    top, left, bottom, right = attributes.get("pads", (0, 0, 0, 0))
    is_even = (top, left) == (bottom, right)
    strides, groups = tuple(attributes.get("strides", (1, 1))), attributes.get("group", 1)
    # Backwards in bfloat16 a strided depthwise convolution takes 20 times as long as one that leaves nothing out.
    is_depthwise = groups == inputs[1].shape[0] > 1
    made = F.conv2d(
        inputs[0] if is_even else F.pad(inputs[0], (left, right, top, bottom)),
        inputs[1],
        inputs[2] if len(inputs) > 2 else None,
        stride=1 if is_depthwise else strides,
        padding=(top, left) if is_even else 0,
        dilation=tuple(attributes.get("dilations", (1, 1))),
        groups=groups,
    )
    return made[:, :, :: strides[0], :: strides[1]] if is_depthwise else made


def batch_normalisation(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    features, scale, bias, mean, variance = inputs
    return F.batch_norm(features, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))


def gemm(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    """alpha A B + beta C."""
    one = inputs[0].T if attributes.get("transA", 0) else inputs[0]
    other = inputs[1].T if attributes.get("transB", 0) else inputs[1]
    product: Tensor = attributes.get("alpha", 1.0) * (one @ other)
    return product + attributes.get("beta", 1.0) * inputs[2] if len(inputs) > 2 else product


def leaky(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    """s x + (1 - s) relu(x). torch's own takes two to four times as long backwards: it also sums a slope's gradient."""
    features, slope = inputs[0], inputs[1].to(inputs[0].dtype)
    return torch.addcmul(features * slope, 1 - slope, F.relu(features))


def slicing(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    """Starts and ends are inputs since opset 10. Steps are positive: torch takes no others."""
    values, starts, ends = inputs[:3]
    axes = inputs[3].tolist() if len(inputs) > 3 else list(range(len(starts)))
    steps = inputs[4].tolist() if len(inputs) > 4 else [1] * len(axes)
    index = [slice(None)] * values.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        index[axis] = slice(start, end, step)
    return values[tuple(index)]


def gathering(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    values, chosen = inputs
    axis = attributes.get("axis", 0) % values.ndim
    taken = values.index_select(axis, chosen.reshape(-1) % values.shape[axis])
    return taken.reshape(values.shape[:axis] + chosen.shape + values.shape[axis + 1 :])


def unsqueezing(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    """The axes are an attribute up to opset 12, then an input; they count in the result."""
    values = inputs[0]
    axes = attributes["axes"] if "axes" in attributes else inputs[1].tolist()
    for axis in sorted(axis % (values.ndim + len(axes)) for axis in axes):
        values = values.unsqueeze(axis)
    return values


def reshaping(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    """A side of 0 stays what it was."""
    if attributes.get("allowzero", 0):
        raise ValueError("Reshape with allowzero is not known here")
    values = inputs[0]
    return values.reshape([side or values.shape[place] for place, side in enumerate(inputs[1].tolist())])


OPERATORS: dict[str, Operator] = {
    "Add": lambda x, _: x[0] + x[1],
    "BatchNormalization": batch_normalisation,
    "Concat": lambda x, a: torch.cat(x, a["axis"]),
    "Conv": convolution,
    "Div": lambda x, _: x[0] / x[1],
    "Dropout": lambda x, _: x[0],
    "Flatten": lambda x, a: x[0].reshape(x[0].shape[: a.get("axis", 1)].numel(), -1),
    "Gather": gathering,
    "Gemm": gemm,
    "GlobalAveragePool": lambda x, _: x[0].mean((2, 3), keepdim=True),
    "Identity": lambda x, _: x[0],
    "MatMul": lambda x, _: x[0] @ x[1],
    "Mul": lambda x, _: x[0] * x[1],
    "PRelu": leaky,
    "Relu": lambda x, _: F.relu(x[0]),
    "Reshape": reshaping,
    "Shape": lambda x, _: torch.tensor(x[0].shape),
    "Slice": slicing,
    "Sub": lambda x, _: x[0] - x[1],
    "Unsqueeze": unsqueezing,
}
"""ONNX operator -> the same in torch, of its inputs and attributes. Source: onnx.ai/onnx/operators."""


class Step(NamedTuple):
    """One operator at work."""

    operator: str
    """Key of OPERATORS."""
    inputs: tuple[str, ...]
    """Names of values."""
    output: str
    """Name of the value it makes."""
    attributes: Attributes
    """As the operator's specification has them."""


class OnnxGraph(nn.Module):
    """A graph of one input and one output. Weights are buffers; they take no gradients, the input passes them on."""

    def __init__(self, path: Path, input_shape: tuple[int, ...]) -> None:
        """Read an ONNX file and try it on zeros of `input_shape`.

        Raises:
            WeightsMissing: no such file.
            WeightsRefused: it is no whole ONNX file, keeps weights elsewhere, uses what is not known here, or does
                not run on such an input.
        """
        super().__init__()
        graph = read_graph(path)
        self.name = path.stem
        self.node_names = tuple(node.name for node in graph.node)
        self.steps: list[Step] = []
        self.buffer_names: dict[str, str] = {}
        # Shapes and indices stay on the CPU: they are read as numbers, which a device would have to wait for.
        self.numbers: dict[str, Tensor] = {}
        try:
            self._read(graph)
            with torch.no_grad():
                finite = self.forward(torch.zeros(input_shape)).isfinite().all()
        except (ValueError, TypeError, KeyError, IndexError, RuntimeError) as error:
            raise WeightsRefused(f"{path} cannot be used: {error}") from error
        if not finite:
            raise WeightsRefused(f"{path} cannot be used: it makes of a blank input what is no finite number")

    def _read(self, graph: Any) -> None:
        """Constants and steps of a GraphProto. ValueError, TypeError, KeyError or IndexError for what is wrong."""
        from onnx.helper import get_attribute_value

        for tensor in graph.initializer:
            self._keep(tensor.name, tensor)
        given = [one.name for one in graph.input if one.name not in {*self.buffer_names, *self.numbers}]
        if len(given) != 1 or len(graph.output) != 1:
            raise ValueError(f"it has {len(given)} inputs and {len(graph.output)} outputs, not one and one")
        self.given, self.result = given[0], graph.output[0].name
        for node in graph.node:
            attributes = {one.name: get_attribute_value(one) for one in node.attribute}
            is_standard = node.domain in DOMAINS
            if is_standard and node.op_type == "Constant" and "value" in attributes:
                self._keep(node.output[0], attributes["value"])
            elif is_standard and node.op_type in OPERATORS:
                self._add(Step(node.op_type, tuple(node.input), node.output[0], attributes))
            else:
                raise ValueError(f"the operator {node.op_type} in this form is not known here")

    def _add(self, step: Step) -> None:
        known = {self.given, *self.buffer_names, *self.numbers, *(earlier.output for earlier in self.steps)}
        lacking = set(step.inputs) - known
        if lacking:
            raise ValueError(f"{step.operator} wants {min(lacking)!r}, which nothing before it makes")
        self.steps.append(step)

    def _keep(self, name: str, tensor: Any) -> None:
        """Remember a constant: weights as a buffer, whole numbers as they are."""
        from onnx import TensorProto
        from onnx.numpy_helper import to_array

        if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
            raise ValueError(f"it keeps {name} in another file; only whole ONNX files are read")
        values = torch.from_numpy(np.array(to_array(tensor)))
        if values.is_floating_point():
            self.buffer_names[name] = f"constant_{len(self.buffer_names)}"
            self.register_buffer(self.buffer_names[name], values)
        else:
            self.numbers[name] = values

    def _constants(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.numbers.items()
        for name, buffer_name in self.buffer_names.items():
            yield name, self.get_buffer(buffer_name)

    def forward(self, given: Tensor) -> Tensor:
        """The graph's output for its input, with gradients."""
        values = dict(self._constants())
        values[self.given] = given
        for step in self.steps:
            values[step.output] = OPERATORS[step.operator]([values[name] for name in step.inputs], step.attributes)
        return values[self.result]


def read_graph(path: Path) -> Any:
    """ONNX's GraphProto of a file, unchecked. Errors as OnnxGraph's."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if not path.is_file():
        raise WeightsMissing(f"There is no ONNX file {path}.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise WeightsRefused(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB and was not read.")
    try:
        return onnx.load_model_from_string(path.read_bytes()).graph
    except DecodeError as error:
        raise WeightsRefused(f"{path} is no ONNX file, or is cut off.") from error
