"""
Clients that ask for all that they can, so that others wait or memory runs out;
and programs that send what nobody can take.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import Application, Limits
from tests.jstp.pairs import DOWN, Pair
from tests.jstp.servers import ServerTestCase


class TurnTests(ServerTestCase):
    """What a client sends in one go does not keep others waiting."""

    def setUp(self) -> None:
        super().setUp()
        self.worked: list[int] = []
        self.restart(applications=[Application("app", {"i": {"take": self.take}})])

    def take(self, connection: Any, number: int) -> None:
        """A method that takes two milliseconds."""
        self.clock.rightNow += 0.002
        self.worked.append(number)

    def flood(self, client: Any, count: int = 10) -> None:
        """Send many calls in one piece."""
        client.say(*(f"{{call:[{number},'i'],take:[{number}]}}" for number in range(1, count + 1)))

    def test_others(self) -> None:
        """After a few milliseconds what was done is answered, and others have their turn; then it goes on in order."""
        client, _, _ = self.connect()
        other, _, _ = self.connect()
        self.flood(client)
        self.assertEqual(len(client.rest()), 3)
        self.assertTrue(client.transport.paused)
        self.assertEqual(other.ask("{ping:[1]}"), {"pong": [1]})
        client.say("{ping:[11]}")
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual(self.worked, list(range(1, 11)))
        client.push()
        self.assertEqual(client.rest()[-1], "{pong:[11]}")
        self.assertFalse(client.transport.paused)

    def test_webSocket(self) -> None:
        """Over WebSocket, too."""
        self.restart(applications=[Application("app", {"i": {"take": self.take}})], isWebSocket=True)
        client = self.memory.upgrade()
        client.open()
        self.flood(client)
        self.assertEqual(self.worked, [1, 2, 3])
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual(self.worked, list(range(1, 11)))
        self.assertEqual(len(client.rest()), 10)
        client.disconnect()

    def test_nothingLeft(self) -> None:
        """Who has sent no more than what takes so long does not wait, and nothing is scheduled."""
        client, _, _ = self.connect()
        before = len(self.clock.getDelayedCalls())
        self.flood(client, 3)
        self.assertEqual(len(client.rest()), 3)
        self.assertFalse(client.transport.paused)
        self.assertEqual(len(self.clock.getDelayedCalls()), before)

    def test_gone(self) -> None:
        """What a client that is gone was waiting for is not worked on; it sends it again when it comes back."""
        client, id, _ = self.connect()
        self.flood(client)
        client.disconnect()
        self.clock.advance(0)
        self.assertEqual(self.worked, [1, 2, 3])
        client = self.memory.connect()
        self.assertEqual(client.restore(id)["ok"], 3)

    def test_moved(self) -> None:
        """A session that is restored from elsewhere meanwhile goes on there."""
        client, id, _ = self.connect()
        self.flood(client)
        client = self.memory.connect()
        self.assertEqual(client.restore(id)["ok"], 3)
        client.say("{call:[4,'i'],take:[40]}")
        self.clock.advance(0)
        self.assertEqual(self.worked, [1, 2, 3, 40])

    def test_recorded(self) -> None:
        """What was recorded as received is worked on even if the client is gone, in turns, too."""
        self.restart(applications=[Application("app", {"i": {"take": self.take}})], sessionDurability="always")
        client, id, _ = self.connect()
        self.flood(client)
        client.disconnect()
        self.assertEqual(len(self.worked), 6)
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual(self.worked, list(range(1, 11)))
        client = self.memory.connect()
        self.assertEqual(client.restore(id)["ok"], 10)


class MemoryTests(ServerTestCase):
    """What a client can make a server keep."""

    def test_runningBytes(self) -> None:
        """Calls that are being answered may not be too large, together; one is always worked on."""
        self.restart(limits=Limits(runningBytes=1000))
        client, _, _ = self.connect()
        text = "x" * 600
        client.say(*(f"{{call:[{number},'calc'],slow:[{number}00],x:'{text}'}}" for number in (1, 2)), "{ping:[3]}")
        self.assertEqual(client.rest(), [])
        self.assertTrue(client.transport.paused)
        self.memory.advance(0.15)
        self.assertEqual(client.rest(), ["{callback:[1],ok:[100]}", "{pong:[3]}"])
        self.assertFalse(client.transport.paused)
        self.memory.advance(0.1)
        client.say(f"{{call:[4,'calc'],slow:[100],x:'{text * 2}'}}", "{ping:[5]}")
        self.memory.advance(0.15)
        self.assertEqual(client.rest(), ["{callback:[2],ok:[200]}", "{callback:[4],ok:[100]}", "{pong:[5]}"])

    def test_blanksInRange(self) -> None:
        """The range of versions that a client has asked for is kept without the blanks, of which there may be many."""
        client = self.memory.connect()
        client.open("vapp', '>=1.0.0" + " " * 50_000 + "<2.0.0")
        (requested,) = self.server._requests.values()
        self.assertEqual(requested, ">=1.0.0 <2.0.0")

    def test_comesAndGoes(self) -> None:
        """What a client did not read is not kept for it when its session has moved."""
        client, id, connection = self.connect()
        client.stopReading()
        for _ in range(3):
            connection.emitRemoteEvent("e", "a", ["x" * 90_000])
        again = self.memory.connect()
        again.restore(id)
        self.assertFalse(client.connected)
        self.assertEqual(len(again.rest()), 3)

    def test_answersToNobody(self) -> None:
        """When a client is given up that does not read, this is said once, and answers that follow are dropped."""
        answers: list[Deferred[str]] = []

        def later(connection: Any) -> Deferred[str]:
            answers.append(Deferred())
            return answers[-1]

        pair = Pair(Application("app", {"i": {"later": later}}), limits=Limits(unsent=300_000))
        pair.connect()
        pair.hold(DOWN)
        for _ in range(20):
            pair.connection.callMethod("i", "later").addErrback(lambda _: None)
        pair.settle()
        with capturedLogs() as logs:
            for answer in answers:
                answer.callback("x" * 100_000)
        self.assertEqual([event.get("event") for event in logs], ["dropped"])
        self.assertEqual(pair.served.exchange.outbox, [])


class ClosingTests(ServerTestCase):
    """A server that is being closed."""

    def test_undecided(self) -> None:
        """Who is let in when the server is closed already does not come in, however long its transport takes to end."""
        client = self.memory.connect()
        client.stopReading()
        client.transport.write(b"x")
        client.say("{handshake:[0,'app'],login:['slow','']}")
        closing = self.memory.server.close()
        self.assertTrue(client.connected)
        self.memory.advance(0.2)
        self.assertNotIn("connect", self.memory.events)
        client.startReading()
        self.successResultOf(closing)


def nested(levels: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


class SendingTests(SynchronousTestCase):
    """What the other side would not read is refused: else it would end every connection over which it is sent again."""

    def setUp(self) -> None:
        self.told: list[Any] = []
        self.pair = Pair(
            Application(
                "app",
                {"i": {"long": lambda connection: "x" * 9_000_000, "deep": lambda connection: nested(200), "ok": int}},
                {"i": {"told": lambda connection, *args: self.told.append(args)}},
            )
        )
        self.pair.connect()

    def test_tooLong(self) -> None:
        """Arguments that make a message too long are an error of who wants to send them."""
        connection = self.pair.connection
        with self.assertRaisesRegex(ValueError, "a message of 90000[0-9]+ bytes is too long to be sent"):
            connection.emitRemoteEvent("i", "told", ["x" * 9_000_000])
        self.failureResultOf(connection.callMethod("i", "long", ["x" * 9_000_000]), ValueError)
        self.pair.server.on("log", lambda *args: None)
        with self.assertRaises(ValueError):
            self.pair.server.broadcast("i", "told", "x" * 9_000_000)
        connection.emitRemoteEvent("i", "told", ["x" * 8_000_000])
        self.pair.wait(1)
        self.assertEqual(len(self.told), 1)
        self.assertEqual(len(self.pair.wires), 1)

    def test_tooDeep(self) -> None:
        """So are those that nest too deeply; what can be sent just about arrives."""
        connection = self.pair.connection
        with self.assertRaises(ValueError):
            connection.emitRemoteEvent("i", "told", [nested(199)])
        connection.emitRemoteEvent("i", "told", [nested(198)])
        self.pair.wait(1)
        self.assertEqual(self.told, [(nested(198),)])
        self.assertEqual(len(self.pair.wires), 1)

    def test_results(self) -> None:
        """Results alike are an error of the method, which is logged and answered."""
        for method in ("long", "deep"):
            answer = self.pair.connection.callMethod("i", method)
            self.pair.wait(1)
            self.assertEqual(self.failureResultOf(answer).value.code, 16)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(len(self.pair.wires), 1)

    def test_longerByAgreement(self) -> None:
        """Who takes longer messages may send them."""
        limits = Limits(message=16 * 1024 * 1024)
        application = Application("app", {"i": {"size": lambda connection, text: len(text)}})
        pair = Pair(application, clock=Clock(), limits=limits, clientLimits=limits)
        answer = pair.connect().callMethod("i", "size", ["x" * 9_000_000])
        pair.wait(1)
        self.assertEqual(self.successResultOf(answer), [9_000_000])
