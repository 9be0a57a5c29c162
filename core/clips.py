"""Clips that nobody vouches for: read in a process of their own, one for each reading, that ends with it.

Between the two go only numbers, pixels, samples and a sentence: nothing that could run code. The process sees no
environment variable it does not need, and can open no file or socket once it has begun.

Request:  9 numbers (REQUEST), then the file.
Answers:  a kind and three numbers (ANSWER), then what the kind is followed by, until END or REFUSED.
"""

import os
import resource
import signal
import struct
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from core.align import Photo
from core.clip_decoding import SOUND_HZ, ClipLimits, ClipStream, warm_up
from core.errors import BadClip
from core.isolation import DecoderLost, decoder_process, read_exactly, receive, send, write_all

REQUEST: Final = struct.Struct("<BdQQQdQQdd")
ANSWER: Final = struct.Struct("<BdII")
FRAMES, SOUND, COPY = 0, 1, 2
FRAME, SAMPLES, COPIED, END, REFUSED = range(5)
MAX_SENTENCE_BYTES: Final = 500
GAP_S: Final = 0.02
"""What is missing between two pieces of sound, from so much on, is silence; less is how their times are rounded."""

EMPTY: Final = "This file is empty (0 bytes); choose an MP4, MOV or WebM file."
TOO_HEAVY: Final = "This file is larger than {limit:g} MB; cut the video or save it smaller."
TOO_SLOW: Final = "This video takes too long to read; save it as an ordinary MP4 and try again."
GAVE_UP: Final = "This video could not be read (it broke the decoder); save it again as MP4."


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Frame:
    """One picture of a clip."""

    time_s: float
    """Seconds since the first frame; each frame's is larger than the last one's."""
    photo: Photo
    """(H, W, 3) uint8 RGB, upright."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sound:
    """The sound of a clip."""

    start_s: float
    """When it begins, in seconds since the first frame; below 0 where it begins earlier."""
    samples: npt.NDArray[np.int16]
    """(N, 2) int16, `SOUND_HZ` a second, left and right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """A clip without metadata, every frame of which can be read."""

    data: bytes
    suffix: str
    """"mp4", "mov", "webm" or "mkv"."""
    num_frames: int
    length_s: float


