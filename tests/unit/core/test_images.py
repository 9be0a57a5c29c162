"""Bytes, pixels and tensors: exact where they can be."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import BadImage
from core.images import (
    DecodeLimits,
    decode_photo,
    encode_gif,
    encode_jpeg,
    encode_png,
    read_photo,
    require_photo,
    resize,
    to_tensor,
    to_uint8,
)
from tests.honest_pictures import saved, scene


def every_level() -> np.ndarray:
    """(2, 16, 16, 3) uint8 that holds all 256 levels in every channel."""
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    face = np.stack([levels, levels[::-1], levels.T], axis=-1)
    return np.stack([face, 255 - face])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_level_survives_the_network_format(dtype: torch.dtype) -> None:
    faces = every_level()
    tensor = to_tensor(faces)
    assert tensor.shape == (2, 3, 16, 16)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    assert (tensor.min().item(), tensor.max().item()) == (-1.0, 1.0)
    assert np.array_equal(to_uint8(tensor.to(dtype)), faces)


def test_tensor_values_and_channel_order() -> None:
    faces = np.zeros((1, 1, 2, 3), np.uint8)
    faces[0, 0] = (255, 0, 51), (0, 255, 204)
    expected = torch.tensor([[[[1.0, -1.0]], [[-1.0, 1.0]], [[-0.6, 0.6]]]])
    assert torch.allclose(to_tensor(faces), expected, atol=1e-6)


def test_output_is_rounded_and_clipped() -> None:
    values = torch.tensor([-7.0, -1.0, 100.4 / 127.5 - 1, 100.6 / 127.5 - 1, 1.0, 1.001, 50.0])
    tensor = values.reshape(1, 1, 1, 7).expand(1, 3, 1, 7).requires_grad_()
    assert to_uint8(tensor)[0, 0, :, 0].tolist() == [0, 0, 100, 101, 255, 255, 255]
    assert to_uint8(values.bfloat16().reshape(1, 1, 1, 7).expand(1, 3, 1, 7)).shape == (1, 1, 7, 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_output_that_is_no_number_is_not_shown(value: float) -> None:
    tensor = torch.zeros(1, 3, 4, 4)
    tensor[0, 1, 2, 3] = value
    with pytest.raises(ValueError, match="not numbers"):
        to_uint8(tensor)


def test_wrong_shapes_and_types_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4, 3\)"):
        to_tensor(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        to_tensor(np.zeros((1, 4, 4, 3), np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="int64"):
        to_uint8(torch.zeros(1, 3, 4, 4, dtype=torch.int64))
    with pytest.raises(TypeError, match="float64"):
        require_photo(np.zeros((4, 4, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        require_photo(np.zeros((4, 4), np.uint8))
    with pytest.raises(TypeError, match="str"):
        decode_photo("photo.jpg")  # type: ignore[arg-type]


@settings(max_examples=20, deadline=None)
@given(height=st.integers(16, 60), width=st.integers(16, 60), seed=st.integers(0, 1000))
def test_png_round_trip_is_exact(height: int, width: int, seed: int) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    assert np.array_equal(decode_photo(encode_png(photo)), photo)


def test_jpeg_round_trip_is_close_and_quality_counts() -> None:
    error = np.abs(decode_photo(encode_jpeg(scene())).astype(int) - scene()).mean()
    assert error < 2.5
    assert len(encode_jpeg(scene(), quality=30)) < len(encode_jpeg(scene(), quality=95)) / 2
    with pytest.raises(ValueError, match="101"):
        encode_jpeg(scene(), quality=101)


@pytest.mark.parametrize("quality", [90, 95, 100])
def test_noise_can_be_saved_as_jpeg(quality: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    assert decode_photo(encode_jpeg(noise, quality=quality)).shape == noise.shape


def test_a_saturated_edge_keeps_its_colour_in_jpeg() -> None:
    """Full colour resolution: a red line one pixel wide is not washed out."""
    photo = np.full((32, 32, 3), 255, np.uint8)
    photo[:, 15] = 255, 0, 0
    line = decode_photo(encode_jpeg(photo))[:, 15].mean(axis=0)
    assert line[0] > 235
    assert line[1] < 60


def test_gif_plays_in_order_and_for_ever() -> None:
    frames = [np.full((20, 30, 3), level, np.uint8) for level in (0, 90, 180, 255)]
    with Image.open(io.BytesIO(encode_gif(frames, fps=8))) as film:
        assert film.info["loop"] == 0
        shown = []
        for index in range(4):
            film.seek(index)
            assert film.info["duration"] == 120
            shown.append(int(np.asarray(film.convert("RGB"))[10, 15, 0]))
    assert np.abs(np.array(shown) - [0, 90, 180, 255]).max() <= 2
    with pytest.raises(ValueError, match="one size"):
        encode_gif([frames[0], frames[1][:10]], fps=8)
    with pytest.raises(ValueError, match="one size"):
        encode_gif([], fps=8)
    with pytest.raises(ValueError, match="0"):
        encode_gif(frames, fps=0)


def test_shrinking_is_antialiased() -> None:
    """Lines one pixel wide become an even grey, not black or white."""
    stripes = np.zeros((120, 120, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, 15, 30)
    assert small.shape == (30, 15, 3)
    assert np.abs(small[:, 2:-2].astype(int) - 127).max() <= 4
    assert np.array_equal(resize(scene(), 96, 64), scene())
    with pytest.raises(ValueError, match="0 x 5"):
        resize(stripes, 0, 5)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "Ünï cödé.jpg.txt"
    path.write_bytes(encode_png(scene()))
    assert np.array_equal(read_photo(path), scene())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"There is no file .*absent.png; check the path\."):
        read_photo(tmp_path / "absent.png")
    with pytest.raises(BadImage, match="is a folder, not a picture"):
        read_photo(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadImage, match="There is no file"):
        read_photo(tmp_path / "pipe.png")


def test_a_file_that_is_too_large_is_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(encode_png(scene()))
    limits = DecodeLimits(max_bytes=path.stat().st_size)
    assert read_photo(path, limits).shape == (64, 96, 3)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(BadImage, match="larger than"):
        read_photo(path, limits)
    with pytest.raises(BadImage, match="larger than 32 MB"):
        decode_photo(bytes(32 * 1024 * 1024 + 1))


def test_ones_own_photos_may_be_larger_than_a_visitors(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("1", (9000, 5600)).save(path)
    with pytest.raises(BadImage, match="at most 50 million"):
        decode_photo(path.read_bytes())
    assert read_photo(path).shape == (5600, 9000, 3)
    Image.new("1", (20_001, 10_000)).save(path)
    with pytest.raises(BadImage, match=r"20001 x 10000 pixels; at most 200 million"):
        read_photo(path)
    Image.new("1", (32_767, 2_000)).save(path)
    with pytest.raises(BadImage, match=r"32767 x 2000 pixels; no side may have more than 32766"):
        read_photo(path)


def test_own_limits_hold() -> None:
    data = saved(scene(), "PNG")
    with pytest.raises(BadImage, match=r"96 x 64 pixels; at most 0\.005 million"):
        decode_photo(data, DecodeLimits(max_pixels=5000))
    with pytest.raises(BadImage, match=r"longer than 1\.4 to 1"):
        decode_photo(data, DecodeLimits(max_aspect=1.4))
    with pytest.raises(BadImage, match="at least 65"):
        decode_photo(data, DecodeLimits(min_side_px=65))


def test_real_photos_are_decoded_as_pillow_does(shared: Path) -> None:
    """To the level where they carry no profile; one that carries Adobe RGB becomes more colourful in sRGB."""
    num_equal = 0
    for path in sorted((shared / "photos").glob("*.*g")):
        with Image.open(path) as picture:
            stored = np.asarray(picture.convert("RGB"))
            if "icc_profile" not in picture.info:
                assert np.array_equal(read_photo(path), stored)
                num_equal += 1
            elif path.name == "agt_1.jpg":
                assert (
                    np.ptp(read_photo(path).astype(int), axis=2).mean() > np.ptp(stored.astype(int), axis=2).mean() + 2
                )
    assert num_equal >= 10
