"""
What an application adds to the bus: states and methods.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar, overload

from twisted.internet.defer import Deferred, fail

from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jet.owning import Owned
from jetjstp.jet.peererrors import ConnectionClosed, InvalidArgument, NotFound

if TYPE_CHECKING:
    from jetjstp.jet.peer import Peer

__all__ = ["AS_REQUESTED", "Content", "Method", "SetResult", "State"]

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class _AsRequested:
    def __repr__(self) -> str:
        return "AS_REQUESTED"


AS_REQUESTED: Final = _AsRequested()


class SetResult(NamedTuple):
    """
    What a set handler returns to say more than "accepted".

    @ivar value: What the state has now; the value that was asked for if it is not given.
    @ivar dontNotify: Whether to keep the change from those who fetch. The requester is answered all the same.
    """

    value: Any = AS_REQUESTED
    dontNotify: bool = False


class Content:
    """A state or a method: a path, who may use it, one handler."""

    _event: str

    def __init__(self, path: str, access: Mapping[str, Any] | None = None) -> None:
        if not isinstance(path, str):
            raise TypeError(f"a path is a string, not {path!r}")
        self._path = path
        self._access = None if access is None else encodeJson(dict(access), "access")
        self._handler: Callable[..., Any] | None = None
        # For the peer that it is added to.
        self._peer: Peer | None = None
        self._owned: Owned | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path!r}>"

    @property
    def path(self) -> str:
        """Where it is."""
        return self._path

    @property
    def isAdded(self) -> bool:
        """Whether it was added and not removed. It stays so while the connection is away."""
        return self._owned is not None and self._owned.isWanted and self._owned.wasAdded

    def _setHandler(self, name: str, handler: Any) -> Any:
        if name != self._event:
            raise ValueError(f"a {type(self).__name__} has no event {name!r}; it has: {self._event}")
        if handler is None:

            def decorate(decorated: Any) -> Any:
                self._setHandler(name, decorated)
                return decorated

            return decorate
        if not callable(handler):
            raise TypeError(f"{handler!r} cannot be called, so it cannot handle {name!r}")
        if self._handler is not None:
            raise ValueError(f"{self!r} has a {name} handler already: somebody has to answer, and only one can")
        if self._owned is not None and self._owned.isWanted:
            raise ValueError(f"{self!r} is added already: its {name} handler has to be there before")
        self._handler = handler
        return handler

    def add(self) -> Deferred[None]:
        """
        Add it again after L{remove}, to the peer that it was added to before.

        @return: As that of L{jetjstp.jet.Peer.add}.
        """
        if self._peer is None:
            return fail(ConnectionClosed(f"{self!r} was never added to a peer: use peer.add"))
        return self._peer.add(self)

    def remove(self) -> Deferred[None]:
        """
        Take it off the bus.

        @return: As that of L{jetjstp.jet.Peer.remove}.
        """
        if self._peer is None:
            return fail(NotFound(f"{self!r} was never added to a peer", path=self._path))
        return self._peer.remove(self)

    def _members(self) -> bytes:
        """What C{add} says besides path and value, as JSON text."""
        return b"" if self._access is None else b',"access":' + self._access

    def _text(self) -> bytes | None:
        """The value as JSON text."""
        return None

    def _isFetchOnly(self) -> bool:
        return False


class State(Content):
    """
    A path with a value, which others fetch and, if there is a handler for that, set.

        state = jet.State("rooms/4/temperature", 20.5)

        @state.on("set")
        def wanted(value):
            if not 5 <= value <= 30:
                raise jet.InvalidArgument("5 to 30 degrees")
            return jet.SetResult(round(value))

    The handler is called with the value that is asked for. It returns L{None} (accepted as it is), a L{SetResult}, a
    dict with the keys C{value} and C{dontNotify}, or a Deferred or coroutine of one of these; or it raises. Errors of
    this package are answers; anything else is logged, and answered with its message.

    Event: C{set}, one handler, before it is added. Without one the state can be fetched only.

    @param value: Anything that JSON has. It is read now: to change it, use L{setValue}.
    @param access: C{{"fetchGroups": [...], "setGroups": [...]}}, each optional.
    @raise TypeError: The value is no JSON; the message says where.
    """

    _event = "set"

    def __init__(self, path: str, value: Any, access: Mapping[str, Any] | None = None) -> None:
        super().__init__(path, access)
        self._value = value
        self._encoded = encodeJson(value)
        # Counts the values, to see whether there was one while a handler was at work.
        self._version = 0

    @overload
    def on(self, name: Literal["set"]) -> Callable[[_Handler], _Handler]: ...

    @overload
    def on(self, name: Literal["set"], handler: _Handler) -> _Handler: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """
        Call C{handler} with each value that another peer wants; without one, a decorator.

        @raise ValueError: There is a handler already, or the state is added already.
        """
        return self._setHandler(name, handler)

    @staticmethod
    def acceptAny(value: Any) -> None:
        """A handler that takes any value."""

    @property
    def value(self) -> Any:
        """The newest value: what was set or accepted last."""
        return self._value

    @overload
    def setValue(self, value: Any) -> None: ...

    @overload
    def setValue(self, value: Any, confirm: Literal[False]) -> None: ...

    @overload
    def setValue(self, value: Any, confirm: Literal[True]) -> Deferred[None]: ...

    def setValue(self, value: Any, confirm: bool = False) -> Deferred[None] | None:
        """
        Give the state a new value and publish it. While it is not added, or there is no connection, the value is kept,
        and published when it is.

        If the daemon reads more slowly than the values come, those are left out that have newer ones.

        @param confirm: Whether to return a Deferred that fires when the daemon has it.
        @raise TypeError: The value is no JSON; the message says where.
        """
        encoded = encodeJson(value)
        self._note(value, encoded)
        if self._peer is not None and self._owned is not None:
            return self._peer._change(self._owned, encoded, confirm)
        return fail(NotFound(f"{self!r} is not added", path=self._path)) if confirm else None

    def _note(self, value: Any, encoded: bytes) -> None:
        self._value = value
        self._encoded = encoded
        self._version += 1

    def _text(self) -> bytes | None:
        return self._encoded

    def _isFetchOnly(self) -> bool:
        return self._handler is None

    def _members(self) -> bytes:
        return (b',"fetchOnly":true' if self._handler is None else b"") + super()._members()


class Method(Content):
    """
    A path that others call.

        greet = jet.Method("greet")

        @greet.on("call")
        def answer(name, loudly=False):
            return f"HELLO {name}" if loudly else f"Hello {name}"

    Others call it with a list, C{["Ann"]}: those are positions; or with an object, C{{"name": "Ann", "loudly": True}}:
    those are names. What does not fit the handler's signature is answered with
    L{InvalidArgument}, the handler is not called then. Parameters whose names begin with an underscore cannot be given.

    The handler returns what JSON has, or a Deferred or coroutine of it; L{None} is sent as null. What it raises is
    treated as with L{State}.

    Event: C{call}, one handler, before it is added.

    @param access: C{{"fetchGroups": [...], "callGroups": [...]}}, each optional.
    @param unpack: With L{False} the handler gets the list or object as its only argument.
    """

    _event = "call"

    def __init__(self, path: str, access: Mapping[str, Any] | None = None, unpack: bool = True) -> None:
        super().__init__(path, access)
        self._unpack = unpack
        self._signature: inspect.Signature | None = None

    @overload
    def on(self, name: Literal["call"]) -> Callable[[_Handler], _Handler]: ...

    @overload
    def on(self, name: Literal["call"], handler: _Handler) -> _Handler: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """
        Call C{handler} when another peer calls the method; without one, a decorator.

        @raise ValueError: There is a handler already, or the method is added already.
        """
        return self._setHandler(name, handler)

    def _setHandler(self, name: str, handler: Any) -> Any:
        result = super()._setHandler(name, handler)
        if handler is not None:
            try:
                self._signature = inspect.signature(handler)
            except ValueError:
                # Some functions written in C do not tell.
                self._signature = None
        return result

    def _call(self, args: Any) -> Any:
        """Call the handler with what came."""
        assert self._handler is not None
        if not self._unpack:
            return self._handler(args)
        positions: list[Any] = args if isinstance(args, list) else []
        names: dict[str, Any] = args if isinstance(args, dict) else {}
        if not isinstance(args, list | dict):
            positions = [args]
        self._check(positions, names)
        return self._handler(*positions, **names)

    def _check(self, positions: list[Any], names: dict[str, Any]) -> None:
        hidden = [name for name in names if name.startswith("_")]
        if self._signature is not None and not hidden:
            try:
                bound = self._signature.bind(*positions, **names)
            except TypeError as error:
                raise InvalidArgument(str(error)) from None
            kinds = {name: parameter.kind for name, parameter in self._signature.parameters.items()}
            variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
            hidden = [name for name in bound.arguments if name.startswith("_") and kinds[name] not in variable]
        if hidden:
            raise InvalidArgument(f"there is no argument {hidden[0]!r}")
