"""Files that are cut, forged, built to exhaust a decoder, or no pictures; each with what must come of it."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from core.containers import jpeg_scans
from tests.honest_pictures import (
    CANARY,
    Case,
    Pixels,
    Refusal,
    chunk,
    decoded,
    orientations_and_profiles,
    pixel_modes,
    png,
    png_rows,
    saved,
    scene,
)

NOT_A_PICTURE = Refusal("This file is not a picture")
CUT_OFF = Refusal("This picture is cut off")
DAMAGED = Refusal("This picture is damaged")
BROKEN = Refusal("This picture is (damaged|cut off)")
TOO_MANY = Refusal("at most 50 million")
TOO_SMALL = Refusal("each side must have at least 16")
TOO_LONG = Refusal("longer than 20 to 1")
EMPTY = Refusal("This file is empty")


def corpus() -> list[Case]:
    """All cases, honest ones first: (name, file, outcome)."""
    return [
        *pixel_modes(),
        *orientations_and_profiles(),
        *cut_files(),
        *forged_sizes(),
        *bombs(),
        *polyglots(),
        *damaged(),
        *strangers(),
    ]


def cut_files() -> Iterator[Case]:
    photo = scene()
    wholes = {
        "jpeg": saved(photo, "JPEG"),
        "jpeg progressive": saved(photo, "JPEG", progressive=True),
        "jpeg restarts": saved(photo, "JPEG", restart_marker_blocks=2),
        "png": saved(photo, "PNG"),
        "webp": saved(photo, "WEBP"),
        "webp lossless": saved(photo, "WEBP", lossless=True),
        "gif": saved(Image.fromarray(photo).quantize(64), "GIF"),
        "bmp": saved(photo, "BMP"),
        "tiff": saved(photo, "TIFF"),
    }
    for name, whole in wholes.items():
        for percent in (4, 50, 97):
            says = BROKEN if percent == 4 or name in ("tiff", "gif", "bmp") else CUT_OFF
            yield f"{name} cut at {percent} %", whole[: len(whole) * percent // 100], says
    for name in ("tiff_lzw", "tiff_adobe_deflate"):
        whole = saved(photo, "TIFF", compression=name)
        yield f"{name} cut", whole[: len(whole) // 2], BROKEN

    jpeg, whole_png = wholes["jpeg"], wholes["png"]
    half = len(jpeg) // 2 + 100
    yield "jpeg tail of zeros", jpeg[:half].ljust(len(jpeg), b"\0"), CUT_OFF
    yield "jpeg without end marker", jpeg[:-2], CUT_OFF
    wide = np.tile(photo, (4, 5, 1))
    tall = saved(wide, "JPEG")
    yield "jpeg cut, end marker put back", tall[: len(tall) // 2] + b"\xff\xd9", CUT_OFF
    tall_progressive = saved(wide, "JPEG", progressive=True)
    start, end = jpeg_scans(tall_progressive)[0]
    middle = (start + end) // 2
    yield "jpeg progressive, cut and closed", tall_progressive[:middle] + b"\xff\xd9", CUT_OFF
    yield "jpeg says it is taller", with_size(tall, 480, 400), CUT_OFF
    yield "jpeg first bytes", jpeg[:3], CUT_OFF
    yield "png without end chunk", whole_png[:-12], CUT_OFF
    yield "png first bytes", whole_png[:8], CUT_OFF
    yield "png tail of zeros", whole_png[: len(whole_png) // 2].ljust(len(whole_png), b"\0"), BROKEN
    yield "png with half its rows", png(96, 64, png_rows(photo[:32])), CUT_OFF
    yield "png without its last byte", png(96, 64, png_rows(photo)[:-1]), CUT_OFF
    yield "webp first bytes", wholes["webp"][:12], CUT_OFF
    yield "gif first bytes", wholes["gif"][:6], BROKEN


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG that declares another size than it holds."""
    place = jpeg.index(b"\xff\xc0\x00\x11")
    return jpeg[: place + 5] + struct.pack(">HH", height, width) + jpeg[place + 9 :]


