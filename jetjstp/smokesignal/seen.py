"""
Which packets were here already.
"""

from __future__ import annotations

from collections import deque

__all__ = ["REMEMBERED", "SeenTable"]

REMEMBERED = 60.0
"""Seconds for which a packet id is remembered; a copy that is later is taken for new."""


class SeenTable:
    """The packet ids of the last minute."""

    __slots__ = ("_ids", "_most", "_order")

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: set[str] = set()
        self._order: deque[tuple[float, str]] = deque()

    def __len__(self) -> int:
        return len(self._ids)

    def has(self, id: str, now: float) -> bool:
        """Whether the id is remembered."""
        order = self._order
        if order and order[0][0] <= now - REMEMBERED:
            self.purge(now)
        return id in self._ids

    def add(self, id: str, now: float) -> bool:
        """
        Remember an id that is not remembered.

        @return: Whether the oldest one had to be forgotten before its time, because there were too many.
        """
        isFull = len(self._ids) >= self._most
        if isFull:
            self._ids.discard(self._order.popleft()[1])
        self._ids.add(id)
        self._order.append((now, id))
        return isFull

    def purge(self, now: float) -> None:
        """Forget what is old."""
        order, ids = self._order, self._ids
        end = now - REMEMBERED
        while order and order[0][0] <= end:
            ids.discard(order.popleft()[1])
