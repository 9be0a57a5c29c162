"""Whether the head of an answer is that of a picture that may be used."""

from typing import Final

from curation.connecting import Headers, Opened
from curation.refusal import Refusal
from curation.robots import check_answer

STREAMS: Final = frozenset({"application/octet-stream", "binary/octet-stream"})
"""What servers call a file whose kind they do not know."""


def accept_picture(opened: Opened) -> None:
    """Let the head of an answer pass if a picture that may be used follows."""
    check_answer(opened.headers)
    if opened.status != 200:
        return
    kind = content_type(opened.headers)
    if not kind.startswith("image/") and kind not in STREAMS:
        raise Refusal("no picture", kind or "no content type")
    encoding = opened.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise Refusal("encoded picture", encoding)


def content_type(headers: Headers) -> str:
    """As "image/jpeg", without parameters; "" where there is none."""
    return str(headers.get("content-type", "")).partition(";")[0].strip().lower()
