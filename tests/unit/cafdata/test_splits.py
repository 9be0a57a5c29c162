"""Splits by person: stable, in any order, with copies of a picture found whatever was done to them."""

import dataclasses
import io
import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cafdata.duplicates import (
    LIKELY_BITS,
    NEAR_BITS,
    as_bits,
    candidates,
    distance_bits,
    near_pairs,
)
from cafdata.manifest import SplitRule
from cafdata.picture_hash import long_hash, look, perceptual_hash
from cafdata.record import Record
from cafdata.splits import Looks, assign_splits, leaks, likely_copies, looks_of, near_duplicates, position_of, split_of
from core.images import encode_png
from tests.make_archive import drawn_photo, drawn_pictures, picture_of

RULE = SplitRule(validation_share=0.2, test_share=0.2)


def record(number: int, person: str, phash: str | None = None, **changes: object) -> Record:
    values: dict[str, object] = {
        "picture_id": f"p{number:04d}",
        "person_id": person,
        "sha256": f"{number:064x}",
        "phash": phash or f"{random.Random(number).getrandbits(64):016x}",
        "age_min_years": 20,
        "age_max_years": 20,
        "age_provenance": "given",
        "width_px": 10,
        "height_px": 10,
    }
    return Record(**values | changes)  # type: ignore[arg-type]


def people(count: int, first: int = 0) -> list[Record]:
    return [record(number, f"person {number // 2}") for number in range(2 * first, 2 * (first + count))]


def test_shares_are_met() -> None:
    splits = Counter(assign_splits(people(2000), RULE).values())
    assert splits["train"] == pytest.approx(1200, abs=80)
    assert splits["validation"] == pytest.approx(400, abs=60)
    assert splits["test"] == pytest.approx(400, abs=60)


def test_golden_splits() -> None:
    """Archives of one salt agree for ever: these are not to change."""
    found = assign_splits([record(n, f"Q{n}") for n in range(1, 50)], SplitRule())
    assert {person: split for person, split in found.items() if split != "train"} == {
        **dict.fromkeys(("Q10", "Q19", "Q25", "Q26", "Q47"), "validation"),
        **dict.fromkeys(("Q34", "Q37", "Q42", "Q45"), "test"),
    }
    assert assign_splits([record(n, f"Q{n}") for n in range(1, 50)], SplitRule(salt="other")) != found


def test_people_stay_when_people_are_added() -> None:
    before = assign_splits(people(300), RULE)
    after = assign_splits(people(900), RULE)
    assert {person: after[person] for person in before} == before


def test_order_does_not_matter() -> None:
    rows = people(60)
    rows += [record(1000 + n, f"person {n}", rows[4 * n].phash) for n in range(20)]
    wanted = assign_splits(rows, RULE)
    for seed in range(10):
        random.Random(seed).shuffle(rows)
        assert assign_splits(rows, RULE) == wanted


def test_people_with_a_picture_in_common_stay_together() -> None:
    """Chains too; and they go where the one goes who is nearest to train."""
    alone = assign_splits(people(60), RULE)
    rows = people(60)
    for one, other in itertools.pairwise(range(0, 20)):
        phash = int(rows[2 * one].phash, 16) ^ 0b1001  # two bits of 64
        rows.append(record(5000 + one, f"person {other}", f"{phash:016x}"))
    splits = assign_splits(rows, RULE)
    together = {splits[f"person {number}"] for number in range(20)}
    assert together == {"train"}
    assert {alone[f"person {number}"] for number in range(20)} == {"train", "validation", "test"}
    assert all(splits[f"person {number}"] == alone[f"person {number}"] for number in range(20, 60))


def test_a_copy_only_ever_moves_people_towards_train() -> None:
    order = ("test", "validation", "train")
    rows = people(200)
    before = assign_splits(rows, RULE)
    after = assign_splits([*rows, *(record(9000 + n, f"person {n}", rows[2 * n + 20].phash) for n in range(80))], RULE)
    assert all(order.index(after[person]) >= order.index(before[person]) for person in before)
    assert after != before


def falling(split: str, first: int = 0) -> str:
    """The first name from a number on that falls into a split on its own."""
    names = (f"name {number}" for number in itertools.count(first))
    return next(name for name in names if split_of(position_of(name, RULE), RULE) == split)


@pytest.mark.parametrize("further", ["train", "validation"])
def test_nobody_moves_back_when_who_drew_them_there_has_gone(further: str) -> None:
    """A falls into test, B further towards train, they share a photo, then B is taken out and others come."""
    one, other = falling("test"), falling(further)
    rows = [record(1, one), record(2, one), record(3, other), record(4, other, record(1, one).phash)]
    before = assign_splits(rows, RULE)
    assert before == {one: further, other: further}
    left = [dataclasses.replace(row, split=before[row.person_id]) for row in rows if row.person_id != other]
    assert assign_splits([*left, record(5, one), *people(20, first=50)], RULE)[one] == further
    assert assign_splits(left, SplitRule(salt="another", test_share=1.0, validation_share=0.0))[one] == further
    assert assign_splits(left, RULE, anew=True) == {one: "test"}


