"""Tests of L{jetjstp.jstp.carrier}: what is received and sent, and when."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.applications import Application
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.mdsf import stringify
from tests.jstp.pairs import BUFFER, DOWN, UP, WAIT, Pair


class CarrierTestCase(SynchronousTestCase):
    """A client and a server that notes what it is asked."""

    def makePair(self, **options: Any) -> Pair:
        """Connect."""
        self.heard: list[Any] = []
        self.slow: list[Deferred[Any]] = []

        def slowly(connection: Any, number: int) -> Deferred[Any]:
            self.heard.append(number)
            self.slow.append(Deferred())
            return self.slow[-1]

        def echo(connection: Any, value: Any) -> Any:
            self.heard.append(value)
            return value

        def emit(connection: Any, count: int) -> None:
            for number in range(count):
                connection.emitRemoteEvent("i", "e", [number])

        api = {"i": {"slowly": slowly, "echo": echo, "emit": emit}}
        events = {"i": {"e": lambda connection, value: self.heard.append(value)}}
        self.pair = Pair(Application("app", api, events), Application("client", api, events), **options)
        self.pair.connect()
        return self.pair

    def say(self, *texts: str) -> None:
        """The client's side writes by hand."""
        wire = self.pair.wire
        wire.client.write("".join(text + "\0" for text in texts).encode())
        self.pair.settle()


class WritingTests(CarrierTestCase):
    """What is written, and how often."""

    def test_oneWriteForOneChunk(self) -> None:
        """The answers to all messages of a chunk, and what is emitted meanwhile, are written together."""
        pair = self.makePair()
        writes = pair.wire.server.writes
        self.say("{call:[1,'i'],echo:[1]}", "{call:[2,'i'],emit:[3]}", "{ping:[3]}", "{inspect:[4,'i']}")
        self.assertEqual(pair.wire.server.writes, writes + 1)

    def test_order(self) -> None:
        """A listener that emits something when a message goes out comes behind that message."""
        pair = self.makePair()
        pair.connection.once("outgoingMessage", lambda message: pair.connection.emitRemoteEvent("i", "e", ["later"]))
        pair.connection.emitRemoteEvent("i", "e", ["sooner"])
        pair.settle()
        self.assertEqual(self.heard, ["sooner", "later"])

    def test_outgoingMessagesOnce(self) -> None:
        """Each message that goes out is told once."""
        pair = self.makePair()
        told: list[Any] = []
        pair.connection.on("outgoingMessage", told.append)
        for number in range(3):
            pair.connection.emitRemoteEvent("i", "e", [number])
        pair.settle()
        self.assertEqual([message["e"] for message in told], [[0], [1], [2]])

    def test_peerThatDoesNotRead(self) -> None:
        """What a client does not read waits, nothing more is read from it, and it all goes on when it reads again."""
        pair = self.makePair()
        text = "a" * 1000
        pair.hold(DOWN)
        for number in range(300):
            pair.connection.callMethod("i", "echo", [f"{number}{text}"])
        pair.settle()
        self.assertTrue(pair.wire.server.isPaused)
        self.assertLess(len(pair.wire.server.outgoing), 8 * BUFFER)
        pair.release(DOWN)
        pair.settle()
        self.assertFalse(pair.wire.server.isPaused)
        self.assertEqual(len(self.heard), 300)

    def test_slowConsumer(self) -> None:
        """Who lets too much wait is cut off; its session remains, and gets everything."""
        pair = self.makePair(limits=Limits(unsent=200_000))
        pair.hold(DOWN)
        for number in range(400):
            pair.served.emitRemoteEvent("i", "e", [f"{number}" + "a" * 1000])
        pair.settle()
        self.assertFalse(pair.served.isConnected)
        pair.release(DOWN)
        pair.wait(2 * WAIT)
        self.assertEqual(len(self.heard), 400)
        self.assertTrue(self.heard[399].startswith("399a"))

    def test_noDeadlock(self) -> None:
        """Calls and answers that are both more than fits do not make both sides wait for each other."""
        pair = self.makePair()
        answers: list[Any] = []
        for number in range(1000):
            pair.connection.callMethod("i", "echo", [f"{number}" + "a" * 2000]).addCallback(answers.append)
        pair.hold(DOWN)
        pair.hold(UP)
        pair.settle()
        pair.release(DOWN)
        pair.release(UP)
        pair.settle()
        self.assertEqual(len(answers), 1000)

    def test_clientGoesOnReading(self) -> None:
        """A client whose server does not read still hears it."""
        pair = self.makePair()
        pair.hold(UP)
        for _ in range(3):
            pair.connection.emitRemoteEvent("i", "e", ["a" * BUFFER])
        pair.served.emitRemoteEvent("i", "e", ["heard"])
        pair.settle()
        self.assertFalse(pair.wire.client.isPaused)
        self.assertEqual(self.heard, ["heard"])


