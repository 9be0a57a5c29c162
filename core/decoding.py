"""Untrusted bytes to an RGB picture. Runs only inside the worker process that core.isolation starts.

Everything here may meet a crafted file, so it is called in a process that holds no secrets, opens no
files and has limits on memory and time. Refusals are sentences for people who know nothing of formats.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from core.containers import (
    CUT_OFF,
    MAX_WEBP_SIDE_PX,
    is_cut_off,
    jpeg_ends_in_repetition,
    png_has_all_rows,
    recognise,
    webp_canvas_px,
)
from core.errors import BadImage

MIB: Final = 1 << 20

DAMAGED: Final = "This picture is damaged and cannot be opened; get a fresh copy or save it again as JPEG."
TOO_HUNGRY: Final = "This picture needs too much memory to open; save it as an ordinary JPEG and try again."
LONGEST_SIDE_PX: Final = 32_766
"""Of a picture; OpenCV warps none with a longer side."""
ODD_VALUES: Final = "This picture stores its pixels in an unusual way ({mode}); save it as an ordinary JPEG."


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeLimits:
    """What a picture may cost; anything beyond is refused with a sentence."""

    max_bytes: int = 32 * MIB
    """Largest file, in bytes."""
    max_pixels: int = 50_000_000
    """Largest width times height."""
    max_aspect: float = 20.0
    """Longest side divided by the shorter one, at most."""
    min_side_px: int = 16
    """Shortest side, at least."""
    memory_bytes: int = 1024 * MIB
    """Address space one decode may take on top of the idle worker's."""
    cpu_s: float = 5.0
    """Processor seconds one decode may use; on a busy machine an honest picture is not refused for that."""
    timeout_s: float = 30.0
    """Wall-clock seconds after which the worker counts as stuck."""

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "min_side_px", "memory_bytes"):
            if not 1 <= getattr(self, name) < 1 << 40:
                raise ValueError(f"{name} must be between 1 and 2^40, got {getattr(self, name)}")
        for name in ("cpu_s", "timeout_s"):
            if not 0 < getattr(self, name) <= 3600:
                raise ValueError(f"{name} must be above 0 and at most 3600, got {getattr(self, name)}")
        if not self.max_aspect >= 1:
            raise ValueError(f"max_aspect must be at least 1, got {self.max_aspect}")


FAULTS: Final = (
    OSError, SyntaxError, ValueError, TypeError, struct.error, EOFError, LookupError, AttributeError,
    ArithmeticError, AssertionError, RuntimeError, zlib.error, ImageCms.PyCMSError,
)  # fmt: skip
"""What Pillow is known to raise on crafted files; anything else ends the worker, which is noticed outside."""

TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what makes the picture upright. Source: EXIF 2.32, tag 0x0112."""

ORIENTATION_TAG: Final = 0x0112
MAX_PROFILE_BYTES: Final = 4 * MIB


def decode(data: bytes, limits: DecodeLimits) -> Image.Image:
    """Decode one picture.

    Args:
        data: the whole file.
    Returns:
        mode RGB, sRGB, upright, first frame, transparent parts over white.
    Raises:
        BadImage: with one sentence for the user.
    """
    kind = recognise(data)
    if is_cut_off(kind, data):
        raise BadImage(CUT_OFF)
    try:
        picture = load(kind, data, limits)
        turn = orientation(picture)
        picture = to_srgb(flatten(picture), picture.info.get("icc_profile"))
        if kind == "JPEG" and ends_flat(picture) and not jpeg_ends_in_repetition(data, picture.width):
            raise BadImage(CUT_OFF)
        return picture.transpose(TURNS[turn]) if turn in TURNS else picture
    except MemoryError as error:
        raise BadImage(TOO_HUNGRY) from error
    except FAULTS as error:
        is_cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
        raise BadImage(CUT_OFF if is_cut else DAMAGED) from error


def load(kind: str, data: bytes, limits: DecodeLimits) -> Image.Image:
    """Decode the first frame as the file stores it, once its declared size was found acceptable."""
    if kind == "WEBP" and max(webp_canvas_px(data)) > MAX_WEBP_SIDE_PX:
        refuse_size(*webp_canvas_px(data), limits)
        raise BadImage(DAMAGED)
    picture = Image.open(io.BytesIO(data), formats=[kind])
    refuse_size(*picture.size, limits)
    if kind == "PNG" and not png_has_all_rows(data):
        raise BadImage(CUT_OFF)
    picture.load()
    return picture


def refuse_size(width_px: int, height_px: int, limits: DecodeLimits) -> None:
    """Raise BadImage for a picture that is too large, too small or too long."""
    size = f"This picture is {width_px} x {height_px} pixels"
    if min(width_px, height_px) < limits.min_side_px:
        raise BadImage(f"{size}; each side must have at least {limits.min_side_px} pixels.")
    if width_px * height_px > limits.max_pixels:
        raise BadImage(f"{size}; at most {limits.max_pixels / 1e6:g} million are allowed, make it smaller.")
    if max(width_px, height_px) > limits.max_aspect * min(width_px, height_px):
        raise BadImage(f"{size}, longer than {limits.max_aspect:g} to 1; crop it to the person first.")
    if max(width_px, height_px) > LONGEST_SIDE_PX:
        raise BadImage(f"{size}; no side may have more than {LONGEST_SIDE_PX}, crop it to the person first.")


def ends_flat(picture: Image.Image) -> bool:
    """True if the last 32 rows of an RGB picture hold one single colour."""
    last = np.asarray(picture.crop((0, max(0, picture.height - 32), picture.width, picture.height)))
    return bool((last == last[0, 0]).all())


def orientation(picture: Image.Image) -> int:
    """EXIF orientation 1..8; 1 where there is none or the EXIF block is unreadable."""
    try:
        return int(picture.getexif().get(ORIENTATION_TAG, 1))
    except FAULTS:
        return 1


def flatten(picture: Image.Image) -> Image.Image:
    """Any mode to L, RGB or CMYK of 8 bits: palette looked up, transparency over white, 16 bits rounded."""
    mode = picture.mode
    if mode.startswith("I;16"):
        wide = np.asarray(picture).astype(np.uint32)
        return Image.fromarray(((wide * 255 + 32_767) // 65_535).astype(np.uint8))
    if mode == "CMYK":
        # Pillow takes every CMYK JPEG as inverted; only those that carry Adobe's marker are.
        if picture.format in ("JPEG", "MPO") and "adobe" not in picture.info:
            return Image.eval(picture, lambda value: 255 - value)
        return picture
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        whole = (picture.convert("LA") if mode == "La" else picture).convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(whole, mask=whole.getchannel("A"))
        return white
    if mode in ("1", "L"):
        return picture.convert("L")
    if mode in ("P", "RGB", "RGBX", "YCbCr"):
        return picture.convert("RGB")
    raise BadImage(ODD_VALUES.format(mode={"F": "decimal numbers", "I": "32-bit numbers"}.get(mode, mode)))


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """L, RGB or CMYK to RGB as sRGB; a profile that is broken or of another colour model is as none."""
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return picture.convert("RGB")
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            picture.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except FAULTS:
        return picture.convert("RGB")
    if picture.mode != "CMYK" and not changes_colours(transform, picture.mode):
        return picture.convert("RGB")
    converted = ImageCms.applyTransform(picture, transform)
    assert converted is not None  # it is None only where the picture is changed in place
    return converted


def changes_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """False for the many ways to say "this is sRGB already", which then cost nothing."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    probe = Image.fromarray(cube).convert(mode)
    moved = np.asarray(ImageCms.applyTransform(probe, transform), dtype=np.int16)
    return bool(np.abs(moved - np.asarray(probe.convert("RGB"))).max() > 2)


def pixel_bands(picture: Image.Image, band_bytes: int = 4 * MIB) -> Iterator[bytes]:
    """The pixels row by row, in bands of about `band_bytes`, so that no second copy of the whole is made."""
    step = max(1, band_bytes // (3 * picture.width))
    for top in range(0, picture.height, step):
        yield picture.crop((0, top, picture.width, min(top + step, picture.height))).tobytes()


def warm_up() -> None:
    """Make a process ready: Pillow's own size check off, as `refuse_size` says it better, and a small picture
    of every kind decoded, so that all code is loaded before files are locked away.
    """
    Image.MAX_IMAGE_PIXELS = None
    picture = Image.fromarray(np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3))
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "GIF", "BMP"):
        more = [picture] if kind in ("MPO", "PNG", "WEBP", "TIFF", "GIF") else []
        target = io.BytesIO()
        picture.save(target, kind, exif=exif, icc_profile=profile, save_all=bool(more), append_images=more)
        decode(target.getvalue(), DecodeLimits())
