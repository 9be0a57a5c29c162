"""The calls for programs, through gradio_client and the mcp package, against the real app."""

import asyncio
import base64
import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ImageContent, TextContent
from playwright.sync_api import expect, sync_playwright

from core.ages import TEN
from core.images import decode_photo, encode_jpeg, encode_png
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.running_app import ROOT, RunningApp

ASTRONAUT = skimage.data.astronaut()
CANARY = b"CANARY-50.0875N-14.4214E"


@pytest.fixture(scope="module")
def client(app: RunningApp, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(app.address, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """The astronaut with a place in its metadata."""
    plain = encode_jpeg(ASTRONAUT)
    comment = b"\xff\xfe" + (len(CANARY) + 2).to_bytes(2, "big") + CANARY
    path = tmp_path / "astronaut.jpg"
    path.write_bytes(plain[:2] + comment + plain[2:])
    return path


def cached(app: RunningApp) -> list[Path]:
    return [path for path in (app.log.parent / "cache").rglob("*") if path.is_file()]


def test_a_face_at_two_ages(client: Client, app: RunningApp, photo: Path) -> None:
    files, record = client.predict(photo=handle_file(str(photo)), ages=[8, 70], agreed=True, api_name="/age_face")
    assert [Path(file).name for file in files] == record["files"] == ["age_8.png", "age_70.png"]
    assert record["ages_years"] == [8, 70] and record["model"] == "agetrans-192-10"
    given = decode_photo(photo.read_bytes())
    for file in files:
        data = Path(file).read_bytes()
        made = decode_photo(data)
        assert made.shape == given.shape
        assert np.abs(made.astype(int) - given)[60:180, 170:280].mean() > 2, "the face does not change"
        served = [one for one in cached(app) if one.name == Path(file).name and one.read_bytes() == data]
        assert served, "what came is not what was laid out"
    assert record["pixels_sha256"] == hashlib.sha256(given.tobytes()).hexdigest()
    assert [path for path in cached(app) if CANARY in path.read_bytes()] == []


def test_every_group_without_ages(client: Client, photo: Path) -> None:
    files, record = client.predict(photo=handle_file(str(photo)), agreed=True, api_name="/age_face")
    assert len(files) == len(TEN) and record["ages_years"] == list(TEN.typical_years)


def test_the_age_of_a_face(client: Client, photo: Path) -> None:
    told = client.predict(photo=handle_file(str(photo)), agreed=True, api_name="/present_age")
    [face] = told["faces"]
    low, high = face["present_age_interval_years"]
    assert 18 <= low <= face["present_age_years"] <= high <= 70
    assert told["age_estimator"] == "age-estimator-128"


def test_two_photos_of_one_person(client: Client, photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "turned.png"
    other.write_bytes(encode_png(ASTRONAUT[:, ::-1].copy()))
    pair = {"first": handle_file(str(photo)), "second": handle_file(str(other))}
    told = client.predict(**pair, ages=[41, 41], agreed=True, api_name="/verify_faces")
    assert told["passes_rectified"] is True and told["passes_one_size"] is True
    assert told["gap_years"] == 0 and told["score"] > told["threshold"]
    assert "probably the same person" in told["sentence"]


def test_the_models(client: Client) -> None:
    first, *_ = client.predict(api_name="/models")
    assert first["name"] == "agetrans-192-10" and first["groups"] == list(TEN.names)
    assert "non-commercial" in first["licence"].lower()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"agreed": False}, "agreed must be true"),
        ({"agreed": "yes"}, "agreed must be true"),
        ({"ages": [300]}, "years from 0 to 120"),
        ({"ages": "old"}, "list of at most 20 ages"),
        ({"ages": [5] * 21}, "list of at most 20 ages"),
        ({"model": "another"}, "There is no such model"),
        ({"face": 3}, "There is no face 3"),
        ({"face": -1}, "the number of a face"),
    ],
)
def test_a_refusal_is_a_sentence(client: Client, photo: Path, arguments: dict[str, Any], sentence: str) -> None:
    asked = {"photo": handle_file(str(photo)), "agreed": True, **arguments}
    with pytest.raises(AppError, match=sentence) as refused:
        client.predict(**asked, api_name="/age_face")
    assert str(ROOT) not in str(refused.value)


