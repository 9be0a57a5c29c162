"""Which calls the page's server takes up: well-formed ones, about files that it holds, a fair number at a time.

Gradio takes a call's word for much: a file that is named is read, whoever named it; an event that does not exist is
an error of the server; whoever asks first may fill the queue. All that is answered here, before Gradio sees it.
"""

import ipaddress
import json
import os
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import gradio as gr

from demo.consent import GONE
from demo.guard import Application, Message, Receive, Send, answer
from demo.language import ENGLISH, NAMES, Language

CALLS = re.compile(r"/gradio_api/(queue/join|call/.+|stream/.+|cancel|reset)/?")
"""Paths that JSON is sent to."""
BYPASSES = re.compile(r"/gradio_api/(run/.+|api/.+|component_server)/?")
"""Ways to have something done without standing in the queue."""
NAMED = re.compile(r"/gradio_api/call/(?:v2/)?([^/]+)/?")
QUEUED = re.compile(r"/gradio_api/(queue/join|call/.+)/?")
"""Those of them that add to the queue."""
UPLOAD = re.compile(r"/gradio_api/upload/?")
SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
RETRY_AFTER_S = 30
MAX_UPLOADS = 64
"""That all may be sending at once where addresses tell nothing."""

BUSY = "Many people are using this just now. Try again in a minute."
YOURS = "Several of your requests are still waiting. Try again when they are done."
UNKNOWN = "The page has changed since it was opened. Reload it and try again."
MALFORMED = "This request cannot be understood. Reload the page and try again."

