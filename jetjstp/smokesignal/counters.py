"""
What a node has seen and done, in numbers.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["Counters"]


class Counters:
    """
    Counts since the node was made; they only grow.

    @ivar lines: Lines received.
    @ivar badLines: Lines that were ignored, by reason: C{"json"}, C{"unknown"}, C{"type"}, C{"early"}, C{"late"},
        C{"value"}, C{"too long"}.
    @ivar packets: Packets received from peers, copies included.
    @ivar duplicates: Those that were known.
    @ivar badHashes: Those with another hash than their data have.
    @ivar delivered: Broadcasts of others that were handed to the application.
    @ivar forwarded: Copies of packets of others that were sent on.
    @ivar dropped: What was not passed on or not answered, by reason: C{"payload"}, C{"dialect"}, C{"outbox"},
        C{"outbox full"} (connections ended), C{"rate"}, C{"own"}, C{"source"}, C{"pong rate"}, C{"pong policy"},
        C{"pong paused"}, C{"pong unknown"}, C{"forgotten"} (packet ids evicted before their time), C{"request: ..."}
        (peer requests that were not accepted).
    @ivar dials: Connections begun, by reason: C{"user"}, C{"seed"}, C{"peer request"}, C{"pong"}.
    @ivar refusedHandshakes: Handshakes and acks of others that were refused, by reason: C{"full"}, C{"known"},
        C{"own"}.
    @ivar ticks: Ticks.
    @ivar splits: Seeds found to be split off.
    """

    __slots__ = (
        "badHashes",
        "badLines",
        "delivered",
        "dials",
        "dropped",
        "duplicates",
        "forwarded",
        "lines",
        "packets",
        "refusedHandshakes",
        "splits",
        "ticks",
    )

    def __init__(self) -> None:
        self.lines = 0
        self.badLines: Counter[str] = Counter()
        self.packets = 0
        self.duplicates = 0
        self.badHashes = 0
        self.delivered = 0
        self.forwarded = 0
        self.dropped: Counter[str] = Counter()
        self.dials: Counter[str] = Counter()
        self.refusedHandshakes: Counter[str] = Counter()
        self.ticks = 0
        self.splits = 0
