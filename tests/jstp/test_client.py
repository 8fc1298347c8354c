"""
Tests for L{jetjstp.jstp.client}, L{jetjstp.jstp.dialing} and the first
connection of L{jetjstp.jstp.clientside}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import (
    Application,
    Client,
    Connection,
    ConnectionNotOpen,
    NoHandshakeResponse,
    RemoteError,
    Session,
    SimpleConnectPolicy,
    net,
    ws,
)
from jetjstp.jstp.offering import App
from jetjstp.links.dialing import DialFailed
from jetjstp.links.websocketclient import WebSocketHandshakeError
from tests.jstp.playedserver import ADDRESS, SESSION, ClientTestCase, Played

ACCEPTED = f"{{handshake:[0],ok:'{SESSION}'}}"
REQUEST = '{handshake:[0,"app"]}'


class ArgumentTests(SynchronousTestCase):
    """What is wrong is said before anything is connected."""

    def test_client(self) -> None:
        """Each argument of a client is checked, and the error names it."""
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"application": {}}, "dict"),
            ({"application": "app"}, "application"),
            ({"connectPolicy": 5}, "connectPolicy"),
            ({"session": "id"}, "Session.fromString"),
            ({"logger": 5}, "logger"),
            ({"reconnector": 5}, "reconnector"),
        ]
        for arguments, word in wrong:
            error = self.assertRaises(TypeError, Client, **arguments)
            self.assertIn(word, str(error))
        for name in ("heartbeatInterval", "heartbeatTimeout"):
            for seconds in (0, -1, float("nan"), 1e9):
                self.assertIn(
                    name, str(self.assertRaises(ValueError, Client, **{"heartbeatInterval": 1, name: seconds}))
                )
        self.assertIn("heartbeatInterval", str(self.assertRaises(ValueError, Client, heartbeatTimeout=5)))

    def test_mistakes(self) -> None:
        """What people who know npm's package try first is refused with the way to say it."""
        application = Application("app", {})
        policy = SimpleConnectPolicy("user", "password")
        reactor = Clock()
        asked: tuple[Any, ...]
        for asked, word in (
            ((None, 3000), '"tcp:localhost:3000"'),
            ((None, 3000, "localhost"), "host comes first"),
            ((None, "localhost", 3000, print), "Deferred"),
            ((None, "tcp:localhost:3000", print), "Deferred"),
            ((None, ("localhost", 3000)), "two arguments"),
            ((None, {"host": "localhost", "port": 3000}), "two arguments"),
            ((None, "tcp://localhost:3000"), "without slashes"),
            ((None, "ws://localhost:3000"), "ws.connect"),
            ((None, None, "ws://localhost:3000"), "jstp.ws"),
            ((None, "/run/jstp.sock"), "unix:/run/jstp.sock"),
            ((None,), "None"),
            (({"login": "user"}, "h", 1), "connectPolicy="),
            ((policy, "h", 1), "connectPolicy="),
            ((application, "h", 1), "application="),
            (("localhost", "h", 1), "behind"),
        ):
            with self.assertRaises((TypeError, ValueError), msg=str(asked)) as raised:
                net.connect("app", *asked, reactor=reactor)
            self.assertIn(word, str(raised.exception))
        self.assertRaises(TypeError, net.connect, "app", None, "h", 1, limits={}, reactor=reactor)
        self.assertRaises(TypeError, net.connectAndInspect, "app", None, None, "h", 1, reactor=reactor)
        self.assertEqual(reactor.getDelayedCalls(), [])

    def test_callables(self) -> None:
        """Policies and reconnectors that take other arguments, or are classes, are refused."""
        options: Any
        for options, word in (
            ({"connectPolicy": SimpleConnectPolicy}, "instance"),
            ({"connectPolicy": lambda app, connection, session, callback: None}, "no callback"),
            ({"reconnector": lambda connection: None}, "reconnect"),
            ({"heartbeatInterval": 5000}, "did you mean 5.0?"),
        ):
            with self.assertRaises((TypeError, ValueError), msg=str(options)) as raised:
                Client(**options)
            self.assertIn(word, str(raised.exception))
        self.assertRaises(TypeError, SimpleConnectPolicy, 1, 2)

    def test_policy(self) -> None:
        """A policy does not show its password."""
        self.assertNotIn("secret", repr(SimpleConnectPolicy("user", "secret")))
        self.assertIn("anonymous", repr(SimpleConnectPolicy()))
        self.assertRaises(TypeError, SimpleConnectPolicy, None, "secret")

    def test_addresses(self) -> None:
        """Addresses, names and times that make no sense are refused."""
        wrong: list[tuple[type[Exception], Callable[[], Any]]] = [
            (ValueError, lambda: net.connect("app@!", None, "tcp:a:1")),
            (ValueError, lambda: net.connect("", None, "tcp:a:1")),
            (TypeError, lambda: net.connect("app", {}, "tcp:a:1")),  # type: ignore[arg-type]
            (TypeError, lambda: net.connect("app", None)),
            (ValueError, lambda: net.connect("app", None, "nonsense:a")),
            (ValueError, lambda: net.connect("app", None, "tcp:a:1", timeout=10000)),
            (ValueError, lambda: net.connect("app", None, "tcp:a:1", tlsOptions={})),
            (TypeError, lambda: net.connectAndInspect("app", None, "calc", "tcp:a:1")),
            (TypeError, lambda: net.connectAndInspect("app", None, [5], "tcp:a:1")),  # type: ignore[list-item]
            (TypeError, lambda: net.reconnect(None, "tcp:a:1")),  # type: ignore[arg-type]
            (ValueError, lambda: ws.connect("app", None, None, "http://a")),
            (ValueError, lambda: ws.connect("app", None, {"nonsense": 1}, "ws://a")),
        ]
        for kind, connect in wrong:
            self.assertRaises(kind, connect)


