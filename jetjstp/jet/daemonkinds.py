"""
What daemons of other makers can and cannot do, told from what they answer to
C{info} (protocol page, section 14).
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["ASSUMED_INFO", "DaemonKind", "kindOf"]

ASSUMED_INFO: dict[str, Any] = {
    "name": "unknown-daemon",
    "version": "0.0.0",
    "protocolVersion": 1,
    "features": {"fetch": "full", "authentication": False, "batches": True},
}
"""What is assumed of a daemon that does not know C{info}, as node-jet does."""

ALL_PREDICATES = frozenset(
    (
        *("equals", "equalsNot", "startsWith", "startsNotWith", "endsWith", "endsNotWith"),
        *("contains", "containsNot", "containsAllOf", "containsOneOf", "equalsOneOf", "equalsNotOneOf"),
        "caseInsensitive",
    )
)

CJET_MESSAGE = 512
"""Bytes of the longest message that cjet takes, as it is built by default; a longer one ends the connection."""

_CJET = frozenset(("equals", "equalsNot", "startsWith", "endsWith", "contains", "containsAllOf", "caseInsensitive"))

# The negated ones never match there, and of caseInsensitive only half is done.
_NODE_JET_3 = frozenset(
    ("equals", "startsWith", "endsWith", "contains", "containsAllOf", "containsOneOf", "equalsOneOf")
)


class DaemonKind(NamedTuple):
    """
    How to talk to a daemon.

    @ivar batches: It takes arrays.
    @ivar simple: It knows one fetch of everything and no rules.
    @ivar filters: Its fetches follow value rules and sort, as they should.
    @ivar predicates: The path rules that it follows.
    @ivar needsPath: A fetch without a path rule is an error.
    @ivar sharedIds: The ids of fetches are common to all its peers.
    @ivar routesByName: Requests for owners are called C{set} and C{call}, and name the path in their params.
    @ivar maxMessage: Bytes of the longest message that it takes, if that is so few that it matters.
    @ivar timeout: Seconds after which we give up a set or call that has no timeout of its own.
    """

    batches: bool = True
    simple: bool = False
    filters: bool = True
    predicates: frozenset[str] = ALL_PREDICATES
    needsPath: bool = False
    sharedIds: bool = False
    routesByName: bool = False
    maxMessage: int | None = None
    timeout: float = 60.0


def kindOf(info: dict[str, Any] | None) -> DaemonKind:
    """
    How to talk to a daemon that describes itself so.

    @param info: L{None} if it does not: lua-jet, whose value rules lose what does not match at first.
    """
    if info is None:
        return DaemonKind(filters=False)
    features = info.get("features")
    if not isinstance(features, dict):
        features = {}
    if info.get("name") == "cjet":
        # Its messages are short: an array would soon be too long.
        return DaemonKind(batches=False, filters=False, predicates=_CJET, maxMessage=CJET_MESSAGE)
    if "asNotification" in features or "authenticate" in features:
        return DaemonKind(
            batches=features.get("batches") is True,
            filters=False,
            predicates=_NODE_JET_3,
            needsPath=True,
            sharedIds=True,
            routesByName=True,
            # Nobody answers for an owner that is gone or slow.
            timeout=5.0,
        )
    return DaemonKind(
        batches=features.get("batches") is True, simple=features.get("fetch", "full") != "full", filters=True
    )
