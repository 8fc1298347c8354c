"""
The server of the recordings, on a clock and on transports in memory.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import UNDEFINED, Application, Connection, RemoteError, Results, Server, Session, net, ws
from tests.jstp.clientends import StreamClient, WebSocketClient

__all__ = ["MemoryServer", "SeedStorage", "ServerTestCase", "applications", "makeServer", "policy", "versions"]


def versions(*numbers: str) -> list[Application]:
    """Several versions of an application that tells its version."""
    return [
        Application("vapp", {"v": {"version": lambda connection, number=number: number}}, version=number)
        for number in numbers
    ]


class Calc:
    """The interface C{calc}."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def divide(self, connection: Connection, a: Any, b: Any) -> Any:
        """As in JavaScript."""
        if not b:
            raise RemoteError(1, "Error: Zero division")
        try:
            result = a / b
        except TypeError:
            return float("nan")
        return int(result) if result.is_integer() else result

    def slow(self, connection: Connection, ms: int) -> Deferred[int]:
        """The argument, later."""
        return deferLater(self._clock, ms / 1000, lambda: ms)

    def never(self, connection: Connection) -> Deferred[None]:
        """No answer."""
        return Deferred()

    def who(self, connection: Connection) -> Results:
        """Who asks, and whom."""
        return Results(connection.username, connection.application.name, connection.application.version)

    def throws(self, connection: Connection) -> None:
        """A mistake in the application."""
        raise ValueError("boom")

    def api(self) -> dict[str, Any]:
        """All methods by name."""
        return {
            "answer": lambda connection: 42,
            "divide": self.divide,
            "doNothing": lambda connection: None,
            "echo": lambda connection, x: Results(None) if x is None else x,
            "multi": lambda connection: Results(1, "two", [3]),
            "undef": lambda connection: UNDEFINED,
            "slow": self.slow,
            "never": self.never,
            "who": self.who,
            "throws": self.throws,
            "twice": lambda connection: 1,
        }


def _raising(code: int, message: str | None = None, info: list[Any] | None = None) -> Any:
    def method(connection: Connection) -> None:
        raise RemoteError(code, message, info)

    return method


ERRORS = {
    "code": _raising(77),
    "string": _raising(1, "text"),
    "array": _raising(5, "five", [{"x": 1}]),
    "plain": _raising(1, "TypeError: bad type"),
    "custom": _raising(50, "custom message"),
    "codeOnly": _raising(50),
    "info": _raising(50, "with info", [{"a": 1}, 2]),
    "standard": _raising(11, "Account locked"),
    "standardInfo": _raising(17, "Bad field", ["name"]),
    "object": _raising(1, "stringified"),
    "toJSTP": _raising(60, "own form"),
    "falsy": lambda connection: "ok",
}
"""The interface C{errs}; the kinds of values that are errors in JavaScript are of one kind here."""


async def _add(connection: Connection, a: int, b: int) -> int:
    return a + b


async def _nothing(connection: Connection) -> None:
    pass


async def _remote(connection: Connection) -> None:
    raise RemoteError(51, "async remote")


async def _number(connection: Connection) -> None:
    raise RemoteError(52)


async def _plain(connection: Connection) -> None:
    raise ValueError("async boom")


def _emit(connection: Connection) -> None:
    connection.emitRemoteEvent("back", "tick", [1, {"a": 2}])


def _inspect(connection: Connection) -> Deferred[Any]:
    return connection.inspectInterface("client")


def _ping(connection: Connection) -> Deferred[str]:
    return connection.ping().addCallback(lambda _: "ponged")


def _session(connection: Connection) -> Session:
    assert connection.session is not None
    return connection.session


def _store(connection: Connection, key: str, value: Any) -> None:
    _session(connection)[key] = value


def _load(connection: Connection, key: str) -> Any:
    return _session(connection).get(key)


def _note(connection: Connection, *args: Any) -> None:
    connection.emitRemoteEvent("calc", "noted", args)


def _bad(connection: Connection) -> None:
    raise ValueError("handler boom")


def applications(clock: Clock, storage: Any = None) -> list[Application]:
    """
    All that the server serves.

    @param storage: The session storage of the application C{app}.
    """
    calc = Calc(clock)
    return [
        Application(
            "app",
            {
                "calc": calc.api(),
                "errs": ERRORS,
                "aio": {"add": _add, "nothing": _nothing, "remote": _remote, "number": _number, "plain": _plain},
                "back": {"emit": _emit, "inspect": _inspect, "ping": _ping, "store": _store, "load": _load},
            },
            {"calc": {"note": _note, "bad": _bad}},
            sessionStorageProvider=storage,
        ),
        Application("other", {"calc": {"who": calc.who}}),
        *versions("1.0.0", "1.1.0", "1.1.5", "2.0.0", "3.0.0-beta.1"),
    ]


