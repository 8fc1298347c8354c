"""
What leaves the core: effects, outboxes, connections that end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from jetjstp.smokesignal.alarms import Alarms
from jetjstp.smokesignal.connections import Connection, Neighbour, State
from jetjstp.smokesignal.counters import Counters
from jetjstp.smokesignal.effects import Abort, Close, Effect
from jetjstp.smokesignal.limits import Limits

__all__ = ["CLOSE_TIMEOUT", "Outgoing"]

CLOSE_TIMEOUT = 5.0
"""Seconds that a connection has for ending by itself."""


class Outgoing:
    """
    Shared by the parts of a node.

    @ivar effects: What is to be done outside, in order.
    @ivar dirty: Connections with something in their outbox.
    @ivar alarms: What is to be done later.
    @ivar live: Connections that have not ended.
    """

    def __init__(self, limits: Limits, overflowed: Callable[[Connection], None]) -> None:
        """
        @param overflowed: Told of connections that are ended because nobody reads them.
        """
        self.limits = limits
        self.overflowed = overflowed
        self.counters = Counters()
        self.effects: deque[Effect] = deque()
        self.dirty: list[Connection] = []
        self.alarms = Alarms()
        self.live: set[Connection] = set()

    def send(self, connection: Connection, frame: bytes) -> None:
        """Send a line, which nothing but the hard limit keeps from being sent: then the connection ends."""
        if connection.isBlocked:
            connection.waiting += len(frame)
            if connection.waiting + self.limits.outboxSoft > self.limits.outboxHard:
                self.counters.dropped["outbox full"] += 1
                self.abort(connection)
                self.overflowed(connection)
                return
        connection.outbox.append(frame)
        if not connection.isDirty:
            connection.isDirty = True
            self.dirty.append(connection)

    def forward(self, neighbours: list[Neighbour], via: Neighbour | None, frame: bytes) -> None:
        """Send a packet of others to all but one, where it does not have to wait."""
        dirty = self.dirty
        forwarded = 0
        for neighbour in neighbours:
            if neighbour is via:
                continue
            for connection in neighbour.connections:
                if connection.isBlocked:
                    # They have other ways.
                    self.counters.dropped["outbox"] += 1
                    continue
                connection.outbox.append(frame)
                forwarded += 1
                if not connection.isDirty:
                    connection.isDirty = True
                    dirty.append(connection)
        self.counters.forwarded += forwarded

    def close(self, connection: Connection, now: float) -> None:
        """Write what there is, then end the connection, soon."""
        if connection.state in (State.ENDING, State.LOST):
            return
        connection.state = State.ENDING
        self.alarms.cancel(connection.timer)
        self.effects.append(Close(connection))

        def tooSlow(now: float) -> None:
            self.effects.append(Abort(connection))

        connection.timer = self.alarms.set(now + CLOSE_TIMEOUT, tooSlow)

    def abort(self, connection: Connection) -> None:
        """End the connection at once."""
        connection.state = State.ENDING
        self.alarms.cancel(connection.timer)
        connection.timer = None
        connection.outbox.clear()
        self.effects.append(Abort(connection))
