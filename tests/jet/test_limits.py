"""
Tests for L{jetjstp.jet.limits}: every limit at its edge.
"""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.framing import LengthPrefixed
from jetjstp.jet.daemon import Daemon
from jetjstp.jet.limits import Limits
from jetjstp.jet.routing import DEFAULT_TIMEOUT
from jetjstp.testing import MemoryDaemon, MemoryEndpoint, MemoryPeer
from tests.jet.asking import add, ask, exceeded

TRUE = {"result": True}

USERS = {"joe": {"password": "s3cret", "auth": {"fetchGroups": []}}}

WRONG = {"error": {"code": -32602, "message": "Invalid params", "data": {"invalidPassword": True}}}


class ValueTests(SynchronousTestCase):
    """What limits may be."""

    def test_wrongValues(self) -> None:
        """What is no positive integer is refused, and the error names the field."""
        wrong: list[Any] = [0, -1, 1.5, "5", None, True, 1e6]
        for field in fields(Limits):
            for value in wrong:
                error = self.assertRaises(ValueError, Limits, **{field.name: value})
                self.assertIn(field.name, str(error))
                self.assertIn(repr(value), str(error))

    def test_marksInOrder(self) -> None:
        """The hard limit has to be above the mark where coalescing begins; the error names both with their values."""
        for high in (1000, 1001):
            error = self.assertRaises(ValueError, Limits, highWater=high, hardLimit=1000)
            for word in ("hardLimit", "1000", "highWater", str(high)):
                self.assertIn(word, str(error))
        self.assertEqual(Limits(highWater=999, hardLimit=1000).hardLimit, 1000)

    def test_deepest(self) -> None:
        """JSON that nests deeper than Python can read is not to be asked for."""
        error = self.assertRaises(ValueError, Limits, depth=501)
        self.assertEqual(str(error), "limit depth (501) must not exceed 500, which Python can read at all")

    def test_fixed(self) -> None:
        """Limits do not change once they are made."""
        with self.assertRaises(FrozenInstanceError):
            Limits().message = 5  # type: ignore[misc]

    def test_documented(self) -> None:
        """Every field says in the docstring what it is for."""
        for field in fields(Limits):
            self.assertIn(f"@ivar {field.name}: ", Limits.__doc__ or "")


class LimitTestCase(SynchronousTestCase):
    """A daemon with limits that are easily reached."""

    def start(self, **limits: int) -> MemoryPeer:
        """Start a daemon with these limits, and connect."""
        self.memory = MemoryDaemon(limits=Limits(**limits), users=USERS)
        return self.memory.connect()

    def assertServed(self, peer: MemoryPeer) -> None:
        """Nothing else is harmed by a limit."""
        self.assertEqual(ask(peer, "echo", a=1), {"result": {"a": 1}})
        self.assertEqual(self.flushLoggedErrors(), [])


