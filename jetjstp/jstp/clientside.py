"""
A client's connection to its server: how it comes about, and comes back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.jstp.client import Client
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.errors import (
    ERR_AUTH_FAILED,
    ConnectionNotOpen,
    HandshakeTimeout,
    NoHandshakeResponse,
    RemoteError,
)
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.line import Line
from jetjstp.jstp.messages import Message, Rejected
from jetjstp.jstp.offering import App, Offering
from jetjstp.jstp.session import Session
from jetjstp.jstp.targets import Target
from jetjstp.loglines import tell

__all__ = ["ClientSide"]

FIRST_WAIT = 1.0
LONGEST_WAIT = 32.0
"""Seconds between attempts, besides a random part of up to one second. The wait doubles each time."""

MakeTarget = Callable[[str, tuple[Any, ...]], Target]
"""Makes a target of C{"net"} or C{"ws"} and the arguments of that transport."""


class ClientSide:
    """Where a client's connection belongs to, see L{jetjstp.jstp.connection.Home}."""

    _log = Logger()

    def __init__(
        self,
        client: Client,
        app: App,
        target: Target,
        makeTarget: MakeTarget,
        timeout: float,
        limits: Limits,
        clock: IReactorTime,
    ) -> None:
        """
        @param target: How to connect, first and until another one works.
        @param timeout: Seconds for an attempt, the handshake included.
        """
        self.app = app
        self.client = client
        self.clock = clock
        self.connection = Connection(self, client.application, 1, limits, clock)
        self.connection.side = self
        self._target = target
        self._makeTarget = makeTarget
        self._timeout = timeout
        self._offering: Offering | None = None
        self._asked: Deferred[Any] | None = None
        self._isAsking = False
        self._attempt: Deferred[Connection] | None = None
        self._attempts = 0
        self._isTrying = False
        self._wasClosed = False
        self._wait = FIRST_WAIT
        self._later: IDelayedCall | None = None
        if client.heartbeatInterval is not None:
            self.connection.startHeartbeat(client.heartbeatInterval, client.heartbeatTimeout)

    # Coming about

    def connect(self) -> Deferred[Connection]:
        """Connect for the first time, restoring the client's session if it has one."""
        return self._try(self._target, self.client.session, self._timeout)

    def reconnect(self, target: Target | None = None, timeout: float | None = None) -> Deferred[Connection]:
        """
        Connect again, in place of what there is now.

        @param target: Another way than the last that worked.
        @param timeout: Seconds for this attempt, if not as many as for the others.
        """
        self._cancelLater()
        connection = self.connection
        self._wasClosed = self._wasClosed or connection.isClosing
        connection.isClosing = False
        attempt = self._try(target or self._target, connection.session, timeout or self._timeout)
        return attempt.addErrback(self._notMoved, self._attempts)

    def _notMoved(self, failure: Failure, number: int) -> Failure:
        """What the program has asked for has failed: it goes on as before, unless there is another attempt."""
        connection = self.connection
        if number == self._attempts and connection.line is None:
            connection.isClosing = connection.isClosing or self._wasClosed
            if connection.isClosing:
                connection.finish()
            elif not connection.isOver:
                self._reconnectSoon()
        return failure

    def _try(self, target: Target, session: Session | None, timeout: float) -> Deferred[Connection]:
        self._attempts += 1
        number = self._attempts
        if self._attempt is not None:
            self._attempt.cancel()
        self._isTrying = True
        attempt = self._attempt = ensureDeferred(self._connect(target, session, timeout, number))

        def timedOut(result: Any, seconds: float) -> Any:
            if isinstance(result, Failure) and result.check(CancelledError):
                raise HandshakeTimeout(f"no handshake with {target} within {seconds:g} seconds")
            return result

        attempt.addTimeout(timeout, self.clock, timedOut)
        return attempt.addBoth(self._tried, number)

    def _tried(self, result: Any, number: int) -> Any:
        if number == self._attempts:
            self._attempt = None
            self._isTrying = False
        return result

    async def _connect(self, target: Target, session: Session | None, timeout: float, number: int) -> Connection:
        connection = self.connection
        while True:
            line = Line(connection)
            try:
                await target.connect(line, timeout)
                await self._handshake(session)
            except RemoteError as error:
                self._giveUp(line)
                if session is None or error.code != ERR_AUTH_FAILED:
                    raise
                # The server does not know the session any more.
                self._sessionLost(error)
                if not self.client.newSessionOnLoss:
                    raise
                if connection.isClosing or number != self._attempts:  # the program does not want this one any more
                    raise CancelledError from error
                session = None
            except BaseException:
                self._giveUp(line)
                raise
            else:
                connection.isOver = self._wasClosed = False
                self._target = target
                self._wait = FIRST_WAIT
                return connection

    async def _handshake(self, session: Session | None) -> None:
        connection = self.connection
        self._isAsking = True
        asked = self._asked = maybeDeferred(self.client.connect, self.app, connection, session)
        if connection.line is None:
            asked.cancel()
        try:
            made = await asked
        except CancelledError:
            if connection.line is None:
                raise NoHandshakeResponse from None
            raise
        finally:
            self._asked = self._offering = None
            self._isAsking = False
        if not isinstance(made, Session):
            raise TypeError(f"connectPolicy must give the session of connection.handshake, not {made!r}")
        if not connection.isConnected:
            raise NoHandshakeResponse

    def _giveUp(self, line: Line) -> None:
        connection = line.detach()
        if connection is not None and connection.line is line:
            line.link.close()
            connection.lineLost("the handshake has failed")

    def _sessionLost(self, error: RemoteError) -> None:
        connection = self.connection
        self._log.warn("{connection}: the server does not know the session any more", connection=connection)
        if self.client.newSessionOnLoss:
            connection.abandon()
        else:
            connection.over()
        connection.emit("sessionLost", error)

    def handshake(self, strategy: str | None, credentials: Any, session: Session | None, app: App) -> Deferred[Session]:
        """See L{Connection.handshake}."""
        if self.connection.line is None or self._offering is not None or not self._isAsking:
            raise ConnectionNotOpen("a handshake is for a transport that has just been opened")
        self._offering = Offering(self.connection, session)
        return self._offering.ask(app, strategy, credentials)

    # What the connection tells

    @property
    def isObserved(self) -> bool:
        """Whether there is a logger."""
        return self.client.log is not None

    def observed(self, connection: Connection, name: str, args: tuple[Any, ...]) -> None:
        """Something went over the connection."""
        assert self.client.log is not None
        try:
            self.client.log(name, connection, *args)
        except Exception:
            self._log.failure("the logger of {connection} failed", connection=connection)

    def opened(self, connection: Connection) -> None:
        """There is a transport."""
        if connection.isClosing:
            connection.hangUp()

    def greeted(self, connection: Connection, message: Message) -> None:
        """A message before the session is there."""
        if self._offering is None:
            raise Rejected("a message before the handshake", True)
        self._offering.greeted(message)

    def failed(self, connection: Connection, error: Exception) -> None:
        """The server broke a rule."""
        if self._offering is not None and self._offering.isWaiting:
            self._offering.failed(error)
        else:
            connection.emit("error", error)

    def dropped(self, connection: Connection, reason: str) -> None:
        """The server does not do what it should."""
        tell(self._log, "dropped", connection=connection.id, address=connection.remoteAddress, reason=reason)

    def buffered(self, connection: Connection) -> None:
        """See L{Home}; its own limit is enough for a client."""

    def overflowed(self, connection: Connection) -> None:
        """Nothing: the program is told when it wants to send more."""

    def lost(self, connection: Connection, reason: str) -> None:
        """The transport is gone."""
        wasTrying = self._isTrying
        offering, self._offering = self._offering, None
        if offering is not None:
            offering.lost()
        if self._asked is not None:
            self._asked.cancel()
        if connection.isClosing:
            self._cancelLater()
            if self._attempt is not None:
                self._attempt.cancel()
            connection.failPending()
            connection.finish()
        elif not wasTrying and not connection.isOver:
            self._reconnectSoon()

    # Coming back

    def _reconnectSoon(self) -> None:
        if self.client.reconnector is None:
            wait, self._wait = self._wait + secrets.randbelow(1001) / 1000, min(2 * self._wait, LONGEST_WAIT)
            self._later = self.clock.callLater(wait, self._reconnectNow)
            return
        maybeDeferred(self.client.reconnector, self.connection, self._reconnectNow).addErrback(
            lambda failure: self._log.failure("the reconnector of {side} failed", failure=failure, side=self.connection)
        )

    def _cancelLater(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def _reconnectNow(self, *address: Any) -> Deferred[Exception | None]:
        """What a reconnector calls, see L{jetjstp.jstp.client.Reconnect}."""
        self._later = None
        connection = self.connection
        told: Deferred[Exception | None] = Deferred()
        if connection.isClosing or connection.isOver:
            told.callback(ConnectionNotOpen(f"{connection!r} is closed"))
            return told
        if connection.isConnected and not address:  # the program was faster
            told.callback(None)
            return told
        target = self._target
        if address:
            transport, rest = (
                (address[0], address[1:]) if address[0] in ("net", "ws") else (target.transportName, address)
            )
            target = self._makeTarget(transport, tuple(rest))
        connection.emit("reconnectAttempt", target.transportName, *target.address)
        attempt = self._try(target, connection.session, self._timeout)
        number = self._attempts
        attempt.addCallbacks(lambda _: self._reconnected(told), lambda error: self._notReconnected(error, told, number))
        return told

    def _reconnected(self, told: Deferred[Exception | None]) -> None:
        self.connection.emit("reconnect", None)
        told.callback(None)

    def _notReconnected(self, failure: Failure, told: Deferred[Exception | None], number: int) -> None:
        connection = self.connection
        error = failure.value
        assert isinstance(error, Exception)
        isWanted = number == self._attempts and not connection.isClosing
        if isWanted:
            connection.emit("reconnect", error)
        told.callback(error)
        # Listeners may have made up their minds.
        if number == self._attempts and not (connection.isClosing or connection.isOver or connection.isConnected):
            self._reconnectSoon()
