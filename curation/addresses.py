"""Which addresses may be asked: http and https on the public internet, spelled in the one plain way.

An address that is spelled in a way no honest list spells it (a number for a host, a user name, an escape in the host)
is refused for its spelling, whatever it would lead to. Where a name leads is checked when it is connected to, see
`curation.connecting`.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from curation.refusal import Refusal

MAX_ADDRESS: Final = 4096
"""Characters."""
PORTS: Final = {"http": 80, "https": 443}

CLOSED_4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # between a provider and its customers; holds Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's metadata, though a public address
        "169.254.0.0/16",  # link-local; holds the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; holds Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112: names of private addresses
        "192.52.193.0/24",  # AMT relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
OPEN_6: Final = IPv6Network("2000::/3")
"""The global unicast addresses. Everything beside them is private, local, multicast, or an IPv4 address in disguise."""
CLOSED_6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
NAT64: Final = IPv6Network("64:ff9b::/96")
"""How networks that speak IPv6 only reach IPv4: the last 32 bits are the address."""
ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""Bits 32 to 63 from the end where the last 32 bits are an IPv4 address that is tunnelled to."""
LOOPBACK_4: Final = IPv4Network("127.0.0.0/8")

CLOSED_NAMES: Final = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa"}
    | {"onion", "invalid", "test", "alt"}
)
"""Last labels of names that no public name server answers for."""
NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
HALF_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
SAFE_PATH: Final = "/%!$&'()*+,;=:@~"
SAFE_QUERY: Final = SAFE_PATH + "?"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """An address that may be asked, taken apart."""

    scheme: str
    """"http" or "https"."""
    host: str
    """In lower case and ASCII, without a dot at the end; an IPv6 address without brackets."""
    port: int
    path: str
    """With the query; begins with "/". Dots and needless escapes are resolved, so it means the same to everyone."""

    @property
    def authority(self) -> str:
        """Host as it stands in an address, with the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what one robots.txt speaks for."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole address."""
        return self.origin + self.path


def checked(url: str, *, allow_loopback: bool = False) -> Target:
    """Take an address apart if it may be asked. Opens no socket and asks no name server.

    Args:
        url: such as "https://upload.wikimedia.org/a/ab/Face.jpg"; a fragment is dropped.
        allow_loopback: lets 127.0.0.0/8 and ::1 through, at any port; for test servers.
    Raises:
        Refusal: it is malformed, or leads to what is not the public web: "address malformed", "scheme not allowed",
            "port not allowed" or "address not public".
    """
    if not isinstance(url, str) or not url or len(url) > MAX_ADDRESS:
        raise Refusal("address malformed", f"1 to {MAX_ADDRESS} characters are an address")
    if "\\" in url or any(unicodedata.category(one)[0] in "CZ" for one in url):
        raise Refusal("address malformed", "holds a space, a backslash or a character that is not shown")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Refusal("address malformed", str(error)) from None
    if parts.scheme not in PORTS:
        raise Refusal("scheme not allowed", f"{parts.scheme or 'none'}; http and https are")
    host, port_text = _host_and_port(parts)
    host, is_loopback = _checked_host(host)
    if is_loopback and not allow_loopback:
        raise Refusal("address not public", host)
    port = int(port_text or PORTS[parts.scheme])
    if port not in PORTS.values() and not is_loopback:
        raise Refusal("port not allowed", f"{port}; 80 and 443 are")
    if not 0 < port < 65536:
        raise Refusal("port not allowed", str(port))
    path = _without_dots(_plain(parts.path, SAFE_PATH) or "/")
    query = f"?{_plain(parts.query, SAFE_QUERY)}" if parts.query else ""
    return Target(scheme=parts.scheme, host=host, port=port, path=path + query)


def is_allowed(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether an IP address, as a name server gave it, may be connected to."""
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return False
    return is_public(number) or (allow_loopback and _is_loopback(number))


def is_this_machine(host: str) -> bool:
    """Whether a host, by name or number, is the loopback of this machine: where a secret may go unencrypted."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_public(number: IPv4Address | IPv6Address) -> bool:
    """Whether an IP address belongs to a host on the public internet, in a form that hides no other address."""
    if isinstance(number, IPv4Address):
        return number.is_global and not any(number in network for network in CLOSED_4)
    if number.scope_id is not None:
        return False
    inner = IPv4Address(int(number) & 0xFFFFFFFF)
    if number in NAT64:
        return is_public(inner)
    if (int(number) >> 32) & 0xFFFFFFFF in ISATAP and not is_public(inner):
        return False
    return number in OPEN_6 and number.is_global and not any(number in network for network in CLOSED_6)


def _is_loopback(number: IPv4Address | IPv6Address) -> bool:
    """127.0.0.0/8 or ::1; no other spelling of them."""
    return number in LOOPBACK_4 if isinstance(number, IPv4Address) else number == IPv6Address("::1")


def _host_and_port(parts: SplitResult) -> tuple[str, str]:
    """Host as it is written (an IPv6 address in its brackets) and the digits of the port, "" for none."""
    authority = parts.netloc
    if "@" in authority:
        raise Refusal("address malformed", "a user name stands before the host")
    if "%" in authority:
        raise Refusal("address malformed", "the host holds an escape or a zone")
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, ""
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise Refusal("address malformed", f"the port is {port[:20]!r}")
    return host, port


def _checked_host(written: str) -> tuple[str, bool]:
    """The host in its plain spelling, and whether it is loopback; refuses every other host that is not public."""
    if written.startswith("[") and written.endswith("]"):
        try:
            number: IPv4Address | IPv6Address = IPv6Address(written[1:-1])
        except ValueError:
            raise Refusal("address malformed", f"{written[:60]} is no IPv6 address") from None
        return _checked_number(number)
    host = written.lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise Refusal("address malformed", f"{written[:60]} is no host") from None
    host = host.removesuffix(".")
    labels = host.split(".")
    if NUMERIC.fullmatch(labels[-1]):  # then it is an IPv4 address to whoever resolves it, or an attempt at one
        try:
            number = IPv4Address(written)
        except ValueError:
            raise Refusal("address malformed", f"{written[:60]} is a number, not spelled as an address is") from None
        return _checked_number(number)
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise Refusal("address malformed", f"{written[:60]} is no host")
    if len(labels) < 2 or labels[-1] in CLOSED_NAMES:
        raise Refusal("address not public", host)
    return host, False


def _checked_number(number: IPv4Address | IPv6Address) -> tuple[str, bool]:
    is_loopback = _is_loopback(number)
    if not is_loopback and not is_public(number):
        raise Refusal("address not public", str(number))
    return str(number), is_loopback


def _plain(text: str, safe: str) -> str:
    """Escapes where they are needed and nowhere else, in capitals."""
    text = HALF_ESCAPE.sub("%25", quote(text, safe=safe))
    return ESCAPE.sub(_unescaped, text)


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in UNRESERVED else escape[0].upper()


def _without_dots(path: str) -> str:
    """A path without its "." and ".." (RFC 3986, 5.2.4), so that no rule about a folder can be walked around."""
    kept: list[str] = []
    steps = path.split("/")[1:]
    for step in steps:
        if step == "..":
            del kept[-1:]
        elif step != ".":
            kept.append(step)
    if steps[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
