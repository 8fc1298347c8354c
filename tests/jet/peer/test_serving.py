"""States and methods: what handlers get and return, and what is answered."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet
from jetjstp.framing import LengthPrefixed
from jetjstp.jet import owning
from jetjstp.rarefailures import FULL
from tests.jet.peer.scripted import NODE_JET_3, ScriptedDaemon


class ServingTestCase(SynchronousTestCase):
    """A connected peer."""

    def setUp(self) -> None:
        """Connect."""
        self.daemon = ScriptedDaemon()
        self.peer = self.daemon.connected()

    def state(self, handler: Any, value: Any = 0) -> jet.State:
        """A state that is added."""
        state = jet.State("s", value)
        if handler is not None:
            state.on("set", handler)
        self.peer.add(state)
        self.daemon.answerAll()
        return state

    def method(self, handler: Any, **options: Any) -> jet.Method:
        """A method that is added."""
        method = jet.Method("m", **options)
        method.on("call", handler)
        self.peer.add(method)
        self.daemon.answerAll()
        return method

    def set(self, value: Any, **more: Any) -> list[Any]:
        """Another peer sets the state; what the peer sends then."""
        self.daemon.send({"id": "r", "method": "s", "params": {"value": value, **more}})
        return self.daemon.take()

    def call(self, *params: Any) -> Any:
        """Another peer calls the method; the answer's result or error data."""
        self.daemon.send({"id": "r", "method": "m", **({"params": params[0]} if params else {})})
        (answer,) = self.daemon.take()
        return answer["result"] if "result" in answer else answer["error"].get("data")


