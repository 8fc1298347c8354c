"""
Tests for L{jetjstp.links.stream}, without sockets.
"""

from __future__ import annotations

import gc
import weakref

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from jetjstp.framing import LengthPrefixed
from jetjstp.interfaces import MessageLink, MessageReceiver
from jetjstp.links.settings import LinkSettings
from jetjstp.links.stream import CLOSE_TIMEOUT, StreamFactory, StreamLink
from tests.links.receivers import Recorder

LIMIT = 100


def frame(payload: bytes) -> bytes:
    """A frame."""
    return LengthPrefixed.pack(payload)


class StreamTestCase(SynchronousTestCase):
    """A link on a transport in memory."""

    settings = LinkSettings()

    def setUp(self) -> None:
        self.clock = Clock()
        self.recorders: list[Recorder] = []
        self.factory = StreamFactory(lambda: LengthPrefixed(LIMIT), self.makeReceiver, self.settings, self.clock)

    def makeReceiver(self) -> MessageReceiver:
        """Make a receiver that we can look at."""
        self.recorders.append(Recorder())
        return self.recorders[-1]

    def connect(self, transport: StringTransport | None = None) -> tuple[StreamLink, Recorder, StringTransport]:
        """Connect a link."""
        link = self.factory.buildProtocol(None)
        assert link is not None
        transport = transport or StringTransport()
        link.makeConnection(transport)
        return link, self.recorders[-1], transport

    def lose(self, link: StreamLink, error: Exception | None = None) -> None:
        """Let the connection of a link be lost."""
        link.connectionLost(Failure(error or ConnectionLost()))