def test_who_has_nobody_in_common_with_them_falls_as_before() -> None:
    rows = [dataclasses.replace(row, split="train") if row.person_id < "person 3" else row for row in people(60)]
    plain, kept = assign_splits(people(60), RULE), assign_splits(rows, RULE)
    assert all(kept[row.person_id] == "train" for row in rows if row.split is not None)
    assert all(kept[row.person_id] == plain[row.person_id] for row in rows if row.split is None)
    assert kept != plain


def test_leaks_are_named() -> None:
    rows = [
        record(1, "a", split="train"),
        record(2, "a", split="test"),
        record(3, "a", split="test"),
        record(4, "b", "00000000000000ff", split="train"),
        record(5, "c", "00000000000000fe", split="validation"),
        record(6, "d", "00000000000000fc"),
    ]
    found = [(leak.kind, leak.picture_ids, leak.splits) for leak in leaks(rows)]
    assert found == [
        ("person", ("p0001", "p0002"), ("train", "test")),
        ("near_duplicate", ("p0004", "p0005"), ("train", "validation")),
    ]


def test_splits_as_assigned_do_not_leak() -> None:
    rows = people(100)
    rows += [record(1000 + n, f"person {n + 50}", rows[n].phash) for n in range(40)]
    splits = assign_splits(rows, RULE)
    assert leaks([dataclasses.replace(row, split=splits[row.person_id]) for row in rows]) == []


def test_places_on_the_edge() -> None:
    assert [split_of(place, RULE) for place in (0.0, 0.1999, 0.2, 0.3999, 0.4, 0.999)] == [
        "test",
        "test",
        "validation",
        "validation",
        "train",
        "train",
    ]
    assert split_of(0.0, SplitRule(validation_share=0, test_share=0)) == "train"
    with pytest.raises(ValueError, match=r"0\.6 \+ 0\.5"):
        SplitRule(validation_share=0.6, test_share=0.5)


@pytest.mark.parametrize("words", [1, 4])
def test_near_pairs_are_those_of_a_plain_loop(words: int) -> None:
    """Two hundred hashes, a third of them others with 0 to 12 bits turned, or mirrored."""
    draw = random.Random(words)
    hashes = [f"{draw.getrandbits(64 * words):0{16 * words}x}" for _ in range(140)]
    for number in range(60):
        value = int(hashes[number], 16)
        for _ in range(number % 13):
            value ^= 1 << draw.randrange(64 * words)
        hashes.append(f"{value:0{16 * words}x}")
    from cafdata.duplicates import MIRROR

    hashes[::7] = [f"{int(value, 16) ^ int(MIRROR[: 16 * words], 16):0{16 * words}x}" for value in hashes[::7]]
    found = {tuple(pair) for pair in near_pairs(as_bits(hashes), as_bits(hashes)).tolist()}
    for one, other in itertools.product(range(200), repeat=2):
        is_near = distance_bits(hashes[one][:16], hashes[other][:16]) <= (LIKELY_BITS if words == 1 else NEAR_BITS)
        assert ((one, other) in found) == is_near
    if words == 1:
        near = [n for n in range(200) if distance_bits(hashes[3], hashes[n]) <= NEAR_BITS]
        assert candidates(as_bits(hashes), hashes[3]) == near


def test_long_hashes_confirm_what_short_ones_suppose() -> None:
    one = "0" * 64
    assert len(near_pairs(as_bits([one]), as_bits(["0" * 16 + "f" * 12 + "0" * 36]))) == 1
    assert len(near_pairs(as_bits([one]), as_bits(["0" * 16 + "f" * 13 + "0" * 35]))) == 0


def test_hashes_of_two_lengths_are_not_compared() -> None:
    with pytest.raises(ValueError, match="hashes of 64 bits against hashes of 256"):
        near_pairs(as_bits(["0" * 16]), as_bits(["0" * 64]))
    assert near_pairs(as_bits([]), as_bits(["0" * 64])).shape == (0, 2)


Photo = npt.NDArray[np.uint8]


def as_jpeg(photo: Photo) -> Photo:
    target = io.BytesIO()
    Image.fromarray(photo).save(target, "JPEG", quality=50)
    return np.asarray(Image.open(target))


def resized(photo: Photo, share: float) -> Photo:
    side = round(photo.shape[0] * share)
    return np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.BILINEAR))


def cropped(photo: Photo, share: float, place: tuple[float, float]) -> Photo:
    side = photo.shape[0]
    kept = round(side * (1 - share))
    top, left = (round((side - kept) * value) for value in place)
    return photo[top : top + kept, left : left + kept]