def test_no_picture_and_no_face_are_said(client: Client, tmp_path: Path) -> None:
    text, wall = tmp_path / "a.jpg", tmp_path / "b.png"
    text.write_text("not a picture at all")
    wall.write_bytes(encode_png(np.full((300, 300, 3), 200, np.uint8)))
    with pytest.raises(AppError, match="This file is not a picture"):
        client.predict(photo=handle_file(str(text)), agreed=True, api_name="/present_age")
    with pytest.raises(AppError, match="No face found in this photo"):
        client.predict(photo=handle_file(str(wall)), agreed=True, api_name="/present_age")


def send(address: str, name: str, data: list[Any]) -> str:
    """What the server says to a call put together by hand."""
    body = json.dumps({"data": data}).encode()
    request = urllib.request.Request(f"{address}/gradio_api/call/{name}", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            event = json.load(answer)["event_id"]
        with urllib.request.urlopen(f"{address}/gradio_api/call/{name}/{event}") as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{'event: error' if error.code in (400, 403, 404, 422) else error.code} {error.read().decode()}"


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port that notes who comes."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)

        def take() -> None:
            try:
                while True:
                    line, _ = listening.accept()
                    came.append(line.recv(100))
                    line.close()
            except OSError:
                pass

        threading.Thread(target=take, daemon=True).start()
        yield int(listening.getsockname()[1]), came


META = {"meta": {"_type": "gradio.FileData"}}


def test_no_address_that_a_client_names_is_asked(app: RunningApp, listener: tuple[int, list[bytes]]) -> None:
    port, came = listener
    before = app.log.read_text().count("CONNECTS"), app.log.read_text().count("ASKS FOR")
    for url in (f"http://127.0.0.1:{port}/a.jpg", "http://example.org/a.jpg", "https://huggingface.co/a.jpg"):
        for file in (
            {"path": url, **META},
            {"path": url, "url": url, **META},
            {"path": url},
            {"url": url, **META},
            url,
        ):
            told = send(app.address, "present_age", [file, True])
            assert "event: error" in told
        for path in (f"file={url}", f"file/{url}", f"proxy={url}"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{app.address}/gradio_api/{path}")
            assert refused.value.code in (403, 404)
    assert came == []
    assert (app.log.read_text().count("CONNECTS"), app.log.read_text().count("ASKS FOR")) == before


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", str(ROOT / "README.md"), "", "a\0b", 5, None])
@pytest.mark.parametrize("extra", [META, {}], ids=["as a file", "bare"])
def test_no_file_of_the_server_is_read(app: RunningApp, path: Any, extra: dict[str, Any]) -> None:
    told = send(app.address, "present_age", [{"path": path, **extra}, True])
    assert "event: error" in told
    assert "root:" not in told and "Traceback" not in told and str(ROOT) not in told.replace(str(path), "")
    assert (ROOT / "README.md").is_file()


def talk(address: str, work: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    """Something asked of the tools, over HTTP."""

    async def run() -> Any:
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp") as (receiving, sending, _),
            ClientSession(receiving, sending) as session,
        ):
            await session.initialize()
            return await work(session)

    return asyncio.run(run())


def call(address: str, name: str, **arguments: Any) -> CallToolResult:
    result: CallToolResult = talk(address, lambda session: session.call_tool(name, arguments))
    return result


def data_url(photo: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(photo.read_bytes()).decode()


def test_an_assistant_sees_the_tools(app: RunningApp) -> None:
    listed = talk(app.address, lambda session: session.list_tools()).tools
    assert [tool.name for tool in listed] == ["age_face", "present_age", "verify_faces", "models"]
    assert listed[0].inputSchema["required"] == ["photo", "agreed"]


def test_an_assistant_ages_a_face(app: RunningApp, photo: Path) -> None:
    made = call(app.address, "age_face", photo=data_url(photo), ages=[8, 70], agreed=True)
    assert not made.isError
    *pictures, record = made.content
    assert isinstance(record, TextContent) and json.loads(record.text)["ages_years"] == [8, 70]
    laid_out = {path.read_bytes() for path in cached(app)}
    for picture in pictures:
        assert isinstance(picture, ImageContent)
        assert base64.b64decode(picture.data) in laid_out, "encoded anew on its way"
    assert [data for data in laid_out if CANARY in data] == []


def test_an_assistant_reads_an_age_and_compares(app: RunningApp, photo: Path) -> None:
    told = call(app.address, "present_age", photo=data_url(photo), agreed=True)
    assert isinstance(told.content[0], TextContent) and len(json.loads(told.content[0].text)["faces"]) == 1
    seen = call(app.address, "verify_faces", first=data_url(photo), second=data_url(photo), agreed=True)
    assert isinstance(seen.content[0], TextContent) and json.loads(seen.content[0].text)["passes_rectified"] is True
    assert not call(app.address, "models").isError


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("age_face", {}, "agreed must be true"),
        ("age_face", {"agreed": True, "photo": "http://example.org/a.jpg"}, "addresses are not fetched"),
        ("age_face", {"agreed": True, "photo": "/etc/passwd"}, "addresses are not fetched"),
        ("age_face", {"agreed": True, "photo": "data:image/png;base64,%%%"}, "not base64"),
        ("age_face", {"agreed": True, "photo": "data:image/png;base64,AAAA"}, "not a picture"),
        ("present_age", {"agreed": True, "path": "x"}, "takes no argument"),
        ("no_tool", {"agreed": True}, "There is no such tool"),
    ],
)
def test_an_assistant_is_refused_with_a_sentence(
    app: RunningApp, name: str, arguments: dict[str, Any], sentence: str
) -> None:
    told = call(app.address, name, **arguments)
    assert told.isError and isinstance(told.content[0], TextContent)
    assert re.search(sentence, told.content[0].text), told.content[0].text
    assert "Traceback" not in told.content[0].text


def test_docs_show_what_runs(app: RunningApp, photo: Path, tmp_path: Path) -> None:
    """The examples of docs/api.md, at this address and with this photo."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    for code in blocks:
        code = code.replace("http://127.0.0.1:7860", app.address).replace('"photo.jpg"', repr(str(photo)))
        program = tmp_path / "example.py"
        program.write_text(code)
        done = subprocess.run([sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; on Debian: apt-get install chromium")
def test_the_page_is_used_beside_them(app: RunningApp) -> None:
    """So that the next test has seen the page at work too."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{app.address}/de")
        page.click("#example")
        page.check("#consent input")
        expect(page.locator("#run")).to_be_enabled(timeout=60_000)
        page.click("#run")
        expect(page.locator("#showing")).to_be_visible(timeout=60_000)
        browser.close()


def test_the_server_itself_connected_nowhere(app: RunningApp) -> None:
    """Last: all that the others had the app do reached for nothing but this machine."""
    reached = re.findall(r"^(?:CONNECTS|ASKS FOR) .*$", app.log.read_text(), re.MULTILINE)
    assert [
        line for line in reached if "127.0.0.1" not in line and "localhost" not in line and "'::1'" not in line
    ] == []
    # Gradio's own way to end the stream of a session that is over is no fault of the page.
    faults = [one for one in app.log.read_text().split("Traceback (most")[1:] if "404: Not Found" not in one]
    assert [one for one in faults if "response already started" not in one] == []
