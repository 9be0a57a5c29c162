"""Faces of drawn clips are followed, told apart, lost and found again; their points are made steady."""

from dataclasses import replace

import numpy as np
import pytest

from core.align import Photo
from core.clips import Frame
from core.detect import FacePack, open_pack
from core.people import Person, meet, steady_points
from core.tracking import begin
from tests.make_clip import moving_face


@pytest.fixture(scope="module")
def pack() -> FacePack:
    return open_pack("embedded")


def met(pack: FacePack, photos: list[Photo], fps: float = 10) -> list[Person]:
    frames = (Frame(time_s=number / fps, photo=photo) for number, photo in enumerate(photos))
    meeting, steps = meet(pack, frames), []
    while True:
        try:
            steps.append(next(meeting))
        except StopIteration as done:
            assert steps == list(range(1, len(photos) + 1))
            people: list[Person] = done.value
            return people


def empty(like: Photo) -> Photo:
    return np.full_like(like, 128)


def test_one_face_is_one_person_in_every_frame(pack: FacePack) -> None:
    [person] = met(pack, list(moving_face(12)))
    assert list(person.faces) == list(range(12))
    assert person.times_s[11] == pytest.approx(1.1)


def test_the_larger_of_two_comes_first(pack: FacePack) -> None:
    small = [np.ascontiguousarray(photo[::2, ::2]) for photo in moving_face(6)]
    pairs = []
    for large, little in zip(moving_face(6), small, strict=True):
        beside = np.full((240, 160, 3), 90, np.uint8)
        beside[60:180] = little
        pairs.append(np.concatenate([beside, large], axis=1))
    people = met(pack, pairs)
    assert len(people) == 2 and len(people[0].faces) == 6
    assert people[0].faces[0].points[:, 0].mean() > 160 > people[1].faces[0].points[:, 0].mean()


def test_who_is_away_for_a_moment_is_the_same_and_for_long_is_not(pack: FacePack) -> None:
    photos = list(moving_face(40))
    away = [empty(photo) if 8 <= number < 15 else photo for number, photo in enumerate(photos[:22])]
    [person] = met(pack, away)
    assert set(person.faces) >= {0, 7, 21} and 14 not in person.faces
    gone = [empty(photo) if 8 <= number < 32 else photo for number, photo in enumerate(photos)]
    assert len(met(pack, gone)) == 2


def test_a_clip_without_faces_has_no_people(pack: FacePack) -> None:
    assert met(pack, [empty(next(moving_face(1)))] * 3) == []


def test_points_tremble_less_and_do_not_lag(pack: FacePack) -> None:
    face = pack.detect(next(moving_face(1)))[0]
    random, fps = np.random.default_rng(0), 25
    person, true = Person(), []
    for number in range(50):
        time_s = number / fps
        path = face.points + np.array([20 * np.sin(2 * np.pi * time_s), 30 * time_s])
        true.append(path)
        noisy = replace(face, points=path + random.normal(0, 1, (5, 2)))
        person.add(number, begin(noisy, time_s))
    steady = np.stack(list(steady_points(person).values()))
    raw = np.stack([one.points for one in person.faces.values()])
    error = np.abs(steady - np.stack(true))
    assert error.mean() < 0.65 * np.abs(raw - np.stack(true)).mean()
    trembling = [np.abs(np.diff(points, n=2, axis=0)).mean() for points in (raw, steady)]
    assert trembling[1] < 0.5 * trembling[0]
