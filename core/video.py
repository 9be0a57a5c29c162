"""Frames to a film: MP4 that every browser and phone plays, with sound if there is any, or an endless GIF."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.clips import SOUND_HZ, Sound
from core.files import replacing
from core.images import Photo, require_photo

CRF: Final = "18"
"""Constant quality of x264: 18 is called visually lossless by its manual."""
CLOCK_S: Final = Fraction(1, 90_000)
"""Times of clips are counted in these, as MPEG does."""
AAC_FRAME: Final = 1024
"""Samples that the encoder takes at once."""


def write_mp4(frames: Iterable[Photo], path: Path, fps: float = 10) -> None:
    """Encode photos of one size as MP4: H.264, yuv420p, BT.709, index in front (plays while it loads).

    Odd sizes, which the format cannot hold, get one more row or column, a copy of the last. `path` is
    written atomically; the frames are taken one by one.

    Args:
        frames: (H, W, 3) uint8 RGB, one at least.
        path: file to write; its folder must exist.
        fps: frames per second, above 0 and at most 120.
    Raises:
        ValueError: no frames, frames of several sizes, an impossible rate.
        OSError: the file cannot be written; what was at `path` is untouched.
    """
    if not 0 < fps <= 120:
        raise ValueError(f"a film shows above 0 and at most 120 frames per second, got {fps}")
    rate = Fraction(fps).limit_denominator(1001)
    timed = ((number, photo) for number, photo in enumerate(evened(frames)))
    with replacing(path) as draft:
        for _ in _write(timed, str(draft), _Timing(rate=rate, unit_s=1 / rate, preset="medium"), None):
            pass


def write_clip(
    frames: Iterable[tuple[float, Photo]], path: Path, fps: float, sound: Sound | None = None
) -> Iterator[int]:
    """Encode frames with times of their own as MP4, with sound as AAC; all else as `write_mp4`.

    Args:
        frames: (seconds since the first, (H, W, 3) uint8 RGB), one at least, each later than the one before.
        fps: frames per second about which they lie, for players that ask.
        sound: what is heard; what begins before the first frame is cut.
    Yields:
        the number of frames encoded, after each. The file is there when the iterator has ended; one that is closed
        before leaves nothing behind.
    """
    if not 0 < fps <= 240:
        raise ValueError(f"a clip shows above 0 and at most 240 frames per second, got {fps}")
    times: list[int] = []

    def pictures() -> Iterator[Photo]:
        for time_s, photo in frames:
            ticks = round(time_s / CLOCK_S)
            if times and ticks <= times[-1]:
                raise ValueError(
                    f"frames come one after the other, got {time_s:g} s after {float(times[-1] * CLOCK_S):g} s"
                )
            times.append(ticks)
            yield photo

    timed = ((times[-1], photo) for photo in evened(pictures()))
    timing = _Timing(rate=Fraction(fps).limit_denominator(1001), unit_s=CLOCK_S, preset="veryfast")
    with replacing(path) as draft:
        yield from _write(timed, str(draft), timing, sound)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timing:
    """When frames are shown, and how much time is taken to encode them."""

    rate: Fraction
    """Frames per second, for players that ask."""
    unit_s: Fraction
    """Seconds in which times are counted."""
    preset: str
    """x264's own word for how hard it tries to make the file small."""


def _write(timed: Iterator[tuple[int, Photo]], draft: str, timing: _Timing, sound: Sound | None) -> Iterator[int]:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    first = next(timed, None)
    if first is None:
        raise ValueError("a film needs at least one frame, got none")
    with av.open(draft, "w", format="mp4", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=timing.rate)
        stream.height, stream.width = first[1].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": CRF, "preset": timing.preset}
        context = stream.codec_context
        context.time_base = timing.unit_s
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = 1, 1
        heard = film.add_stream("aac", rate=SOUND_HZ) if sound is not None and len(heard_of(sound)) else None
        for number, (ticks, photo) in enumerate(chain([first], timed), 1):
            picture = av.VideoFrame.from_ndarray(photo, format="rgb24").reformat(
                format="yuv420p",
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            picture.pts, picture.time_base = ticks, timing.unit_s
            film.mux(stream.encode(picture))
            yield number
        film.mux(stream.encode())
        if heard is not None and sound is not None:
            for piece in _pieces(sound):
                film.mux(heard.encode(piece))
            film.mux(heard.encode())


def _pieces(sound: Sound) -> Iterator[Any]:
    """The sound from the first frame on, in the portions and the kind of numbers that the AAC encoder takes."""
    import av

    samples = np.ascontiguousarray(heard_of(sound))
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_HZ, frame_size=AAC_FRAME)
    whole = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
    whole.sample_rate, whole.pts, whole.time_base = (
        SOUND_HZ,
        max(0, round(sound.start_s * SOUND_HZ)),
        Fraction(1, SOUND_HZ),
    )
    yield from resampler.resample(whole)
    yield from resampler.resample(None)


def heard_of(sound: Sound) -> npt.NDArray[np.int16]:
    """(N, 2) int16: the samples from the first frame on; none where all was heard before."""
    return sound.samples[max(0, -round(sound.start_s * SOUND_HZ)) :]


def evened(frames: Iterable[Photo]) -> Iterator[Photo]:
    """Frames padded to even sides by repeating the last row and column; ValueError if their sizes differ."""
    shape: tuple[int, ...] | None = None
    for photo in frames:
        shape = shape or require_photo(photo).shape
        if require_photo(photo).shape != shape:
            raise ValueError(f"all frames of a film have one size, got {photo.shape} after {shape}")
        yield np.pad(photo, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), mode="edge")
