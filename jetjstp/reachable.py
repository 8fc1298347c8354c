"""
Which of the addresses that somebody announces are dialled, in which order.

An announcement is the word of a stranger: it must not make us connect to any
host that it likes, only to networks that we are on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address
from typing import NamedTuple

__all__ = ["Networks", "candidates", "isLoopback", "isUnspecified"]

Address = IPv4Address | IPv6Address


class Networks(NamedTuple):
    """
    The networks that this host is on.

    @ivar interfaces: Its addresses with their networks, each with the name of its interface.
    """

    interfaces: tuple[tuple[str, IPv4Interface | IPv6Interface], ...]

    def isOwn(self, address: Address) -> bool:
        """Whether an address is one of this host."""
        return address.is_loopback or any(each.ip == _bare(address) for _, each in self.interfaces)

    def reaches(self, address: Address) -> bool:
        """Whether an address is in a network that we are on."""
        return any(each.version == address.version and _bare(address) in each.network for _, each in self.interfaces)

    def isBroadcast(self, address: Address) -> bool:
        """Whether an address stands for all hosts of a network, or for the network itself."""
        return any(
            isinstance(each, IPv4Interface)
            and each.network.prefixlen < 31
            and address in (each.network.broadcast_address, each.network.network_address)
            for _, each in self.interfaces
        )

    def zones(self) -> list[str]:
        """The interfaces that have link-local addresses of IPv6."""
        return [name for name, each in self.interfaces if each.version == 6 and each.ip.is_link_local]


def isLoopback(address: str) -> bool:
    """Whether only this host can reach an address."""
    return ip_address(address).is_loopback


def isUnspecified(address: str) -> bool:
    """Whether an address stands for all interfaces."""
    return ip_address(address).is_unspecified


def _bare(address: Address) -> Address:
    """An address without its zone."""
    return IPv6Address(int(address)) if isinstance(address, IPv6Address) and address.scope_id else address


def candidates(announced: Sequence[str], networks: Networks, ours: str, limit: int) -> list[str]:
    """
    The addresses to try: loopback if the node is on this host and may be there, those of IPv4, those of IPv6, and those
    that are valid on one link only, with the interface. Never one that nobody announced: none if there is none.

    @param announced: What the node says.
    @param ours: The address that we listen on ourselves; with one of the network, we do not use loopback.
    @param limit: How many to return at most.
    """
    addresses = list(_readable(announced))
    mayLoop = isUnspecified(ours) or isLoopback(ours)
    own = [each for each in addresses if networks.isOwn(each)] if mayLoop else []
    found: list[str] = [loop for loop, version in (("127.0.0.1", 4), ("::1", 6)) if _has(own, version)]
    usable = [
        each
        for each in addresses
        if not (each.is_unspecified or each.is_multicast or each.is_loopback or networks.isBroadcast(each))
    ]
    # Loopback has more addresses than the two.
    found += [str(each) for each in own if each.is_loopback]
    found += [str(each) for each in usable if each.version == 4 and networks.reaches(each)]
    found += [str(each) for each in usable if each.version == 6 and not each.is_link_local and networks.reaches(each)]
    for each in usable:
        if isinstance(each, IPv6Address) and each.is_link_local:
            zones = [each.scope_id] if each.scope_id else networks.zones()
            found += [f"{_bare(each)}%{zone}" for zone in zones]
    return list(dict.fromkeys(found))[:limit]


def _has(addresses: Iterable[Address], version: int) -> bool:
    return any(each.version == version for each in addresses)


def _readable(announced: Iterable[str]) -> Iterable[Address]:
    for text in announced:
        try:
            address = ip_address(text)
        except ValueError:
            continue  # whatever it is, it is no address that anybody could dial
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            continue  # an IPv4 address in disguise would escape the rules for those
        yield address
