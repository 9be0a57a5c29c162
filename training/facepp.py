"""The door to the Face++ service: a request out, a reply back. The keys are read, kept and blanked out here only.

Facts of the service (reference, section 7, and its published documentation): POST, multipart form, JSON answers; a
failed request carries `error_message`; HTTP 403 CONCURRENCY_LIMIT_EXCEEDED means too many requests a second; an entity
that is too large is refused with 413 in plain text.
"""

import ipaddress
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, Self
from urllib.parse import urlsplit

import httpx2

from core.cells import visible
from core.errors import FaceppRefused

Method = Literal["detect", "compare"]
"""What the service is asked: the age of the face in one picture, or how alike the faces in two are."""

KEY_VARIABLE, SECRET_VARIABLE = "FACEPP_KEY", "FACEPP_SECRET"
FILE_FIELDS: Final[Mapping[Method, tuple[str, ...]]] = {
    "detect": ("image_file",),
    "compare": ("image_file1", "image_file2"),
}
OPTIONS: Final[Mapping[Method, Mapping[str, str]]] = {"detect": {"return_attributes": "age"}, "compare": {}}
MAX_TIMEOUT_S: Final = 3600.0
MAX_ANSWER_BYTES: Final = 1 << 20
MAX_ERROR_LETTERS: Final = 200
NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
"""Faults that come before the request has left."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """What a call is paid with. Neither field shows in its repr."""

    key: str = field(repr=False)
    """API key."""
    secret: str = field(repr=False)
    """API secret."""

    def blank(self, value: Any) -> Any:
        """The same JSON value; wherever one of the two stands in a text, *** stands instead."""
        if isinstance(value, str):
            for word in sorted((self.key, self.secret), key=len, reverse=True):
                value = value.replace(word, "***")
            return value
        if isinstance(value, dict):
            return {self.blank(name): self.blank(one) for name, one in value.items()}
        return [self.blank(one) for one in value] if isinstance(value, list) else value


def credentials_from_environment() -> Credentials:
    """Key and secret from FACEPP_KEY and FACEPP_SECRET, the only place they are ever read from.

    Raises:
        FaceppRefused: one of them is not set, or cannot be a key; the sentence does not hold its value.
    """
    values = {name: os.environ.get(name, "").strip() for name in (KEY_VARIABLE, SECRET_VARIABLE)}
    for name, value in values.items():
        if not value:
            raise FaceppRefused(f"{name} is not set; put the key of your Face++ account into the environment")
        if not (value.isascii() and value.isprintable()):
            raise FaceppRefused(f"{name} holds letters that no Face++ key has; copy it again")
    return Credentials(key=values[KEY_VARIABLE], secret=values[SECRET_VARIABLE])


def checked_endpoint(endpoint: str) -> str:
    """The endpoint without a slash at its end, if the keys may be sent there.

    Raises:
        ValueError: not https (http is for this machine alone), no host, or more than a scheme, host, port and path.
    """
    parts = urlsplit(endpoint)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the endpoint is an address such as https://HOST, without user, password, ? and #")
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("https", "http"):
        raise ValueError(f"the endpoint is an address such as https://api-us.faceplusplus.com, got {endpoint!r}")
    if parts.scheme == "http" and not is_this_machine(host):
        raise ValueError(f"{endpoint} would send the keys unencrypted; use https")
    return endpoint.rstrip("/")


def is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back for one request, with the keys blanked out of it."""

    http_status: int | None
    """None where no answer came."""
    error: str = ""
    """The service's error message, or what went wrong on the way; "" for an answer to what was asked."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """The JSON object."""
    was_sent: bool = True
    """False where the request never left this machine."""

    @property
    def is_passing(self) -> bool:
        """True for a fault that another try may not meet: too many requests, the server's own, the line's."""
        if self.http_status is None or self.http_status >= 500 or self.http_status == 429:
            return True
        return self.error.startswith("CONCURRENCY_LIMIT_EXCEEDED") or (bool(self.error) and self.http_status == 200)

    @property
    def is_free(self) -> bool:
        """True where nothing can have been charged: it was never sent, or refused with a 3xx or 4xx."""
        return not self.was_sent or (self.http_status is not None and 300 <= self.http_status < 500)

    @property
    def ends_all(self) -> bool:
        """True where every further call would be refused too: keys, rights, balance, address."""
        if self.http_status is None or self.is_passing:
            return False
        is_unauthorised = self.error.startswith(("AUTHENTICATION_ERROR", "AUTHORIZATION_ERROR"))
        return is_unauthorised or self.http_status in (401, 404) or 300 <= self.http_status < 400


class Service:
    """The service at one endpoint, over one connection. Not for two threads at once."""

    def __init__(self, credentials: Credentials, endpoint: str, timeout_s: float) -> None:
        """Make a client; nothing is sent yet.

        Args:
            endpoint: scheme and host, as `checked_endpoint` lets through.
            timeout_s: for the connection, each piece sent or received, and the whole answer; up to an hour.
        Raises:
            ValueError: the endpoint is not allowed, or the time is not above 0 and at most an hour.
        """
        if not 0 < timeout_s <= MAX_TIMEOUT_S:
            raise ValueError(f"timeout_s is above 0 and at most {MAX_TIMEOUT_S:g}, got {timeout_s}")
        self.endpoint, self.timeout_s = checked_endpoint(endpoint), timeout_s
        self._credentials = credentials
        # A proxy of the environment would see what goes unencrypted to this machine.
        self._client = httpx2.Client(timeout=timeout_s, trust_env=self.endpoint.startswith("https:"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(self, method: Method, pictures: Sequence[bytes]) -> Reply:
        """Send one request and wait for what comes back.

        Args:
            pictures: whole JPEG or PNG files: one for "detect", two for "compare". They go without their names.
        """
        fields = FILE_FIELDS[method]
        form = {"api_key": self._credentials.key, "api_secret": self._credentials.secret, **OPTIONS[method]}
        files = {name: ("picture", data) for name, data in zip(fields, pictures, strict=True)}
        deadline_s = time.monotonic() + self.timeout_s
        data = bytearray()
        try:
            with self._client.stream("POST", f"{self.endpoint}/facepp/v3/{method}", data=form, files=files) as response:
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > MAX_ANSWER_BYTES:
                        return self._fault(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
                    if time.monotonic() > deadline_s:
                        return self._fault(f"the answer took longer than {self.timeout_s:g} s")
        except NEVER_SENT as error:
            return self._fault(sentence_of(error), was_sent=False)
        except httpx2.RequestError as error:
            return self._fault(sentence_of(error))
        return self._read(response.status_code, bytes(data))

    def _fault(self, reason: str, was_sent: bool = True) -> Reply:
        return Reply(http_status=None, error=self._credentials.blank(reason), was_sent=was_sent)

    def _read(self, http_status: int, data: bytes) -> Reply:
        """An answer's reply. One that is no JSON object is an error, whatever its status."""
        try:
            body = json.loads(data, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            what = "REQUEST_ENTITY_TOO_LARGE" if http_status == 413 else f"HTTP {http_status} without a JSON object"
            return Reply(http_status=http_status, error=what)
        body = self._credentials.blank(body)
        message = body.get("error_message")
        error = "" if message is None else visible(str(message))[:MAX_ERROR_LETTERS] or "an error without a name"
        if not error and http_status != 200:
            error = f"HTTP {http_status}"
        return Reply(http_status=http_status, error=error, body=body)


def sentence_of(error: httpx2.RequestError) -> str:
    """What went wrong on the way: the kind of fault and what is known of it."""
    return visible(f"{type(error).__name__} {error}".strip())[:MAX_ERROR_LETTERS]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
