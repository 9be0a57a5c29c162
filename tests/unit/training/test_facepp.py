"""The door to Face++, against a server that behaves as documented, and as it should not."""

import io
import json
import time
import traceback
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from core.errors import FaceppRefused
from tests.facepp_server import KEY, SECRET, FaceppServer, serving
from training.facepp import Credentials, Service, checked_endpoint, credentials_from_environment

CREDENTIALS = Credentials(key=KEY, secret=SECRET)


def picture(level: int = 120, size_px: int = 64, kind: str = "PNG") -> bytes:
    noise = np.random.default_rng(level).normal(level, 20, (size_px, size_px, 3))
    target = io.BytesIO()
    Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8)).save(target, kind)
    return target.getvalue()


@pytest.fixture
def server() -> Iterator[FaceppServer]:
    with serving() as server:
        yield server


@pytest.fixture
def service(server: FaceppServer) -> Iterator[Service]:
    with Service(CREDENTIALS, server.endpoint, 5.0) as service:
        yield service


def test_detect_sends_what_is_documented_and_nothing_of_the_file_but_its_bytes(
    server: FaceppServer, service: Service
) -> None:
    data = picture()
    reply = service.ask("detect", (data,))
    assert reply.error == "" and not reply.is_passing and not reply.ends_all
    assert reply.body["faces"][0]["attributes"]["age"]["value"] == 40
    (seen,) = server.seen
    assert seen.form == {"api_key": KEY.encode(), "api_secret": SECRET.encode(), "return_attributes": b"age"}
    assert seen.files == {"image_file": data}
    assert seen.file_names == ["picture"]


def test_compare_sends_the_picture_first_and_the_original_second(server: FaceppServer, service: Service) -> None:
    one, other = picture(100), picture(120)
    reply = service.ask("compare", (one, other))
    assert 75 < reply.body["confidence"] < 80
    assert server.seen[0].files == {"image_file1": one, "image_file2": other}
    assert set(server.seen[0].form) == {"api_key", "api_secret"}


PASSING = {"is_passing": True, "ends_all": False}
LASTING = {"is_passing": False, "ends_all": False}
FATAL = {"is_passing": False, "ends_all": True}


@pytest.mark.parametrize(
    ("fault", "error", "verdict"),
    [
        ("error:403:CONCURRENCY_LIMIT_EXCEEDED", "CONCURRENCY_LIMIT_EXCEEDED", PASSING | {"is_free": True}),
        ("error:429:TOO_MANY", "TOO_MANY", PASSING | {"is_free": True}),
        ("error:500:INTERNAL_ERROR", "INTERNAL_ERROR", PASSING | {"is_free": False}),
        ("gateway", "HTTP 502 without", PASSING | {"is_free": False}),
        ("cut", "Re", PASSING | {"is_free": False}),
        ("half", "Re", PASSING | {"is_free": False}),
        ("page", "HTTP 200 without", PASSING | {"is_free": False}),
        ("huge", "the answer is larger than", PASSING | {"is_free": False}),
        ("body:[1]", "HTTP 200 without", PASSING | {"is_free": False}),
        ('body:{"faces": NaN}', "HTTP 200 without", PASSING | {"is_free": False}),
        ("body:" + "[" * 100_000, "HTTP 200 without", PASSING | {"is_free": False}),
        ("error:401:AUTHENTICATION_ERROR", "AUTHENTICATION_ERROR", FATAL | {"is_free": True}),
        ("error:403:AUTHORIZATION_ERROR:Insufficient Account Balance", "AUTHORIZATION_ERROR:In", FATAL),
        ("error:404:API_NOT_FOUND", "API_NOT_FOUND", FATAL | {"is_free": True}),
        ("moved", "HTTP 302", FATAL | {"is_free": True}),
        ("error:400:IMAGE_ERROR_UNSUPPORTED_FORMAT:image_file", "IMAGE_ERROR_UNS", LASTING | {"is_free": True}),
        ("error:412:IMAGE_DOWNLOAD_TIMEOUT", "IMAGE_DOWNLOAD_TIMEOUT", LASTING | {"is_free": True}),
        ("error:400:", "an error without a name", LASTING),
        ("error:400:\x1b[31mred\x07", "\\x1b[31mred\\x07", LASTING),
    ],
)
def test_each_fault_is_told_by_what_can_be_done_about_it(
    server: FaceppServer, service: Service, fault: str, error: str, verdict: dict[str, bool]
) -> None:
    server.faults.append(fault)
    reply = service.ask("detect", (picture(),))
    assert reply.error.startswith(error), reply
    assert {name: getattr(reply, name) for name in verdict} == verdict
    assert len(server.seen) == 1, "the door itself tries once and follows nowhere"
    assert service.ask("detect", (picture(),)).error == "", "the next request goes well"


