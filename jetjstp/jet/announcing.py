"""
A daemon tells the local network where it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort

from jetjstp.discovery import Announcement, Discovery, Session
from jetjstp.jet.finding import TCP_TYPE, WEBSOCKET_TYPE

__all__ = ["Announcing", "OpenPort", "checkName"]

LONGEST_NAME = 63
"""Bytes of a DNS label."""


class OpenPort(NamedTuple):
    """
    A port that a daemon listens on.

    @ivar isPlain: Whether an address and a port are all that a peer has to know.
    """

    port: IListeningPort
    isWebSocket: bool
    isPlain: bool


def checkName(name: Any) -> str:
    """
    A name to announce, or to look for.

    @raise TypeError: It is no string.
    @raise ValueError: It is none that can be announced.
    """
    if not isinstance(name, str):
        raise TypeError(f"a name to announce is a string, not {name!r}")
    if not name or not name.isprintable() or len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        raise ValueError(f"a name to announce has 1 to {LONGEST_NAME} bytes of printable text, not {name!r}")
    return name


class Announcing:
    """One name, announced for the ports of a daemon."""

    def __init__(self, name: str, ports: Sequence[OpenPort], discovery: Discovery | None, reactor: Any) -> None:
        """
        @raise ValueError: There is nothing to announce.
        """
        self._name = name
        self._places = _places(ports)
        if not self._places:
            raise ValueError("no port to announce: none is plain TCP that other machines reach")
        if discovery is None:
            # Half of what a daemon imports; most do without.
            from jetjstp.multicast import Multicast

            discovery = Multicast()
        self._discovery = discovery
        self._reactor = reactor
        self._sessions: dict[str, Session] = {}

    def begin(self) -> Deferred[None]:
        """Announce; fires when that is done. If it fails, nothing is announced."""
        return Deferred.fromCoroutine(self._begin())

    async def _begin(self) -> None:
        # Not the name of this host, which is that of the system's own multicast DNS.
        host = f"jet-{secrets.token_hex(6)}"
        try:
            for type, (address, port) in self._places.items():
                session = self._sessions.get(address)
                if session is None:
                    session = self._sessions[address] = self._discovery.open(address, self._reactor)
                await session.announce(Announcement(type, self._name, port, host, False))
        except Exception:
            await self.close()
            raise

    async def close(self) -> None:
        """Withdraw it."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()


def _places(ports: Sequence[OpenPort]) -> dict[str, tuple[str, int]]:
    """The first address and port of each type."""
    places: dict[str, tuple[str, int]] = {}
    for each in ports:
        host = each.port.getHost()
        if each.isPlain and isinstance(host, IPv4Address | IPv6Address) and not ip_address(host.host).is_loopback:
            places.setdefault(WEBSOCKET_TYPE if each.isWebSocket else TCP_TYPE, (host.host, host.port))
    return places