class StateTests(ServingTestCase):
    """Sets."""

    def test_accepted(self) -> None:
        """First the answer, then the change, in one piece."""
        state = self.state(jet.State.acceptAny)
        self.assertEqual(
            self.set(5), [{"id": "r", "result": True}, {"method": "change", "params": {"path": "s", "value": 5}}]
        )
        self.assertEqual(state.value, 5)
        self.assertEqual(self.set(None, valueAsResult=True)[0], {"id": "r", "result": None})
        self.assertIsNone(state.value)

    def test_adjusted(self) -> None:
        """A handler may choose another value, null included, by a SetResult or a dict."""
        for result, value in ((jet.SetResult(7), 7), ({"value": 8}, 8), (jet.SetResult(None), None), ({}, 1)):
            daemon = self.daemon = ScriptedDaemon()
            self.peer = daemon.connected()
            state = self.state(lambda wanted, result=result: result)
            answer, change = self.set(1, valueAsResult=True)
            self.assertEqual((answer["result"], change["params"]["value"], state.value), (value, value, value))

    def test_dontNotify(self) -> None:
        """The change can be kept to oneself; a value that the handler has set itself is not overwritten then."""
        state = self.state(lambda wanted: jet.SetResult(dontNotify=True))
        self.assertEqual(self.set(5), [{"id": "r", "result": True}])
        self.assertEqual(state.value, 5)
        self.peer.remove(state)
        self.daemon.answerAll()

        def own(wanted: Any) -> jet.SetResult:
            other.setValue(wanted + 1)
            return jet.SetResult(dontNotify=True)

        other = self.state(own)
        change, answer = self.set(5, valueAsResult=True)
        self.assertEqual((change["params"]["value"], answer["result"], other.value), (6, 6, 6))

    def test_later(self) -> None:
        """Deferreds and coroutines are waited for."""
        waiting: Deferred[Any] = Deferred()

        async def handler(wanted: Any) -> Any:
            return jet.SetResult(wanted + await waiting)

        state = self.state(handler)
        self.assertEqual(self.set(5), [])
        waiting.callback(10)
        self.assertEqual([message.get("result") for message in self.daemon.take()], [True, None])
        self.assertEqual(state.value, 15)

    def test_failsAgainAndAgain(self) -> None:
        """Who sets a state again and again whose handler fails is answered each time, and does not fill the log."""

        def handler(wanted: Any) -> None:
            raise ZeroDivisionError("x")

        self.state(handler)
        for number in range(10 * FULL):
            (answer,) = self.set(number)
            self.assertIn("x", json.dumps(answer["error"]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), FULL)

    def test_lostMeanwhile(self) -> None:
        """An answer that comes after the connection is dropped; the value is kept."""
        waiting: Deferred[Any] = Deferred()
        state = self.state(lambda wanted: waiting)
        self.set(5)
        self.daemon.cut()
        self.daemon.clock.advance(1)
        self.daemon.welcome()
        self.daemon.answerAll()
        waiting.callback(None)
        self.assertEqual(self.daemon.take(), [{"method": "change", "params": {"path": "s", "value": 5}}])
        self.assertEqual(state.value, 5)

    def test_addedAgainMeanwhile(self) -> None:
        """A value that is accepted after the state was removed and added again is its value, there as here."""
        waiting: Deferred[Any] = Deferred()
        state = self.state(lambda wanted: waiting)
        self.set(5)
        state.remove()
        state.add()
        self.daemon.answerAll()
        waiting.callback(None)
        self.assertIn({"method": "change", "params": {"path": "s", "value": 5}}, self.daemon.take())
        self.assertEqual(state.value, 5)

    def test_neverAnswered(self) -> None:
        """Requests that a handler never answers are bounded, for each connection anew."""
        self.patch(owning, "MOST_RUNNING", 3)
        self.state(lambda wanted: Deferred())
        for _ in range(3):
            self.assertEqual(self.set(5), [])
        self.assertEqual(self.set(5)[0]["error"]["data"], {"message": "too much to do"})
        self.daemon.cut()
        self.daemon.clock.advance(1)
        self.daemon.welcome()
        self.daemon.answerAll()
        self.assertEqual(self.set(5), [])

    def test_emptyPath(self) -> None:
        """The empty path is a path."""
        state = jet.State("", 0)
        state.on("set", jet.State.acceptAny)
        self.peer.add(state)
        self.daemon.answerAll()
        self.daemon.send({"id": "r", "method": "", "params": {"value": 5}})
        self.assertEqual(self.daemon.take()[0], {"id": "r", "result": True})

    def test_unreadable(self) -> None:
        """A value that cannot be read is answered, and not set."""
        state = self.state(jet.State.acceptAny)
        transport: Any = self.daemon._transport
        transport.protocol.dataReceived(LengthPrefixed.pack(b'{"id":"r","method":"s","params":{"value":"\xff"}}'))
        (answer,) = self.daemon.take()
        self.assertIn("error", answer)
        self.assertEqual(state.value, 0)
        self.flushLoggedErrors(UnicodeDecodeError)

    def test_nonsense(self) -> None:
        """What a handler may not return is an error, and logged."""
        state = self.state(lambda wanted: 5)
        ((answer),) = self.set(1)
        self.assertIn("SetResult", answer["error"]["data"]["message"])
        self.assertEqual(state.value, 0)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_errors(self) -> None:
        """Errors of the package are answers; others are logged, and answered without a stack."""
        for error, code, data in (
            (jet.FetchOnly(), -32602, {"fetchOnly": "s"}),
            (jet.Unauthorized(), -32602, {"noAccess": "s"}),
            (jet.NotFound(path="x"), -32602, {"pathNotExists": "x"}),
            (jet.PeerError("later"), -32603, {"message": "later"}),
            (jet.DaemonError(42, "custom", [1]), 42, [1]),
        ):
            self.daemon = ScriptedDaemon()
            self.peer = self.daemon.connected()

            def handler(wanted: Any, error: Exception = error) -> None:
                raise error

            self.state(handler)
            (answer,) = self.set(1)
            self.assertEqual((answer["error"]["code"], answer["error"]["data"]), (code, data))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_requests(self) -> None:
        """Every request is answered, whatever it looks like; notifications are not."""
        self.state(None)
        errors = []
        for message in (
            {"method": "s", "params": {"value": 1}},
            {"method": "t", "params": {"value": 1}},
            {"method": "s"},
            {"method": "s", "params": [1]},
        ):
            self.daemon.send({"id": "r", **message})
            (answer,) = self.daemon.take()
            errors.append(answer["error"]["data"])
            self.daemon.send(message)
            self.assertEqual(self.daemon.take(), [])
        self.assertEqual(errors, [{"fetchOnly": "s"}, {"pathNotExists": "t"}, {"wrongKind": "s"}, {"wrongKind": "s"}])
        self.peer.remove(self.peer.__dict__["_core"].owning._owned["s"].content)
        self.daemon.answerAll()
        self.state(jet.State.acceptAny)
        self.daemon.send({"id": "r", "method": "s", "params": {}}, {"method": "s", "params": {"value": 2}})
        answer, change = self.daemon.take()
        self.assertEqual(answer["error"]["data"], {"missingParam": "value", "got": {}})
        self.assertEqual(change, {"method": "change", "params": {"path": "s", "value": 2}})

    def test_handlers(self) -> None:
        """One handler, before the state is added."""
        state = jet.State("s", 1)

        @state.on("set")
        def handler(wanted: Any) -> None:
            """Accept."""

        with self.assertRaises(ValueError):
            state.on("set", handler)
        with self.assertRaises(ValueError):
            state.on("call", handler)  # type: ignore[call-overload]
        late = self.state(None)
        with self.assertRaises(ValueError):
            late.on("set", handler)

    def test_slowDaemon(self) -> None:
        """While the daemon does not read, only the newest value of each state is kept."""
        state = self.state(None)
        self.peer.linkBlocked()
        for value in range(100):
            state.setValue(value)
        self.assertEqual(self.daemon.take(), [])
        self.peer.linkDrained()
        self.assertEqual([message["params"]["value"] for message in self.daemon.take()], [99])

    def test_stuckDaemon(self) -> None:
        """A daemon that does not read at all is given up."""
        self.state(None)
        self.peer.linkBlocked()
        waiting = [self.peer.set("x", "x" * 1_000_000) for _ in range(70)]
        self.assertFalse(self.daemon.isConnected)
        for one in waiting:
            self.failureResultOf(one, jet.ConnectionClosed)

    def test_addedTwice(self) -> None:
        """The same content, or another one at the same path, is not added twice."""
        state = self.state(None)
        self.failureResultOf(self.peer.add(state), jet.Occupied)
        other = jet.State("s", 2)
        self.failureResultOf(self.peer.add(other), jet.Occupied)
        self.assertFalse(other.isAdded)
        self.failureResultOf(other.remove(), jet.NotFound)
        self.assertEqual(self.daemon.take(), [])
        self.assertTrue(state.isAdded)

    def test_nodeJet3(self) -> None:
        """A daemon of node-jet 3 calls its requests set and call, and names the path in the params."""
        self.daemon = ScriptedDaemon()
        self.peer = self.daemon.connected(NODE_JET_3)
        state = self.state(jet.State.acceptAny)
        self.method(lambda a, b: a * b)
        self.daemon.send({"id": "1", "method": "set", "params": {"path": "s", "value": 7, "valueAsResult": True}})
        answer, _ = self.daemon.take()
        self.assertEqual((answer, state.value), ({"id": "1", "result": 7}, 7))
        self.daemon.send({"id": "2", "method": "call", "params": {"path": "m", "args": [2, 3]}})
        self.assertEqual(self.daemon.take(), [{"id": "2", "result": 6}])
        self.daemon.send({"id": "3", "method": "call", "params": {"path": "nope"}})
        self.assertEqual(self.daemon.take()[0]["error"]["data"], {"pathNotExists": "call"})


