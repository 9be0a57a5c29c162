"""What a picture file says before any pixel is decoded: its format, and whether its end is there."""

import re
import struct
import zlib
from typing import Final

import numpy as np

from core.errors import BadImage

CUT_OFF: Final = "This picture is cut off (incomplete file); get a complete copy of it and try again."
NOT_A_PICTURE: Final = "This file is not a picture{kind}; choose a JPEG, PNG or WebP file."
OTHER_FORMAT: Final = "This picture is in the {kind} format, which cannot be opened here; save it as JPEG or PNG."

PICTURES: Final = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("WEBP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("BMP", re.compile(rb"BM.{8}.{4}[\x0c-\x7c]\0\0\0", re.DOTALL)),
    ("TIFF", re.compile(rb"II\*\0|MM\0\*")),
)
"""Formats that are opened, and how their files begin."""

STRANGERS: Final = (
    (OTHER_FORMAT, "HEIC", re.compile(rb".{4}ftyp(hei|hev|mif1|msf1)", re.DOTALL)),
    (OTHER_FORMAT, "AVIF", re.compile(rb".{4}ftypavi[fs]", re.DOTALL)),
    (OTHER_FORMAT, "JPEG 2000", re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", re.DOTALL)),
    (OTHER_FORMAT, "JPEG XL", re.compile(rb"\0\0\0\x0cJXL |\xff\x0a", re.DOTALL)),
    (OTHER_FORMAT, "Photoshop", re.compile(rb"8BPS")),
    (OTHER_FORMAT, "SVG", re.compile(rb"\s*(<\?xml[^>]{0,200}>)?\s*(<!--[^>]{0,400}>)?\s*<(!DOCTYPE )?svg")),
    (NOT_A_PICTURE, " but a video", re.compile(rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ", re.DOTALL)),
    (NOT_A_PICTURE, " but a PDF document", re.compile(rb"\s*%PDF")),
    (NOT_A_PICTURE, " but a web page", re.compile(rb"\s*<(!doctype html|html|head|script)", re.IGNORECASE)),
    (NOT_A_PICTURE, " but a ZIP archive or an office document", re.compile(rb"PK[\x03\x05\x07]")),
)
"""Things people drop here by mistake: sentence, name, and how their files begin."""

MAX_WEBP_SIDE_PX: Final = 16_383
"""What the format's bit stream can hold; the header can declare more."""


def recognise(data: bytes) -> str:
    """Format by the first bytes, whatever the file is called. Raises BadImage for all but six."""
    for kind, start in PICTURES:
        if start.match(data):
            return kind
    for sentence, name, start in STRANGERS:
        if start.match(data):
            raise BadImage(sentence.format(kind=name))
    raise BadImage(NOT_A_PICTURE.format(kind=""))


def is_cut_off(kind: str, data: bytes) -> bool:
    """True where the container shows that its end is missing.

    Pillow notices most cuts by itself, but not a JPEG whose tail is zeros: a download that stopped in a
    file laid out at full length.
    """
    if kind == "JPEG":
        return not jpeg_scans(data)
    if kind == "PNG":
        return png_chunks(data) is None
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    return False


def webp_canvas_px(data: bytes) -> tuple[int, int]:
    """(width, height) of an extended WebP's canvas, (0, 0) for a simple one.

    libwebp allocates the canvas before Pillow can ask for its size.
    """
    if data[12:16] != b"VP8X":
        return 0, 0
    return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1


JPEG_MARKER: Final = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
JPEG_RESTART: Final = re.compile(rb"\xff[\xd0-\xd7]")


def jpeg_scans(data: bytes) -> list[tuple[int, int]]:
    """Where the compressed data of a JPEG lie: (start, end) of each scan; empty if no end marker follows."""
    found: list[tuple[int, int]] = []
    position = 2
    while marker := JPEG_MARKER.search(data, position):
        position = marker.end()
        code = data[position - 1]
        if code == 0xD9:
            return found
        if code in (0x01, 0xD8):
            continue
        position += int.from_bytes(data[position : position + 2], "big")
        if code == 0xDA:
            following = JPEG_MARKER.search(data, position)
            found.append((position, following.start() if following else len(data)))
    return []


def jpeg_ends_in_repetition(data: bytes, width_px: int) -> bool:
    """True if the first scan's data end as a plain area does: the same few bits over and over.

    To be asked of a JPEG whose last 32 rows are one colour. The decoder fills rows whose data are missing
    with the last colour, silently; a picture that truly ends plain says so block by block, in the same
    bits, while one that was cut ends in the middle of texture. True also where there are too few bits to
    tell: pictures narrower than 384 px, or with restart markers, which break the pattern.
    """
    start, end = jpeg_scans(data)[0]
    # 32 rows hold a whole row of blocks, whose every 8 x 16 pixels take a bit or more.
    num_bytes = min(64, width_px // 32)
    tail = data[max(start, end - 2 * num_bytes) : end].replace(b"\xff\x00", b"\xff")[-num_bytes - 2 : -2]
    if len(tail) < 12 or JPEG_RESTART.search(data, start, end):
        return True
    bits = np.unpackbits(np.frombuffer(tail, dtype=np.uint8))
    periods = range(1, len(bits) // 2)
    return any(float((bits[period:] == bits[:-period]).mean()) > 0.95 for period in periods)


def png_chunks(data: bytes) -> list[tuple[bytes, memoryview]] | None:
    """(name, content) of every chunk up to IEND; None if the file ends before that."""
    view, position = memoryview(data), 8
    chunks: list[tuple[bytes, memoryview]] = []
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IEND":
            return chunks
        chunks.append((name, view[position + 8 : position + 8 + length]))
        position += 12 + length
    return None


def png_has_all_rows(data: bytes) -> bool:
    """True if the compressed data inflate to at least as many bytes as the declared rows need.

    Pillow leaves rows black, silently, when the stream ends early but properly. To be called after the
    declared size was found acceptable: that bounds the work. Raises zlib.error for a broken stream.
    """
    chunks = png_chunks(data) or []
    width_px, height_px, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    expected = height_px * (1 + (width_px * bits + 7) // 8)
    if interlaced:  # seven passes of shorter rows: together at least the pixels themselves
        expected = height_px * width_px * bits // 8
    inflater, size = zlib.decompressobj(), 0
    for name, content in chunks:
        for start in range(0, len(content) if name == b"IDAT" else 0, 1 << 16):
            rest: bytes | memoryview = content[start : start + (1 << 16)]
            while rest and size < expected:
                size += len(inflater.decompress(rest, 1 << 20))
                rest = inflater.unconsumed_tail
    return size >= int(expected)
