"""
Our clients on a server of npm's package.

A live connection is not moved: there npm's server loses what it has restored
as soon as the old transport ends.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from jetjstp import jstp

from .jstprunning import JstpTestCase, later

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 0.5, -1.25e-7, 1e21, 2**53 - 1,
    "", "text", "it's \"quoted\" \\ here", "line\nbreak\r\t\0\u2028\u2029", "žluťoučký 馬 \U0001f40e",
    [], [1, [2, [3, []]]], [jstp.UNDEFINED, 1], {}, {"a": 1, "b c": {"d": [None]}, "$e_": "x", "é": 2},
    "x" * 300, ["y" * 100] * 200,
]  # fmt: skip

DESCRIPTIONS = [
    "null", "true", "false", "0", "1", "-1", "0.5", "-1.25e-7", "1e+21", "9007199254740991",
    "''", "'text'", "`it's \"quoted\" \\\\ here`", "'line\\nbreak\\r\\t\\x00\u2028\u2029'", "'žluťoučký 馬 \U0001f40e'",
    "[]", "[ 1, [ 2, [ 3, [] ] ] ]", "[ undefined, 1 ]", "{}",
    "{ a: 1, 'b c': { d: [ null ] }, '$e_': 'x', 'é': 2 }",
]  # fmt: skip


def _fail(connection: jstp.Connection) -> None:
    raise jstp.RemoteError(70, "not here", ["info"])


async def _later(connection: jstp.Connection, ms: float) -> str:
    await later(ms / 1000)
    return "later"


class NpmServerTestCase(JstpTestCase):
    """Our clients on one transport of npm's server."""

    transport: str
    timeout = 30.0

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.heard: list[Any] = []
        self.module, self.address, self.options = await self.startTheirs(self.transport)
        self.application = jstp.Application(
            "client",
            {"client": {"sum": lambda connection, a, b: a + b, "fail": _fail, "later": _later}},
            {"back": {"told": lambda connection, *args: self.heard.append(list(args))}},
        )

    async def open(self, app: Any = "app", **options: Any) -> jstp.Connection:
        """A new connection, which is closed when the test ends."""
        client = jstp.Client(application=self.application, **options)
        connection: jstp.Connection = await self.module.connect(app, client, *self.address, **self.options)
        self.addCleanup(connection.close)
        return connection

    async def failure(self, result: Deferred[Any]) -> list[Any]:
        """What a call fails with."""
        error: Any = await self.assertFailure(result, jstp.RemoteError)
        return [error.code, error.message, *([] if error.info is None else [list(error.info)])]


class Everywhere(NpmServerTestCase):
    """What is tested over each transport."""

    async def test_values(self) -> None:
        """Values of every kind arrive as they are, and come back."""
        connection = await self.open()
        descriptions = []
        for value in VALUES:
            self.assertEqual(await connection.callMethod("calc", "echo", [value]), [value])
            (description,) = await connection.callMethod("calc", "describe", [value])
            descriptions.append(description)
        self.assertEqual(descriptions[:-2], DESCRIPTIONS)
        large = "é" * 700_000
        self.assertEqual(await connection.callMethod("calc", "echo", [large]), [large])

    async def test_refused(self) -> None:
        """Logins and refusals."""

        def policy(login: str, password: str) -> dict[str, Any]:
            return {"connectPolicy": jstp.SimpleConnectPolicy(login, password)}

        connection = await self.open(**policy("user", "pass"))
        self.assertEqual(await connection.callMethod("calc", "who"), ["user", "1.0.0"])
        self.assertEqual(connection.username, "user")
        self.assertEqual(await (await self.open()).callMethod("calc", "who"), [None, "1.0.0"])
        for app, credentials, expected in (
            ("app", ("user", "nonsense"), [11, "Authentication failed"]),
            ("app", ("user", ""), [11, "Authentication failed"]),
            ("app", ("remote", "pass"), [99, "Come back later", [{"after": 5}]]),
            ("nope", ("user", "pass"), [10, "Application not found"]),
        ):
            opening = Deferred.fromCoroutine(self.open(app, **policy(*credentials)))
            self.assertEqual(await self.failure(opening), expected)

    async def test_resumed(self) -> None:
        """A connection that is dropped comes back with its session, and with it all that was said meanwhile."""
        connection = await self.open(
            reconnector=lambda connection, reconnect: later(0.01).addCallback(lambda _: reconnect())
        )
        ticks: list[Any] = []
        allTicks: Deferred[None] = Deferred()

        def ticked(interface: str, event: str, args: list[Any]) -> None:
            if event == "tick":
                ticks.extend(args)
                if len(ticks) == 3:
                    allTicks.callback(None)

        connection.on("event", ticked)
        await connection.callMethod("calc", "remember", ["a"])
        running = self.failure(connection.callMethod("calc", "later", [200]))
        calls: list[Deferred[Any]] = []

        def closed() -> None:
            calls.extend(connection.callMethod("calc", "echo", [i]) for i in range(3))
            connection.emitRemoteEvent("back", "note", ["while away", 1])

        connection.once("close", closed)
        restored: Deferred[Any] = Deferred()
        connection.once("reconnect", restored.callback)
        lost = self.failure(connection.callMethod("back", "drop"))
        self.assertIsNone(await restored)
        self.assertEqual(await gatherResults(calls), [[0], [1], [2]])
        await allTicks
        self.assertEqual(ticks, [1, 2, 3])
        self.assertEqual((await lost)[0], jstp.ERR_CALLBACK_LOST)
        self.assertEqual((await running)[0], jstp.ERR_CALLBACK_LOST)
        self.assertEqual(await connection.callMethod("calc", "recall"), ["a"])
        self.assertEqual(await connection.callMethod("back", "count"), [1])


