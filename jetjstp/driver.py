"""
What stands between a core and the reactor: performs effects, writes outboxes,
keeps the one timer, deals out time for work in slices.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

__all__ = ["Core", "Driver"]

SLICE = 0.004
"""Seconds of work in one turn of the reactor: others wait for a few milliseconds, not longer."""

STEPS = 4
"""Steps of work after which outboxes are written: it is cheaper to write more at a time."""

E = TypeVar("E")


class Core(Protocol[E]):
    """What a driver drives."""

    @property
    def effects(self) -> deque[E]:
        """What is to be done outside, in order."""

    @property
    def working(self) -> bool:
        """Whether L{work} has something to do."""

    def work(self) -> None:
        """Do one short step of what is in progress."""

    def deadline(self) -> float | None:
        """When L{expire} is to be called, if ever. Cheap."""

    def expire(self, now: float) -> None:
        """The deadline has come."""


class Driver(Generic[E]):
    """
    Drives one core. After each input to the core, L{settle} is to be called.

    Effects are performed in order and never nested: what a performed effect puts into the core comes after it.
    """

    _log = Logger()

    def __init__(
        self, core: Core[E], perform: Callable[[E], None], flush: Callable[[], None], clock: IReactorTime
    ) -> None:
        """
        @param perform: Performs one effect; what it raises is logged.
        @param flush: Writes the outboxes that are not empty.
        """
        self._core = core
        self._perform = perform
        self._flush = flush
        self._clock = clock
        self._settling = False
        self._nextSlice: IDelayedCall | None = None
        self._timer: IDelayedCall | None = None

    def now(self) -> float:
        """The time, as the core is to be told."""
        return self._clock.seconds()

    def settle(self) -> None:
        """Perform what the core wants, write what it has to say, and go on with its work for a while."""
        if self._settling:
            return
        self._settling = True
        try:
            self._settle()
        finally:
            self._settling = False
        deadline = self._core.deadline()
        if deadline is not None:
            self._wake(deadline)

    def _settle(self) -> None:
        core = self._core
        end = 0.0
        while True:
            while core.effects:
                self._performNext()
            self._flush()
            if core.effects:
                continue
            if not core.working or self._nextSlice is not None:
                return
            now = self._clock.seconds()
            if not end:
                end = now + SLICE
            elif now >= end:
                self._nextSlice = self._clock.callLater(0, self._goOn)
                return
            for _ in range(STEPS):
                core.work()
                if not core.working or self._clock.seconds() >= end:
                    break

    def _performNext(self) -> None:
        effect = self._core.effects.popleft()
        try:
            self._perform(effect)
        except Exception:
            # Not the effect itself: it may hold a password.
            self._log.failure("an effect could not be performed: {effect}", effect=type(effect).__name__)

    def _goOn(self) -> None:
        self._nextSlice = None
        self.settle()

    def _wake(self, deadline: float) -> None:
        # A timer that is early costs nothing: it finds nothing to do and is set anew. Only a late one is replaced.
        timer = self._timer
        if timer is not None:
            if timer.getTime() <= deadline:
                return
            timer.cancel()
        self._timer = self._clock.callLater(max(0.0, deadline - self._clock.seconds()), self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._core.expire(self._clock.seconds())
        self.settle()

    def rest(self) -> None:
        """Leave no timer behind that waits for nothing, after everything has ended."""
        if self._timer is not None and self._core.deadline() is None:
            self._timer.cancel()
            self._timer = None
