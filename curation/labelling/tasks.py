"""Tasks as they go to the server: the picture in the task itself, and a key by which it is known again.

The picture travels as a `data:` address. So task and picture are there together or not at all, on any server, with
nothing to serve and no file left over from a broken-off upload; who may not see the task does not see the picture.
What the archive calls the picture goes into `meta`, which the page does not show: a name or a source says how old.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cafdata.queue import ReviewItem
from cafdata.record import Record
from core.cells import text_cell
from core.images import decode_photo, encode_jpeg, resize
from curation.labelling import page
from curation.labelling.project import Kind

LONGEST_PX: Final = 1024
"""Side of the largest picture that is sent; larger ones are made smaller."""
MAX_BYTES: Final = 512 * 1024
JPEG_QUALITY: Final = 90
SIGNATURES: Final = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"RIFF": "webp"}
NO_PHOTO: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="40">'
    b'<text x="8" y="26" font-family="sans-serif" font-size="16">There is no whole photo of this one.</text></svg>'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One task, not yet on the server."""

    key: str
    """32 hexadecimal digits that follow from what is asked of which picture; a project has each key once."""
    meta: Mapping[str, str]
    """What is known of it here: `key`, and `picture_id` and `sha256`, or `item_id`."""
    data: Mapping[str, str]
    """What the page shows."""

    def as_json(self) -> dict[str, object]:
        """As the server takes it."""
        return {"data": dict(self.data), "meta": dict(self.meta)}


def picture_key(kind: Kind, picture_id: str, sha256: str) -> str:
    """Key of the question how old a picture looks. The two projects of ages share theirs: a picture is in one."""
    asked = "adjudication" if kind == "adjudication" else "ages"
    return _digest([asked, picture_id, sha256])


def asked_picture(kind: Kind, meta: object) -> tuple[str, str] | None:
    """Name and digest of the picture that a task of an ages project asks about; None for one that we did not make."""
    given = meta if isinstance(meta, Mapping) else {}
    name, sha256 = given.get("picture_id"), given.get("sha256")
    if not isinstance(name, str) or not isinstance(sha256, str) or given.get("key") != picture_key(kind, name, sha256):
        return None
    return name, sha256


def item_key(item_id: str) -> str:
    """Key of a question of the review queue."""
    return _digest(["review", item_id])


def age_task(kind: Kind, record: Record, data: bytes, photo: bytes | None, *, has_photos: bool) -> Task:
    """The question how old the face in a picture looks.

    Args:
        kind: one of the projects of ages.
        data: the picture's file.
        photo: file of the whole photo, if there is one.
        has_photos: the project's page shows whole photos; one that has none says so.
    Raises:
        BadImage: a file that has to be made smaller and cannot be read.
    """
    key = picture_key(kind, record.picture_id, record.sha256)
    shown = {page.FACE: picture_address(data)}
    if has_photos:
        absent = "data:image/svg+xml;base64," + base64.b64encode(NO_PHOTO).decode()
        shown[page.PHOTO] = absent if photo is None else picture_address(_cleaned(photo))
    meta = {"key": key, "picture_id": record.picture_id, "sha256": record.sha256}
    return Task(key=key, meta=meta, data=shown)


def review_task(item: ReviewItem, pictures: Mapping[str, bytes]) -> Task:
    """A question of the review queue with its picture or its two. Raises KeyError for a picture that is not given."""
    key = item_key(item.item_id)
    names = (page.FACE, page.OTHER)
    shown = {name: picture_address(pictures[one]) for name, one in zip(names, item.picture_ids, strict=False)}
    return Task(key=key, meta={"key": key, "item_id": item.item_id}, data=shown | {page.REASON: text_cell(item.reason)})


def picture_address(data: bytes) -> str:
    """A picture's file as a `data:` address; one that is large, or of another kind, as a JPEG of at most 1024 px.

    Raises:
        BadImage: it has to be made smaller and cannot be read.
    """
    kinds = [kind for signature, kind in SIGNATURES.items() if data.startswith(signature)]
    if not kinds or len(data) > MAX_BYTES:
        kinds, data = ["jpeg"], _cleaned(data)
    return f"data:image/{kinds[0]};base64,{base64.b64encode(data).decode()}"


def _cleaned(data: bytes) -> bytes:
    """The picture as a JPEG of at most 1024 px, upright, without what a camera writes beside it."""
    photo = decode_photo(data)
    height, width = photo.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    if scale < 1:
        photo = resize(photo, max(1, round(width * scale)), max(1, round(height * scale)))
    return encode_jpeg(photo, JPEG_QUALITY)


def _digest(question: list[str]) -> str:
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:32]