class RunningTests(CarrierTestCase):
    """The number of calls at a time."""

    def test_bound(self) -> None:
        """Beyond the limit nothing is read until an answer is there; nothing is lost meanwhile."""
        pair = self.makePair(limits=Limits(runningCalls=2))
        for number in range(5):
            pair.connection.callMethod("i", "slowly", [number])
        pair.connection.emitRemoteEvent("i", "e", ["last"])
        pair.settle()
        self.assertEqual(self.heard, [0, 1])
        self.assertTrue(pair.wire.server.isPaused)
        self.slow[1].callback(None)
        pair.settle()
        self.assertEqual(self.heard, [0, 1, 2])
        for each in range(5):
            if each != 1:
                self.slow[each].callback(None)
                pair.settle()
        self.assertEqual(self.heard, [0, 1, 2, 3, 4, "last"])
        self.assertFalse(pair.wire.server.isPaused)

    def test_boundAndRestored(self) -> None:
        """What was not worked on when the connection was lost is sent again and worked on once."""
        pair = self.makePair(limits=Limits(runningCalls=1))
        for number in range(3):
            pair.connection.callMethod("i", "slowly", [number]).addErrback(lambda failure: None)
        pair.settle()
        pair.cut()
        pair.wait(2 * WAIT)
        for each in range(3):
            self.slow[each].callback(None)
            pair.settle()
        self.assertEqual(self.heard, [0, 1, 2])


class BufferTests(CarrierTestCase):
    """What is kept until it is acknowledged."""

    limits = Limits(bufferMessages=20, acknowledgeTimeout=5.0)

    def test_asks(self) -> None:
        """With half of the buffer full, an acknowledgement is asked for, once, and empties it."""
        pair = self.makePair(limits=self.limits)
        for number in range(12):
            pair.served.emitRemoteEvent("i", "e", [number])
        self.assertEqual(pair.served.session.buffered, 13)
        pair.settle()
        self.assertEqual(self.heard, list(range(12)))
        self.assertLess(pair.served.session.buffered, 4)
        pair.wait(6)
        self.assertEqual(len(pair.wires), 1)

    def test_unacknowledged(self) -> None:
        """Without an answer in time the connection is ended; the session remains."""
        pair = self.makePair(limits=self.limits)
        pair.hold(UP)
        pair.served.emitRemoteEvent("i", "e", [0])
        for number in range(1, 12):
            pair.served.emitRemoteEvent("i", "e", [number])
        pair.wait(4.9)
        self.assertTrue(pair.served.isConnected)
        pair.wait(0.2)
        self.assertFalse(pair.served.isConnected)
        pair.release(UP)
        pair.wait(2 * WAIT)
        self.assertEqual(self.heard, list(range(12)))

    def test_burst(self) -> None:
        """A client that was sent far more than the buffer at once gets it all, if need be when it is back."""
        pair = self.makePair(limits=self.limits)
        pair.connection.callMethod("i", "emit", [200])
        pair.wait(4 * WAIT)
        self.assertEqual(self.heard, list(range(200)))

    def test_endless(self) -> None:
        """A server that goes on and on without an acknowledgement ends the connection."""
        pair = self.makePair(limits=self.limits)
        pair.hold(UP)
        for number in range(85):
            pair.served.emitRemoteEvent("i", "e", [number])
        pair.settle()
        self.assertFalse(pair.served.isConnected)

    def test_dropped(self) -> None:
        """The session of a client that is away is given up when its buffer is full."""
        pair = self.makePair(limits=self.limits, client={"newSessionOnLoss": False})
        lost: list[Any] = []
        pair.connection.on("sessionLost", lost.append)
        pair.isServerAway = True
        pair.cut()
        pair.settle()
        for number in range(20):
            pair.served.emitRemoteEvent("i", "e", [number])
        self.assertTrue(pair.served.isOver)
        pair.isServerAway = False
        pair.wait(2)
        self.assertEqual((len(lost), lost[0].code), (1, 11))


