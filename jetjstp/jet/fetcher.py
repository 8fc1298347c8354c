"""
What an application wants to follow, and what it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeVar, overload

from jetjstp.emitter import Emitter
from jetjstp.jet.following import Following, Output
from jetjstp.jet.incoming import Told, WindowEntry
from jetjstp.jet.jsontext import valueOf
from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jet.paths import WrongOperand, compilePath
from jetjstp.jet.values import UnknownOperator, compileValue

if TYPE_CHECKING:
    from jetjstp.jet.peer import Peer

__all__ = ["Entry", "Fetcher", "Notification"]

DEFAULT_SPAN = 20
"""How far a range goes that has no end, as in node-jet."""

PathPredicate = Literal[
    "equals",
    "equalsNot",
    "startsWith",
    "startsNotWith",
    "endsWith",
    "endsNotWith",
    "contains",
    "containsNot",
    "containsAllOf",
    "containsOneOf",
    "equalsOneOf",
    "equalsNotOneOf",
]
ValueOperator = Literal["equals", "equalsNot", "lessThan", "greaterThan", "isType"]
ValueType = Literal["number", "string", "boolean", "object"]

_PATH_PREDICATES = frozenset(PathPredicate.__args__)  # type: ignore[attr-defined]


class Notification(NamedTuple):
    """
    What the handler of a fetch without a sort is called with.

    @ivar event: C{"add"}, C{"change"} or C{"remove"}.
    @ivar value: The value; at a remove the last one, or the one that no longer fits. L{None} for a method.
    @ivar fetchOnly: In an add: whether we cannot set the state, or call the method.
    @ivar isMethod: Whether it is a method, which has no value; the value of a state may be L{None}, too.
    """

    path: str
    event: str
    value: Any = None
    fetchOnly: bool = False
    isMethod: bool = False


class Entry(NamedTuple):
    """
    One position in the window of a sorted fetch.

    @ivar index: The position, counted from 1 over all that matches.
    """

    path: str
    value: Any
    index: int  # type: ignore[assignment]  # the name on the wire
    fetchOnly: bool = False
    isMethod: bool = False


def notificationOf(told: Told) -> Notification:
    """A notification for the application."""
    value = None if told.value is None else valueOf(told.value)
    return Notification(told.path, told.event, value, told.fetchOnly, told.value is None)


def entryOf(entry: WindowEntry) -> Entry:
    """An entry for the application."""
    value = None if entry.value is None else valueOf(entry.value)
    return Entry(entry.path, value, entry.index, entry.fetchOnly, entry.value is None)


_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class Fetcher(Emitter):
    """
    What to fetch: built by a chain of calls, each of which returns the fetcher.

        fetcher = jet.Fetcher().path("startsWith", "rooms/").key("age", "greaterThan", 30)
        fetcher.on("data", print)
        await peer.fetch(fetcher)

    All that is said must hold. With nothing said, it is everything.

    Event: C{data}, called with a L{Notification}; of a sorted fetch with a list of L{Entry}, the whole window; of one
    that is C{differential} with a list of those entries that have changed, and the length of the window. A handler may
    return a Deferred or be a coroutine function; nobody waits for it.
    """

    events: ClassVar[frozenset[str]] = frozenset(("data",))

    def __init__(self) -> None:
        self._rule: dict[str, Any] = {}
        self._isDifferential = False
        # For the peer that fetches it.
        self._number: int | None = None
        self._following: Following | None = None
        self._wasEndedEarly = False
        self._peer: Peer | None = None

    @overload  # type: ignore[override]  # narrower on purpose
    def on(self, name: Literal["data"]) -> Callable[[_Handler], _Handler]: ...

    @overload
    def on(self, name: Literal["data"], handler: _Handler) -> _Handler: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """Call C{handler} whenever there is news; without one, a decorator. Returns the handler."""
        return super().on(name, handler)

    @property
    def isFetching(self) -> bool:
        """Whether it is fetched now, or will be as soon as there is a connection."""
        return self._following is not None and self._following.isActive

    @property
    def rule(self) -> dict[str, Any]:
        """The rule, as the protocol has it: a copy, so that a fetch under way keeps the one that it began with."""
        rule = deepcopy(self._rule)
        if self._isDifferential and "sort" in rule:
            rule["sort"] = {**rule["sort"], "asArray": False} if isinstance(rule["sort"], dict) else rule["sort"]
        return rule

    def all(self) -> Fetcher:
        """Fetch everything, methods included. Forgets what was said before."""
        self._rule = {}
        return self

    def path(self, predicate: PathPredicate, what: str | list[str]) -> Fetcher:
        """
        Fetch where the path fits.

        @raise ValueError: There is no such predicate.
        @raise TypeError: It needs a string, or a list of strings.
        """
        if predicate not in _PATH_PREDICATES:
            raise ValueError(f"no predicate {predicate!r}; there are: {', '.join(sorted(_PATH_PREDICATES))}")
        if isinstance(what, tuple | set | frozenset):
            what = list(what)
        try:
            if what is None:
                raise WrongOperand(predicate)
            compilePath({predicate: what})
        except WrongOperand:
            kind = "a list of strings" if predicate.endswith("Of") else "a string"
            raise TypeError(f"{predicate} needs {kind}, not {what!r}") from None
        self._rule.setdefault("path", {})[predicate] = what
        return self

    def pathCaseInsensitive(self) -> Fetcher:
        """Compare paths without regard to upper and lower case."""
        self._rule.setdefault("path", {})["caseInsensitive"] = True
        return self

    def value(self, predicate: ValueOperator, what: Any) -> Fetcher:
        """
        Fetch where the value fits: C{equals}, C{equalsNot}, C{lessThan}, C{greaterThan}, C{isType}.

        Elements come and go as their values change.
        """
        _checkOperator(predicate, what)
        self._rule.setdefault("value", {})[predicate] = what
        return self

    def key(self, field: str, predicate: ValueOperator, what: Any) -> Fetcher:
        """
        Fetch where a field of the value fits.

        @param field: C{"age"}, C{"name.first"}, C{"tags[0]"}, C{"['my-key']"}.
        """
        _checkOperator(predicate, what)
        self._rule.setdefault("valueField", {}).setdefault(field, {})[predicate] = what
        return self

    def _sort(self, **members: Any) -> Fetcher:
        sort = self._rule.get("sort")
        self._rule["sort"] = {**(sort if isinstance(sort, dict) else {}), **members}
        return self

    def sortByPath(self) -> Fetcher:
        """Sort by path: the handler gets windows, of the first ten unless L{range} says otherwise."""
        return self._sort(byPath=True)

    def sortByValue(self, type: ValueType) -> Fetcher:
        """Sort by value; fetches only values of that type."""
        return self._sort(byValue=type)

    def sortByKey(self, field: str, type: ValueType) -> Fetcher:
        """Sort by a field of the value; fetches only where that is of that type."""
        return self._sort(byValueField={field: type})

    def range(self, first: int, last: int | None = None) -> Fetcher:
        """
        Which part of what is sorted to fetch.

        @param first: The first position, from 1.
        @param last: The last one, itself included; 20 further on if it is not given.
        """
        last = first + DEFAULT_SPAN if last is None else last
        for position in (first, last):
            if not isinstance(position, int) or isinstance(position, bool) or position < 1:
                raise ValueError(f"positions are integers from 1 on, not {position!r}")
        return self._sort(**{"from": first, "to": last})

    def ascending(self) -> Fetcher:
        """The least first, as is the default."""
        return self._sort(descending=False)

    def descending(self) -> Fetcher:
        """The greatest first."""
        return self._sort(descending=True)

    def differential(self) -> Fetcher:
        """Tell what has changed in the window, C{f(changes, n)}, instead of the whole window."""
        self._isDifferential = True
        return self

    def coalesce(self, isWanted: bool) -> Fetcher:
        """
        What is to happen if we are slower than the changes: with C{True} only the newest value of each element is kept
        for us, early; with C{False} never. Daemons other than ours ignore it.
        """
        self._rule["coalesce"] = bool(isWanted)
        return self

    def expression(self, rule: dict[str, Any]) -> Fetcher:
        """Take a rule as the protocol has it, instead of all that was said before."""
        if not isinstance(rule, dict):
            raise TypeError(f"a rule is a dict, not {rule!r}")
        encodeJson(rule, "rule")
        self._rule = deepcopy(rule)
        return self

    def _told(self, output: Output) -> None:
        """For the peer: tell the handlers."""
        if isinstance(output, Told):
            self.emit("data", notificationOf(output))
        elif self._isDifferential:
            self.emit("data", [entryOf(entry) for entry in output.changes], len(output.entries))
        else:
            self.emit("data", [entryOf(entry) for entry in output.entries])


def _checkOperator(predicate: str, what: Any) -> None:
    try:
        compileValue({predicate: what})
    except UnknownOperator:
        raise ValueError(
            f"no operator {predicate!r}; there are equals, equalsNot, lessThan, greaterThan, isType"
        ) from None
    encodeJson(what, predicate)
