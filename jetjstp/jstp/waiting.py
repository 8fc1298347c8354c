"""
Clients that have not finished their handshake: for how long, and how many.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from jetjstp.jstp.limits import Limits
from jetjstp.links.notices import RareNotice

if TYPE_CHECKING:
    from jetjstp.jstp.accepting import Accepting
    from jetjstp.jstp.connection import Connection

__all__ = ["WaitingRoom"]


class WaitingRoom:
    """
    Connections whose handshake is not over. One timer serves all: each waits equally long.

    @ivar expired: How many had to go as their time was up.
    @ivar crowdedOut: How many had to go as there were too many.
    """

    _log = Logger()

    def __init__(self, limits: Limits, clock: IReactorTime, timedOut: Callable[[Connection], None]) -> None:
        """
        @param timedOut: Called with a connection whose time is up.
        """
        self.expired = 0
        self.crowdedOut = 0
        self._limits = limits
        self._clock = clock
        self._timedOut = timedOut
        self._entries: OrderedDict[Connection, tuple[float, str, Accepting]] = OrderedDict()
        self._addresses: Counter[str] = Counter()
        self._call: IDelayedCall | None = None
        self._notice = RareNotice(self._log, clock)

    def add(self, connection: Connection, accepting: Accepting) -> None:
        """There is one more; if these are too many, the oldest goes."""
        address = connection.remoteAddress
        if len(self._entries) >= self._limits.unauthenticated:
            self._send(next(iter(self._entries)), "unauthenticated")
        if self._addresses[address] >= self._limits.unauthenticatedPerAddress:
            oldest = next(each for each, entry in self._entries.items() if entry[1] == address)
            self._send(oldest, "unauthenticatedPerAddress")
        self._entries[connection] = (self._clock.seconds() + self._limits.handshakeTimeout, address, accepting)
        self._addresses[address] += 1
        if self._call is None:
            self._call = self._clock.callLater(self._limits.handshakeTimeout, self._look)

    def __len__(self) -> int:
        return len(self._entries)

    def _send(self, connection: Connection, limit: str) -> None:
        self.crowdedOut += 1
        self._notice.warn(
            "{connection} has to go before its handshake: {limit} is reached", connection=connection, limit=limit
        )
        accepting = self.remove(connection)
        if accepting is not None:
            accepting.cancel()
        if connection.line is not None:
            connection.line.link.abort()

    def find(self, connection: Connection) -> Accepting | None:
        """Who decides about a connection."""
        entry = self._entries.get(connection)
        return None if entry is None else entry[2]

    def remove(self, connection: Connection) -> Accepting | None:
        """It waits no longer; returns who would have decided."""
        entry = self._entries.pop(connection, None)
        if entry is None:
            return None
        self._addresses[entry[1]] -= 1
        if not self._addresses[entry[1]]:
            del self._addresses[entry[1]]
        if not self._entries and self._call is not None:
            self._call.cancel()
            self._call = None
        return entry[2]

    def _look(self) -> None:
        self._call = None
        now = self._clock.seconds()
        while self._entries:
            connection, (due, _, accepting) = next(iter(self._entries.items()))
            if due > now:
                self._call = self._clock.callLater(due - now, self._look)
                return
            self.remove(connection)
            accepting.cancel()
            self.expired += 1
            self._timedOut(connection)