def test_an_entity_that_is_too_large_is_refused_in_plain_text(service: Service) -> None:
    reply = service.ask("detect", (bytes(2_100_000),))
    assert (reply.http_status, reply.error) == (413, "REQUEST_ENTITY_TOO_LARGE")


@pytest.mark.parametrize("fault", ["slow:1.0", "drip"])
def test_an_answer_that_does_not_come_in_time_is_passing_and_may_be_charged(server: FaceppServer, fault: str) -> None:
    server.faults.append(fault)
    begun_s = time.monotonic()
    with Service(CREDENTIALS, server.endpoint, 0.3) as service:
        reply = service.ask("detect", (picture(),))
    assert time.monotonic() - begun_s < 3, "the drip would go on for five"
    assert reply.is_passing and not reply.is_free


def test_a_service_that_is_not_there_charges_nothing() -> None:
    with serving() as gone:
        pass
    with Service(CREDENTIALS, gone.endpoint, 5.0) as service:
        reply = service.ask("detect", (picture(),))
    assert reply.is_passing and reply.is_free and reply.error.startswith("ConnectError")


def test_keys_that_come_back_are_blanked_out(server: FaceppServer, service: Service) -> None:
    server.faults += ["echo", "body:" + json.dumps({SECRET: [{"a": f"x{KEY}y"}]})]
    replies = [service.ask("detect", (picture(),)) for _ in range(2)]
    assert replies[0].error == "BAD_ARGUMENTS:*** and ***"
    assert replies[1].body == {"***": [{"a": "x***y"}]}
    nested = Credentials(key="abc", secret="xabcx")
    assert nested.blank("1 xabcx 2 abc") == "1 *** 2 ***"


def test_a_proxy_is_not_told_what_goes_to_this_machine(server: FaceppServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Service(CREDENTIALS, server.endpoint, 5.0) as service:
        assert service.ask("detect", (picture(),)).error == ""


def test_keys_come_from_the_environment_and_show_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPP_KEY", f" {KEY}\n")
    monkeypatch.setenv("FACEPP_SECRET", SECRET)
    found = credentials_from_environment()
    assert found == CREDENTIALS
    assert KEY not in f"{found!r} {found}" and SECRET not in f"{found!r} {found}"
    for name, value in (("FACEPP_SECRET", f"{SECRET}\x00é"), ("FACEPP_KEY", "")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.environ", {"FACEPP_KEY": KEY, "FACEPP_SECRET": SECRET, name: value})
            with pytest.raises(FaceppRefused, match=name) as caught:
                credentials_from_environment()
        trace = "".join(traceback.format_exception(caught.value))
        assert KEY not in trace and SECRET not in trace


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://api-cn.faceplusplus.com",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "api-cn.faceplusplus.com",
        "https://",
        "https://user:word@api-cn.faceplusplus.com",
        "http://127.0.0.1@evil.example",
        "https://api-cn.faceplusplus.com/?x=1",
        "https://api-cn.faceplusplus.com#x",
        "https://host:port",
        "http://[::1",
    ],
)
def test_keys_do_not_go_just_anywhere(endpoint: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_endpoint(endpoint)
    assert "word" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize("endpoint", ["https://api-us.faceplusplus.com/", "http://localhost:81", "http://[::1]:81"])
def test_other_regions_and_this_machine_are_let_through(endpoint: str) -> None:
    assert checked_endpoint(endpoint) == endpoint.rstrip("/")
