"""
The way of a peer to its daemon and back to it: connecting, coming back,
closing, and the one place where a peer writes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from jetjstp.causes import Cause
from jetjstp.driver import Driver
from jetjstp.emitter import Emitter
from jetjstp.interfaces import MessageLink
from jetjstp.jet.asking import Effect, Ready
from jetjstp.jet.connecting import LASTING, Connector, Dial, Waits
from jetjstp.jet.peererrors import BaseError, ConnectionClosed, InvalidCredentials
from jetjstp.jet.peering import Peering

__all__ = ["Presence"]

LONGEST_BATCH = 256 * 1024
"""Bytes of one array: far below what any daemon takes for a message that takes arrays."""


class Presence(Emitter):
    """
    The part of L{jetjstp.jet.Peer} that is about its connection.

    @ivar daemonInfo: What the daemon said of itself; L{None} before.
    @ivar access: What it said of our user; L{None} if there is none.
    """

    events: ClassVar[frozenset[str]] = frozenset(("disconnect", "reconnect", "error"))

    _log = Logger()

    def __init__(
        self,
        core: Peering,
        dial: Dial,
        where: str,
        reconnect: bool,
        random: Callable[[], float],
        reactor: IReactorTime,
    ) -> None:
        """
        @param where: Where the daemon is, for messages.
        @param random: Gives a number from 0 to 1.
        """
        self.daemonInfo: dict[str, Any] | None = None
        self.access: Any = None
        self._where = where
        self._clock = reactor
        self._core = core
        self._driver: Driver[Effect] = Driver(core, self._perform, self._flush, reactor)
        self._connector = Connector(dial, self, reactor)
        self._waits = Waits(random)
        self._isReconnecting = reconnect
        self._connects: list[Deferred[None]] = []
        self._closes: list[Deferred[None]] = []
        self._refusal: BaseError | None = None
        self._retryFirst = False
        self._wasReady = False
        self._isClosed = False
        self._openedAt = 0.0
        self._batches = 0
        self._batchCall: IDelayedCall | None = None

    def __repr__(self) -> str:
        return f"<Peer of {self._where}, {'connected' if self.isConnected() else 'not connected'}>"

    def _perform(self, effect: Effect) -> None:
        """Do what the core wants."""
        raise NotImplementedError

    def connect(self, retryFirst: bool = False) -> Deferred[None]:
        """
        Connect, and log in if there is a user.

        @param retryFirst: Whether to go on trying if that fails. By default only later connections are tried again.
        @return: Fires when the daemon knows us. Fails with L{ConnectionClosed}, L{jetjstp.jet.InvalidUser} or
            L{jetjstp.jet.InvalidPassword}. Cancelling it closes the peer, if nobody else waits for it.
        """
        if self._isClosed:
            return fail(ConnectionClosed("the peer is closed"))
        if self.isConnected():
            return succeed(None)
        self._retryFirst = self._retryFirst or retryFirst
        waiting: Deferred[None] = Deferred(self._connectCancelled)
        self._connects.append(waiting)
        if self._connector.isIdle:
            self._connector.dial()
        return waiting

    def _connectCancelled(self, waiting: Deferred[None]) -> None:
        if waiting in self._connects:
            self._connects.remove(waiting)
        if not self._connects and not self._wasReady:
            self.close()

    def isConnected(self) -> bool:
        """Whether there is a connection, and the daemon knows us, right now."""
        return self._core.asking.isReady

    def closed(self) -> Deferred[None]:
        """Fires when the peer is closed for good: not between reconnects."""
        closed: Deferred[None] = Deferred(self._closedCancelled)
        if self._isClosed and self._connector.link is None:
            closed.callback(None)
        else:
            self._closes.append(closed)
        return closed

    def _closedCancelled(self, waiting: Deferred[None]) -> None:
        if waiting in self._closes:
            self._closes.remove(waiting)

    def close(self) -> Deferred[None]:
        """
        Close the connection after what was written, for good. Everything that is pending fails.

        @return: Fires when it is closed.
        """
        closed = self.closed()
        if not self._isClosed:
            self._isClosed = True
            self._flushBatch()
            if self._connector.link is not None:
                if not self._core.asking.isBlocked:
                    # We may be called from within a handler, before what it has asked for was written.
                    self._write(self._core.asking.outbox, False)
                self._core.lost("the peer is closed", self._driver.now())
            self._end("the peer is closed")
            self._connector.stop()
            if self._connector.link is None:
                self._over()
        return closed

    def _end(self, reason: str) -> None:
        """Let everything fail that waits."""
        self._core.end(reason)
        connects, self._connects = self._connects, []
        self._driver.settle()
        self._driver.rest()
        for waiting in connects:
            if not waiting.called:  # what has failed before may have had somebody cancel it
                waiting.errback(self._refusal or ConnectionClosed(reason))

    def _over(self) -> None:
        """The connection is gone, and there will be no other."""
        self._isClosed = True
        self._driver.rest()
        closes, self._closes = self._closes, []
        for closed in closes:
            if not closed.called:  # one that was told before may have had it cancelled
                closed.callback(None)

    def linkOpened(self, link: MessageLink) -> None:
        """For the connector: there is a connection."""
        self._refusal = None
        self._openedAt = self._driver.now()
        self._core.opened(self._openedAt)
        self._driver.settle()

    def messagesReceived(self, messages: list[bytes]) -> None:
        """For the connector: the daemon says something."""
        if not self._isClosed:
            self._core.received(messages, self._driver.now())
            self._driver.settle()

    def linkBlocked(self) -> None:
        """For the connector: what is written piles up."""
        self._core.blocked()

    def linkDrained(self) -> None:
        """For the connector: the daemon reads again."""
        self._core.drained()
        self._driver.settle()

    def linkLost(self, reason: str) -> None:
        """For the connector: the connection is gone."""
        if self._isClosed:
            self._over()
            return
        wasReady = self._core.asking.isReady
        now = self._driver.now()
        if wasReady and now - self._openedAt >= LASTING:
            self._waits.reset()
        self._core.lost(reason, now)
        if wasReady:
            self._driver.settle()
            self.emit("disconnect", reason)
            self._goOn(reason)
        else:
            self.dialFailed(reason)

    def dialFailed(self, reason: str) -> None:
        """For the connector: there is no connection."""
        if self._isClosed:
            return
        if not self._wasReady and not self._retryFirst:
            self._end(f"cannot connect to {self._where}: {reason}")
            return
        self._driver.settle()
        self._goOn(reason)

    def _goOn(self, reason: str) -> None:
        if self._isClosed:
            return
        if not self._isReconnecting and self._wasReady:
            self._isClosed = True
            self._end(reason)
            self._over()
        elif self._connector.isIdle:
            wait = self._waits.next()
            if self._refusal is not None:
                self._log.warn("{peer}: the daemon refuses us: {reason}", peer=repr(self), reason=str(self._refusal))
            self._connector.dialLater(wait)

    def _ready(self, effect: Ready) -> None:
        self.daemonInfo = effect.info
        self.access = effect.access
        self._wasReady = True
        connects, self._connects = self._connects, []
        for waiting in connects:
            if not waiting.called:
                waiting.callback(None)
        if effect.again:
            self.emit("reconnect")

    # --- writing

    @contextmanager
    def batch(self) -> Generator[None, None, None]:
        """
        Send what is asked for and declared in a C{with} block together: as one message, if the daemon takes that.

            with peer.batch():
                for state in states:
                    peer.add(state)

        It is sent when the block ends, however it does, or when control returns to the reactor: so what is asked for
        in the block may be awaited in it.
        """
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1
            if not self._batches:
                self._flushBatch()

    def _flush(self) -> None:
        asking = self._core.asking
        if not asking.outbox or asking.isBlocked:
            return
        if self._batches and asking.isReady:
            if self._batchCall is None:
                self._batchCall = self._clock.callLater(0, self._flushBatch)
            return
        self._write(asking.outbox, False)

    def _flushBatch(self) -> None:
        call, self._batchCall = self._batchCall, None
        if call is not None:
            if call.active():
                call.cancel()
            asking = self._core.asking
            if not asking.isBlocked:
                self._write(asking.outbox, asking.kind.batches)
            self._driver.settle()

    def _write(self, outbox: list[bytes], together: bool) -> None:
        link = self._connector.link
        messages = outbox[:]
        outbox.clear()
        if link is not None and messages:
            # Writing may block the link, and so bring the core to hold back what comes next.
            link.write([link.pack(message) for message in (_arrays(messages) if together else messages)])

    def _refuse(self, error: BaseError) -> None:
        self._refusal = error
        self._hangUp(str(error))

    def _hangUp(self, reason: str) -> None:
        link = self._connector.link
        if link is not None:
            # An error of the daemon is no reason for haste; a daemon that says nothing reads nothing.
            if isinstance(self._refusal, InvalidCredentials):
                link.close()
            else:
                abort = getattr(link, "abortBecause", None)
                abort(reason, Cause.PROTOCOL) if abort is not None else link.abort()


def _arrays(messages: list[bytes]) -> list[bytes]:
    """Join messages into arrays of a size that daemons take."""
    arrays: list[bytes] = []
    pieces: list[bytes] = []
    size = 0
    for message in messages:
        if pieces and size + len(message) > LONGEST_BATCH:
            arrays.append(_array(pieces))
            pieces, size = [], 0
        pieces.append(message)
        size += len(message)
    arrays.append(_array(pieces))
    return arrays


def _array(messages: list[bytes]) -> bytes:
    return messages[0] if len(messages) == 1 else b"[" + b",".join(messages) + b"]"
