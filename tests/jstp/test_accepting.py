"""
Tests for L{jetjstp.jstp.accepting}: who is let in, and with which session.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogEvent, capturedLogs, formatEvent

from jetjstp.jstp import RemoteError, net
from jetjstp.jstp.messages import SECRET
from tests.jstp.clientends import StreamClient
from tests.jstp.servers import ServerTestCase

NO = "{handshake:[0],error:[11]}"
LOGIN = "{handshake:[0,'app'],login:['user','pa55word']}"


class AcceptingTestCase(ServerTestCase):
    """A server with a policy."""

    def login(self, policy: Any, text: str = LOGIN) -> StreamClient:
        """Come in."""
        self.restart(authPolicy=policy)
        client = self.memory.connect()
        client.say(text)
        return client


class PolicyTests(AcceptingTestCase):
    """What a policy may be, and may answer."""

    def test_asked(self) -> None:
        """It gets the connection, the application, the strategy and the credentials."""
        asked: list[Any] = []

        def policy(*args: Any) -> str:
            asked.extend(args)
            return "somebody"

        client = self.login(policy, "{handshake:[0,'vapp','1.1.0'],sesame:{open:1}}")
        self.assertTrue(client.rest()[0].startswith("{handshake:[0],ok:"))
        self.assertIs(asked[0], self.memory.last)
        self.assertEqual((asked[1].name, asked[1].version), ("vapp", "1.1.0"))
        self.assertEqual(asked[2:], ["sesame", {"open": 1}])
        self.assertEqual(self.memory.last.username, "somebody")

    def test_forms(self) -> None:
        """A function or an object with C{authenticate}; the answer at once, later, or from a coroutine."""

        async def coroutine(*args: Any) -> str:
            return "user"

        class Policy:
            def authenticate(self, *args: Any) -> str:
                return "user"

        class LaterPolicy:
            async def authenticate(self, *args: Any) -> str:
                return "user"

        for policy in (lambda *args: "user", lambda *args: succeed("user"), coroutine, Policy(), LaterPolicy()):
            client = self.login(policy)
            self.assertEqual(len(client.rest()), 1)
            self.assertEqual(self.memory.last.username, "user")
            self.assertTrue(client.connected)

    def test_refusals(self) -> None:
        """No name is a refusal; a L{RemoteError} is the answer, also as the outcome of a Deferred."""
        locked = RemoteError(11, "Locked", [5])
        for policy, answer in (
            (lambda *args: None, NO),
            (lambda *args: "", NO),
            (lambda *args: fail(locked), "{handshake:[0],error:[11,'Locked',5]}"),
            (lambda *args: fail(RemoteError(40)), "{handshake:[0],error:[40]}"),
        ):
            client = self.login(policy)
            self.assertEqual([text.replace('"', "'") for text in client.rest()], [answer])
            self.assertFalse(client.connected)
            self.assertNotIn("connect", self.memory.events)

    def test_failures(self) -> None:
        """Whatever else it raises is logged, and a refusal that says nothing about it."""

        async def coroutine(*args: Any) -> str:
            raise ValueError("secret")

        def policy(*args: Any) -> str:
            raise ValueError("secret")

        for each in (policy, coroutine, lambda *args: fail(ValueError("secret"))):
            client = self.login(each)
            self.assertEqual(client.rest(), [NO])
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_strangeNames(self) -> None:
        """A name that is no text is a refusal, and a mistake that is logged."""
        for name in (5, True, b"user", ["user"], {"name": "user"}):
            with capturedLogs() as events:
                client = self.login(lambda *args, name=name: name)
            self.assertEqual(client.rest(), [NO])
            self.assertIn(type(name).__name__, formatEvent(events[0]) or "")

    def test_unfitPolicies(self) -> None:
        """What is no policy is refused when the server is made, without being quoted: it may hold passwords."""

        class Policy:
            """One of npm's, which answers by a callback."""

            def authenticate(self, connection: Any, application: Any, strategy: Any, given: Any, callback: Any) -> None:
                """Nothing."""

        for policy in ({"user": "pa55word"}, "pa55word", 5, Policy, Policy(), lambda: "user"):
            error = self.assertRaises(TypeError, net.createServer, [], authPolicy=policy, reactor=self.clock)
            self.assertNotIn("pa55word", str(error))
            self.assertIn("authPolicy", str(error))

    def test_none(self) -> None:
        """Without a policy only C{anonymous} and C{session} are possible."""
        self.restart(authPolicy=None)
        client = self.memory.connect()
        client.say(LOGIN)
        self.assertEqual(client.rest(), [NO])
        self.memory.connect().open()

    def test_notAsked(self) -> None:
        """It is not asked about those who come anonymously or with a session, nor for unknown applications."""

        def policy(*args: Any) -> str:
            raise AssertionError(args)

        self.restart(authPolicy=policy)
        client = self.memory.connect()
        id = client.open()
        client.disconnect()
        self.memory.connect().restore(id)
        other = self.memory.connect()
        other.say("{handshake:[0,'app'],anonymous:['x']}")
        self.assertTrue(other.rest()[0].startswith("{handshake:[0],ok:"))
        stranger = self.memory.connect()
        stranger.say("{handshake:[0,'nope'],login:[]}")
        self.assertEqual(stranger.rest(), ["{handshake:[0],error:[10]}"])


