"""
What listens, as a service of the application around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["ListeningService"]

FIRST_WAIT = 1.0
"""Seconds until a place that is taken is tried again; doubled each time."""

LONGEST_WAIT = 60.0


class ListeningService(Service):
    """
    Listens while it runs, closes when it stops, and keeps trying where it cannot listen.
    """

    _log = Logger()

    def __init__(
        self,
        listen: Callable[[], Deferred[Any]],
        close: Callable[[], Deferred[None]],
        clock: IReactorTime,
        ended: type[Exception] = CancelledError,
    ) -> None:
        """
        @param ended: What listening fails with, besides being cancelled, when it was not to go on.
        """
        self._ended = ended
        self._listen = listen
        self._close = close
        self._clock = clock
        self._listening: Deferred[Any] | None = None
        self._retry: IDelayedCall | None = None
        self._wait = FIRST_WAIT

    def startService(self) -> None:
        """Begin to listen."""
        super().startService()
        self._wait = FIRST_WAIT
        self._try()

    def _try(self) -> None:
        self._retry = None
        self._listening = self._listen()
        self._listening.addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not self.running or failure.check(CancelledError, self._ended):
            return
        self._log.error(
            "cannot listen, next try in {wait} seconds: {reason}", wait=self._wait, reason=failure.getErrorMessage()
        )
        self._retry = self._clock.callLater(self._wait, self._try)
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def stopService(self) -> Deferred[None]:
        """Close; fires when the connections are gone, too."""
        super().stopService()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._listening is not None:
            self._listening.cancel()
        return self._close()
