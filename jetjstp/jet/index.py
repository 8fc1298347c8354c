"""
Which fetches an added element may concern, without asking all of them.

A fetch is filed under the paths that its rule names, or under the beginning of its prefix; only
rules that allow neither are asked each time.
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from jetjstp.jet.paths import PathRule

__all__ = ["FetchIndex", "Indexed"]


LONGEST = 64
"""Characters of a prefix by which a fetch is filed; as many looks at most find all that a path begins with."""


class Indexed(Protocol):
    """A fetch, as far as the index goes."""

    @property
    def pathRule(self) -> PathRule: ...

    @property
    def serial(self) -> int: ...


F = TypeVar("F", bound=Indexed)


class _Shelf(Generic[F]):
    """Fetches by exact paths and by prefixes, of paths as they are or of lower-cased ones."""

    def __init__(self) -> None:
        self.exact: dict[str, dict[F, None]] = {}
        self.prefixes: dict[str, dict[F, None]] = {}
        self.lengths: Counter[int] = Counter()

    @property
    def filled(self) -> bool:
        return bool(self.exact or self.lengths)

    def find(self, path: str, found: list[F]) -> None:
        found.extend(self.exact.get(path, ()))
        for length in self.lengths:
            if length <= len(path):
                found.extend(self.prefixes.get(path[:length], ()))


class FetchIndex(Generic[F]):
    """All fetches, filed by their path rules."""

    def __init__(self) -> None:
        self._plain: _Shelf[F] = _Shelf()
        self._folded: _Shelf[F] = _Shelf()
        self._rest: dict[F, None] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, fetch: F) -> None:
        self._count += 1
        rule = fetch.pathRule
        shelf = self._folded if rule.folded else self._plain
        if rule.exact is not None:
            for path in rule.exact:
                shelf.exact.setdefault(path, {})[fetch] = None
        elif rule.prefix:
            prefix = rule.prefix[:LONGEST]
            shelf.prefixes.setdefault(prefix, {})[fetch] = None
            shelf.lengths[len(prefix)] += 1
        else:
            self._rest[fetch] = None

    def discard(self, fetch: F) -> None:
        """Forget a fetch that was added."""
        self._count -= 1
        rule = fetch.pathRule
        shelf = self._folded if rule.folded else self._plain
        if rule.exact is not None:
            for path in rule.exact:
                _takeOut(shelf.exact, path, fetch)
        elif rule.prefix:
            prefix = rule.prefix[:LONGEST]
            _takeOut(shelf.prefixes, prefix, fetch)
            shelf.lengths[len(prefix)] -= 1
            if not shelf.lengths[len(prefix)]:
                del shelf.lengths[len(prefix)]
        else:
            del self._rest[fetch]

    def find(self, path: str) -> list[F]:
        """The fetches whose path rule holds, in the order in which they were set up."""
        if not self._count:
            return []
        found = list(self._rest)
        if self._plain.filled:
            self._plain.find(path, found)
        if self._folded.filled:
            self._folded.find(path.lower(), found)
        if not found:
            return found
        fits = [fetch for fetch in found if _fits(fetch.pathRule, path)]
        if len(fits) > 1:
            fits.sort(key=attrgetter("serial"))
        return fits


def _fits(rule: PathRule, path: str) -> bool:
    # What the index found through a rule's only predicate needs no second look.
    if rule.complete and (rule.exact is not None or (rule.prefix and len(rule.prefix) <= LONGEST)):
        return True
    return rule.matches is None or rule.matches(path)


def _takeOut(table: dict[str, dict[F, None]], key: str, fetch: F) -> None:
    filed = table[key]
    del filed[fetch]
    if not filed:
        del table[key]