PLANTS: dict[str, Callable[[Photo, np.random.Generator], Photo]] = {
    "as it is": lambda photo, _: photo,
    "JPEG 50": lambda photo, _: as_jpeg(photo),
    "crop 5 %": lambda photo, _: cropped(photo, 0.05, (0.5, 0.5)),
    "crop 5 % anywhere": lambda photo, random: cropped(photo, 0.05, tuple(random.uniform(0, 1, 2))),
    "mirrored": lambda photo, _: np.ascontiguousarray(photo[:, ::-1]),
    "half the size": lambda photo, _: resized(photo, 0.5),
    "all of it": lambda photo, _: as_jpeg(resized(cropped(photo[:, ::-1], 0.05, (0.5, 0.5)), 0.7)),
}


def planted(photos: Sequence[Photo]) -> tuple[list[Record], Looks, set[tuple[int, int]]]:
    """The photos, each of another person, and behind them a copy of each, of another person again."""
    draw = np.random.default_rng(0)
    changes = list(PLANTS.values())
    copies = [changes[number % len(changes)](photo, draw) for number, photo in enumerate(photos)]
    pictures = []
    for number, photo in enumerate([*photos, *copies]):
        # as PNG: what was to be done to the pixels is done; a byte more tells equal pictures apart
        data = encode_png(np.ascontiguousarray(photo)) + bytes([number >= len(photos)])
        pictures.append(picture_of(data, photo, f"p{number:04d}", f"person {number}", 30))
    rows, looks = [], {}
    for row, hashes in looks_of(pictures):
        rows.append(row)
        looks[row.picture_id] = hashes
    return rows, looks, {(number, number + len(photos)) for number in range(len(photos))}


def judged(photos: Sequence[Photo]) -> tuple[float, float]:
    """Recall and precision; nothing may be left across splits of what is found."""
    rows, looks, plants = planted(photos)
    found = {(int(one), int(other)) for one, other in near_duplicates(rows, looks)}
    splits = assign_splits(rows, RULE, looks)
    assert leaks([dataclasses.replace(row, split=splits[row.person_id]) for row in rows], looks) == []
    return len(plants & found) / len(plants), len(plants & found) / len(found)


def test_copies_of_drawn_pictures_are_found() -> None:
    recall, precision = judged([drawn_photo(person, 30, 160) for person in range(35)])
    assert (recall, precision) == (1.0, 1.0)


@pytest.mark.slow
def test_copies_of_real_faces_are_found(shared: Path) -> None:
    """210 aligned faces, which resemble each other more than photos do."""
    table = pq.read_table(shared / "data" / "utkface_eval.parquet", columns=["jpeg"])
    photos = [np.asarray(Image.open(io.BytesIO(value.as_py())).convert("RGB")) for value in table["jpeg"][:210]]
    recall, precision = judged(photos)
    assert recall >= 0.98
    assert precision >= 0.99


def test_records_alone_find_copies_that_were_not_cropped() -> None:
    pictures = list(drawn_pictures(5, ages=(30,)))
    photos = [drawn_photo(person, 30) for person in range(5)]
    rows = [picture.record for picture in pictures]
    rows += [
        dataclasses.replace(row, picture_id=f"copy {number}", phash=perceptual_hash(as_jpeg(photo[:, ::-1])))
        for number, (row, photo) in enumerate(zip(rows, photos, strict=True))
    ]
    assert near_duplicates(rows).tolist() == [[number, number + 5] for number in range(5)]


def test_only_pictures_that_may_be_copies_are_opened() -> None:
    """Of another person, and where one of the two may still move."""
    near = "00000000000000ff"
    rows = [
        record(1, "a", near, split="test"),
        record(2, "b", near, split="train"),
        record(3, "b", near, split="train"),
        record(4, "c", "ffffffff00000000"),
        record(5, "c", "ffffffff00000000"),
        record(6, "d", "00ff00ff00ff00f0", split="train"),
        record(7, "e", "00ff00ff00ff00f0", split="train"),
        *people(20, first=50),
    ]
    assert likely_copies(rows) == {"p0001", "p0002", "p0003"}


def test_people_stay_apart_whose_pictures_are_alike_in_64_bits_only() -> None:
    one, other = falling("test"), falling("train")
    alike = "0123456789abcdef"
    rows = [record(1, one, alike), record(2, other, alike), record(3, "another", alike[::-1])]
    apart = {"p0001": (alike + "0" * 48,), "p0002": (alike + "f" * 48,)}
    assert assign_splits(rows, RULE)[one] == "train"
    assert assign_splits(rows, RULE, apart)[one] == "test"
    together = apart | {"p0002": (alike + "0" * 47 + "1",)}
    assert assign_splits(rows[::-1], RULE, together)[one] == "train"


def test_the_short_hash_is_the_head_of_the_long_one() -> None:
    photo = drawn_photo(1, 30)
    assert long_hash(photo)[:16] == perceptual_hash(photo)
    assert look(encode_png(photo))[0] == long_hash(photo)