class WhileDecidingTests(ServerTestCase):
    """A policy that takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[Deferred[Any]] = []
        self.restart(authPolicy=self.policy)
        self.client = self.memory.connect()

    def policy(self, *args: Any) -> Deferred[Any]:
        """Say nothing yet."""
        self.asked.append(Deferred())
        return self.asked[-1]

    def test_rest(self) -> None:
        """What came behind the handshake waits, is not read further, and is served in order."""
        self.client.say(LOGIN, "{ping:[1]}")
        self.client.say("{ping:[2]}")
        self.assertTrue(self.client.transport.paused)
        self.assertEqual(self.client.rest(), [])
        self.asked[0].callback("user")
        self.assertEqual(self.client.next()["handshake"], [0])
        self.assertEqual(self.client.rest(), ["{pong:[1]}", "{pong:[2]}"])
        self.assertFalse(self.client.transport.paused)
        self.assertEqual(self.memory.events, [["handshakeRequest", ["app", "login"]], "connect"])

    def test_refused(self) -> None:
        """If there is no success, the rest is dropped, a second handshake, too."""
        self.client.say(LOGIN, "{ping:[1]}", "{handshake:[0,'app']}")
        self.asked[0].callback(None)
        self.assertEqual(self.client.rest(), [NO])
        self.assertFalse(self.client.connected)
        self.assertEqual(self.memory.events, [["handshakeRequest", ["app", "login"]], "disconnect"])

    def test_secondHandshake(self) -> None:
        """A second handshake behind the first is no second session, but the end."""
        self.client.say(LOGIN, LOGIN)
        self.asked[0].callback("user")
        self.assertEqual(len(self.asked), 1)
        self.assertEqual(len(self.client.rest()), 1)
        self.assertFalse(self.client.connected)
        self.assertEqual(self.memory.events.count("connect"), 1)

    def test_gone(self) -> None:
        """If the client goes meanwhile, nobody gets a session."""
        for outcome in ("user", None, RemoteError(50)):
            client = self.memory.connect()
            client.say(LOGIN)
            client.disconnect()
            if isinstance(outcome, RemoteError):
                self.asked.pop().errback(outcome)
            else:
                self.asked.pop().callback(outcome)
            self.assertEqual(client.rest(), [])
        self.assertNotIn("connect", self.memory.events)
        self.assertEqual(self.memory.events.count("disconnect"), 3)
        self.assertEqual(self.memory.server.getClientsArray(), [])

    def test_afterAFailure(self) -> None:
        """Behind a handshake that has failed nothing is served."""
        self.client.say("{handshake:[0,'nope']}", "{handshake:[0,'app']}")
        self.assertEqual(self.client.rest(), ["{handshake:[0],error:[10]}"])
        self.assertFalse(self.client.connected)

    def test_close(self) -> None:
        """A server that is closed meanwhile lets nobody in any more."""
        self.client.say(LOGIN)
        self.successResultOf(self.memory.close())
        self.asked[0].callback("user")
        self.assertFalse(self.client.connected)
        self.assertNotIn("connect", self.memory.events)


class MalformedTests(ServerTestCase):
    """Handshakes that are none."""

    def test_fatal(self) -> None:
        """What asks for no application, or has no number, ends the connection without an answer."""
        for text in (
            "{handshake:null}",
            "{handshake:5}",
            "{handshake:'app'}",
            "{handshake:[]}",
            "{handshake:[0]}",
            "{handshake:['0','app']}",
            "{handshake:[0.5,'app']}",
            "{handshake:[1e300,'app']}",
            "{handshake:[0,'']}",
            "{handshake:[0,null]}",
            "{handshake:[0,['app']]}",
            "{handshake:[0],ok:'id'}",
            "{handshake:{0:0,1:'app'}}",
        ):
            client = self.memory.connect()
            client.say(text)
            self.assertEqual((client.connected, client.rest()), (False, []), text)
        self.assertEqual({each if isinstance(each, str) else each[0] for each in self.memory.events}, REJECTED)

    def test_versions(self) -> None:
        """A version that is no text, or no range, is an application that is not there."""
        for version in ("5", "['1.0.0']", "true", "'x y'"):
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app',{version}]}}")
            self.assertEqual((client.connected, client.rest()), (False, ["{handshake:[0],error:[10]}"]), version)

    def test_emptyVersions(self) -> None:
        """An empty one of whatever kind is none."""
        for version in ("''", "null", "undefined", "0", "false"):
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app',{version}]}}")
            self.assertTrue(client.connected, version)

    def test_sessions(self) -> None:
        """Credentials of a session that are not an id and a count are refused."""
        id = self.memory.connect().open()
        for credentials in (
            "null",
            "5",
            "{}",
            "[]",
            f"'{id}'",
            f"['{id}']",
            f"['{id}',0,0]",
            f"['{id}','0']",
            f"['{id}',true]",
            f"['{id}',-1]",
            f"['{id}',0.5]",
            f"['{id}',1e999]",
            f"['{id}',9007199254740992]",
            "[5,0]",
            "[{},0]",
        ):
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app'],session:{credentials}}}")
            self.assertIn(client.rest(), ([NO], []), credentials)
            self.assertFalse(client.connected)
        self.assertEqual(len(self.memory.server.getClientsArray()), 1)


REJECTED = {"messageRejected", "disconnect"}


class SecretsTests(AcceptingTestCase):
    """Passwords and session ids are seen by nobody who does not need them."""

    def test_all(self) -> None:
        """They are in no event and in no line of the log, whatever becomes of the handshake."""
        seen: list[Any] = []
        self.memory.server.on("log", lambda connection, *args: seen.append(args))
        self.memory.server.on("connectionError", lambda *args: seen.append(args))
        self.memory.server.on("handshakeRequest", lambda connection, *args: seen.append(args))
        with capturedLogs() as events:
            client = self.memory.connect()
            client.say("{handshake:[0,'app'],login:['user','pass']}")
            id = client.next()["ok"]
            client.say("{handshake:[0,'app'],login:['user','pa55word']}")
            for text in (
                LOGIN,
                "{handshake:[0,'app'],user:'pa55word'}",
                "{handshake:[0],login:['user','pa55word']}",
                "{handshake:null,login:['user','pa55word']}",
                "{call:[1,'calc'],answer:['pa55word'],handshake:[0,'app']}",
                "{handshake:[0,'app'],login:['user','pa55word']",
                "{handshake:[0,'app'],login:['user','pa55word\\x']}",
                f"{{handshake:[0,'app'],session:['{id}',0]}}",
                f"{{handshake:[0,'app'],session:['{id}',-1]}}",
                f"{{handshake:[0,'other'],session:['{id}',0]}}",
            ):
                client = self.memory.connect()
                client.say(text)
            client = self.memory.connect()
            client.restore(id)
            client.disconnect()
        names = [args[0] for args in seen]
        self.assertIn("incomingMessage", names)
        self.assertIn("outgoingMessage", names)
        self.assertIn("messageRejected", names)
        self.assertIn("handshakeRequest", names)
        self.assertIn(SECRET, str(seen))
        for text in (str(seen), *map(_everything, events)):
            self.assertNotIn("pa55word", text)
            self.assertNotIn(id, text)

    def test_notInFailures(self) -> None:
        """Nor in the log of a policy that fails."""

        def policy(connection: Any, application: Any, strategy: str, credentials: list[str]) -> str:
            raise ValueError("no database")

        with capturedLogs() as events:
            self.login(policy)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        for event in events:
            self.assertNotIn("pa55word", _everything(event))


def _everything(event: LogEvent) -> str:
    """Whatever can be seen of an event of the log."""
    failure = event.get("log_failure")
    return f"{formatEvent(event)} {event} {failure.getTraceback() if failure is not None else ''}"
