"""The bands of a photo's detail, and what a generator makes of them."""

import dataclasses

import pytest
import torch

from core.ages import TEN
from core.bands import detail_bands, fits
from core.generator import Generator, GeneratorConfig, age_code

GAINING = GeneratorConfig(
    size_px=128, channels=(8, 12), encoder_blocks=(0, 1), decoder_blocks=(1, 1), code_width=16, detail_gains=True
)
FINE, COARSE = slice(4 * 4, 5 * 4), slice(5 * 4, 6 * 4)
"""Rows of the head, four for each pixel of a fold."""


def faces(size_px: int = 128) -> torch.Tensor:
    return torch.rand(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("size_px", [128, 192, 256])
def test_without_its_bands_a_photo_is_what_few_cells_show(size_px: int) -> None:
    fine, coarse = detail_bands(faces(size_px))
    assert fine.shape == coarse.shape == (2, 3, size_px, size_px)
    left = faces(size_px) - fine - coarse
    cells = torch.nn.functional.avg_pool2d(left, size_px // 16)
    assert (left.diff(dim=3).abs().max() < faces(size_px).diff(dim=3).abs().max() / 4).item()
    assert cells.std() > 0, "but for its detail it is still there"


def test_even_skin_has_no_detail() -> None:
    assert all(band.abs().max() < 1e-6 for band in detail_bands(torch.full((1, 3, 128, 128), 0.3)))


@pytest.mark.parametrize(("size_px", "has_bands"), [(64, False), (100, False), (128, True), (192, True), (1024, True)])
def test_sizes(size_px: int, has_bands: bool) -> None:
    assert fits(size_px) == has_bands


def test_sizes_without_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="detail_gains needs a size_px that divides by 64 and is larger, got 64"):
        dataclasses.replace(GAINING, size_px=64)


def test_gains_begin_at_nothing_and_then_take_detail_away() -> None:
    torch.manual_seed(0)
    generator = Generator(GAINING).eval()
    code = age_code(TEN, [5, 60])
    with torch.no_grad():
        before = generator(faces(), code)
        generator.decoder.head.bias[12:16] = 50.0  # the mask is open everywhere
        generator.decoder.head.weight[12:16] = 0
        opened = generator(faces(), code)
        generator.decoder.head.bias[FINE] = -1.0
        smoothed = generator(faces(), code)
        generator.decoder.head.bias[COARSE] = -1.0
        smoother = generator(faces(), code)
    fine, coarse = detail_bands(faces())
    assert before.shape == (2, 3, 128, 128)
    torch.testing.assert_close(smoothed, opened - fine, atol=1e-5, rtol=0)
    torch.testing.assert_close(smoother, opened - fine - coarse, atol=1e-5, rtol=0)
