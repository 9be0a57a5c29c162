"""A visitor without a browser: speaks to the page's server as Gradio's own script does, and can misbehave."""

import http.client
import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, urlsplit

from gradio_client.utils import apply_diff  # type: ignore[import-untyped]

BUSY = (429, 503)
"""Statuses of a clean refusal: too many of one's own wait, or too many of everybody's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How one event ended."""

    status: int
    """Of joining the queue: 200, or why not."""
    detail: Any = None
    """What was said where it was refused."""
    messages: tuple[dict[str, Any], ...] = ()
    """Everything the server sent about it, in order."""
    took_s: float = 0.0
    """From asking to the last word."""
    worked_s: float = 0.0
    """Of that, from the start of the work."""

    @property
    def is_busy(self) -> bool:
        return self.status in BUSY

    @property
    def is_done(self) -> bool:
        return bool(self.messages) and self.messages[-1].get("success") is True

    @property
    def output(self) -> list[Any]:
        """What the page's components were given at the end."""
        return list(self.messages[-1]["output"]["data"])


@dataclass(frozen=True, slots=True)
class Page:
    """What the server says the page is made of."""

    components: Mapping[int, dict[str, Any]]
    dependencies: Mapping[int, dict[str, Any]]
    ids: Mapping[str, int] = field(default_factory=dict)
    """elem_id -> component, of the page's own language only."""

    def event(self, elem_id: str, name: str) -> dict[str, Any]:
        """The event of a component that calls Python."""
        target = [self.ids[elem_id], name]
        found = [one for one in self.dependencies.values() if target in one["targets"] and one["backend_fn"]]
        assert len(found) == 1, f"{elem_id}.{name}: {len(found)} events"
        return found[0]

    def after(self, number: int) -> list[dict[str, Any]]:
        """Events that follow another by themselves, without those that only run in the browser."""
        following = [one for one in self.dependencies.values() if one["trigger_after"] == number]
        return [one for one in following if one["backend_fn"]]


