"""
Wrong logins, counted by address, so that passwords cannot be tried out at
speed over many connections.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.bounds import checkNumber
from jetjstp.interfaces import LoginFailed
from jetjstp.rarefailures import logRarely

__all__ = ["PER_MINUTE", "FailedLogins", "LoginAttempts", "TooManyLogins"]

PER_MINUTE = 20
"""Wrong logins from one address in a minute before further ones are refused unseen."""

WINDOW = 60.0
"""Seconds for which a failure counts."""

ADDRESSES = 10_000
"""Addresses that are remembered; the one that has not failed for the longest time is forgotten first."""

WAITING = 1000
"""Logins of one address that may wait for others of it; one connection has one, so it takes as many connections."""

T = TypeVar("T")


class TooManyLogins(LoginFailed):
    """
    There were too many wrong logins from one address: this one is refused unseen.

    @ivar limit: How many there may be in a minute.
    """

    def __init__(self, limit: int) -> None:
        super().__init__("too many failed logins from this address, try again in a minute")
        self.limit = limit


class FailedLogins:
    """
    Failures of the last minute.

    @param limit: How many of one address are looked at; what comes after them is refused unseen.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failures: dict[str, deque[float]] = {}

    def exceeded(self, address: str, now: float) -> bool:
        """Whether an address has to wait."""
        return self.count(address, now) >= self._limit

    def count(self, address: str, now: float) -> int:
        """How many failures of an address count; those beyond the limit are not told."""
        times = self._failures.get(address)
        if times is None:
            return 0
        while times and times[0] <= now - WINDOW:
            times.popleft()
        if not times:
            del self._failures[address]
        return len(times)

    def note(self, address: str, now: float) -> None:
        """Count a failure."""
        times = self._failures.pop(address, None)
        if times is None:
            times = deque(maxlen=self._limit)
            if len(self._failures) >= ADDRESSES:
                del self._failures[next(iter(self._failures))]
        times.append(now)
        self._failures[address] = times


class _Address:
    """What is going on at one address: when attempts began that are not decided, and who waits for them."""

    def __init__(self) -> None:
        self.running: dict[object, float] = {}
        self.waiting: dict[Deferred[None], None] = {}
        self.isGoingOn = False


class LoginAttempts:
    """
    Lets so many logins of an address fail in a minute, and refuses further ones unseen. What is being checked counts,
    too, until it is known to have succeeded: further logins wait for it, so that many that come at once gain nothing.

    One object may serve several daemons and servers, so that they count together.

    @param limit: How many may fail.
    @param reactor: Whose time it is; the global reactor if it is L{None}.
    @raise ValueError: The limit is not positive; TypeError if it is no number.
    """

    _log = Logger()

    def __init__(self, limit: int = PER_MINUTE, reactor: IReactorTime | None = None) -> None:
        checkNumber("limit", limit, 1, sys.maxsize)
        if reactor is None:
            from twisted.internet import reactor as globalReactor

            reactor = cast(IReactorTime, globalReactor)
        self.limit = limit
        self._clock = reactor
        self._failures = FailedLogins(limit)
        self._addresses: dict[str, _Address] = {}

    def run(self, address: str, check: Callable[..., Deferred[T] | T], *args: Any) -> Deferred[T]:
        """
        Check a login, when it may be checked.

        @param address: Where it comes from.
        @param check: Called with C{args}; gives the outcome, or a Deferred of it. It has failed if that is
            L{LoginFailed}; another failure is no fault of who logs in.
        @return: Fires as C{check}; fails with L{TooManyLogins} if that was not called. Cancelled, it is not called
            any more; if it was called already, its outcome counts all the same.
        """
        now = self._clock.seconds()
        place = self._addresses.get(address)
        if place is not None and place.waiting:
            self._goOn(address, place)  # what is being checked may have become too old to count
            place = self._addresses.get(address)
        isFull = place is not None and len(place.waiting) >= WAITING
        if isFull or self._failures.exceeded(address, now):
            return self._refused()
        if place is None:
            place = self._addresses[address] = _Address()
        if not place.waiting and self._hasRoom(address, place, now):
            return self._check(address, place, now, check, args)
        turn: Deferred[None] = Deferred(place.waiting.pop)
        place.waiting[turn] = None
        checked: Deferred[T] = turn.addCallback(lambda _: self._admitted(address, check, args))
        return checked

    def _refused(self) -> Deferred[Any]:
        refused: Deferred[Any] = Deferred()
        refused.errback(TooManyLogins(self.limit))
        return refused

    def _hasRoom(self, address: str, place: _Address, now: float) -> bool:
        """Whether one more could fail without exceeding the limit, if all do that are being checked."""
        # Whoever checks has to come to an end; what takes for ever is not to keep an address out for ever.
        for attempt in [attempt for attempt, began in place.running.items() if began <= now - WINDOW]:
            del place.running[attempt]
        return self._failures.count(address, now) + len(place.running) < self.limit

    def _admitted(self, address: str, check: Callable[..., Any], args: tuple[Any, ...]) -> Deferred[Any]:
        now = self._clock.seconds()
        if self._failures.exceeded(address, now):
            return self._refused()
        return self._check(address, self._addresses.setdefault(address, _Address()), now, check, args)

    def _check(
        self, address: str, place: _Address, now: float, check: Callable[..., Any], args: tuple[Any, ...]
    ) -> Deferred[Any]:
        attempt = object()
        place.running[attempt] = now
        outcome: Deferred[Any] = Deferred(lambda _: None)  # cancelling does not undo an attempt

        def checked(result: Any) -> None:
            place.running.pop(attempt, None)
            isWrong = isinstance(result, Failure) and result.check(LoginFailed) is not None
            if isWrong:
                self._failures.note(address, self._clock.seconds())
            if not outcome.called:
                outcome.callback(result)
            elif isinstance(result, Failure) and not isWrong:
                logRarely(self._log, check, "the login of somebody who has left could not be checked", result)
            self._goOn(address, place)

        maybeDeferred(check, *args).addBoth(checked)
        return outcome

    def _goOn(self, address: str, place: _Address) -> None:
        """One less is being checked: it is the turn of those who wait."""
        if place.isGoingOn:  # what waits is checked at once, within the loop below
            return
        place.isGoingOn = True
        now = self._clock.seconds()
        while place.waiting and (self._failures.exceeded(address, now) or self._hasRoom(address, place, now)):
            turn = next(iter(place.waiting))
            del place.waiting[turn]
            turn.callback(None)
        place.isGoingOn = False
        if not place.waiting and not place.running and self._addresses.get(address) is place:
            del self._addresses[address]
