"""The page under attack: bodies too large or too slow, names of other files and hosts, crafted events, planted models.

Whatever is tried, the answer is a refusal without a trace of the server's own, nothing of the machine is read, written
or deleted, nobody outside is asked for anything, and the next honest visitor is served.
"""

import io
import json
import logging
import os
import pickle
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.images import decode_photo, encode_png
from demo.guard import SECURITY_HEADERS
from tests.page_client import Answer, Ending, Visitor, ask, multipart
from tests.page_server import Watched, also_list, coloured_face, sit, tiny_models, until, watched_app

log = logging.getLogger(__name__)

MIB = 1 << 20
JOIN, UPLOAD = "/gradio_api/queue/join", "/gradio_api/upload"
SECRETS = {
    name: f"canary-{name.lower()}-{secrets.token_hex(8)}"
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "LABEL_STUDIO_API_KEY", "FACEPP_API_KEY", "FACEPP_API_SECRET")
}
STALLED = 150
PLANTED = ("planted-pickle", "planted-header", "planted-cut")
"""Models that are whole when the app starts, and are put in the place of later."""
FILE_KINDS = {
    "image",
    "gallery",
    "imageslider",
    "file",
    "video",
    "audio",
    "downloadbutton",
    "uploadbutton",
    "imageeditor",
}


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


