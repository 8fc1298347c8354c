"""
Events that other nodes send: they may have any name, and are kept apart from
those that are our own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast, overload

from jetjstp.emitter import Emitter

__all__ = ["WireEmitter"]

_H = TypeVar("_H", bound=Callable[..., Any])


class _EveryName(frozenset[str]):
    """The names of the events that anybody may think of."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


class _WireEvents(Emitter):
    """The handlers of events from the wire. Names get a prefix: to an L{Emitter} C{"error"} is not like others."""

    events = _EveryName()


class _LocalEvents(Emitter):
    """The handlers of our own events."""

    def __init__(self, names: frozenset[str]) -> None:
        self.events = names  # type: ignore[misc]  # a table for each kind of object, not a class


PREFIX = "sent event "


class WireEmitter:
    """
    Something that other nodes send events through. The handlers are those of an L{Emitter}: called in order, what they
    raise is logged, and they may be coroutine functions.

    Some names are of events of our own, C{localEvents}. An event from the wire never reaches their handlers, whatever
    it is called; see L{onEvent} for those that have such a name.
    """

    localEvents: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        self._wireEvents = _WireEvents()
        self._local = _LocalEvents(self.localEvents)

    @overload
    def on(self, name: str) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: str, handler: _H) -> _H: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """
        Call a handler at each event of that name, with its arguments. Without a handler, this is a decorator.

        @return: The handler.
        """
        return self._add(*self._find(name), handler, False)

    @overload
    def once(self, name: str) -> Callable[[_H], _H]: ...

    @overload
    def once(self, name: str, handler: _H) -> _H: ...

    def once(self, name: str, handler: Any = None) -> Any:
        """Like L{on}, for the next event only."""
        return self._add(*self._find(name), handler, True)

    def off(self, name: str, handler: Callable[..., Any]) -> None:
        """Remove a handler; one that is not there is no error."""
        table, key = self._find(name)
        table.off(key, handler)

    @overload
    def onEvent(self, name: str) -> Callable[[_H], _H]: ...

    @overload
    def onEvent(self, name: str, handler: _H) -> _H: ...

    def onEvent(self, name: str, handler: Any = None) -> Any:
        """Like L{on}, for events that other nodes send, also if they have the name of one of our own."""
        return self._add(self._wireEvents, PREFIX + _checked(name), handler, False)

    def offEvent(self, name: str, handler: Callable[..., Any]) -> None:
        """Remove a handler of L{onEvent}."""
        self._wireEvents.off(PREFIX + _checked(name), handler)

    def tellWire(self, event: list[Any]) -> None:
        """For the node: an event came, as its name and arguments."""
        self._wireEvents.emit(PREFIX + event[0], *event[1:])

    def tellLocal(self, name: str, *args: object) -> None:
        """For the node: tell of an event of our own."""
        self._local.emit(name, *args)

    def _find(self, name: str) -> tuple[Emitter, str]:
        if _checked(name) in self.localEvents:
            return self._local, name
        return self._wireEvents, PREFIX + name

    def _add(self, table: Emitter, key: str, handler: _H | None, isOnce: bool) -> _H | Callable[[_H], _H]:
        add = cast(Any, table.once if isOnce else table.on)
        result: _H | Callable[[_H], _H] = add(key) if handler is None else add(key, handler)
        return result


def _checked(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of an event must be a string, not {name!r}")
    return name
