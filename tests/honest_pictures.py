"""Unusual but honest picture files, each with what must come of it. All made here, none stored.

An outcome is `Pixels` (the right picture, within a tolerance) or `Refusal` (BadImage with a sentence that
matches). The hostile ones are in tests/hostile_pictures.py.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms
from skimage.data import astronaut

Array = npt.NDArray[np.uint8]
CANARY = "CANARY-7f3a91"


@dataclass(frozen=True, slots=True)
class Pixels:
    """The picture that must come out; `mean_error` in grey levels of 255."""

    photo: Array
    mean_error: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A part of the sentence that must come out."""

    says: str


Case = tuple[str, bytes, Pixels | Refusal]


@cache
def scene() -> Array:
    """(64, 96, 3) uint8: part of a photograph, with no symmetry."""
    whole = Image.fromarray(astronaut()).crop((120, 0, 504, 256))
    return np.array(whole.resize((96, 64), Image.Resampling.LANCZOS))


def grey() -> Array:
    """(64, 96) uint8."""
    return np.array(Image.fromarray(scene()).convert("L"))


def three(plane: Array) -> Array:
    return np.repeat(plane[..., None], 3, axis=2)


def saved(picture: Array | Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    whole = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    whole.save(target, kind, **options)  # type: ignore[arg-type]
    return target.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(
    width: int,
    height: int,
    rows: bytes,
    *,
    depth: int = 8,
    colour: int = 2,
    more: bytes = b"",
    lace: int = 0,
    level: int = 9,
) -> bytes:
    """A PNG from its raw rows (filter bytes included); `more` are chunks between header and data."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, lace))
    body = chunk(b"IDAT", zlib.compress(rows, level)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + more + body


def png_rows(samples: npt.NDArray[np.generic]) -> bytes:
    """(H, W, C) big-endian samples to rows with filter 0."""
    return b"".join(b"\0" + row.tobytes() for row in samples)


def interlaced() -> bytes:
    """The scene as an Adam7 PNG."""
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    return png(96, 64, b"".join(png_rows(scene()[y::dy, x::dx]) for y, x, dy, dx in passes), lace=1)


def matrix_profile(space: bytes = b"RGB ", gamma: float = 2.2) -> bytes:
    """An ICC profile: Display P3's primaries (adapted to D50) or plain grey, with one gamma."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"desc": b"desc\0\0\0\0\0\0\0\x05TEST\0" + b"\0" * 79}
    if space == b"RGB ":
        tags |= {
            b"rXYZ": xyz(0.51512, 0.24120, -0.00105),
            b"gXYZ": xyz(0.29198, 0.69225, 0.04189),
            b"bXYZ": xyz(0.15710, 0.06657, 0.78407),
            b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
        }  # fmt: skip
    else:
        tags[b"kTRC"] = curve
    table, body, offset = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content
    header = struct.pack(">I4sI4s4s4s", offset + len(body), b"lcms", 0x02400000, b"mntr", space, b"XYZ ")
    header = header + b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + table + body


def p3_to_srgb(photo: Array) -> Array:
    """What a Display P3 picture with gamma 2.2 looks like in sRGB, by the definitions of both."""
    p3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
    srgb = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
    light = (photo / 255.0) ** 2.2 @ (np.linalg.inv(srgb) @ p3).T
    light = light.clip(0, 1)
    return (
        (np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255).round().astype(np.uint8)
    )


def grey_gamma_to_srgb(plane: Array, gamma: float) -> Array:
    light = (plane / 255.0) ** gamma
    return three(
        (np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255).round().astype(np.uint8)
    )


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def lying_down(orientation: int) -> Array:
    """The scene as a camera stores it that notes this EXIF orientation."""
    rows = {1: scene(), 2: scene()[:, ::-1], 3: scene()[::-1, ::-1], 4: scene()[::-1],
            5: scene().transpose(1, 0, 2), 6: np.rot90(scene(), 1), 7: scene()[::-1, ::-1].transpose(1, 0, 2),
            8: np.rot90(scene(), -1)}  # fmt: skip
    return np.ascontiguousarray(rows[orientation])


def exif(orientation: int = 1) -> Image.Exif:
    """EXIF with a canary in every text field and a place on Earth."""
    block = Image.Exif()
    block[0x0112] = orientation
    for tag in (0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x8298):
        block[tag] = CANARY
    block.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + CANARY.encode()
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 29: CANARY})
    return block


