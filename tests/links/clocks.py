"""
A clock on which a turn of the reactor takes time.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

__all__ = ["TURN", "TurnClock"]

TURN = 1 / 1024
"""Seconds; binary, so that sums are exact."""


class TurnClock(Clock):
    """What is to happen in the next turn happens L{TURN} later; on a L{Clock} it happens in the same C{advance}."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> IDelayedCall:
        """See L{Clock.callLater}."""
        return super().callLater(delay or TURN, callable, *args, **kw)
