"""The form in which a picture file enters an archive: its pixels, and nothing that a camera or editor wrote beside.

A file without metadata is kept byte for byte. One with EXIF (place, camera, orientation), XMP, comments or a colour
profile is decoded, turned upright, brought to sRGB and written anew.
"""

import re
from typing import Final

from core.images import decode_photo, encode_jpeg, encode_png

JPEG_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
START, END, COMMENT, APP0, APP14, APP15 = 0xD8, 0xD9, 0xFE, 0xE0, 0xEE, 0xEF
PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS: Final = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs", b"bKGD"}
)
"""Chunks that hold pixels or how to show them."""
WEBP_CHUNKS: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH"})


def stored_form(data: bytes) -> bytes:
    """A picture file as an archive keeps it: JPEG, PNG or WebP without metadata.

    Args:
        data: the whole file, of any kind that `core.images` opens.
    Returns:
        The same bytes, or the picture written anew: as JPEG of quality 95 if it was one, else as PNG.
    Raises:
        BadImage: it has to be written anew and is no picture; a file that is kept is not decoded here.
    """
    if is_bare(data):
        return data
    photo = decode_photo(data)
    return encode_jpeg(photo) if data.startswith(b"\xff\xd8") else encode_png(photo)


def is_bare(data: bytes) -> bool:
    """True for a JPEG, PNG or WebP file that holds pixels only, from its first byte to its last."""
    if data.startswith(b"\xff\xd8"):
        return _is_bare_jpeg(data)
    if data.startswith(PNG_HEAD):
        return _chunks(data, len(PNG_HEAD), "big", 12) <= PNG_CHUNKS
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return len(data) <= int.from_bytes(data[4:8], "little") + 9 and _chunks(data, 12, "little", 8) <= WEBP_CHUNKS
    return False


def _is_bare_jpeg(data: bytes) -> bool:
    """Only JFIF's and Adobe's own segments beside those of the picture, and nothing after its end."""
    position = 2
    while marker := JPEG_MARKER.search(data, position):
        code, position = marker[1][0], marker.end()
        if code == END:
            return not data[position:].strip(b"\0")
        segment = data[position + 2 : position + 7]
        is_own = (code == APP0 and segment == b"JFIF\0") or (code == APP14 and segment == b"Adobe")
        if code == COMMENT or (APP0 <= code <= APP15 and not is_own):
            return False
        if code not in (START, 0x01):
            position += int.from_bytes(data[position : position + 2], "big")
    return True  # cut off: whoever decodes it will say so


def _chunks(data: bytes, position: int, order: str, overhead: int) -> set[bytes]:
    """Names of the chunks of a PNG (length, name, data, sum) or WebP (name, length, data, even) file."""
    found = set()
    is_png = order == "big"
    while position + 8 <= len(data):
        first, second = data[position : position + 4], data[position + 4 : position + 8]
        name, length = (second, int.from_bytes(first, "big")) if is_png else (first, int.from_bytes(second, "little"))
        found.add(name)
        position += overhead + length + (0 if is_png else length % 2)
        if name == b"IEND" and position < len(data):
            found.add(b"more")
            break
    return found
