"""
What npm's client was recorded to do wrong: ours does what is right instead.

Each test is named after a scenario, and gets what the server said in it.
"""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred

from jetjstp.jstp import (
    CallbackLost,
    Client,
    Connection,
    InvalidAnswer,
    NoHandshakeResponse,
    RemoteError,
    Results,
    SimpleConnectPolicy,
)
from jetjstp.jstp.mdsf import MDSFSyntaxError
from tests.jstp.clientrecordings import scenarios
from tests.jstp.playedserver import SESSION, ClientTestCase, Played

RECORDED = scenarios("client-defects.jsonl")

REQUEST = '{handshake:[0,"app"]}'


def said(name: str, conn: int | None = None) -> list[str]:
    """What the server says in a scenario, message by message."""
    chunks = [line["raw"] for line in RECORDED[name] if line["dir"] == "<" and line.get("conn") == conn]
    return [message for chunk in chunks for message in chunk.split("\0")[:-1]]


class DefectTestCase(ClientTestCase):
    """Recorded servers."""

    def begin(self, name: str) -> tuple[Deferred[Connection], Played]:
        """Connect, and hear what the server says."""
        connecting = self.connect()
        played = self.accept()
        self.assertEqual(played.take(), [REQUEST])
        played.say(*said(name))
        return connecting, played

    def lostAndFound(self, connection: Connection, played: Played, name: str) -> Played:
        """Lose the connection, and go on to the second one of the scenario, up to the request."""
        played.drop()
        self.turn(1.5)
        again = self.accept()
        self.assertEqual(again.take(), [f'{{handshake:[0,"app"],session:["{SESSION}",0]}}'])
        return again

    def ping(self, connection: Connection, played: Played, id: int) -> None:
        """The connection is of use."""
        answer = connection.ping()
        self.assertEqual(played.take(), [f"{{ping:[{id}]}}"])
        played.say(f"{{pong:[{id}]}}")
        self.successResultOf(answer)


class ReceivedTests(DefectTestCase):
    """What a server may say."""

    def test_handshakeAnswerUnknownId(self) -> None:
        """An answer to the handshake has the server's number, whatever that is: it opens the session."""
        connecting, played = self.begin("cd-handshake-answer-unknown-id")
        connection = self.successResultOf(connecting)
        self.connections.append(connection)
        assert connection.session is not None
        self.assertEqual(connection.session.id, "x")
        self.ping(connection, played, 1)

    def test_handshakeAnswerEmpty(self) -> None:
        """An answer that says nothing ends the attempt, and the error tells why."""
        connecting, played = self.begin("cd-handshake-answer-empty")
        failure = self.failureResultOf(connecting, NoHandshakeResponse)
        self.assertIn("neither ok nor error", str(failure.value))
        self.assertFalse(played.isOpen)

    def test_eventInherited(self) -> None:
        """An event of an interface that nobody knows is ignored, whatever its name."""
        connection, played = self.established()
        for name in ("constructor", "__proto__", "__class__", "on", "toString"):
            played.say(f"{{event:[-1,'{name}'],x:[]}}", f"{{event:[-2,'e'],'{name}':[]}}")
        self.ping(connection, played, 1)

    def test_callbackNotAList(self) -> None:
        """Results that are no list fail the call, and the connection goes on."""
        connection, played = self.established()
        for id, broken in enumerate(("ok:5", "ok:null", "ok:{}", "ok:'ab'", "error:5", "error:null", "error:{}"), 1):
            answer = connection.callMethod("x", "y")
            played.take()
            played.say(f"{{callback:[{id}],{broken}}}")
            self.failureResultOf(answer, InvalidAnswer)
        self.ping(connection, played, 8)

    def test_callbackEmpty(self) -> None:
        """A callback without an answer fails the call at once; what follows is rejected."""
        connection, played = self.established()
        told = self.recorded(connection, "messageRejected")
        answer = connection.callMethod("x", "y")
        played.take()
        played.say(*said("cd-callback-empty")[1:])
        self.failureResultOf(answer, InvalidAnswer)
        recorded = [
            line["value"] for line in RECORDED["cd-callback-empty"] if line.get("client_saw") == "messageRejected"
        ]
        self.assertEqual([dict(message) for _, message in told], recorded)
        self.ping(connection, played, 2)

    def test_errorWithoutListener(self) -> None:
        """What is no message ends the connection; if nobody listens to its errors, this one is logged."""
        connection, played = self.established(Client(reconnector=lambda *_: None))
        played.say(*said("cd-error-without-listener")[1:])
        self.assertFalse(played.isOpen)
        self.assertEqual(len(self.flushLoggedErrors(MDSFSyntaxError)), 1)
        connection, played = self.established(Client(reconnector=lambda *_: None))
        told = self.recorded(connection, "error", "close")
        played.say("oops")
        self.turn()
        self.assertEqual([name for name, *_ in told], ["error", "close"])
        self.assertIsInstance(told[0][1], MDSFSyntaxError)


