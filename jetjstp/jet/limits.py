"""
The bounds of a Jet daemon, each with the reason for its default.
"""

from __future__ import annotations

from dataclasses import dataclass

from jetjstp.bounds import checkBounds, checkMarks

__all__ = ["Limits"]

MEBIBYTE = 1024 * 1024


DEEPEST = 500
"""More than that cannot be had: Python reads and writes JSON by recursion, on the stack that it has left (some 900)."""


@dataclass(frozen=True)
class Limits:
    """
    What peers may ask of a daemon. All fields are positive; sizes are bytes.

    A request that exceeds a limit is answered with -32602 and C{{"limitExceeded": <field>, "limit": <value>}}; where no
    request is to blame, the connection is closed.

    @ivar message: The longest message in either framing. lua-jet closes above the same figure.
    @ivar depth: How deep arrays and objects may nest; real values stay below ten. At most L{DEEPEST}.
    @ivar path: Characters of a path. Paths are kept, indexed, and sent with each notification.
    @ivar elementsPerPeer: States and methods of one peer, so that one peer alone cannot use up C{elements}.
    @ivar elements: States and methods in all: about half a gigabyte.
    @ivar elementBytesPerPeer: What one peer has kept here by its elements: values, paths, access lists. Without it a
        peer could have C{message} times C{elementsPerPeer}.
    @ivar elementBytes: The same of all peers: what the daemon needs is about that, and C{elements}.
    @ivar fetchesPerPeer: Standing fetches of one peer: each may cost something at every change.
    @ivar fetchId: Bytes of a fetch id as JSON text: each notification repeats it.
    @ivar pendingPerPeer: Requests of one peer that owners have not answered.
    @ivar pendingBytes: The size of those requests; a timeout repeats what was sent.
    @ivar rule: The text of one fetch rule; it is evaluated for many elements.
    @ivar operands: With how many operands, and fields of values, one fetch rule may have each element compared: some
        tens of microseconds. Those of C{equalsOneOf} and C{equalsNotOneOf}, which are looked up, count as one.
    @ivar operandsPerPeer: The same of all fetches of one peer: some milliseconds at an add, for everybody.
    @ivar rulesPerPeer: The texts of all fetch rules of one peer; many short paths take some fifty times
        that in the memory.
    @ivar connections: Peers at a time, over all listeners of one kind. There is no limit per address: half a
        factory may sit behind one.
    @ivar highWater: What may wait for a slow peer until changes are coalesced.
    @ivar hardLimit: What may wait for a slow peer until it is dropped; also the longest answer to a C{get}.
    @ivar failedLogins: Wrong logins on one connection before it is closed.
    @ivar failedLoginsPerMinute: Wrong logins from one address in a minute before further ones are refused unseen.
    """

    message: int = 10_000_000
    depth: int = 200
    path: int = 4096
    elementsPerPeer: int = 250_000
    elements: int = 1_000_000
    elementBytesPerPeer: int = 256 * MEBIBYTE
    elementBytes: int = 2048 * MEBIBYTE
    fetchesPerPeer: int = 10_000
    fetchId: int = 1024
    pendingPerPeer: int = 10_000
    pendingBytes: int = 64 * MEBIBYTE
    rule: int = 64 * 1024
    operands: int = 256
    operandsPerPeer: int = 50_000
    rulesPerPeer: int = 8 * MEBIBYTE
    connections: int = 50_000
    highWater: int = MEBIBYTE
    hardLimit: int = 64 * MEBIBYTE
    failedLogins: int = 5
    failedLoginsPerMinute: int = 20

    def __post_init__(self) -> None:
        checkBounds(self)
        if self.depth > DEEPEST:
            raise ValueError(f"limit depth ({self.depth}) must not exceed {DEEPEST}, which Python can read at all")
        checkMarks(self)
