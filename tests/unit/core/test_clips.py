"""Clips that are good come out right; those that are not are refused with one sentence, in a process of their own."""

import os
import struct
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from core.clips import Clip, ClipLimits
from core.errors import BadClip
from tests.make_clip import SOUND_HZ, clip, loudness_at, moving_face, trimmed, with_a_gap

CANARY = "CANARY-50.0875N-14.4214E"


@pytest.fixture(scope="module")
def plain() -> bytes:
    return clip(moving_face(12), sound_s=1.2, tags={"title": CANARY, "location": CANARY, "comment": CANARY})


def decoders() -> set[int]:
    """Process ids of the decoders that this process has started."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"core.clips" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


def test_frames_come_in_order_with_their_times(plain: bytes) -> None:
    frames = list(Clip(plain).frames())
    assert [frame.time_s for frame in frames] == pytest.approx([number / 10 for number in range(12)], abs=0.002)
    for frame, wanted in zip(frames, moving_face(12), strict=True):
        assert frame.photo.shape == (240, 320, 3) and frame.photo.dtype == np.uint8
        assert np.abs(frame.photo.astype(int) - wanted).mean() < 6


def test_only_some_frames_where_only_some_are_asked_for(plain: bytes) -> None:
    assert [round(frame.time_s, 1) for frame in Clip(plain).frames(every_s=0.4)] == [0.0, 0.4, 0.8]


def test_sound_is_what_was_heard(plain: bytes) -> None:
    sound = Clip(plain).sound()
    assert sound is not None and abs(sound.start_s) < 0.03
    assert len(sound.samples) == pytest.approx(1.2 * SOUND_HZ, rel=0.03)
    assert loudness_at(sound.samples) > 0.95
    assert Clip(clip(moving_face(3))).sound() is None


def test_what_is_heard_after_a_gap_comes_when_it_did(plain: bytes) -> None:
    sound = Clip(with_a_gap(plain, 0.5, 0.4)).sound()
    assert sound is not None and len(sound.samples) == pytest.approx(1.6 * SOUND_HZ, rel=0.03)
    around = [np.abs(sound.samples[round(time_s * SOUND_HZ) :][:2400].astype(int)).max() for time_s in (0.3, 0.7, 1.1)]
    assert around[0] > 8000 and around[1] < 100 and around[2] > 8000


def test_uneven_times_are_kept() -> None:
    times_s = [0.0, 0.04, 0.3, 0.31, 0.9]
    frames = list(Clip(clip(moving_face(5), times_s=times_s)).frames())
    assert [frame.time_s for frame in frames] == pytest.approx(times_s, abs=0.002)


@pytest.mark.parametrize("turned", [90, -90, 180])
def test_a_clip_held_sideways_comes_upright(turned: int) -> None:
    upright = next(moving_face(1))
    stored = np.ascontiguousarray(np.rot90(upright, -turned // 90))
    read = next(Clip(clip([stored] * 2, turned=turned)).frames()).photo
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).mean() < 6


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", "libx264"), ("webm", "libvpx"), ("matroska", "libx264"), ("mp4", "mpeg4")],
)
def test_a_copy_is_the_clip_without_a_word(container: str, codec: str) -> None:
    data = clip(moving_face(6), sound_s=0.6, container=container, codec=codec, tags={"title": CANARY})
    assert CANARY.encode() in data
    copy = Clip(data).copy()
    assert CANARY.encode() not in copy.data and b"x264" not in copy.data
    assert (copy.num_frames, copy.length_s) == (6, pytest.approx(0.6, abs=0.02))
    for one, other in zip(Clip(data).frames(), Clip(copy.data).frames(), strict=True):
        assert np.array_equal(one.photo, other.photo)
    sound = Clip(copy.data).sound()
    assert sound is not None and loudness_at(sound.samples) > 0.9


def test_a_copy_stays_turned() -> None:
    data = clip(moving_face(3), turned=90)
    assert next(Clip(Clip(data).copy().data).frames()).photo.shape == (320, 240, 3)


def large_header(data: bytes, width: int, height: int) -> bytes:
    """The clip with another size written into its headers; the coded pictures keep theirs."""
    at = data.index(b"avc1", data.index(b"moov"))
    return data[: at + 28] + struct.pack(">HH", width, height) + data[at + 32 :]


def test_a_clip_that_was_trimmed_is_not_taken_for_cut_off() -> None:
    data = trimmed(clip(moving_face(30)), 1.0)
    assert [round(frame.time_s, 1) for frame in Clip(data).frames()][:2] == [0.0, 0.1]
    copy = Clip(data).copy()
    assert (copy.num_frames, copy.length_s) == (20, pytest.approx(2.0, abs=0.01))
    assert Clip(copy.data).copy().num_frames == 20


def test_what_cannot_be_used_is_refused_with_a_sentence(plain: bytes) -> None:
    for data, sentence in (
        (b"", "empty"),
        (b"not a video at all" * 100, "not a video"),
        (b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 500, "damaged"),
        (plain[: len(plain) // 2], "damaged|incomplete"),
        (plain[:200] + b"\xff" * 3000 + plain[3200:], "damaged|incomplete|No"),
        (clip([], sound_s=0.5, container="mp4"), "no moving pictures|damaged"),
    ):
        with pytest.raises(BadClip, match=sentence):
            list(Clip(data).frames())
        with pytest.raises(BadClip):
            Clip(data).copy()


def test_limits_hold(plain: bytes) -> None:
    with pytest.raises(BadClip, match=r"longer than 0\.5 seconds"):
        list(Clip(plain, ClipLimits(max_s=0.5)).frames())
    with pytest.raises(BadClip, match="more than 5 pictures"):
        list(Clip(plain, ClipLimits(max_frames=5)).frames())
    with pytest.raises(BadClip, match="320 x 240 pixels"):
        list(Clip(plain, ClipLimits(max_pixels=300 * 200)).frames())
    with pytest.raises(BadClip, match="at least 500 pixels"):
        list(Clip(plain, ClipLimits(min_side_px=500)).frames())
    with pytest.raises(BadClip, match="larger than"):
        Clip(plain, ClipLimits(max_bytes=1000))
    with pytest.raises(BadClip, match=r"takes too long|broke the decoder"):
        list(Clip(clip(moving_face(40, (640, 480))), ClipLimits(cpu_s=0.02)).frames())
    with pytest.raises(BadClip, match=r"memory|broke the decoder|damaged"):
        list(Clip(plain, ClipLimits(memory_bytes=1 << 16)).frames())


def test_a_clip_longer_than_it_says_ends_at_the_limit() -> None:
    long = clip(moving_face(40, fps=2), fps=2, container="webm", codec="libvpx")
    at = long.index(b"\x44\x89")  # the duration in a Matroska header
    short = long[: at + 3] + struct.pack(">d", 1000.0) + long[at + 11 :]
    with pytest.raises(BadClip, match="longer than 3 seconds"):
        list(Clip(short, ClipLimits(max_s=3)).frames())


def test_a_lying_header_is_no_danger(plain: bytes) -> None:
    huge = large_header(plain, 30_000, 30_000)
    with pytest.raises(BadClip):
        list(Clip(huge, ClipLimits(max_pixels=100 * 100)).frames())


def test_stopping_ends_the_decoder_at_once(plain: bytes) -> None:
    frames = Clip(plain).frames()
    next(frames)
    assert len(decoders()) == 1
    frames.close()
    assert decoders() == set()


def test_mutations_break_nothing(plain: bytes) -> None:
    random = np.random.default_rng(0)
    for _ in range(6):
        data = bytearray(plain)
        for at in random.integers(0, len(data), 40):
            data[at] = random.integers(0, 256)
        start = time.monotonic()
        with suppress(BadClip):
            list(Clip(bytes(data)).frames())
        assert time.monotonic() - start < 30


def test_the_decoder_may_open_and_write_nothing() -> None:
    frames = Clip(clip(moving_face(30, (640, 480)), bit_rate=8_000_000)).frames()  # more than fits into a pipe
    next(frames)
    [pid] = decoders()
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    allowed = {line[:26].strip(): line[26:].split()[:2] for line in limits[1:]}
    frames.close()
    assert allowed["Max open files"] == allowed["Max file size"] == ["0", "0"]
    assert allowed["Max address space"][0] != "unlimited"


def test_bytes_are_wanted() -> None:
    with pytest.raises(TypeError, match="str"):
        Clip("clip.mp4")  # type: ignore[arg-type]
