"""
A Jet bus for clients of JSTP: the application C{jet} (protocol page "Jet over
JSTP").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from jetjstp.bounds import checkNumber, checkSeconds
from jetjstp.gateway.dialect import JSTP
from jetjstp.gateway.errors import refusal, trouble
from jetjstp.gateway.guest import Guest, fetchParams
from jetjstp.gateway.jsontomdsf import mdsfOf, whyNot
from jetjstp.gateway.link import INTERFACE
from jetjstp.interfaces import IAuthPolicy, Identity, UnknownUser
from jetjstp.jet.backlog import Pool
from jetjstp.jet.daemon import Daemon
from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jet.protocol import JetReceiver
from jetjstp.jstp.applications import Application
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.errors import RemoteError
from jetjstp.jstp.mdsf import UNDEFINED
from jetjstp.jstp.results import EncodedResults
from jetjstp.jstp.server import Server

__all__ = ["BusApplication"]

MEBIBYTE = 1024 * 1024

LONGEST_GRACE = 86400.0

MOST = 2**53

_OPTIONS = {"set": frozenset(("timeout", "valueAsResult")), "call": frozenset(("timeout",))}


class BusApplication:
    """
    Offers the bus of a daemon to clients of JSTP.

        bus = BusApplication(daemon)
        server = jstp.net.createServer([bus.application])
        bus.serve(server)

    Each session is a peer of the daemon. Its subscriptions survive a lost connection: when the client is back, it gets
    what it has missed.

    @ivar application: For the servers: C{jet}, with an interface C{jet}.
    """

    def __init__(
        self,
        daemon: Daemon,
        policy: IAuthPolicy | None = None,
        *,
        grace: float = 15.0,
        awayBytes: int = 256 * MEBIBYTE,
        expressionBytes: int = 256 * 1024,
        version: str = "1.0.0",
        reactor: IReactorTime | None = None,
    ) -> None:
        """
        @param policy: Knows what rights the users have who have logged in at a server; it has C{identify(user)}.
            Without one, all are as peers that have not logged in.
        @param grace: Seconds for which the elements of a session stay after its connection is lost.
        @param awayBytes: What may wait for all sessions together whose connections are lost. More than that ends the
            subscriptions for which most is waiting; they begin anew when their client is back.
        @param expressionBytes: The length of all fetch expressions of one session. They are stored with it.
        @param version: Of the application.
        @param reactor: The one that is running, by default.
        @raise TypeError: The policy cannot say who a user is.
        @raise ValueError: A number is out of range.
        """
        if policy is not None and not callable(getattr(policy, "identify", None)):
            raise TypeError(f"the policy has no method identify(user): {type(policy).__name__}")
        checkSeconds("grace", grace, LONGEST_GRACE)
        checkNumber("awayBytes", awayBytes, 1, MOST)
        checkNumber("expressionBytes", expressionBytes, 1, MOST)
        if reactor is None:
            from twisted.internet import reactor as globalReactor

            reactor = cast(IReactorTime, globalReactor)
        self.clock = reactor
        self.grace = grace
        self.pool = Pool(awayBytes)
        self._daemon = daemon
        self._policy: Any = policy
        self._expressionBytes = expressionBytes
        self._guests: dict[Connection, Guest] = {}
        self._sessions: dict[str, Guest] = {}
        # Counts how often the users may have changed: what was asked before the last time counts no more.
        self._rechecks = 0
        self._serving: list[tuple[Server, Callable[[Connection], None]]] = []
        methods: dict[str, Callable[..., Any]] = {
            "info": self._info,
            "get": self._get,
            "set": self._set,
            "invoke": self._invoke,
            "add": self._add,
            "remove": self._remove,
            "change": self._change,
            "fetch": self._fetch,
            "unfetch": self._unfetch,
        }
        self.application = Application("jet", {INTERFACE: methods}, version=version)
        daemon.on("listening", self._reopen)

    # Servers

    def serve(self, server: Server) -> None:
        """
        Be told of the sessions of a server that has L{application}. Every such server has to be given, before it
        listens.
        """

        def welcome(connection: Connection) -> None:
            if connection.application is self.application:
                self._welcome(connection, server)

        server.on("connect", welcome)
        server.on("reconnect", welcome)
        self._serving.append((server, welcome))
        for connection in server.getClients():
            welcome(connection)

    def _welcome(self, connection: Connection, server: Server) -> None:
        guest, session = self._guests.get(connection), connection.session
        if guest is not None:
            guest.returned()
        elif session is not None:
            guest = Guest(self, connection, partial(server.endSession, connection))
            elsewhere = self._sessions.get(session.id)
            if elsewhere is not None:  # at another of our servers, with the same storage
                guest.follow(elsewhere)
            self._guests[connection] = self._sessions[session.id] = guest
            guest.begin()

    def recheck(self) -> int:
        """
        End the sessions of users whose rights are others now than when they were asked for, or who are gone: the
        clients have to log in anew. To be called when the policy knows other users.

        @return: How many were ended, as far as the policy has answered at once.
        """
        ended = 0
        self._rechecks += 1
        count = self._rechecks

        def end(guest: Guest, reason: str) -> None:
            nonlocal ended
            ended += 1
            guest.expel(reason)

        def identified(identity: Identity | None, guest: Guest) -> None:
            if guest.isAttached and identity != guest.identity and count == self._rechecks:
                end(guest, "the rights of its user are others now")

        def unidentified(failure: Failure, guest: Guest) -> None:
            failure.trap(UnknownUser)
            if guest.connection in self._guests and count == self._rechecks:
                end(guest, "there is no such user any more")

        for guest in list(self._guests.values()):
            guest.outdate()
            if guest.connection.username is not None:
                asking = self.identify(guest.connection.username)
                asking.addCallbacks(identified, unidentified, callbackArgs=(guest,), errbackArgs=(guest,))
                asking.addErrback(guest.unchecked)
        return ended

    def close(self) -> Deferred[None]:
        """
        Leave the bus, with all sessions; the servers are others' business. To be called before the daemon is closed.

        @return: Fires when that is done.
        """
        serving, self._serving = self._serving, []
        for server, welcome in serving:
            server.off("connect", welcome)
            server.off("reconnect", welcome)
        self._daemon.off("listening", self._reopen)
        for guest in list(self._guests.values()):
            guest.end()
        return succeed(None)

    def _reopen(self) -> None:
        """A daemon that was closed may listen anew."""
        for guest in list(self._guests.values()):
            guest.reopen()

    # What sessions have in common, see L{jetjstp.gateway.guest.Host}

    def receiver(self, identity: Identity | None) -> JetReceiver:
        """A new client of the core."""
        return self._daemon.receiver(dialect=JSTP, identity=identity)

    def identify(self, user: str) -> Deferred[Identity | None]:
        """Who a user is."""
        if self._policy is None:
            return succeed(None)
        asking: Deferred[Identity | None] = maybeDeferred(self._policy.identify, user)
        return asking

    def left(self, guest: Guest) -> None:
        """A session is over."""
        self._guests.pop(guest.connection, None)
        if self._sessions.get(guest.sessionId) is guest:
            del self._sessions[guest.sessionId]

    # What clients call

    def _guest(self, connection: Connection) -> Guest:
        guest = self._guests.get(connection)
        if guest is None:
            raise trouble("this server does not serve the bus")
        return guest

    def _ask(self, connection: Connection, method: str, params: bytes, settled: Any = None) -> Deferred[Any]:
        return self._guest(connection).ask(method, params, settled).addCallback(_encoded)

    def _info(self, connection: Connection) -> Deferred[Any]:
        return self._ask(connection, "info", b"{}")

    def _get(self, connection: Connection, expression: Any = None) -> Deferred[Any]:
        return self._ask(connection, "get", _json("expression", _expression(expression)))

    def _set(self, connection: Connection, path: Any, value: Any, options: Any = None) -> Deferred[Any]:
        return self._ask(connection, "set", _params({"path": path, "value": value}, "set", options))

    def _invoke(self, connection: Connection, path: Any, args: Any = None, options: Any = None) -> Deferred[Any]:
        args = [] if args is None or args is UNDEFINED else args
        return self._ask(connection, "call", _params({"path": path, "args": args}, "call", options))

    def _add(self, connection: Connection, content: Any) -> Deferred[Any]:
        guest = self._guest(connection)

        def settled(result: bytes | None, error: RemoteError | None) -> None:
            if error is None:
                guest.memory.own(True)

        return self._ask(connection, "add", _json("content", content), settled)

    def _remove(self, connection: Connection, path: Any) -> Deferred[Any]:
        guest = self._guest(connection)

        def settled(result: bytes | None, error: RemoteError | None) -> None:
            if error is None and not guest.ownsSomething:
                guest.memory.own(False)

        return self._ask(connection, "remove", _members({"path": path}), settled)

    def _change(self, connection: Connection, path: Any, value: Any) -> Deferred[Any]:
        return self._ask(connection, "change", _members({"path": path, "value": value}))

    def _fetch(self, connection: Connection, id: Any = None, expression: Any = None) -> Deferred[Any]:
        guest = self._guest(connection)
        expression = _expression(expression)
        _json("expression", expression)
        text = _idOf(guest, id)
        if guest.memory.sizeWith(text, expression) > self._expressionBytes:
            raise refusal({"limitExceeded": "expressionBytes", "limit": self._expressionBytes})
        given = text
        size = guest.memory.reserve(text, expression)

        def settled(result: bytes | None, error: RemoteError | None) -> None:
            nonlocal given
            guest.memory.release(size)
            if result is not None:
                if result != b"true":  # in simple mode it has an id of its own
                    given = result.decode()
                guest.memory.remember(given, expression)

        asking = guest.ask("fetch", fetchParams(text, expression), settled)
        return asking.addCallback(lambda _: _encoded(given.encode()))

    def _unfetch(self, connection: Connection, id: Any) -> Deferred[Any]:
        guest = self._guest(connection)
        text = _idText(id)

        def settled(result: bytes | None, error: RemoteError | None) -> None:
            if error is None:
                guest.memory.forget(text)
                if not guest.fetchesSomething:  # in simple mode there is one, however it is called here
                    guest.memory.forgetAll()

        return self._ask(connection, "unfetch", b'{"id":%b}' % text.encode(), settled)


def _encoded(result: bytes) -> EncodedResults:
    """A result as it is sent, without having been read."""
    text = mdsfOf(result)
    if text is None:
        raise trouble(f"the result cannot be passed on: {whyNot(result)}")
    return EncodedResults(b"[%b]" % text)


def _json(name: str, value: Any) -> bytes:
    """
    What a client gave, as JSON.

    @raise RemoteError: It is none.
    """
    if value is UNDEFINED:
        raise refusal({"missingParam": name})
    try:
        return encodeJson(value, name)
    except (TypeError, ValueError) as error:
        reason = str(error).replace("a Undefined, which is not JSON: undefined", "undefined, which is not JSON")
        raise refusal({"wrongType": name, "reason": reason}) from None


def _members(members: Mapping[str, Any]) -> bytes:
    pieces = [b'"%b":%b' % (name.encode(), _json(name, value)) for name, value in members.items()]
    return b"{" + b",".join(pieces) + b"}"


def _params(members: dict[str, Any], method: str, options: Any) -> bytes:
    """The params of a set or call with its options."""
    if options is not None and options is not UNDEFINED:
        known = _OPTIONS[method]
        if not isinstance(options, dict) or options.keys() - known:
            raise refusal({"wrongType": "options", "reason": f"an object with {', '.join(sorted(known))}"})
        members.update(options)
    return _members(members)


def _expression(expression: Any) -> dict[str, Any]:
    if expression is None or expression is UNDEFINED:
        return {}
    if not isinstance(expression, dict):
        raise refusal({"wrongType": "expression", "reason": "an object, or nothing for everything"})
    return expression


def _idText(id: Any) -> str:
    if isinstance(id, float) and id.is_integer():
        id = int(id)  # the same for the core, and for who looks for it
    return _json("id", id).decode()


def _idOf(guest: Guest, id: Any) -> str:
    """The id of a fetch as JSON: the one that was given, or a new one."""
    if id is not None and id is not UNDEFINED:
        return _idText(id)
    guest.lastFetch += 1
    while guest.memory.has(f'"fetch-{guest.lastFetch}"'):
        guest.lastFetch += 1
    return f'"fetch-{guest.lastFetch}"'
