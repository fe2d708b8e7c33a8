"""Which hosts and addresses a stranger's URL may lead to: the rules, without any network."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HOST_LENGTH = 253  # RFC 1035, section 2.3.4

# `is_global` differs between releases of Python and trusts a few ranges that reach into private networks, so
# what is refused is also said here. Sources: the IANA registries of special-purpose addresses.
_REFUSED_V4 = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared address space of carriers
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_UNICAST_V6 = ip_network("2000::/3")
_REFUSED_V6 = tuple(
    ip_network(net)
    for net in (
        "2001::/23",  # protocol assignments, Teredo (2001::/32) among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: a private IPv4 address may sit inside
        "3fff::/20",
        "2620:4f:8000::/48",
    )
)
_NAT64 = ip_network("64:ff9b::/96")

# Never a place for media, even where private addresses are allowed: from these, clouds hand out the secrets
# of the machine. AWS and most others; AWS over IPv6; Alibaba; Azure's host agent, whose address is a public
# one; Oracle.
_METADATA = frozenset(
    ip_address(a)
    for a in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)


def acceptable_host(host: str) -> bool:
    """Whether a host is a plain name or a plain address: nothing escaped, and no address spelled as a
    decimal, octal or hexadecimal number or in fewer than four parts, which resolvers read as addresses, too.
    """
    if not host or len(host) > _HOST_LENGTH:
        return False
    if _address(host) is not None:
        return "%" not in host
    last = host.removesuffix(".").rpartition(".")[2]
    return _NAME.fullmatch(host) is not None and _NUMBER.fullmatch(last) is None


def public(text: str) -> bool:
    """Whether an address, as text, is one that anyone on the internet reaches the same way."""
    address = _unpacked(text)
    if address is None or address in _METADATA or not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in net for net in _REFUSED_V4)
    return address in _UNICAST_V6 and not any(address in net for net in _REFUSED_V6)


def reachable_in_private(text: str) -> bool:
    """Whether an address may be dialled where private networks are allowed: loopback and private ones, but no
    link-local address, metadata service, multicast or unspecified address.
    """
    address = _unpacked(text)
    return address is not None and not (
        address in _METADATA
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or (isinstance(address, IPv4Address) and address in ip_network("0.0.0.0/8"))
        or (address.is_reserved and not address.is_loopback)
    )


def all_acceptable(addresses: Sequence[str], *, allow_private: bool) -> bool:
    """Whether there is an address and every one of them may be dialled. One bad apple refuses the name."""
    rule = reachable_in_private if allow_private else public
    return bool(addresses) and all(rule(address) for address in addresses)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _unpacked(text: str) -> IPv4Address | IPv6Address | None:
    """The address that packets really go to: IPv4 addresses inside mapped and NAT64 ones are taken out."""
    if "%" in text:
        return None  # a zone: link-local
    address = _address(text)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
