"""The FIR filter against sums written out by hand."""

import pytest
import torch

from core.filters import blur, fir_kernel, smooth, upsample


def test_kernel_is_the_outer_product_of_1331() -> None:
    kernel = fir_kernel() * 64
    assert kernel.tolist() == [[1, 3, 3, 1], [3, 9, 9, 3], [3, 9, 9, 3], [1, 3, 3, 1]]
    assert fir_kernel(gain=4.0).sum() == 4


def test_blur_of_one_bright_pixel_is_the_kernel() -> None:
    features = torch.zeros(1, 2, 5, 5)
    features[0, 1, 2, 2] = 1
    out = blur(features, fir_kernel(), padding_px=2)
    assert out.shape == (1, 2, 6, 6)
    assert out[0, 0].abs().max() == 0
    torch.testing.assert_close(out[0, 1, 1:5, 1:5], fir_kernel(), rtol=0, atol=0)


@pytest.mark.parametrize(("size", "padding_px"), [(8, 1), (8, 2), (6, 1)])
def test_striding_is_filtering_and_dropping(size: int, padding_px: int) -> None:
    features = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    every = blur(features, fir_kernel(), padding_px)
    torch.testing.assert_close(blur(features, fir_kernel(), padding_px, stride=2), every[..., ::2, ::2])


def test_bias_is_added_once() -> None:
    features = torch.zeros(1, 2, 4, 4)
    out = blur(features, fir_kernel(), 1, bias=torch.tensor([1.0, -2.0]))
    assert out[0, 0].unique().tolist() == [1]
    assert out[0, 1].unique().tolist() == [-2]


def test_upsampling_one_sample_by_hand() -> None:
    """The sample sits first in its 2x2 cell; two zeros before, one behind: output i sees input at i - 2 + k."""
    features = torch.zeros(1, 1, 3, 3)
    features[0, 0, 1, 1] = 1  # at (2, 2) once zeros are inserted
    out = upsample(features, fir_kernel(gain=4.0))
    expected = torch.zeros(6, 6)
    expected[1:5, 1:5] = fir_kernel(gain=4.0)
    torch.testing.assert_close(out[0, 0], expected, rtol=0, atol=0)


def test_upsampling_keeps_a_flat_picture_flat_inside() -> None:
    out = upsample(torch.ones(1, 3, 8, 8), fir_kernel(gain=4.0))
    assert out.shape == (1, 3, 16, 16)
    torch.testing.assert_close(out[..., 1:-1, 1:-1], torch.ones(1, 3, 14, 14))
    assert out[0, 0, 0, 8] == 0.75  # zeros lie beyond the border


def test_smoothing_takes_out_what_alternates_and_leaves_what_is_even_and_what_slopes() -> None:
    chequered = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    assert smooth(chequered[None, None])[0, 0, 1:-1, 1:-1].abs().max() < 1e-6
    even = torch.full((1, 2, 5, 5), 0.3)
    assert torch.allclose(smooth(even), even)
    slope = torch.arange(6.0).expand(1, 1, 6, 6)
    assert torch.allclose(smooth(slope)[..., 1:-1], slope[..., 1:-1])
