"""The page that stands in while something is missing: its words, its language, its making way."""

import socket
import urllib.error
import urllib.request

import pytest
from starlette.requests import Request

from core.errors import CafError, PackMissing, WeightsMissing, WeightsRefused
from demo.language import Language
from demo.state_page import html, language_of, opened
from tests.running_app import free_port


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (WeightsMissing("No <b>model</b>."), "Put the model’s files back"),
        (WeightsRefused("Damaged."), "Copy it anew"),
        (PackMissing("No pack."), "Install the requirements again"),
        (CafError("Something else."), "Mend what the sentence above names"),
    ],
)
def test_each_trouble_has_its_remedy(error: CafError, remedy: str) -> None:
    page = html(Language("en"), error)
    assert remedy in page and 'http-equiv="refresh"' in page
    assert "<b>model</b>" not in page


@pytest.mark.parametrize(
    ("path", "accepts", "code"),
    [
        ("/", "", "en"),
        ("/", "fr-CH, de;q=0.8", "fr"),
        ("/", "nl, es;q=0.5", "es"),
        ("/de", "fr", "de"),
        ("/", "nl", "en"),
    ],
)
def test_it_speaks_the_visitors_language(path: str, accepts: str, code: str) -> None:
    headers = [(b"accept-language", accepts.encode())] if accepts else []
    request = Request({"type": "http", "method": "GET", "path": path, "headers": headers, "query_string": b"",
                       "server": ("localhost", 80), "scheme": "http"})  # fmt: skip
    assert language_of(request).code == code


def test_it_is_served_until_everything_opens() -> None:
    port, seen = free_port(), []

    def open_() -> str:
        if not seen:
            seen.append("")
            raise WeightsMissing("There is nothing here yet.")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
        seen.append(refused.value.read().decode())
        return "opened"

    assert opened(open_, "127.0.0.1", port, look_again_s=0.5) == "opened"
    assert "There is nothing here yet." in seen[1]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)


def test_what_opens_at_once_is_given_at_once() -> None:
    assert opened(lambda: 5, "256.0.0.1", 0) == 5


def test_a_callers_mistake_is_not_served() -> None:
    def open_() -> None:
        raise ValueError("no such pack")

    with pytest.raises(ValueError, match="no such pack"):
        opened(open_, "127.0.0.1", free_port())


def test_a_port_in_use_is_an_error_and_not_waited_for() -> None:
    def open_() -> None:
        raise WeightsMissing("There is nothing here yet.")

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        opened(open_, "127.0.0.1", int(taken.getsockname()[1]))
