"""
Names and versions of applications, and what a client may ask for (section 8).

Ranges are those of npm's semver 6, strictly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import nodesemver

__all__ = ["Version", "checkRange", "choose", "isVersion", "latest", "parseApp", "parseVersion", "splitName"]

LONGEST = 256
"""Characters of a version or a range; what is longer is neither."""

GREATEST_NUMBER = 2**53 - 1
"""What JavaScript counts exactly; for npm, a version with a greater number is none."""

_NUMBER = "(0|[1-9][0-9]*)"
_IDENTIFIER = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)

_BLANKS = re.compile("[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
"""What JavaScript takes for blanks, which is not quite what Python does."""

_TWO_STARS = re.compile(r"\*(?!\.(?:(?:[0-9]+|[xX*])\.)?\*)[^ |]*\*")
"""In one comparator, where they are not its numbers: the library ignores them all, npm only one."""

_TWO_DASHES = re.compile(r"([~^]>? ?[v=]*[0-9.]+-)(?=-)")
"""Before a prerelease that begins with a dash, which the library loses."""

_COMPARATOR = re.compile("([<>]?=?)(.*)")


class Version(NamedTuple):
    """
    An exact version. Versions compare as npm compares them: what follows a plus sign does not matter.

    @ivar isRelease: Whether it is not a prerelease; those come before it.
    @ivar prerelease: The parts of what follows the minus sign, in a form that compares: numbers before words.
    """

    major: int
    minor: int
    patch: int
    isRelease: bool = True
    prerelease: tuple[tuple[bool, int, str], ...] = ()


def parseVersion(text: str) -> Version:
    """
    Read an exact version, such as C{1.0.0}, C{v1.0.0}, C{2.0.0-rc.1+build}.

    @raise ValueError: It is none; the message names it.
    """
    version = _parsed(text) if isinstance(text, str) else None
    if version is None:
        raise ValueError(f"{_shown(text)} is not a version such as '1.0.0'")
    return version


def isVersion(text: str) -> bool:
    """Whether this is an exact version, not a range."""
    return _parsed(text) is not None


@lru_cache(1024)
def _parsed(text: str) -> Version | None:
    match = _VERSION.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        return None
    major, minor, patch = int(match[1]), int(match[2]), int(match[3])
    if max(major, minor, patch) > GREATEST_NUMBER:
        return None
    if match[4] is None:
        return Version(major, minor, patch)
    parts = tuple((False, int(part), "") if part.isdigit() else (True, 0, part) for part in match[4].split("."))
    return Version(major, minor, patch, False, parts)


def checkRange(text: str) -> None:
    """
    Refuse what a server could not understand. An exact version is a range, too.

    @raise ValueError: It is no range; the message names it.
    """
    if not isinstance(text, str) or _range(text) is None:
        raise ValueError(f"{_shown(text)} is not a version range of npm, such as '^1.0.0'")


class _Comparator(NamedTuple):
    """A bound of a range."""

    operator: str
    bound: Version

    def admits(self, version: Version) -> bool:
        """Whether a version is on the right side of it."""
        match self.operator:
            case ">=":
                return version >= self.bound
            case "<":
                return version < self.bound
            case "<=":
                return version <= self.bound
            case ">":
                return version > self.bound
            case _:
                return version == self.bound


_Range = list[list[_Comparator]]
"""Alternatives, in each of which all bounds have to be met."""


# Few: the texts come from peers.
@lru_cache(256)
def _range(text: str) -> _Range | None:
    """The range, or L{None} if it is none."""
    text = _BLANKS.sub(" ", text)
    if len(text) > LONGEST or not (text.isascii() and text.isprintable()) or _TWO_STARS.search(text):
        return None
    try:
        # The library resolves carets, tildes, hyphens and x: what it writes is like ">=1.0.0 <2.0.0||>=3.0.0-rc.1".
        resolved = str(nodesemver.make_range(_TWO_DASHES.sub(r"\1-", text), False))
    except ValueError:
        return None
    # Comparing is done here, fifty times as fast: peers choose how much of it there is.
    alternatives = []
    for alternative in resolved.split("||"):
        comparators = []
        for each in alternative.split():
            match = _COMPARATOR.fullmatch(each)
            bound = _parsed(match[2]) if match else None
            if match is None or bound is None:
                return None
            comparators.append(_Comparator(match[1], bound))
        alternatives.append(comparators)
    return alternatives


def _isIn(version: Version, alternatives: _Range) -> bool:
    for comparators in alternatives:
        if all(each.admits(version) for each in comparators) and (
            version.isRelease or any(not each.bound.isRelease and each.bound[:3] == version[:3] for each in comparators)
        ):
            return True
    return False


def choose(versions: Iterable[str], requested: str | None) -> str | None:
    """
    Choose the version that a client gets.

    @param versions: What there is; all are exact versions. Of those that differ only behind a plus sign, the first one
        counts.
    @param requested: An exact version is found under exactly this text. Of a range, the greatest version is chosen; a
        prerelease only if the range names one of the same three numbers. Nothing, or an empty text: L{latest}.
    @return: L{None} if there is none, or what is requested is no range.
    @raise ValueError: One of C{versions} is not a version.
    """
    if not requested:
        return latest(versions)
    if isVersion(requested):
        return requested if requested in versions else None
    found = _range(requested)
    if found is None:
        return None
    for version in sorted(versions, key=parseVersion, reverse=True):
        if _isIn(parseVersion(version), found):
            return version
    return None


def latest(versions: Iterable[str]) -> str | None:
    """
    The greatest version, be it a prerelease; L{None} if there is none at all.

    @raise ValueError: One is not a version.
    """
    return max(versions, key=parseVersion, default=None)


def splitName(name: str) -> tuple[str, str | None]:
    """Take C{name@range} apart, at the last C{@}; without one, or with nothing behind it, there is no range."""
    before, at, behind = name.rpartition("@")
    return (before, behind or None) if at else (name, None)


def parseApp(app: str | tuple[str, str | None] | Mapping[str, str | None]) -> tuple[str, str | None]:
    """
    Read what an application is called when connecting: C{"name"}, C{"name@range"}, C{(name, range)} or C{{"name": name,
    "version": range}}, where the version may be missing.

    @return: The name, and the range or L{None}.
    @raise ValueError: The name is empty, or the range is none; the message names it.
    @raise TypeError: It is something else.
    """
    name: object
    version: object
    if isinstance(app, str):
        name, version = splitName(app)
    elif isinstance(app, tuple | list) and len(app) == 2:
        name, version = app
    elif isinstance(app, Mapping) and "name" in app and app.keys() <= {"name", "version"}:
        name, version = app["name"], app.get("version")
    else:
        raise TypeError(
            f"{_shown(app)} is not an application: give 'name', 'name@range', (name, range) or "
            '{"name": name, "version": range}'
        )
    if not isinstance(name, str) or not (version is None or isinstance(version, str)):
        raise TypeError(f"name and version of an application are of type str, not {_shown(app)}")
    if not name:
        raise ValueError(f"the name of an application is empty: {_shown(app)}")
    if not version:
        return name, None
    checkRange(version)
    return name, version


def _shown(value: object) -> str:
    """For error messages."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
