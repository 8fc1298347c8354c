"""
The bounds of a service, each with the reason for its default.
"""

from __future__ import annotations

from dataclasses import dataclass

from jetjstp.bounds import checkBounds, checkMarks

__all__ = ["Limits"]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """
    What the network may make a service do. All fields are positive; sizes are bytes.

    Anybody on the network can announce nodes and connect.

    @ivar services: Nodes that are known at a time; the announcements of further ones are ignored.
    @ivar connections: Connections at a time; further ones are refused, or not dialled.
    @ivar acceptedPerAddress: Accepted connections from one address at a time: as many nodes may run on one host.
    @ivar dials: Nodes that are dialled at a time; further ones wait their turn.
    @ivar addresses: Addresses of one node that are tried; the rest is ignored.
    @ivar highWater: What may wait in a connection until C{write} says C{False}; C{drain} follows.
    @ivar hardLimit: What may wait in a connection until it is dropped.
    """

    services: int = 1000
    connections: int = 1000
    acceptedPerAddress: int = 64
    dials: int = 16
    addresses: int = 8
    highWater: int = MEBIBYTE
    hardLimit: int = 64 * MEBIBYTE

    def __post_init__(self) -> None:
        checkBounds(self)
        checkMarks(self)