class RequestTests(LimitTestCase):
    """Limits of single requests, and of what they leave behind."""

    def test_message(self) -> None:
        """A message of exactly the limit is fine; of a longer one, the prefix alone ends the connection."""
        peer = self.start(message=100)
        text = '{"id":1,"method":"echo","params":"%s"}'
        longest = text % ("x" * (100 - len(text) + 2))
        self.assertEqual(len(longest), 100)
        peer.sendText(longest)
        self.assertEqual(peer.take()[0]["id"], 1)
        peer.sendBytes((101).to_bytes(4, "big"))
        self.assertFalse(peer.connected)
        other = self.memory.connect()
        other.sendBytes(b"\xff\xff\xff\xff")
        self.assertFalse(other.connected)
        self.assertServed(self.memory.connect())

    def test_messageBehindOthers(self) -> None:
        """What came before a message that is too long is still worked on."""
        peer, owner = self.start(message=100), self.memory.connect()
        good = LengthPrefixed.pack(b'{"method":"add","params":{"path":"a","value":1}}')
        owner.send({"method": "fetch", "params": {"id": "f"}})
        peer.sendBytes(good + (101).to_bytes(4, "big") + good)
        self.assertFalse(peer.connected)
        told = [message["params"]["event"] for message in owner.take()]
        self.assertEqual(told, ["add", "remove"])

    def test_depth(self) -> None:
        """A message that nests exactly to the limit is fine; a deeper one is a parse error."""
        peer = self.start(depth=5)
        for depth, isFine in ((4, True), (5, False)):
            params = "[" * depth + '"[["' + "]" * depth
            # Short messages cannot be too deep, so they are not looked at.
            peer.sendText(f'{{"id":1,"method":"echo","params":{params},"padding":"{"x" * 20}"}}')
            (answer,) = peer.take()
            self.assertEqual("result" in answer, isFine)
        self.assertEqual(answer["error"]["code"], -32700)
        peer.sendText("[" * 6 + "]" * 6)
        self.assertEqual(peer.take()[0]["error"]["code"], -32700)
        self.assertServed(peer)

    def test_deepest(self) -> None:
        """Whatever is done with it, a value of the greatest depth that there may be is no trouble."""
        peer = self.start(depth=500)
        nested = "[" * 497 + "%s" + "]" * 497
        peer.send({"method": "fetch", "params": {"id": "f", "value": {"isType": "object"}}})
        peer.send({"method": "fetch", "params": {"id": "s", "sort": {"byValueField": {"x": "object"}}}})
        for path, inner in (("plain", "1"), ("surrogate", '"\\ud800"'), ("huge", "1e999")):
            value = nested % inner
            params = f'{{"path":"{path}","value":{value}}}'
            for method in ("add", "change"):
                peer.take()
                peer.sendText(f'{{"id":1,"method":"{method}","params":{params}}}')
                self.assertIn({"id": 1, **TRUE}, peer.take())
        found = ask(peer, "get", value={"isType": "object"})["result"]
        self.assertEqual([one["path"] for one in found], ["plain", "surrogate", "huge"])
        self.assertServed(peer)

    def test_path(self) -> None:
        """Characters count, not bytes; the name of a peer is limited likewise."""
        peer = self.start(path=10)
        self.assertEqual(ask(peer, "add", path="ä" * 10, value=1), TRUE)
        self.assertEqual(ask(peer, "add", path="a" * 11, value=1), exceeded("path", 10))
        self.assertEqual(ask(peer, "config", name="b" * 10), TRUE)
        self.assertEqual(ask(peer, "config", name="c" * 11), exceeded("path", 10))
        self.assertEqual(self.memory.daemon.peers[0].name, "b" * 10)
        self.assertEqual(len(ask(peer, "get")["result"]), 1)

    def test_elementsPerPeer(self) -> None:
        """A peer that owns as many as it may adds no more, others do, and what it removes makes room."""
        peer = self.start(elementsPerPeer=2)
        add(peer, "a", "b")
        self.assertEqual(ask(peer, "add", path="c"), exceeded("elementsPerPeer", 2))
        self.assertEqual(ask(peer, "add", path="b")["error"]["data"], {"pathAlreadyExists": "b"})
        other = self.memory.connect()
        self.assertEqual(ask(other, "add", path="c"), TRUE)
        self.assertEqual(ask(peer, "remove", path="a"), TRUE)
        self.assertEqual(ask(peer, "add", path="a"), TRUE)
        self.assertEqual(ask(peer, "add", path="d"), exceeded("elementsPerPeer", 2))

    def test_elements(self) -> None:
        """When all peers together have as many as there may be, nobody adds more until one is removed, or leaves."""
        peer, other = self.start(elements=3), self.memory.connect()
        add(peer, "a", "b")
        add(other, "c")
        for each in (peer, other):
            self.assertEqual(ask(each, "add", path="d", value=1), exceeded("elements", 3))
        peer.disconnect()
        add(other, "d", "e")
        self.assertEqual(ask(other, "add", path="f"), exceeded("elements", 3))
        self.assertEqual(ask(other, "remove", path="c"), TRUE)
        self.assertEqual(ask(other, "add", path="f"), TRUE)

    def test_fetchesPerPeer(self) -> None:
        """A peer has no more fetches than it may; replacing one and ending one work all the same."""
        peer = self.start(fetchesPerPeer=2)
        self.assertEqual(ask(peer, "fetch", id=1), TRUE)
        self.assertEqual(ask(peer, "fetch", id="1"), TRUE)
        self.assertEqual(ask(peer, "fetch", id=2), exceeded("fetchesPerPeer", 2))
        self.assertEqual(ask(peer, "fetch", id=1, path={"equals": "a"}), TRUE)
        self.assertEqual(ask(self.memory.connect(), "fetch", id=2), TRUE)
        self.assertEqual(ask(peer, "unfetch", id="1"), TRUE)
        self.assertEqual(ask(peer, "fetch", id=2), TRUE)
        self.assertEqual(ask(peer, "get")["result"], [])
        self.assertServed(peer)

    def test_rule(self) -> None:
        """A rule counts with all that is in the params."""
        peer = self.start(rule=60)
        params = {"id": "f", "path": {"contains": "x"}}
        params["path"] = {"contains": "x" * (61 - len(json.dumps(params, separators=(",", ":"))))}
        self.assertEqual(len(json.dumps(params, separators=(",", ":"))), 60)
        for method in ("fetch", "get"):
            self.assertIn("result", ask(peer, method, **params))
            self.assertEqual(ask(peer, method, **params, y=1), exceeded("rule", 60))
        self.assertServed(peer)

    def test_operands(self) -> None:
        """A rule has as many operands as it may: texts that paths are searched for, value operators, and fields."""
        peer = self.start(operands=5)
        rules: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"path": {"containsOneOf": list("abcde")}}, {"path": {"containsOneOf": list("abcdef")}}),
            ({"path": {"containsAllOf": list("abcd"), "equalsOneOf": list("abcdefgh")}}, {}),
            ({"valueField": {name: {} for name in "abcde"}}, {"valueField": {name: {} for name in "abcdef"}}),
            (
                {"value": {"isType": "object"}, "valueField": {"a": {"equals": 1}, "b": {"equals": 1}}},
                {"valueField": {name: {"equals": 1} for name in "abc"}},
            ),
        ]
        for good, bad in rules:
            for method in ("get", "fetch"):
                self.assertIn("result", ask(peer, method, id=1, **good))
                if bad:
                    self.assertEqual(ask(peer, method, id=1, **bad), exceeded("operands", 5))
        self.assertServed(peer)

    def test_operandsPerPeer(self) -> None:
        """The rules of all fetches of a peer have as many operands as they may; a get is no fetch."""
        peer = self.start(operandsPerPeer=5)
        three, two = {"path": {"containsOneOf": list("abc")}}, {"value": {"greaterThan": 1, "lessThan": 5}}
        self.assertEqual(ask(peer, "fetch", id=1, **three), TRUE)
        self.assertEqual(ask(peer, "fetch", id=2, **three), exceeded("operandsPerPeer", 5))
        self.assertEqual(ask(peer, "fetch", id=2, **two), TRUE)
        self.assertEqual(ask(peer, "fetch", id=3, path={"contains": "a"}), exceeded("operandsPerPeer", 5))
        self.assertEqual(ask(peer, "fetch", id=3), TRUE)
        self.assertEqual(ask(peer, "fetch", id=1, **three), TRUE)
        self.assertEqual(ask(peer, "get", **three)["result"], [])
        self.assertEqual(ask(self.memory.connect(), "fetch", id=1, **three), TRUE)
        self.assertEqual(ask(peer, "unfetch", id=1), TRUE)
        self.assertEqual(ask(peer, "fetch", id=4, **three), TRUE)
        self.assertServed(peer)

    def test_rulesPerPeer(self) -> None:
        """The texts of all rules of a peer are as long as they may be, to the byte."""
        peer = self.start(rulesPerPeer=100)

        def fetch(id: int, size: int) -> Any:
            empty = json.dumps({"id": id, "path": {"equalsOneOf": [""]}}, separators=(",", ":"))
            return ask(peer, "fetch", id=id, path={"equalsOneOf": ["x" * (size - len(empty))]})

        self.assertEqual(fetch(1, 50), TRUE)
        self.assertEqual(fetch(2, 51), exceeded("rulesPerPeer", 100))
        self.assertEqual(fetch(2, 50), TRUE)
        self.assertEqual(ask(peer, "fetch", id=3), exceeded("rulesPerPeer", 100))
        self.assertEqual(fetch(1, 51), exceeded("rulesPerPeer", 100))
        self.assertEqual(fetch(1, 49), TRUE)
        self.assertEqual(ask(peer, "unfetch", id=2), TRUE)
        self.assertEqual(fetch(3, 51), TRUE)
        (client,) = self.memory.daemon._server.receivers
        self.assertEqual(client.ruleBytes, 100)
        peer.disconnect()
        self.assertEqual((client.ruleBytes, client.operands), (0, 0))

    def test_pendingPerPeer(self) -> None:
        """A peer waits for as many answers as it may; each that comes, or comes too late, makes room."""
        peer, owner = self.start(pendingPerPeer=2), self.memory.connect()
        add(owner, "a")
        for number in (1, 2, 3):
            peer.send({"id": number, "method": "set", "params": {"path": "a", "value": number}})
        error = exceeded("pendingPerPeer", 2)
        self.assertEqual(peer.take(), [{"id": 3, **error}])
        first = owner.take()[0]
        self.assertEqual(ask(self.memory.connect(), "set", path="a", value=1), None)
        owner.send({"id": first["id"], "result": True})
        peer.take()
        self.assertEqual(ask(peer, "call", path="a")["error"]["data"], {"wrongKind": "a"})
        self.assertEqual(ask(peer, "set", path="a", value=4), None)
        self.assertEqual(ask(peer, "set", path="a", value=5), error)
        # Nobody waits for the answer to a notification.
        owner.take()
        peer.send({"method": "set", "params": {"path": "a", "value": 6}})
        self.assertEqual(owner.take(), [{"method": "a", "params": {"value": 6}}])
        self.memory.clock.advance(DEFAULT_TIMEOUT)
        peer.take()
        self.assertEqual(ask(peer, "set", path="a", value=7), None)
        self.assertEqual(ask(peer, "set", path="a", value=8), None)
        self.assertEqual(ask(peer, "set", path="a", value=9), error)

    def test_pendingBytes(self) -> None:
        """What a peer waits for is limited by its size, too."""
        request = {"id": 1, "method": "set", "params": {"path": "a", "value": "xxxx"}}
        size = len(json.dumps(request, separators=(",", ":")))
        peer, owner = self.start(pendingBytes=2 * size), self.memory.connect()
        add(owner, "a")
        peer.send(request, request)
        self.assertEqual(peer.take(), [])
        peer.send(request)
        self.assertEqual(peer.take(), [{"id": 1, **exceeded("pendingBytes", 2 * size)}])
        first, _ = owner.take()
        owner.send({"id": first["id"], "result": 1})
        self.assertEqual(peer.take(), [{"id": 1, "result": 1}])
        peer.send(request)
        self.assertEqual(peer.take(), [])
        peer.send({**request, "id": 2})
        self.assertEqual(peer.take()[0]["error"]["data"]["limitExceeded"], "pendingBytes")

    def test_longestGet(self) -> None:
        """An answer to a get may be as long as the hard limit, sorted or not; of a longer one the peer is told."""
        peer = self.start(highWater=100, hardLimit=1000)
        add(peer, *(f"state {number}" for number in range(5)), value="x" * 100)
        sort = {"to": 100}
        for rule in ({}, {"sort": sort}):
            self.assertEqual(len(ask(peer, "get", **rule)["result"]), 5)
        add(peer, *(f"more {number}" for number in range(5)), value="x" * 100)
        for rule in ({}, {"sort": sort}):
            self.assertEqual(ask(peer, "get", **rule), exceeded("hardLimit", 1000))
            self.assertEqual(len(ask(peer, "get", path={"startsWith": "more"}, **rule)["result"]), 5)
        self.assertServed(peer)