def ask(
    address: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "",
    timeout_s: float = 60.0,
    source: str = "",
) -> Answer:
    """One request, sent as it stands: nothing of the path is tidied up."""
    line = line_to(address, timeout_s, source)
    try:
        line.putrequest(method or ("GET" if body is None else "POST"), path, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            line.putheader(name, value)
        if body is not None:
            line.putheader("Content-Length", str(len(body)))
        line.endheaders()
        try:
            if body:
                line.send(body)
        except OSError:
            pass  # refused before all of it was sent: the answer is there to be read
        answer = line.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return Answer(status=answer.status, headers=found, body=answer.read())
        except http.client.IncompleteRead as broken:  # the server broke off
            return Answer(status=answer.status, headers=found, body=broken.partial)
    finally:
        line.close()


def line_to(address: str, timeout_s: float, source: str = "") -> http.client.HTTPConnection:
    """A connection from a given address of this machine."""
    bound = (source, 0) if source else None
    return http.client.HTTPConnection(urlsplit(address).netloc, timeout=timeout_s, source_address=bound)


def post_json(address: str, path: str, value: Any, timeout_s: float = 60.0, source: str = "") -> Answer:
    body = json.dumps(value).encode()
    return ask(address, path, body, {"Content-Type": "application/json"}, timeout_s=timeout_s, source=source)


def multipart(parts: list[tuple[str, str | None, bytes]]) -> tuple[bytes, str]:
    """Body and content type of a form; a part is its name, its file name or None, its bytes."""
    boundary = secrets.token_hex(12)
    body = b""
    for name, file_name, data in parts:
        told = "" if file_name is None else f'; filename="{file_name}"'
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'.encode() + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def page_at(address: str, language: str = "") -> Page:
    """The page as served now."""
    config = ask(address, "/config").json
    own = set(config["page"][language]["components"])
    deps = set(config["page"][language]["dependencies"])
    components = {one["id"]: one for one in config["components"]}
    named = {one["props"]["elem_id"]: number for number, one in components.items()
             if number in own and one["props"].get("elem_id")}  # fmt: skip
    dependencies = {one["id"]: one for one in config["dependencies"] if one["id"] in deps}
    return Page(components, dependencies, named)


def shown_by(messages: Iterable[dict[str, Any]]) -> Iterator[list[Any]]:
    """What components are given one time after the other: first whole, then as changes, at the end whole again."""
    latest: list[Any] = []
    for message in messages:
        data = (message.get("output") or {}).get("data")
        if not data or message.get("success") is not True:
            continue
        if message["msg"] == "process_generating" and latest:
            latest = [apply_diff(old, change) for old, change in zip(latest, data, strict=True)]
        else:
            latest = list(data)
        yield latest


class Visitor:
    """One visitor with a session of its own; keeps what its page would show."""

    def __init__(self, address: str, page: Page | None = None, timeout_s: float = 120.0, source: str = "") -> None:
        """Args:
        address: of the server.
        page: what it serves, where that is known already.
        timeout_s: after which a request counts as hung.
        source: own address, 127.0.0.0/8; empty for any.
        """
        self.address, self.timeout_s, self.source = address, timeout_s, source
        self.page = page or page_at(address)
        self.session = secrets.token_hex(6)
        self.values = {number: one["props"].get("value") for number, one in self.page.components.items()}

    def value(self, elem_id: str) -> Any:
        """What a component of the page shows now."""
        return self.values[self.page.ids[elem_id]]

    def put(self, elem_id: str, value: Any) -> None:
        self.values[self.page.ids[elem_id]] = value

    def upload(self, data: bytes, name: str = "photo.jpg") -> dict[str, Any]:
        """Send a file; gives back what a component is given in its stead."""
        body, content_type = multipart([("files", name, data)])
        headers = {"Content-Type": content_type}
        answer = ask(self.address, "/gradio_api/upload", body, headers, timeout_s=self.timeout_s, source=self.source)
        if answer.status != 200:
            raise Refused(answer)
        return {
            "path": answer.json[0],
            "orig_name": name,
            "size": len(data),
            "mime_type": "image/jpeg",
            "meta": {"_type": "gradio.FileData"},
        }

    def fire(self, elem_id: str, event: str, event_data: Any = None) -> list[Ending]:
        """Let an event happen and everything that follows by itself; stops at the first that is refused or fails."""
        ends: list[Ending] = []
        waiting = [self.page.event(elem_id, event)]
        while waiting:
            one = waiting.pop(0)
            ends.append(self.call(one, event_data, self.page.ids[elem_id]))
            if not ends[-1].is_done:
                break
            waiting += self.page.after(one["id"])
        return ends

    def body_of(self, event: dict[str, Any], event_data: Any = None, trigger: int | None = None) -> dict[str, Any]:
        """What the page would send for an event."""
        states = {number for number, one in self.page.components.items() if one["type"] == "state"}
        data = [None if number in states else self.values[number] for number in event["inputs"]]
        return {
            "data": data,
            "event_data": event_data,
            "fn_index": event["id"],
            "trigger_id": trigger,
            "session_hash": self.session,
        }

    def call(self, event: dict[str, Any], event_data: Any = None, trigger: int | None = None) -> Ending:
        """Queue one event, wait for its end, and take over what it shows."""
        end = self.send(self.body_of(event, event_data, trigger))
        for outputs in shown_by(end.messages):
            for number, value in zip(event["outputs"], outputs, strict=False):
                self.take(number, value)
        return end

    def take(self, number: int, value: Any) -> None:
        if isinstance(value, dict) and value.get("__type__") == "update":
            if "value" in value:
                self.values[number] = value["value"]
        else:
            self.values[number] = value

    def send(self, body: dict[str, Any]) -> Ending:
        """Queue a body as it stands and wait for its end."""
        started = time.monotonic()
        answer = post_json(self.address, "/gradio_api/queue/join", body, self.timeout_s, self.source)
        if answer.status != 200:
            detail = answer.json.get("detail") if answer.body.startswith(b"{") else answer.body.decode(errors="replace")
            return Ending(status=answer.status, detail=detail, took_s=time.monotonic() - started)
        event_id = answer.json["event_id"]
        messages, at_work = [], started
        for message in self.messages_about(event_id, started + self.timeout_s):
            messages.append(message)
            if message["msg"] == "process_starts":
                at_work = time.monotonic()
        now = time.monotonic()
        return Ending(status=200, messages=tuple(messages), took_s=now - started, worked_s=now - at_work)

    def messages_about(self, event_id: str, deadline_s: float) -> Iterator[dict[str, Any]]:
        """What the server says about one event, up to its end; nothing more where it fell silent."""
        with Listening(self.address, self.session, self.timeout_s, self.source) as heard:
            for message in heard:
                if message.get("event_id") == event_id:
                    yield message
                    if message["msg"] == "process_completed":
                        return
                if time.monotonic() > deadline_s:
                    return

    def fetch(self, file: Mapping[str, Any]) -> Answer:
        """A file that a component shows."""
        return ask(self.address, "/gradio_api/file=" + quote(str(file["path"])), timeout_s=self.timeout_s)


class Refused(Exception):
    """The server took no upload."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.body[:200]!r}")
        self.answer = answer


class Listening:
    """The line on which the server sends what becomes of a session's events; closed on leaving."""

    def __init__(self, address: str, session: str, timeout_s: float = 60.0, source: str = "") -> None:
        self.line = line_to(address, timeout_s, source)
        self.line.request("GET", f"/gradio_api/queue/data?session_hash={session}")
        self.answer = self.line.getresponse()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()
        self.line.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while said := self.answer.readline():
            if said.startswith(b"data: "):
                yield json.loads(said[6:])
