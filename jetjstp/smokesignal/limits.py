"""
The bounds of a node, each with the reason for its default.
"""

from __future__ import annotations

from dataclasses import dataclass

from jetjstp.bounds import checkBounds

__all__ = ["Limits"]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """
    What others may ask of a node. All numbers are positive; sizes are bytes, times are seconds.

    @ivar line: The longest line. What exceeds it ends the connection.
    @ivar strangers: Accepted connections without a handshake; the oldest is closed for a new one.
    @ivar strangersPerAddress: Those from one address, so that one host alone cannot keep everybody else out.
    @ivar packetIds: Packet ids remembered; above that the oldest is forgotten, so a very late copy is taken for new.
    @ivar outboxSoft: Bytes waiting on a link above which packets of others are not forwarded to it; they have other
        ways. The link says when.
    @ivar outboxHard: Bytes waiting on a link above which it is ended.
    @ivar packetsPerSecond: Packets taken from one peer; more are dropped. L{None}: as many as come.
    @ivar requestsPerSecond: Peer requests taken from those who are no peers; each is sent to all peers.
    @ivar dialsAtOnce: Connections being made because a packet asked for them.
    @ivar dialsPerSecond: Such connections begun in a second.
    @ivar dialPause: Seconds for which a target that failed is left alone; doubled at each failure in a row.
    @ivar dialPauseMost: The longest such pause.
    @ivar dialTargets: Targets that failed, as many as are remembered; above that the oldest is forgotten.
    @ivar pongsPerSecond: Answers to pings. In an overlay of n nodes a seed is asked n times in ten seconds: above 100
        nodes a seed needs more than the default, or nodes take it for split off.
    @ivar sourceMustMatch: Whether who asks on a connection of its own has to advertise the address that the connection
        came from. Switch it off for nodes behind address translation.
    """

    line: int = MEBIBYTE
    strangers: int = 256
    strangersPerAddress: int = 64
    packetIds: int = 100_000
    outboxSoft: int = MEBIBYTE
    outboxHard: int = 64 * MEBIBYTE
    packetsPerSecond: float | None = None
    requestsPerSecond: float = 100.0
    dialsAtOnce: int = 4
    dialsPerSecond: float = 10.0
    dialPause: float = 30.0
    dialPauseMost: float = 600.0
    dialTargets: int = 1000
    pongsPerSecond: float = 10.0
    sourceMustMatch: bool = True

    def __post_init__(self) -> None:
        checkBounds(self)
