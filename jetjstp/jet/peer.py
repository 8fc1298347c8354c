"""
A peer of a Jet daemon, for applications that provide or consume content.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar, assert_never, cast, overload

from twisted.application.service import IService
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from jetjstp.bounds import checkSeconds
from jetjstp.discovery import Discovery
from jetjstp.jet.answering import Answering
from jetjstp.jet.asking import Effect, Fail, Finish, HangUp, Invoke, Notify, Ready, Refused, Trouble
from jetjstp.jet.connecting import dialer
from jetjstp.jet.content import Content, Method
from jetjstp.jet.fetcher import Entry, Fetcher, Notification, entryOf, notificationOf
from jetjstp.jet.finding import findingDialer
from jetjstp.jet.following import Following, compileLocally, remoteRule, select
from jetjstp.jet.incoming import Told, WindowEntry
from jetjstp.jet.jsontext import quote, valueOf
from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jet.listing import readList
from jetjstp.jet.owning import Owned
from jetjstp.jet.peererrors import ConnectionClosed, NotFound, Occupied
from jetjstp.jet.peering import Peering
from jetjstp.jet.peerservice import PeerService
from jetjstp.jet.presence import Presence
from jetjstp.jet.urls import TCP_PORT, Place, parseUrl

__all__ = ["Peer"]

LONGEST_TIMEOUT = 3600.0
LONGEST_SETTLE = 600.0
_NO_TIMEOUT = -1.0

PeerEvent = Literal["disconnect", "reconnect", "error"]
_H = TypeVar("_H", bound=Callable[..., Any])


class Peer(Presence):
    """
    A peer: adds content, and fetches, gets, sets and calls that of others.

        peer = jet.Peer("ws://daemon.example:11123", user="ann", password=secret)
        await peer.connect()
        await peer.add(jet.State("greeting", "hello"))

    What is declared, content that is added and fetchers that are fetched, holds until it is taken back: the peer
    declares it anew after each reconnect, and tells the handlers of its fetches nothing but the difference. What is
    asked, C{set}, C{call}, C{get}, is asked once: it fails with L{ConnectionClosed} if the connection is lost before
    the answer, and is never repeated.

    Whatever takes time returns a L{Deferred}, which can be awaited, and cancelled: then nobody waits any more, and what
    was declared is taken back. At the end of the connection all that are pending fail with L{ConnectionClosed}.

    Events: C{disconnect} with the reason, as text, when the connection is lost; C{reconnect} when there is a new one;
    C{error} with a L{BaseError} that nothing else tells of, such as content that cannot be added again.

    @param url: C{jet://host:port}, C{jets://host:port} (TLS), C{ws://host:port/path}, C{wss://host:port/path} or
        C{unix:/path}.
    @param ip: Where the daemon is, if there is no C{url}; with C{port}.
    @param endpoint: How to connect instead: a client endpoint or its description. With a C{ws://} or C{wss://} URL it
        carries WebSocket, else the trivial protocol.
    @param user: Who to log in as, with C{password}.
    @param headers: More headers of the WebSocket handshake.
    @param tlsOptions: For C{jets://} and C{wss://}: what C{optionsForClientTLS} of L{twisted.internet.ssl} gives, or a
        dict of C{trustRoot}, C{certificate}, C{key}, names of PEM files; refused with other URLs. By default the
        server's certificate has to be one that the system trusts. Its name is always checked.
    @param reconnect: Whether to come back after a lost connection, after waits that grow from half a second to half a
        minute.
    @param settle: B{Seconds} that removes are held back for after a reconnect: after the restart of a daemon the owners
        of its content come back one by one.
    @param discover: Instead of all that: the name that the daemon announces on the local network, C{twistd jet
        --announce NAME}. It is looked for before each connection, so the daemon may move. Whoever is on the network can
        announce that name, and is told the password.
    @param discovery: Another way to look for it than multicast DNS, for tests.
    @raise ValueError: Something is of no use; the message names it.
    @ivar daemonInfo: What the daemon said of itself; L{None} before.
    @ivar access: What it said of our user; L{None} if there is none.
    """

    events: ClassVar[frozenset[str]] = frozenset(("disconnect", "reconnect", "error"))

    _log = Logger()

    def __init__(
        self,
        url: str | None = None,
        *,
        ip: str = "localhost",
        port: int = TCP_PORT,
        endpoint: str | IStreamClientEndpoint | None = None,
        user: str | None = None,
        password: str | None = None,
        headers: Mapping[str, str] | None = None,
        tlsOptions: Any = None,
        reconnect: bool = True,
        settle: float = 2.0,
        discover: str | None = None,
        discovery: Discovery | None = None,
        reactor: IReactorTime | None = None,
    ) -> None:
        if url is not None and not isinstance(url, str):
            raise TypeError("Peer takes a URL and keywords: Peer(ip=..., port=...), not an options object")
        if password is not None and user is None:
            raise ValueError("a password needs a user")
        if settle:
            checkSeconds("settle", settle, LONGEST_SETTLE)
        if reactor is None:
            from twisted.internet import reactor as globalReactor

            reactor = cast(IReactorTime, globalReactor)
        if discover is not None and (url is not None or endpoint is not None or headers or tlsOptions is not None):
            raise ValueError(
                "discover finds out where the daemon is: it excludes url, endpoint, headers and tlsOptions"
            )
        place = Place(ip, port) if url is None else parseUrl(url)
        # For logs: there may be a secret in a query.
        where = url.partition("?")[0] if url else f"jet://{ip}:{port}" if endpoint is None else "endpoint"
        core = Peering(user=user, password=password, settle=settle, token=os.urandom(6).hex())
        if discover is None:
            dial = dialer(place, endpoint, headers, tlsOptions, reactor)
        else:
            where = f"discovered {discover}"
            dial = findingDialer(discover, discovery, reactor)
        super().__init__(core, dial, where, reconnect, random.random, reactor)
        self._answering = Answering(core.owning, self._driver.settle)
        self._waiting: dict[int, Deferred[Any]] = {}

    @overload  # type: ignore[override]  # narrower on purpose: only the names of our events
    def on(self, name: PeerEvent) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: PeerEvent, handler: _H) -> _H: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """Call C{handler} at each event; without one, a decorator."""
        return super().on(name, handler)

    # --- what the application asks for

    def set(self, path: str, value: Any, *, timeout: float | None = None, valueAsResult: bool = False) -> Deferred[Any]:
        """
        Ask the owner of a state to change it.

        @param timeout: B{Seconds} that the owner has for it; the owner or the daemon decides if it is not given,
            usually on 5. There is always an end to the waiting.
        @param valueAsResult: Whether the result is to be the new value, which may be another one than was asked for.
        @return: Fires with the owner's answer, as a rule C{True}. Fails with L{jetjstp.jet.NotFound},
            L{jetjstp.jet.FetchOnly}, L{jetjstp.jet.Unauthorized}, L{jetjstp.jet.InvalidArgument},
            L{jetjstp.jet.PeerTimeout}, L{jetjstp.jet.PeerError}, L{ConnectionClosed}. What happens after does not tell
            when other peers see the change.
        """
        extra = b',"valueAsResult":true' if valueAsResult else b""
        return self._ask("set", path, b',"value":' + encodeJson(value) + extra, timeout)

    def call(self, path: str, args: Any = (), *, timeout: float | None = None) -> Deferred[Any]:
        """
        Call a method.

        @param args: A list for positions, a dict for names; other owners may take anything.
        @param timeout: As with L{set}.
        @return: Fires with the result; fails as with L{set}.
        """
        return self._ask("call", path, b',"args":' + encodeJson(args, "args"), timeout)

    def _ask(self, method: str, path: str, members: bytes, timeout: float | None) -> Deferred[Any]:
        if not isinstance(path, str):
            raise TypeError(f"a path is a string, not {path!r}")
        if timeout is not None:
            checkSeconds("timeout", timeout, LONGEST_TIMEOUT)
            members += b',"timeout":' + encodeJson(timeout)
        params = b'{"path":%b%b}' % (quote(path), members)
        return self._request(method, lambda: params, timeout, valueOf)

    def get(self, expression: str | Mapping[str, Any] | Fetcher) -> Deferred[list[Any]]:
        """
        Get what is there now.

        @param expression: A path; or a rule, as a dict or a L{Fetcher}. C{{}} for everything.
        @return: Fires with a list of L{Notification}, whose event is C{add}; of a sorted rule, of L{Entry}. What is not
            there, or may not be seen, is missing from it.
        """
        if isinstance(expression, str):
            rule: dict[str, Any] = {"path": {"equals": expression}}
        else:
            rule = expression.rule if isinstance(expression, Fetcher) else deepcopy(dict(expression))
        encodeJson(rule, "expression")
        return self._request("get", lambda: self._getParams(rule), _NO_TIMEOUT, lambda text: self._got(rule, text))

    def _getParams(self, rule: dict[str, Any]) -> bytes:
        return encodeJson(remoteRule(rule, self._core.asking.kind))

    def _got(self, rule: dict[str, Any], text: bytes) -> list[Notification] | list[Entry]:
        kind = self._core.asking.kind
        isSorted = "sort" in rule and rule["sort"] not in (None, False)
        found: list[Told] | list[WindowEntry] = readList(text, isSorted and kind.filters)
        if not kind.filters:
            found = select(compileLocally(rule), cast("list[Told]", found))
        return [entryOf(one) if isinstance(one, WindowEntry) else notificationOf(one) for one in found]  # type: ignore[return-value]

    def _request(
        self, method: str, params: Callable[[], bytes], timeout: float | None, read: Callable[[bytes], Any]
    ) -> Deferred[Any]:
        if not self._mayAsk:
            return fail(
                ConnectionClosed("the peer is closed" if self._isClosed else "not connected: call connect first")
            )
        ticket, waiting = self._wait(self._core.cancel)
        self._core.ask(ticket, method, params, timeout, read, self._driver.now())
        self._driver.settle()
        return waiting

    @property
    def _mayAsk(self) -> bool:
        return not self._isClosed and (self._wasReady or bool(self._connects) or not self._connector.isIdle)

    def request(self, method: str, params: Any = None) -> Deferred[Any]:
        """
        Ask the daemon for a service by name, such as C{"echo"} or cjet's C{"passwd"}.

        @param params: As the protocol has them; C{{}} if not given.
        @return: Fires with the result.
        """
        encoded = encodeJson({} if params is None else params, "params")
        if not method.isascii() or not method.isalnum():
            raise ValueError(f"not the name of a service: {method!r}")
        return self._request(method, lambda: encoded, _NO_TIMEOUT, valueOf)

    def _wait(self, cancel: Callable[[int], object]) -> tuple[int, Deferred[Any]]:
        ticket = self._core.newTicket()

        def cancelled(_: Deferred[Any]) -> None:
            if self._waiting.pop(ticket, None) is not None:
                cancel(ticket)
                self._driver.settle()

        waiting = self._waiting[ticket] = Deferred(cancelled)
        return ticket, waiting

    # --- what the application declares

    def add(self, content: Content) -> Deferred[None]:
        """
        Add a state or a method. If there is no connection, as soon as there is one.

        @return: Fires when it is added. Fails with L{jetjstp.jet.Occupied} if the path is taken, or with
            L{ConnectionClosed}; then it is not added later either.
        """
        if not isinstance(content, Content):
            raise TypeError(f"{content!r} is neither a State nor a Method")
        if isinstance(content, Method) and content._handler is None:
            raise ValueError(f"{content!r} needs a call handler before it is added")
        if self._isClosed:
            return fail(ConnectionClosed("the peer is closed"))
        if content._owned is not None and content._owned.isWanted:
            return fail(Occupied("it is added already", path=content.path))
        ticket, waiting = self._wait(lambda ticket: self._core.owning.remove(owned, None))
        owned = Owned(content.path, content, content._text(), content._members(), content._isFetchOnly(), ticket)
        content._peer, content._owned = self, owned
        self._core.add(owned)
        self._driver.settle()
        return waiting

    def remove(self, content: Content) -> Deferred[None]:
        """
        Remove a state or a method. It can be added again.

        @return: Fires when it is removed. Fails with L{jetjstp.jet.NotFound} if it was not added.
        """
        owned = content._owned
        if owned is None or content._peer is not self:
            return fail(NotFound(f"{content!r} was never added to this peer", path=content.path))
        ticket, waiting = self._wait(lambda ticket: None)
        self._core.owning.remove(owned, ticket)
        self._driver.settle()
        return waiting

    def _change(self, owned: Owned, value: bytes, confirm: bool) -> Deferred[None] | None:
        """For states: there is a new value."""
        ticket, waiting = self._wait(lambda ticket: None) if confirm else (None, None)
        self._core.owning.change(owned, value, ticket)
        self._driver.settle()
        return waiting

    def fetch(self, fetcher: Fetcher) -> Deferred[None]:
        """
        Begin to follow what a fetcher asks for. If there is no connection, as soon as there is one.

        @return: Fires when the handler has been told of everything that is there; fails with what the daemon objects
            to, or L{ConnectionClosed}, and is not fetched later then either.
        """
        if self._isClosed:
            return fail(ConnectionClosed("the peer is closed"))
        if fetcher.isFetching:
            return fail(Occupied("it is being fetched already"))
        if fetcher._wasEndedEarly:
            return fail(ConnectionClosed("the fetch was ended before it began"))
        following = Following(fetcher.rule, self._core.settle, fetcher._told)
        number = fetcher._number if fetcher._peer is self else None
        fetcher._peer, fetcher._following = self, following
        ticket, waiting = self._wait(lambda ticket: self._unfetch(fetcher, None))
        fetcher._number = self._core.fetch(following, ticket, number, self._driver.now())
        self._driver.settle()
        return waiting

    def unfetch(self, fetcher: Fetcher) -> Deferred[None]:
        """
        End a fetch. Its handler is not called any more, from now on. It can be fetched again; not so one that is ended
        before it ever began, which stays so, as with node-jet.

        @return: Fires when the daemon knows; of one that is not fetched, at once.
        """
        if fetcher._following is None:
            fetcher._wasEndedEarly = True
        if not fetcher.isFetching or fetcher._peer is not self:
            return succeed(None)
        ticket, waiting = self._wait(lambda ticket: None)
        self._unfetch(fetcher, ticket)
        self._driver.settle()
        return waiting

    def _unfetch(self, fetcher: Fetcher, ticket: int | None) -> None:
        following = fetcher._following
        if following is not None and following.isActive:
            self._core.followings.unfetch(following, ticket)

    def asService(self, retryFirst: bool = True) -> IService:
        """
        A service that connects when it starts, keeps trying, and closes when it stops.

        @param retryFirst: As for L{connect}; without it, a first failure is logged and that is all.
        """
        return cast(IService, PeerService(partial(self.connect, retryFirst), self.close))

    # --- what the core wants

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Invoke():
                self._answering.invoke(effect)
            case Notify(following, output):
                if following.isActive:
                    following.listener(output)
            case Finish(ticket, result):
                waiting = self._waiting.pop(ticket, None)
                if waiting is not None:
                    waiting.callback(result)
            case Fail(ticket, error):
                waiting = self._waiting.pop(ticket, None)
                if waiting is not None:
                    waiting.errback(error)
            case Ready():
                self._ready(effect)
            case Refused(error):
                self._refuse(error)
            case HangUp(reason):
                self._hangUp(reason)
            case Trouble(what, error):
                self._log.warn("{peer}: {what}: {error}", peer=repr(self), what=what, error=str(error))
                self.emit("error", error)
            case _:
                assert_never(effect)
