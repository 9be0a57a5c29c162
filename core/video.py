"""Frames to a film: MP4 that every browser and phone plays, or an endless GIF."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from core.files import replacing, write_atomic
from core.images import Photo, encode_gif, require_photo

CRF: Final = "18"
"""Constant quality of x264: 18 is called visually lossless by its manual."""


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
    import av
    from av.video.reformatter import ColorRange, Colorspace

    if not 0 < fps <= 120:
        raise ValueError(f"a film shows above 0 and at most 120 frames per second, got {fps}")
    even = evened(frames)
    first = next(even, None)
    if first is None:
        raise ValueError("a film needs at least one frame, got none")
    options = {"movflags": "faststart"}
    with replacing(path) as draft, av.open(str(draft), "w", format="mp4", options=options) as film:
        stream = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": CRF, "preset": "medium"}
        context = stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = 1, 1
        for photo in chain([first], even):
            picture = av.VideoFrame.from_ndarray(photo, format="rgb24").reformat(
                format="yuv420p",
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            film.mux(stream.encode(picture))
        film.mux(stream.encode())


def write_gif(frames: Iterable[Photo], path: Path, fps: float = 10) -> None:
    """Encode photos of one size as an endless GIF (256 colours for all frames together), atomically.

    Raises:
        ValueError: no frames, frames of several sizes, a rate beyond 50.
        OSError: the file cannot be written; what was at `path` is untouched.
    """
    write_atomic(path, encode_gif(list(frames), fps))


def evened(frames: Iterable[Photo]) -> Iterator[Photo]:
    """Frames padded to even sides by repeating the last row and column; ValueError if their sizes differ."""
    shape: tuple[int, ...] | None = None
    for photo in frames:
        shape = shape or require_photo(photo).shape
        if require_photo(photo).shape != shape:
            raise ValueError(f"all frames of a film have one size, got {photo.shape} after {shape}")
        yield np.pad(photo, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), mode="edge")