class ConnectionTests(LimitTestCase):
    """Limits where no request is to blame."""

    def test_connections(self) -> None:
        """One connection more than there may be is refused, with a log line, until one of them ends."""
        first = self.start(connections=2)
        self.memory.connect()
        with capturedLogs() as logs:
            self.assertRaises(ConnectionRefusedError, self.memory.connect)
        self.assertIn("2 are open", formatEvent(logs[0]))
        self.assertServed(first)
        first.disconnect()
        self.assertServed(self.memory.connect())
        self.assertRaises(ConnectionRefusedError, self.memory.connect)

    def test_connectionsOfAllDialects(self) -> None:
        """Listeners share the limit, whatever their peers speak; those for WebSocket have one of their own."""
        daemon = Daemon(reactor=Clock(), limits=Limits(connections=2))
        streams = [MemoryEndpoint() for _ in range(3)]
        webSockets = [MemoryEndpoint() for _ in range(2)]
        daemon.listen(endpoints=streams[:1], wsEndpoints=webSockets[:1])
        daemon.listen(endpoints=streams[1:2], wsEndpoints=webSockets[1:], dialect="3")
        daemon.listen(endpoints=streams[2:], dialect="2")
        first = streams[0].connect()
        streams[1].connect()
        for stream in streams:
            self.assertRaises(ConnectionRefusedError, stream.connect)
        first.disconnect()
        streams[2].connect()
        self.assertRaises(ConnectionRefusedError, streams[0].connect)
        for webSocket in webSockets:
            link = cast(Any, webSocket.factory).buildProtocol(IPv4Address("TCP", "192.0.2.2", 5))
            link.makeConnection(StringTransport())
            self.addCleanup(link.connectionLost, Failure(ConnectionDone()))
        for webSocket in webSockets:
            self.assertIs(cast(Any, webSocket.factory).buildProtocol(None), None)

    def test_hardLimit(self) -> None:
        """A peer that reads nothing is kept while what waits for it is at most the hard limit, then it is dropped."""
        peer, other = self.start(highWater=1000, hardLimit=10_000), self.memory.connect()
        peer.stopReading()
        peer.send({"id": 0, "method": "echo", "params": "x" * 70_000})  # what the transport takes
        frame = len(LengthPrefixed.pack(b'{"id":1,"result":""}'))
        for _ in range(10):
            peer.send({"id": 1, "method": "echo", "params": "x" * (1000 - frame)})
        self.assertTrue(peer.connected)
        with capturedLogs() as logs:
            peer.send({"id": 1, "method": "echo", "params": ""})
        self.assertFalse(peer.connected)
        (line,) = map(formatEvent, logs)
        self.assertIn("does not read", line)
        self.assertIn("192.0.2.2", line)
        self.assertServed(other)

    def test_failedLogins(self) -> None:
        """The last wrong login that a connection may have is answered, and ends it; right ones do not count."""
        peer, other = self.start(failedLogins=3), self.memory.connect()
        for _ in range(5):
            self.assertIn("result", ask(peer, "authenticate", user="joe", password="s3cret"))
        for _ in range(2):
            self.assertEqual(ask(peer, "authenticate", user="joe", password="wrong"), WRONG)
        self.assertIn("result", ask(peer, "authenticate", user="joe", password="s3cret"))
        self.assertTrue(peer.connected)
        with capturedLogs() as logs:
            self.assertEqual(ask(peer, "authenticate", user="joe", password="wrong"), WRONG)
        self.assertFalse(peer.connected)
        self.assertIn("too many failed logins", formatEvent(logs[0]))
        self.assertNotIn("wrong", formatEvent(logs[0]))
        self.assertServed(other)

    def test_failedLoginsTogether(self) -> None:
        """Wrong logins that come in one piece count one by one: none behind the last one is looked at."""
        peer = self.start(failedLogins=3)
        wrong = {"method": "authenticate", "params": {"user": "joe", "password": "wrong"}}
        peer.send(*({**wrong, "id": number} for number in range(50)))
        self.assertFalse(peer.connected)
        self.assertEqual([message["id"] for message in peer.take()], [0, 1, 2])

    def test_failedLoginsPerMinute(self) -> None:
        """After so many from an address further logins there are refused unseen, until a minute has passed."""
        self.start(failedLoginsPerMinute=3)
        refused = exceeded("failedLoginsPerMinute", 3)
        for seconds in (0, 10, 10):
            self.memory.clock.advance(seconds)
            self.assertEqual(ask(self.memory.connect(), "authenticate", user="joe", password="wrong"), WRONG)
        peer = self.memory.connect()
        for password in ("wrong", "s3cret"):
            self.assertEqual(ask(peer, "authenticate", user="joe", password=password), refused)
        elsewhere = self.memory.connect("192.0.2.77")
        self.assertIn("result", ask(elsewhere, "authenticate", user="joe", password="s3cret"))
        self.memory.clock.advance(39.5)
        self.assertEqual(ask(peer, "authenticate", user="joe", password="s3cret"), refused)
        self.memory.clock.advance(0.5)  # a minute after the first
        self.assertIn("result", ask(peer, "authenticate", user="joe", password="s3cret"))
        self.assertEqual(ask(peer, "authenticate", user="joe", password="wrong"), WRONG)
        self.assertEqual(ask(peer, "authenticate", user="joe", password="s3cret"), refused)
        self.assertServed(peer)
        self.memory.clock.advance(60)
        self.assertIn("result", ask(peer, "authenticate", user="joe", password="s3cret"))

    def test_refusedUnseen(self) -> None:
        """What is refused unseen does not count as another failure, neither here nor for the connection."""
        peer = self.start(failedLogins=3, failedLoginsPerMinute=2)
        for _ in range(2):
            ask(peer, "authenticate", user="joe", password="wrong")
        for _ in range(10):
            ask(peer, "authenticate", user="joe", password="wrong")
        self.assertTrue(peer.connected)
        self.memory.clock.advance(60)
        self.assertIn("result", ask(peer, "authenticate", user="joe", password="s3cret"))