class FailureTests(ClientTestCase):
    """Attempts that come to nothing leave nothing behind."""

    def test_refused(self) -> None:
        """Nobody listens."""
        for connect in (self.connect, self.connectWeb):
            connecting = connect()
            self.refuse()
            self.failureResultOf(connecting, ConnectionRefusedError)

    def test_noRetry(self) -> None:
        """A first connection that fails is not tried again."""
        connecting = self.connect()
        self.refuse()
        self.failureResultOf(connecting)
        self.turn(60)
        self.assertEqual(self.attempts, 1)

    def test_errors(self) -> None:
        """What the server answers is the error, with all that comes along."""
        for answer, expected in (
            ("[10]", (10, "Application not found", None)),
            ("[11,'locked']", (11, "locked", None)),
            ("[99,'later',{a:1}]", (99, "later", ({"a": 1},))),
        ):
            connecting = self.connect()
            played = self.accept()
            played.say(f"{{handshake:[0],error:{answer}}}")
            error = self.failureResultOf(connecting, RemoteError).value
            self.assertEqual((error.code, error.message, error.info), expected)
            self.assertFalse(played.isOpen)

    def test_noAnswer(self) -> None:
        """Whatever is no answer to the handshake ends the attempt with error -2."""
        for answer in (
            "{handshake:[0]}",
            "{handshake:[0],ok:5}",
            "{handshake:[0],ok:''}",
            "{handshake:[0],error:5}",
            "{handshake:[0,'app']}",
            "{handshake:null}",
            "{handshake:['0'],ok:'x'}",
            "{callback:[1],ok:[]}",
            "oops",
            "",
        ):
            connecting = self.connect()
            played = self.accept()
            played.say(answer)
            error = self.failureResultOf(connecting, NoHandshakeResponse).value
            self.assertEqual(error.code, -2, answer)
            self.assertFalse(played.isOpen, answer)
        self.assertEqual(self.flushLoggedErrors(), [], "who waits is told, so nobody else is")

    def test_restoreAnswers(self) -> None:
        """Only a count of messages is an answer to who wants a session restored."""
        for ok in ("'id'", "-1", "1.5", "NaN", "true", "null", "1e300"):
            connecting = self.connect(client=Client(session=Session(SESSION)))
            played = self.accept()
            played.say(f"{{handshake:[0],ok:{ok}}}")
            self.failureResultOf(connecting, NoHandshakeResponse)

    def test_lost(self) -> None:
        """The server goes away instead of answering."""
        connecting = self.connect()
        self.accept().drop()
        self.failureResultOf(connecting, NoHandshakeResponse)

    def test_oldHeartbeat(self) -> None:
        """An empty message before the answer is ignored."""
        connecting = self.connect()
        self.accept().say("{}", ACCEPTED)
        self.connections.append(self.successResultOf(connecting))

    def test_timeouts(self) -> None:
        """The time is for all of it: until there is a stream, and until there is an answer."""
        waiting = self.connect(timeout=3)
        self.turn(3)
        self.failureResultOf(waiting, TimeoutError)
        waiting = self.connect(timeout=3)
        self.turn(2)
        played = self.accept()
        self.turn(0.9)
        self.assertNoResult(waiting)
        self.turn(0.1)
        self.assertIn(ADDRESS, str(self.failureResultOf(waiting, TimeoutError).value))
        self.assertFalse(played.isOpen)

    def test_webSocket(self) -> None:
        """A server that refuses the upgrade, or ends it, is an error with its status or reason."""
        connecting = self.connectWeb()
        played = self._accept(True)
        played.answer(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        self.turn(10)
        self.assertEqual(self.failureResultOf(connecting, WebSocketHandshakeError).value.status, 403)
        connecting = self.connectWeb()
        self._accept(True).drop()
        self.failureResultOf(connecting, DialFailed)

    def test_cancel(self) -> None:
        """Cancelling ends what is under way, at every step."""
        connecting = self.connect()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        connecting = self.connect()
        played = self.accept()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertFalse(played.isOpen)
        connecting = self.connectWeb()
        played = self._accept(True)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        connecting = self.connect(client=Client(connectPolicy=lambda app, connection, session: Deferred()))
        played = self.accept()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertFalse(played.isOpen)


class PolicyTests(ClientTestCase):
    """How a program may come in."""

    def comeIn(self, policy: Any) -> Played:
        """Connect with a policy that asks with a token."""
        connecting = self.connect(client=Client(connectPolicy=policy))
        played = self.accept()
        self.turn(1)
        self.assertEqual(played.take(), ['{handshake:[0,"app"],token:["secret"]}'])
        self.assertNoResult(connecting)
        played.say(ACCEPTED)
        connection = self.successResultOf(connecting)
        self.connections.append(connection)
        assert connection.session is not None
        self.assertEqual(connection.session.id, SESSION)
        return played

    def test_forms(self) -> None:
        """A policy is a function or an object, and may take its time."""

        def function(app: App, connection: Connection, session: Session | None) -> Deferred[Session]:
            self.assertEqual((app.name, app.version, session), ("app", None, None))
            return connection.handshake(app, "token", ["secret"])

        class Object:
            """A policy."""

            connect = staticmethod(function)

        async def coroutine(app: App, connection: Connection, session: Session | None) -> Session:
            await later()
            return await connection.handshake(app, "token", ["secret"])

        def deferred(app: App, connection: Connection, session: Session | None) -> Deferred[Session]:
            return later().addCallback(lambda _: connection.handshake(app, "token", ["secret"]))

        def later() -> Deferred[None]:
            fired: Deferred[None] = Deferred()
            self.reactor.callLater(0.5, fired.callback, None)
            return fired

        for policy in (function, Object(), coroutine, deferred):
            self.comeIn(policy)

    def failWith(self, policy: Callable[..., Any], kind: type[Exception]) -> None:
        """Connecting with a policy fails, and leaves nothing."""
        connecting = self.connect(client=Client(connectPolicy=policy))
        played = self.accept()
        self.failureResultOf(connecting, kind)
        self.assertFalse(played.isOpen)

    def test_broken(self) -> None:
        """What a policy raises is what connecting fails with; one that gives no session is told so."""

        def raising(app: App, connection: Connection, session: Session | None) -> Session:
            raise KeyError("no token")

        async def failing(app: App, connection: Connection, session: Session | None) -> Session:
            raise KeyError("no token")

        async def asking(app: App, connection: Connection, session: Session | None) -> Session:
            return await connection.handshake(app, "5")

        self.failWith(raising, KeyError)
        self.failWith(failing, KeyError)
        self.failWith(lambda *args: None, TypeError)
        self.failWith(asking, ValueError)

    def test_lostMeanwhile(self) -> None:
        """If the connection is lost while a policy thinks, the attempt is over at once, and so is the policy."""
        ended: list[BaseException] = []

        async def policy(app: App, connection: Connection, session: Session | None) -> Session:
            try:
                return await Deferred()
            except BaseException as error:
                ended.append(error)
                raise

        connecting = self.connect(client=Client(connectPolicy=policy))
        self.accept().drop()
        self.failureResultOf(connecting, NoHandshakeResponse)
        self.assertIsInstance(ended[0], CancelledError)

    def test_lostBehindHandshake(self) -> None:
        """A policy may use the connection; if that is lost then, connecting has failed."""

        async def policy(app: App, connection: Connection, session: Session | None) -> Session:
            made = await connection.handshake(app)
            await connection.callMethod("a", "confirm")
            return made

        client = Client(connectPolicy=policy)
        connecting = self.connect(client=client)
        played = self.accept()
        played.say(ACCEPTED)
        self.assertNoResult(connecting)
        played.drop()
        self.failureResultOf(connecting, NoHandshakeResponse)
        self.turn(60)
        self.assertEqual(self.attempts, 1)
        connecting = self.connect(client=client)
        played = self.accept()
        played.say(ACCEPTED, "{callback:[1],ok:[]}")
        self.connections.append(self.successResultOf(connecting))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_once(self) -> None:
        """There is one handshake for each transport, and only a client's connection has one."""
        connection, _ = self.established()
        self.assertRaises(ConnectionNotOpen, connection.handshake, App("app"))

    def test_close(self) -> None:
        """A policy may close the connection."""

        def policy(app: App, connection: Connection, session: Session | None) -> Deferred[Any]:
            connection.close()
            return connection.handshake(app)

        connecting = self.connect(client=Client(connectPolicy=policy))
        played = self.accept()
        self.turn()
        self.failureResultOf(connecting, NoHandshakeResponse)
        self.assertFalse(played.isOpen)


class LoggerTests(ClientTestCase):
    """What a client's logger is told."""

    def converse(self, logger: Any) -> Connection:
        """A login, a call each way, an event, a heartbeat."""
        application = Application("jstp", {"c": {"m": lambda connection: 1}})
        client = Client(application, SimpleConnectPolicy("user", "hunter2"), logger=logger)
        connection, played = self.established(client)
        connection.callMethod("a", "b", [1])
        played.say("{callback:[1],ok:[2]}", "{call:[-1,'c'],m:[]}", "{event:[-2,'c'],e:[5]}", "{}", "{nonsense:[1]}")
        return connection

    def test_everything(self) -> None:
        """A function is told of all that goes over the connections, without passwords and session ids."""
        told: list[tuple[Any, ...]] = []
        connection = self.converse(lambda name, *args: told.append((name, *args)))
        self.assertEqual({each[1] for each in told}, {connection})
        names = [each[0] for each in told if not each[0].endswith("Message")]
        self.assertEqual(names, ["handshake", "callback", "call", "event", "heartbeat", "messageRejected"])
        self.assertEqual(next(each[2:] for each in told if each[0] == "callback"), (None, [2]))
        self.assertEqual(next(each[2:] for each in told if each[0] == "event"), ("c", "e", [5]))
        self.assertEqual(
            [dict(each[2]) for each in told if each[0] == "outgoingMessage"][1:],
            [{"call": [1, "a"], "b": [1]}, {"callback": [-1], "ok": [1]}],
        )
        self.assertEqual(len([each for each in told if each[0] == "incomingMessage"]), 6)
        for secret in ("hunter2", SESSION):
            self.assertNotIn(secret, repr(told))
            self.assertNotIn(secret, repr(self.logged))

    def test_restore(self) -> None:
        """The id of a session that is restored is not told, either."""
        told: list[Any] = []
        connection, played = self.established(Client(logger=lambda *args: told.append(args)))
        played.drop()
        self.turn(1.5)
        self.accept().say("{handshake:[0],ok:0}")
        self.assertIn(("handshake", connection, None, 0), told)
        self.assertNotIn(SESSION, repr(told))

    def test_strategy(self) -> None:
        """Credentials are masked whatever the name of their strategy."""
        for strategy in ("error", "ok", "token"):
            told: list[Any] = []

            def policy(app: App, connection: Connection, session: Any, strategy: str = strategy) -> Deferred[Session]:
                return connection.handshake(app, strategy, ["hunter2"])

            connecting = self.connect(
                client=Client(connectPolicy=policy, logger=lambda *args, told=told: told.append(args))
            )
            played = self.accept()
            self.assertIn("hunter2", played.take()[0])
            self.assertEqual([name for name, *_ in told], ["outgoingMessage"])
            self.assertNotIn("hunter2", repr(told))
            played.drop()
            self.failureResultOf(connecting)

    def test_emit(self) -> None:
        """An object is told through its method emit; one that fails is logged, and does no harm."""

        class Broken:
            """A logger."""

            def emit(self, name: str, connection: Connection, *args: Any) -> None:
                """Fail."""
                raise KeyError(name)

        self.converse(Broken())
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 15)
