"""
Applications: what a peer may call, and nothing else (sections 4 and 8).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from jetjstp.jstp.errors import ERR_INTERFACE_NOT_FOUND, ERR_INVALID_SIGNATURE, ERR_METHOD_NOT_FOUND
from jetjstp.jstp.messages import checkName
from jetjstp.jstp.versions import choose, latest, parseVersion, splitName

__all__ = ["Application", "AppsIndex", "checkSessionStorage", "createAppsIndex"]

Method = Callable[..., Any]
Api = Mapping[str, Mapping[str, Method]]

ANY_NUMBER = sys.maxsize

CALLBACKS = frozenset({"callback", "cb"})
"""What the last parameter of a method is called in npm's package. Peers have nothing to give for it."""


class _Entry(NamedTuple):
    """A function, and how many arguments it takes besides the connection."""

    fewest: int
    most: int
    function: Method


class Application:
    """
    What one side offers to the other: methods, which answer, and handlers of events, which do not.

    All of them are called with the connection first, then with the arguments. How many arguments there must be follows
    from the signature; where it cannot be found out, and with C{*args}, any number is passed on.

    Everything is copied: what is added to C{api} later cannot be called.

    @ivar name: The name.
    @ivar version: The version, as it was given.
    @ivar sessionStorageProvider: As given.
    @ivar interfaces: The methods by interface and name, in their order; read-only.
    """

    def __init__(
        self,
        name: str,
        api: Api,
        eventHandlers: Api | None = None,
        version: str | None = None,
        sessionStorageProvider: Any = None,
    ) -> None:
        """
        @param name: It may hold the version: C{"name@1.0.0"}, which then counts.
        @param api: The methods: C{{interface: {method: function}}}.
        @param eventHandlers: The handlers of events: C{{interface: {event: function}}}.
        @param version: An exact version; 1.0.0 if there is none.
        @param sessionStorageProvider: An L{ISessionStorage<jetjstp.interfaces.ISessionStorage>} for the sessions of
            this application alone, instead of the server's.
        @raise ValueError: A name or the version is none, or a function cannot be called with a connection; the message
            names it.
        @raise TypeError: Something is of the wrong type; the message names it.
        """
        if not isinstance(name, str):
            raise TypeError(f"the name of an application must be a str, not {_kind(name)}")
        if version is not None and not isinstance(version, str):
            raise TypeError(f"the version of an application must be a str, not {_kind(version)}")
        self.name, ownVersion = splitName(name)
        if not self.name:
            raise ValueError(f"the name of an application is empty: {name!r}")
        self.version = ownVersion or version or "1.0.0"
        try:
            parseVersion(self.version)
        except ValueError as error:
            raise ValueError(f"application {self.name!r}: {error}") from None
        if sessionStorageProvider is not None:
            checkSessionStorage(sessionStorageProvider)
        self.sessionStorageProvider = sessionStorageProvider
        self._methods = _read(f"api of application {self.name!r}", "method", "call", api)
        self._handlers = _read(f"eventHandlers of application {self.name!r}", "event", "event", eventHandlers or {})
        self.interfaces: Mapping[str, Mapping[str, Method]] = MappingProxyType(
            {
                interface: MappingProxyType({each: entry.function for each, entry in methods.items()})
                for interface, methods in self._methods.items()
            }
        )

    def __repr__(self) -> str:
        """Its name and version."""
        return f"<Application {self.name}@{self.version}>"

    def method(self, interface: object, name: object, count: int) -> Method | int:
        """
        Find what a peer calls.

        @param interface: As it was received, of whatever type, just as C{name}.
        @param count: How many arguments there are; -1 if there is something else than a list of them.
        @return: The method; or the code of the error: C{ERR_INTERFACE_NOT_FOUND}, C{ERR_METHOD_NOT_FOUND},
            C{ERR_INVALID_SIGNATURE}, the first one that holds. (Arguments that are missing, or falsy and not a list,
            come before all these; that is for the caller to see.)
        """
        try:
            fewest, most, function = self._methods[interface][name]  # type: ignore[index]
        except (KeyError, TypeError):  # peers may send a list for a name
            return _missing(self._methods, interface)
        return function if fewest <= count <= most else ERR_INVALID_SIGNATURE

    def handler(self, interface: object, event: object, count: int) -> Method | int:
        """Find who listens to an event; as L{method}."""
        try:
            fewest, most, function = self._handlers[interface][event]  # type: ignore[index]
        except (KeyError, TypeError):
            return _missing(self._handlers, interface)
        return function if fewest <= count <= most else ERR_INVALID_SIGNATURE

    def getMethods(self, interface: object) -> list[str] | None:
        """
        The names of the methods of an interface, in their order.

        @param interface: As it was received, of whatever type.
        @return: L{None} if there is no such interface.
        """
        methods = self._methods.get(interface) if isinstance(interface, str) else None
        return None if methods is None else list(methods)


