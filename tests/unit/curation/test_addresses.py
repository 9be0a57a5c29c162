"""Which addresses may be asked: every spelling of what is not public is refused, by reading it alone."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.addresses import checked, is_allowed, is_public
from curation.refusal import Refusal
from tests.hostile_addresses import BY_ADDRESS, BY_NAME, BY_PORT, BY_SCHEME, BY_SPELLING


def reason(url: str, *, allow_loopback: bool = False) -> str:
    """Why an address is refused; "" where it is not."""
    try:
        checked(url, allow_loopback=allow_loopback)
    except Refusal as refusal:
        return refusal.reason
    return ""


CASES = [
    *((name, url, "address not public") for name, url in (BY_ADDRESS | BY_NAME).items()),
    *((name, url, "address malformed") for name, url in BY_SPELLING.items()),
    *((name, url, "port not allowed") for name, url in BY_PORT.items()),
    *((name, url, "scheme not allowed") for name, url in BY_SCHEME.items()),
]


@pytest.mark.parametrize(("url", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_spelling_is_refused(url: str, expected: str) -> None:
    """Each for its own reason, so a count of reasons says what was tried."""
    assert reason(url) == expected


def test_there_are_sixty_spellings_at_least() -> None:
    assert len({case[1] for case in CASES}) >= 60


def test_loopback_is_let_through_on_request_and_nothing_else_is() -> None:
    for url in ("http://127.0.0.1:8089/a", "http://127.0.0.77:1/a", "https://[::1]:8443/a", "http://127.0.0.1/"):
        assert checked(url, allow_loopback=True).url == url
        assert reason(url) == "address not public"
    let_through = [url for _, url, _ in CASES if not reason(url, allow_loopback=True)]
    assert sorted(let_through) == sorted(
        [
            "http://127.0.0.1/",
            "http://127.8.9.10/",
            "https://127.0.0.1/latest/meta-data/",
            "http://[::1]/",
            "http://[0:0:0:0:0:0:0:1]/",
        ]
    )


GOOD = {
    "https://upload.wikimedia.org/a/ab/Face.jpg": "https://upload.wikimedia.org/a/ab/Face.jpg",
    "HTTP://Example.COM": "http://example.com/",
    "http://example.com:80/a": "http://example.com/a",
    "https://example.com:443/a": "https://example.com/a",
    "https://example.com:80/a": "https://example.com:80/a",
    "http://example.com:443/": "http://example.com:443/",
    "http://example.com:/a": "http://example.com/a",
    "http://example.com./a": "http://example.com/a",
    "http://bücher.example/ä b".replace(" ", "%20"): "http://xn--bcher-kva.example/%C3%A4%20b",
    "http://a_b.example.com/": "http://a_b.example.com/",
    "http://93.184.216.34/": "http://93.184.216.34/",
    "http://[2606:2800:220:1:248:1893:25c8:1946]/": "http://[2606:2800:220:1:248:1893:25c8:1946]/",
    "http://[64:ff9b::8.8.8.8]/": "http://[64:ff9b::808:808]/",
    "http://1.2.3.example.com/": "http://1.2.3.example.com/",
    "http://example.com/a#fragment": "http://example.com/a",
    "http://example.com?b=c": "http://example.com/?b=c",
    "http://example.com/?q=/../x": "http://example.com/?q=/../x",
}


@pytest.mark.parametrize(("url", "expected"), GOOD.items())
def test_honest_address_passes_in_its_plain_spelling(url: str, expected: str) -> None:
    assert checked(url).url == expected
    assert checked(expected).url == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/../private/x.jpg", "/private/x.jpg"),
        ("/a/%2e%2E/private/", "/private/"),
        ("/../../private", "/private"),
        ("/private/.", "/private/"),
        ("/./%70rivate/b/..", "/private/"),
        ("/%7euser/%e4", "/~user/%E4"),
        ("/100%/a%zz", "/100%25/a%25zz"),
        ("/a%2fb", "/a%2Fb"),
        ("//a", "//a"),
        ("", "/"),
    ],
)
def test_path_means_the_same_to_robots_txt_and_to_the_server(path: str, expected: str) -> None:
    assert checked("http://example.com" + path).path == expected


def test_an_address_has_an_end() -> None:
    assert reason("http://example.com/" + "a" * 4000) == ""
    assert reason("http://example.com/" + "a" * 5000) == "address malformed"
    assert reason("http://" + "a" * 64 + ".example.com/") == "address malformed"
    assert reason("http://" + "a." * 130 + "com/") == "address malformed"


@given(st.ip_addresses(v=4))
def test_public_ipv4_is_what_the_registry_calls_global_and_some_less(number: ipaddress.IPv4Address) -> None:
    if is_public(number):
        assert number.is_global and not number.is_multicast and not number.is_reserved and not number.is_private
    assert is_allowed(str(number)) == is_public(number)


@given(st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16", "100.64.0.0/10"]), st.data())
def test_no_ipv6_form_hides_a_private_ipv4(network: str, data: st.DataObject) -> None:
    inner = int(data.draw(st.ip_addresses(network=network)))
    low = data.draw(st.integers(0, (1 << 16) - 1))
    forms = [
        (0xFFFF << 32) | inner,
        inner,
        (0xFFFF << 48) | inner,
        (0x2002 << 112) | (inner << 80) | low,
        (0x20010000 << 96) | (low << 64) | (inner ^ 0xFFFFFFFF),
        (0x0064FF9B << 96) | inner,
        (0x0064FF9B0001 << 80) | inner,
        (0x2A00 << 112) | (0x5EFE << 32) | inner,
    ]
    assert [form for form in forms if is_public(ipaddress.IPv6Address(form))] == []


@given(st.text(max_size=30))
def test_any_text_after_the_scheme_is_an_address_or_refused(text: str) -> None:
    """And what passes is stable: asked again, it means the same host."""
    try:
        target = checked(f"http://{text}", allow_loopback=True)
    except Refusal:
        return
    assert checked(target.url, allow_loopback=True) == target
    assert target.host.isascii() and target.path.isascii()


def test_what_is_no_ip_address_is_not_allowed() -> None:
    assert not is_allowed("example.com")
    assert not is_allowed("fe80::1%eth0")
    assert is_allowed("2606:2800:220:1:248:1893:25c8:1946")
    assert not is_allowed("2606:2800:220:1:248:1893:25c8:1946%eth0")
    assert not is_allowed("127.0.0.1")
    assert is_allowed("127.0.0.1", allow_loopback=True)
    assert not is_allowed("::ffff:127.0.0.1", allow_loopback=True)
    assert not is_allowed("10.0.0.1", allow_loopback=True)
