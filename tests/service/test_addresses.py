"""Which hosts and addresses may be dialled."""

import pytest

from lipwright.service.addresses import acceptable_host, all_acceptable, public, reachable_in_private

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "169.254.169.254",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.0.9",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "100.100.100.200",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "not an address",
    "",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_public_addresses_pass(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fc00::1", "8.8.8.8"])
def test_closed_networks_are_reached_when_allowed(address: str) -> None:
    assert reachable_in_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "fe80::1",
        "168.63.129.16",
        "100.100.100.200",
        "224.0.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "ff02::1",
        "255.255.255.255",
    ],
)
def test_metadata_link_local_and_multicast_are_refused_even_then(address: str) -> None:
    assert not reachable_in_private(address)


def test_one_private_address_refuses_the_whole_name() -> None:
    assert all_acceptable(["8.8.8.8", "1.1.1.1"], allow_private=False)
    assert not all_acceptable(["8.8.8.8", "127.0.0.1"], allow_private=False)
    assert not all_acceptable([], allow_private=False)
    assert not all_acceptable([], allow_private=True)


@pytest.mark.parametrize(
    "host",
    ["example.com", "a.b-c.example", "xn--bcher-kva.example", "8.8.8.8", "::1", "my_host.example", "x."],
)
def test_plain_hosts_are_accepted(host: str) -> None:
    assert acceptable_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.0x1",
        "1.2.3.4.5",
        "010.8.8.8",
        "0",
        "8.8.8.8.",
        "exa%6dple.com",
        "exa mple.com",
        "a..b",
        "-a.example",
        "fe80::1%eth0",
        "x" * 254,
        "example.com/path",
        "a@b",
    ],
)
def test_hosts_in_disguise_are_refused(host: str) -> None:
    assert not acceptable_host(host)
