"""
What is kept in a session about the bus, so that another server, or this one
after a restart, can go on with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jstp.session import Session

__all__ = ["Memory"]

FETCH = "jet.fetch:"
"""In front of the id of a fetch, as JSON, that the session has; the value is the expression."""

OWNS = "jet.owns"
"""There if the session owns elements."""


class Memory:
    """
    The fetches of a session, and whether it owns something. It holds plain JSON.

    @ivar size: The length of all expressions and ids as JSON, and of those for which there is to be room.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sizes: dict[str, int] = {}
        for id, expression in self.fetches():
            self._sizes[id] = _sizeOf(id, expression)
        self.size = sum(self._sizes.values())

    def fetches(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The ids, as JSON, and expressions of all fetches, in the order in which they began."""
        for key, expression in list(self._session.items()):
            if key.startswith(FETCH) and isinstance(expression, dict):
                yield key.removeprefix(FETCH), expression

    def sizeWith(self, id: str, expression: dict[str, Any]) -> int:
        """What the size would be with one more fetch, which replaces one with this id."""
        return self.size - self._sizes.get(id, 0) + _sizeOf(id, expression)

    def reserve(self, id: str, expression: dict[str, Any]) -> int:
        """Have room for a fetch that may begin; gives what L{release} needs."""
        size = _sizeOf(id, expression)
        self.size += size
        return size

    def release(self, size: int) -> None:
        """It has begun, or it has not."""
        self.size -= size

    def remember(self, id: str, expression: dict[str, Any]) -> None:
        """A fetch has begun."""
        self.size = self.sizeWith(id, expression)
        self._sizes[id] = _sizeOf(id, expression)
        self._session[FETCH + id] = expression

    def forget(self, id: str) -> None:
        """A fetch has ended."""
        if FETCH + id in self._session:
            del self._session[FETCH + id]
            self.size -= self._sizes.pop(id, 0)

    def forgetAll(self) -> None:
        """All fetches have ended."""
        for id in list(self._sizes):
            self.forget(id)

    def has(self, id: str) -> bool:
        """Whether there is such a fetch."""
        return FETCH + id in self._session

    @property
    def owns(self) -> bool:
        """Whether the session has added elements that it has not removed."""
        return OWNS in self._session

    def own(self, isOwner: bool) -> None:
        """The session owns elements now, or none any more."""
        if isOwner and OWNS not in self._session:
            self._session[OWNS] = True
        elif not isOwner and OWNS in self._session:
            del self._session[OWNS]


def _sizeOf(id: str, expression: dict[str, Any]) -> int:
    return len(id) + len(encodeJson(expression))
