"""
The peer's side of a fetch: from what a daemon sends to what its handler is told
(protocol page, sections 8, 9.4 and 12.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jetjstp.jet.daemonkinds import DaemonKind
from jetjstp.jet.differences import Mirror
from jetjstp.jet.errors import JetError
from jetjstp.jet.incoming import Told, WindowEntry, WindowTold, readTold, readWindow
from jetjstp.jet.jsontext import membersOf
from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jet.localrules import Filter, Sorter, differenceOf
from jetjstp.jet.peererrors import errorOf
from jetjstp.jet.rules import Rule, compileRule

__all__ = ["Following", "Output", "WindowNews", "compileLocally", "remoteRule", "select"]

LONGEST_RULE = 64 * 1024
"""Bytes of a rule that is evaluated here, as in our daemon."""

OURS = ("path", "value", "valueField", "sort", "coalesce")
"""Members of a rule that are left out for daemons that do not follow them."""


class WindowNews(NamedTuple):
    """
    A sorted fetch has changed.

    @ivar entries: The window as it is now; C{changes} are those that are news.
    """

    entries: list[WindowEntry]
    changes: list[WindowEntry]


Output = Told | WindowNews


def compileLocally(rule: dict[str, Any]) -> Rule:
    """
    Compile a rule that is evaluated here.

    @raise BaseError: It is malformed, as a daemon would say it.
    """
    text = encodeJson(rule, "rule")
    try:
        return compileRule(membersOf(text) or {}, text, LONGEST_RULE)
    except JetError as error:
        raise errorOf(error.body) from None


def remoteRule(rule: dict[str, Any], kind: DaemonKind) -> dict[str, Any]:
    """As much of a rule as the daemon follows. It lets through what fits the whole rule, and maybe more."""
    if kind.filters and not kind.needsPath:
        return rule
    sent = {name: value for name, value in rule.items() if name not in OURS}
    path = rule.get("path")
    wanted = {name: operand for name, operand in path.items() if operand is not None} if isinstance(path, dict) else {}
    if not wanted.get("caseInsensitive"):
        wanted.pop("caseInsensitive", None)
    predicates = {name: operand for name, operand in wanted.items() if name in kind.predicates}
    if wanted.get("caseInsensitive") and "caseInsensitive" not in kind.predicates:
        predicates = {}
    if not predicates.keys() - {"caseInsensitive"}:
        predicates = {"startsWith": ""} if kind.needsPath else {}
    if predicates:
        sent["path"] = predicates
    return sent


def select(rule: Rule, found: list[Told]) -> list[Told] | list[WindowEntry]:
    """What a C{get} of the rule would answer, out of what fits a part of it."""
    mirror = Mirror()
    filtering = Filter(rule, mirror)
    news = [
        told
        for element in found
        if filtering.matchesPath(element.path)
        for noted in mirror.tell(element)
        for told in filtering.tell(noted)
    ]
    if rule.sort is None:
        return news
    sorter = Sorter(rule.sort)
    for told in news:
        sorter.tell(told)
    return sorter.window()


class Following:
    """
    One fetch of a peer, over all its connections.

    Each connection is a round: L{begin}, what the daemon sends, L{complete} when it has told of everything that is
    there, and more of what it sends. What the methods return is what the handler is to be told.

    To tell a difference it keeps, as JSON text, the newest value of each element that the handler knows of; of a sorted
    fetch those of the window; and where the rule is followed here, of each that the daemon tells of. So a fetch takes
    memory in proportion to what it matches, which is bounded by what the daemon holds and the rule lets through.

    @ivar rule: The rule as the application gave it.
    @ivar isSorted: Whether its notifications are windows.
    @ivar id: The id of the present round, as JSON text; empty if there is none, L{None} if there is no round.
    @ivar number: What makes the id unique among those of the peer.
    @ivar isActive: Whether the application still wants it.
    @ivar listener: Is to be called with each L{Output}.
    @ivar deadline: When L{expire} is to be called, if ever.
    """

    def __init__(self, rule: dict[str, Any], settle: float, listener: Callable[[Output], None]) -> None:
        """
        @param listener: Whom the application wants to be told.
        @param settle: Seconds to wait, after a reconnect, for what seems to be gone.
        """
        sort = rule.get("sort")
        self.rule = rule
        self.isSorted = sort is not None and sort is not False
        self.id: bytes | None = None
        self.isActive = True
        self.listener = listener
        self.number = 0
        self.isComplete = False
        self.wasComplete = False
        self.deadline: float | None = None
        self._settle = settle
        self._first = _firstOf(sort)
        self._mirror = Mirror()
        self._filter: Filter | None = None
        self._sorter: Sorter | None = None
        # The window as the handler knows it, and as the daemon does.
        self._shown: list[WindowEntry] | None = None
        self._remote: dict[int, WindowEntry] = {}

    def begin(self, kind: DaemonKind) -> None:
        """
        A round begins, on a daemon of that kind.

        @raise BaseError: The rule has to be evaluated here, and is malformed.
        """
        isLocal = kind.simple or not kind.filters
        rule = compileLocally(self.rule) if isLocal else None
        self.isComplete = False
        self.deadline = None
        self._remote = {}
        self._adopt(rule)
        self._mirror.begin()

    def _adopt(self, rule: Rule | None) -> None:
        """Filter and sort here, or, without a rule, no more."""
        if rule is None and self._filter is not None:
            for path in self._mirror.known.keys() - self._filter.inside:
                self._mirror.forget(path)
            self._filter = None
        elif rule is not None and self._filter is None:
            self._filter = Filter(rule, self._mirror)
            self._filter.inside.update(self._mirror.known)
        if self.isSorted:
            if rule is None or rule.sort is None:
                # What is told of a window is no base for telling of elements.
                self._mirror, self._sorter = Mirror(), None
            elif self._sorter is None and self._filter is not None:
                self._mirror = Mirror()
                self._filter = Filter(rule, self._mirror)
                self._sorter = Sorter(rule.sort)

    def receive(self, params: bytes) -> list[Output]:
        """A notification has come."""
        if self.isSorted and self._filter is None:
            window = readWindow(params)
            return [] if window is None else self._receiveWindow(window)
        told = readTold(params)
        return [] if told is None else self.tell(told)

    def tell(self, told: Told) -> list[Output]:
        """The daemon says something of an element."""
        filtering = self._filter
        if filtering is not None and not filtering.matchesPath(told.path):
            return []
        news = self._mirror.tell(told)
        if filtering is not None:
            news = [inner for one in news for inner in filtering.tell(one)]
        return self._pass(news)

    def _pass(self, news: list[Told]) -> list[Output]:
        sorter = self._sorter
        if sorter is None:
            return list(news)
        found: list[Output] = []
        for told in news:
            sorter.tell(told)
            if self.isComplete or self._shown is not None:
                found += self._show(sorter.window())
        return found

    def _show(self, window: list[WindowEntry]) -> list[Output]:
        shown, self._shown = self._shown, window
        if shown is None:
            return [WindowNews(window, window)]
        difference = differenceOf(shown, window)
        return [] if difference is None else [WindowNews(window, difference.changes)]

    def _receiveWindow(self, told: WindowTold) -> list[Output]:
        end = self._first + told.n
        if len(self._remote) > told.n:
            self._remote = {index: entry for index, entry in self._remote.items() if index < end}
        self._remote.update((entry.index, entry) for entry in told.changes if self._first <= entry.index < end)
        window = [self._remote[index] for index in sorted(self._remote)]
        if not self.wasComplete or (self.isComplete and self.deadline is None):
            # All as the daemon says it, also what has not changed: that is an event, too.
            self._shown = window
            return [WindowNews(window, told.changes)]
        if self.isComplete and not self._misses(window):
            self.deadline = None
            return self._show(window)
        return []

    def _misses(self, window: list[WindowEntry]) -> bool:
        """Whether something that the handler was shown is not there."""
        paths = {entry.path for entry in window}
        return any(entry.path not in paths for entry in self._shown or ())

    def complete(self, now: float) -> list[Output]:
        """The daemon has told of everything that is there."""
        wasComplete, self.wasComplete, self.isComplete = self.wasComplete, True, True
        if self.isSorted and self._filter is None:
            window = [self._remote[index] for index in sorted(self._remote)]
            if not wasComplete and self._shown is not None:
                return []
            isMissing = self._misses(window)
        else:
            window = []
            isMissing = self._mirror.isInDoubt
        if isMissing and self._settle:
            self.deadline = now + self._settle
            return []
        return self.expire()

    def expire(self) -> list[Output]:
        """What is missing has been waited for."""
        self.deadline = None
        if self.isSorted and self._filter is None:
            return self._show([self._remote[index] for index in sorted(self._remote)])
        news = self._mirror.removeDoubtful()
        if self._filter is not None:
            news = [inner for one in news for inner in self._filter.tell(one)]
        found = self._pass(news)
        if self._sorter is not None and self._shown is None:
            found += self._show(self._sorter.window())
        return found

    def lost(self) -> None:
        """The round ends with its connection; what the handler knows stays."""
        self.id = None
        self.deadline = None

    def end(self) -> None:
        """Nobody wants it any more: let go of what was told."""
        self.lost()
        self.isActive = False
        self._mirror = Mirror()
        self._filter = self._sorter = self._shown = None
        self._remote = {}


def _firstOf(sort: Any) -> int:
    first = sort.get("from") if isinstance(sort, dict) else None
    return int(first) if isinstance(first, int | float) and first >= 1 else 1
