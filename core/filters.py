"""FIR filters: the one that StyleGAN2 puts before every downsampling and after every upsampling, and 1-2-1.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), code conventions
as in REFERENCE.md; the taps are those of Zhang, "Making Convolutional Networks Shift-Invariant Again".
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)


def fir_kernel(gain: float = 1.0) -> Tensor:
    """(4, 4) float32: outer product of `TAPS` with itself, normalised to the sum `gain`."""
    taps = torch.tensor(TAPS)
    kernel = torch.outer(taps, taps)
    return kernel * (gain / kernel.sum())


def blur(features: Tensor, kernel: Tensor, padding_px: int, stride: int = 1, bias: Tensor | None = None) -> Tensor:
    """Filter every channel by itself, zeros beyond the border.

    Args:
        features: (N, C, H, W), any float dtype.
        kernel: (4, 4), symmetric.
        padding_px: zeros added on each side.
        stride: 2 keeps every second sample, the same as filtering and then dropping the others.
        bias: (C,), dtype of `features`, added to the result.
    Returns:
        (N, C, (H + 2 * padding_px - 4) // stride + 1, likewise W), dtype of `features`.
    """
    channels = features.shape[1]
    weight = kernel.to(features.dtype).expand(channels, 1, -1, -1)
    return F.conv2d(features, weight, bias, stride=stride, padding=padding_px, groups=channels)


def upsample(features: Tensor, kernel: Tensor) -> Tensor:
    """Twice the size: zeros inserted after each sample, two zeros before and one behind, then filtered.

    A transposed convolution does the three at once, and `kernel` being symmetric needs no turning.

    Args:
        features: (N, C, H, W), any float dtype.
        kernel: (4, 4), symmetric, gain 4.
    Returns:
        (N, C, 2H, 2W), dtype of `features`.
    """
    channels = features.shape[1]
    weight = kernel.to(features.dtype).expand(channels, 1, -1, -1)
    return F.conv_transpose2d(features, weight, stride=2, padding=1, groups=channels)


def smooth(pictures: Tensor) -> Tensor:
    """Filter (N, C, H, W) with 1-2-1 both ways, the border repeated: what alternates from pixel to pixel goes.

    For pictures that were folded out of channels: the pixels of a fold come from different ones, and nothing else
    keeps those in step.
    """
    channels = pictures.shape[1]
    taps = torch.tensor((0.25, 0.5, 0.25), dtype=pictures.dtype, device=pictures.device)
    kernel = torch.outer(taps, taps).expand(channels, 1, -1, -1)
    return F.conv2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), kernel, groups=channels)


def folded_kernel(num_pictures: int, channels: int, fold: int, gain: float = 1.0) -> Tensor:
    """(num_pictures * fold^2, channels, 3, 3) random kernel in which every pixel of a fold starts alike.

    So no chequerboard has to be unlearned. What comes of features of unit variance has the deviation `gain`.
    Source: Aitken et al. 2017 (ICNR).
    """
    kernel = torch.randn(num_pictures, 1, channels, 3, 3) * gain / math.sqrt(channels * 9)
    folded: Tensor = kernel.expand(-1, fold**2, -1, -1, -1).flatten(0, 1)
    return folded