class SendingTests(DefectTestCase):
    """What a program may ask for."""

    def test_resendLosesArguments(self) -> None:
        """A call that is repeated has its arguments, and a new number."""
        name = "cd-resend-loses-arguments"
        connection, played = self.established()
        arguments = [84, 2]
        answer = connection.callMethodWithResend("calc", "divide", arguments)
        arguments.clear()
        self.assertEqual(played.take(), ['{call:[1,"calc"],divide:[84,2]}'])
        played = self.lostAndFound(connection, played, name)
        played.say(said(name, 2)[0])
        self.turn()
        self.assertEqual(played.take(), ['{call:[2,"calc"],divide:[84,2]}'])
        played.say("{callback:[2],ok:[42]}")
        self.assertEqual(self.successResultOf(answer), [42])

    def test_callbackNever(self) -> None:
        """A call whose answer was lost is told so, even if a later one was answered."""
        name = "cd-callback-never"
        connection, played = self.established()
        slow, quick = connection.callMethod("x", "slow"), connection.callMethod("x", "quick")
        played.say(said(name, 1)[1])
        self.assertEqual(self.successResultOf(quick), [])
        played = self.lostAndFound(connection, played, name)
        self.assertNoResult(slow)
        played.say(*said(name, 2))
        self.turn()
        self.failureResultOf(slow, CallbackLost)

    def test_sendWhileHandshaking(self) -> None:
        """What is sent before the session is restored waits for that, under the numbers of the session."""
        name = "cd-send-while-handshaking"
        connection, played = self.established()
        for i in (1, 2, 3):
            connection.emitRemoteEvent("e", "x", [i])
        played = self.lostAndFound(connection, played, name)
        connection.emitRemoteEvent("e", "during handshake", [4])
        self.assertEqual(played.take(), [])
        played.say(*said(name, 2))
        connection.emitRemoteEvent("e", "afterwards", [5])
        self.assertEqual(played.take(), ['{event:[4,"e"],"during handshake":[4]}', '{event:[5,"e"],afterwards:[5]}'])

    def test_methodNamedCall(self) -> None:
        """Names that would overwrite the header of their message are refused, and nothing is sent."""
        connection, played = self.established()
        self.failureResultOf(connection.callMethod("iface", "call", [7]), ValueError)
        self.assertRaises(ValueError, connection.emitRemoteEvent, "iface", "event", [8])
        self.ping(connection, played, 1)

    def test_numericMethodName(self) -> None:
        """Names that would move to the front of their message are refused, and nothing is sent."""
        connection, played = self.established()
        self.failureResultOf(connection.callMethod("iface", "5"), ValueError)
        self.assertRaises(ValueError, connection.emitRemoteEvent, "iface", "0", [])
        self.ping(connection, played, 1)

    def test_proxyHiddenMethods(self) -> None:
        """Methods that are named as members of the proxy can be called by their names."""
        connection, played = self.established()
        inspecting = connection.inspectInterface("i")
        played.take()
        played.say(*said("cd-proxy-hidden-methods")[1:])
        proxy = self.successResultOf(inspecting)
        self.assertEqual(proxy.methods, {"on", "emit", "listenerCount", "fine"})
        for id, method in enumerate(("on", "emit", "listenerCount", "fine"), 2):
            answer = proxy.call(method, "a")
            self.assertEqual(played.take(), [f'{{call:[{id},"i"],{method}:["a"]}}'])
            played.say(f"{{callback:[{id}],ok:['{method}']}}")
            self.assertEqual(self.successResultOf(answer), method)
        answer = proxy.listenerCount()
        self.assertEqual(played.take(), ['{call:[6,"i"],listenerCount:[]}'])
        played.say("{callback:[6],ok:[1,2]}")
        self.assertEqual(self.successResultOf(answer), Results(1, 2))