class ReceivingTests(StreamTestCase):
    """From the transport to the receiver."""

    def test_setMaxMessage(self) -> None:
        """The longest message can be another one from the next message on."""
        link, recorder, transport = self.connect()
        long = frame(b"x" * (LIMIT + 1))
        recorder.reactions["received"] = lambda link: link.setMaxMessage(LIMIT + 1)
        link.dataReceived(frame(b"small"))
        link.dataReceived(long)
        self.assertEqual(recorder.messages, [b"small", b"x" * (LIMIT + 1)])
        recorder.reactions["received"] = lambda link: link.setMaxMessage(LIMIT)
        link.dataReceived(frame(b"small"))
        link.dataReceived(long)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(len(recorder.messages), 3)
        self.assertRaises(ValueError, link.setMaxMessage, 0)

    def test_interfaces(self) -> None:
        """A link is what the package calls one, and the producer that it claims to be."""
        link, recorder, _ = self.connect()
        asLink: MessageLink = link
        self.assertIs(recorder.link, asLink)
        self.assertEqual(link.kind, "stream")
        verifyObject(IPushProducer, link)
        verifyObject(IHalfCloseableProtocol, link)
        verifyObject(IHandshakeListener, link)

    def test_messages(self) -> None:
        """The messages of one piece of data are delivered together; without a whole message nothing is."""
        link, recorder, _ = self.connect()
        data = frame(b"one") + frame(b"two") + frame(b"three")
        link.dataReceived(data[:-1])
        link.dataReceived(b"")
        link.dataReceived(data[-1:])
        link.dataReceived(b"\0\0\0\0")
        self.assertEqual(recorder.events, [("opened",), ("received", [b"one", b"two"]), ("received", [b"three"])])

    def test_tooLong(self) -> None:
        """What came before a frame that is too long is delivered, then the connection is aborted."""
        link, recorder, transport = self.connect()
        link.dataReceived(frame(b"one") + frame(b"x" * (LIMIT + 1)))
        link.dataReceived(frame(b"two"))
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertEqual(
            recorder.events,
            [("opened",), ("received", [b"one"]), ("lost", "a frame of 101 bytes exceeds the limit of 100")],
        )

    def test_lost(self) -> None:
        """The receiver hears once that the link is lost, with the reason as text, and nothing after it."""
        link, recorder, _ = self.connect()
        self.lose(link)
        link.write([b"x"])
        link.pauseReading()
        link.resumeReading()
        link.close()
        link.abort()
        self.assertEqual(recorder.words, ["opened", "lost"])
        self.assertIn("Connection to the other side was lost", str(recorder.events[1][1]))
        self.assertEqual(self.factory.links, set())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_receiverFails(self) -> None:
        """An exception of the receiver is logged, and the peer is not served any more, instead of by half."""
        for word in "opened", "received":
            link, recorder, transport = self.connect(StringTransport())
            if word == "opened":
                link = self.factory.buildProtocol(None)  # type: ignore[assignment]
                recorder, transport = self.recorders[-1], StringTransport()
                recorder.reactions["opened"] = lambda _: 1 // 0
                link.makeConnection(transport)
            else:
                recorder.reactions["received"] = lambda _: 1 // 0
                link.dataReceived(frame(b"one"))
            link.dataReceived(frame(b"two"))
            self.assertTrue(transport.disconnected)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.lose(link)
            self.assertEqual(recorder.events[-1], ("lost", "the receiver failed"))
            self.assertNotIn([b"two"], [event[-1] for event in recorder.events])

    def test_receiverFailsAtTheEnd(self) -> None:
        """An exception about the loss of a link is logged."""
        link, recorder, _ = self.connect()
        recorder.reactions["lost"] = lambda _: 1 // 0
        self.lose(link)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class PausingTests(StreamTestCase):
    """The receiver makes the peer wait."""

    def test_pause(self) -> None:
        """While reading is paused the transport is, and what arrives nevertheless is delivered later, in order."""
        link, recorder, transport = self.connect()
        link.pauseReading()
        self.assertEqual(transport.producerState, "paused")
        link.dataReceived(frame(b"one"))
        link.dataReceived(frame(b"two"))
        self.assertEqual(recorder.messages, [])
        link.resumeReading()
        self.assertEqual(transport.producerState, "producing")
        link.dataReceived(frame(b"three"))
        self.assertEqual(recorder.events[1:], [("received", [b"one", b"two"]), ("received", [b"three"])])

    def test_pauseInDelivery(self) -> None:
        """When the receiver pauses in a delivery, all of that delivery counts as delivered, and the next waits."""
        link, recorder, transport = self.connect()
        recorder.reactions["received"] = lambda link: link.pauseReading()
        link.dataReceived(frame(b"one") + frame(b"two"))
        link.dataReceived(frame(b"three"))
        self.assertEqual(recorder.events[1:], [("received", [b"one", b"two"])])
        link.resumeReading()
        self.assertEqual(recorder.messages, [b"one", b"two", b"three"])
        self.assertEqual(transport.producerState, "paused")
        link.resumeReading()
        self.assertEqual(transport.producerState, "producing")

    def test_resumeInDelivery(self) -> None:
        """When the receiver pauses and resumes in one delivery, nothing is delivered into the middle of it."""
        link, recorder, transport = self.connect()

        def react(link: MessageLink) -> None:
            link.pauseReading()
            assert isinstance(link, StreamLink)
            if len(recorder.messages) == 1:
                link.dataReceived(frame(b"two"))
            link.resumeReading()
            recorder.events.append(("returned",))

        recorder.reactions["received"] = react
        link.dataReceived(frame(b"one"))
        self.assertEqual(
            recorder.events[1:], [("received", [b"one"]), ("returned",), ("received", [b"two"]), ("returned",)]
        )
        self.assertEqual(transport.producerState, "producing")
        link.dataReceived(frame(b"three"))
        self.assertEqual(recorder.messages, [b"one", b"two", b"three"])

    def test_endWhilePaused(self) -> None:
        """A link that ends while it is paused delivers nothing more, and can be resumed without harm."""
        link, recorder, transport = self.connect()
        link.pauseReading()
        link.dataReceived(frame(b"one"))
        link.abort()
        link.resumeReading()
        self.assertEqual(recorder.messages, [])
        self.assertEqual(transport.producerState, "paused")

    def test_tooLongWhilePaused(self) -> None:
        """A frame that is too long waits for its turn behind the messages that are held."""
        link, recorder, transport = self.connect()
        link.pauseReading()
        link.dataReceived(frame(b"one") + frame(b"x" * (LIMIT + 1)))
        link.dataReceived(frame(b"two"))
        self.assertFalse(transport.disconnected)
        link.resumeReading()
        self.assertTrue(transport.disconnected)
        self.assertEqual(recorder.messages, [b"one"])