def _missing(table: dict[str, dict[str, _Entry]], interface: object) -> int:
    return ERR_METHOD_NOT_FOUND if isinstance(interface, str) and interface in table else ERR_INTERFACE_NOT_FOUND


def _read(where: str, what: str, kind: str, api: object) -> dict[str, dict[str, _Entry]]:
    """Copy and check an API."""
    if not isinstance(api, Mapping):
        raise TypeError(f"{where} must be a mapping of interfaces, not {_kind(api)}")
    table = {}
    for interface, functions in api.items():
        if not isinstance(interface, str):
            raise TypeError(f"{where}: the name of an interface must be a str, not {interface!r:.80}")
        if not interface:
            raise ValueError(f"{where}: the name of an interface is empty")
        if not isinstance(functions, Mapping):
            raise TypeError(
                f"{where}: interface {interface!r} must be a mapping of names to functions, not {_kind(functions)}"
            )
        entries = {}
        for name, function in functions.items():
            named = f"{what} {interface}.{name}"
            try:
                checkName(kind, name)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{where}: {named}: {error}") from None
            if not name:
                raise ValueError(f"{where}: the name of {what} {interface}.'' is empty")
            try:
                entries[name] = _entry(function)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{where}: {named}: {error}") from None
        table[interface] = entries
    return table


def _entry(function: object) -> _Entry:
    """
    @raise TypeError: It cannot be called.
    @raise ValueError: It cannot be called as methods and handlers are.
    """
    if not callable(function):
        raise TypeError(f"must be something that can be called, not {_kind(function)}")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        # Some functions of C modules do not tell.
        return _Entry(0, ANY_NUMBER, function)
    fewest = most = 0
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            if parameter.default is parameter.empty:
                fewest = most
        elif parameter.kind is parameter.VAR_POSITIONAL:
            most = ANY_NUMBER
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise ValueError(f"its parameter {parameter.name!r} can only be given by name, which peers cannot do")
        if parameter.name in CALLBACKS and parameter.kind is not parameter.VAR_KEYWORD and most > 1:
            raise ValueError(
                f"its parameter {parameter.name!r} is for nothing: the result is what is returned, now, by a Deferred "
                "or by a coroutine. If it is an argument, call it something else"
            )
    if most == 0:
        raise ValueError("takes no positional parameter, but the connection comes first")
    return _Entry(max(fewest - 1, 0), most if most == ANY_NUMBER else most - 1, function)


def checkSessionStorage(provider: object) -> None:
    """
    Refuse what is no session storage.

    @raise TypeError: It lacks C{get} or C{set}.
    """
    for name in ("get", "set"):
        if not callable(getattr(provider, name, None)):
            raise TypeError(f"sessionStorageProvider has no method {name!r}: {_kind(provider)}")


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


class AppsIndex:
    """
    Applications by name and version. It does not change.

    Iterating gives all applications, in the order in which they were given.
    """

    def __init__(self, applications: Iterable[Application] = ()) -> None:
        """
        @raise ValueError: Two have the same name and version.
        @raise TypeError: One is something else.
        """
        self._applications: list[Application] = []
        self._versions: dict[str, dict[str, Application]] = {}
        for application in applications:
            if not isinstance(application, Application):
                raise TypeError(f"applications must be Application objects, not {_kind(application)}")
            versions = self._versions.setdefault(application.name, {})
            if application.version in versions:
                raise ValueError(f"application {application.name!r} is given twice in version {application.version}")
            versions[application.version] = application
            self._applications.append(application)
        self._latest = {name: versions[latest(versions) or ""] for name, versions in self._versions.items()}

    def __iter__(self) -> Iterator[Application]:
        """All, in order."""
        return iter(self._applications)

    def __len__(self) -> int:
        """How many there are, each version being one."""
        return len(self._applications)

    def find(self, name: object, version: object = None) -> Application | None:
        """
        Find what a client asks for, see L{choose}.

        @param name: As it was received, of whatever type, just as C{version}.
        """
        if not isinstance(name, str):
            return None
        if not version:
            return self._latest.get(name)
        versions = self._versions.get(name)
        if versions is None or not isinstance(version, str):
            return None
        chosen = choose(versions, version)
        return None if chosen is None else versions[chosen]

    def latest(self, name: str) -> Application | None:
        """The greatest version of an application, be it a prerelease."""
        return self._latest.get(name)


def createAppsIndex(applications: Iterable[Application] | Application | AppsIndex) -> AppsIndex:
    """
    Make the index that servers work with.

    @param applications: Several, in one version or more each; or one; or an index, which is returned.
    @raise ValueError: Two have the same name and version.
    @raise TypeError: There is something else among them.
    """
    if isinstance(applications, AppsIndex):
        return applications
    if isinstance(applications, Application):
        return AppsIndex([applications])
    if not isinstance(applications, Iterable):
        raise TypeError(f"applications must be a list of Application objects, not {_kind(applications)}")
    return AppsIndex(applications)
