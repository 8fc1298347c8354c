"""
Filtering and sorting at the peer, for daemons that do not: by the same rules,
with the same outcome (protocol page, sections 8.4 and 9).
"""

from __future__ import annotations

from typing import Any

from jetjstp.jet.differences import Mirror, sameText
from jetjstp.jet.fields import UNDEFINED, lookUp
from jetjstp.jet.incoming import ADD, REMOVE, Told, WindowEntry, WindowTold
from jetjstp.jet.jsontext import valueOf
from jetjstp.jet.rules import Rule, SortRule
from jetjstp.jet.sorting import Order
from jetjstp.jet.values import orderOf, typeName

__all__ = ["Filter", "Sorter", "differenceOf"]


class Filter:
    """
    The value rule of a fetch: elements come in and go out as their values change.

    @ivar inside: The paths whose values fit.
    """

    def __init__(self, rule: Rule, mirror: Mirror) -> None:
        """
        @param mirror: Where what is told was noted before; it knows flags.
        """
        self.rule = rule
        self.inside: set[str] = set()
        self._mirror = mirror

    def matchesPath(self, path: str) -> bool:
        """Whether the path rule lets a path through."""
        matches = self.rule.path.matches
        return matches is None or matches(path)

    def matchesValue(self, value: bytes | None) -> bool:
        """Whether the value rule lets a value through, given as JSON text, L{None} for a method."""
        test = self.rule.value
        return test is None or test(UNDEFINED if value is None else valueOf(value))

    def tell(self, told: Told) -> list[Told]:
        """Turn news of an element into news of a matching element."""
        path, event, value, _ = told
        wasInside = path in self.inside
        if event == REMOVE:
            self.inside.discard(path)
            return [told] if wasInside else []
        if self.matchesValue(value):
            if wasInside:
                return [told]
            self.inside.add(path)
            return [Told(path, ADD, value, self._mirror.known[path][1])]
        self.inside.discard(path)
        return [Told(path, REMOVE, value, False)] if wasInside else []


class Sorter:
    """Keeps elements in order, and the window on them."""

    def __init__(self, rule: SortRule) -> None:
        self._rule = rule
        self._order: Order[str] = Order(rule.descending)
        self._elements: dict[str, tuple[bytes | None, bool]] = {}

    def tell(self, told: Told) -> None:
        """Take news of an element that belongs to the fetch."""
        path, event, value, fetchOnly = told
        if event == REMOVE:
            self._order.remove(path)
            del self._elements[path]
        elif event == ADD:
            self._elements[path] = (value, fetchOnly)
            self._order.insert(path, self._keyOf(path, value))
        else:
            self._elements[path] = (value, self._elements[path][1])
            self._order.move(path, self._keyOf(path, value))

    def window(self) -> list[WindowEntry]:
        """The entries of the window."""
        first = self._rule.first
        paths = self._order.slice(first - 1, self._rule.last) if self._rule.last >= first else ()
        return [
            WindowEntry(path, self._elements[path][0], first + at, self._elements[path][1])
            for at, path in enumerate(paths)
        ]

    def _keyOf(self, path: str, value: bytes | None) -> Any:
        field = self._rule.field
        if field is None:
            return orderOf(path)
        found: Any = UNDEFINED if value is None else valueOf(value)
        if field:
            found = lookUp(field, found)
        # Objects have no order among themselves; the type rule sees to it that there is nothing else then.
        return 0 if typeName(found) in ("object", "undefined") else orderOf(found)


def differenceOf(before: list[WindowEntry], now: list[WindowEntry]) -> WindowTold | None:
    """What of a window is news; L{None} if nothing is."""
    old = {entry.index: entry for entry in before}
    changes = [entry for entry in now if not _isSame(old.get(entry.index), entry)]
    return WindowTold(changes, len(now)) if changes or len(now) != len(before) else None


def _isSame(one: WindowEntry | None, other: WindowEntry) -> bool:
    return (
        one is not None
        and one.path == other.path
        and one.fetchOnly == other.fetchOnly
        and sameText(one.value, other.value)
    )
