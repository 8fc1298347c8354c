"""
A node as a service of the application around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.smokesignal.errors import NodeStopped

__all__ = ["NodeService"]

FIRST_WAIT = 1.0
"""Seconds until a port that is taken is tried again; doubled each time."""

LONGEST_WAIT = 60.0


class NodeService(Service):
    """Starts a node when it starts and stops it when it stops, and keeps trying where the node cannot listen."""

    _log = Logger()

    def __init__(
        self, start: Callable[[], Deferred[Any]], stop: Callable[[], Deferred[None]], clock: IReactorTime
    ) -> None:
        self._start = start
        self._stop = stop
        self._clock = clock
        self._retry: IDelayedCall | None = None
        self._wait = FIRST_WAIT

    def startService(self) -> None:
        """Begin to start the node."""
        super().startService()
        self._wait = FIRST_WAIT
        self._try()

    def _try(self) -> None:
        self._retry = None
        self._start().addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not self.running or failure.check(CancelledError, NodeStopped):
            return
        self._log.error(
            "cannot listen, next try in {wait} seconds: {reason}", wait=self._wait, reason=failure.getErrorMessage()
        )
        self._retry = self._clock.callLater(self._wait, self._try)
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def stopService(self) -> Deferred[None]:
        """Stop the node; fires when it has left."""
        super().stopService()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        return self._stop()
