"""Tests of L{jetjstp.jstp.connection}."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.applications import Application
from jetjstp.jstp.errors import CallbackLost, ConnectionNotOpen, RemoteError
from jetjstp.jstp.results import Results
from tests.jstp.pairs import UP, WAIT, Pair


class Unsendable:
    """A value that says how it is sent, and fails."""

    def toMdsf(self, key: str) -> Any:
        raise ZeroDivisionError


class ConnectionTestCase(SynchronousTestCase):
    """A client and a server, each with a few methods."""

    def setUp(self) -> None:
        """Connect."""
        self.heard: list[Any] = []
        self.slow: list[Deferred[Any]] = []

        def slowly(connection: Any) -> Deferred[Any]:
            self.slow.append(Deferred())
            return self.slow[-1]

        def refuse(connection: Any) -> None:
            raise RemoteError(50, "no", [object()])

        def hangUp(connection: Any) -> str:
            connection.close()
            return "unheard"

        def broken(connection: Any, value: Any) -> None:
            raise ZeroDivisionError

        api: dict[str, dict[str, Any]] = {
            "i": {
                "add": lambda connection, a, b: a + b,
                "slowly": slowly,
                "strange": lambda connection: object(),
                "unsendable": lambda connection: Unsendable(),
                "nothing": lambda connection: None,
                "many": lambda connection: Results(1, 2),
                "refuse": refuse,
                "hangUp": hangUp,
            },
        }
        events = {"i": {"e": lambda connection, value: self.heard.append(value), "broken": broken}}
        self.pair = Pair(Application("app", api, events), Application("client", api, events))
        self.connection: Any = self.pair.connect()
        self.served = self.pair.served

    def outcome(self, answer: Deferred[Any]) -> Any:
        """What comes of a call: the results, or the code of the error."""
        outcomes: list[Any] = []
        answer.addCallbacks(outcomes.append, lambda failure: outcomes.append(failure.value.code))
        self.pair.wait(2 * WAIT)
        (result,) = outcomes
        return result


class CallTests(ConnectionTestCase):
    """Calls, and their answers."""

    def test_arguments(self) -> None:
        """Arguments are a list: what Python could make one of, letter by letter, is a mistake."""
        args: Any
        for args in ("text", b"text", {"a": 1}, 5, None, print):
            for ask in (self.connection.callMethod, self.connection.callMethodWithResend):
                error = self.failureResultOf(ask("i", "add", args), TypeError).value
                self.assertIn("list", str(error))
            self.assertRaises(TypeError, self.connection.emitRemoteEvent, "i", "e", args)
        interface: Any = ["i"]
        self.failureResultOf(self.connection.inspectInterface(interface), TypeError)

    def test_results(self) -> None:
        """Either side calls the other, and gets the list of results."""
        for caller in (self.connection, self.served):
            self.assertEqual(self.outcome(caller.callMethod("i", "add", [1, 2])), [3])
            self.assertEqual(self.outcome(caller.callMethod("i", "nothing")), [])
            self.assertEqual(self.outcome(caller.callMethod("i", "many")), [1, 2])

    def test_errors(self) -> None:
        """What cannot be called is answered with the code that says why."""
        for interface, method, args, code in (
            ("no", "add", [1, 2], 12),
            ("__class__", "add", [1, 2], 12),
            ("i", "no", [], 14),
            ("i", "__init__", [], 14),
            ("i", "add", [1], 17),
        ):
            self.assertEqual(self.outcome(self.connection.callMethod(interface, method, args)), code)

    def test_unsendableResults(self) -> None:
        """Results and errors that cannot be sent are logged and answered with error 16; the connection goes on."""
        for method, error in (("strange", TypeError), ("refuse", TypeError), ("unsendable", ZeroDivisionError)):
            self.assertEqual(self.outcome(self.connection.callMethod("i", method)), 16)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)
        later = self.connection.callMethod("i", "slowly")
        self.pair.settle()
        self.slow[0].callback(Unsendable())
        self.assertEqual(self.outcome(later), 16)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.pair.wires), 1)

    def test_unsendableArguments(self) -> None:
        """What cannot be sent fails at once."""
        for interface, method, args in (("i", "5", []), ("i", "call", []), ("i", "add", [object()]), (5, "add", [])):
            self.failureResultOf(self.connection.callMethod(interface, method, args)).trap(TypeError, ValueError)
        self.assertRaises(ValueError, self.connection.emitRemoteEvent, "i", "event", [])
        self.assertRaises(TypeError, self.connection.emitRemoteEvent, "i", "e", [object()])

    def test_cancel(self) -> None:
        """Who has cancelled a call is not told of its answer."""
        answer = self.connection.callMethod("i", "add", [1, 2])
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.pair.settle()
        self.assertEqual(self.outcome(self.connection.callMethod("i", "add", [3, 4])), [7])

    def test_cancelWhenLost(self) -> None:
        """Not even if it was lost already."""
        answers = [self.connection.callMethod("i", "slowly") for _ in range(2)]
        answers[0].addErrback(lambda _: answers[1].cancel())
        self.pair.settle()
        self.connection.close()
        self.pair.settle()
        self.failureResultOf(answers[1], CancelledError)

    def test_lateAnswer(self) -> None:
        """A method that answers when its caller is away, or on another connection, does no harm."""
        answer = self.connection.callMethod("i", "slowly")
        self.pair.settle()
        self.pair.cut()
        self.pair.settle()
        self.slow[0].callback(1)
        self.assertEqual(self.outcome(answer), -1)

    def test_answerAfterTheMove(self) -> None:
        """The answer to a call that was repeated behind a restore goes to the new one only."""
        answer = self.connection.callMethodWithResend("i", "slowly")
        self.pair.settle()
        self.pair.cut()
        self.pair.wait(2 * WAIT)
        first, second = self.slow
        first.callback("first")
        self.pair.settle()
        self.assertNoResult(answer)
        second.callback("second")
        self.assertEqual(self.outcome(answer), ["second"])

    def test_answerOfAnotherSession(self) -> None:
        """An answer from a session that is gone is not taken for one to a call with its number in the next."""
        self.served.callMethod("i", "slowly").addErrback(lambda failure: failure.trap(CallbackLost))
        self.pair.settle()
        self.pair.server._keeping.drop(self.served)
        self.pair.cut()
        self.pair.wait(2 * WAIT)
        self.assertIsNot(self.pair.served, self.served)
        again = self.pair.served.callMethod("i", "slowly")
        self.pair.settle()
        old, new = self.slow
        old.callback("old")
        self.pair.settle()
        self.assertNoResult(again)
        new.callback("new")
        self.assertEqual(self.outcome(again), ["new"])

    def test_answerOfNobody(self) -> None:
        """An answer for a session that was dropped meanwhile is dropped as well, quietly."""
        self.connection.callMethod("i", "slowly").addErrback(lambda failure: failure.trap(CallbackLost))
        self.pair.settle()
        self.pair.server._keeping.drop(self.served)
        self.slow[0].callback(1)
        self.assertEqual(self.flushLoggedErrors(), [])


class EndTests(ConnectionTestCase):
    """What ends, and what becomes of those who wait."""

    def test_close(self) -> None:
        """A client's pending calls fail when it is closed, and nothing can be asked any more."""
        answer = self.connection.callMethod("i", "slowly")
        self.pair.settle()
        closed = self.connection.close()
        self.assertNoResult(closed)
        self.assertEqual(self.outcome(answer), -1)
        self.successResultOf(closed)
        self.failureResultOf(self.connection.callMethod("i", "nothing"), ConnectionNotOpen)
        self.assertEqual(len(self.pair.wires), 1)

    def test_closeSendsWhatWasWritten(self) -> None:
        """What was emitted before is sent, also to a peer that is slow."""
        self.pair.hold(UP)
        for number in range(3):
            self.connection.emitRemoteEvent("i", "e", [f"{number}" + "a" * 65536])
        self.connection.close()
        self.pair.settle()
        self.pair.release(UP)
        self.pair.settle()
        self.assertEqual([text[0] for text in self.heard], ["0", "1", "2"])

    def test_methodThatCloses(self) -> None:
        """A method may close the connection that it is called on: its caller loses the answer."""
        self.pair.isServerAway = True
        answer = self.connection.callMethod("i", "hangUp")
        self.connection.emitRemoteEvent("i", "e", ["unheard"])
        self.pair.settle()
        self.assertFalse(self.connection.isConnected)
        self.assertEqual(self.heard, [])
        self.pair.isServerAway = False
        self.assertEqual(self.outcome(answer), -1)
        self.assertEqual(self.heard, ["unheard"])

    def test_closedAndRestored(self) -> None:
        """A server's close is done when the client has come back on another socket before the old one was gone."""
        closed: list[Any] = []
        self.pair.wire.isStuck = True
        self.served.close().addCallback(closed.append)
        self.pair.wire.cutSilently()
        self.pair.wait(2 * WAIT)
        self.assertEqual(closed, [None])
        self.assertTrue(self.served.isConnected)
        self.assertEqual(self.outcome(self.served.callMethodWithResend("i", "add", [1, 2])), [3])

    def test_oldSocket(self) -> None:
        """When the client comes back while its old socket is open, that one is closed and has no effect any more."""
        closed: list[Any] = []
        self.served.on("close", lambda: closed.append(True))
        self.pair.isServerTold = False
        self.pair.cut()
        self.pair.wait(2 * WAIT)
        self.assertFalse(self.pair.wires[0].server.connected)
        self.assertEqual((closed, self.pair.served), ([], self.served))
        self.assertEqual(self.outcome(self.connection.callMethod("i", "add", [1, 2])), [3])

    def test_movedFromWithin(self) -> None:
        """The client may come back while one of its messages is being worked on; what it says then is heard."""
        wire = self.pair.open()
        self.pair.isServerAway = True
        again = "{handshake:[0,'app'],session:['ID',0]}\0{event:[2,'i'],e:[2]}\0".replace(
            "ID", self.connection.session.id
        )
        server: Any = wire.server.protocol
        self.served.once("event", lambda *args: server.dataReceived(again.encode()))
        self.connection.emitRemoteEvent("i", "e", [1])
        self.pair.settle()
        self.assertEqual(self.heard, [1, 2])
        self.assertTrue(self.served.isConnected)

    def test_listenersThatClose(self) -> None:
        """A listener may close the connection, or the server, in the middle of anything."""
        for name in ("call", "event", "incomingMessage", "inspect", "heartbeat", "outgoingMessage"):
            self.setUp()
            for what in (self.served, self.pair.server):
                self.served.once(name, lambda *args, what=what: what.close())
            self.pair.wire.client.write(b"{}\0{inspect:[1,'i']}\0{call:[2,'i'],nothing:[]}\0{event:[3,'i'],e:[1]}\0")
            self.pair.settle()
            self.assertFalse(self.served.isConnected)
        self.assertEqual(self.flushLoggedErrors(), [])


