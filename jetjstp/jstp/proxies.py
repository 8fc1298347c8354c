"""
An interface of the other side, as an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from jetjstp.emitter import Emitter
from jetjstp.jstp.results import Results

if TYPE_CHECKING:
    from jetjstp.jstp.connection import Connection

__all__ = ["RemoteProxy"]


class _Every(frozenset[str]):
    """Events may have any name."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


class RemoteProxy(Emitter):
    """
    An interface that was inspected.

    Its methods are attributes: C{proxy.add(1, 2)} returns a L{Deferred} of the result, L{None} if there is none, and
    L{Results} if there are more than one. Methods whose name is taken, or is no identifier, are reached by L{call}.

    Events of the interface are told to the listeners.

    @ivar name: Of the interface.
    @ivar methods: The names that it has.
    """

    events = _Every()
    logsErrors = False

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name
        self.methods: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"<RemoteProxy {self.name!r}: {', '.join(sorted(self.methods))}>"

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *(name for name in self.methods if name.isidentifier())]

    def __getattr__(self, name: str) -> Callable[..., Deferred[Any]]:
        if name in self.__dict__.get("methods", ()):
            return lambda *args: self.call(name, *args)
        raise AttributeError(f"the interface {self.__dict__.get('name')!r} has no method {name!r}")

    def offer(self, methods: Iterable[str]) -> None:
        """For the connection: these are the methods now."""
        self.methods = frozenset(methods)

    def call(self, name: str, *args: Any, resend: bool = False) -> Deferred[Any]:
        """
        Call a method by its name, whatever that is.

        @param resend: Repeat the call if its answer is lost.
        @raise TypeError: The last argument is a function.
        @return: As described above; fails as L{Connection.callMethod<jetjstp.jstp.connection.Connection.callMethod>}.
        """
        if args and isinstance(args[-1], FunctionType | MethodType):
            raise TypeError(f"{self.name}.{name} takes no callback: the Deferred that it returns has the result")
        ask = self.connection.callMethodWithResend if resend else self.connection.callMethod
        return ask(self.name, name, args).addCallback(_valueOf)

    def emit(self, name: str, *args: object) -> bool:
        """
        Tell the other side of an event, and those who listen here.

        @raise ValueError: It cannot be sent; TypeError alike.
        """
        self.connection.emitRemoteEvent(self.name, name, args)
        return super().emit(name, *args)

    def told(self, name: str, args: Sequence[Any]) -> None:
        """For the connection: the other side tells of an event."""
        super().emit(name, *args)


def _valueOf(results: list[Any]) -> Any:
    if not results:
        return None
    return results[0] if len(results) == 1 else Results(*results)
