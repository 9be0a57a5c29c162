"""Packets of an untrusted clip put into a new file, with nothing in it that could say who, where or when.

Runs only in the process of `core.clips`, as `core.clip_decoding` does.
"""

from typing import Any, Final

import av

SEI: Final = {"h264": (0x1F, 0, frozenset({6})), "hevc": (0x7E, 1, frozenset({39, 40}))}
"""Units of a stream that may hold words, supplemental enhancement information: mask and shift of a unit's type in its
first byte, and their types. Source: ITU-T H.264, table 7-1, and H.265, table 7-1."""
UNIT_LENGTH_BYTES: Final = 4
JPEG_WORDS: Final = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Segments of a JPEG that say who, where or when: comments and application data, but for APP0 and APP14, which say how
the colours are meant. Source: ITU-T T.81, table B.1."""
JPEG_SCAN: Final = 0xDA

IN_MP4: Final = frozenset({"aac", "mp3", "opus", "ac3", "alac", None})
IN_WEBM: Final = frozenset({"vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "opus", "libopus", "vorbis", None})


def format_for(container_format: str, video: str, sound: str | None) -> tuple[str, str]:
    """FFmpeg's name of the format that holds such streams, one that browsers play where there is one; its suffix.

    Args:
        container_format: of the file that they are in.
        video, sound: codecs; None for no sound.
    """
    if container_format == "matroska" and {video, sound} <= IN_WEBM:
        return "webm", "webm"
    return ("mp4", "mp4") if sound in IN_MP4 else ("mov", "mov")


def put(copying: tuple[Any, dict[int, Any]], packet: Any, codec: str) -> None:
    """Put a packet into another file, words taken out of it."""
    if not packet.size:
        return
    out, streams = copying
    stream = streams[packet.stream.index]
    data = without_words(bytes(packet), codec)
    if data is not None:
        kept = av.Packet(data)
        kept.pts, kept.dts, kept.duration, kept.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
        kept.is_keyframe = packet.is_keyframe
        packet = kept
    packet.stream = stream
    out.mux(packet)


def without_words(data: bytes, codec: str) -> bytes | None:
    """A packet of H.264 or H.265 without the units of `SEI`, of Motion JPEG without the segments of `JPEG_WORDS`.

    None for one of other codecs, and one that is not made of units with lengths.
    """
    if codec == "mjpeg":
        return _without_segments(data)
    if codec not in SEI:
        return None
    mask, shift, types = SEI[codec]
    kept, at = [], 0
    while at < len(data):
        end = at + UNIT_LENGTH_BYTES + int.from_bytes(data[at : at + UNIT_LENGTH_BYTES], "big")
        if end <= at + UNIT_LENGTH_BYTES or end > len(data):
            return None
        if (data[at + UNIT_LENGTH_BYTES] & mask) >> shift not in types:
            kept.append(data[at:end])
        at = end
    return b"".join(kept) or None


def _without_segments(data: bytes) -> bytes | None:
    kept, at = [data[:2]], 2
    while (marker := data[at : at + 2]) and marker[-1] != JPEG_SCAN:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker[0] != 0xFF or end < at + 4 or end > len(data):
            return None
        if marker[1] not in JPEG_WORDS:
            kept.append(data[at:end])
        at = end
    return b"".join(kept) + data[at:]
