"""Where an answer ends on the wire, however it is cut into reads; and gzip that cannot grow without bound."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.framing import Framing, unpacked
from curation.refusal import Refusal

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWERS = {
    "whole": (HEAD + b"abcde", 5, False, 0),
    "more": (HEAD + b"abcdefgh", 5, False, 3),
    "empty": (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 0, False, 0),
    "lines end plainly": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nabcde", 5, False, 0),
    "after an interim answer": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD + b"abcde", 5, False, 0),
    "after two": (b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + HEAD + b"abcdef", 5, False, 1),
    "no length": (b"HTTP/1.0 200 OK\r\n\r\nabc", None, False, None),
    "no head": (b"HTTP/1.1 200", 0, False, None),
    "chunks": (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", None, True, 0),
    "no chunks": (CHUNKED + b"0\r\n\r\n", None, True, 0),
    "chunks and more": (CHUNKED + b"3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", None, True, 19),
    "chunks with trailers": (CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\n\r\n", None, True, None),
}


@pytest.mark.parametrize(("data", "length", "is_chunked", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_surplus(data: bytes, length: int | None, is_chunked: bool, expected: int | None, size: int) -> None:
    framing = Framing()
    for start in range(0, len(data), size):
        framing.follow(data[start : start + size])
    assert framing.surplus_bytes(length, is_chunked) == expected


@given(st.binary(max_size=300), st.sampled_from(["", "gzip", "x-gzip", " GZIP ", "identity"]))
def test_what_was_packed_is_unpacked(data: bytes, encoding: str) -> None:
    packed = gzip.compress(data) if "zip" in encoding.lower() else data
    assert unpacked(packed, encoding, 300) == data


@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        (gzip.compress(b"x" * 101, mtime=0), "gzip", "too large"),
        (gzip.compress(bytes(10_000_000), mtime=0), "gzip", "too large"),
        (gzip.compress(b"x" * 50, mtime=0)[:-1], "gzip", "breaks off"),
        (b"", "gzip", "breaks off"),
        (b"plain", "gzip", "no gzip"),
        (zlib.compress(b"x"), "deflate", "not offered"),
        (b"x", "br", "not offered"),
        (b"x", "gzip, gzip", "not offered"),
    ],
)
def test_what_does_not_unpack_is_refused(data: bytes, encoding: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        unpacked(data, encoding, 100)
    assert unpacked(gzip.compress(b"x" * 100), "gzip", 100) == b"x" * 100


def test_bomb_is_not_unpacked_to_see_how_large_it_is() -> None:
    bomb = gzip.compress(bytes(20 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="too large"):
            unpacked(bomb, "gzip", 1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
