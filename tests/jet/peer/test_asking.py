"""What a peer asks for, what a daemon answers, and what of it an application gets."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet
from tests.jet.peer.scripted import ScriptedDaemon


class AskingTests(SynchronousTestCase):
    """Requests and answers on one connection."""

    def setUp(self) -> None:
        """A connected peer."""
        self.daemon = ScriptedDaemon()
        self.peer = self.daemon.connected()

    def test_deadline(self) -> None:
        """There is an end to the waiting, whatever the daemon does; a late answer is dropped."""
        quick, usual = self.peer.set("a", 1, timeout=1), self.peer.call("a")
        first, second = self.daemon.take()
        self.daemon.clock.advance(3)
        self.failureResultOf(quick, jet.PeerTimeout, TimeoutError)
        self.daemon.clock.advance(57)
        self.failureResultOf(usual, jet.PeerTimeout)
        for asked in (first, second):
            self.daemon.send({"id": asked["id"], "result": True})
        self.assertTrue(self.peer.isConnected())

    def test_cancel(self) -> None:
        """A cancelled request is forgotten; its answer harms nobody."""
        asking = self.peer.set("a", 1)
        (asked,) = self.daemon.take()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.daemon.send({"id": asked["id"], "result": True})
        self.daemon.clock.advance(100)
        self.assertEqual(self.daemon.clock.getDelayedCalls(), [])

    def test_cancelledDeclarations(self) -> None:
        """A cancelled add is taken back, so is a cancelled fetch."""
        adding = self.peer.add(jet.State("a", 1))
        fetching = self.peer.fetch(jet.Fetcher())
        self.daemon.take()
        adding.cancel()
        fetching.cancel()
        self.failureResultOf(adding, CancelledError)
        self.failureResultOf(fetching, CancelledError)
        self.assertEqual([message["method"] for message in self.daemon.take()], ["remove", "unfetch"])

    def test_batch(self) -> None:
        """A batch is one frame; its end is the end of the block, an exception included, or a turn of the reactor."""
        with self.peer.batch():
            self.peer.set("a", 1)
            with self.peer.batch():
                self.peer.set("b", 1)
            self.assertEqual(self.daemon.frames(), [])
        self.assertEqual([len(frame) for frame in self.daemon.frames()], [2])
        with self.assertRaises(KeyError), self.peer.batch():
            self.peer.set("a", 1)
            raise KeyError("x")
        self.assertEqual(len(self.daemon.frames()), 1)

        async def inside() -> Any:
            with self.peer.batch():
                other = self.peer.set("a", 1)
                await self.peer.set("b", 2)
                return await other

        waiting = Deferred.fromCoroutine(inside())
        self.daemon.clock.advance(0)
        frames = self.daemon.frames()
        self.assertEqual([len(frame) for frame in frames], [2])
        for asked in frames[0]:
            self.daemon.send({"id": asked["id"], "result": asked["params"]["value"]})
        self.assertEqual(self.successResultOf(waiting), 1)
        self.assertEqual(self.daemon.clock.getDelayedCalls()[1:], [])

    def test_blockedBatch(self) -> None:
        """A batch waits like anything else while the daemon does not read."""
        self.peer.linkBlocked()
        with self.peer.batch():
            self.peer.set("a", 1)
        self.assertEqual(self.daemon.frames(), [])
        self.peer.linkDrained()
        self.assertEqual(len(self.daemon.frames()), 1)

    def test_longBatch(self) -> None:
        """An array is not longer than what daemons take."""
        with self.peer.batch():
            for _ in range(10):
                self.peer.set("a", "x" * 100_000)
        self.assertEqual([len(frame) if isinstance(frame, list) else 1 for frame in self.daemon.frames()], [2] * 5)

    def test_strangeMessages(self) -> None:
        """Whatever a daemon sends, the peer goes on."""
        self.peer.on("error", lambda error: None)
        asking = self.peer.set("a", 1)
        (asked,) = self.daemon.take()
        for text in ("", "nonsense", "null", "5", '"x"', "[]", "[[]]", "[null,5]", "{}", "[" * 5000, '{"id":{}}'):
            self.daemon.sendText(text) if text else None
        self.daemon.send({"id": "x", "result": 1}, {"id": 99, "error": 1}, {"method": 5}, {"method": ""})
        self.daemon.send({"error": {"code": -32700, "message": "Parse error", "data": {}}}, {"result": {}})
        self.daemon.send([{"id": 77, "result": True}, {"id": asked["id"], "result": 4}])
        self.assertEqual(self.successResultOf(asking), 4)

    def test_strangeErrors(self) -> None:
        """Whatever an error looks like, it is one."""
        for error, kind in (
            ("text", jet.PeerError),
            (None, jet.DaemonError),
            (5, jet.DaemonError),
            ({"code": -32602, "message": "m", "data": None}, jet.DaemonError),
            ({"code": -32603, "message": "m"}, jet.PeerError),
            ({"code": 10**400, "message": "m"}, jet.DaemonError),
            ({"code": 1.5, "message": "m"}, jet.DaemonError),
            ({"code": -32602, "data": {"request not authorized": "a"}}, jet.Unauthorized),
            ({"code": -32602, "data": {"invalid credentials": "a"}}, jet.InvalidCredentials),
            ({"code": -32603, "data": {"reason": "timeout for routed request"}}, jet.PeerTimeout),
            ({"code": -32602, "message": "x", "data": {"name": "jet.NotFound", "details": "a"}}, jet.NotFound),
            (
                {"code": -32602, "message": "Missing authorization", "data": {"name": "jet.invalid params"}},
                jet.Unauthorized,
            ),
        ):
            asking = self.peer.set("a", 1)
            (asked,) = self.daemon.take()
            self.daemon.send({"id": asked["id"], "error": error})
            failure = self.failureResultOf(asking)
            self.assertIs(type(failure.value), kind, error)
            self.assertTrue(str(failure.value))

    def test_notJson(self) -> None:
        """What is no JSON is refused where it is given, with its place."""
        for value, words in (
            ({"a": [1, {2}]}, "value['a'][1] is a set"),
            ({1: 2}, "the key 1"),
            (float("nan"), "nan"),
            ([float("inf")], "value[0] is inf"),
            (b"x", "bytes"),
        ):
            with self.assertRaises((TypeError, ValueError)) as caught:
                self.peer.set("a", value)
            self.assertIn(words, str(caught.exception))
        circle: list[Any] = []
        circle.append(circle)
        with self.assertRaises(ValueError):
            jet.State("a", circle)
        self.assertEqual(self.daemon.take(), [])

    def test_unusualJson(self) -> None:
        """What is JSON arrives, lone surrogates and long integers included."""
        for value in ("\ud800", 10**30, [None, True, -0.5, {"": ()}]):
            self.peer.set("a", value)
        sent = [message["params"]["value"] for message in self.daemon.take()]
        self.assertEqual(sent, ["\ud800", 10**30, [None, True, -0.5, {"": []}]])

    def test_subclasses(self) -> None:
        """What is a string or a number is sent as one, whatever else it is; numpy's floats are floats."""

        class Name(str):
            """A string."""

        class Length(float):
            """A number."""

        for value in (Name("x"), Length(0.5), [Name("x"), {Name("y"): Length(2)}], HTTPStatus.OK):
            self.peer.set("a", value)
        sent = [message["params"]["value"] for message in self.daemon.take()]
        self.assertEqual(sent, ["x", 0.5, ["x", {"y": 2.0}], 200])
