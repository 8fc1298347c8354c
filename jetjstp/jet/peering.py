"""
The core of a peer: what the application asks for and what a daemon sends goes
in, messages and effects come out (protocol page, section 12).

It outlives connections. What is declared (content, fetches) holds until it is
taken back and is declared anew on each connection; what is asked (set, call,
get) is asked once, and fails with its connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from jetjstp.jet.asking import Asking, Effect, Fail, Finish, Ready, Refused, Trouble
from jetjstp.jet.daemonkinds import ASSUMED_INFO, kindOf
from jetjstp.jet.following import Following
from jetjstp.jet.followings import Followings
from jetjstp.jet.incoming import Incoming, read
from jetjstp.jet.jsontext import UNREADABLE, quote, valueOf
from jetjstp.jet.owning import Owned, Owning
from jetjstp.jet.peererrors import (
    BaseError,
    ConnectionClosed,
    DaemonError,
    InvalidCredentials,
    LimitExceeded,
    PeerTimeout,
)

__all__ = ["HANDSHAKE_TIMEOUT", "MOST_PENDING", "Peering"]

HANDSHAKE_TIMEOUT = 20.0
"""Seconds for the daemon to answer C{info} and C{authenticate}; whatever accepts connections may be no daemon."""

MOST_PENDING = 10_000
"""Requests of the application that are not answered yet, sent or not; as many as a daemon lets one peer have."""

GRACE = 2.0
"""Seconds that we wait longer than the daemon was told to, so that its answer to a timeout can arrive."""

STEP = 20
"""Declarations made in one step."""

_Read = Callable[[bytes], Any]


class Peering:
    """
    A peer. L{jetjstp.driver.Driver} drives it.

    @ivar asking: The connection: what is to be written is in its outbox.
    @ivar effects: What is to be done outside.
    """

    def __init__(self, *, user: str | None, password: str | None, settle: float, token: str) -> None:
        """
        @param settle: Seconds that removes are held back for after a reconnect.
        @param token: Something that no other peer has, for daemons whose peers share ids.
        """
        self.asking = Asking()
        self.effects: deque[Effect] = self.asking.effects
        self.owning = Owning(self.asking)
        self.followings = Followings(self.asking, token)
        self.settle = settle
        self._user = user
        self._password = password
        self._info: dict[str, Any] = {}
        self._wasReady = False
        self._handshakeEnd: float | None = None
        self._todo: deque[Callable[[], None]] = deque()
        self._serial = 0
        # By ticket: how long it may take, and its request's id, None if it waits for the first connection.
        self._asked: dict[int, tuple[float | None, int | None]] = {}
        self._queue: dict[int, Callable[[], None]] = {}
        self._now = 0.0

    # --- what a driver asks for

    @property
    def working(self) -> bool:
        """Whether there is something left to be declared on a new connection."""
        return bool(self._todo)

    def work(self) -> None:
        """Declare some of it."""
        for _ in range(min(STEP, len(self._todo))):
            self._todo.popleft()()
        self.owning.needsRetry(self._now)

    def deadline(self) -> float | None:
        """When L{expire} is to be called."""
        # Asked after each input, so without making lists of nothing.
        soonest = self.asking.deadline()
        for time in (self._handshakeEnd, self.owning.retryAt, self.followings.deadline()):
            if time is not None and (soonest is None or time < soonest):
                soonest = time
        return soonest

    def expire(self, now: float) -> None:
        """Time has passed."""
        self._setNow(now)
        if self._handshakeEnd is not None and self._handshakeEnd <= now:
            self._handshakeEnd = None
            seconds = f"{HANDSHAKE_TIMEOUT:g}"
            self.effects.append(Refused(ConnectionClosed(f"no answer from the daemon within {seconds} seconds")))
        for ticket in self.asking.expired(now):
            self._expired(ticket)
        if self.owning.retryAt is not None and self.owning.retryAt <= now:
            self.owning.retry()
        self.followings.expire(now)
        self.owning.needsRetry(now)

    def _setNow(self, now: float) -> None:
        self._now = self.followings.now = now

    def newTicket(self) -> int:
        """Names something that the application waits for, in the effects that end it."""
        self._serial += 1
        return self._serial

    # --- the connection

    def opened(self, now: float) -> None:
        """There is a connection: introduce ourselves."""
        self._setNow(now)
        self.asking.opened()
        self._handshakeEnd = now + HANDSHAKE_TIMEOUT
        self.asking.request("info", b"{}", self._informed)

    def _informed(self, result: bytes | None, error: BaseError | None) -> None:
        if isinstance(error, ConnectionClosed):
            return
        info = valueOf(result) if result is not None else None
        self._info = info if isinstance(info, dict) else ASSUMED_INFO
        self.asking.kind = kindOf(info if isinstance(info, dict) else None)
        if self._user is None:
            self._ready(None)
        else:
            params = b'{"user":%b,"password":%b}' % (quote(self._user), quote(self._password or ""))
            self.asking.request("authenticate", params, self._authenticated)

    def _authenticated(self, result: bytes | None, error: BaseError | None) -> None:
        if error is None:
            self._ready(None if result is None else valueOf(result))
        elif not isinstance(error, ConnectionClosed):
            self._handshakeEnd = None
            known = isinstance(error, InvalidCredentials | DaemonError)
            self.effects.append(Refused(error if known else InvalidCredentials(str(error))))

    def _ready(self, access: Any) -> None:
        self._handshakeEnd = None
        self.asking.isReady = True
        again, self._wasReady = self._wasReady, True
        self.effects.append(Ready(self._info, access, again))
        self._todo.extend(partial(self.owning.sendAdd, owned) for owned in self.owning.opened())
        self._todo.extend(partial(self._sendFetch, following) for following in self.followings.opened())
        queue, self._queue = self._queue, {}
        self._todo.extend(queue.values())

    def _sendFetch(self, following: Following) -> None:
        self.followings.send(following, self._now)

    def received(self, frames: list[bytes], now: float) -> None:
        """The daemon says something."""
        self._setNow(now)
        for frame in frames:
            try:
                messages = read(frame)
            except ValueError as error:
                self.effects.append(Trouble("a message of the daemon cannot be read", DaemonError(-32700, str(error))))
                continue
            for message in messages:
                try:
                    self._receive(message)
                except UNREADABLE as error:
                    trouble = DaemonError(-32600, f"{type(error).__name__}: {error}")
                    self.effects.append(Trouble("a message of the daemon cannot be understood", trouble))
        self.owning.needsRetry(now)

    def _receive(self, message: Incoming) -> None:
        method = message.method
        if method is None:
            self.asking.answered(message)
        elif message.id is not None or not self.followings.notified(method, message.params):
            self.owning.requested(message)

    def blocked(self) -> None:
        """What is written piles up."""
        self.asking.isBlocked = True

    def drained(self) -> None:
        """The daemon reads again."""
        self.asking.isBlocked = False
        self.owning.drained()

    def lost(self, reason: str, now: float) -> None:
        """The connection is gone; there may be another one."""
        self._setNow(now)
        error = ConnectionClosed(reason)
        self._handshakeEnd = None
        self._todo.clear()
        self.asking.lost(reason)
        self.owning.lost()
        self.followings.lost(error)
        if self._wasReady:
            self._failQueue(error)

    def end(self, reason: str) -> None:
        """There will be no connection any more: everything fails, and nothing is declared any longer."""
        error = ConnectionClosed(reason)
        self.owning.end(error)
        self.followings.end(error)
        self._failQueue(error)
        self._todo.clear()

    def _failQueue(self, error: BaseError) -> None:
        """Fail what has not been sent; what was has failed already."""
        for ticket in list(self._asked):
            self._finished(ticket, error)

    # --- what the application asks for

    def ask(
        self,
        ticket: int,
        method: str,
        params: Callable[[], bytes],
        timeout: float | None,
        readResult: _Read,
        now: float,
    ) -> None:
        """
        Ask for something, once. Before the first connection it waits for that; between connections it fails.

        @param params: Makes the params when it is known what daemon they are for.
        @param timeout: Seconds that the daemon is given; L{None} if it is to decide, -1 if it takes what it takes.
        """
        self._setNow(now)
        if self._wasReady and not self.asking.isReady:
            self.effects.append(Fail(ticket, ConnectionClosed("there is no connection to the daemon now")))
            return
        if len(self._asked) >= MOST_PENDING:
            data = {"limitExceeded": "pending", "limit": MOST_PENDING}
            self.effects.append(Fail(ticket, LimitExceeded(-32602, f"more than {MOST_PENDING} pending requests", data)))
            return
        if timeout == -1:
            length = None
        else:
            length = self.asking.kind.timeout if timeout is None else timeout + GRACE
            self.asking.startTimer(ticket, now, length)
        self._asked[ticket] = (length, None)
        send = partial(self._sendAsked, ticket, method, params, readResult)
        if self.asking.isReady:
            send()
        else:
            self._queue[ticket] = send

    def _sendAsked(self, ticket: int, method: str, params: Callable[[], bytes], readResult: _Read) -> None:
        if ticket in self._asked:
            length, _ = self._asked[ticket]
            id = self.asking.request(method, params(), partial(self._askedAnswered, ticket, readResult))
            if ticket in self._asked:  # it is answered already if it was too long
                self._asked[ticket] = (length, id)

    def _askedAnswered(self, ticket: int, readResult: _Read, result: bytes | None, error: BaseError | None) -> None:
        if error is not None:
            self._finished(ticket, error)
            return
        try:
            value = readResult(b"null" if result is None else result)
        except (BaseError, *UNREADABLE) as failure:
            self._finished(ticket, failure if isinstance(failure, BaseError) else DaemonError(0, str(failure)))
        else:
            if self._forgetAsked(ticket):
                self.effects.append(Finish(ticket, value))

    def _forgetAsked(self, ticket: int) -> bool:
        asked = self._asked.pop(ticket, None)
        self._queue.pop(ticket, None)
        if asked is None:
            return False
        length, id = asked
        if length is not None:
            self.asking.stopTimer(ticket, length)
        if id is not None:
            self.asking.forget(id)
        return True

    def _finished(self, ticket: int, error: BaseError) -> None:
        if self._forgetAsked(ticket):
            self.effects.append(Fail(ticket, error))

    def _expired(self, ticket: int) -> None:
        wasQueued = ticket in self._queue
        self._finished(ticket, PeerTimeout("there was no connection in time" if wasQueued else None))

    def cancel(self, ticket: int) -> None:
        """Nobody waits for that any more; its answer will be dropped."""
        self._forgetAsked(ticket)

    def add(self, owned: Owned) -> None:
        """See L{Owning.add}."""
        self.owning.add(owned)

    def fetch(self, following: Following, ticket: int, number: int | None, now: float) -> int:
        """See L{Followings.fetch}."""
        self._setNow(now)
        return self.followings.fetch(following, ticket, number, now)
