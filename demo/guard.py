"""What a request may cost before anything reads it: size, time to send; and headers on every answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from demo.parts import FormLimits, PartCounter, boundary_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_NAME_BYTES = 255
"""Of each part of an address; no file system has longer names, and asking one for such is an error."""
UPLOAD_PATH = "/gradio_api/upload"
FILE_PATHS = ("/gradio_api/file=", "/gradio_api/file/")
"""Visitors' pictures; a browser that others use too keeps none of them."""

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "connect-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    )
)
"""The page loads nothing from elsewhere; Gradio's own scripts need the two 'unsafe' words."""

SECURITY_HEADERS = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestLimits:
    """The most a request may send, and for how long."""

    max_upload_bytes: int = 33 * 1024 * 1024
    """Body of an upload: one photo and the multipart wrapping."""
    max_body_bytes: int = 1024 * 1024
    """Body of every other request; these name files, they do not carry them."""
    body_timeout_s: float = 20.0
    """That a body may be waited for, all its pieces together; time in which nobody reads it does not count."""
    form: FormLimits = field(default_factory=FormLimits)
    """What the form of an upload may consist of."""

    def __post_init__(self) -> None:
        if not 0 < self.max_body_bytes <= self.max_upload_bytes:
            raise ValueError(f"max_body_bytes {self.max_body_bytes} is not in 1..{self.max_upload_bytes}")
        if self.body_timeout_s <= 0:
            raise ValueError(f"body_timeout_s must be positive, got {self.body_timeout_s}")


class _Refused(OSError):
    """Ends the application's reading of a body that is too long or too slow. An OSError: a broken line."""


class Guard:
    """ASGI wrapper: answers 413 or 408 in the application's stead, and adds the security headers."""

    def __init__(self, app: Application, limits: RequestLimits | None = None) -> None:
        self.app = app
        self.limits = limits or RequestLimits()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Exchange(self.limits, scope, receive, send).run(self.app)


class _Exchange:
    """One request under limits: counts and times the body, withholds the app's answer once refused."""

    def __init__(self, limits: RequestLimits, scope: Message, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        is_upload = str(scope["path"]).rstrip("/").endswith(UPLOAD_PATH)
        self.max_bytes = limits.max_upload_bytes if is_upload else limits.max_body_bytes
        self.timeout_s = limits.body_timeout_s
        self.remaining_s = limits.body_timeout_s
        self.num_bytes = 0
        headers = dict(reversed(scope["headers"]))  # of a header given twice, the first counts
        self.declared = headers.get(b"content-length", b"0")
        boundary = boundary_of(headers.get(b"content-type", b""))
        self.parts = None if boundary is None else PartCounter(boundary, limits.form)
        self.is_body_complete = False
        self.is_answered = False
        self.refusal: tuple[int, str] | None = None

    async def run(self, app: Application) -> None:
        if not self.declared.isdigit() or int(self.declared) > self.max_bytes:
            self.refusal = self._too_large()
        elif max(len(part.encode()) for part in str(self.scope["path"]).split("/")) > MAX_NAME_BYTES:
            self.refusal = (414, "The address is too long.")
        else:
            with suppress(_Refused):
                await app(self.scope, self.receive, self.send)
        if self.refusal and not self.is_answered:
            await self._refuse(*self.refusal)

    async def receive(self) -> Message:
        if self.is_body_complete:
            return await self._receive()
        began_s = asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.0, self.remaining_s))
        except TimeoutError:
            sentence = f"The request took longer than {self.timeout_s:g} s to arrive; send it again."
            self.refusal = (408, sentence)
            raise _Refused(self.refusal[1]) from None
        self.remaining_s -= asyncio.get_running_loop().time() - began_s
        body = message.get("body", b"")
        self.num_bytes += len(body)
        self.is_body_complete = not message.get("more_body", False)
        if self.num_bytes > self.max_bytes:
            self.refusal = self._too_large()
        elif self.parts is not None and not self.parts.read(body):
            self.refusal = (413, "The form holds more than one picture; send one file at a time.")
        if self.refusal:
            raise _Refused(self.refusal[1])
        return message

    async def send(self, message: Message) -> None:
        if self.refusal and not self.is_answered:
            return  # the application's own guess at what went wrong
        if message["type"] == "http.response.start":
            self.is_answered = True
            headers = [*message.get("headers", []), *SECURITY_HEADERS]
            if any(path in self.scope["path"] for path in FILE_PATHS):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await self._send(message)

    def _too_large(self) -> tuple[int, str]:
        return 413, f"The request is larger than {self.max_bytes / 2**20:g} MiB; send a smaller picture."

    async def _refuse(self, status: int, sentence: str) -> None:
        self.is_answered = True
        await answer(self._send, status, {"detail": sentence}, (b"connection", b"close"), *SECURITY_HEADERS)


async def answer(send: Send, status: int, value: Any, *headers: tuple[bytes, bytes]) -> None:
    """Send a value as JSON."""
    body = json.dumps(value).encode()
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})