class Ground:
    """The app, and what must be as it was afterwards."""

    def __init__(self, app: Watched, folder: Path) -> None:
        self.app = app
        self.canary = f"canary-of-the-disk-{secrets.token_hex(8)}".encode()
        self.text, self.picture = folder / "secret.txt", folder / "secret.jpg"
        self.text.write_bytes(self.canary)
        self.picture.write_bytes(coloured_face(7)[0] + self.canary)
        self.planted = folder / "planted"
        """What a planted model would make."""
        self.answers: list[bytes] = []

    def heard(self, *answers: Answer | Ending) -> None:
        """Keep what came back, to be searched at the end."""
        for one in answers:
            self.answers.append(
                one.body if isinstance(one, Answer) else json.dumps([one.detail, one.messages]).encode()
            )

    def assert_untouched(self) -> None:
        assert self.text.read_bytes() == self.canary
        assert self.picture.read_bytes() == coloured_face(7)[0] + self.canary
        assert not self.planted.exists()

    def assert_no_word_of(self, *words: bytes) -> None:
        """In no answer, in nothing that the server said, in no file that it keeps, in no command line."""
        for word in words:
            assert not [answer[:200] for answer in self.answers if word in answer], word
            assert word not in self.app.said, word
            files = [path for path in self.app.cache.rglob("*") if path.is_file()]
            assert not [path.name for path in files if word in path.read_bytes() or word in os.fsencode(path)], word
            for pid in [self.app.pid, *self.app.children()]:
                assert word not in Path(f"/proc/{pid}/cmdline").read_bytes(), word

    def assert_serves(self) -> None:
        """An honest visitor gets what they came for."""
        visitor = Visitor(self.app.address, self.app.page)
        ends = sit(visitor, coloured_face(20)[0]) + visitor.fire("run", "click")
        assert all(end.is_done for end in ends), ends[-1]
        assert visitor.fetch(visitor.value("compare")[1]).status == 200
        self.heard(*ends)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One app for all attacks, with models planted in its folder and secrets in its environment."""
    folder = tmp_path_factory.mktemp("attacks")
    models = tiny_models(folder / "models")
    good = (models / "tiny-10.safetensors").read_bytes()
    for name in PLANTED:
        also_list(models, name, good)
    with watched_app(folder, models, **SECRETS) as app:
        bad = {
            "planted-pickle": pickle.dumps(Runs(f"touch {folder / 'planted'}")),
            "planted-header": (1 << 40).to_bytes(8, "little") + b"{}",
            "planted-cut": good[: len(good) // 2],
        }
        for name in PLANTED:
            also_list(models, name, bad[name])
        (models / "planted.pt").write_bytes(bad["planted-pickle"])
        yield Ground(app, folder)


@pytest.fixture(scope="module")
def stalled(ground: Ground) -> list[float]:
    """Posts that stop in the middle, and after how long each was closed; filled while other tests go on."""
    host, port = ground.app.address.removeprefix("http://").split(":")
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n"
    head += b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    closed_s: list[float] = []

    def stall(number: int) -> None:
        source = (f"127.0.6.{1 + number % 10}", 0)
        with closing(socket.create_connection((host, int(port)), 40, source)) as line:
            began_s = time.monotonic()
            line.sendall(head)
            answer = line.recv(100)
            assert answer.startswith(b"HTTP/1.1 408"), answer
            closed_s.append(time.monotonic() - began_s)

    for number in range(STALLED):
        threading.Thread(target=stall, args=(number,), daemon=True).start()
    return closed_s


def assert_headers(answer: Answer) -> None:
    for name, value in SECURITY_HEADERS:
        assert answer.headers[name.decode()] == value.decode()


def raw(ground: Ground, *parts: bytes, most: int = 400 * MIB) -> bytes:
    """Send bytes as they stand, repeating the last part until the server hangs up or `most` are sent."""
    host, port = ground.app.address.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=40)) as line:
        sent = 0
        try:
            for part in parts:
                line.sendall(part)
            while sent < most:
                line.sendall(parts[-1])
                sent += len(parts[-1])
        except OSError:
            pass
        try:
            return line.recv(65536)
        except OSError:  # hung up while bytes were still coming in: nobody reads them
            return b""


def test_stalled_posts_hold_up_nobody(ground: Ground, stalled: list[float]) -> None:
    del stalled
    time.sleep(0.5)
    visitor = Visitor(ground.app.address, ground.app.page, source="127.0.9.9")
    assert visitor.upload(coloured_face(3)[0])["path"]


def test_bodies_of_any_size_cost_no_memory(ground: Ground) -> None:
    """300 MB of JSON declared and undeclared, 200 MB in a field without a name, a data URL, 200 files in one post."""
    app = ground.app
    ground.assert_serves()
    app.forget_peak()
    before = app.rss_bytes
    head = f"POST {JOIN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    assert raw(ground, f"{head}Content-Length: 300000000\r\n\r\n".encode(), b'{"data": ["').startswith(b"HTTP/1.1 413")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    told = raw(ground, f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), chunk)
    assert told == b"" or told.startswith(b"HTTP/1.1 413")
    assert app.peak_bytes - before <= 50 * MIB

    for parts in (
        [("", None, b"x" * (200 * MIB))],
        [("field", None, b"x" * (30 * MIB))],
        [("files", f"{number}.jpg", b"x") for number in range(200)],
        [(f"field{number}", None, b"") for number in range(200)],
        [("files", "a.jpg", b"x" * (40 * MIB))],
    ):
        body, content_type = multipart(parts)
        answer = ask(app.address, UPLOAD, body, {"Content-Type": content_type})
        assert answer.status == 413, answer
        assert_headers(answer)
        ground.heard(answer)
    data_url = "data:image/png;base64," + "A" * (20 * MIB)
    for value in (data_url, {"path": None, "url": data_url}, {"url": data_url, "meta": {"_type": "gradio.FileData"}}):
        visitor = Visitor(app.address, app.page)
        visitor.put("photo", value)
        assert visitor.fire("photo", "input")[0].status == 413
    assert app.peak_bytes - before <= 50 * MIB
    log.info(f"after the large bodies: RSS {before / MIB:.0f} MiB, at most {(app.peak_bytes - before) / MIB:.0f} more")
    ground.assert_serves()


def elsewhere(ground: Ground) -> list[str]:
    """Names of what is not the page's: other files, other hosts, however they are spelt."""
    text, picture, cache = str(ground.text), str(ground.picture), str(ground.app.cache)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    up = "../" * (cache.count("/") + 2)
    return [
        text, picture, "/etc/passwd", "/etc/passwd\0.jpg", f"{cache}/../../secret.txt", f"{cache}/{up}{text[1:]}",
        f"{cache}//..//..//secret.jpg", f"{cache}/./../../secret.txt", cache, f"{cache}/", "/", ".", "..", "",
        "~/.ssh/id_rsa", "app.py", "./app.py", "demo/ui.py", "../../etc/passwd", "..\\..\\etc\\passwd",
        "/proc/self/environ", "/proc/self/cmdline", "/proc/self/fd/0", "/proc/self/root/etc/passwd",
        f"/proc/{ground.app.pid}/environ", "/dev/zero", "/dev/stdin",
        f"file://{text}", f"file:{text}", f"FILE://localhost{text}", f"http://127.0.0.1:{port}/a.jpg",
        f"HTTP://127.0.0.1:{port}/a.jpg", f"https://localhost:{port}/a.jpg", f"http://[::1]:{port}/a.jpg",
        f"http://2130706433:{port}/a.jpg", f"http://0x7f.1:{port}/a.jpg", "http://169.254.169.254/latest/meta-data/",
        "http://example.com/a.jpg", "https://huggingface.co/front/assets/huggingface_logo.svg", "//example.com/a.jpg",
        "ftp://example.com/a.jpg", "gopher://127.0.0.1:70/x", "\\\\example.com\\share\\a.jpg", "data:text/plain,hello",
        "data:image/png;base64,AAAA", "http://example.com@127.0.0.1/a.jpg", "http:/example.com/a.jpg", "s3://bucket/a.jpg",
        "/gradio_api/file=/etc/passwd", f"{cache}/%2e%2e/%2e%2e/secret.txt", f"{cache}/..%2f..%2fsecret.txt",
        "/" + "a" * 5000,
    ]  # fmt: skip


