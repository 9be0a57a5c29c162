"""A frozen face recogniser through which gradients flow: an ArcFace-style ONNX file read into torch."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.align import ARCFACE, UTKFACE, Affine, Framing, apply, fit_similarity, invert
from core.errors import WeightsRefused
from training.onnx_graph import OnnxGraph

INPUT_PX = 112
FIRST_NODES = 8
"""Among so many InsightFace looks for a graph's own normalisation."""


class FrozenRecogniser(nn.Module):
    """Embeddings of aligned faces. Its weights take no gradients; its input passes them on."""

    crop_matrix: Tensor

    def __init__(self, path: Path, framing: Framing = UTKFACE) -> None:
        """Read an ONNX recogniser of 112 px, as InsightFace's packs have them.

        Args:
            path: of the ONNX file.
            framing: of the faces that `embed_faces` will get; it must scale about pixel edges.
        Raises:
            WeightsMissing: no such file.
            WeightsRefused: no ONNX file, weights kept elsewhere, an unknown operator, or no embeddings come out.
        """
        super().__init__()
        if not framing.centred_pixels:
            raise ValueError(f"framing {framing.name} shows another part of the face at each size")
        self.graph = OnnxGraph(path, (2, 3, INPUT_PX, INPUT_PX))
        self.name = self.graph.name
        # InsightFace takes a graph that begins with these for one that wants 0..255 and normalises by itself.
        first = self.graph.node_names[:FIRST_NODES]
        has_minus = any(name.startswith(("Sub", "_minus")) for name in first)
        self.takes_bytes = has_minus and any(name.startswith(("Mul", "_mul")) for name in first)
        with torch.no_grad():
            shape = self.graph(torch.zeros(2, 3, INPUT_PX, INPUT_PX)).shape
        if shape[0] != 2 or shape.numel() == 2:
            raise WeightsRefused(f"{path} is no recogniser: of two faces it makes {tuple(shape)}, not two embeddings.")
        points, template = framing.template("arcface5", INPUT_PX), ARCFACE.template("arcface5", INPUT_PX)
        to_face = invert(fit_similarity(points, template))
        self.shrink = float(np.hypot(*to_face[:, 0])) / INPUT_PX
        self.register_buffer("crop_matrix", in_units(to_face), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, 112, 112) float, RGB, -1..1, aligned as ArcFace expects, to (N, D) float32 of length 1."""
        if crops.ndim != 4 or crops.shape[1:] != (3, INPUT_PX, INPUT_PX):
            raise ValueError(f"expected crops of shape (N, 3, {INPUT_PX}, {INPUT_PX}), got {tuple(crops.shape)}")
        embeddings = self.graph((crops + 1) * 127.5 if self.takes_bytes else crops)
        return F.normalize(embeddings.flatten(1).float(), dim=1)

    def embed_faces(self, faces: Tensor) -> Tensor:
        """(N, 3, S, S) faces in the framing, RGB, -1..1, to (N, D) float32 of length 1.

        The crop is the one that takes the framing's mean points to ArcFace's, not each face's own points: those
        have no gradient, and input and output of a generator share them. Sampled as core.align.crop does.
        """
        if faces.ndim != 4 or faces.shape[1] != 3 or faces.shape[2] != faces.shape[3]:
            raise ValueError(f"expected faces of shape (N, 3, S, S), got {tuple(faces.shape)}")
        size = faces.shape[3]
        samples = max(1, round(self.shrink * size))
        side = INPUT_PX * samples
        matrix = self.crop_matrix.expand(len(faces), -1, -1)
        grid = F.affine_grid(matrix, [len(faces), 3, side, side], align_corners=False)
        kernel = "bilinear" if samples > 1 else "bicubic"
        # From edge to edge into centre to centre: so the border is mirrored without repeating it.
        grid = grid * (size / (size - 1))
        crops = F.grid_sample(faces.float(), grid, mode=kernel, padding_mode="reflection", align_corners=True)
        if samples > 1:
            crops = F.avg_pool2d(crops, samples)
        embedded: Tensor = self.forward(crops.clamp(-1, 1))
        return embedded


def in_units(matrix: Affine) -> Tensor:
    """(2, 3) matrix between pictures of 112 px, in pixels, to (2, 3) float32 with both from edge -1 to edge 1.

    That is what `affine_grid` takes, and it fits pictures of any size.
    """
    corners = np.array([[-0.5, -0.5], [INPUT_PX - 0.5, -0.5], [-0.5, INPUT_PX - 0.5]])
    first, right, below = (apply(matrix, corners) + 0.5) / INPUT_PX * 2 - 1
    across, down = (right - first) / 2, (below - first) / 2
    return torch.from_numpy(np.stack((across, down, first + across + down), axis=1)).float()