class WritingTests(StreamTestCase):
    """From the receiver to the transport."""

    def test_write(self) -> None:
        """Frames are written in order, and joined into one write."""
        link, _, transport = self.connect()
        writes: list[bytes] = []
        transport.write = writes.append  # type: ignore[method-assign]
        link.write([link.pack(b"a"), link.pack(b"b")])
        link.write([])
        self.assertEqual(writes, [b"\0\0\0\1a\0\0\0\1b"])

    def test_writeInOpened(self) -> None:
        """A link can be written to as soon as it is open."""
        link = self.factory.buildProtocol(None)
        assert link is not None
        self.recorders[-1].reactions["opened"] = lambda opened: opened.write([b"hello"])
        transport = StringTransport()
        link.makeConnection(transport)
        self.assertEqual(transport.value(), b"hello")

    def test_blocked(self) -> None:
        """The receiver hears that the transport is full and that it has drained, once each."""
        link, recorder, transport = self.connect()
        self.assertIs(transport.producer, link)
        self.assertTrue(transport.streaming)
        self.assertFalse(link.blocked)
        link.resumeProducing()
        link.pauseProducing()
        link.pauseProducing()
        self.assertTrue(link.blocked)
        link.resumeProducing()
        self.assertFalse(link.blocked)
        self.assertEqual(recorder.words, ["opened", "blocked", "drained"])

    def test_blockedInWrite(self) -> None:
        """A transport that fills up tells it from within the write, and a receiver that fails there ends the link."""
        link, recorder, transport = self.connect()
        transport.write = lambda data: link.pauseProducing()  # type: ignore[method-assign]
        recorder.reactions["blocked"] = lambda blocked: (self.assertTrue(blocked.blocked), 1 // 0)
        link.write([b"x"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertTrue(transport.disconnected)

    def test_drainedFails(self) -> None:
        """A receiver that fails when the transport has drained ends the link."""
        link, recorder, transport = self.connect()
        recorder.reactions["drained"] = lambda _: 1 // 0
        link.pauseProducing()
        link.resumeProducing()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertTrue(transport.disconnected)


class EndingTests(StreamTestCase):
    """How links end."""

    def test_close(self) -> None:
        """A closed link lets the transport send what was written, and is not the producer that it would wait for."""
        link, recorder, transport = self.connect()
        link.write([b"last"])
        link.close()
        link.close()
        link.write([b"too late"])
        link.dataReceived(frame(b"too late"))
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.disconnected)
        self.assertIs(transport.producer, None)
        self.assertEqual(transport.value(), b"last")
        self.lose(link)
        self.assertEqual(recorder.words, ["opened", "lost"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closeTimeout(self) -> None:
        """A closed link whose peer does not take what was written is aborted."""
        link, _, transport = self.connect()
        link.close()
        self.clock.advance(CLOSE_TIMEOUT - 0.1)
        self.assertFalse(transport.disconnected)
        self.clock.advance(0.1)
        self.assertTrue(transport.disconnected)

    def test_freed(self) -> None:
        """The receiver of a link that is lost is free to go, and does not wait for the garbage collector."""
        link, recorder, _ = self.connect()
        self.recorders.clear()
        reference = weakref.ref(recorder)
        self.addCleanup(gc.enable)
        gc.disable()
        self.lose(link)
        del recorder
        self.assertIs(reference(), None)

    def test_halfClosed(self) -> None:
        """A peer that closes its half gets what was written for it, then the connection is closed."""
        link, _, transport = self.connect()
        link.readConnectionLost()
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.disconnected)
        link.writeConnectionLost()

    def test_closeInDelivery(self) -> None:
        """A receiver may end the link in a delivery."""
        link, recorder, _ = self.connect()
        recorder.reactions["received"] = lambda link: link.close()
        link.dataReceived(frame(b"one"))
        link.dataReceived(frame(b"two"))
        self.assertEqual(recorder.messages, [b"one"])


class IdleTests(StreamTestCase):
    """Peers that have to say something from time to time."""

    settings = LinkSettings(idleTimeout=10.0)

    def test_idle(self) -> None:
        """A peer that is silent for too long is dropped; each byte counts."""
        link, recorder, transport = self.connect()
        self.clock.advance(9)
        link.dataReceived(b"\0")
        self.clock.pump([5, 4.9])
        self.assertFalse(transport.disconnected)
        self.clock.advance(0.2)
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertEqual(recorder.events[-1], ("lost", "nothing received for 10 seconds"))

    def test_paused(self) -> None:
        """Silence while we do not read is not held against the peer."""
        link, _, transport = self.connect()
        link.pauseReading()
        self.clock.pump([9, 9, 9])
        link.resumeReading()
        self.clock.pump([9])
        self.assertFalse(transport.disconnected)
        self.clock.pump([9, 9])
        self.assertTrue(transport.disconnected)

    def test_gone(self) -> None:
        """Nothing is left when the link is gone."""
        link, _, _ = self.connect()
        self.lose(link)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FactoryTests(StreamTestCase):
    """How many connections, and from where."""

    settings = LinkSettings(maxConnections=2)

    def test_maxConnections(self) -> None:
        """Connections above the limit are refused, with one log line, until others end."""
        first, _, _ = self.connect()
        self.connect()
        with capturedLogs() as events:
            for _ in range(3):
                self.assertIs(self.factory.buildProtocol(IPv4Address("TCP", "10.0.0.2", 5)), None)
        self.assertEqual(len(events), 1)
        self.assertIn("2 are open (maxConnections)", formatEvent(events[0]))
        self.lose(first)
        self.connect()
        self.assertEqual(len(self.factory.links), 2)

    def test_address(self) -> None:
        """A link's address is the host without the port, or the path of the UNIX socket."""
        for host, peer, expected in [
            (None, IPv4Address("TCP", "10.1.2.3", 5), "10.1.2.3"),
            (None, IPv6Address("TCP", "fe80::1", 5), "fe80::1"),
            (None, IPv6Address("TCP", "::ffff:10.1.2.3", 5), "10.1.2.3"),
            (UNIXAddress("/run/jet"), UNIXAddress(None), "/run/jet"),
            (UNIXAddress(b"\0jet"), UNIXAddress(b""), "@jet"),
            (UNIXAddress(None), UNIXAddress(None), "unknown"),
        ]:
            link, _, _ = self.connect(StringTransport(host, peer))
            self.assertEqual(link.address, expected)
            self.lose(link)
