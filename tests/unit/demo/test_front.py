"""What the front door lets through; tests/integration/test_routes.py tries every way in at the real app."""

import pytest

from demo.front import CLOSED, FOREIGN_FILE, without_all


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"", b""),
        (b"a=1&b=%20x", b"a=1&b=%20x"),
        (b"all_endpoints=true", b""),
        (b"a=1&all_endpoints=&b=2", b"a=1&b=2"),
        (b"all%5fendpoints=1&a=1", b"a=1"),
        (b"__theme=dark", b"__theme=dark"),
    ],
)
def test_the_parameter_that_lists_private_endpoints_is_dropped(query: bytes, left: bytes) -> None:
    assert without_all(query) == left


@pytest.mark.parametrize("path", ["/monitoring/x/dashboard", "/gradio_api/proxy=http://a/", "/gradio_api/deep_link"])
def test_closed(path: str) -> None:
    assert CLOSED.fullmatch(path)


@pytest.mark.parametrize("path", ["/", "/de", "/gradio_api/queue/join", "/gradio_api/file=/tmp/a.png", "/assets/a.js"])
def test_open(path: str) -> None:
    assert not CLOSED.fullmatch(path) and not FOREIGN_FILE.fullmatch(path)


@pytest.mark.parametrize("named", ["http://a/", "https://a/", "a.png", "ftp://a", ""])
def test_files_are_named_by_absolute_paths(named: str) -> None:
    assert FOREIGN_FILE.fullmatch(f"/gradio_api/file={named}")
