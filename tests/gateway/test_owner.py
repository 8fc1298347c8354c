"""Tests for clients of JSTP that own states and methods."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from jetjstp import jstp
from tests.gateway.setting import BusClient, BusTestCase


class OwnerCallTests(BusTestCase):
    """What reaches a client that owns something, and what becomes of its answers."""

    def owning(self, **methods: Any) -> BusClient:
        """A client with methods, that owns a state C{s} and a method C{m}."""
        client = self.client(methods)
        client.call("add", {"path": "s", "value": 1})
        client.call("add", {"path": "m"})
        return client

    def ask(self, method: str, **params: Any) -> Any:
        """What a peer is answered: the result, or the error as code, message and data."""
        peer = self.peer()
        peer.send({"id": 1, "method": method, "params": params})
        self.memory.flush()
        answers = peer.take()
        if not answers:
            return None
        if "error" not in answers[0]:
            return answers[0]["result"]
        error = answers[0]["error"]
        return error["code"], error["message"], error["data"]

    def test_requests(self) -> None:
        """C{set} and C{invoke} of the interface C{jet} are called, with the path first."""
        asked: list[Any] = []
        self.owning(
            set=lambda connection, path, value: asked.append((path, value)),
            invoke=lambda connection, path, args: asked.append((path, args)),
        )
        self.ask("set", path="s", value={"a": [None]})
        self.ask("call", path="m", args=[1, "x"])
        self.ask("call", path="m", args={"value": 2})
        self.ask("call", path="m")
        self.assertEqual(asked, [("s", {"a": [None]}), ("m", [1, "x"]), ("m", {"value": 2}), ("m", [])])

    def test_results(self) -> None:
        """The answer is the result; without one C{set} is true, or the value if that is wanted, C{invoke} null."""
        answers: list[Any] = []
        self.owning(set=lambda *args: answers.pop(), invoke=lambda *args: answers.pop())
        cases: list[tuple[Any, str, dict[str, Any], Any]] = [
            (None, "set", {"path": "s", "value": 2}, True),
            (None, "set", {"path": "s", "value": 2, "valueAsResult": True}, 2),
            (3, "set", {"path": "s", "value": 2, "valueAsResult": True}, 3),
            (jstp.Results(None), "set", {"path": "s", "value": 2}, None),
            (None, "call", {"path": "m"}, None),
            ({"a": 1}, "call", {"path": "m"}, {"a": 1}),
            (jstp.Results(1, 2), "call", {"path": "m"}, 1),
        ]
        for answer, method, params, result in cases:
            answers.append(answer)
            self.assertEqual(self.ask(method, **params), result)

    def test_order(self) -> None:
        """What the owner changes before it answers is told before the answer."""

        def change(connection: Any, path: str, value: Any) -> None:
            client.begin("change", path, value)

        client: BusClient = self.client({"set": change})
        client.call("add", {"path": "s", "value": 1})
        peer = self.peer()
        peer.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
        peer.take()
        peer.send({"id": 2, "method": "set", "params": {"path": "s", "value": 2}})
        self.memory.flush()
        told, answer = peer.take()
        self.assertEqual(told["params"], {"path": "s", "event": "change", "value": 2})
        self.assertEqual(answer, {"id": 2, "result": True})

    def test_errors(self) -> None:
        """An error of the owner arrives with its code, its message and its data."""
        errors: list[Exception] = []

        def refuse(connection: Any, path: str, value: Any) -> None:
            raise errors.pop()

        self.owning(set=refuse)
        for error, expected in [
            (jstp.RemoteError(900, "no", [{"a": 1}]), (900, "no", {"a": 1})),
            (jstp.RemoteError(900, "no", [1, 2]), (900, "no", [1, 2])),
            (jstp.RemoteError(900, "no"), (900, "no", {"message": "no (900)"})),
            (jstp.RemoteError("E1", "no"), (-32603, "no", {"message": "no (E1)"})),
        ]:
            errors.append(error)
            self.assertEqual(self.ask("set", path="s", value=2), expected)
        errors.append(KeyError("x"))
        self.assertEqual(self.ask("set", path="s", value=2)[:2], (16, "Internal API error"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_noMethod(self) -> None:
        """A client that has no such method is an error at once, which says so."""
        self.owning(set=lambda connection: None)
        code, _, data = self.ask("call", path="m")
        self.assertEqual(
            (code, data["message"]), (-32603, "the owner of 'm' does not take requests: Method not found (14)")
        )
        self.assertEqual(self.ask("set", path="s", value=1)[2]["message"][-22:], "Invalid signature (17)")

    def test_nothingThere(self) -> None:
        """So is a client that offers nothing at all."""
        client = BusClient(self)
        client.client = jstp.Client(reconnector=lambda connection, reconnect: None)
        client.connect()
        client.call("add", {"path": "s", "value": 1})
        self.assertEqual(self.ask("set", path="s", value=1)[2]["message"][-24:], "Interface not found (12)")

    def test_cannotBeSent(self) -> None:
        """A value that JSTP cannot say is refused at once."""
        self.owning(set=lambda connection, path, value: None)
        peer = self.peer()
        peer.sendText('{"id":1,"method":"set","params":{"path":"s","value":1e999}}')
        self.memory.flush()
        [answer] = peer.take()
        self.assertEqual(answer["error"]["code"], -32603)
        self.assertIn("cannot be asked", answer["error"]["data"]["message"])

    def test_loneSurrogate(self) -> None:
        """A lone surrogate, which is JSON, is passed on both ways, and harms nobody."""
        asked: list[Any] = []
        self.owning(set=lambda connection, path, value: asked.append(value), invoke=lambda *args: asked.append(args[2]))
        peer = self.peer()
        peer.sendText('{"id":1,"method":"set","params":{"path":"s","value":"\\ud800","valueAsResult":true}}')
        peer.sendText('{"id":2,"method":"call","params":{"path":"m","args":[{"\\udfff":1}]}}')
        self.memory.flush()
        self.assertEqual([answer["result"] for answer in peer.take()], ["\ud800", None])
        self.assertEqual(asked, ["\ufffd", [{"\ufffd": 1}]])

    def test_notJson(self) -> None:
        """An answer that is no JSON is an error for who has asked."""
        self.owning(invoke=lambda *args: jstp.Results([jstp.UNDEFINED, 1]))
        self.assertIn("what the owner of 'm' answered[0]", self.ask("call", path="m")[2]["message"])

    def test_notification(self) -> None:
        """Requests to which nobody wants an answer reach the owner, too."""
        asked: list[Any] = []
        self.owning(set=lambda connection, path, value: asked.append(value))
        self.peer().send({"method": "set", "params": {"path": "s", "value": 2}})
        self.memory.flush()
        self.assertEqual(asked, [2])

    def test_late(self) -> None:
        """An owner has the time of the request; a late answer harms nobody."""
        answers: list[Deferred[Any]] = []

        def later(connection: Any, path: str, value: Any) -> Deferred[Any]:
            answers.append(Deferred())
            return answers[-1]

        self.owning(set=later)
        self.assertIsNone(self.ask("set", path="s", value=2, timeout=1))
        self.advance(1.1)
        answers[0].callback(5)
        self.memory.flush()
        self.assertEqual(self.client().call("info")["name"], "jetjstp")

    def test_neverAnswers(self) -> None:
        """Of a client that never answers no more calls are remembered than are waited for, and some."""
        self.owning(set=lambda *args: Deferred())
        peer = self.peer()
        for _ in range(1000):
            peer.send({"id": 1, "method": "set", "params": {"path": "s", "value": 2, "timeout": 0.01}})
            self.memory.flush()
            self.advance(0.02)
        [served] = self.memory.server.getClientsArray()
        assert served.exchange is not None
        self.assertLess(len(served.exchange._pending), 300)

    def test_callbackLost(self) -> None:
        """If the owner is lost while it is asked, who asks is told that nobody knows."""
        client = self.owning(set=lambda *args: Deferred())
        peer = self.peer()
        peer.send({"id": 1, "method": "set", "params": {"path": "s", "value": 2}})
        self.memory.flush()
        client.lose()
        client.comeBack()
        self.memory.flush()
        [answer] = peer.take()
        self.assertIn("may have done it or not", answer["error"]["data"]["message"])

    def test_gone(self) -> None:
        """If the session of the owner is over, who waits is told, and its elements are gone."""
        client = self.owning(set=lambda *args: Deferred())
        peer = self.peer()
        peer.send({"id": 1, "method": "set", "params": {"path": "s", "value": 2, "timeout": 10_000}})
        self.memory.flush()
        client.lose()
        self.advance(3601)
        self.memory.flush()
        [answer] = peer.take()
        self.assertEqual(answer["error"]["code"], -32603)
        self.assertEqual(self.client().call("get"), [])

    def test_oneself(self) -> None:
        """A client may ask for what it owns itself."""
        client = self.owning(invoke=lambda connection, path, args: sum(args))
        self.assertEqual(client.call("invoke", "m", [1, 2]), 3)

    def test_eachOther(self) -> None:
        """Clients of JSTP ask one another over the bus."""
        self.owning(invoke=lambda connection, path, args: args[::-1])
        self.assertEqual(self.client().call("invoke", "m", [1, "b"]), ["b", 1])
