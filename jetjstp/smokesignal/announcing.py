"""
The half of a node that tells the application what has happened.
"""

from __future__ import annotations

from typing import Any, ClassVar, assert_never, cast

from twisted.internet.defer import Deferred

from jetjstp.emitter import Emitter
from jetjstp.smokesignal.broadcast import Broadcast, Packet
from jetjstp.smokesignal.checking import Seed
from jetjstp.smokesignal.connections import Neighbour
from jetjstp.smokesignal.effects import (
    Abort,
    Added,
    AddFailed,
    Cancel,
    Close,
    Delivered,
    Effect,
    MakeConnection,
    PeerAdded,
    PeerRemoved,
    PeerSaid,
    Resolved,
    Split,
    Stopped,
    Trouble,
    Warn,
)
from jetjstp.smokesignal.errors import AlreadyPeer
from jetjstp.smokesignal.logs import NodeLog
from jetjstp.smokesignal.peerlist import Home, Peer, Peerlist
from jetjstp.smokesignal.protocol import Carrier
from jetjstp.smokesignal.seeding import Seeding

__all__ = ["Announcing"]


class Announcing(Emitter):
    """
    Makes events of what the core tells, and answers those who wait for a peer.

    A part of L{jetjstp.smokesignal.publicnode.Node}.
    """

    events: ClassVar[frozenset[str]] = frozenset(
        ("connect", "disconnect", "new peer", "netsplit", "netsplit resolved", "error")
    )

    broadcast: Broadcast
    peerlist: Peerlist
    _log: NodeLog
    _carrier: Carrier
    _seeding: Seeding
    # Those who wait for a peer, by ticket.
    _adding: dict[int, Deferred[Peer]]
    # Who waits for the end of all connections.
    _quiet: Deferred[None] | None = None

    def _tell(self, effect: Effect) -> None:
        match effect:
            case Delivered(id, origin, via, data):
                self.broadcast.tellLocal("packet", Packet(id, origin, self._peerOf(via), data))
                _hand(self.broadcast, data)
            case PeerSaid(neighbour, data):
                _hand(self._peerOf(neighbour), data)
            case PeerAdded(neighbour, isFirst):
                self._added(self._peerOf(neighbour), isFirst)
            case PeerRemoved(neighbour, isLast):
                self._removed(self._peerOf(neighbour), isLast)
            case Added(ticket, neighbour):
                waiting = self._adding.pop(ticket, None)
                if waiting is not None:
                    waiting.callback(self._peerOf(neighbour))
            case AddFailed(ticket, error):
                if isinstance(error, AlreadyPeer) and isinstance(error.peer, Neighbour):
                    error.peer = self._peerOf(error.peer)
                waiting = self._adding.pop(ticket, None)
                if waiting is not None:
                    waiting.errback(error)
            case Split(seed):
                self._log.warn(f"netsplit: the seed at {seed[0]} port {seed[1]} does not answer through the overlay")
                self.emit("netsplit", self._seedOf(seed))
            case Resolved(seed):
                self._log.info(f"netsplit resolved: the seed at {seed[0]} port {seed[1]} answers")
                self.emit("netsplit resolved", self._seedOf(seed))
            case Trouble(text, error):
                self._log.warn(f"{text}: {error!r}")
                self.emit("error", error)
            case Warn(text):
                self._log.warn(text)
            case Stopped():
                quiet, self._quiet = self._quiet, None
                if quiet is not None:
                    quiet.callback(None)
            case MakeConnection() | Cancel() | Close() | Abort():
                raise AssertionError(f"{effect!r} is for the carrier")
            case _:
                assert_never(effect)

    def _peerOf(self, neighbour: Neighbour) -> Peer:
        if neighbour.owner is None:
            neighbour.owner = Peer(cast(Home, self), neighbour)
        return cast(Peer, neighbour.owner)

    def _seedOf(self, place: tuple[str, int]) -> Seed:
        return self._seeding.found.get(place, Seed(*place))

    def _added(self, peer: Peer, isFirst: bool) -> None:
        self.peerlist.put(peer)
        self._log.often(f"{peer.id} at {peer.remoteAddress} is a peer now", self._carrier.driver.now())
        if isFirst:
            self.emit("connect")
        self.emit("new peer", peer)
        self.peerlist.emit("add", peer)

    def _removed(self, peer: Peer, isLast: bool) -> None:
        self.peerlist.take(peer)
        peer.isConnected = False
        self._log.often(f"{peer.id} at {peer.remoteAddress} is a peer no more", self._carrier.driver.now())
        if isLast:
            self.emit("disconnect")
        self.peerlist.emit("remove", peer)
        peer.tellLocal("end")


def _hand(emitter: Broadcast | Peer, data: list[Any] | bytes) -> None:
    """Hand over what another node said: an event, or bytes."""
    if isinstance(data, bytes):
        emitter.tellLocal("data", data)
    else:
        emitter.tellWire(data)