class Thoroughly(Everywhere):
    """What is tested over the two transports that everybody uses."""

    async def test_results(self) -> None:
        """Results of any number, and errors of every kind."""
        connection = await self.open()
        for method, args, expected in (
            ("nothing", [], []),
            ("multi", [], [1, "two", [3]]),
            ("later", [5], [5]),
            ("echo", [None], [None]),
        ):
            self.assertEqual(await connection.callMethod("calc", method, args), expected)
        for interface, method, args, error in (
            ("calc", "plain", [], [51, "async", [{"a": 1}]]),
            ("calc", "text", [], [1, "only text"]),
            ("nope", "x", [], [12, "Interface not found"]),
            ("calc", "nope", [], [14, "Method not found"]),
            ("calc", "echo", [1, 2], [17, "Invalid signature"]),
        ):
            self.assertEqual(await self.failure(connection.callMethod(interface, method, args)), error)

    async def test_outOfOrder(self) -> None:
        """Answers belong to their calls, in whatever order they come."""
        connection = await self.open()
        order: list[Any] = []
        await gatherResults(
            [connection.callMethod("calc", "later", [ms]).addCallback(order.append) for ms in (40, 20, 1)]
        )
        self.assertEqual(order, [[1], [20], [40]])
        many = await gatherResults([connection.callMethod("calc", "echo", [i]) for i in range(300)])
        self.assertEqual(many, [[i] for i in range(300)])

    async def test_proxies(self) -> None:
        """Interfaces as objects, and events both ways."""
        client = jstp.Client(application=self.application)
        connection, proxies = await self.module.connectAndInspect("app", client, ["calc", "back"], *self.address)
        self.addCleanup(connection.close)
        self.assertEqual(proxies["back"].methods, {"callMe", "inspectMe", "pingMe", "tellMe", "count", "drop"})
        self.assertEqual(await proxies["calc"].add(1, 2), 3)
        self.assertEqual(await proxies["calc"].multi(), jstp.Results(1, "two", [3]))
        self.assertIsNone(await proxies["calc"].nothing())
        event: Deferred[Any] = Deferred()
        proxies["back"].on("echoed", lambda *args: event.callback(args))
        proxies["back"].emit("note", 1, {"two": [3]})
        self.assertEqual(await event, (1, {"two": [3]}))
        failing = self.module.connectAndInspect("app", client, ["calc", "nope"], *self.address)
        error: Any = await self.assertFailure(failing, jstp.InspectError)
        self.addCleanup(error.connection.close)
        self.assertEqual((error.code, list(error.errors)), (12, ["nope"]))
        self.assertEqual(await error.proxies["calc"].add(3, 4), 7)

    async def test_serverCalls(self) -> None:
        """The server calls, inspects, pings and tells its client."""
        connection = await self.open()
        self.assertEqual(await connection.callMethod("back", "callMe", ["sum", [3, 4]]), [7])
        self.assertEqual(await connection.callMethod("back", "callMe", ["later", [5]]), ["later"])
        failing = connection.callMethod("back", "callMe", ["fail", []])
        self.assertEqual(await self.failure(failing), [70, "not here", ["info"]])
        failing = connection.callMethod("back", "callMe", ["nothing", []])
        self.assertEqual(await self.failure(failing), [14, "Method not found"])
        self.assertEqual(await connection.callMethod("back", "inspectMe"), [["sum", "fail", "later"]])
        self.assertEqual(await connection.callMethod("back", "pingMe"), [])
        await connection.callMethod("back", "tellMe", [1, ["two"]])
        self.assertEqual(self.heard, [[1, ["two"]]])

    async def test_versions(self) -> None:
        """Ranges of versions, as npm takes them."""
        for app, expected in (
            ("vapp", "2.0.0"),
            ("vapp@1", "1.1.5"),
            (("vapp", "~1.1.0"), "1.1.5"),
            ({"name": "vapp", "version": "1.0.0"}, "1.0.0"),
            ("vapp@>=2 <3", "2.0.0"),
        ):
            connection = await self.open(app)
            self.assertEqual(await connection.callMethod("v", "version"), [expected])
        opening = Deferred.fromCoroutine(self.open("vapp@^9"))
        self.assertEqual(await self.failure(opening), [10, "Application not found"])

    async def test_heartbeat(self) -> None:
        """Both sides ask for signs of life, and get them."""
        counts = {"ping": 0, "pong": 0}
        enough: Deferred[None] = Deferred()

        def logger(name: str, connection: jstp.Connection, *args: Any) -> None:
            if name == "incomingMessage":
                kind = next(iter(args[0]))
                if kind in counts:
                    counts[kind] += 1
                    if min(counts.values()) > 2 and not enough.called:
                        enough.callback(None)

        connection = await self.open(heartbeatInterval=0.015, heartbeatTimeout=5, logger=logger)
        await enough
        self.assertLess(await connection.ping(), 5)


class TcpTests(Thoroughly):
    """Over TCP."""

    transport = "net"


class WebSocketTests(Thoroughly):
    """Over WebSocket."""

    transport = "ws"


class TlsTests(Everywhere):
    """Over TLS, with the server's name checked."""

    transport = "tls"


class SecureWebSocketTests(Everywhere):
    """Over WebSocket and TLS."""

    transport = "wss"


class UnixTests(Everywhere):
    """Over a UNIX socket."""

    transport = "unix"
    if sys.platform == "win32":
        skip = "there are no UNIX sockets"


# Trial would run what the others have in common.
del Everywhere, Thoroughly
