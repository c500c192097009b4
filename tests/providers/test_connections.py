"""Which addresses may be connected to."""

import ipaddress

import pytest

from jobs.providers.connections import is_public, public, resolve
from jobs.providers.errors import BadDownloadError, StumbledError


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "feff:ffff::1",
        "fec0::1%eth0",
        "4000::1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "::ffff:0.0.0.0",
        "::ffff:100.64.0.1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:c0a8:101::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_an_address_that_is_not_on_the_open_internet_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "207.241.224.2", "2620:0:862:ed1a::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0", "::1"])
def test_a_host_is_refused_however_its_address_is_written(host: str) -> None:
    with pytest.raises(BadDownloadError, match="no public host"):
        public(host, resolve(host))


def test_only_the_public_ones_of_several_addresses_are_used() -> None:
    addresses = [ipaddress.ip_address(each) for each in ("10.0.0.1", "8.8.8.8")]
    assert public("both.example", addresses) == [ipaddress.ip_address("8.8.8.8")]


def test_a_name_that_does_not_exist_may_do_so_later() -> None:
    with pytest.raises(StumbledError, match="cannot be resolved"):
        resolve("no-such-host.invalid")
