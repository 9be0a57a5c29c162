"""The way out: connections that reach the public internet only, and answers that cannot take more than they are given.

The name is resolved here, every address it has is checked, and exactly the checked address is connected to: a name
that changes its mind between the check and the connection gains nothing. Time and bytes are counted where they come
in, at the socket, so no shape of an answer gets around them. There are no proxies, no cookies and no redirects here.
"""

import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import httpcore2
import httpx2

from curation.addresses import Target, is_allowed
from curation.allowance import Allowance
from curation.framing import Framing
from curation.refusal import Refusal

Headers = httpx2.Headers
Resolve = Callable[[str, int], Sequence[str]]
"""A host's name and a port -> its IP addresses. Raises OSError where it has none."""
Connect = Callable[[str, int, float], httpcore2.NetworkStream]
"""An IP address, a port and seconds -> a connection."""

MAX_ADDRESSES: Final = 4
"""Addresses of one host that are tried."""
KEPT_S: Final = 60.0
"""How long an idle connection is kept."""
MAX_REST: Final = 1 << 16
"""Bytes of an unwanted body that are read so the connection can be kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a server answered."""

    target: Target
    """Who was asked last."""
    status: int
    headers: Headers
    data: bytes
    """The body as it came; b"" where it was not wanted."""


class Stream(httpcore2.NetworkStream):
    """A connection whose reads and writes are paid for out of an allowance."""

    def __init__(self, stream: httpcore2.NetworkStream, backend: "Backend") -> None:
        self._stream, self._backend = stream, backend
        self._framing = Framing()
        self._is_clean = True

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        allowance = self._backend.allowance
        data = self._stream.read(max_bytes, timeout=allowance.left_s())
        allowance.take(len(data))
        self._backend.count(len(data))
        self._framing.follow(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._framing, self._is_clean = Framing(), False
        self._stream.write(buffer, timeout=self._backend.allowance.left_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        left_s = self._backend.allowance.left_s()
        return Stream(self._stream.start_tls(ssl_context, server_hostname, timeout=left_s), self._backend)

    def get_extra_info(self, info: str) -> Any:
        """A connection that holds more than the answer counts as ended: the rest would pass for the next answer."""
        if info == "is_readable" and not self._is_clean:
            return True
        return self._stream.get_extra_info(info)

    def settle(self, length: int | None, is_chunked: bool) -> bool:
        """To be called once an answer is read: whether nothing is known to have come after it."""
        surplus_bytes = self._framing.surplus_bytes(length, is_chunked)
        self._is_clean = surplus_bytes == 0
        return not surplus_bytes


class Backend(httpcore2.NetworkBackend):
    """Makes connections, to addresses that were checked."""

    def __init__(self, allow_loopback: bool, resolve: Resolve, connect: Connect) -> None:
        self._allow_loopback, self._resolve, self._connect = allow_loopback, resolve, connect
        self._errand = threading.local()
        self._lock = threading.Lock()
        self.num_bytes_read = 0

    @property
    def allowance(self) -> Allowance:
        """Of the request that this thread makes."""
        allowance = self._errand.allowance
        assert isinstance(allowance, Allowance)
        return allowance

    @allowance.setter
    def allowance(self, allowance: Allowance) -> None:
        self._errand.allowance = allowance

    def count(self, num_bytes: int) -> None:
        """Add to what was read by all."""
        with self._lock:
            self.num_bytes_read += num_bytes

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        addresses = self._addresses(host, port)
        for address in addresses:
            if not is_allowed(address, allow_loopback=self._allow_loopback):
                raise Refusal("address not public", f"{host} is at {address}")
        tried = addresses[:MAX_ADDRESSES]
        for place, address in enumerate(tried):
            left_s = self.allowance.left_s() / (len(tried) - place)
            try:
                return Stream(self._connect(address, port, left_s), self)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                fault = error
        raise Refusal("cannot connect", str(fault), is_passing=True)

    def _addresses(self, host: str, port: int) -> list[str]:
        """Every address of a host; waits for the name server no longer than the allowance lasts."""
        with suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        found: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                found.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                found.put(error)

        # The system's resolver takes no time limit, so it is left behind in a thread where it takes too long.
        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        try:
            addresses = found.get(timeout=self.allowance.left_s())
        except queue.Empty:
            raise self.allowance.too_slow() from None
        if isinstance(addresses, OSError | UnicodeError):
            raise Refusal("host not found", f"{host}: {addresses}", is_passing=True)
        if not addresses:
            raise Refusal("host not found", host, is_passing=True)
        return list(dict.fromkeys(addresses))


def resolve_by_system(host: str, port: int) -> list[str]:
    """As the machine resolves names."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def connect_by_socket(address: str, port: int, timeout_s: float) -> httpcore2.NetworkStream:
    """A TCP connection to an IP address."""
    return httpcore2.SyncBackend().connect_tcp(address, port, timeout=timeout_s)


class Opened:
    """An answer whose head has come and whose body has not."""

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response
        self.status: Final = response.status
        self.headers: Final = Headers(response.headers)
        length = self.headers.get("content-length", "")
        self._has_body = self.status not in (204, 304)
        is_number = length.isascii() and length.isdigit() and len(length) < 16
        self._length = (int(length) if is_number else None) if self._has_body else 0
        self._is_read = False

    def read(self, max_bytes: int) -> bytes:
        """The whole body.

        Raises:
            Refusal: "too large", whether it is announced or not; "broken answer": more came than was announced.
        """
        if self._length is not None and self._length > max_bytes:
            raise Refusal("too large", f"{self._length} bytes are announced, {max_bytes} are read")
        data = bytearray()
        for chunk in self._response.iter_stream():
            data += chunk
            if len(data) > max_bytes:
                raise Refusal("too large", f"over {max_bytes} bytes")
        self._is_read = True
        stream = self._response.extensions.get("network_stream")
        is_chunked = self._has_body and "transfer-encoding" in self.headers
        if isinstance(stream, Stream) and not stream.settle(self._length, is_chunked):
            raise Refusal("broken answer", "more came than was announced", is_passing=True)
        return bytes(data)

    def finish(self) -> None:
        """Make the connection ready for the next request where that is cheap; else it is closed."""
        if not self._is_read and (self._length or 0) <= MAX_REST:
            with suppress(Refusal, httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError):
                self.read(MAX_REST)


class Line:
    """Connections to any number of hosts, kept for a while. For any number of threads."""

    def __init__(self, *, allow_loopback: bool, num_kept: int, resolve: Resolve, connect: Connect) -> None:
        """Make one; nothing is connected yet.

        Args:
            num_kept: idle connections that are kept open.
        """
        self._backend = Backend(allow_loopback, resolve, connect)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            max_connections=None,
            max_keepalive_connections=num_kept,
            keepalive_expiry=KEPT_S,
            network_backend=self._backend,
        )

    @property
    def num_bytes_read(self) -> int:
        """Of everything that was ever received."""
        return self._backend.num_bytes_read

    @contextmanager
    def get(self, target: Target, headers: Mapping[str, str], allowance: Allowance) -> Iterator[Opened]:
        """Ask for a target; the answer's body can be read within.

        Raises:
            Refusal: "address not public", "host not found", "cannot connect", "connection broken", "broken answer",
                "too slow" or "too large"; also out of what is done within.
        """
        request = httpcore2.Request(
            "GET",
            httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=[("Host", target.authority), *headers.items()],
        )
        self._backend.allowance = allowance
        with allowance.spending(), refusing(allowance):
            response = self._pool.handle_request(request)
            try:
                opened = Opened(response)
                yield opened
                opened.finish()
            finally:
                response.close()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


@contextmanager
def refusing(allowance: Allowance) -> Iterator[None]:
    """What goes wrong on the line, as a Refusal."""
    try:
        yield
    except httpcore2.TimeoutException:
        raise allowance.too_slow() from None
    except httpcore2.ConnectError as error:
        raise Refusal("cannot connect", str(error), is_passing=True) from None
    except (httpcore2.NetworkError, httpcore2.RemoteProtocolError) as error:
        if allowance.num_bytes == 0:
            raise Refusal("connection broken", str(error), is_passing=True) from None
        raise Refusal("broken answer", str(error), is_passing=True) from None
