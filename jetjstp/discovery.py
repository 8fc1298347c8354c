"""
Finding services on the local network: what is announced there (DNS-SD over
multicast DNS), and announcing what is here.

L{jetjstp.multicast} is the real thing, on the C{zeroconf} library, and
L{jetjstp.memorydiscovery} one for tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any, NamedTuple, Protocol

import ifaddr
from twisted.internet.defer import Deferred

__all__ = [
    "Announcement",
    "Discovery",
    "DiscoveryError",
    "Found",
    "Interfaces",
    "NameTaken",
    "NoMulticast",
    "Scope",
    "Session",
    "Watcher",
    "hostInterfaces",
    "scopeOf",
]

Interfaces = tuple[tuple[str, IPv4Interface | IPv6Interface], ...]
"""Addresses with their networks, each with the name of its interface."""


class DiscoveryError(Exception):
    """Discovery does not work."""


class NameTaken(DiscoveryError):
    """Somebody else on the network announces that instance of that type."""


class NoMulticast(DiscoveryError):
    """Multicast is not possible on these interfaces."""


class Announcement(NamedTuple):
    """
    What is announced.

    @ivar type: Such as C{_jet._tcp}.
    @ivar instance: What this one is called among those of its type.
    @ivar host: A name for this host, one label; nobody else uses it.
    @ivar isUnique: Whether nobody else can have that instance name, so that it need not be asked for first, which takes
        more than a second.
    @ivar properties: More to tell.
    """

    type: str
    instance: str
    port: int
    host: str
    isUnique: bool
    properties: Mapping[str, str] = {}


class Found(NamedTuple):
    """
    What somebody announces.

    @ivar addresses: As text; those of IPv6 that are valid on one link only may have its interface, behind a C{%}.
    """

    instance: str
    addresses: tuple[str, ...]
    port: int
    properties: Mapping[str, str] = {}


class Watcher(Protocol):
    """Who is told what is announced."""

    def up(self, found: Found) -> None:
        """There is a new one."""

    def changed(self, found: Found) -> None:
        """It is announced with other addresses or another port."""

    def down(self, instance: str) -> None:
        """It is announced no longer."""


class Session(Protocol):
    """
    Discovery on some of the interfaces. All calls are made, and all reports come, in the thread of the reactor.

    What L{announce} and L{browse} return is not to be cancelled.
    """

    @property
    def addresses(self) -> tuple[str, ...]:
        """What is announced as our own."""

    def announce(self, announcement: Announcement) -> Deferred[None]:
        """
        Announce something until the session is closed.

        @return: Fires when the announcement is out; fails with L{NameTaken} or another L{DiscoveryError}.
        """

    def browse(self, type: str, watcher: Watcher) -> Deferred[None]:
        """
        Tell what is announced of a type, own announcements included, until the session is closed.

        @return: Fires when the question is out.
        """

    def lookAgain(self, type: str, instance: str) -> None:
        """Ask where something is, for it is not where it was announced. Reports follow only if that has changed."""

    def interfaces(self) -> Interfaces:
        """The networks that this host is on now."""

    def close(self) -> Deferred[None]:
        """Withdraw what was announced, and tell nothing more. Fires when that is done; never fails."""


class Discovery(Protocol):
    """A way to discover."""

    def open(self, address: str, reactor: Any) -> Session:
        """
        Begin.

        @param address: What the service that is to be found listens on: an address of IPv4 or IPv6. It decides on which
            interfaces is announced, and which addresses.
        @raise NoMulticast: It is not possible there.
        """


class Scope(NamedTuple):
    """
    Where is announced, and what.

    @ivar interfaces: An address of each interface.
    @ivar announced: The addresses that are announced.
    """

    interfaces: tuple[str, ...]
    announced: tuple[str, ...]


def hostInterfaces() -> Interfaces:
    """The addresses of this host, with their networks."""
    found: list[tuple[str, IPv4Interface | IPv6Interface]] = []
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            text = each.ip[0] if isinstance(each.ip, tuple) else each.ip
            found.append((adapter.name, ip_interface(f"{text.partition('%')[0]}/{each.network_prefix}")))
    return tuple(found)


def scopeOf(address: str, interfaces: Interfaces) -> Scope:
    """
    Where and how something is announced that listens on an address.

    On all interfaces, loopback included, if it listens on all; then loopback addresses are announced only if there are
    no others. On loopback only, for whom listens there. Link-local addresses have to come with the others.
    """
    listening = ip_address(address)
    loopback = [str(each.ip) for _, each in interfaces if each.ip.is_loopback and each.version == 4] or ["127.0.0.1"]
    if listening.is_loopback:
        # Multicast of IPv4 finds those that listen on ::1, too.
        return Scope((loopback[0],), (address,))
    if not listening.is_unspecified:
        names = {name for name, each in interfaces if each.ip == ip_address(address.partition("%")[0])}
        own = [str(each.ip) for name, each in interfaces if name in names and each.version == 4]
        if listening.version == 4 or not own:
            own = [address]
        return Scope((own[0],), (address.partition("%")[0],))
    versions = (4,) if listening.version == 4 else (4, 6)
    outer = [(name, each) for name, each in interfaces if each.version in versions and not each.ip.is_loopback]
    # One address of each interface is enough to say which one is meant; with two, all would be said twice.
    firsts = {(name, each.version): str(each.ip) for name, each in reversed(outer)}
    announced = [str(each.ip) for _, each in outer] or [loopback[0]]
    return Scope((*reversed(list(firsts.values())), loopback[0]), tuple(announced))