def without_segments(jpeg: bytes, codes: tuple[int, ...]) -> bytes:
    """A JPEG without the header segments of these codes."""
    out, position = jpeg[:2], 2
    while jpeg[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(jpeg[position + 2 : position + 4], "big")
        if jpeg[position + 1] not in codes:
            out += jpeg[position:end]
        position = end
    return out + jpeg[position:]


def decoded(data: bytes) -> Array:
    """What Pillow itself makes of an honest lossy file."""
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def over_white(alpha: Array, photo: Array) -> Array:
    share = alpha[..., None] / 255.0
    return (photo * share + 255 * (1 - share)).round().astype(np.uint8)


def pixel_modes() -> Iterator[Case]:
    photo, plane = scene(), grey()
    alpha = np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1))
    wide = photo.astype(np.uint16) * 257
    wide_grey = plane.astype(np.uint16) * 257
    picture = Image.fromarray(photo)
    palette = picture.quantize(64)
    as_rgb = np.array(palette.convert("RGB"))
    hole = np.array(palette) == 5
    bilevel = picture.convert("1")

    yield "png rgb", saved(photo, "PNG"), Pixels(photo)
    yield "png grey", saved(plane, "PNG"), Pixels(three(plane))
    yield "png rgba", saved(np.dstack([photo, alpha]), "PNG"), Pixels(over_white(alpha, photo), 1)
    yield (
        "png la",
        saved(Image.merge("LA", [Image.fromarray(plane), Image.fromarray(alpha)]), "PNG"),
        Pixels(over_white(alpha, three(plane)), 1),
    )
    yield "png invisible", saved(np.dstack([photo, alpha * 0]), "PNG"), Pixels(np.full_like(photo, 255))
    yield "png 1 bit", saved(bilevel, "PNG"), Pixels(np.array(bilevel.convert("RGB")))
    yield "png palette", saved(palette, "PNG"), Pixels(as_rgb)
    yield (
        "png palette, clear entry",
        saved(palette, "PNG", transparency=5),
        Pixels(np.where(hole[..., None], np.uint8(255), as_rgb)),
    )
    yield (
        "png palette, half clear",
        saved(palette, "PNG", transparency=bytes([128] * 64)),
        Pixels(over_white(np.full_like(plane, 128), as_rgb), 1),
    )
    key = struct.pack(">3H", *photo[0, 0])
    is_key = (photo == photo[0, 0]).all(axis=2, keepdims=True)
    yield (
        "png colour key",
        png(96, 64, png_rows(photo), more=chunk(b"tRNS", key)),
        Pixels(np.where(is_key, np.uint8(255), photo)),
    )
    yield (
        "png 16 grey",
        png(96, 64, png_rows(wide_grey.astype(">u2")), depth=16, colour=0),
        Pixels(three(plane)),
    )
    yield "png 16 rgb", png(96, 64, png_rows(wide.astype(">u2")), depth=16), Pixels(photo)
    yield (
        "png 16 rgba",
        png(
            96,
            64,
            png_rows(np.dstack([wide, alpha.astype(np.uint16) * 257]).astype(">u2")),
            depth=16,
            colour=6,
        ),
        Pixels(over_white(alpha, photo), 1),
    )
    yield (
        "png 16 grey alpha",
        png(
            96,
            64,
            png_rows(np.dstack([wide_grey, alpha.astype(np.uint16) * 257]).astype(">u2")),
            depth=16,
            colour=4,
        ),
        Pixels(over_white(alpha, three(plane)), 1),
    )
    yield (
        "png 2 bit grey",
        png(96, 64, (b"\0" + b"\x1b" * 24) * 64, depth=2, colour=0),
        Pixels(three(np.tile(np.array([0, 85, 170, 255], np.uint8), (64, 24)))),
    )
    yield "png interlaced", interlaced(), Pixels(photo)
    yield (
        "png ends black",
        saved(np.vstack([photo[:30], photo[30:] * 0]), "PNG"),
        Pixels(np.vstack([photo[:30], photo[30:] * 0])),
    )

    variants: dict[str, dict[str, object]] = {
        "jpeg": {},
        "jpeg progressive": {"progressive": True},
        "jpeg full colour": {"subsampling": 0},
        "jpeg restarts": {"restart_marker_blocks": 3},
        "jpeg rgb": {"keep_rgb": True},
        "jpeg quality 5": {"quality": 5},
    }
    for name, options in variants.items():
        data = saved(photo, "JPEG", **options)
        yield name, data, Pixels(decoded(data))
    data = saved(plane, "JPEG")
    yield "jpeg grey", data, Pixels(decoded(data))
    plain_end = np.vstack([np.tile(photo, (1, 5, 1)), np.full((80, 480, 3), 250, np.uint8)])
    for quality in (30, 75, 95):
        yield f"jpeg plain below q{quality}", saved(plain_end, "JPEG", quality=quality), Pixels(plain_end, 4)
    yield "jpeg plain below progressive", saved(plain_end, "JPEG", progressive=True), Pixels(plain_end, 4)
    plain = np.full((64, 480, 3), 128, np.uint8)
    yield "jpeg plain", saved(plain, "JPEG"), Pixels(plain)

    ink = Image.merge("CMYK", [*(Image.fromarray(255 - photo[..., i]) for i in range(3)), Image.new("L", (96, 64), 0)])
    inverted = saved(ink, "JPEG", quality=100, subsampling=0)
    yield "jpeg cmyk adobe", inverted, Pixels(photo, 2)
    straight = saved(Image.eval(ink, lambda value: 255 - value), "JPEG", quality=100, subsampling=0)
    yield "jpeg cmyk straight", without_segments(straight, (0xEE,)), Pixels(photo, 2)
    yield "tiff cmyk", saved(ink, "TIFF"), Pixels(photo, 1)

    yield (
        "jpeg two pictures",
        saved(picture, "MPO", save_all=True, append_images=[Image.fromarray(photo[::-1])]),
        Pixels(decoded(saved(photo, "JPEG"))),
    )
    yield "webp", saved(photo, "WEBP", quality=90), Pixels(photo, 5)
    yield "webp lossless", saved(photo, "WEBP", lossless=True), Pixels(photo)
    yield (
        "webp alpha",
        saved(np.dstack([photo, alpha]), "WEBP", lossless=True, exact=True),
        Pixels(over_white(alpha, photo), 1),
    )
    frames = {
        "save_all": True,
        "append_images": [Image.fromarray(photo[::-1]), Image.fromarray(photo[:, ::-1])],
    }
    yield "webp animated", saved(photo, "WEBP", lossless=True, **frames), Pixels(photo)
    yield "png animated", saved(photo, "PNG", **frames), Pixels(photo)
    yield "gif", saved(palette, "GIF"), Pixels(as_rgb)
    yield (
        "gif clear entry",
        saved(palette, "GIF", transparency=5),
        Pixels(np.where(hole[..., None], np.uint8(255), as_rgb)),
    )
    yield (
        "gif animated",
        saved(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        Pixels(as_rgb),
    )
    yield "gif not interlaced", saved(palette, "GIF", interlace=0), Pixels(as_rgb)
    yield "bmp 24", saved(photo, "BMP"), Pixels(photo)
    yield "bmp palette", saved(palette, "BMP"), Pixels(as_rgb)
    yield "bmp 1 bit", saved(bilevel, "BMP"), Pixels(np.array(bilevel.convert("RGB")))
    yield "bmp 32", saved(np.dstack([photo, alpha]), "BMP"), Pixels(photo)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield f"tiff {compression}", saved(photo, "TIFF", compression=compression), Pixels(photo)
    yield "tiff jpeg", saved(photo, "TIFF", compression="jpeg", quality=95), Pixels(photo, 5)
    yield "tiff fax", saved(bilevel, "TIFF", compression="group4"), Pixels(np.array(bilevel.convert("RGB")))
    yield "tiff 16", saved(wide_grey, "TIFF"), Pixels(three(plane))
    yield (
        "tiff 16 other end",
        saved(Image.frombytes("I;16B", (96, 64), wide_grey.astype(">u2").tobytes()), "TIFF"),
        (Pixels(three(plane))),
    )
    yield (
        "tiff pages",
        saved(picture, "TIFF", save_all=True, append_images=[Image.new("RGB", (96, 64))]),
        Pixels(photo),
    )
    yield "tiff float", saved(Image.fromarray(plane / np.float32(255)), "TIFF"), Refusal("decimal numbers")
    yield "tiff 32 bit", saved(Image.fromarray(plane.astype(np.int32)), "TIFF"), Refusal("32-bit numbers")
    yield "tiff lab", saved(Image.new("LAB", (96, 64)), "TIFF"), Refusal("LAB")


def orientations_and_profiles() -> Iterator[Case]:
    photo, plane = scene(), grey()
    lossy = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        error = 2.0 if kind == "JPEG" else 0.0
        options = lossy.get(kind, {})
        for orientation in range(1, 9):
            data = saved(lying_down(orientation), kind, exif=exif(orientation), **options)
            yield f"{kind.lower()} orientation {orientation}", data, Pixels(photo, error)
        data = saved(photo, kind, icc_profile=matrix_profile(), **options)
        yield f"{kind.lower()} display p3", data, Pixels(p3_to_srgb(photo), 2)
        yield (
            f"{kind.lower()} srgb profile",
            saved(photo, kind, icc_profile=srgb_profile(), **options),
            Pixels(photo, error),
        )
    for value, name in ((0, "zero"), (9, "nine"), (65535, "huge")):
        yield f"png orientation {name}", saved(photo, "PNG", exif=exif(value)), Pixels(photo)
    yield "png p3 grey tone", saved(photo, "PNG", icc_profile=matrix_profile(b"RGB ", 1.0)), Pixels(
        np.array(ImageCms.profileToProfile(
            Image.fromarray(photo), ImageCms.ImageCmsProfile(io.BytesIO(matrix_profile(b"RGB ", 1.0))),
            ImageCms.createProfile("sRGB"), renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)), 1
    )  # fmt: skip
    yield (
        "png grey profile",
        saved(plane, "PNG", icc_profile=matrix_profile(b"GRAY", 1.8)),
        Pixels(grey_gamma_to_srgb(plane, 1.8), 2),
    )
    yield (
        "png grey profile on colour",
        saved(photo, "PNG", icc_profile=matrix_profile(b"GRAY")),
        Pixels(photo),
    )
    yield "png profile of noise", saved(photo, "PNG", icc_profile=b"\x13\x37" * 300), Pixels(photo)
    yield "png profile cut", saved(photo, "PNG", icc_profile=matrix_profile()[:200]), Pixels(photo)
    yield "jpeg exif of noise", saved(photo, "JPEG", exif=b"Exif\0\0" + bytes(range(256))), Pixels(photo, 6)
    yield (
        "jpeg exif loop",
        saved(photo, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"),
        (Pixels(photo, 6)),
    )
