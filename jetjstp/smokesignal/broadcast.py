"""
What goes to all nodes, as applications see it.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol

from jetjstp.smokesignal.peerlist import Peer, checkBytes
from jetjstp.smokesignal.wireevents import WireEmitter

__all__ = ["Broadcast", "Packet"]


class Packet(NamedTuple):
    """
    A broadcast of another node.

    @ivar id: Its id, unique for a minute at least.
    @ivar origin: The id of the node that is said to have sent it; B{nobody checks that}.
    @ivar via: The peer that it came from.
    @ivar data: The event's name and its arguments as a list; or bytes.
    """

    id: str
    origin: str
    via: Peer
    data: list[Any] | bytes


class Outlet(Protocol):
    """What a broadcast asks of its node."""

    def emitToAll(self, event: str, args: tuple[object, ...]) -> int:
        """Send an event."""

    def writeToAll(self, chunk: bytes) -> int:
        """Send bytes."""


class Broadcast(WireEmitter):
    """
    Speaks to all nodes of the overlay, and hears them. C{node.broadcast} is one.

    C{on(event, f)} hears what any other node C{emit}s under that name, with its arguments. Events of our own are
    C{data(bytes)}, what others C{write}, and C{packet(Packet)}, in front of each of both.

    A node does not hear itself. Each broadcast arrives at most once, those of one node not always in order.
    """

    localEvents: ClassVar[frozenset[str]] = frozenset(("data", "packet"))

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def emit(self, event: str, *args: object) -> int:
        """
        Tell all other nodes of an event (as nodes of 0.1 do).

        @param args: JSON values: what C{json.dumps} takes, without NaN and infinities, with keys that are strings.
        @return: To how many peers it went; 0 if nobody is there, then it is lost.
        @raise WrongDialect: The node speaks C{"0.2"}, whose nodes would take it for junk.
        @raise TypeError: The name is no string, or an argument is no JSON value.
        @raise ValueError: A number is not finite, or it is longer than a line may be.
        """
        return self._outlet.emitToAll(event, args)

    def write(self, chunk: bytes | bytearray | memoryview) -> int:
        """
        Send bytes to all other nodes (as nodes of 0.2 do). They arrive in one piece.

        @return: To how many peers it went.
        @raise WrongDialect: The node speaks C{"0.1"}, whose nodes would end at the sight of it.
        @raise TypeError: These are no bytes.
        @raise ValueError: They are more than a line can hold.
        """
        return self._outlet.writeToAll(checkBytes(chunk))