def webp_canvas(width: int, height: int) -> bytes:
    """An extended WebP that declares a canvas around a small picture."""
    inner = saved(scene(), "WEBP")[12:]
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sides + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(width: int, height: int, *, offset: int = 200, size: int = 100, next_ifd: int = 0) -> bytes:
    """A grey TIFF with one strip at `offset`, as declared."""
    tags = (
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, offset),
        (277, 1),
        (278, height),
        (279, size),
    )
    ifd = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return (b"II*\0\x08\0\0\0" + ifd + struct.pack("<I", next_ifd)).ljust(200, b"\0") + b"\x7f" * 100


def forged_sizes() -> Iterator[Case]:
    photo = scene()
    jpeg, gif = saved(photo, "JPEG"), saved(Image.fromarray(photo).quantize(8), "GIF")
    yield "png of 2 billion columns", png(2**31 - 1, 2**31 - 1, b"\0" * 99), Refusal("at most 50 million")
    yield "png of 100,000 x 100,000", png(100_000, 100_000, b"\0" * 99), TOO_MANY
    yield "png without columns", png(0, 64, b"\0" * 64), Refusal("(damaged|at least 16)")
    yield "jpeg of 65,535 x 65,535", with_size(jpeg, 65_535, 65_535), TOO_MANY
    yield "jpeg without rows", with_size(jpeg, 96, 0), Refusal("(damaged|at least 16|cut off)")
    yield "gif of 65,535 x 65,535", gif[:6] + b"\xff\xff\xff\xff" + gif[10:], TOO_MANY
    yield "webp of 16 million x 256", webp_canvas(1 << 24, 256), TOO_MANY
    yield "webp of 16,384 x 1,024", webp_canvas(16_384, 1024), DAMAGED
    yield "webp of 4,000 x 4,000 around a stamp", webp_canvas(4000, 4000), BROKEN
    bmp = saved(photo, "BMP")
    yield "bmp of 100,000 x 100,000", bmp[:18] + struct.pack("<ii", 100_000, 100_000) + bmp[26:], TOO_MANY
    yield (
        "bmp of minus 5 columns",
        bmp[:18] + struct.pack("<ii", -5, 64) + bmp[26:],
        TOO_MANY,
    )
    yield "tiff of 100,000 x 100,000", tiff(100_000, 100_000), TOO_MANY
    yield "1 x 1", saved(photo[:1, :1], "PNG"), TOO_SMALL
    yield "15 x 96", saved(photo[:15], "PNG"), TOO_SMALL
    yield "16 x 96", saved(photo[:16], "PNG"), Pixels(photo[:16])
    long = np.tile(photo[:16], (1, 4, 1))
    yield "20 to 1", saved(long[:, :320], "PNG"), Pixels(long[:, :320])
    yield "21 to 1", saved(long[:, :336], "PNG"), TOO_LONG
    yield "1 to 24, lying", saved(long.transpose(1, 0, 2), "JPEG"), TOO_LONG
    yield "10,000 x 1", saved(np.zeros((1, 10_000, 3), np.uint8), "PNG"), TOO_SMALL


