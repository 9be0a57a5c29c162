"""How an answer of HTTP/1.1 lies on the wire: where it ends, and what it unpacks to."""

import re
import zlib
from typing import Final

from curation.refusal import Refusal

HEAD_END: Final = re.compile(rb"\n\r?\n")
INTERIM: Final = re.compile(rb"HTTP/1\.\d 1(?!01)")
"""The head of an answer that only says that another follows."""
CHUNKS_END: Final = b"\r\n0\r\n\r\n"
"""After the last chunk; in what is chunked, it stands elsewhere by a chance of 1 in 2^56 a byte."""


class Framing:
    """Follows the bytes of one answer to tell whether more came than the answer. Fed by one thread."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = b"\r\n"
        self._num_body_bytes = 0
        self._end_of_chunks: int | None = None
        self._is_body = False

    def follow(self, data: bytes) -> None:
        """Take what came next: heads of interim answers, head, body."""
        if not self._is_body:
            self._head += data
            while (end := HEAD_END.search(self._head)) and INTERIM.match(self._head):
                del self._head[: end.end()]
            if end is None:
                return
            self._is_body = True
            data = bytes(self._head[end.end() :])
        if self._end_of_chunks is None:
            seen = self._tail + data
            place = seen.find(CHUNKS_END)
            if place >= 0:
                self._end_of_chunks = self._num_body_bytes - len(self._tail) + place + len(CHUNKS_END)
            self._tail = seen[1 - len(CHUNKS_END) :]
        self._num_body_bytes += len(data)

    def surplus_bytes(self, length: int | None, is_chunked: bool) -> int | None:
        """How much more came than the answer; None where that cannot be told. To be asked once it is read.

        Args:
            length: bytes of the body as announced; None where they were not.
        """
        end = self._end_of_chunks if is_chunked else length
        return self._num_body_bytes - end if self._is_body and end is not None else None


def unpacked(data: bytes, encoding: str, max_bytes: int) -> bytes:
    """A body out of the gzip that it may have been sent in; never makes more than `max_bytes` of it.

    Args:
        encoding: the Content-Encoding header; "" for none.
    Raises:
        Refusal: it is packed otherwise, badly, or unpacks to more.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return data
    if encoding not in ("gzip", "x-gzip"):
        raise Refusal("broken answer", f"encoded as {encoding}, which was not offered")
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise Refusal("broken answer", f"no gzip: {error}") from None
    if len(plain) > max_bytes:
        raise Refusal("too large", f"unpacks to over {max_bytes} bytes")
    if not unpacker.eof:
        raise Refusal("broken answer", "its gzip breaks off")
    return plain
