"""Which addresses a server on the internet may have."""

from __future__ import annotations

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.outgoing import addresses
from changemaker_core.outgoing.addresses import is_public

PUBLIC = [
    "1.1.1.1",
    "9.9.9.9",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:9.9.9.9",
    "64:ff9b::909:909",
]
OTHERS = [
    "0.0.0.0",  # noqa: S104  # not bound to
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.1.2.3",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::909:909",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:909:909::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "2606:4700::1111%lo",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize("address", OTHERS)
def test_all_other_addresses(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_no_more_public_inside_another(address):
    number = int(address)
    for base in ("::ffff:0.0.0.0", "64:ff9b::"):
        inside = ipaddress.IPv6Address(int(ipaddress.IPv6Address(base)) + number)
        assert is_public(str(inside)) == is_public(str(address))
    for inside in (number, (0x2002 << 112) + (number << 80), (0x2001 << 112) + number):
        assert not is_public(str(ipaddress.IPv6Address(inside)))


@given(st.ip_addresses())
def test_a_public_address_is_global_to_the_standard_library_too(address):
    assert not is_public(str(address)) or address.is_global or address.ipv4_mapped is not None


def test_all_addresses_of_a_host_together_take_the_time_of_one(monkeypatch):
    ticks, given = itertools.count(), []

    def times_out(_address, seconds):
        given.append(seconds)
        raise TimeoutError("timed out")

    monkeypatch.setattr(addresses.time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(addresses.socket, "create_connection", times_out)
    monkeypatch.setattr(addresses, "_addresses", lambda *_: [f"192.0.2.{n}" for n in range(9)])
    with pytest.raises(TimeoutError):
        addresses.connect("many.example", 25, 3.5, public_only=False)
    assert given == [2.5, 1.5, 0.5]
