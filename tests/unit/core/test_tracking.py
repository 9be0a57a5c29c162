"""A face is followed through frames that are cut from one photo, so where it truly is is known."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from core.align import Photo, Points
from core.candidates import Candidate
from core.detect import Face, FacePack, open_pack
from core.images import resize
from core.tracking import Following, Track, begin, follow, low_pass_share, overlap, width_of

SIDE_PX = 320
FPS = 10.0


@dataclass
class Counting:
    """A face pack that says how often its detector looked."""

    pack: FacePack
    looks: int = 0

    def find(self, photo: Photo) -> list[Candidate]:
        self.looks += 1
        return self.pack.find(photo)

    def place(self, photo: Photo, candidate: Candidate) -> Face:
        return self.pack.place(photo, candidate)


@pytest.fixture(scope="module")
def pack() -> FacePack:
    return open_pack("embedded")


def scene() -> Photo:
    return resize(np.ascontiguousarray(skimage.data.astronaut()), 640, 640)


def cut(x: int, y: int, noise: float = 0.0, seed: int = 0) -> Photo:
    """A window of the scene that shows the face at its upper middle; grain as of a camera."""
    frame = scene()[y : y + SIDE_PX, x : x + SIDE_PX].astype(np.float64)
    frame += np.random.default_rng(seed).normal(0, noise, frame.shape) if noise else 0
    return np.clip(np.round(frame), 0, 255).astype(np.uint8)


def followed(pack: FacePack, frames: Iterator[Photo], how: Following | None = None) -> list[Track]:
    first = next(frames)
    tracks = [begin(pack.detect(first)[0], 0.0)]
    for number, frame in enumerate(frames, 1):
        track = follow(pack, frame, tracks[-1], number / FPS, how)
        assert track is not None
        tracks.append(track)
    return tracks


def trembling(points: list[Points]) -> float:
    """Mean step of the second difference, pixels: what is left when even motion is taken out."""
    return float(np.abs(np.diff(np.stack(points), n=2, axis=0)).mean())


def test_a_face_at_rest_trembles_less_than_it_is_found(pack: FacePack) -> None:
    tracks = followed(pack, (cut(120, 20, noise=18, seed=seed) for seed in range(14)))
    raw = trembling([track.found.points for track in tracks])
    assert raw > 0
    assert trembling([track.face.points for track in tracks]) < 0.6 * raw


def test_a_moving_face_is_where_it_is(pack: FacePack) -> None:
    tracks = followed(pack, (cut(60 + 8 * number, 20) for number in range(14)))
    width_px = width_of(tracks[0].face.points, "dlib5")
    for number, track in enumerate(tracks):
        true = tracks[0].found.points - [8 * number, 0]
        assert np.linalg.norm(track.found.points - true, axis=1).mean() < 0.04 * width_px
        late = np.linalg.norm((track.face.points - track.found.points).mean(0)) / width_px
        assert late < 0.06, "half a width a second must not lag by more than a twentieth"


def test_the_detector_looks_only_now_and_then(pack: FacePack) -> None:
    counting = Counting(pack)
    track: Track | None = begin(pack.detect(cut(120, 20))[0], 0.0)
    for number in range(1, 13):
        assert track is not None
        track = follow(counting, cut(120 + number, 20), track, number / FPS)  # type: ignore[arg-type]
    assert track is not None and track.time_s == 1.2
    assert counting.looks == 2


def test_a_face_that_is_gone_is_lost_at_the_next_check(pack: FacePack) -> None:
    track: Track | None = begin(pack.detect(cut(120, 20))[0], 0.0)
    empty = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
    times = iter(np.arange(0.1, 1.0, 0.1))
    while track is not None:
        time_s = float(next(times))
        track = follow(pack, empty, track, time_s)
    assert time_s <= 0.6


def test_a_face_somewhere_else_is_no_continuation(pack: FacePack) -> None:
    track = begin(pack.detect(cut(250, 20))[0], 0.0)
    assert follow(pack, cut(60, 20), track, 0.6) is None


def test_after_a_long_gap_a_track_ends_and_time_goes_forwards(pack: FacePack) -> None:
    frame = cut(120, 20)
    track = begin(pack.detect(frame)[0], 5.0)
    assert follow(pack, frame, track, 6.5) is None
    with pytest.raises(ValueError, match="5 s after 5 s"):
        follow(pack, frame, track, 5.0)


def test_numbers_of_the_filter() -> None:
    # a(f) = 1 / (1 + 1 / (2 pi f dt)): 2 pi * 1 Hz * 0.1 s = 0.6283; 0.6283 / 1.6283 = 0.3859
    assert low_pass_share(1.0, 0.1) == pytest.approx(0.3859, abs=1e-4)
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (20, 0, 30, 10)) == 0


@pytest.mark.parametrize("wrong", [{"check_every_s": 0.0}, {"min_cutoff_hz": -1.0}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Following(**wrong)


def test_shapes(pack: FacePack) -> None:
    track = begin(pack.detect(cut(120, 20))[0], 0.0)
    points: npt.NDArray[np.float64] = track.face.points
    assert points.shape == (5, 2) and track.speed.shape == (5, 2)
