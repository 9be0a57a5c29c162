"""A frozen face recogniser through which gradients flow: an ArcFace-style ONNX file read into torch.

ONNX Runtime gives embeddings but no gradients. Recognition networks use a handful of operators, each of which is one
line of torch; a graph with any other is refused by name. Half of a batch's embeddings cost about as much as the
discriminator's pass over them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.align import ARCFACE, UTKFACE, apply, fit_similarity
from core.errors import WeightsMissing, WeightsRefused

MAX_FILE_BYTES = 1 << 30
INPUT_PX = 112

Attributes = Mapping[str, Any]
Operator = Callable[[list[Tensor], Attributes], Tensor]


def convolution(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    features = inputs[0] if (top, left) == (bottom, right) else F.pad(inputs[0], (left, right, top, bottom))
    return F.conv2d(
        features,
        inputs[1],
        inputs[2] if len(inputs) > 2 else None,
        stride=tuple(attributes.get("strides", (1, 1))),
        padding=(top, left) if (top, left) == (bottom, right) else 0,
        dilation=tuple(attributes.get("dilations", (1, 1))),
        groups=attributes.get("group", 1),
    )


def batch_norm(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    features, scale, bias, mean, variance = inputs
    return F.batch_norm(features, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))


def gemm(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    one = inputs[0].T if attributes.get("transA", 0) else inputs[0]
    other = inputs[1].T if attributes.get("transB", 0) else inputs[1]
    product = attributes.get("alpha", 1.0) * (one @ other)
    return product + attributes.get("beta", 1.0) * inputs[2] if len(inputs) > 2 else product


def slice_of(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    """Rows that ONNX's Slice takes; its steps may be negative, which torch's slices cannot."""
    values, starts, ends = inputs[:3]
    axes = inputs[3].tolist() if len(inputs) > 3 else list(range(len(starts)))
    steps = inputs[4].tolist() if len(inputs) > 4 else [1] * len(axes)
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        length = values.shape[axis]
        before_first = -length - 1
        taken = range(length)[start : None if step < 0 and end <= before_first else end : step]
        values = values.index_select(axis, torch.tensor(taken, device=values.device))
    return values


def prelu(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    return F.prelu(inputs[0], inputs[1].flatten().to(inputs[0].dtype))


OPERATORS: dict[str, Operator] = {
    "Conv": convolution,
    "BatchNormalization": batch_norm,
    "Gemm": gemm,
    "Slice": slice_of,
    "PRelu": prelu,
    "Relu": lambda x, a: F.relu(x[0]),
    "Add": lambda x, a: x[0] + x[1],
    "Sub": lambda x, a: x[0] - x[1],
    "Mul": lambda x, a: x[0] * x[1],
    "Div": lambda x, a: x[0] / x[1],
    "MatMul": lambda x, a: x[0] @ x[1],
    "Flatten": lambda x, a: x[0].flatten(a.get("axis", 1)),
    "GlobalAveragePool": lambda x, a: x[0].mean((2, 3), keepdim=True),
    "Dropout": lambda x, a: x[0],
    "Identity": lambda x, a: x[0],
    "Shape": lambda x, a: torch.tensor(x[0].shape),
    "Gather": lambda x, a: x[0].index_select(a.get("axis", 0), x[1].reshape(-1)).squeeze(a.get("axis", 0)),
    "Unsqueeze": lambda x, a: x[0].unsqueeze((a["axes"] if "axes" in a else x[1].tolist())[0]),
    "Concat": lambda x, a: torch.cat([part.reshape(-1) if part.ndim == 0 else part for part in x], a["axis"]),
    "Reshape": lambda x, a: x[0].reshape([int(side) for side in x[1]]),
    "Transpose": lambda x, a: x[0].permute(*a["perm"]),
}
"""ONNX operator -> the same in torch, of its inputs and attributes."""


class FrozenRecogniser(nn.Module):
    """Embeddings of aligned faces. Its weights take no gradients; its input passes them on."""

    def __init__(self, path: Path) -> None:
        """Read an ONNX recogniser that takes (N, 3, 112, 112) RGB as -1..1, as InsightFace's do.

        Raises:
            WeightsMissing: no such file.
            WeightsRefused: it is no ONNX file, keeps weights elsewhere, or uses an operator that is not known here.
        """
        import onnx
        from google.protobuf.message import DecodeError

        super().__init__()
        if not path.is_file():
            raise WeightsMissing(f"no recogniser at {path}; name an ArcFace-style ONNX file with --recogniser")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise WeightsRefused(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB and was not read")
        try:
            graph = onnx.load_model_from_string(path.read_bytes()).graph
        except DecodeError as error:
            raise WeightsRefused(f"{path} is no ONNX file: {error}") from error
        self.name = path.stem
        self.steps: list[tuple[str, list[str], str, Attributes]] = []
        self.places: dict[str, str] = {}
        for tensor in graph.initializer:
            self._keep(path, tensor.name, tensor)
        for node in graph.node:
            attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            if node.op_type == "Constant":
                self._keep(path, node.output[0], attributes["value"])
            elif node.op_type in OPERATORS:
                self.steps.append((node.op_type, list(node.input), node.output[0], attributes))
            else:
                raise WeightsRefused(f"{path} uses the operator {node.op_type}, which is not known here")
        given = [one.name for one in graph.input if one.name not in self.places]
        if len(given) != 1 or len(graph.output) != 1:
            raise WeightsRefused(f"{path} has {len(given)} inputs and {len(graph.output)} outputs, not one and one")
        self.given, self.result = given[0], graph.output[0].name
        utkface, arcface = UTKFACE.template("arcface5", INPUT_PX), ARCFACE.template("arcface5", INPUT_PX)
        self.register_buffer("crop_matrix", crop_matrix(fit_similarity(arcface, utkface)), persistent=False)
        self.requires_grad_(False).eval()

    crop_matrix: Tensor

    def _keep(self, path: Path, name: str, tensor: Any) -> None:
        import onnx

        if tensor.external_data:
            raise WeightsRefused(f"{path} keeps {name} in another file; only whole ONNX files are read")
        values = torch.from_numpy(np.array(onnx.numpy_helper.to_array(tensor)))
        self.places[name] = f"constant_{len(self.places)}"
        self.register_buffer(self.places[name], values)

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, 112, 112) float, RGB, -1..1, aligned as ArcFace expects, to (N, D) float32 of length 1."""
        if crops.ndim != 4 or crops.shape[1:] != (3, INPUT_PX, INPUT_PX):
            raise ValueError(f"expected crops of shape (N, 3, {INPUT_PX}, {INPUT_PX}), got {tuple(crops.shape)}")
        values = {name: getattr(self, place) for name, place in self.places.items()}
        values[self.given] = crops
        for kind, inputs, output, attributes in self.steps:
            values[output] = OPERATORS[kind]([values[name] for name in inputs], attributes)
        return F.normalize(values[self.result].flatten(1).float(), dim=1)

    def embed_faces(self, faces: Tensor) -> Tensor:
        """(N, 3, S, S) faces in UTKFace's framing, -1..1, to (N, D) float32 of length 1.

        The crop is the one that takes UTKFace's mean points to ArcFace's; beyond the face it mirrors, as packs do.
        """
        matrix = self.crop_matrix.expand(len(faces), -1, -1)
        grid = F.affine_grid(matrix, [len(faces), 3, INPUT_PX, INPUT_PX], align_corners=False)
        crops = F.grid_sample(faces.float(), grid, mode="bicubic", padding_mode="reflection", align_corners=False)
        embedded: Tensor = self.forward(crops.clamp(-1, 1))
        return embedded


def crop_matrix(matrix: np.ndarray[Any, np.dtype[np.float64]]) -> Tensor:
    """A (2, 3) matrix from crop pixels to face pixels, both of 112 px, as `affine_grid` wants it: in -1..1."""
    ends = np.array([[-0.5, -0.5], [INPUT_PX - 0.5, -0.5], [-0.5, INPUT_PX - 0.5]])
    moved = (apply(matrix, ends) + 0.5) / INPUT_PX * 2 - 1
    across, down = (moved[1] - moved[0]) / 2, (moved[2] - moved[0]) / 2
    origin = moved[0] + across + down
    return torch.from_numpy(np.stack((across, down, origin), axis=1)).float()
