"""
Peers, as applications see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, Protocol, TypeVar, overload

from twisted.internet.error import ConnectionLost

from jetjstp.emitter import Emitter
from jetjstp.smokesignal.connections import Neighbour
from jetjstp.smokesignal.wireevents import WireEmitter

__all__ = ["Home", "Peer", "Peerlist", "checkBytes"]


class Home(Protocol):
    """What a peer asks of its node."""

    def emitTo(self, neighbour: Neighbour, event: str, args: tuple[object, ...]) -> None:
        """Send an event."""

    def writeTo(self, neighbour: Neighbour, chunk: bytes) -> None:
        """Send bytes."""

    def closePeer(self, neighbour: Neighbour) -> None:
        """End it."""


class Peer(WireEmitter):
    """
    A node that this one has a link to. Nodes make it.

    C{on(event, f)} hears what this peer sends to us alone: any event of its C{emit}, with its arguments. Events of our
    own are C{data(bytes)}, what it C{write}s, and C{end()}, when it is a peer no more. Real nodes of either version can
    not send such messages; those of 0.2 can read what we C{write}, and those of 0.1 what we C{emit}, as one list.

    @ivar id: The id it gave. A node that starts anew has a new one.
    @ivar agent: What it says to be, if it does; real nodes do not.
    @ivar remoteAddress: Where it is, by its socket: an IP address.
    @ivar remotePort: The port of the socket, which is not the one that it listens on if it has dialled.
    """

    localEvents: ClassVar[frozenset[str]] = frozenset(("data", "end"))

    def __init__(self, home: Home, neighbour: Neighbour) -> None:
        super().__init__()
        self._home = home
        self._neighbour = neighbour
        self.id = neighbour.id
        self.agent = neighbour.agent
        self.remoteAddress = neighbour.address
        self.remotePort = neighbour.port
        self.isConnected = True

    def emit(self, event: str, *args: object) -> None:
        """
        Send an event to this peer. Whether it arrives is not told.

        @raise ConnectionLost: It is a peer no more.
        @raise TypeError: The name is no string, or an argument is no JSON value.
        @raise ValueError: A number is not finite, or it is too long.
        """
        self._check()
        self._home.emitTo(self._neighbour, event, args)

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """
        Send bytes to this peer.

        @raise ConnectionLost: It is a peer no more.
        @raise TypeError: These are no bytes.
        @raise ValueError: They are too many.
        """
        self._check()
        self._home.writeTo(self._neighbour, checkBytes(chunk))

    def close(self) -> None:
        """End the link to this peer. It is a peer no more when this returns; C{end} is told a little later."""
        self._home.closePeer(self._neighbour)

    def _check(self) -> None:
        if not self._neighbour.isListed:
            raise ConnectionLost(f"{self.id} is a peer no more")

    def __repr__(self) -> str:
        return f"<Peer {self.id} at {self.remoteAddress}>"


def checkBytes(chunk: Any) -> bytes:
    """
    @raise TypeError: These are no bytes.
    """
    if isinstance(chunk, bytes | bytearray | memoryview):
        return bytes(chunk)
    hint = "; a string has .encode()" if isinstance(chunk, str) else ""
    raise TypeError(f"write takes bytes, not {type(chunk).__name__}{hint}")


PeerHandler = Callable[[Peer], Any]
_H = TypeVar("_H", bound=PeerHandler)


class Peerlist(Emitter):
    """
    The peers of a node, in the order in which they came. It can be iterated over, has a length, and knows whether a
    peer, or one with that id, is C{in} it.

    Events: C{add} and C{remove}, each with the L{Peer}.
    """

    events: ClassVar[frozenset[str]] = frozenset(("add", "remove"))

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}

    @overload  # type: ignore[override]  # narrower on purpose: only the names of our events
    def on(self, name: Literal["add", "remove"]) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: Literal["add", "remove"], handler: _H) -> _H: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """Call a handler with the L{Peer}; without one, a decorator."""
        return super().on(name, handler)

    @property
    def list(self) -> tuple[Peer, ...]:
        """The peers now."""
        return tuple(self._peers.values())

    def inList(self, peer: object) -> bool:
        """Whether a peer, or one with that id, is there."""
        return peer in self

    def find(self, id: str) -> Peer | None:
        """The peer with an id."""
        return self._peers.get(id)

    def put(self, peer: Peer) -> None:
        """For the node: there is one more."""
        self._peers[peer.id] = peer

    def take(self, peer: Peer) -> None:
        """For the node: there is one less."""
        if self._peers.get(peer.id) is peer:
            del self._peers[peer.id]

    def __iter__(self) -> Iterator[Peer]:
        return iter(self.list)

    def __len__(self) -> int:
        return len(self._peers)

    def __contains__(self, peer: object) -> bool:
        if isinstance(peer, Peer):
            return self._peers.get(peer.id) is peer
        return peer in self._peers

    def __repr__(self) -> str:
        return f"<Peerlist {', '.join(self._peers) or 'empty'}>"
