"""Faces of drawn clips are followed, told apart, lost and found again; their points are made steady."""

from dataclasses import replace

import numpy as np
import pytest

from core.align import Photo
from core.clips import Frame
from core.detect import FacePack, open_pack
from core.people import Person, meet, same_person_cosine, steady_points
from core.tracking import begin
from tests.make_clip import moving_face


@pytest.fixture(scope="module")
def pack() -> FacePack:
    return open_pack("embedded")


def met(pack: FacePack, photos: list[Photo], same_from: float | None = None, fps: float = 10) -> list[Person]:
    frames = (Frame(time_s=number / fps, photo=photo) for number, photo in enumerate(photos))
    meeting, steps = meet(pack, frames, same_from), []
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


def test_who_is_away_for_a_moment_is_the_same_and_for_long_is_not_if_nobody_compares(pack: FacePack) -> None:
    photos = list(moving_face(40))
    away = [empty(photo) if 8 <= number < 15 else photo for number, photo in enumerate(photos[:22])]
    gone = [empty(photo) if 8 <= number < 32 else photo for number, photo in enumerate(photos)]
    same_from = same_person_cosine(pack)
    [person] = met(pack, away, same_from)
    assert set(person.faces) >= {0, 7, 21} and not {8, 14} & set(person.faces)
    assert len(met(pack, gone, same_from)) == 1
    assert len(met(pack, gone)) == 2


def test_after_a_cut_another_face_in_the_same_place_is_another_person(pack: FacePack) -> None:
    here = list(moving_face(6))
    there = [255 - photo for photo in here]
    scenes = [set(person.faces) for person in met(pack, here + there)]
    assert sorted(scenes, key=min) == [set(range(6)), set(range(6, 12))], "no frame belongs to the other scene's face"


def test_people_are_told_apart_by_their_faces(pack: FacePack) -> None:
    same_from = same_person_cosine(pack)
    assert same_from is not None and 0 < same_from < 1
    here = list(moving_face(4))
    mirrored = [np.ascontiguousarray(photo[:, ::-1]) for photo in here]
    away = here + [empty(here[0])] * 20 + mirrored
    assert len(met(pack, away, same_from)) == 1
    assert len(met(pack, away, 1.0)) == 2


def test_points_are_not_smoothed_across_a_cut(pack: FacePack) -> None:
    face = pack.detect(next(moving_face(1)))[0]
    person = Person()
    for number in range(20):
        moved = replace(face, points=face.points + (100 if number >= 10 else 0))
        person.add(number, begin(moved, number / 25))
    assert np.abs(steady_points(person)[9] - face.points).max() > 1
    person.begins |= {0, 10}
    assert np.abs(steady_points(person)[9] - face.points).max() < 1e-6


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
