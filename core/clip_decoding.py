"""An untrusted clip to frames, to sound, or to a copy without metadata. Runs only in the process of `core.clips`.

Everything here may meet a crafted file, so it is called in a process that holds no secrets, opens no files and has
limits on memory and time. Refusals are sentences for people who know nothing of formats.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace

from core.clip_copying import format_for, put
from core.errors import BadClip
from core.high_range import is_high_range, to_srgb

MIB: Final = 1 << 20

SOUND_HZ: Final = 48_000
"""Samples a second of all sound that leaves here; two channels, 16 bits."""

NO_CLIP: Final = "This file is not a video that can be read here; choose an MP4, MOV or WebM file."
NO_PICTURES: Final = "This file holds no moving pictures; choose a video."
CODEC: Final = "This video is stored in a way that is not read here ({codec}); save it as MP4 (H.264) and try again."
DAMAGED: Final = "This video is damaged and cannot be read; get a fresh copy or save it again as MP4."
CUT_OFF: Final = "This video is incomplete: it ends after {seconds:.1f} seconds, before its end; get a fresh copy."
TOO_HUNGRY: Final = "This video needs too much memory to open; save it smaller and try again."
TOO_LONG: Final = "This video is longer than {limit:g} seconds; cut it to the part you want."
TOO_MANY: Final = "This video has more than {limit} pictures; save it with fewer a second, or cut it."
TOO_LARGE: Final = "This video is {width} x {height} pixels; up to {most} are taken, save it smaller."
TOO_SMALL: Final = "This video is {width} x {height} pixels; each side must have at least {limit} pixels."
CHANGES: Final = "This video changes its size midway; save it again as MP4."

USUAL_PX: Final = ((3840, 2160), (1920, 1080), (1280, 720), (640, 360))


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipLimits:
    """What a clip may cost; anything beyond is refused with a sentence."""

    max_bytes: int = 32 * MIB
    """Largest file, in bytes."""
    max_pixels: int = 1920 * 1088
    """Largest width times height of a frame."""
    min_side_px: int = 64
    """Shortest side, at least."""
    max_s: float = 20.0
    """Longest clip, in seconds."""
    max_frames: int = 1250
    """Most frames: a little over 60 a second in 20 seconds."""
    memory_bytes: int = 1024 * MIB
    """Address space the decoder may take on top of its idle process."""
    cpu_s: float = 120.0
    """Processor seconds that one reading of the clip may use."""
    timeout_s: float = 30.0
    """Wall-clock seconds without a frame after which the decoder counts as stuck."""

    @property
    def largest(self) -> str:
        """The largest of the usual frames that is taken, in words."""
        fitting = (f"{width} x {height}" for width, height in USUAL_PX if width * height <= self.max_pixels)
        return next(fitting, f"{self.max_pixels} pixels in all")

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "min_side_px", "max_frames", "memory_bytes"):
            if not 1 <= getattr(self, name) < 1 << 40:
                raise ValueError(f"{name} must be between 1 and 2^40, got {getattr(self, name)}")
        for name in ("max_s", "cpu_s", "timeout_s"):
            if not 0 < getattr(self, name) <= 3600:
                raise ValueError(f"{name} must be above 0 and at most 3600, got {getattr(self, name)}")


OWN_LIMITS: Final = ClipLimits(
    max_bytes=2 << 30, max_pixels=3840 * 2176, max_s=1200, max_frames=80_000, memory_bytes=4 << 30, cpu_s=3600
)
"""Of one's own clips, on the command line: wider than a server grants its visitors."""

FAULTS: Final = (
    av.error.FFmpegError, OSError, ValueError, TypeError, EOFError, LookupError, ArithmeticError, RuntimeError,
)  # fmt: skip
"""What the decoders are known to raise on crafted files; anything else ends the process, which is noticed outside."""

CODECS: Final = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg"})
TRIMMED: Final = 1.0
"""Seconds by which a clip may end before its declared end, or a tenth of it."""
MATRICES: Final = {
    1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020, 10: Colorspace.BT2020,
}  # fmt: skip
"""Matrix coefficients as files name them (ITU-T H.273, table 4) -> as the converter does."""


def format_of(data: bytes) -> str:
    """FFmpeg's name of the container a file is, by its first bytes. Raises BadClip for all but a few."""
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    raise BadClip(NO_CLIP)


