"""
A peer as a service of the application around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.jet.peererrors import ConnectionClosed

__all__ = ["PeerService"]


class PeerService(Service):
    """Connects when it starts, closes when it stops. A peer is closed for good, so it starts once."""

    _log = Logger()

    def __init__(self, connect: Callable[[], Deferred[None]], close: Callable[[], Deferred[None]]) -> None:
        self._connect = connect
        self._close = close

    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        self._connect().addErrback(self._failed)

    def _failed(self, failure: Failure) -> Any:
        if self.running or not failure.check(ConnectionClosed, CancelledError):
            self._log.error("cannot connect: {reason}", reason=failure.getErrorMessage())

    def stopService(self) -> Deferred[None]:
        """Close the peer; fires when its connection is gone."""
        super().stopService()
        return self._close()
