"""Tasks: a key that follows from the question, the picture inside, names out of sight."""

import base64
import io
from dataclasses import replace

import pytest
from PIL import Image

from cafdata.queue import ReviewItem
from core.errors import BadImage
from core.images import decode_photo
from curation.labelling.project import AGE_KINDS
from curation.labelling.tasks import LONGEST_PX, age_task, item_key, picture_address, picture_key, review_task
from tests.make_archive import drawn_picture

CANARY = b"canary-51.5N"


def bytes_of(address: str) -> bytes:
    return base64.b64decode(address.partition(",")[2])


def test_keys_follow_from_the_question() -> None:
    keys = {picture_key(kind, "p1", "0" * 64) for kind in AGE_KINDS}
    assert len(keys) == 2
    assert picture_key("ages", "p1", "0" * 64) == picture_key("ages_once", "p1", "0" * 64)
    assert picture_key("ages", "p1", "0" * 64) != picture_key("ages", "p1", "1" * 64)
    assert picture_key("ages", "p2", "0" * 64) != picture_key("ages", "p1", "0" * 64)
    assert len(item_key("x")) == 32


def test_the_picture_travels_as_it_is_and_its_name_out_of_sight() -> None:
    picture = drawn_picture(1, 30)
    task = age_task("ages", picture.record, picture.data, None, has_photos=False)
    assert list(task.data) == ["face"]
    assert bytes_of(task.data["face"]) == picture.data
    assert task.meta["picture_id"] == picture.record.picture_id
    assert picture.record.person_id not in str(task.as_json())


def test_whole_photos_leave_what_the_camera_wrote_behind() -> None:
    picture = drawn_picture(1, 30)
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    Image.new("RGB", (64, 64)).save(target, "JPEG", exif=exif)
    assert CANARY in target.getvalue()
    task = age_task("ages", picture.record, picture.data, target.getvalue(), has_photos=True)
    assert CANARY not in bytes_of(task.data["photo"])
    absent = age_task("ages", picture.record, picture.data, None, has_photos=True)
    assert b"no whole photo" in bytes_of(absent.data["photo"])


def test_large_and_strange_pictures_are_made_smaller_jpegs() -> None:
    target = io.BytesIO()
    Image.effect_noise((1600, 1200), 80).convert("RGB").save(target, "PNG")
    photo = decode_photo(bytes_of(picture_address(target.getvalue())))
    assert photo.shape[:2] == (LONGEST_PX * 3 // 4, LONGEST_PX)
    with pytest.raises(BadImage):
        picture_address(b"GIF89a")


def test_review_tasks_show_one_picture_or_two() -> None:
    at = "2024-05-03T10:00:00+00:00"
    pictures = {"a": drawn_picture(1, 30).data, "b": drawn_picture(2, 30).data}
    pair = ReviewItem(kind="pair", picture_ids=("a", "b"), reason="alike", source="people", added_at=at)
    task = review_task(pair, pictures)
    assert [bytes_of(task.data[name]) for name in ("face", "other")] == [pictures["a"], pictures["b"]]
    one = review_task(replace(pair, kind="picture", picture_ids=("a",)), pictures)
    assert set(one.data) == {"face", "reason"}
    with pytest.raises(KeyError):
        review_task(pair, {"a": pictures["a"]})
