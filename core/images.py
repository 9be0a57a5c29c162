"""Bytes, RGB pictures and network tensors: the one place where one becomes the other.

A photo is (H, W, 3) uint8 RGB 0..255, sRGB, upright, without metadata. A batch of faces for a network is
(N, 3, S, S) float32, -1..1. Untrusted bytes are decoded in a worker process (core.isolation).
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from core.decoding import MIB, DecodeLimits
from core.errors import BadImage
from core.files import write_atomic
from core.isolation import shared_pool

__all__ = [
    "DecodeLimits",
    "Photo",
    "decode_photo",
    "encode_gif",
    "encode_jpeg",
    "encode_png",
    "read_photo",
    "require_photo",
    "resize",
    "to_tensor",
    "to_uint8",
    "write_atomic",
]

Photo = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB, 0..255."""

DEFAULT_LIMITS: Final = DecodeLimits()
OWN_LIMITS: Final = DecodeLimits(
    max_bytes=1 << 30, max_pixels=200_000_000, memory_bytes=4 << 30, cpu_s=60.0, timeout_s=300.0
)
"""Of one's own photos, on the command line: wider than a server grants its visitors. PNGs of these pixels fit in."""
EMPTY: Final = "This file is empty (0 bytes); choose a JPEG, PNG or WebP file."
TOO_HEAVY: Final = "This file is larger than {limit:g} MB; save the picture smaller or as JPEG and try again."


def decode_photo(data: bytes, limits: DecodeLimits = DEFAULT_LIMITS) -> Photo:
    """Decode a JPEG, PNG, WebP, BMP, GIF or TIFF file that nobody vouches for.

    The work is done in a warm process of its own with limits on memory and time, so a file that breaks
    the decoder costs one refusal. Safe to call from many threads; two pictures are decoded at a time.

    Args:
        data: the whole file.
    Returns:
        (H, W, 3) uint8 RGB 0..255: sRGB, upright, first frame, transparent parts over white.
    Raises:
        BadImage: no such picture, incomplete, damaged, or beyond the limits; one sentence for the user.
        TypeError: not bytes.
    """
    if not isinstance(data, bytes):
        raise TypeError(f"decode_photo wants the bytes of a file, got {type(data).__name__}")
    if not data:
        raise BadImage(EMPTY)
    if len(data) > limits.max_bytes:
        raise BadImage(TOO_HEAVY.format(limit=limits.max_bytes / MIB))
    return shared_pool().decode(data, limits)


def read_photo(path: Path, limits: DecodeLimits = OWN_LIMITS) -> Photo:
    """Read and decode a picture file of this machine; as `decode_photo`, and a missing file is a BadImage too."""
    if path.is_dir():
        raise BadImage(f"{path} is a folder, not a picture; give the path of a picture file.")
    if not path.is_file():
        raise BadImage(f"There is no file {path}; check the path.")
    try:
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except OSError as error:
        raise BadImage(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    return decode_photo(data, limits)


def require_photo(photo: npt.NDArray[np.uint8]) -> Photo:
    """The same array, if it is a photo.

    Raises:
        TypeError: not a uint8 array.
        ValueError: not (H, W, 3) with at least one pixel.
    """
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8:
        raise TypeError(f"a photo is a uint8 array, got {getattr(photo, 'dtype', type(photo).__name__)}")
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        raise ValueError(f"a photo has the shape (H, W, 3), got {photo.shape}")
    return photo


def encode_png(photo: Photo) -> bytes:
    """Photo to a PNG file without metadata; lossless."""
    target = io.BytesIO()
    Image.fromarray(require_photo(photo)).save(target, "PNG", compress_level=4)
    return target.getvalue()


def encode_jpeg(photo: Photo, quality: int = 95) -> bytes:
    """Photo to a JPEG file without metadata; `quality` 1..100, full colour resolution from 90 up."""
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG quality is 1..100, got {quality}")
    target = io.BytesIO()
    subsampling = "4:4:4" if quality >= 90 else "4:2:0"
    # Without optimize: with it, Pillow's buffer is too small for noisy pictures of high quality, and saving fails.
    Image.fromarray(require_photo(photo)).save(target, "JPEG", quality=quality, subsampling=subsampling)
    return target.getvalue()


def encode_gif(frames: Sequence[Photo], fps: float) -> bytes:
    """Photos of one size to an endless GIF with one palette for all, so that colours do not flicker.

    Args:
        frames: at least one photo.
        fps: frames per second; a GIF counts in hundredths of a second, so 100 / fps is rounded, 2 at least.
    """
    if not frames or len({require_photo(frame).shape for frame in frames}) != 1:
        raise ValueError(f"a GIF needs frames of one size, got {sorted({frame.shape for frame in frames})}")
    if not 0 < fps <= 50:
        raise ValueError(f"a GIF shows above 0 and at most 50 frames per second, got {fps}")
    few = frames[:: max(1, len(frames) // 12)]
    montage = np.concatenate([resize(frame, 128, 128) for frame in few])
    palette = Image.fromarray(montage).quantize(255, method=Image.Quantize.MEDIANCUT)
    dither = Image.Dither.FLOYDSTEINBERG
    indexed = [Image.fromarray(frame).quantize(palette=palette, dither=dither) for frame in frames]
    target = io.BytesIO()
    indexed[0].save(target, "GIF", save_all=True, append_images=indexed[1:], duration=round(100 / fps) * 10, loop=0)
    return target.getvalue()


def resize(photo: Photo, width_px: int, height_px: int) -> Photo:
    """Photo at another size, each axis by itself, antialiased (Lanczos, widened when shrinking)."""
    if width_px < 1 or height_px < 1:
        raise ValueError(f"a photo has at least 1 x 1 pixels, asked for {width_px} x {height_px}")
    picture = Image.fromarray(require_photo(photo))
    return np.array(picture.resize((width_px, height_px), Image.Resampling.LANCZOS))


def to_tensor(faces: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Faces to a network's input.

    Args:
        faces: (N, S, S, 3) uint8 RGB 0..255.
    Returns:
        (N, 3, S, S) float32, level / 127.5 - 1: -1..1, contiguous.
    """
    if faces.dtype != np.uint8 or faces.ndim != 4 or faces.shape[3] != 3:
        raise ValueError(f"faces are (N, S, S, 3) uint8, got {faces.shape} {faces.dtype}")
    levels = torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2)))
    return levels.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(tensor: torch.Tensor) -> npt.NDArray[np.uint8]:
    """A network's output to faces; gives every level of `to_tensor` back exactly.

    Args:
        tensor: (N, 3, S, S) of any float type on any device; -1..1, what lies beyond is clipped.
    Returns:
        (N, S, S, 3) uint8 RGB 0..255.
    Raises:
        ValueError: wrong shape, or a value that is no finite number.
    """
    if tensor.ndim != 4 or tensor.shape[1] != 3 or not tensor.is_floating_point():
        raise ValueError(f"faces are (N, 3, S, S) of floats, got {tuple(tensor.shape)} {tensor.dtype}")
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError("the network's output holds values that are not numbers; its weights are broken")
    levels = tensor.detach().float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())
