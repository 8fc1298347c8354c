"""
A connection to a Redis server that comes back, for L{jetjstp.storage.redis}.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.interfaces import StorageUnavailable
from jetjstp.storage.records import encodeText
from jetjstp.storage.redisurl import RedisAddress

__all__ = ["RedisConnection", "importRedis"]

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
"""Seconds between attempts to connect; each time it is twice as long, less up to a half by chance."""

MOST_WAITING = 10_000
"""How many requests may wait for the connection: with those behind them it will not be better."""

MOST_BYTES_WAITING = 64 * 1024 * 1024
"""The same of their size. A single one may be larger."""

LEAVING = ("READONLY", "LOADING", "MASTERDOWN")
"""Answers of a server that was another one's replica all the time, or is by now: the address may lead to that one."""

PROBES = (b"jetjstp:probe:1", b"jetjstp:probe:2")
"""Keys that nobody has: to delete them shows whether the server may be written to, and is no part of a cluster."""


def importRedis() -> Any:
    """
    The library. It installs the default reactor when it is imported.

    @raise ValueError: It is not there.
    """
    try:
        import txredisapi
    except ImportError:
        raise ValueError("Redis needs a library; install it with: pip install 'jetjstp[redis]'") from None
    return txredisapi


class _ProtocolFactory(Factory[Any]):
    """Makes protocols that give what the server has, unchanged: C{0123} is no number of ours."""

    noisy = False
    isLazy = True

    def __init__(self, library: Any, replyTimeout: float) -> None:
        self._library = library
        self._replyTimeout = replyTimeout

    def buildProtocol(self, addr: object) -> Any:
        protocol = self._library.RedisProtocol(charset=None, convertNumbers=False, replyTimeout=self._replyTimeout)
        protocol.factory = self
        connectionLost = protocol.connectionLost

        def noteReason(reason: Failure) -> None:
            # The library says only that it was lost: of a certificate that is not trusted nothing would be said.
            protocol.lostReason = reason
            connectionLost(reason)

        protocol.lostReason = None
        protocol.connectionLost = noteReason
        return protocol


