"""
Events by name, for the classes that applications use.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar, overload

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.rarefailures import logRarely

__all__ = ["Emitter"]

Listener = Callable[..., Any]
_L = TypeVar("_L", bound=Listener)


class Emitter:
    """
    Something that tells of events.

    Listeners are called in the order in which they were added, with whatever the event carries. They may return
    anything, a L{Deferred}, or be coroutine functions; nobody waits for them. What a listener raises, or its Deferred
    or coroutine fails with, is logged and harms nobody else. An C{"error"} that nobody listens to is logged, too.

    Listeners that are added while an event is told are called from the next one on; those that are removed meanwhile
    are not called any more.

    @cvar events: The names of the events. Subclasses say which they have.
    @cvar logsErrors: Whether an C{"error"} is one: not where others choose the names of the events.
    """

    events: ClassVar[frozenset[str]] = frozenset()
    logsErrors: ClassVar[bool] = True

    __log = Logger()
    # Made when the first listener comes: there are many emitters, and few are listened to. Always replaced, never
    # changed, so an event under way goes on with those that it began with.
    __listeners: dict[str, tuple[_Entry, ...]] | None = None

    @overload
    def on(self, name: str) -> Callable[[_L], _L]: ...

    @overload
    def on(self, name: str, handler: _L) -> _L: ...

    def on(self, name: str, handler: _L | None = None) -> _L | Callable[[_L], _L]:
        """
        Add a listener. Without one, this is a decorator.

        A listener that is added twice is called twice.

        @return: The listener, which is what L{off} needs.
        @raise ValueError: There is no such event; the message names those that there are.
        """
        return self.__add(name, handler, False)

    @overload
    def once(self, name: str) -> Callable[[_L], _L]: ...

    @overload
    def once(self, name: str, handler: _L) -> _L: ...

    def once(self, name: str, handler: _L | None = None) -> _L | Callable[[_L], _L]:
        """Add a listener for the next event of that name only; otherwise like L{on}."""
        return self.__add(name, handler, True)

    def off(self, name: str, handler: Listener) -> None:
        """
        Remove a listener, the latest if it was added more than once. One that is not there is no error.

        @raise ValueError: There is no such event.
        """
        entries = self.__entries(name)
        for entry in reversed(entries):
            # Not identity: each access makes a new bound method, though an equal one.
            if entry.listener == handler:
                self.__remove(name, entry)
                return

    def emit(self, name: str, *args: object) -> bool:
        """
        Tell the listeners. None of their failures arrives here.

        @return: Whether anybody was listening.
        @raise ValueError: There is no such event.
        """
        entries = self.__entries(name)
        if not entries:
            if name == "error" and self.logsErrors:
                self.__logError(args)
            return False
        for entry in entries:
            if entry.isRemoved:
                continue
            if entry.isOnce:
                self.__remove(name, entry)
            try:
                result = entry.listener(*args)
            except Exception:
                self.__failed(Failure(), entry.listener, name)
            else:
                if result is not None:
                    self.__watch(result, entry.listener, name)
        return True

    def __add(self, name: str, listener: _L | None, isOnce: bool) -> _L | Callable[[_L], _L]:
        entries = self.__entries(name)
        if listener is None:

            def decorate(decorated: _L) -> _L:
                self.__add(name, decorated, isOnce)
                return decorated

            return decorate
        if not callable(listener):
            raise TypeError(f"{listener!r} cannot be called, so it cannot listen to {name!r}")
        if self.__listeners is None:
            self.__listeners = {}
        self.__listeners[name] = (*entries, _Entry(listener, isOnce))
        return listener

    def __entries(self, name: str) -> tuple[_Entry, ...]:
        if name not in self.events:
            known = ", ".join(sorted(self.events)) or "none"
            raise ValueError(f"{type(self).__name__} has no event {name!r}; it has: {known}")
        return self.__listeners.get(name, ()) if self.__listeners is not None else ()

    def __remove(self, name: str, entry: _Entry) -> None:
        entry.isRemoved = True
        if self.__listeners is not None:
            self.__listeners[name] = tuple(other for other in self.__listeners[name] if other is not entry)

    def __watch(self, result: object, listener: Listener, name: str) -> None:
        if isinstance(result, Coroutine):
            result = ensureDeferred(result)
        if isinstance(result, Deferred):
            result.addErrback(self.__failed, listener, name)

    def __failed(self, failure: Failure, listener: Listener, name: str) -> None:
        logRarely(
            self.__log,
            listener,
            "a listener to {event!r} of {emitter} failed",
            failure,
            event=name,
            emitter=type(self).__name__,
        )

    def __logError(self, args: tuple[object, ...]) -> None:
        error = args[0] if args else None
        if isinstance(error, BaseException):
            error = Failure(error)
        if isinstance(error, Failure):
            self.__log.failure("{emitter} had an error, and nobody listens", failure=error, emitter=type(self).__name__)
        else:
            self.__log.error(
                "{emitter} had an error, and nobody listens: {args!r}", args=args, emitter=type(self).__name__
            )


class _Entry:
    """One listener, as it was added once."""

    __slots__ = ("isOnce", "isRemoved", "listener")

    def __init__(self, listener: Listener, isOnce: bool) -> None:
        self.listener = listener
        self.isOnce = isOnce
        self.isRemoved = False
