"""
Who may do what: the one place where access is decided (protocol page, section
10.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from jetjstp.jet.requests import EVERYBODY

__all__ = ["RESERVED", "AccessRules", "Groups", "May", "Protected", "Right", "mayAccess"]

RESERVED = "$daemon/"
"""Paths that begin so belong to the daemon."""


class Right(Enum):
    """What a peer may do at a path."""

    FETCH = "fetchGroups"
    SET = "setGroups"
    CALL = "callGroups"
    ADD = "add"


_ADD = Right.ADD  # a plain name: looking up members of an enumeration takes time, and this is asked all the time


class Groups(Protocol):
    """A user, as far as access goes."""

    @property
    def fetchGroups(self) -> frozenset[str]: ...

    @property
    def setGroups(self) -> frozenset[str]: ...

    @property
    def callGroups(self) -> frozenset[str]: ...


class AccessRules(Protocol):
    """
    The C{access} of an element: L{None} for a list that was not given, L{EVERYBODY} for one that includes those who are
    not logged in.
    """

    @property
    def fetchGroups(self) -> Sequence[str] | None: ...

    @property
    def setGroups(self) -> Sequence[str] | None: ...

    @property
    def callGroups(self) -> Sequence[str] | None: ...


class Protected(Protocol):
    """An element, as far as access goes; its C{access} is L{None} if nothing protects it."""

    @property
    def access(self) -> AccessRules | None: ...


May = Callable[[Groups | None, Right, str, Protected | None], bool]
"""The form of L{mayAccess}, for whoever decides otherwise."""


def mayAccess(user: Groups | None, right: Right, path: str, element: Protected | None) -> bool:
    """
    Decide one question.

    @param user: Who asks; L{None} is a peer that has not logged in.
    @param element: What is at the path; L{None} if nothing is there yet.
    """
    if right is _ADD:
        return not path.startswith(RESERVED)
    access = None if element is None else element.access
    if access is None:
        return True
    groups = getattr(access, right.value)
    if groups is EVERYBODY:
        return True
    if user is None:
        return False
    return groups is None or not getattr(user, right.value).isdisjoint(groups)
