"""One look at a picture: everything the later stages need, or one reason why not."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut, coffee

from cafdata.archive import Archive
from cafdata.duplicates import as_bits
from cafdata.picture_hash import long_hash, look
from core.detect import Face
from core.errors import PackMissing
from core.identity import cosine
from core.images import Photo, decode_photo, encode_jpeg, encode_png
from curation.faces import FaceRules
from curation.looking import AGE_ROWS, Looker
from curation.quality import Scores
from curation.seen import Seen
from curation.stage import Drop

SAMPLE = Path(__file__).resolve().parents[3] / "cafdata" / "sample"


@pytest.fixture(scope="module")
def looker() -> Looker:
    return Looker(pack="embedded", estimator="age-estimator-128", rules=FaceRules())


@pytest.fixture(scope="module")
def astronaut_file() -> bytes:
    return encode_png(astronaut())


@pytest.fixture(scope="module")
def seen(looker: Looker, astronaut_file: bytes) -> Seen:
    found = looker.look(astronaut_file)
    assert isinstance(found, Seen)
    return found


def test_what_is_seen(seen: Seen, astronaut_file: bytes) -> None:
    assert seen.photo_sha256 == hashlib.sha256(astronaut_file).hexdigest()
    assert (seen.photo_width_px, seen.photo_height_px, seen.num_faces) == (512, 512, 1)
    assert seen.looks == look(astronaut_file)
    assert seen.sha256 == hashlib.sha256(seen.face).hexdigest()
    assert decode_photo(seen.face).shape == (256, 256, 3)
    assert (seen.size_px, seen.framing, seen.points_convention) == (256, "ffhq", "dlib5")
    assert {name for name, _ in seen.quality} == set(Scores.__slots__)
    assert seen.age_read_low_years <= seen.age_read_years <= seen.age_read_high_years
    assert 20 <= seen.age_read_years <= 55  # Eileen Collins, 36 on that photo
    assert seen.estimator == "age-estimator-128"
    assert abs(float(np.linalg.norm(seen.embedding)) - 1) < 1e-6 and seen.embedding.dtype == np.float32


def test_the_hash_is_of_the_crop(seen: Seen) -> None:
    apart = (as_bits([seen.long_hash]) != as_bits([long_hash(decode_photo(seen.face))])).sum()
    assert apart <= 6  # the JPEG of the crop differs a little from the crop


def test_a_look_at_the_same_picture_finds_the_same(looker: Looker, seen: Seen, astronaut_file: bytes) -> None:
    """Whatever else is in the batch."""
    others = [encode_jpeg(coffee()), astronaut_file, b"", astronaut_file, encode_jpeg(astronaut(), 60)]
    found = looker.look_all(others)
    assert [type(one) for one in found] == [Drop, Seen, Drop, Seen, Seen]
    for one in (found[1], found[3]):
        assert isinstance(one, Seen) and one.to_row() == seen.to_row()
    again = found[4]
    assert isinstance(again, Seen)
    assert cosine(again.embedding, seen.embedding) > 0.98
    assert again.age_read_years == pytest.approx(seen.age_read_years, abs=5)


def test_ages_do_not_hang_on_what_is_beside_them(looker: Looker, seen: Seen, astronaut_file: bytes) -> None:
    """Wherever in a batch, whole or not, a face is: its age is the same to the last digit."""
    others = [encode_jpeg(np.ascontiguousarray(astronaut()[:, shift:]), 90) for shift in range(4)]
    for place in (0, 2, 4):
        found = looker.look_all([*others[:place], astronaut_file, *others[place:]])
        one = found[place]
        assert isinstance(one, Seen) and one.to_row() == seen.to_row()
    faces = np.random.default_rng(0).integers(0, 256, (AGE_ROWS, 128, 128, 3), dtype=np.uint8)
    together = looker._read_ages(list(faces))
    assert [looker._read_ages([face]) for face in faces] == [[age] for age in together]
    assert looker._read_ages([*faces, *faces[::-1], faces[1]]) == [*together, *together[::-1], together[1]]


def test_ages_are_those_that_the_reader_reads(looker: Looker, seen: Seen) -> None:
    face = Face(box=seen.box, points=np.array(seen.points), convention=looker.pack.convention, score=1.0)
    [alone] = looker.reader.read(astronaut(), [face])
    assert alone.interval_years is not None
    expected = (alone.years, *alone.interval_years)
    assert (seen.age_read_years, seen.age_read_low_years, seen.age_read_high_years) == pytest.approx(expected, abs=0.06)


def test_it_goes_into_a_row_and_back(seen: Seen) -> None:
    assert Seen.from_row(seen.to_row()).to_row() == seen.to_row()


def with_secrets(photo: Photo) -> bytes:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "CANARY-EXIF", "CANARY-EXIF"
    target = io.BytesIO()
    Image.fromarray(photo).save(target, "JPEG", quality=95, exif=exif, comment=b"CANARY-COMMENT")
    return target.getvalue()


def test_nothing_of_the_file_but_pixels_survives(looker: Looker) -> None:
    data = with_secrets(astronaut())
    assert data.count(b"CANARY") == 3
    found = looker.look(data)
    assert isinstance(found, Seen) and b"CANARY" not in found.face and b"Exif" not in found.face


def test_a_lying_photo_is_stood_up(looker: Looker, seen: Seen) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(astronaut()))).save(target, "PNG", exif=exif)
    found = looker.look(target.getvalue())
    assert isinstance(found, Seen) and found.sha256 == seen.sha256


def spoilt(astronaut_file: bytes) -> Iterator[tuple[bytes, str, str]]:
    good = astronaut()
    jpeg = encode_jpeg(good)
    small = np.full((480, 640, 3), 200, np.uint8)
    small[100:356, 100:356] = np.asarray(Image.fromarray(good).resize((256, 256)))
    yield b"", "decode", "no usable picture"
    yield b"<html>not found</html>", "decode", "no usable picture"
    yield jpeg[: len(jpeg) // 2], "decode", "no usable picture"
    yield astronaut_file[:-20_000], "decode", "no usable picture"
    yield encode_jpeg(coffee()), "faces", "no face"
    yield encode_jpeg(np.concatenate([good[:, :400], good[:, :400]], axis=1)), "faces", "several faces alike in size"
    yield encode_jpeg(small), "quality", "too small"
    yield encode_jpeg((good * 0.12).astype(np.uint8)), "quality", "under-exposed"


def test_every_picture_ends_with_a_reason(looker: Looker, astronaut_file: bytes) -> None:
    cases = list(spoilt(astronaut_file))
    for (_, stage, reason), found in zip(cases, looker.look_all([data for data, _, _ in cases]), strict=True):
        assert isinstance(found, Drop)
        assert (found.stage, found.reason) == (stage, reason)


def test_synthetic_people_are_read_as_they_were_made() -> None:
    """Crops from brow to chin in a wider picture; the sample says what the estimator read on the crop itself."""
    tight = Looker(pack="embedded", estimator="age-estimator-128", rules=FaceRules(framing="utkface", size_px=128))
    off, kept = [], 0
    pictures = [one for one in Archive(SAMPLE).pictures() if one.record.person_id == "synthetic-05"]
    for picture in pictures:
        canvas = np.full((500, 640, 3), 150, np.uint8)
        canvas[150:350, 200:400] = decode_photo(picture.data)
        found = tight.look(encode_png(canvas))
        if isinstance(found, Seen):
            kept += 1
            assert found.num_faces == 1 and found.size_px == 128 and found.framing == "utkface"
            off += [abs(found.age_read_years - value) for name, value in picture.record.quality if "age" in name]
    assert kept >= 0.8 * len(pictures)
    assert np.median(off) < 4


def test_models_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackMissing):
        Looker(pack=f"insightface:{tmp_path / 'none'}", estimator="age-estimator-128", rules=FaceRules())
    with pytest.raises(ValueError, match="makes pictures"):
        Looker(pack="embedded", estimator="agetrans-128-10", rules=FaceRules())


def test_insightface_sees_the_same_person(shared: Path) -> None:
    pack = f"insightface:{(shared / 'models' / 'pack_scrfd_mobilefacenet').resolve()}"
    other = Looker(pack=pack, estimator="age-estimator-128", rules=FaceRules())
    one, two = (other.look((shared / "photos" / name).read_bytes()) for name in ("obama.jpg", "obama2.jpg"))
    assert isinstance(one, Seen) and isinstance(two, Seen)
    assert cosine(one.embedding, two.embedding) > 0.5
    assert one.points_convention == "arcface5"
    both = other.look((shared / "photos" / "obama_and_biden.jpg").read_bytes())
    assert isinstance(both, Drop) and both.reason == "several faces alike in size"