class ConnectingTests(DefectTestCase):
    """How a connection begins, and ends."""

    def test_emptyPassword(self) -> None:
        """A password may be empty."""
        connecting = self.connect(client=Client(connectPolicy=SimpleConnectPolicy("user", "")))
        played = self.accept()
        self.assertEqual(played.take(), ['{handshake:[0,"app"],login:["user",""]}'])
        played.say(f"{{handshake:[0],ok:'{SESSION}'}}")
        self.connections.append(self.successResultOf(connecting))
        self.assertEqual(self.connections[0].username, "user")

    def test_defaultPolicyReadsClient(self) -> None:
        """A login and a password belong to the policy, a client has neither."""
        self.assertRaises(TypeError, Client, login="user", password="pass")
        self.assertRaises(TypeError, SimpleConnectPolicy, "user")
        client = Client()
        vars(client).update(login="user", password="pass")
        self.connect(client=client).addErrback(lambda failure: None)
        played = self.accept()
        self.assertEqual(played.take(), [REQUEST])
        played.drop()

    def test_invalidVersionLeak(self) -> None:
        """What is no range is refused before anything is opened."""
        self.assertRaises(ValueError, self.connect, {"name": "app", "version": "bad range"})
        self.assertEqual(self.attempts, 0)

    def test_handshakeErrorKeepsSocket(self) -> None:
        """After a refusal the client closes its side."""
        connecting, played = self.begin("cd-handshake-error-keeps-socket")
        self.assertEqual(self.failureResultOf(connecting, RemoteError).value.code, 10)
        self.assertFalse(played.isOpen)

    def test_noHandshakeTimeout(self) -> None:
        """A server that does not answer is given up after a while, ten seconds if nothing else is said."""
        connecting, played = self.begin("cd-no-handshake-timeout")
        self.turn(9.9)
        self.assertNoResult(connecting)
        self.turn(0.1)
        self.failureResultOf(connecting, TimeoutError)
        self.assertFalse(played.isOpen)

    def test_noPongTimeout(self) -> None:
        """A server that answers no ping is not there any more: the connection is lost, and comes back."""
        connection, played = self.established(Client(heartbeatInterval=0.1))
        told = self.recorded(connection, "close")
        self.reactor.pump([0.01] * 24)
        self.assertEqual(played.take(), ["{ping:[1]}", "{ping:[2]}"])
        self.assertTrue(played.isOpen)
        self.reactor.pump([0.01] * 2)
        self.assertFalse(played.isOpen)
        self.assertEqual(told, [("close",)])
        self.turn(2)
        self.assertEqual(self.attempts, 2)


class CompletenessTests(ClientTestCase):
    """Nothing is left out."""

    def test_eachScenario(self) -> None:
        """There is a test of each scenario."""
        names = {re.sub("-(.)", lambda match: match[1].upper(), f"test_{name[3:]}") for name in RECORDED}
        tests = {name for case in (ReceivedTests, SendingTests, ConnectingTests) for name in dir(case)}
        self.assertEqual(names - tests, set())
