"""Where a tool wants to go. Owns: Authority, Rule, parse, parse_rule, listed, objection. Imports: ipaddress, core.errors. Effects: none.

There is one parse and it knows one spelling: what is not plainly `name:port` or `address:port` in its canonical form is refused,
so nothing here can be read in one way and dialled in another.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from core import errors

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HTTPS = 443
MAX_NAME = 253

_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:]{2,39})\]|(?P<name>[A-Za-z0-9.-]{1,253})):(?P<port>[1-9][0-9]{0,4})"
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192")
)
_METADATA_SIX = IPv6Network("fd00:ec2::/32")
_NAT64 = IPv6Network("64:ff9b::/96")
_TEREDO = IPv6Network("2001::/32")
_UNICAST_SIX = IPv6Network("2000::/3")  # the whole public IPv6 internet; `is_global` lets more through


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A canonical destination: lower-case name or compressed address, and a port. `address` is set for a literal."""

    host: str
    port: int
    address: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of the allowlist: exactly `host`, or with `below` every name under it, on `port`."""

    host: str
    port: int = HTTPS
    below: bool = False

    def covers(self, wanted: Authority) -> bool:
        """Say whether this entry lets `wanted` pass."""
        if wanted.port != self.port:
            return False
        if self.below:
            return wanted.address is None and wanted.host.endswith("." + self.host)
        return wanted.host == self.host


def parse(target: bytes) -> Authority:
    """Read the target of a CONNECT request. Raises Refused with a reason fit for a person."""
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError as exc:
        raise errors.Refused("the host is not plain ASCII") from exc
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise errors.Refused("the destination is not a plain host:port")
    port = int(match["port"])
    if port > 0xFFFF:
        raise errors.Refused("the port is out of range")
    if match["six"]:
        return _six(match["six"], port)
    return _name(match["name"].lower(), port)


def parse_rule(entry: str) -> Rule:
    """Read an allowlist entry: `host`, `host:port`, `*.domain` or `*.domain:port`. Raises BadInput."""
    below = entry.startswith("*.")
    rest = entry.removeprefix("*.")
    spelled = (
        rest
        if re.search(r":[0-9]+\Z", rest) and (rest.startswith("[") or rest.count(":") == 1)
        else f"{rest}:{HTTPS}"
    )
    try:
        wanted = parse(spelled.encode())
    except errors.Refused as exc:
        raise errors.BadInput(
            f"“{entry}” cannot be on the egress allowlist: {exc}",
            remedy="Write example.org, example.org:8443 or *.example.org.",
        ) from exc
    if below and (wanted.address is not None or "." not in wanted.host):
        raise errors.BadInput(
            f"“{entry}” would open far too much",
            remedy="A wildcard needs a domain of two labels, as in *.example.org.",
        )
    return Rule(host=wanted.host, port=wanted.port, below=below)


def listed(wanted: Authority, rules: Sequence[Rule]) -> bool:
    """Say whether the allowlist covers this destination."""
    return any(rule.covers(wanted) for rule in rules)


def objection(address: Address, private: Sequence[Network] = ()) -> str:
    """Return why an address must not be dialled, or "". `private` are networks opened on purpose.

    Opening a private network never opens loopback, link-local, multicast or a cloud's metadata service.
    """
    inner = _inner(address)
    if inner is not None:
        return objection(inner, private)
    if address in _METADATA or (address.version == 6 and address in _METADATA_SIX):
        return "it is a cloud metadata address"
    if address.is_unspecified or address.is_loopback:
        return "it is the bridge's own machine"
    if address.is_link_local:
        return "it is a link-local address"
    if address.is_multicast:
        return "it is a multicast address"
    if any(address.version == network.version and address in network for network in private):
        return ""
    if not address.is_global or (
        address.version == 6 and (address not in _UNICAST_SIX or address in _TEREDO)
    ):
        return "it is a private or reserved address"
    return ""


def _inner(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _six(text: str, port: int) -> Authority:
    try:
        address = IPv6Address(text)
    except ValueError as exc:
        raise errors.Refused("the IPv6 address is malformed") from exc
    if _inner(address) is not None:
        raise errors.Refused("an IPv4 address in IPv6 clothes is not taken")
    return Authority(host=address.compressed, port=port, address=address)


def _name(text: str, port: int) -> Authority:
    labels = text.split(".")
    if labels[-1] == "":
        raise errors.Refused("a host that ends in a dot is not taken")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise errors.Refused("the host is not made of plain labels")
    # A resolver reads any name whose last label is a number as an address: 0x7f.1, 2130706433, 127.1, 010.0.0.1.
    if _NUMBER.fullmatch(labels[-1]) is None:
        return Authority(host=text, port=port)
    try:
        address = IPv4Address(text)
    except ValueError as exc:
        raise errors.Refused("the IPv4 address is not in plain dotted form") from exc
    return Authority(host=str(address), port=port, address=address)
