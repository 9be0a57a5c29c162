"""Clips made on the spot: the astronaut, panned and zoomed as by a hand, with a tone as sound."""

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
import numpy.typing as npt
import skimage.data
from av.video.reformatter import Colorspace

Photo = npt.NDArray[np.uint8]

TONE_HZ = 440
SOUND_HZ = 48_000


def motion(time_s: float, size_px: tuple[int, int]) -> npt.NDArray[np.float64]:
    """(2, 3): where the photo's pixels lie in the frame of a moment; swaying, coming nearer, tilting."""
    width, height = size_px
    scale = height / 260 * (1 + 0.06 * np.sin(2 * np.pi * time_s / 4))
    turn = np.deg2rad(4 * np.sin(2 * np.pi * time_s / 3))
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = np.array([225 + 12 * np.sin(2 * np.pi * time_s / 2), 130.0])
    return np.hstack([linear, (np.array([width / 2, height / 2]) - linear @ centre)[:, None]])


def moving_face(
    count: int, size_px: tuple[int, int] = (320, 240), fps: float = 10, noise: float = 0
) -> Iterator[Photo]:
    """Frames of the astronaut's face that sways, comes nearer and tilts; grain as of a camera if asked for.

    Args:
        count: frames.
        size_px: width and height.
        fps: how fast they are to be shown; the motion is the same at any rate.
        noise: standard deviation of the grain, grey levels.
    """
    photo = skimage.data.astronaut()
    random = np.random.default_rng(0)
    width, height = size_px
    for number in range(count):
        matrix = motion(number / fps, size_px)
        frame = cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
        if noise:
            frame = np.clip(frame + random.normal(0, noise, frame.shape), 0, 255).astype(np.uint8)
        yield frame


def clip(
    frames: Iterable[Photo],
    *,
    fps: float = 10,
    times_s: list[float] | None = None,
    sound_s: float = 0,
    container: str = "mp4",
    codec: str = "libx264",
    turned: int = 0,
    tags: dict[str, str] | None = None,
    bit_rate: int = 2_000_000,
    matrix: Literal["601", "709"] = "601",
    pixel_ratio: Fraction = Fraction(1),
    transfer: int = 2,
) -> bytes:
    """A video file.

    Args:
        frames: of one size.
        times_s: when each is shown; every 1 / fps if not given.
        sound_s: seconds of a tone; 0 for no sound.
        turned: degrees counterclockwise by which a player has to turn the pictures.
        tags: metadata of the file and of its streams.
        matrix: of ITU-R BT., by which colours are stored; the file does not say which.
        pixel_ratio: width of a pixel divided by its height.
        transfer: how light is coded, as files name it: 16 and 18 are high dynamic range, with primaries and matrix of
            BT.2020; 2 leaves all untold.
    """
    target = io.BytesIO()
    options = {"movflags": "use_metadata_tags"} if container == "mp4" else {}
    with av.open(target, "w", format=container, options=options) as out:
        out.metadata.update(tags or {})
        stream: Any = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.metadata.update(tags or {})
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = bit_rate
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.sample_aspect_ratio = pixel_ratio
        if transfer != 2:
            context = stream.codec_context
            context.color_trc, context.color_primaries, context.colorspace = transfer, 9, Colorspace.BT2020
        if turned:
            stream.set_display_rotation(turned)
        sound: Any = out.add_stream("libopus" if container == "webm" else "aac", rate=SOUND_HZ) if sound_s else None
        for number, photo in enumerate(frames):
            if not number:
                stream.height, stream.width = photo.shape[:2]
            space = Colorspace.ITU601 if matrix == "601" else Colorspace.ITU709
            space = space if transfer == 2 else Colorspace.BT2020
            frame = av.VideoFrame.from_ndarray(photo, format="rgb24").reformat(
                format="yuv420p", src_colorspace=space, dst_colorspace=space
            )
            frame.pts = round(1000 * (times_s[number] if times_s else number / fps))
            frame.time_base = Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if sound is not None:
            tone = np.sin(2 * np.pi * TONE_HZ * np.arange(round(sound_s * SOUND_HZ)) / SOUND_HZ) * 0.4
            samples = np.ascontiguousarray(np.repeat((tone * 32767).astype(np.int16), 2)[None])
            piece = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            piece.sample_rate, piece.pts = SOUND_HZ, 0
            for one in av.AudioResampler(format=sound.format, layout="stereo", rate=SOUND_HZ, frame_size=960).resample(
                piece
            ):
                out.mux(sound.encode(one))
            out.mux(sound.encode())
    return target.getvalue()


def trimmed(data: bytes, start_s: float) -> bytes:
    """A clip that begins later, as telephones cut: the pictures before are still in it, told not to be shown."""
    target = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as whole, av.open(target, "w", format="mp4") as out:
        video = whole.streams.video[0]
        stream = out.add_stream_from_template(video)
        assert video.time_base is not None
        for packet in whole.demux(video):
            if packet.pts is not None and packet.dts is not None:
                packet.pts -= round(start_s / video.time_base)
                packet.dts -= round(start_s / video.time_base)
                packet.stream = stream
                out.mux(packet)
    return target.getvalue()


def with_a_gap(data: bytes, at_s: float, gap_s: float) -> bytes:
    """A clip whose sound stops for a while: what is heard from a moment on comes later, and nothing between."""
    target = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as whole, av.open(target, "w", format="mp4") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in whole.streams}
        for packet in whole.demux():
            if packet.pts is not None and packet.dts is not None and packet.time_base is not None:
                if packet.stream.type == "audio" and packet.pts * packet.time_base >= at_s:
                    packet.pts += round(gap_s / packet.time_base)
                    packet.dts += round(gap_s / packet.time_base)
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    return target.getvalue()


def write_camera(path: Path) -> None:
    """Motion JPEG of 640 x 480 for Chromium's fake camera, which shows it over and over: a face that sways."""
    frames = (cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) for frame in moving_face(60, (640, 480), fps=15))
    path.write_bytes(b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames))


def loudness_at(samples: npt.NDArray[np.int16], tone_hz: float = TONE_HZ) -> float:
    """Share of the sound's power that lies within 20 Hz of a tone, 0..1."""
    mono = samples.astype(np.float64).mean(axis=1)
    power = np.abs(np.fft.rfft(mono)) ** 2
    near = np.abs(np.fft.rfftfreq(len(mono), 1 / SOUND_HZ) - tone_hz) < 20
    return float(power[near].sum() / max(power.sum(), 1e-9))
