"""
How often something may happen.
"""

from __future__ import annotations

__all__ = ["Bucket"]


class Bucket:
    """Tokens that come back with time."""

    __slots__ = ("_filled", "_most", "_rate", "_tokens")

    def __init__(self, rate: float, most: float = 1.0) -> None:
        """
        @param rate: Tokens a second.
        @param most: How many it holds, unless those of one second are more.
        """
        self._rate = rate
        self._most = max(most, rate)
        self._tokens = self._most
        self._filled: float | None = None

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        if self._filled is not None:
            self._tokens = min(self._most, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
