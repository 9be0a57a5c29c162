"""Clusters of pictures that are one: found by each sign, the same in any order, and on real copies of real pictures."""

import dataclasses
import hashlib
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from PIL import Image

from cafdata import duplicates as hashes
from cafdata.archive import Archive
from cafdata.duplicates import MIRROR, as_bits
from cafdata.picture_hash import long_hash, look_of
from cafdata.sample import SAMPLE
from core.align import FFHQ, crop
from core.detect import open_pack
from core.images import Photo, decode_photo, encode_jpeg
from curation.duplicates import Pictures, against_archive, find_duplicates, gathered
from curation.stage import Drop
from tests.make_archive import drawn_photo, make_archive

AT = "2026-03-01T10:00:00+00:00"


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A picture like no other."""
    random = np.random.default_rng(number)
    values = {
        "picture_id": f"list/{number:04d}",
        "person_id": f"person {number}",
        "photo_sha256": f"{number:064x}",
        "looks": [random.bytes(32).hex() for _ in range(3)],
        "long_hash": random.bytes(32).hex(),
        "photo_width_px": 640,
        "photo_height_px": 480,
        "captured": "1999",
        "embedding": random.normal(size=64),
    }
    values |= changes
    values["embedding"] = (values["embedding"] / np.linalg.norm(values["embedding"])).astype(np.float32)
    return values


def near(value: str, num_bits: int, *, mirrored: bool = False) -> str:
    """A hash with bits turned, spread over all 256."""
    number = int(value, 16) ^ (int(MIRROR, 16) if mirrored else 0)
    for bit in range(num_bits):
        number ^= 1 << (bit * 256 // max(1, num_bits))
    return f"{number:064x}"


def leaning(embedding: npt.NDArray[np.float32], cosine: float) -> npt.NDArray[np.float64]:
    """An embedding at that cosine to another."""
    other = np.random.default_rng(1).normal(size=len(embedding))
    other -= (other @ embedding) * embedding
    return cosine * embedding + np.sqrt(1 - cosine**2) * other / np.linalg.norm(other)


def dropped(rows: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    found = find_duplicates(gathered(rows), AT)
    assert all(drop.stage == "duplicates" and not drop.is_passing for drop in found.dropped.values())
    return {name: (drop.reason, drop.detail) for name, drop in found.dropped.items()}


def test_each_sign_and_its_reason() -> None:
    one, other = row(1, person_id="a"), row(2, person_id="a")
    same_file = other | {"photo_sha256": one["photo_sha256"]}
    assert dropped([one, same_file]) == {"list/0002": ("same file", "list/0001")}
    alike = other | {"embedding": one["embedding"]}
    same_photo = alike | {"looks": [near(one["looks"][0], 10, mirrored=True), *other["looks"][1:]]}
    assert dropped([one, same_photo]) == {"list/0002": ("same photo", "list/0001")}
    cut = alike | {"looks": [near(one["looks"][2], 10), *other["looks"][1:]]}
    assert dropped([one, cut]) == dropped([cut, one]) == {"list/0002": ("same photo", "list/0001")}
    whole = alike | {"looks": [other["looks"][0], near(one["looks"][0], 10), other["looks"][2]]}
    assert dropped([one, whole]) == {"list/0002": ("same photo", "list/0001")}
    edges = alike | {"looks": [other["looks"][0], one["looks"][1], one["looks"][2]]}
    assert dropped([one, edges]) == {}
    same_face = alike | {"long_hash": near(one["long_hash"], 20, mirrored=True)}
    assert dropped([one, same_face]) == {"list/0002": ("same face picture", "list/0001")}
    assert dropped([one, other]) == {}


def test_faces_that_contradict_are_two_pictures() -> None:
    """Two people on one photo; without embeddings the hashes alone decide."""
    one = row(1, person_id="a")
    for name in ("looks", "long_hash"):
        for cosine, is_one in ((0.71, True), (0.69, False)):
            other = row(2) | {name: one[name], "embedding": leaning(one["embedding"], cosine)}
            assert bool(dropped([one, row(3), row(2) | other])) == is_one
        blind = [one | {"embedding": None}, row(2) | {name: one[name], "embedding": None}]
        assert len(find_duplicates(gathered(blind), AT).dropped) == 1


@pytest.mark.parametrize(("cosine", "num_bits", "is_one"), [(0.985, 46, True), (0.985, 50, False), (0.97, 46, False)])
def test_nearly_equal_faces_on_crops_much_alike_are_one_picture(cosine: float, num_bits: int, is_one: bool) -> None:
    one = row(1)
    other = row(2, long_hash=near(one["long_hash"], num_bits), embedding=leaning(one["embedding"], cosine))
    assert dropped([one, other]) == ({"list/0002": ("same face picture", "list/0001")} if is_one else {})


def test_the_largest_then_the_best_known_then_the_first_is_kept() -> None:
    rows = [row(number, photo_sha256="0" * 64, person_id="a") for number in range(4)]
    assert {detail for _, detail in dropped(rows).values()} == {"list/0000"}
    rows[2]["author"] = "somebody"
    assert {detail for _, detail in dropped(rows).values()} == {"list/0002"}
    rows[3]["photo_width_px"] = 700
    found = find_duplicates(gathered(rows), AT)
    assert found.clusters == (("list/0003", "list/0000", "list/0001", "list/0002"),)
    assert found.questions == ()


def test_a_picture_under_several_names_is_kept_once_and_asked_about() -> None:
    rows = [row(number, photo_sha256="0" * 64, person_id=name) for number, name in enumerate("abacb")]
    found = find_duplicates(gathered(rows), AT)
    assert found.clusters == (tuple(f"list/000{number}" for number in range(5)),)
    assert [(item.kind, item.picture_ids, item.reason, item.source) for item in found.questions] == [
        ("pair", ("list/0000", "list/0001"), "the same file is filed under a and under b", "duplicates"),
        ("pair", ("list/0000", "list/0003"), "the same file is filed under a and under c", "duplicates"),
    ]


def test_copies_of_copies_are_one_cluster() -> None:
    """A file, another file of the photo, and a copy of that: the chain decides, not each with each."""
    first, second, third = (row(number, person_id="a") for number in (1, 2, 3))
    second |= {"looks": first["looks"], "embedding": first["embedding"]}
    third |= {"photo_sha256": second["photo_sha256"]}
    assert dropped([third, first, second]) == {
        "list/0002": ("same photo", "list/0001"),
        "list/0003": ("same photo", "list/0001"),
    }


def tangle(count: int) -> list[dict[str, Any]]:
    """Pictures tied to earlier ones by every sign, in chains."""
    rows: list[dict[str, Any]] = []
    random = np.random.default_rng(0)
    for number in range(count):
        made = row(number, person_id=f"person {number % 9}", photo_width_px=int(random.integers(3, 6)) * 100)
        if number > 10 and number % 2:
            before = rows[int(random.integers(0, number))]
            sign = ("photo_sha256", "looks", "long_hash", "embedding")[number // 2 % 4]
            made |= {sign: before[sign], "embedding": before["embedding"]}
            if sign == "embedding":
                made["long_hash"] = near(before["long_hash"], 46)
        rows.append(made)
    return rows


def test_clusters_are_the_same_in_any_order_by_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tangle(160)
    wanted = find_duplicates(gathered(rows), AT)
    assert len(wanted.clusters) >= 20 and len(wanted.dropped) >= 60 and len(wanted.questions) >= 20
    assert {drop.reason for drop in wanted.dropped.values()} == {"same file", "same photo", "same face picture"}
    for seed, num_chunks in itertools.product(range(10), (1, 2, 4)):
        order = np.random.default_rng(seed).permutation(len(rows))
        chunks = np.array_split(order, num_chunks)
        monkeypatch.setattr(hashes, "NUM_THREADS", num_chunks)
        pictures = gathered(rows[number] for chunk in reversed(chunks) for number in chunk)
        assert find_duplicates(pictures, AT) == wanted


def test_what_cannot_be_gathered() -> None:
    with pytest.raises(ValueError, match="a picture id is there twice"):
        gathered([row(1), row(1)])
    with pytest.raises(ValueError, match="1 of 2 pictures have an embedding"):
        gathered([row(1), row(2) | {"embedding": None}])
    with pytest.raises(ValueError, match=r"photos have \[2, 3\] looks"):
        gathered([row(1), row(2, looks=["0" * 64] * 2)])
    assert find_duplicates(gathered([]), AT).clusters == ()


def test_what_an_archive_has_already(tmp_path: Path) -> None:
    """Re-encoded, mirrored, halved; other pictures pass, and so do those that the archive holds of this very run."""
    archive = make_archive(tmp_path / "archive", num_people=3)
    there = sorted(archive.pictures(), key=lambda picture: picture.record.picture_id)
    photos = [decode_photo(picture.data) for picture in there]
    copies = [jpeg(photos[0], 50), np.ascontiguousarray(photos[1][:, ::-1]), photos[2][::2, ::2], drawn_photo(77, 30)]
    rows = [row(number, long_hash=long_hash(np.ascontiguousarray(copy))) for number, copy in enumerate(copies)]
    own = there[3].record.picture_id
    rows.append(row(9, picture_id=own, long_hash=long_hash(photos[3])))
    found = against_archive(gathered(rows), archive)
    assert found == {
        f"list/{number:04d}": Drop(
            stage="duplicates", reason="in the archive already", detail=there[number].record.picture_id
        )
        for number in range(3)
    }


def jpeg(photo: Photo, quality: int) -> Photo:
    target = io.BytesIO()
    Image.fromarray(photo).save(target, "JPEG", quality=quality)
    return np.asarray(Image.open(target).convert("RGB"))


def cut(photo: Photo, random: np.random.Generator) -> Photo:
    """95 % of each side, anywhere."""
    height, width = (round(side * 0.95) for side in photo.shape[:2])
    top, left = (
        int(random.integers(0, all_ - kept + 1)) for all_, kept in zip(photo.shape, (height, width), strict=False)
    )
    return photo[top : top + height, left : left + width]


def halved(photo: Photo, _: np.random.Generator) -> Photo:
    size = (photo.shape[1] // 2, photo.shape[0] // 2)
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR))


CHANGES: dict[str, Callable[[Photo, np.random.Generator], Photo]] = {
    "JPEG 50": lambda photo, _: jpeg(photo, 50),
    "crop 5 %": cut,
    "flip": lambda photo, _: photo[:, ::-1],
    "half": halved,
    "grey": lambda photo, _: np.asarray(Image.fromarray(photo).convert("L").convert("RGB")),
}


def plants(photo: Photo, number: int, random: np.random.Generator) -> Iterator[Photo]:
    """A copy with one change and a copy with two, in turn."""
    changes = list(CHANGES.values())
    first, second = changes[number % 5], changes[(number + 1 + number // 5 % 4) % 5]
    once = np.ascontiguousarray(first(photo, random))
    yield once
    yield np.ascontiguousarray(second(once, random))


def before_background(face: Photo, random: np.random.Generator) -> Photo:
    """A face somewhere on a drawn photo, its edges blended."""
    width_px, height_px, side_px = (int(random.integers(*ends)) for ends in ((420, 640), (380, 560), (180, 260)))
    small = np.clip(128 + 60 * random.normal(0, 1, (7, 9, 3)), 0, 255).astype(np.uint8)
    photo = np.asarray(Image.fromarray(small).resize((width_px, height_px), Image.Resampling.BICUBIC), np.float64)
    scaled = np.asarray(Image.fromarray(face).resize((side_px, side_px), Image.Resampling.BICUBIC), np.float64)
    place = np.arange(side_px)
    ramp = np.clip(np.minimum(place, place[::-1]) / 14, 0, 1)
    blend = np.minimum(ramp[:, None], ramp[None])[..., None]
    top, left = int(random.integers(0, height_px - side_px)), int(random.integers(0, width_px - side_px))
    area = np.s_[top : top + side_px, left : left + side_px]
    photo = photo.copy()
    photo[area] = blend * scaled + (1 - blend) * photo[area]
    return photo.astype(np.uint8)


def seen_row(number: int, photo: Photo, **changes: Any) -> dict[str, Any]:
    return row(
        number,
        photo_sha256=hashlib.sha256(photo.tobytes()).hexdigest(),
        looks=list(look_of(photo)),
        photo_width_px=photo.shape[1],
        photo_height_px=photo.shape[0],
        **changes,
    )


def judged(pictures: Pictures, truth: Sequence[int]) -> tuple[float, float]:
    """Recall and precision of the pairs within clusters, by the number of the original that each picture is."""
    of = dict(zip(pictures.picture_ids, truth, strict=True))
    wanted = {
        frozenset(pair)
        for original in set(truth)
        for pair in itertools.combinations([name for name, which in of.items() if which == original], 2)
    }
    clusters = find_duplicates(pictures, AT).clusters
    found = {frozenset(pair) for cluster in clusters for pair in itertools.combinations(cluster, 2)}
    return len(found & wanted) / len(wanted), len(found & wanted) / len(found)


def faces_of_the_sample() -> list[Photo]:
    return [decode_photo(picture.data) for picture in Archive(SAMPLE).pictures()]


def real_faces(shared: Path, name: str, count: int) -> list[Photo]:
    table = pq.read_table(shared / "data" / name, columns=["jpeg"])
    return [decode_photo(value.as_py()) for value in table["jpeg"][:count]]


def with_plants(photos: Sequence[Photo]) -> tuple[Pictures, list[int]]:
    """Photos with two copies of every other one; crops and faces say nothing: the photos alone have to tell."""
    random = np.random.default_rng(0)
    rows, truth = [], []
    for number, photo in enumerate(photos):
        copies = plants(photo, number // 2, random) if number % 2 == 0 else ()
        for each in (photo, *copies):
            rows.append(seen_row(len(rows), each) | {"embedding": None})
            truth.append(number)
    return gathered(rows), truth


def test_copies_of_photos_of_composites_are_found() -> None:
    """Twelve people at eight or nine ages each, before backgrounds of their own."""
    random = np.random.default_rng(3)
    pictures, truth = with_plants([before_background(face, random) for face in faces_of_the_sample()[:100]])
    assert len(pictures) == 200
    recall, precision = judged(pictures, truth)
    assert recall >= 0.98
    assert precision >= 0.99


@pytest.mark.parametrize("name", ["utkface_eval.parquet", "utkface_train-0.parquet"])
def test_copies_of_photos_of_real_faces_are_found(shared: Path, name: str) -> None:
    random = np.random.default_rng(4)
    pictures, truth = with_plants([before_background(face, random) for face in real_faces(shared, name, 60)])
    recall, precision = judged(pictures, truth)
    assert recall >= 0.98
    assert precision >= 0.99


@pytest.mark.slow
def test_all_signs_together_tell_ages_of_one_person_from_copies() -> None:
    """Faces found and embedded: two people at eight or nine ages each are not one picture, their copies are."""
    pack, random = open_pack("embedded"), np.random.default_rng(5)
    rows, truth = [], []
    for number, face in enumerate(faces_of_the_sample()[:18]):
        photo = before_background(face, random)
        for each in (photo, *(plants(photo, number // 2, random) if number % 2 == 0 else ())):
            found = pack.detect(each)[0]
            aligned = crop(each, FFHQ.matrix(found.points, found.convention, 256), 256)
            hashed = long_hash(decode_photo(encode_jpeg(aligned, 95)))
            rows.append(seen_row(len(rows), each, long_hash=hashed, embedding=pack.embed(each, found)))
            truth.append(number)
    pictures = gathered(rows)
    assert judged(pictures, truth) == (1.0, 1.0)
    # Photos that have nothing in common but the face: the crops alone have to tell, and find most copies.
    apart = dataclasses.replace(pictures, looks=as_bits([row(n)["looks"][0] for n in range(len(rows))])[:, None])
    recall, precision = judged(apart, truth)
    assert recall >= 0.75
    assert precision == 1.0
