"""
Path rules: where the members of a group may add, set, call and fetch, on top
of what the elements themselves say.

A rule is a pattern: C{*} stands for any characters, C{/} too, C{{user}} for the
name of the user, everything else for itself. A right that some group mentions is
from then on only where a rule of one of one's groups gives it; a right that no
group mentions is as it is without rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jetjstp.jet.access import RESERVED, Groups, May, Protected, Right, mayAccess

__all__ = ["EVERYBODY", "RIGHTS", "PathRights", "PathRules", "RulesChange"]

EVERYBODY = "*"
"""The group that everybody is in, logged in or not."""

RIGHTS = {"add": Right.ADD, "set": Right.SET, "call": Right.CALL, "fetch": Right.FETCH}
"""What a group may have rules for."""

USER = "{user}"

KNOWN = 10_000
"""Users whose rights are kept ready. Those of a policy are few; a handshake hook may make up one for each peer."""

_ADD, _SET, _CALL, _FETCH = Right.ADD, Right.SET, Right.CALL, Right.FETCH

Glob = tuple[str, ...]
"""A pattern for one user: what stands literally before, between and behind its stars."""

Matches = Callable[[str], bool]


class PathRights:
    """
    What the rules give to one user. Two of them are equal if they allow the same by the same patterns.

    @ivar add: Whether the user may add something at a path; L{None} if the rules say nothing about that. Likewise
        C{set}, C{call} and C{fetch}.
    """

    __slots__ = ("_globs", "add", "call", "fetch", "set")

    def __init__(self, globs: Mapping[Right, frozenset[Glob]]) -> None:
        self._globs = dict(globs)
        self.add, self.set, self.call, self.fetch = (
            _compile(globs[right]) if right in globs else None for right in (_ADD, _SET, _CALL, _FETCH)
        )

    def __eq__(self, other: object) -> bool:
        return self._globs == other._globs if isinstance(other, PathRights) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # nobody needs it


class PathRules:
    """
    The path rules of all groups.

    @param groups: C{{name: {"add": [pattern, ...], "set": [...], "call": [...], "fetch": [...]}}}, each of the four
        optional; a list that is there and empty gives the right nowhere. Whoever adds has the groups of all three lists
        of the user. A copy is kept.
    @raise ValueError: Something is wrong; the message names the group and the member.
    """

    def __init__(self, groups: Mapping[str, Any]) -> None:
        self._rules = _check(groups)
        self._known: dict[Any, PathRights] = {}
        mentioned = {right for rules in self._rules.values() for right in rules}
        self._mentioned = [right for right in RIGHTS.values() if right in mentioned]
        self.may: May = self._decider() if mentioned else mayAccess

    def rightsOf(self, user: Groups | None) -> PathRights:
        """What a user may do where, by the rules alone; L{None} is who has not logged in."""
        found = self._known.get(user)
        if found is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            found = self._known[user] = PathRights(self.globsOf(user))
        return found

    def globsOf(self, user: Groups | None) -> dict[Right, frozenset[Glob]]:
        """The patterns that a user has, ready but for being tried: for each right that is mentioned."""
        name = getattr(user, "name", None)
        return {
            right: frozenset(_glob(pattern, name or "") for pattern in patterns if name or USER not in pattern)
            for right, patterns in self.patternsOf(user).items()
        }

    def patternsOf(self, user: Groups | None) -> dict[Right, frozenset[str]]:
        """The patterns that a user has, as they are written: for each right that is mentioned."""
        return {
            right: frozenset(
                pattern for group in _groupsOf(user, right) for pattern in self._rules.get(group, {}).get(right, ())
            )
            for right in self._mentioned
        }

    def _decider(self) -> May:
        known, learn = self._known, self.rightsOf

        def may(user: Groups | None, right: Right, path: str, element: Protected | None) -> bool:
            """See L{mayAccess}, to which the rules are added."""
            rights = known.get(user) or learn(user)
            if right is _FETCH:
                matches = rights.fetch
            elif right is _SET:
                matches = rights.set
            elif right is _CALL:
                matches = rights.call
            else:
                matches = rights.add
            return (matches is None or matches(path)) and mayAccess(user, right, path, element)

        return may


class RulesChange:
    """
    An exchange of path rules, for those who ask whom it concerns: of many users, most of which have the same groups.

    @param old: The rules before; L{None} for none. Likewise C{new}.
    """

    def __init__(self, old: PathRules | None, new: PathRules | None) -> None:
        self._old, self._new = (PathRules({}) if rules is None else rules for rules in (old, new))
        self._isWritten: dict[Any, bool] = {}

    def concerns(self, user: Groups | None) -> bool:
        """Whether a user may do something else by the new rules; L{None} is who has not logged in."""
        # What is written differently may come to the same for a user; what is written alike does.
        groups = None if user is None else (user.fetchGroups, user.setGroups, user.callGroups)
        isWritten = self._isWritten.get(groups)
        if isWritten is None:
            isWritten = self._isWritten[groups] = self._old.patternsOf(user) != self._new.patternsOf(user)
        return isWritten and self._old.globsOf(user) != self._new.globsOf(user)


def _groupsOf(user: Groups | None, right: Right) -> frozenset[str]:
    everybody = frozenset((EVERYBODY,))
    if user is None:
        return everybody
    if right is _ADD:
        return everybody | user.fetchGroups | user.setGroups | user.callGroups
    groups: frozenset[str] = getattr(user, right.value)
    return everybody | groups


def _check(groups: object) -> dict[str, dict[Right, tuple[str, ...]]]:
    if not isinstance(groups, Mapping):
        raise ValueError(f"groups must be an object of name: rules, not {_kind(groups)}")
    checked = {}
    for name, rules in groups.items():
        if not isinstance(name, str):
            raise ValueError(f"the name of a group must be a string, not {_kind(name)}")
        try:
            checked[name] = _checkGroup(rules)
        except ValueError as error:
            raise ValueError(f"group {name!r}: {error}") from None
    return checked


def _checkGroup(rules: object) -> dict[Right, tuple[str, ...]]:
    if not isinstance(rules, Mapping):
        raise ValueError(f"must be an object of right: patterns, not {_kind(rules)}")
    checked = {}
    for right, patterns in rules.items():
        if right not in RIGHTS:
            raise ValueError(f"unknown right {right!r}, a group has {', '.join(RIGHTS)}")
        if not isinstance(patterns, Sequence) or isinstance(patterns, str | bytes):
            raise ValueError(f"right {right!r} must be a list of patterns, not {_kind(patterns)}")
        for pattern in patterns:
            if not isinstance(pattern, str):
                raise ValueError(f"right {right!r}: a pattern must be a string, not {_kind(pattern)}")
            if right == "add" and pattern.startswith(RESERVED):
                raise ValueError(f"right 'add': nobody can be given {pattern!r}, {RESERVED} is the daemon's own")
        checked[RIGHTS[right]] = tuple(patterns)
    return checked


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def _glob(pattern: str, name: str) -> Glob:
    """Stars are looked for first: one in a name is a character like any other."""
    pieces = [piece.replace(USER, name) for piece in pattern.split("*")]
    if len(pieces) == 1:
        return (pieces[0],)
    return (pieces[0], *filter(None, pieces[1:-1]), pieces[-1])


def _compile(globs: frozenset[Glob]) -> Matches:
    """
    One test for all patterns.

    The time that it takes grows with the length of a path, whatever the path: peers make up theirs.
    """
    if ("", "") in globs:
        return _always
    exact = frozenset(glob[0] for glob in globs if len(glob) == 1)
    prefixes = tuple(sorted(glob[0] for glob in globs if len(glob) == 2 and not glob[1]))
    others = [glob for glob in sorted(globs) if len(glob) > 2 or (len(glob) == 2 and glob[1])]
    if not others:
        if not prefixes:
            return exact.__contains__
        return lambda path: path.startswith(prefixes) or path in exact
    search = re.compile("|".join(map(_expression, others)), re.DOTALL).fullmatch
    return lambda path: path.startswith(prefixes) or path in exact or search(path) is not None


def _expression(glob: Glob) -> str:
    # Each piece is taken where it is first found, for good: the groups are atomic, nothing is tried twice.
    middle = "".join(f"(?>.*?{re.escape(piece)})" for piece in glob[1:-1])
    return f"{re.escape(glob[0])}{middle}.*{re.escape(glob[-1])}"


def _always(path: str) -> bool:
    return True