class Clip:
    """A video file in memory. Each method reads it anew, in a process that is gone when the method is done."""

    def __init__(self, data: bytes, limits: ClipLimits | None = None) -> None:
        """Raises TypeError for what is not bytes, BadClip for a file that is empty or too heavy."""
        if not isinstance(data, bytes):
            raise TypeError(f"a clip is made of the bytes of a file, got {type(data).__name__}")
        self.data, self.limits = data, limits or ClipLimits()
        if not data:
            raise BadClip(EMPTY)
        if len(data) > self.limits.max_bytes:
            raise BadClip(TOO_HEAVY.format(limit=self.limits.max_bytes / (1 << 20)))

    def frames(self, every_s: float = 0.0) -> Generator[Frame, None, None]:
        """Frames in their order. Close the generator to stop: its process ends then.

        Args:
            every_s: only the first frame and those at least so long after the last one given; 0 gives all.
        Raises:
            BadClip: not a clip that can be used, or one that turns out to be damaged, too long or cut off.
        """
        with closing(self._answers(FRAMES, every_s)) as answers:
            for kind, time_s, (height, width), data in answers:
                if kind == FRAME:
                    photo = np.frombuffer(data, np.uint8).reshape(height, width, 3)
                    yield Frame(time_s=time_s, photo=photo)

    def sound(self) -> Sound | None:
        """The first sound track; None where there is none. Raises BadClip for what is no clip."""
        pieces: list[npt.NDArray[np.int16]] = []
        start_s, num_samples = 0.0, 0
        with closing(self._answers(SOUND, 0.0)) as answers:
            for kind, time_s, _, data in answers:
                if kind != SAMPLES:
                    continue
                start_s = start_s if pieces else time_s
                if not time_s - start_s <= self.limits.max_s + 1:  # a file may name any time, or none
                    break
                place = round((time_s - start_s) * SOUND_HZ)
                if place - num_samples > GAP_S * SOUND_HZ:
                    pieces.append(np.zeros((place - num_samples, 2), np.int16))
                    num_samples = place
                pieces.append(np.frombuffer(data, np.int16).reshape(-1, 2))
                num_samples += len(pieces[-1])
        return Sound(start_s=start_s, samples=np.concatenate(pieces)) if pieces else None

    def copy(self) -> Copy:
        """The same pictures and sound in a file without metadata. Reads every frame; raises BadClip as `frames`."""
        with closing(self._answers(COPY, 0.0)) as answers:
            for kind, length_s, (num_frames, _), data in answers:
                if kind == COPIED:
                    suffix, _, file = bytes(data).partition(b"\n")
                    return Copy(data=file, suffix=suffix.decode("ascii"), num_frames=num_frames, length_s=length_s)
        raise BadClip(GAVE_UP)

    def _answers(
        self, task: int, every_s: float
    ) -> Generator[tuple[int, float, tuple[int, int], bytearray], None, None]:
        """(kind, number, (two numbers), what follows) from a process of its own, which ends with the generator."""
        limits, process = self.limits, decoder_process("from core.clips import serve; serve()")
        try:
            header = REQUEST.pack(
                task, every_s, len(self.data), limits.max_pixels, limits.min_side_px, limits.max_s,
                limits.max_frames, limits.memory_bytes, limits.cpu_s, limits.timeout_s,
            )  # fmt: skip
            send(process, header + self.data, time.monotonic() + limits.timeout_s + 30)  # it has to start first
            while True:
                kind, number, first, second = ANSWER.unpack(received(process, ANSWER.size, limits.timeout_s))
                if kind == END:
                    return
                if kind == REFUSED:
                    sentence = received(process, min(first, MAX_SENTENCE_BYTES), limits.timeout_s)
                    raise BadClip(sentence.decode("utf-8", "replace"))
                size = first * second * 3 if kind == FRAME else second
                if kind > END or size > 4 * max(limits.max_pixels * 3, limits.max_bytes):
                    raise BadClip(GAVE_UP)
                yield kind, number, (first, second), received(process, size, limits.timeout_s)
        except DecoderLost as lost:
            raise BadClip(TOO_SLOW if lost.is_slow else GAVE_UP) from lost
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def received(process: subprocess.Popen[bytes], num_bytes: int, timeout_s: float) -> bytearray:
    """So many bytes from a decoder. Raises DecoderLost if they do not come."""
    data = bytearray(num_bytes)
    receive(process, memoryview(data), time.monotonic() + timeout_s)
    return data


def serve() -> None:
    """Body of the process: answer one request on stdin, then end."""
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    warm_up()
    idle_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(what, (0, 0))
    header = read_exactly(0, REQUEST.size)
    if not header:
        return
    task, every_s, num_bytes, *numbers, memory_bytes, cpu_s, _ = REQUEST.unpack(header)
    max_pixels, min_side_px, max_s, max_frames = numbers
    limits = ClipLimits(max_pixels=max_pixels, min_side_px=min_side_px, max_s=max_s, max_frames=max_frames)
    data = read_exactly(0, num_bytes)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    resource.setrlimit(resource.RLIMIT_AS, (idle_bytes + memory_bytes, resource.RLIM_INFINITY))
    try:
        for answer in answered(ClipStream(data, limits), task, every_s):
            for part in answer:
                write_all(answers, part)
        write_all(answers, ANSWER.pack(END, 0, 0, 0))
    except BadClip as refusal:
        sentence = str(refusal).encode()[:MAX_SENTENCE_BYTES]
        write_all(answers, ANSWER.pack(REFUSED, 0, len(sentence), 0) + sentence)


def answered(stream: ClipStream, task: int, every_s: float) -> Iterator[tuple[bytes, ...]]:
    """The answers to one request, each in the parts it is written in."""
    if task == FRAMES:
        next_s = 0.0
        for time_s, frame in stream.frames():
            if time_s >= next_s:
                next_s = time_s + every_s
                photo = stream.picture(frame)
                yield ANSWER.pack(FRAME, time_s, *photo.shape[:2]), photo.tobytes()
    elif task == SOUND:
        for start_s, samples in stream.sound():
            yield ANSWER.pack(SAMPLES, start_s, 0, len(samples)), samples
    else:
        file, suffix, num_frames, length_s = stream.copy()
        head = suffix.encode() + b"\n"
        yield ANSWER.pack(COPIED, length_s, num_frames, len(head) + len(file)), head, file


__all__ = ["SOUND_HZ", "Clip", "ClipLimits", "Copy", "Frame", "Sound"]