class MethodTests(ServingTestCase):
    """Calls."""

    def test_arguments(self) -> None:
        """Lists are positions, objects are names, absent is nothing, anything else is one argument."""
        self.method(lambda *args, **names: [list(args), names])
        self.assertEqual(self.call([1, [2]]), [[1, [2]], {}])
        self.assertEqual(self.call({"a": 1}), [[], {"a": 1}])
        self.assertEqual(self.call(), [[], {}])
        self.assertEqual(self.call(5), [[5], {}])

    def test_misfits(self) -> None:
        """What does not fit is refused before the handler is called."""
        called: list[Any] = []

        def handler(a: int, b: int = 2, _secret: bool = False) -> None:
            called.append((a, b, _secret))

        self.method(handler)
        for params in ([], [1, 2, True], {"b": 1}, {"a": 1, "c": 1}, {"a": 1, "_secret": True}):
            self.assertIn("invalidArgument", self.call(params))
        self.assertEqual(called, [])
        self.assertIsNone(self.call([1]))
        self.assertEqual(called, [(1, 2, False)])

    def test_typeErrorInside(self) -> None:
        """A TypeError of the handler itself is no misfit."""
        self.method(lambda: None + 1)  # type: ignore[operator]
        self.assertIn("message", self.call())
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_unpackedNot(self) -> None:
        """With unpack=False the handler gets it all."""
        self.method(lambda args: {"got": args}, unpack=False)
        self.assertEqual(self.call([1, 2]), {"got": [1, 2]})

    def test_notJson(self) -> None:
        """A result that is no JSON is an error of the owner's."""
        self.method(lambda: {1, 2})
        self.assertIn("set", self.call()["message"])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_withoutHandler(self) -> None:
        """A method without a handler cannot be added."""
        with self.assertRaises(ValueError):
            self.peer.add(jet.Method("m"))
