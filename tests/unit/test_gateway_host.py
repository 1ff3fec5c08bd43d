"""Destinations: one spelling passes, every other is refused."""

from __future__ import annotations

import ipaddress

import pytest

from adapters.gateway import host
from core import errors

RULES = tuple(
    host.parse_rule(entry)
    for entry in (
        "pypi.org",
        "registry.example.org:8443",
        "*.example.net",
        "93.184.216.34",
        "[2606:2800:220:1::1]",
        "good.com",
    )
)

PASSES = [
    b"pypi.org:443",
    b"PyPI.org:443",
    b"registry.example.org:8443",
    b"a.example.net:443",
    b"a.b.example.net:443",
    b"93.184.216.34:443",
    b"[2606:2800:220:1::1]:443",
    b"[2606:2800:0220:0001:0:0:0:1]:443",
]

ODD = [
    b"",
    b"pypi.org",
    b":443",
    b"pypi.org:",
    b"pypi.org:0",
    b"pypi.org:0443",
    b"pypi.org:65536",
    b"pypi.org:+443",
    b"pypi.org:443:443",
    b"pypi.org:443\n",
    b"pypi.org:\xd9\xa4\xd9\xa4\xd9\xa3",
    b"pypi.org.:443",
    b"pypi..org:443",
    b".pypi.org:443",
    b"-pypi.org:443",
    b"pypi-.org:443",
    b"py_pi.org:443",
    b"pypi.org\x00.evil.org:443",
    b"evil.org\x00pypi.org:443",
    b"pypi.org%00.evil.org:443",
    b"pypi.org%2eevil.org:443",
    b"user@pypi.org:443",
    b"pypi.org:443@evil.org:443",
    b"evil.org#pypi.org:443",
    b"evil.org/pypi.org:443",
    b"evil.org\\pypi.org:443",
    b"evil.org?pypi.org:443",
    b"https://pypi.org:443",
    b"pypi.org :443",
    b"\tpypi.org:443",
    b"pypi\xe3\x80\x82org:443",
    "pyp\u0456.org:443".encode(),
    b"p" * 64 + b".org:443",
    b"a." * 130 + b"org:443",
    b"2130706433:443",
    b"0x7f000001:443",
    b"0x7f.1:443",
    b"0177.0.0.1:443",
    b"127.1:443",
    b"127.0.0.01:443",
    b"1.2.3.4.5:443",
    b"256.1.1.1:443",
    b"1.1.1.0x1:443",
    b"foo.0x:443",
    b"[::ffff:127.0.0.1]:443",
    b"[::ffff:7f00:1]:443",
    b"[64:ff9b::7f00:1]:443",
    b"[2002:7f00:1::]:443",
    b"[fe80::1%eth0]:443",
    b"[fe80::1%25eth0]:443",
    b"[::1:443",
    b"::1:443",
    b"[pypi.org]:443",
    b"[1::2::3]:443",
    b"[]:443",
]

UNLISTED = [
    b"pypi.org:80",
    b"pypi.org:22",
    b"registry.example.org:443",
    b"pypi.org.evil.com:443",
    b"evilpypi.org:443",
    b"example.net:443",
    b"evilexample.net:443",
    b"a.example.net.evil.org:443",
    b"a.example.net:80",
    b"good.com.evil:443",
    b"xn--pyp-noa.org:443",
    b"localhost:443",
    b"127.0.0.1:443",
    b"169.254.169.254:443",
    b"[::1]:443",
]


@pytest.mark.parametrize("target", PASSES)
def test_a_listed_host_passes(target: bytes) -> None:
    assert host.listed(host.parse(target), RULES)


@pytest.mark.parametrize("target", ODD)
def test_an_odd_spelling_is_refused(target: bytes) -> None:
    with pytest.raises(errors.Refused):
        host.parse(target)


@pytest.mark.parametrize("target", UNLISTED)
def test_what_is_not_listed_exactly_is_refused(target: bytes) -> None:
    assert not host.listed(host.parse(target), RULES)


def test_the_spelling_is_canonical() -> None:
    assert host.parse(b"PyPI.ORG:443") == host.Authority(host="pypi.org", port=443)
    assert host.parse(b"[2606:2800:0220::1]:443").host == "2606:2800:220::1"


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "*.",
        "*.org",
        "*.1.2.3.4",
        "a b.org",
        "user@x.org",
        "x.org:0",
        "http://x.org",
        "x.*.org",
        "x.org/",
        "127.1",
    ],
)
def test_a_sloppy_allowlist_entry_is_refused_with_a_remedy(entry: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        host.parse_rule(entry)
    assert caught.value.remedy


FORBIDDEN = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",  # noqa: S104 - an address to refuse, not to bind
    "10.0.0.1",
    "172.16.5.5",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "169.254.0.9",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:a00:1::1",
    "2001::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_an_inward_address_is_never_dialled(text: str) -> None:
    assert host.objection(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["93.184.216.34", "1.1.1.1", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_a_public_address_may_be_dialled(text: str) -> None:
    assert host.objection(ipaddress.ip_address(text)) == ""


def test_a_private_network_opened_on_purpose_opens_nothing_else() -> None:
    opened = [ipaddress.ip_network(text) for text in ("0.0.0.0/0", "::/0")]
    assert host.objection(ipaddress.ip_address("10.1.2.3"), opened) == ""
    for text in (
        "127.0.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "::1",
        "224.0.0.1",
    ):
        assert host.objection(ipaddress.ip_address(text), opened)