def damaged(value: Any) -> Any:
    """Messages that are right but for one thing."""
    return st.tuples(value, st.sampled_from(["", "{", "}", "\0", "[", "'", ","]), st.integers(0, 40)).map(
        lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
    )


atoms = st.sampled_from(
    [None, True, 0, -1, 1, 2, 1.5, 2**53, "", "i", "e", "echo", "slowly", "ok", "id", "constructor"]
)
anything = st.recursive(
    atoms | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)
)
kinds = st.sampled_from(["handshake", "call", "callback", "event", "inspect", "ping", "pong", "state", "__proto__", ""])
headers = st.lists(atoms, max_size=3) | anything
verbs = st.sampled_from(["echo", "slowly", "e", "ok", "error", "login", "session", "nothing", "__class__"])
messages = st.one_of(
    st.tuples(kinds, headers, verbs, anything).map(lambda m: stringify({m[0]: m[1], m[2]: m[3]})),
    st.tuples(st.sampled_from(["call", "event", "ping", "pong", "inspect", "callback"]), st.integers(-3, 5), verbs).map(
        lambda m: stringify({m[0]: [m[1], "i"], m[2]: [1]})
    ),
    anything.map(stringify),
    st.just("{}"),
)
chunks = st.lists(st.lists(messages | damaged(messages), max_size=5), max_size=5)


class AnyPeerTests(CarrierTestCase):
    """Peers that send whatever they like."""

    def feed(self, chunks: list[list[str]], isServer: bool) -> None:
        """Send, and see that the connection is there and works, or has ended cleanly."""
        pair, wire = self.pair, self.pair.wire
        end = wire.client if isServer else wire.server
        for chunk in chunks:
            end.write("".join(text + "\0" for text in chunk).encode("utf-8", "replace"))
            pair.settle()
        pair.wait(4)
        for each in self.slow:
            each.callback(None)
        pair.settle()

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(chunks, st.booleans())
    def test_server(self, chunks: list[list[str]], isNew: bool) -> None:
        """Whatever a client sends, before the handshake or behind it, another one is served, and nothing is logged."""
        pair = self.makePair()
        if isNew:
            pair.open()
        self.feed(chunks, True)
        self.assertEqual(self.flushLoggedErrors(), [])
        other = Pair(Application("app", {}))
        other.server = pair.server
        self.assertTrue(other.connect().isConnected)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(chunks)
    def test_client(self, chunks: list[list[str]]) -> None:
        """Whatever a server sends, the client goes on or comes back, and nothing is logged."""
        pair = self.makePair(client={"newSessionOnLoss": True})
        pair.connection.on("error", lambda error: None)
        pair.connection.inspectInterface("i")
        pair.settle()
        self.feed(chunks, False)
        self.assertEqual(self.flushLoggedErrors(), [])
        answers: list[Any] = []
        pair.connection.callMethodWithResend("i", "echo", ["alive"]).addBoth(answers.append)
        pair.wait(3)
        self.assertEqual(answers, [["alive"]])