class ObserverTests(ConnectionTestCase):
    """What goes over the connection."""

    def test_events(self) -> None:
        """Those who listen are told of each message."""
        told: list[Any] = []
        for name in ("call", "event", "inspect", "callback"):
            self.served.on(name, lambda *args, name=name: told.append((name, *args)))
        self.connection.callMethod("i", "add", [1, 2])
        self.connection.emitRemoteEvent("i", "e", [3])
        self.connection.inspectInterface("i")
        self.served.callMethod("i", "nothing")
        self.pair.settle()
        self.assertEqual(
            told, [("call", "i", "add", [1, 2]), ("event", "i", "e", [3]), ("inspect", "i"), ("callback", None, [])]
        )

    def test_rejected(self) -> None:
        """A message that nothing is done about is told, too."""
        told: list[Any] = []
        self.served.on("messageRejected", told.append)
        self.pair.wire.client.write(b"{state:[1],a:[]}\0")
        self.pair.settle()
        self.assertEqual(told, [{"state": [1], "a": []}])

    def test_secrets(self) -> None:
        """Session ids and passwords are in none of them."""
        told: list[Any] = []
        for name in ("incomingMessage", "outgoingMessage"):
            self.connection.on(name, told.append)
            self.served.on(name, told.append)
        self.pair.cut()
        self.pair.wait(2 * WAIT)
        self.assertTrue(any("handshake" in message for message in told))
        self.assertNotIn(self.connection.session.id, repr(told))

    def test_listenersThatRaise(self) -> None:
        """A listener or handler that raises is logged and harms nobody."""

        def listener(*args: Any) -> None:
            raise ZeroDivisionError

        for name in ("call", "event", "incomingMessage", "outgoingMessage", "callback", "close"):
            self.served.on(name, listener)
        self.connection.emitRemoteEvent("i", "broken", [1])
        self.assertEqual(self.outcome(self.connection.callMethod("i", "add", [1, 2])), [3])
        self.pair.cut()
        self.assertEqual(self.outcome(self.connection.callMethodWithResend("i", "add", [1, 2])), [3])
        self.assertGreater(len(self.flushLoggedErrors(ZeroDivisionError)), 5)
        self.assertEqual(self.flushLoggedErrors(), [])
