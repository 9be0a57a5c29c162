"""Counting the parts of a form: whatever the pieces it comes in, and whatever a form may pretend."""

import pytest

from demo.parts import FormLimits, PartCounter, boundary_of
from tests.page_client import multipart

LIMITS = FormLimits(max_parts=3, max_field_bytes=100)


def within(parts: list[tuple[str, str | None, bytes]], piece_bytes: int = 1 << 20) -> bool:
    body, content_type = multipart(parts)
    boundary = boundary_of(content_type.encode())
    assert boundary is not None
    counter = PartCounter(boundary, LIMITS)
    return all(counter.read(body[start : start + piece_bytes]) for start in range(0, len(body), piece_bytes))


@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 1 << 20])
def test_a_large_file_and_a_short_field_pass_in_any_pieces(piece_bytes: int) -> None:
    assert within([("files", "a.jpg", b"\r\n--x" * 400), ("name", None, b"x" * 100)], piece_bytes)


@pytest.mark.parametrize("piece_bytes", [1, 64, 1 << 20])
def test_a_field_too_long_is_found_in_any_pieces(piece_bytes: int) -> None:
    assert not within([("files", None, b"x" * 101)], piece_bytes)
    assert not within([("a", None, b"x" * 60), ("b", None, b"x" * 60)], piece_bytes)


def test_too_many_parts_are_found_however_small() -> None:
    assert within([("files", f"{number}.jpg", b"") for number in range(3)])
    assert not within([("files", f"{number}.jpg", b"") for number in range(4)])


def test_a_file_name_elsewhere_makes_no_file() -> None:
    body = b'--b\r\nX-Disposition: form-data; filename="a"\r\nContent-Disposition: form-data; name="filename="\r\n\r\n'
    assert not PartCounter(b"b", LIMITS).read(body + b"x" * 101)


def test_a_broken_form_is_left_to_its_reader() -> None:
    counter = PartCounter(b"b", LIMITS)
    assert counter.read(b"no form at all") and counter.read(b"x" * 1000)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'Multipart/Form-Data; boundary="a b"', b"a b"),
        (b"multipart/form-data", None),
        (b"multipart/form-data; boundary=" + b"x" * 300, None),
        (b"application/json; boundary=abc", None),
        (b"", None),
    ],
)
def test_only_a_form_has_a_boundary(content_type: bytes, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


def test_limits_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="0 parts"):
        FormLimits(max_parts=0)