def test_no_way_in_reads_other_files_or_asks_other_hosts(ground: Ground, is_full: bool) -> None:
    app = ground.app
    asked_before = app.connections.read_text()
    names = elsewhere(ground)
    assert len(names) >= 40
    ways = [
        "/gradio_api/file={}", "/gradio_api/file/{}", "/file={}", "/gradio_api/proxy={}", "/proxy={}", "/static/{}",
        "/assets/{}", "/svelte/{}", "/gradio_api/stream/{}/1/1/playlist.m3u8", "/{}", "/?deep_link={}",
        "/gradio_api/custom_component/{}/client/component/x", "/gradio_api/deep_link?session_hash={}",
        "/gradio_api/upload_progress?upload_id={}", "/gradio_api/file=x?__sign={}&redirect={}",
    ]  # fmt: skip
    tried = 0
    for way in ways:
        is_slow = "upload_progress" in way
        for number, name in enumerate(names[:2] if is_slow else names):
            spellings = [quote(name), quote(name, safe=""), quote(quote(name, safe="")), re.sub(r"[^!-~]", "", name)]
            for spelt in spellings[:1] if is_slow else spellings if is_full else [spellings[number % 4]]:
                path = way.replace("{}", spelt)
                answer = ask(app.address, path)
                ground.heard(answer)
                assert_headers(answer)
                assert answer.status < 500 or answer.status == 501, (path, answer.status)
                if answer.status == 200:  # the page itself, or a list of its own
                    assert b"root:" not in answer.body and b"def serve" not in answer.body, path
                    assert "text/html" in answer.headers["content-type"] or "file" not in way, path
                assert "location" not in answer.headers or answer.headers["location"].startswith(("/", app.address)), (
                    path
                )
                tried += 1
    log.info(f"{tried} addresses tried")
    ground.assert_untouched()
    ground.assert_no_word_of(ground.canary)
    assert asked_since(app, asked_before) == []