class RedisConnection:
    """
    Runs scripts on a server.

    While the connection is away, requests wait for it, but not for long. One that was under way when it was lost fails,
    and may have been done.
    """

    _log = Logger()

    def __init__(self, library: Any, address: RedisAddress, patience: float, reactor: Any) -> None:
        """
        @param library: From L{importRedis}.
        @param patience: Seconds to wait for the connection, and for an answer.
        """
        self._library = library
        self._address = address
        self._patience = patience
        self._reactor = reactor
        self._factory = _ProtocolFactory(library, patience)
        self._protocol: Any = None
        # Also those that have not logged in, or may not.
        self._protocols: set[Any] = set()
        self._attempt: Deferred[Any] | None = None
        self._retry: IDelayedCall | None = None
        self._failures = 0
        self._waiting: list[Deferred[Any]] = []
        self._impatient: list[Deferred[Any]] = []
        self._bytesWaiting = 0
        self._trouble = "not connected"
        self._hasTold = False
        self._isClosed = False
        self._closing: list[Deferred[None]] = []

    @property
    def trouble(self) -> str | None:
        """Why there is no connection; L{None} if there is one."""
        return None if self._protocol is not None else str(self._unavailable(self._trouble))

    def connected(self, isPatient: bool = True) -> Deferred[Any]:
        """
        Begin to connect, if that was not done yet.

        @param isPatient: Whether to wait for another attempt if one fails.
        @return: Fires when there is a connection; fails with L{StorageUnavailable} if there is none in time.
        """
        connected: Deferred[Any] = Deferred()
        if self._protocol is not None and not self._isClosed:
            connected.callback(self._protocol)
            return connected
        if self._isClosed or len(self._waiting) >= MOST_WAITING:
            return fail(self._unavailable(self._trouble))
        self._waiting.append(connected)
        if not isPatient:
            self._impatient.append(connected)
        connected.addTimeout(self._patience, self._reactor, lambda _, seconds: self._tooLate(connected))
        if self._attempt is None and self._retry is None:
            self._connect()
        return connected

    def run(self, script: str, keys: Sequence[bytes], arguments: Sequence[bytes | int | str]) -> Deferred[Any]:
        """Have the server run a script; texts in what it gives are bytes."""
        if self._protocol is not None and not self._isClosed:
            return self._run(self._protocol, script, keys, arguments)
        size = sum(len(each) for each in (*keys, *arguments) if isinstance(each, bytes | str))
        if self._bytesWaiting and self._bytesWaiting + size > MOST_BYTES_WAITING:
            return fail(self._unavailable(self._trouble))
        self._bytesWaiting += size
        return self.connected().addBoth(self._hasWaited, size).addCallback(self._run, script, keys, arguments)

    def _hasWaited(self, result: Any, size: int) -> Any:
        self._bytesWaiting -= size
        return result

    def _run(
        self, protocol: Any, script: str, keys: Sequence[bytes], arguments: Sequence[bytes | int | str]
    ) -> Deferred[Any]:
        return maybeDeferred(protocol.eval, script, keys, arguments).addErrback(self._failed, protocol)

    def close(self) -> Deferred[None]:
        """End the connection when what was asked is answered. What waits for a connection fails."""
        if not self._isClosed:
            self._isClosed = True
            self._trouble = "it is closed here"
            for each in list(self._waiting):
                self._giveUp(each)
            if self._retry is not None:
                self._retry.cancel()
                self._retry = None
            if self._attempt is not None:
                self._attempt.cancel()
            if self._protocol is not None:
                self._leave(self._protocol)
        closed: Deferred[None] = Deferred()
        self._closing.append(closed)
        self._tellClosed()
        return closed

    def _tellClosed(self) -> None:
        if self._isClosed and self._attempt is None and not self._protocols:
            closing, self._closing = self._closing, []
            for each in closing:
                each.callback(None)

    def _leave(self, protocol: Any) -> None:
        # The server answers in order, then ends the connection; if it does not answer, that ends it, too.
        protocol.execute_command("QUIT").addErrback(lambda failure: failure.trap(self._library.RedisError))

    # Connecting

    def _connect(self) -> None:
        self._retry = None
        self._attempt = attempt = maybeDeferred(lambda: self._endpoint().connect(self._factory))
        attempt.addCallback(lambda protocol: Deferred.fromCoroutine(self._logIn(protocol)))
        attempt.addCallbacks(self._use, self._notConnected)

    def _endpoint(self) -> IStreamClientEndpoint:
        address, patience = self._address, self._patience
        if address.path is not None:
            return UNIXClientEndpoint(self._reactor, address.path, timeout=patience)
        endpoint: Any = HostnameEndpoint(self._reactor, address.host, address.port, timeout=patience)
        return wrapClientTLS(optionsForClientTLS(address.host), endpoint) if address.isTls else endpoint

    async def _logIn(self, protocol: Any) -> Any:
        address = self._address
        self._protocols.add(protocol)
        protocol.whenDisconnected().addCallback(self._lost, protocol)
        try:
            if address.password is not None:
                names = [] if address.username is None else [address.username]
                await protocol.execute_command("AUTH", *names, address.password)
            await protocol.execute_command("SELECT", address.number)
            prefix = encodeText(address.prefix)
            await protocol.execute_command("DEL", *(prefix + name for name in PROBES))
        except BaseException as error:
            if protocol in self._protocols:
                self._leave(protocol)
            if protocol.lostReason is not None and isinstance(error, self._library.ConnectionError):
                reason = protocol.lostReason.getErrorMessage().rstrip(".")
                raise self._library.ConnectionError(f"{error}: {reason}") from None
            raise
        return protocol

    def _use(self, protocol: Any) -> None:
        self._attempt = None
        self._failures = 0
        if self._hasTold:
            self._log.info("{address}: connected again", address=self._address)
        self._hasTold = False
        self._protocol = protocol
        self._impatient.clear()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(protocol)

    def _notConnected(self, failure: Failure) -> None:
        self._attempt = None
        if self._isClosed:
            self._tellClosed()
            return
        self._failures += 1
        self._later(_toldOn(failure.value))
        for each in list(self._impatient):
            self._giveUp(each)

    def _lost(self, _: object, protocol: Any) -> None:
        self._protocols.discard(protocol)
        self._useNoMore(protocol, "the connection was lost")
        self._tellClosed()

    def _useNoMore(self, protocol: Any, trouble: str) -> None:
        if self._protocol is protocol:
            self._protocol = None
            if not self._isClosed:
                self._later(trouble)

    def _later(self, trouble: str) -> None:
        self._trouble = trouble
        if not self._hasTold:
            self._hasTold = True
            self._log.warn("{address}: {trouble}; trying again", address=self._address, trouble=trouble)
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2**self._failures) * random.uniform(0.5, 1)
        self._retry = self._reactor.callLater(wait, self._connect)

    def _giveUp(self, connected: Deferred[Any]) -> None:
        for some in (self._waiting, self._impatient):
            if connected in some:
                some.remove(connected)
        connected.errback(self._unavailable(self._trouble))

    def _tooLate(self, connected: Deferred[Any]) -> None:
        for some in (self._waiting, self._impatient):
            if connected in some:
                some.remove(connected)
        raise self._unavailable(self._trouble)

    def _failed(self, failure: Failure, protocol: Any) -> Failure:
        error = failure.value
        if isinstance(error, self._library.ConnectionError):
            # It is about to be ended, if it is not yet.
            self._useNoMore(protocol, str(error))
            return Failure(self._unavailable(f"no answer came ({error})"))
        if isinstance(error, self._library.RedisError):
            reason = _toldOn(error)
            if reason.startswith(LEAVING) and self._protocol is protocol:
                self._leave(protocol)
                self._useNoMore(protocol, reason)
            return Failure(self._unavailable(f"it refuses: {reason}"))
        return failure

    def _unavailable(self, reason: str) -> StorageUnavailable:
        return StorageUnavailable(f"Redis at {self._address}: {reason}")


def _toldOn(error: BaseException | None) -> str:
    """What a server says, without what it was given: there may be a password in that, or the id of a session."""
    return str(error).partition(", with args")[0].rstrip(".")