def bombs() -> Iterator[Case]:
    photo = scene()
    yield (
        "png of 900 million bits",
        png(30_000, 30_000, (b"\0" * 3751) * 30_000, depth=1, colour=0, level=1),
        TOO_MANY,
    )
    yield (
        "png that inflates 100 times too far",
        png(96, 64, png_rows(photo) + b"\0" * 2_000_000),
        Pixels(photo),
    )
    huge_text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"A" * 20_000_000))
    yield "png text of 20 MB", png(96, 64, png_rows(photo), more=huge_text), BROKEN
    huge_profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(b"A" * 20_000_000))
    yield "png profile of 20 MB", png(96, 64, png_rows(photo), more=huge_profile), BROKEN
    many = b"".join(chunk(b"tEXt", b"k\0" + CANARY.encode()) for _ in range(20_000))
    yield "png of 20,000 comments", png(96, 64, png_rows(photo), more=many), Pixels(photo)
    lies = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    yield "png of 2 billion frames", png(96, 64, png_rows(photo), more=lies), Pixels(photo)
    jpeg = saved(photo, "JPEG")
    comment = b"\xff\xfe\xff\xff" + b"C" * 65_533
    yield "jpeg of 100 comments", jpeg[:2] + comment * 100 + jpeg[2:], Pixels(decoded(jpeg))
    progressive = saved(photo, "JPEG", progressive=True)
    first, end = progressive.index(b"\xff\xda"), jpeg_scans(progressive)[0][1]
    scans = progressive[:first] + progressive[first:end] * 5_000 + progressive[end:]
    yield "jpeg of 5,000 scans", scans, Pixels(decoded(progressive))
    palette = Image.fromarray(photo).quantize(16)
    as_rgb = np.array(palette.convert("RGB"))
    frame = saved(palette, "GIF")
    start = frame.index(b"\x2c\0\0\0\0")
    yield "gif of 3,000 frames", frame[:-1] + frame[start:-1] * 3_000 + b";", Pixels(as_rgb)
    yield "tiff that leads back to itself", tiff(96, 64, size=96 * 64, next_ifd=8), BROKEN
    yield "tiff of data beyond the end", tiff(96, 64, offset=10**9, size=96 * 64), BROKEN
    tags = struct.pack("<HHHII", 1, 256, 4, 2**31 - 1, 8)
    yield "tiff of 2 billion widths", b"II*\0\x08\0\0\0" + tags + b"\0" * 40, BROKEN


def polyglots() -> Iterator[Case]:
    photo = scene()
    jpeg, whole_png = saved(photo, "JPEG"), saved(photo, "PNG")
    archive = zipped("x.txt", CANARY.encode())
    script = b"<html><script>alert('" + CANARY.encode() + b"')</script></html>"
    yield "jpeg and zip", jpeg + archive, Pixels(decoded(jpeg))
    yield "jpeg and noise", jpeg + bytes(range(256)) * 20, Pixels(decoded(jpeg))
    yield "jpeg and jpeg", jpeg + saved(photo[::-1], "JPEG"), Pixels(decoded(jpeg))
    yield (
        "jpeg with a script inside",
        jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(script) + 2) + script + jpeg[2:],
        (Pixels(decoded(jpeg))),
    )
    yield "png and web page", whole_png + script, Pixels(photo)
    yield (
        "png with php inside",
        png(96, 64, png_rows(photo), more=chunk(b"tEXt", b"c\0<?php system($_GET[0]); ?>")),
        (Pixels(photo)),
    )
    yield "zip of a jpeg", zipped("photo.jpg", jpeg), NOT_A_PICTURE
    yield "pdf around a jpeg", b"%PDF-1.4\n1 0 obj\nstream\n" + jpeg + b"\nendstream", NOT_A_PICTURE
    yield "web page, then png", script + whole_png, NOT_A_PICTURE
    yield (
        "gif that is javascript",
        b"GIF89a/*" + saved(Image.fromarray(photo).quantize(8), "GIF")[8:] + b"*/=1;",
        (Refusal("This picture is")),
    )
    yield "blank line before jpeg", b"\n" + jpeg, NOT_A_PICTURE
    yield "png named in a jpeg", jpeg[:3] + whole_png, BROKEN


