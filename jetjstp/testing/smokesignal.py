"""
An overlay of smokesignal nodes in memory.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocol, IProtocolFactory
from twisted.internet.task import Clock
from zope.interface import implementer

from jetjstp.testing.wires import PipeEnd, pipe

__all__ = ["MemoryNetwork"]


@implementer(IListeningPort)
class _NetworkPort:
    def __init__(self, network: MemoryNetwork, place: tuple[str, int]) -> None:
        self._network = network
        self._place = place

    def startListening(self) -> None:
        raise RuntimeError("it listens from the beginning")

    def stopListening(self) -> Deferred[None]:
        self._network.listeners.pop(self._place, None)
        return succeed(None)

    def getHost(self) -> IAddress:
        return IPv4Address("TCP", *self._place)


class MemoryNetwork:
    """
    What the nodes of an overlay listen and dial with, when they are to live in memory. Each has an address of its own.

        network = MemoryNetwork()
        first, second = (
            smokesignal.createNode(address=address, network=network, seeds=[("10.0.0.1", 8495)], port=8495,
                                   reactor=network.clock)
            for address in ("10.0.0.1", "10.0.0.2")
        )
        first.start()
        second.start()
        network.flush()
        assert second.id in first.peerlist

    @ivar clock: Its time, which stands still until it is advanced.
    @ivar listeners: What listens, by address and port.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.listeners: dict[tuple[str, int], IProtocolFactory] = {}
        self._ports = 40_000
        self._away: frozenset[str] = frozenset()
        self._pipes: list[tuple[PipeEnd, str, str]] = []

    def listen(self, factory: IProtocolFactory, interface: str, port: int) -> Deferred[IListeningPort]:
        """For nodes."""
        place = (interface, port or self._newPort())
        if place in self.listeners:
            return fail(CannotListenError(interface, port, OSError(errno.EADDRINUSE, "Address already in use")))
        self.listeners[place] = factory
        return succeed(_NetworkPort(self, place))

    def connect(self, factory: IProtocolFactory, address: str, port: int, source: str | None) -> Deferred[IProtocol]:
        """For nodes."""
        listener = self.listeners.get((address, port)) or self.listeners.get(("0.0.0.0", port))
        client = IPv4Address("TCP", source or "192.0.2.2", self._newPort())
        if listener is None or self._areApart(client.host, address):
            return fail(ConnectionRefusedError("nothing listens there"))
        joined = pipe(self.clock, factory, client, listener, IPv4Address("TCP", address, port))
        if joined is None:
            return fail(ConnectionRefusedError("the connection is not taken"))
        mine, protocol = joined
        self._pipes = [each for each in self._pipes if each[0].connected]
        self._pipes.append((mine, client.host, address))
        return succeed(protocol)

    def separate(self, addresses: Iterable[str]) -> None:
        """Let these reach each other only, and the others each other only: their connections end."""
        self._away = frozenset(addresses)
        for end, *hosts in self._pipes:
            if self._areApart(*hosts):
                end.end()
        self.flush()

    def rejoin(self) -> None:
        """Undo L{separate}; it makes no connection anew."""
        self._away = frozenset()

    def flush(self) -> None:
        """Deliver everything that was sent, and what is sent then, without letting time pass."""
        self.clock.advance(0)

    def _areApart(self, one: str, other: str) -> bool:
        return (one in self._away) != (other in self._away)

    def _newPort(self) -> int:
        self._ports += 1
        return self._ports
