"""
Connections and peers, as the core knows them.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from jetjstp.smokesignal.addresses import targetOf
from jetjstp.smokesignal.alarms import Alarm
from jetjstp.smokesignal.buckets import Bucket

__all__ = ["Connection", "Dial", "Neighbour", "Purpose", "State"]


class Purpose(Enum):
    """What a connection is made for. The value is what a dial policy and the counters call it."""

    USER = "user"
    """The application wants a peer."""

    SEED = "seed"
    """A seed is asked for peers."""

    REQUEST = "peer request"
    """Somebody asked for peers."""

    PONG = "pong"
    """Somebody's ping is answered."""


class Dial:
    """
    A connection that the core wants to be made, until it is made or has failed.

    @ivar address: An IP literal; or whatever the user gave to C{addPeer}.
    @ivar port: The port.
    @ivar purpose: What for.
    @ivar ticket: Names it for the application that waits, 0 if none does.
    @ivar line: What is said as soon as it is made.
    @ivar target: Address and port, spelt in one way.
    @ivar connection: The connection, when it is made.
    @ivar isOver: Whether nobody waits for it any more: it was made, has failed or was cancelled.
    """

    __slots__ = ("address", "connection", "isOver", "line", "port", "purpose", "target", "ticket", "timer")

    def __init__(self, address: str, port: int, purpose: Purpose, line: bytes, ticket: int = 0) -> None:
        self.address = address
        self.port = port
        self.purpose = purpose
        self.line = line
        self.ticket = ticket
        self.target = targetOf(address, port)
        self.connection: Connection | None = None
        self.isOver = False
        self.timer: Alarm | None = None

    def __repr__(self) -> str:
        return f"<Dial {self.address} {self.port} {self.purpose.value}>"


class State(Enum):
    """How far a connection is."""

    STRANGER = "stranger"
    """Accepted, and no handshake yet."""

    ASKED = "asked"
    """Dialled; our handshake waits for its ack."""

    PEER = "peer"
    """Both sides have shaken hands."""

    ENDING = "ending"
    """We have closed it; what still comes is not looked at."""

    LOST = "lost"
    """It is gone."""


class Connection:
    """
    One connection. What is to be written is in its outbox; the glue empties that after each input to the core.

    @ivar address: Where the other side is: an IP literal, v4-mapped ones as v4.
    @ivar port: The port there, of the socket.
    @ivar dial: What it was dialled for; L{None} if the other side has dialled.
    @ivar neighbour: The peer it belongs to, if it belongs to one.
    @ivar outbox: Lines ready to be written, each with its line feed, in order. Always the same list.
    @ivar isBlocked: Whether more is waiting than the soft limit of the outbox.
    @ivar link: For the glue: the link that carries it. The core does not look at it.
    """

    __slots__ = (
        "address",
        "dial",
        "isBlocked",
        "isDirty",
        "isOwnNode",
        "link",
        "neighbour",
        "outbox",
        "port",
        "since",
        "state",
        "timer",
        "waiting",
    )

    def __init__(self, address: str, port: int, dial: Dial | None) -> None:
        self.address = address
        self.port = port
        self.dial = dial
        self.state = State.STRANGER
        self.neighbour: Neighbour | None = None
        self.outbox: list[bytes] = []
        self.isDirty = False
        self.isBlocked = False
        # Bytes given to a link that was blocked already.
        self.waiting = 0
        # When it became a peer's.
        self.since = 0.0
        # The next thing that has to happen to it in time, if any.
        self.timer: Alarm | None = None
        # Whether there is reason to believe that the other end is ours, too.
        self.isOwnNode = False
        self.link: Any = None

    def __repr__(self) -> str:
        return f"<Connection {self.address} {self.port} {self.state.value}>"


class Neighbour:
    """
    A peer: a node that has shaken hands. It has one connection; two for a moment after both sides have dialled.

    @ivar id: The id it gave.
    @ivar agent: What it says to be, if it does; real nodes do not.
    @ivar address: Where it is: that of the socket of its first connection, v4-mapped ones as v4.
    @ivar port: The port there.
    @ivar connections: Those that live, the older one first; none when it is not listed any more.
    @ivar isListed: Whether it is in the list of peers. A node that comes back is another one here.
    @ivar since: When it became a peer.
    @ivar owner: For the glue: what the application knows the peer by. The core does not look at it.
    """

    __slots__ = ("address", "agent", "bucket", "connections", "id", "isListed", "owner", "port", "settling", "since")

    def __init__(
        self, id: str, agent: str | None, address: str, port: int, since: float, bucket: Bucket | None
    ) -> None:
        self.id = id
        self.agent = agent
        self.address = address
        self.port = port
        self.since = since
        self.bucket = bucket
        self.connections: list[Connection] = []
        self.isListed = False
        self.settling: Alarm | None = None
        self.owner: Any = None

    def __repr__(self) -> str:
        return f"<Neighbour {self.id}>"