def damaged() -> Iterator[Case]:
    photo = scene()
    noise = np.random.default_rng(5).integers(0, 256, 4000, np.uint8).tobytes()
    whole = saved(photo, "PNG")
    yield "jpeg start and noise", b"\xff\xd8\xff" + noise, BROKEN
    yield "jpeg start, noise, end", b"\xff\xd8\xff" + noise + b"\xff\xd9", BROKEN
    yield "png start and noise", whole[:8] + noise, BROKEN
    yield "webp start and noise", b"RIFF" + struct.pack("<I", 3000) + b"WEBPVP8 " + noise, BROKEN
    yield "gif start and noise", b"GIF89a" + struct.pack("<HH", 96, 64) + noise, BROKEN
    yield "bmp start and noise", saved(photo, "BMP")[:30] + noise, BROKEN
    yield "tiff start and noise", b"II*\0\x08\0\0\0" + noise, BROKEN
    yield "png with a wrong header sum", whole[:29] + b"\0\0\0\0" + whole[33:], BROKEN
    yield "png without data", whole[:33] + chunk(b"IEND", b""), BROKEN
    yield "png without header", whole[:8] + whole[33:], BROKEN
    yield "png of an unknown colour type", png(96, 64, png_rows(photo), colour=5), DAMAGED
    middle = len(whole) // 2
    yield "png with a hole", whole[:middle] + b"\0" * 60 + whole[middle + 60 :], BROKEN
    yield "jpeg of end markers", b"\xff\xd8" + b"\xff\xd9" * 100, BROKEN
    yield "jpeg without tables", saved(photo, "JPEG", streamtype=2), BROKEN
    yield "jpeg of tables alone", saved(photo, "JPEG", streamtype=1), BROKEN


def strangers() -> Iterator[Case]:
    picture, text = Image.fromarray(scene()), b"Dear all, here is the photo. " * 20
    yield "nothing", b"", EMPTY
    yield "one zero", b"\0", NOT_A_PICTURE
    yield "zeros", b"\0" * 5000, NOT_A_PICTURE
    yield "text", text, NOT_A_PICTURE
    yield "text that begins with BM", b"BMW drivers " * 30, NOT_A_PICTURE
    yield "utf-16 text", text.decode().encode("utf-16"), NOT_A_PICTURE
    yield "web page", b"<!DOCTYPE html><html><body>404</body></html>", Refusal("not a picture but a web page")
    yield "pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", Refusal("not a picture but a PDF")
    yield "svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="96" height="64"/>', Refusal("SVG format")
    yield "svg with declaration", b'<?xml version="1.0"?>\n<svg onload="alert(1)"/>', Refusal("SVG format")
    yield (
        "svg that reads a file",
        (b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'),
        Refusal("SVG format"),
    )
    yield "zip", zipped("a.txt", text), Refusal("not a picture but a ZIP")
    yield "gzip", gzip.compress(text), NOT_A_PICTURE
    yield "program", b"\x7fELF\x02\x01\x01" + b"\0" * 100, NOT_A_PICTURE
    yield "pickle", b"\x80\x04cos\nsystem\n(S'touch /tmp/pwned'\ntR.", NOT_A_PICTURE
    yield "mp4", b"\0\0\0\x20ftypisom\0\0\x02\0" + b"\0" * 100, Refusal("not a picture but a video")
    yield "wav", b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40, NOT_A_PICTURE
    yield "heic", b"\0\0\0\x24ftypheic\0\0\0\0" + b"\0" * 100, Refusal("HEIC format")
    yield "avif", saved(picture, "AVIF"), Refusal("AVIF format")
    yield "jpeg 2000", saved(picture, "JPEG2000"), Refusal("JPEG 2000 format")
    yield "jpeg xl", b"\xff\x0a" + b"\0" * 100, Refusal("JPEG XL format")
    yield "photoshop", b"8BPS\0\x01" + b"\0" * 100, Refusal("Photoshop format")
    for kind in ("ICO", "PPM", "EPS", "TGA", "PCX", "SGI", "XBM"):
        source = picture.convert("1") if kind == "XBM" else picture
        yield kind.lower(), saved(source, kind), NOT_A_PICTURE
    yield "postscript that runs", b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (r) file\n", NOT_A_PICTURE


def zipped(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, content)
    return target.getvalue()
