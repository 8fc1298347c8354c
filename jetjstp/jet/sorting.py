"""
The order of a sorted fetch (protocol page, section 9.1).

L{Order} is what a stable sort would give if it were repeated after each change, without
repeating it: every row carries a tie-breaker, so that rows are unique, a
position is found by bisection, and the reverse of an order is simply read from
the end.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

__all__ = ["Order"]

T = TypeVar("T")

RUN = 2000
"""Rows that are sorted in one step; takes about a millisecond."""

Row = tuple[Any, int, T]


class Order(Generic[T]):
    """
    Things in the order of their keys. Positions count from 0.

    Of equals, a newcomer is the last; one whose key changes comes to lie as a stable sort of the list as it was would
    lay it. Keys of one order are comparable.

    @ivar descending: Whether the greatest key comes first. Equals keep their order all the same.
    """

    def __init__(self, descending: bool = False) -> None:
        self.descending = descending
        self._rows: list[Row[T]] = []
        self._keys: dict[T, tuple[Any, int]] = {}
        self._front = 0
        self._back = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, thing: T) -> bool:
        return thing in self._keys

    def slice(self, first: int, end: int) -> Sequence[T]:
        """The things at the positions from C{first} up to, not including, C{end}, as far as there are any."""
        rows = self._rows
        if self.descending:
            length = len(rows)
            chosen = rows[max(0, length - end) : max(0, length - first)]
            chosen.reverse()
        else:
            chosen = rows[first:end]
        return [row[2] for row in chosen]

    def build(self, keyed: Iterable[tuple[T, Any]]) -> Iterator[None]:
        """Fill the empty order with things and their keys, in the order of their coming. Yields between steps."""
        runs: list[list[Row[T]]] = []
        run: list[Row[T]] = []
        for thing, key in keyed:
            tie = self._behind()
            self._keys[thing] = (key, tie)
            run.append((key, tie, thing))
            if len(run) >= RUN:
                run.sort()
                runs.append(run)
                run = []
                yield
        run.sort()
        if not runs:
            self._rows = run
            return
        runs.append(run)
        for count, row in enumerate(heapq.merge(*runs)):
            self._rows.append(row)
            if count % RUN == 0:
                yield

    def insert(self, thing: T, key: Any) -> int:
        """Take up a newcomer; returns its position."""
        return self._place(thing, key, self._behind())

    def remove(self, thing: T) -> int:
        """Take out a thing; returns the position that it had."""
        index = self._index(thing)
        del self._rows[index]
        del self._keys[thing]
        return len(self._rows) - index if self.descending else index

    def move(self, thing: T, key: Any) -> tuple[int, int]:
        """Give a thing a new key; returns the positions before and after."""
        old, _ = self._keys[thing]
        if key == old:
            index = self._index(thing)
            position = len(self._rows) - 1 - index if self.descending else index
            return position, position
        before = self.remove(thing)
        # It stays on that side of its new equals from which it comes: ahead of them if it moves towards the end of the
        # rows, behind them if towards the front.
        tie = self._ahead() if key > old else self._after()
        return before, self._place(thing, key, tie)

    def _ahead(self) -> int:
        self._front -= 1
        return self._front

    def _after(self) -> int:
        self._back += 1
        return self._back

    def _behind(self) -> int:
        """The tie-breaker of a newcomer: read from the end, behind its equals means in front of them."""
        return self._ahead() if self.descending else self._after()

    def _place(self, thing: T, key: Any, tie: int) -> int:
        row = (key, tie, thing)
        self._keys[thing] = (key, tie)
        insort(self._rows, row)
        index = self._index(thing)
        return len(self._rows) - 1 - index if self.descending else index

    def _index(self, thing: T) -> int:
        return bisect_left(self._rows, self._keys[thing])
