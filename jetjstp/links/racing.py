"""
One connection to whichever of some addresses answers first.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory
from twisted.python.failure import Failure

__all__ = ["ATTEMPT_TIMEOUT", "Unreachable", "dialFirst"]

ATTEMPT_TIMEOUT = 5
"""Seconds for one address; the system's own two minutes would keep the others waiting."""

ATTEMPT_DELAY = 0.25
"""Seconds after which the next address is tried besides (RFC 8305, section 5)."""


class Unreachable(Exception):
    """None of the addresses answers."""


def dialFirst(addresses: Sequence[str], port: int, factory: IProtocolFactory, reactor: Any) -> Deferred[Any]:
    """
    Connect to one of some addresses, of which earlier ones are preferred.

    @return: Fires with the protocol of the first connection; fails with L{Unreachable}. Cancelling leaves nothing.
    """
    return _Race(addresses, port, factory, reactor).result


class _Race:
    """Attempts at several addresses, one of which wins."""

    def __init__(self, addresses: Sequence[str], port: int, factory: IProtocolFactory, reactor: Any) -> None:
        self.result: Deferred[Any] = Deferred(lambda _: self._stop())
        self._left = list(addresses)
        self._port = port
        self._factory = factory
        self._reactor = reactor
        self._running: dict[str, Deferred[Any]] = {}
        self._next: IDelayedCall | None = None
        self._reasons: list[str] = []
        self._isOver = False
        self._try()

    def _try(self) -> None:
        self._next = None
        if self._isOver:
            return
        if not self._left:
            if not self._running:
                self._isOver = True
                reason = "; ".join(self._reasons) or "no address in a network of this host is announced"
                self.result.errback(Failure(Unreachable(reason)))
            return
        address = self._left.pop(0)
        kind = TCP4ClientEndpoint if ip_address(address).version == 4 else TCP6ClientEndpoint
        connecting = kind(self._reactor, address, self._port, timeout=ATTEMPT_TIMEOUT).connect(self._factory)
        self._running[address] = connecting
        connecting.addCallbacks(self._won, self._lost, callbackArgs=(address,), errbackArgs=(address,))
        if self._left and not self._isOver and self._next is None:
            self._next = self._reactor.callLater(ATTEMPT_DELAY, self._try)

    def _won(self, protocol: Any, address: str) -> None:
        self._running.pop(address, None)
        if self._isOver:
            protocol.abort()
            return
        self._stop()
        self.result.callback(protocol)

    def _lost(self, failure: Failure, address: str) -> None:
        self._running.pop(address, None)
        if self._isOver or failure.check(CancelledError):
            return
        self._reasons.append(f"{address} port {self._port}: {failure.getErrorMessage()}")
        if self._next is not None:
            self._next.cancel()
        self._try()

    def _stop(self) -> None:
        self._isOver = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for connecting in list(self._running.values()):
            connecting.cancel()
        self._running.clear()
