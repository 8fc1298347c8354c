"""
What a node wants to be done outside, and what it tells the application.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jetjstp.smokesignal.connections import Connection, Dial, Neighbour
from jetjstp.smokesignal.errors import AddPeerError

__all__ = [
    "Abort",
    "AddFailed",
    "Added",
    "Cancel",
    "Close",
    "Delivered",
    "Effect",
    "MakeConnection",
    "PeerAdded",
    "PeerRemoved",
    "PeerSaid",
    "Resolved",
    "Split",
    "Stopped",
    "Trouble",
    "Warn",
]


class MakeConnection(NamedTuple):
    """Make this connection, then tell C{Node.dialled} or C{Node.dialFailed}, whichever it is, once."""

    dial: Dial


class Cancel(NamedTuple):
    """Make it no more. The core is not told of it again; if it is made just now, it is ended."""

    dial: Dial


class Close(NamedTuple):
    """Write the outbox, then end the connection; C{Node.lost} when it has ended."""

    connection: Connection


class Abort(NamedTuple):
    """End the connection at once; C{Node.lost} when it has ended, if that was not told before."""

    connection: Connection


class Added(NamedTuple):
    """What the application asked for with C{addPeer} has come true."""

    ticket: int
    peer: Neighbour


class AddFailed(NamedTuple):
    """It has not. If the error is an C{AlreadyPeer}, its C{peer} is a L{Neighbour}."""

    ticket: int
    error: AddPeerError


class PeerAdded(NamedTuple):
    """There is a new peer: C{connect} if it is the only one, C{new peer}, then the list's C{add}."""

    peer: Neighbour
    isFirst: bool


class PeerRemoved(NamedTuple):
    """A peer is gone: C{disconnect} if it was the last one, then the list's C{remove}."""

    peer: Neighbour
    isLast: bool


class Delivered(NamedTuple):
    """
    A broadcast of somebody.

    @ivar id: The packet's id.
    @ivar origin: Who is said to have made it; nobody can check that.
    @ivar via: The peer it came from.
    @ivar data: A list of the event's name and its arguments (0.1), or the bytes of a chunk (0.2).
    """

    id: str
    origin: str
    via: Neighbour
    data: list[Any] | bytes


class PeerSaid(NamedTuple):
    """A message of one peer to us alone: a list of the event's name and its arguments, or the bytes of a chunk."""

    peer: Neighbour
    data: list[Any] | bytes


class Split(NamedTuple):
    """A seed is not reachable through the overlay; it may just be stopped."""

    seed: tuple[str, int]


class Resolved(NamedTuple):
    """A seed that was split off is back."""

    seed: tuple[str, int]


class Stopped(NamedTuple):
    """After C{Node.stop}: every connection has ended."""


class Trouble(NamedTuple):
    """Code of the application (a dial policy) failed; the node went on as if it had said no."""

    text: str
    error: Exception


class Warn(NamedTuple):
    """Something that whoever runs the node should know, in words."""

    text: str


Effect = (
    MakeConnection
    | Cancel
    | Close
    | Abort
    | Added
    | AddFailed
    | PeerAdded
    | PeerRemoved
    | Delivered
    | PeerSaid
    | Split
    | Resolved
    | Stopped
    | Trouble
    | Warn
)