Refusal = tuple[int, str]
"""Status and sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdmissionLimits:
    """How much of the server one address may hold, and all together."""

    max_waiting: int = 16
    """Calls in the queue, not counting those at work."""
    max_waiting_per_address: int = 8
    """Of these from one address: half, so that nobody holds the whole queue, and a household behind one has enough."""
    max_uploads_per_address: int = 16
    """Uploads that one address may be sending at once."""

    def __post_init__(self) -> None:
        if not 0 < self.max_waiting_per_address <= self.max_waiting or self.max_uploads_per_address < 1:
            raise ValueError(
                f"of {self.max_waiting} places in the queue one address cannot have {self.max_waiting_per_address}"
            )

    @classmethod
    def here(cls) -> Self:
        """Of this machine. On a Hugging Face Space a few proxies ask for everybody: unless the operator has said whose
        word about addresses counts, an address there is no visitor, and gets no less than all together."""
        limits = cls()
        if not os.environ.get("SPACE_ID") or os.environ.get("FORWARDED_ALLOW_IPS"):
            return limits
        return replace(limits, max_waiting_per_address=limits.max_waiting, max_uploads_per_address=MAX_UPLOADS)


class Admission:
    """ASGI wrapper around Gradio's application."""

    def __init__(
        self,
        app: Application,
        blocks: Callable[[], gr.Blocks],
        limits: AdmissionLimits | None = None,
        arriving: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        """Args:
        app: Gradio's application.
        blocks: gives the page that is served; asked at each request, as it may be replaced.
        limits: how much one address may hold.
        arriving: told how many bytes of an upload have come; waited for before the next are taken.
        """
        self.app, self.blocks, self.arriving = app, blocks, arriving
        self.limits = limits or AdmissionLimits.here()
        self.uploading: Counter[str] = Counter()
        """Address -> uploads that it is sending."""
        self.joining: Counter[str] = Counter()
        """Address -> calls of it that are let in and not yet in the queue."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
        elif UPLOAD.fullmatch(scope["path"]):
            await self._upload(scope, receive, send)
        elif BYPASSES.fullmatch(scope["path"]):
            await refuse(send, 404, UNKNOWN)
        elif CALLS.fullmatch(scope["path"]):
            await self._call(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _upload(self, scope: Message, receive: Receive, send: Send) -> None:
        address = address_of(scope)
        if self.uploading[address] >= self.limits.max_uploads_per_address:
            await refuse(send, 429, YOURS)
            return

        async def counted() -> Message:
            message = await receive()
            if self.arriving is not None and message.get("body"):
                await self.arriving(len(message["body"]))
            return message

        with one_more(self.uploading, address):
            await self.app(scope, counted, send)

    async def _call(self, scope: Message, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        address = address_of(scope)
        refusal = self.refusal(scope["path"], body, address)
        if refusal is not None:
            await refuse(send, *refusal)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        with one_more(self.joining, address) if QUEUED.fullmatch(scope["path"]) else nullcontext():
            await self.app(scope, replay, send)

    def refusal(self, path: str, body: bytes, address: str) -> Refusal | None:
        """Why a call is not taken up; None if it is."""
        blocks = self.blocks()
        try:
            call = json.loads(body)
        except (ValueError, RecursionError):
            return 400, MALFORMED
        if not isinstance(call, dict):
            return 400, MALFORMED
        fn, say = None, Language(ENGLISH)
        if "fn_index" in call and call["fn_index"] is not None:
            fn = blocks.fns.get(call["fn_index"]) if type(call["fn_index"]) is int else None
            if fn is None or fn.fn is None:
                return 404, UNKNOWN
            say = Language(fn.page if fn.page in NAMES else ENGLISH)
        if (malformed := self._malformed(path, call, fn)) is not None:
            return malformed[0], say(malformed[1])
        if QUEUED.fullmatch(path):
            if len(blocks._queue) + self.joining.total() >= self.limits.max_waiting:
                return 503, say(BUSY)
            if num_waiting(blocks, address) + self.joining[address] >= self.limits.max_waiting_per_address:
                return 429, say(YOURS)
        return None

    def _malformed(self, path: str, call: dict[str, Any], fn: Any) -> Refusal | None:
        session = call.get("session_hash")
        if session is not None and (not isinstance(session, str) or not SESSION.fullmatch(session)):
            return 400, MALFORMED
        data = call.get("data")
        if (named := NAMED.fullmatch(path)) and named[1] not in public_names(self.blocks()):
            return 404, UNKNOWN
        if path.rstrip("/").endswith("queue/join"):
            if fn is None or not isinstance(data, list) or session is None:
                return 400, MALFORMED
            if len(data) != len(fn.inputs):
                return 404, UNKNOWN
        folder = Path(self.blocks().GRADIO_CACHE).resolve()
        faults = [fault for named in files_in(call) if (fault := fault_of(named, folder)) is not None]
        return faults[0] if faults else None


@contextmanager
def one_more(counts: Counter[str], address: str) -> Iterator[None]:
    """Counts one for an address meanwhile; addresses of which nothing is left are not kept."""
    counts[address] += 1
    try:
        yield
    finally:
        counts[address] -= 1
        if not counts[address]:
            del counts[address]


def public_names(blocks: gr.Blocks) -> set[str]:
    """What programs may call by name."""
    return {str(fn.api_name) for fn in blocks.fns.values() if fn.api_visibility == "public"}


def files_in(value: Any) -> list[Any]:
    """Whatever stands as the `path` of a file anywhere in a call; a file that is sent along needs none."""
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "path" in one and not (one["path"] is None and str(one.get("url") or "data:").startswith("data:")):
                found.append(one["path"])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def fault_of(named: Any, folder: Path) -> Refusal | None:
    """What is wrong with a file that a call names; None for one that lies in `folder`."""
    if not isinstance(named, str) or "\0" in named or not named.startswith("/") or len(named) > 4096:
        return 403, MALFORMED
    try:
        path = Path(named).resolve()
    except (OSError, RuntimeError):  # a name too long for the disk; links that run in a circle
        return 403, MALFORMED
    if not path.is_relative_to(folder) or path == folder:
        return 403, MALFORMED
    return None if path.is_file() else (410, GONE)


def address_of(scope: Message) -> str:
    """Who asks: the address as uvicorn tells it, which believes a proxy's word only where FORWARDED_ALLOW_IPS says so.

    Of an IPv6 address the network, as every household has 2**64 of them.
    """
    host = str((scope.get("client") or ("unknown", 0))[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def num_waiting(blocks: gr.Blocks, address: str) -> int:
    """Calls of one address that are in the queue."""
    queues = blocks._queue.event_queue_per_concurrency_id.values()
    return sum(address_of(event.request.scope) == address for queue in queues for event in queue.queue)


async def refuse(send: Send, status: int, sentence: str) -> None:
    """A refusal as Gradio's own script shows it."""
    again = [(b"retry-after", str(RETRY_AFTER_S).encode())] if status in (429, 503) else []
    await answer(send, status, {"detail": sentence}, *again)
