"""
Whether the other side is still there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from jetjstp.bounds import checkSeconds
from jetjstp.jstp.exchange import Exchange

if TYPE_CHECKING:
    from jetjstp.jstp.carrier import Carrier

__all__ = ["LONGEST_BEAT", "LONGEST_SILENCE", "Heartbeat"]

LONGEST_BEAT = 900.0
"""Seconds: nobody waits longer to find out whether somebody is there, unless somebody meant milliseconds."""

LONGEST_SILENCE = 10 * LONGEST_BEAT

MISSED = 2.5
"""Intervals without any data after which a connection is lost, if nothing else is said."""


class Heartbeat:
    """
    The pings of a connection.

    A ping also asks for an acknowledgement of all that was sent before; one is sent for that alone, too.
    """

    def __init__(self, connection: Carrier, clock: IReactorTime) -> None:
        self._connection = connection
        self._clock = clock
        self._interval: float | None = None
        self._timeout = 0.0
        self._last = 0.0
        self._nextBeat = 0.0
        self._call: IDelayedCall | None = None
        self._acknowledgement: IDelayedCall | None = None

    def start(self, interval: float, timeout: float | None) -> None:
        """From now on, or from when there is a connection. Both in seconds."""
        checkSeconds("interval", interval, LONGEST_BEAT)
        if timeout is not None:
            checkSeconds("timeout", timeout, LONGEST_SILENCE)
        self.stop()
        self._interval = interval
        self._timeout = MISSED * interval if timeout is None else timeout
        if self._connection.isConnected:
            self.begin()

    def stop(self) -> None:
        """No more pings, also when the connection is restored."""
        self._interval = None
        self._cancelBeat()

    def begin(self) -> None:
        """There is a connection."""
        if self._interval is not None:
            self._cancelBeat()
            self._last = self._clock.seconds()
            self._nextBeat = self._last + self._interval
            self._wait()

    def pause(self) -> None:
        """There is none any more."""
        self._cancelBeat()
        if self._acknowledgement is not None:
            self._acknowledgement.cancel()
            self._acknowledgement = None

    def heard(self) -> None:
        """Data came in."""
        if self._call is not None:
            self._last = self._clock.seconds()

    def _cancelBeat(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _wait(self) -> None:
        due = min(self._nextBeat, self._last + self._timeout)
        self._call = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._wake)

    def _wake(self) -> None:
        self._call = None
        connection, now = self._connection, self._clock.seconds()
        if connection.isHeld:
            self._last = now  # we do not listen, so nothing can be heard
        if now >= self._last + self._timeout:
            connection.lose(f"nothing was heard for {self._timeout:g} seconds")
            return
        if now >= self._nextBeat and self._interval is not None:
            self._nextBeat = now + self._interval
            if connection.exchange is not None:
                connection.exchange.ping(_ignore)
                connection.flush()
        if connection.isConnected and self._call is None and self._interval is not None:
            self._wait()

    @property
    def isAsking(self) -> bool:
        """Whether an acknowledgement was asked for and has not come."""
        return self._acknowledgement is not None

    def askForAcknowledgement(self, exchange: Exchange) -> None:
        """
        Much was sent, and nothing is known to have arrived. Without an answer in time the connection is lost.

        The ping goes into the outbox; whoever calls this is about to send it.
        """
        if self._acknowledgement is None:
            self._waitForAcknowledgement()
            exchange.ping(self._acknowledged)

    def _waitForAcknowledgement(self) -> None:
        seconds = self._connection.limits.acknowledgeTimeout
        self._acknowledgement = self._clock.callLater(seconds, self._unacknowledged)

    def _acknowledged(self, error: Exception | None, results: list[object]) -> None:
        if self._acknowledgement is not None:
            self._acknowledgement.cancel()
            self._acknowledgement = None

    def _unacknowledged(self) -> None:
        self._acknowledgement = None
        line = self._connection.line
        if self._connection.isHeld or (line is not None and line.link.blocked):
            # The question may still be on its way, or the answer was not read.
            self._waitForAcknowledgement()
        else:
            self._connection.lose("what was sent is not acknowledged")


def _ignore(error: Exception | None, results: list[object]) -> None:
    """That something came is all that matters."""