def policy(clock: Clock) -> Any:
    """Who is let in."""

    def authenticate(connection: Connection, application: Application, strategy: str, credentials: Any) -> Any:
        match strategy, credentials:
            case "login", ["user", "pass"]:
                return "user"
            case "login", ["slow", _]:
                return deferLater(clock, 0.15, lambda: "slow")
            case "login", ["remote", _]:
                raise RemoteError(99, "Come back later", [{"after": 5}])
            case "login", ["locked", _]:
                raise RemoteError(11, "Account locked")
            case "token", ["secret"]:
                return "tokenUser"
        return None

    return authenticate


class SeedStorage:
    """
    A session storage that holds texts.

    @ivar texts: The sessions by id.
    """

    def __init__(self, clock: Clock, seed: dict[str, str] | None = None, isAsync: bool = False) -> None:
        self.texts = dict(seed or {})
        self._clock = clock
        self._isAsync = isAsync

    def get(self, id: str) -> Any:
        """See L{jetjstp.interfaces.ISessionStorage}."""
        text = self.texts.get(id)
        session = None if text is None else Session.fromString(text)
        return deferLater(self._clock, 0.02, lambda: session) if self._isAsync else session

    def set(self, id: str, session: Session) -> None:
        """See L{jetjstp.interfaces.ISessionStorage}."""
        self.texts[id] = session.toString()


def makeServer(clock: Clock, isWebSocket: bool = False, **options: Any) -> Server:
    """The server of the recordings; other options go to C{createServer}."""
    options.setdefault("applications", applications(clock))
    options.setdefault("authPolicy", policy(clock))
    return ws.createServer(options, reactor=clock) if isWebSocket else net.createServer(options, reactor=clock)


class MemoryServer:
    """
    A server, its clients, and what happened to it.

    @ivar events: What the server has told, as names, or as lists of a name and a list of its arguments.
    @ivar last: The connection that was connected or restored last.
    """

    last: Connection

    def __init__(self, clock: Clock, isWebSocket: bool = False, **options: Any) -> None:
        self.clock = clock
        self.server = makeServer(clock, isWebSocket, **options)
        self.events: list[Any] = []
        self._ports = 10_000
        server = self.server
        for name in ("connect", "reconnect"):
            server.on(name, self._remember(name))
        for name in ("disconnect", "handshakeTimeout", "restoreSession"):
            server.on(name, lambda *args, name=name: self.events.append(name))  # type: ignore[call-overload]
        server.on("handshakeRequest", lambda connection, *args: self.events.append(["handshakeRequest", list(args)]))
        server.on("connectionError", lambda error, connection: self.events.append("connectionError"))
        server.on("log", self._log)

    def _remember(self, name: str) -> Any:
        def remember(connection: Connection) -> None:
            self.last = connection
            self.events.append(name)

        return remember

    def _log(self, connection: Connection, name: str, *args: Any) -> None:
        if name == "messageRejected":
            self.events.append([name, args[0]])

    @property
    def factory(self) -> IProtocolFactory:
        """What takes connections."""
        return self.server.factory

    def connect(self, host: str = "192.0.2.2") -> StreamClient:
        """A new client over a stream."""
        self._ports += 1
        return StreamClient(self.factory, host, self._ports)

    def upgrade(self, head: bytes | None = None) -> WebSocketClient:
        """A new client over a WebSocket."""
        return WebSocketClient(self.factory, self.clock, head)

    def advance(self, seconds: float, step: float = 0.01) -> None:
        """Let time pass, in small steps."""
        self.clock.pump([step] * round(seconds / step))

    def close(self) -> Deferred[Any]:
        """End it all, with time for connections that nobody answers on."""
        closing = self.server.close()
        self.clock.pump([1.0] * 10)
        return closing


class ServerTestCase(SynchronousTestCase):
    """A server and its clients."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryServer(self.clock)

    def restart(self, **options: Any) -> None:
        """Begin with other options."""
        self.memory = MemoryServer(self.clock, **options)

    @property
    def server(self) -> Server:
        """The server."""
        return self.memory.server

    def tearDown(self) -> None:
        self.successResultOf(self.memory.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def connect(self) -> tuple[StreamClient, str, Connection]:
        """A client that is in, its session, and our connection to it."""
        client = self.memory.connect()
        id = client.open()
        return client, id, self.memory.last