def asked_since(app: Watched, before: str) -> list[str]:
    """Hosts other than itself that the server's process asked for."""
    own = app.address.rpartition(":")[2]
    return [line for line in app.connections.read_text()[len(before) :].splitlines() if f", {own})" not in line]


def shapes(name: str, picture_meta: dict[str, Any]) -> list[Any]:
    """One name in every shape that a component may take a file in."""
    return [
        {"path": name, "meta": picture_meta},
        {"path": name},
        {"path": name, "is_stream": True, "meta": picture_meta},
        {"path": name, "url": f"http://127.0.0.1:1/{name}", "orig_name": "../../x.jpg", "meta": picture_meta},
        [{"image": {"path": name, "meta": picture_meta}, "caption": None}],
        [{"path": name, "meta": picture_meta}, None],
        {"video": {"path": name, "meta": picture_meta}, "subtitles": None},
        {"background": {"path": name, "meta": picture_meta}, "layers": [], "composite": None},
        name,
        [name],
    ]


def test_no_component_takes_other_files_or_asks_other_hosts(ground: Ground, is_full: bool) -> None:
    app = ground.app
    asked_before = app.connections.read_text()
    kinds = {number: one["type"] for number, one in app.page.components.items()}
    events = [
        (event, place)
        for event in app.page.dependencies.values()
        for place, number in enumerate(event["inputs"])
        if kinds[number] in FILE_KINDS and event["backend_fn"]
    ]
    assert events
    names = elsewhere(ground)
    if not is_full:
        names = names[:: max(1, len(names) * len(events) // 20)]  # fewer of the same where there are many components
    meta = {"_type": "gradio.FileData"}
    attacks = [(event, place, shape) for event, place in events for name in names for shape in shapes(name, meta)]

    def attack(one: tuple[dict[str, Any], int, Any]) -> None:
        event, place, shape = one
        visitor = Visitor(app.address, app.page)
        body = visitor.body_of(event)
        body["data"][place] = shape
        end = visitor.send(body)
        ground.heard(end)
        assert end.status in (200, 400, 403, 404, 410, 413, 422, 429, 503), (event["api_name"], shape, end)

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(attack, attacks))
    log.info(f"{len(attacks)} files named to {len(events)} components")
    ground.assert_untouched()
    ground.assert_no_word_of(ground.canary)
    assert asked_since(app, asked_before) == []
    ground.assert_serves()


JUNK: tuple[Any, ...] = (
    None, True, -1, 10**30, -1e308, "", "x" * 5000, "١٢٣", "<script>alert(1)</script>", [], [[[]]], {},
    {"a": {"b": []}}, [0] * 5000, {"__type__": "update", "value": 5}, {"index": 10**9, "value": "x"}, "NaN",
    {"path": None}, ["5", -5, 1e9],
)  # fmt: skip


def test_no_event_tells_of_the_server_whatever_it_is_given(ground: Ground, is_full: bool) -> None:
    """Every event of the page with every input replaced, in turn, by what it does not expect."""
    app = ground.app
    events = [one for one in app.page.dependencies.values() if one["backend_fn"]]
    junk = JUNK if is_full else JUNK[:: max(1, len(JUNK) * len(events) // 60)]

    def attack(one: tuple[dict[str, Any], Any]) -> None:
        event, thing = one
        visitor = Visitor(app.address, app.page)
        body = visitor.body_of(event, event_data=thing, trigger=(event["targets"] or [[None]])[0][0])
        body["data"] = [thing] * len(body["data"])
        end = visitor.send(body)
        ground.heard(end)
        assert end.status in (200, 400, 403, 404, 410, 413, 422, 429, 503), (event["api_name"], thing, end)
        if end.messages:
            assert end.messages[-1]["msg"] == "process_completed", (event["api_name"], thing, end)

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(attack, [(event, thing) for event in events for thing in junk]))
    for body in (b"NaN", b'{"fn_index": 1e999}', b'{"data": [' * 3000, json.dumps({"data": [float("nan")]}).encode()):
        answer = ask(app.address, JOIN, body, {"Content-Type": "application/json"})
        assert answer.status in (400, 404)
        ground.heard(answer)
    ground.assert_untouched()
    for answer in ground.answers:
        assert b"Traceback" not in answer and b"site-packages" not in answer and b'line "' not in answer
    ground.assert_serves()


def test_ages_that_are_none_are_refused(ground: Ground) -> None:
    """The one number that a visitor may give: whatever it is, there is a picture or a sentence."""
    app = ground.app
    visitor = Visitor(app.address, app.page)
    assert sit(visitor, coloured_face(20)[0])[-1].is_done
    for years in (-1, -1e9, 121, 1e9, 1e308, "fifty", None, [50], True, 0.5, {"years": 5}):
        visitor.put("years", years)
        end = visitor.fire("years", "input")[0]
        ground.heard(end)
        assert end.status == 200 and end.messages[-1]["msg"] == "process_completed", (years, end)
    for index in (-1, 10**9, "0", None, [0, 1], 3.7):
        for elem_id in ("strip", "faces"):
            end = visitor.fire(elem_id, "select", {"index": index, "value": None, "selected": True})[0]
            ground.heard(end)
            assert end.messages[-1]["msg"] == "process_completed", (index, end)
    ground.assert_serves()


def test_nobody_is_given_what_another_visitor_holds(ground: Ground) -> None:
    """A session's name is all that tells visitors apart; one that is not known gives nothing."""
    app = ground.app
    visitor = Visitor(app.address, app.page)
    assert all(end.is_done for end in sit(visitor, coloured_face(21)[0]))
    stranger = Visitor(app.address, app.page)
    stranger.values = dict(visitor.values)
    end = stranger.fire("run", "click")[-1]
    assert "no longer held here" in json.dumps(end.messages[-1])
    for session in ("", "*", "%", visitor.session.upper(), visitor.session[:-1]):
        answer = ask(app.address, f"/gradio_api/queue/data?session_hash={quote(session)}")
        assert visitor.value("photo")["path"].encode() not in answer.body


def marked(kind: str, orientation: int, canary: str) -> bytes:
    """A face with a canary in every place that metadata can be in, lying as the orientation says."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    for tag in (0x010E, 0x010F, 0x0110, 0x013B, 0x8298):
        exif[tag] = canary
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[29] = canary
    exif.get_ifd(0x8769)[0x9286] = canary.encode()
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{canary}</x:xmpmeta>".encode()
    picture = Image.fromarray(decode_photo(coloured_face(30)[0]))
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    if back is not None:
        picture = picture.transpose(Image.Transpose(back))
    out = io.BytesIO()
    if kind == "JPEG":
        picture.save(out, kind, exif=exif, xmp=xmp, comment=canary, quality=92)
    elif kind == "PNG":
        text = PngInfo()
        text.add_text("Comment", canary)
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        picture.save(out, kind, exif=exif, pnginfo=text)
    else:
        picture.save(out, kind, exif=exif, xmp=xmp, lossless=True)
    data = out.getvalue()
    assert canary.encode() in data
    return data


def test_nothing_that_a_photo_says_of_itself_comes_out(ground: Ground) -> None:
    """Every place for metadata in three formats, lying in eight ways; and what comes out stands upright."""
    app = ground.app
    canary = f"canary-of-a-photo-{secrets.token_hex(6)}"
    upright = decode_photo(coloured_face(30)[0]).astype(int)
    for kind in ("JPEG", "PNG", "WEBP"):
        for orientation in range(1, 9):
            visitor = Visitor(app.address, app.page)
            file = visitor.upload(marked(kind, orientation, canary), f"{canary}.{kind.lower()}")
            visitor.put("photo", file)
            visitor.put("consent", True)
            end = visitor.fire("photo", "input")[0]
            assert end.is_done
            shown = visitor.fetch(visitor.value("photo"))
            seen = decode_photo(shown.body).astype(int)
            assert seen.shape == upright.shape, (kind, orientation)
            assert np.abs(seen - upright).mean() < 4, (kind, orientation)
            assert canary.encode() not in shown.body
    kept = [path for path in app.cache.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]
    assert kept == []
    assert canary.encode() not in app.said


def test_a_decoder_that_dies_takes_one_request_with_it(ground: Ground, is_full: bool) -> None:
    app = ground.app
    noise = np.random.default_rng(0).integers(0, 256, (2400, 3200, 3), dtype=np.uint8)
    heavy = encode_png(noise)
    for number in range(50 if is_full else 2):
        visitor = Visitor(app.address, app.page)
        visitor.put("photo", visitor.upload(heavy, f"heavy{number}.png"))
        ends: list[Ending] = []
        thread = threading.Thread(target=lambda v=visitor, e=ends: e.extend(v.fire("photo", "input")))
        thread.start()
        time.sleep(0.03 + 0.02 * (number % 10))
        for pid in decoders(app):
            os.kill(pid, signal.SIGKILL)
        thread.join(60)
        assert ends and all(end.is_done for end in ends)
        honest = Visitor(app.address, app.page)
        honest.put("photo", honest.upload(coloured_face(number)[0]))
        end = honest.fire("photo", "input")[0]
        assert end.is_done and "alert" not in str(honest.value("notice"))
        ground.heard(end, *ends)


def decoders(app: Watched) -> list[int]:
    return [pid for pid in app.children() if b"core.isolation" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_planted_models_are_refused_by_name_and_run_nothing(ground: Ground) -> None:
    app = ground.app
    visitor = Visitor(app.address, app.page)
    assert all(end.is_done for end in sit(visitor, coloured_face(22)[0]))
    for name in PLANTED:
        visitor.put("model", name)
        end = visitor.fire("model", "input")[0]
        ground.heard(end)
        assert end.is_done and "alert" in str(visitor.value("notice")), (name, end)
        assert name in str(visitor.value("notice"))
    visitor.put("model", "../../etc/passwd")
    assert not visitor.fire("model", "input")[0].is_done
    ground.assert_untouched()
    ground.assert_serves()


def test_secrets_and_names_are_told_to_nobody(ground: Ground) -> None:
    """After everything above: not in the page, an answer, the log, a file, a command line."""
    app = ground.app
    for path in ("/", "/de", "/config", "/gradio_api/info", "/gradio_api/theme.css", "/manifest.json", "/nowhere"):
        ground.heard(ask(app.address, path))
    visitor = Visitor(app.address, app.page)
    name = f"maria-{secrets.token_hex(6)}"
    ends = sit(visitor, coloured_face(23)[0], f"{name}.jpg") + visitor.fire("run", "click")
    assert all(end.is_done for end in ends)
    broken = Visitor(app.address, app.page)
    broken.put("photo", broken.upload(b"no picture", f"{name}.jpg"))
    broken.fire("photo", "input")
    ground.assert_no_word_of(*(secret.encode() for secret in SECRETS.values()))
    assert name.encode() not in app.said
    assert b"\xff\xd8\xff" not in app.said and b"JFIF" not in app.said
    assert b"/9j/" not in app.said and b"iVBORw0KGgo" not in app.said, "a picture in letters"
    kinds = {path.suffix for path in app.cache.rglob("*") if path.is_file() and path.name != ".in-use"}
    assert not kinds & {".npy", ".npz", ".pkl", ".pt", ".bin", ".json", ".db"}


def test_stalled_posts_are_closed_in_time(ground: Ground, stalled: list[float]) -> None:
    assert until(lambda: len(stalled) == STALLED, 25) <= 25
    log.info(f"{STALLED} stalled posts closed after {max(stalled):.1f} s at most")
    assert max(stalled) <= 25
    ground.assert_serves()