class ClipStream:
    """An opened clip. Every method reads it from its beginning, so use one object once."""

    def __init__(self, data: bytes, limits: ClipLimits) -> None:
        """Open the file and look at what it declares. Raises BadClip."""
        self.limits = limits
        self.container_format = format_of(data)
        self.container: Any = None
        try:
            self.container = av.open(io.BytesIO(data), format=self.container_format, metadata_errors="replace")
            videos = [one for one in self.container.streams.video if not one.disposition & Disposition.attached_pic]
            self.video: Any = videos[0] if videos else None
            sounds = self.container.streams.audio
            self.audio: Any = sounds[0] if sounds else None
        except FAULTS as error:
            raise BadClip(DAMAGED) from error
        if self.video is None:
            raise BadClip(NO_PICTURES)
        self.declared_s = float(self.container.duration or 0) / av.time_base
        self.num_declared = int(self.video.frames)
        codec = self.video.codec_context
        if codec is None or codec.name not in CODECS:
            raise BadClip(CODEC.format(codec=getattr(codec, "name", "unknown")))
        codec.thread_count = 1
        self._refuse(int(codec.width), int(codec.height))
        if self.declared_s > limits.max_s + 0.5:
            raise BadClip(TOO_LONG.format(limit=limits.max_s))

    def frames(self) -> Iterator[tuple[float, Any]]:
        """Decoded frames with their time since the first, in seconds; times rise strictly.

        Raises:
            BadClip: damaged, cut off, beyond a limit, or no frames at all.
        """
        for one in self._decoded(None):
            yield one[1], one[2]

    def copy(self) -> tuple[bytes, str, int, float]:
        """The same streams in a new file with nothing else: no tags, no places, no covers, no timed data.

        Decodes every frame on the way, so a clip that was copied can be read.

        Returns:
            the file, its suffix, the number of frames, the clip's length in seconds.
        Raises:
            BadClip: as `frames`.
        """
        target = io.BytesIO()
        sound = None if self.audio is None or self.audio.codec_context is None else self.audio.codec_context.name
        kind, suffix = format_for(self.container_format, self.video.codec_context.name, sound)
        try:
            out = av.open(target, "w", format=kind)
            kept = [one for one in (self.video, self.audio) if one is not None]
            streams = {one.index: out.add_stream_from_template(one, opaque=True) for one in kept}
            for stream in streams.values():
                stream.metadata.clear()
            out.metadata.clear()
            num_frames, end_s = 0, 0.0
            for _, time_s, _ in self._decoded((out, streams)):
                num_frames, end_s = num_frames + 1, time_s
            out.close()
        except FAULTS as error:
            raise BadClip(DAMAGED) from error
        rate = float(self.video.average_rate or 0)
        return target.getvalue(), suffix, num_frames, end_s + (1 / rate if rate else 0)

    def sound(self) -> Iterator[tuple[float, bytes]]:
        """The first sound track as (start in seconds since the first frame, samples), 48 kHz, 16 bits, two channels.

        Nothing for a clip without sound, or one whose sound cannot be decoded.
        """
        if self.audio is None or self.audio.codec_context is None:
            return
        zero_s = self._start_s()
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=SOUND_HZ)
        num_samples = 0
        try:
            for packet in self.container.demux(self.audio):
                for frame in packet.decode():
                    start_s = float(frame.time or 0) - zero_s
                    for piece in resampler.resample(frame):
                        num_samples += piece.samples
                        if num_samples > (self.limits.max_s + 1) * SOUND_HZ:
                            return
                        yield start_s, piece.to_ndarray().tobytes()
        except FAULTS:
            return

    def picture(self, frame: Any) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of a decoded frame: upright, square pixels, sRGB; of what is not told, its primaries are
        taken for granted."""
        is_high = is_high_range(int(frame.color_trc))
        space = MATRICES.get(int(frame.colorspace), Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601)
        shown = frame.reformat(
            width=self._square_width_px(frame.width),
            height=frame.height,
            format="rgb48le" if is_high else "rgb24",
            src_colorspace=space,
            dst_colorspace=space,
            src_color_range=ColorRange.JPEG if frame.color_range == ColorRange.JPEG else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
        )
        pixels = shown.to_ndarray()
        if is_high:
            pixels = to_srgb(pixels, int(frame.color_trc), int(frame.color_primaries))
        turned = np.rot90(pixels, k=round(frame.rotation / 90) % 4)
        return np.ascontiguousarray(turned)

    def _decoded(self, copying: tuple[Any, dict[int, Any]] | None) -> Iterator[tuple[int, float, Any]]:
        """(number, time, frame) of all frames; packets are put into another file on the way, if there is one."""
        number, num_hidden, first_s, last_s, shape = 0, 0, None, -1.0, None
        try:
            kept = [self.video] if copying is None else [one for one in (self.video, self.audio) if one is not None]
            rate = float(self.video.average_rate or 25)
            codec = self.video.codec_context.name
            for packet in self.container.demux(*kept):
                is_video = packet.stream.index == self.video.index
                frames = packet.decode() if is_video else []
                num_hidden += is_video and packet.is_discard  # before the place where a player begins: a film trimmed
                if copying is not None:
                    put(copying, packet, codec if is_video else "")
                for frame in frames:
                    self._refuse(frame.width, frame.height)
                    if (shape := shape or (frame.width, frame.height)) != (frame.width, frame.height):
                        raise BadClip(CHANGES)
                    time_s = float(frame.time) if frame.time is not None else number / rate
                    first_s = time_s if first_s is None else first_s
                    if time_s - first_s <= last_s:
                        continue
                    last_s = time_s - first_s
                    number += 1
                    if last_s > self.limits.max_s + 0.5:
                        raise BadClip(TOO_LONG.format(limit=self.limits.max_s))
                    if number > self.limits.max_frames:
                        raise BadClip(TOO_MANY.format(limit=self.limits.max_frames))
                    yield number - 1, last_s, frame
        except MemoryError as error:
            raise BadClip(TOO_HUNGRY) from error
        except FAULTS as error:
            raise BadClip(DAMAGED if not number else CUT_OFF.format(seconds=last_s)) from error
        if not number:
            raise BadClip(NO_PICTURES)
        short_s = max(TRIMMED, 0.1 * self.declared_s)
        if number < 0.9 * (self.num_declared - num_hidden) or last_s < self.declared_s - short_s - 1 / rate:
            raise BadClip(CUT_OFF.format(seconds=last_s))

    def _refuse(self, stored_px: int, height_px: int) -> None:
        """Raise BadClip for frames that are too large or too small, as they are stored or with square pixels."""
        for width_px in (stored_px, self._square_width_px(stored_px)):
            if width_px * height_px > self.limits.max_pixels or max(width_px, height_px) > 4096:
                raise BadClip(TOO_LARGE.format(width=width_px, height=height_px, most=self.limits.largest))
            if 0 < min(width_px, height_px) < self.limits.min_side_px:
                raise BadClip(TOO_SMALL.format(width=width_px, height=height_px, limit=self.limits.min_side_px))

    def _square_width_px(self, stored_px: int) -> int:
        """Width of a frame once its pixels are square."""
        ratio = float(frame_ratio(self.video))
        return max(1, round(stored_px * ratio)) if stored_px and 0.2 < ratio < 5 else stored_px

    def _start_s(self) -> float:
        start, base = self.video.start_time, self.video.time_base
        return 0.0 if start is None or base is None else float(start * base)


def frame_ratio(stream: Any) -> Fraction:
    """Width of a pixel divided by its height; 1 where none is declared."""
    ratio = stream.sample_aspect_ratio
    return ratio if ratio else Fraction(1)


def warm_up() -> None:
    """Make a process ready: a small clip read in every way, so that all code is loaded before files are locked away."""
    av.logging.set_level(av.logging.PANIC)
    target = io.BytesIO()
    with av.open(target, "w", format="mov") as film:
        picture, sound = film.add_stream("mpeg4", rate=10), film.add_stream("pcm_s16le", rate=SOUND_HZ)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="mono")
        silence.sample_rate = SOUND_HZ
        film.mux([*picture.encode(av.VideoFrame(64, 64, "yuv420p")), *picture.encode(None)])
        film.mux([*sound.encode(silence), *sound.encode(None)])
    data, limits = target.getvalue(), ClipLimits()
    clip = ClipStream(data, limits)
    for _, frame in clip.frames():
        clip.picture(frame)
    list(ClipStream(data, limits).sound())
    ClipStream(data, limits).copy()
