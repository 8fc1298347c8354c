"""
What a fetch handler is told after a reconnect: only the difference.

L{Mirror} keeps the elements that the handler of one fetch knows of, and so turns
whatever a daemon sends, in whatever round, into a consistent story: an element
is added once, changes while it is there, and is removed once.
"""

from __future__ import annotations

from jetjstp.jet.incoming import ADD, CHANGE, REMOVE, Told
from jetjstp.jet.jsontext import valueOf
from jetjstp.jet.jsonvalues import sameJson

__all__ = ["Mirror", "sameText"]


def sameText(one: bytes | None, other: bytes | None) -> bool:
    """Whether two JSON texts, or L{None} for a method, are the same value."""
    if one == other:
        return True
    return one is not None and other is not None and sameJson(valueOf(one), valueOf(other))


class Mirror:
    """
    The elements of one fetch, as its handler was told.

    A round begins with each new connection and is complete when the daemon has told of everything that is there. What
    it has not told of until then is in doubt: gone, or its owner has yet to come back.

    @ivar known: By path, the value as JSON text (L{None} for a method) and the flag.
    """

    def __init__(self) -> None:
        self.known: dict[str, tuple[bytes | None, bool]] = {}
        self._doubtful: dict[str, None] = {}

    @property
    def isInDoubt(self) -> bool:
        """Whether there are elements that this round has not told of."""
        return bool(self._doubtful)

    def begin(self) -> None:
        """A round begins: everything is in doubt."""
        self._doubtful = dict.fromkeys(self.known)

    def tell(self, told: Told) -> list[Told]:
        """Take what the daemon says; returns what is news."""
        path, event, value, fetchOnly = told
        before = self.known.get(path)
        if event == REMOVE:
            return [] if before is None else [self._remove(path, value)]
        doubtful = path in self._doubtful
        if doubtful:
            del self._doubtful[path]
        if before is None:
            self.known[path] = (value, fetchOnly)
            return [Told(path, ADD, value, fetchOnly)]
        valueBefore, flagBefore = before
        # Only an add says whether the element is fetch-only.
        flagDiffers = event == ADD and fetchOnly != flagBefore
        if flagDiffers or (value is None) != (valueBefore is None):
            removed = self._remove(path, None)
            self.known[path] = (value, fetchOnly)
            return [removed, Told(path, ADD, value, fetchOnly)]
        if (doubtful or event == ADD) and sameText(value, valueBefore):
            return []
        self.known[path] = (value, flagBefore)
        return [Told(path, CHANGE, value, False)]

    def _remove(self, path: str, value: bytes | None) -> Told:
        known, _ = self.known.pop(path)
        self._doubtful.pop(path, None)
        return Told(path, REMOVE, known if value is None else value, False)

    def removeDoubtful(self) -> list[Told]:
        """What is in doubt still is gone: returns the removes."""
        return [self._remove(path, None) for path in list(self._doubtful)]

    def forget(self, path: str) -> None:
        """Drop an element that the handler was never told of."""
        self.known.pop(path, None)
        self._doubtful.pop(path, None)
