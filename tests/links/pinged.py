"""
Links that are pinged, as those who ping see them.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from jetjstp.causes import Cause

__all__ = ["PingedLink", "pump"]


def pump(clock: Clock, seconds: float) -> None:
    """Let time pass in small steps."""
    for _ in range(round(seconds * 8)):
        clock.advance(0.125)


class PingedLink:
    """
    What a link shows of itself.

    @ivar pinged: When it was asked to ping.
    @ivar aborted: When it was given up, and why.
    """

    unansweredSince: float | None = None
    excuse = False

    def __init__(self, clock: Clock, answers: bool = False) -> None:
        """
        @param answers: Whether each ping is answered at once.
        """
        self.clock = clock
        self.answers = answers
        self.lastReceived = clock.seconds()
        self.pinged: list[float] = []
        self.aborted: list[tuple[float, str]] = []

    def hasExcuse(self) -> bool:
        """As the test has set it."""
        return self.excuse

    def ping(self) -> None:
        """Remember it."""
        self.pinged.append(self.clock.seconds())
        if self.answers:
            self.unansweredSince = None
            self.receive()

    def receive(self) -> None:
        """Something came."""
        self.lastReceived = self.clock.seconds()

    def abortBecause(self, reason: str, cause: Cause) -> None:
        """Remember it."""
        self.aborted.append((self.clock.seconds(), reason))
