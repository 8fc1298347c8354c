"""
Wrong logins, counted by address, so that passwords cannot be tried out at
speed over many connections.
"""

from __future__ import annotations

from collections import deque

__all__ = ["FailedLogins"]

WINDOW = 60.0
"""Seconds for which a failure counts."""

ADDRESSES = 10_000
"""Addresses that are remembered; the one that has not failed for the longest time is forgotten first."""


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
        times = self._failures.get(address)
        if times is None:
            return False
        while times and times[0] <= now - WINDOW:
            times.popleft()
        if not times:
            del self._failures[address]
        return len(times) >= self._limit

    def note(self, address: str, now: float) -> None:
        """Count a failure."""
        times = self._failures.pop(address, None)
        if times is None:
            times = deque(maxlen=self._limit)
            if len(self._failures) >= ADDRESSES:
                del self._failures[next(iter(self._failures))]
        times.append(now)
        self._failures[address] = times
