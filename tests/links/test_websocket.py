"""
Tests for L{jetjstp.links.websocket}: links that are open.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from jetjstp.links import webside
from jetjstp.links.webside import BUDGET, CLOSE_TIMEOUT, FRAGMENT, MAX_FRAGMENTS, MAX_PINGS, PIECE
from jetjstp.links.websocket import WebSocketLink
from tests.links.clocks import TURN, TurnClock
from tests.links.frames import clientFrame
from tests.links.receivers import Recorder
from tests.links.upgrading import LIMIT, WebSocketTestCase, upgradeRequest

PING, PONG, CLOSE = 9, 10, 8


def closing(code: int = 1000) -> bytes:
    """A client's close frame."""
    return clientFrame(code.to_bytes(2, "big"), opcode=CLOSE)


class ReceivingTests(WebSocketTestCase):
    """From the transport to the receiver."""

    def test_kinds(self) -> None:
        """Text and binary messages are delivered as bytes, and empty ones too."""
        link, recorder, _ = self.upgrade()
        link.dataReceived(clientFrame("ä".encode()))
        link.dataReceived(clientFrame(b"\xff\0", opcode=2))
        link.dataReceived(clientFrame(b""))
        self.assertEqual(recorder.messages, ["ä".encode(), b"\xff\0", b""])

    def test_together(self) -> None:
        """All messages of one piece of data are delivered in one call, whichever way each of them takes."""
        link, recorder, transport = self.upgrade()
        link.dataReceived(
            clientFrame(b"one")
            + clientFrame(b"two")
            + clientFrame(b"thr", fin=False)
            + clientFrame(b"p", opcode=PING)
            + clientFrame(b"ee", opcode=0)
            + clientFrame(b"four")
            + clientFrame(b"five")[:-1]
        )
        link.dataReceived(clientFrame(b"five")[-1:] + clientFrame(b"six"))
        link.dataReceived(clientFrame(b"seven"))
        self.assertEqual(
            recorder.events[1:],
            [
                ("received", [b"one", b"two", b"three", b"four"]),
                ("received", [b"five", b"six"]),
                ("received", [b"seven"]),
            ],
        )
        self.assertEqual(self.written(transport), [(PONG, b"p")])

    def test_looksLikeFrame(self) -> None:
        """What looks like a frame is none inside of another one, wherever that is cut."""
        noMask = b"\0\0\0\0"
        inner = clientFrame(b"inner", mask=noMask)
        for opcode, fin in (PING, True), (2, True), (2, False):
            frame = clientFrame(inner * 2, opcode=opcode, fin=fin, mask=noMask)
            for place in range(len(frame)):
                link, recorder, _ = self.upgrade()
                link.dataReceived(frame[:place])
                link.dataReceived(frame[place:])
                self.assertEqual(recorder.messages, [inner * 2] if opcode == 2 and fin else [])

    def test_long(self) -> None:
        """A message may be as long as the limit, in one frame or in several, byte by byte."""
        link, recorder, _ = self.upgrade()
        link.dataReceived(clientFrame(b"x" * LIMIT))
        link.dataReceived(clientFrame(b"x" * (LIMIT - 1), fin=False) + clientFrame(b"x", opcode=0))
        data = clientFrame(b"y" * LIMIT)
        for index in range(len(data)):
            link.dataReceived(data[index : index + 1])
        self.assertEqual(recorder.messages, [b"x" * LIMIT, b"x" * LIMIT, b"y" * LIMIT])

    def test_tooLong(self) -> None:
        """A message above the limit closes with 1009, before its bytes have come; what was before is delivered."""
        for data in (
            clientFrame(b"x" * (LIMIT + 1))[:20],
            clientFrame(b"x" * LIMIT, fin=False) + clientFrame(b"x", opcode=0)[:6],
        ):
            link, recorder, transport = self.upgrade()
            link.dataReceived(clientFrame(b"before") + data)
            self.assertEqual(recorder.messages, [b"before"])
            self.assertEqual(self.closeCode(transport), 1009)
            link.dataReceived(clientFrame(b"after"))
            self.assertEqual(recorder.messages, [b"before"])
            self.lose(link)
            self.assertIn("closed with 1009: received WebSocket message size 10001", str(recorder.events[-1][1]))

    def test_shortLimit(self) -> None:
        """A limit below that of the short path holds there, too."""
        link, recorder, transport = self.upgrade(self.makeFactory(maxMessage=5))
        link.dataReceived(clientFrame(b"12345") + clientFrame(b"123456"))
        self.assertEqual(recorder.messages, [b"12345"])
        self.assertEqual(self.closeCode(transport), 1009)

    def test_setMaxMessage(self) -> None:
        """The longest message can be another one from the next piece of data on, whichever way it takes."""
        link, recorder, transport = self.upgrade(self.makeFactory(maxMessage=5))
        recorder.reactions["received"] = lambda link: link.setMaxMessage(6000)
        link.dataReceived(clientFrame(b"12345"))
        for size in 6, 5999, 6000:
            link.dataReceived(clientFrame(b"x" * size))
        link.dataReceived(clientFrame(b"x" * 5999, fin=False) + clientFrame(b"x", opcode=0))
        self.assertEqual([len(message) for message in recorder.messages], [5, 6, 5999, 6000, 6000])
        recorder.reactions["received"] = lambda link: link.setMaxMessage(6)
        link.dataReceived(clientFrame(b""))
        link.dataReceived(clientFrame(b"123456"))
        self.assertEqual(recorder.messages[-2:], [b"", b"123456"])
        link.dataReceived(clientFrame(b"1234567"))
        self.assertEqual(self.closeCode(transport), 1009)
        self.assertRaises(ValueError, link.setMaxMessage, 0)

    def test_invalidText(self) -> None:
        """Text that is not UTF-8 closes with 1007, also when only the end of a fragmented message shows it."""
        for data in (
            clientFrame(b"\xff"),
            clientFrame("ä".encode()[:1]),
            clientFrame("ä".encode()[:1], fin=False) + clientFrame(b"x", opcode=0),
            clientFrame(b"\xff" * 5000),
        ):
            link, recorder, transport = self.upgrade()
            link.dataReceived(clientFrame(b"before") + data)
            self.assertEqual(recorder.messages, [b"before"])
            self.assertEqual(self.closeCode(transport), 1007)
        link, recorder, _ = self.upgrade()
        link.dataReceived(clientFrame("ä".encode()[:1], fin=False) + clientFrame("ä".encode()[1:], opcode=0))
        self.assertEqual(recorder.messages, ["ä".encode()])

    def test_protocolErrors(self) -> None:
        """Broken frames close with 1002."""
        for data in (
            clientFrame(b"x", mask=None),
            clientFrame(b"x", rsv=4),
            clientFrame(b"x", opcode=3),
            clientFrame(b"x", opcode=0),
            clientFrame(b"x", fin=False) + clientFrame(b"y"),
            clientFrame(b"x" * 5, lengthForm=126),
            clientFrame(b"x" * 126, opcode=PING),
            clientFrame(b"x", opcode=PING, fin=False),
            clientFrame(b"x", opcode=CLOSE),
        ):
            link, recorder, transport = self.upgrade()
            link.dataReceived(data)
            self.assertEqual(self.closeCode(transport), 1002)
            self.assertEqual(recorder.messages, [])

    def test_endlessControlFrame(self) -> None:
        """A control frame of any length is not collected until the connection ends."""
        link, _, transport = self.upgrade()
        link.dataReceived(clientFrame(b"x" * 200_000, opcode=PING)[:-1])
        self.assertEqual(self.closeCode(transport), 1002)
        self.assertLess(sum(map(len, link.control_frame_data)), 126)

    def test_quiet(self) -> None:
        """What peers do wrong is logged, but not each time."""
        factory = self.makeFactory()
        with capturedLogs() as events:
            for _ in range(5):
                link, _, _ = self.upgrade(factory)
                link.dataReceived(clientFrame(b"\xff"))
                self.lose(link)
        self.assertEqual(len(events), 1)
        self.assertIn('dropped: address=192.168.1.1 reason="closed with 1007: ', formatEvent(events[0]))

    def test_receiverFails(self) -> None:
        """An exception of the receiver is logged, and the peer is not served any more, instead of by half."""
        link, recorder, transport = self.upgrade()
        recorder.reactions["received"] = lambda _: 1 // 0
        link.dataReceived(clientFrame(b"one"))
        link.dataReceived(clientFrame(b"two") + clientFrame(b"", opcode=PING))
        self.assertTrue(transport.disconnected)
        self.assertEqual(transport.value(), b"")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.lose(link)
        self.assertEqual(recorder.events[1:], [("received", [b"one"]), ("lost", "the receiver failed")])


class FragmentTests(WebSocketTestCase):
    """Messages in many parts, which the parser pays for."""

    def test_tooMany(self) -> None:
        """A message may have as many fragments as the limit; more of them close with 1008."""
        link, recorder, transport = self.upgrade()
        first, last = clientFrame(b"x", fin=False), clientFrame(b"x", opcode=0)
        middle = clientFrame(b"", opcode=0, fin=False)
        link.dataReceived(first + middle * (MAX_FRAGMENTS - 2) + last)
        self.assertEqual(recorder.messages, [b"xx"])
        link.dataReceived(first + middle * (MAX_FRAGMENTS - 1))
        self.assertEqual(transport.value(), b"")
        link.dataReceived(middle)
        self.assertEqual(self.closeCode(transport), 1008)
        self.assertFalse(transport.disconnecting)

    def test_longMessages(self) -> None:
        """A message that may be long may have more fragments, for it cannot come without them."""
        link, recorder, transport = self.upgrade(self.makeFactory(maxMessage=(MAX_FRAGMENTS + 2) * FRAGMENT))
        first, last = clientFrame(b"x", fin=False), clientFrame(b"x", opcode=0)
        middle = clientFrame(b"", opcode=0, fin=False)
        link.dataReceived(first + middle * MAX_FRAGMENTS + last)
        self.assertEqual(recorder.messages, [b"xx"])
        link.dataReceived(first + middle * (MAX_FRAGMENTS + 2))
        self.assertEqual(self.closeCode(transport), 1008)

    def test_budget(self) -> None:
        """When the parser takes too long, the rest waits for the next turn of the reactor, and so does the peer."""
        clock = self.clock = TurnClock()
        self.patch(webside, "BUDGET", TURN)
        link, recorder, transport = self.upgrade()
        original = link._dataReceived
        pieces: list[int] = []

        def slowly(data: bytes) -> None:
            pieces.append(len(data))
            clock.rightNow += TURN
            original(data)

        link._dataReceived = slowly  # type: ignore[method-assign]
        message = clientFrame(b"x", fin=False) * 1 + clientFrame(b"", opcode=0, fin=False) * 1000
        data = message + clientFrame(b"y", opcode=0) + clientFrame(b"end")
        link.dataReceived(data)
        self.assertEqual(pieces, [PIECE])
        self.assertEqual(transport.producerState, "paused")
        link.dataReceived(clientFrame(b"behind"))
        clock.advance(TURN)
        self.assertEqual(pieces, [PIECE] * 2)
        while clock.getDelayedCalls() and transport.producerState == "paused":
            clock.advance(TURN)
        self.assertEqual(recorder.messages, [b"xy", b"end", b"behind"])
        self.assertEqual(sum(pieces), len(data) + len(clientFrame(b"behind")))
        self.assertGreater(BUDGET, 0)

    def test_lostMeanwhile(self) -> None:
        """A connection that goes while bytes are waiting leaves nothing behind."""
        self.clock = TurnClock()
        self.patch(webside, "BUDGET", 0.0)
        link, recorder, _ = self.upgrade(self.makeFactory(pingInterval=0))
        link.dataReceived(clientFrame(b"x", fin=False) + clientFrame(b"", opcode=0, fin=False) * 1000)
        self.lose(link)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(recorder.words, ["opened", "lost"])


class PausingTests(WebSocketTestCase):
    """The receiver makes the peer wait."""

    def test_pause(self) -> None:
        """While reading is paused nothing is parsed; then everything is, in order."""
        link, recorder, transport = self.upgrade()
        link.pauseReading()
        self.assertEqual(transport.producerState, "paused")
        link.dataReceived(clientFrame(b"one") + clientFrame(b"", opcode=PING))
        link.dataReceived(clientFrame(b"two"))
        self.assertEqual((recorder.messages, transport.value()), ([], b""))
        link.resumeReading()
        self.clock.advance(0)
        link.dataReceived(clientFrame(b"three"))
        self.assertEqual(recorder.messages, [b"one", b"two", b"three"])
        self.assertEqual(self.written(transport), [(PONG, b"")])
        self.assertEqual(transport.producerState, "producing")

    def test_pauseInDelivery(self) -> None:
        """When the receiver pauses in a delivery, that counts as delivered, and the next waits."""
        link, recorder, transport = self.upgrade()
        recorder.reactions["received"] = lambda link: link.pauseReading()
        link.dataReceived(clientFrame(b"one") + clientFrame(b"two"))
        link.dataReceived(clientFrame(b"three"))
        self.assertEqual(recorder.messages, [b"one", b"two"])
        link.resumeReading()
        self.clock.advance(0)
        self.assertEqual(recorder.messages, [b"one", b"two", b"three"])
        self.assertEqual(transport.producerState, "paused")

    def test_pauseAgain(self) -> None:
        """A receiver that pauses again before the waiting bytes get their turn is obeyed."""
        link, recorder, _ = self.upgrade()
        link.pauseReading()
        link.dataReceived(clientFrame(b"one"))
        link.resumeReading()
        link.pauseReading()
        self.clock.advance(1)
        self.assertEqual(recorder.messages, [])
        link.resumeReading()
        self.clock.advance(0)
        self.assertEqual(recorder.messages, [b"one"])

    def test_closeWhilePaused(self) -> None:
        """A link that is closed while it is paused reads the answer to that, and delivers nothing."""
        link, recorder, transport = self.upgrade()
        link.pauseReading()
        link.dataReceived(clientFrame(b"one"))
        link.close()
        self.assertEqual(self.closeCode(transport), 1000)
        self.clock.advance(0)
        self.assertEqual(transport.producerState, "producing")
        link.dataReceived(closing())
        self.assertTrue(transport.disconnecting)
        self.assertEqual(recorder.messages, [])


class WritingTests(WebSocketTestCase):
    """From the receiver to the transport."""

    def test_write(self) -> None:
        """Frames are written in order, joined into one write."""
        link, _, transport = self.upgrade()
        writes: list[bytes] = []
        transport.write = writes.append  # type: ignore[method-assign]
        link.write([link.pack(b"a"), link.pack(b"b")])
        link.write([])
        self.assertEqual(writes, [b"\x81\x01a\x81\x01b"])

    def test_writeInOpened(self) -> None:
        """What is written when the link opens comes behind the answer to the upgrade."""
        link, transport = self.connect()
        recorder = Recorder()
        recorder.reactions["opened"] = lambda link: link.write([link.pack(b"hello")])
        self.patch(link._owner, "receiver", lambda: recorder)
        link.dataReceived(upgradeRequest())
        self.assertTrue(transport.value().endswith(b"\r\n\r\n\x81\x05hello"))

    def test_producer(self) -> None:
        """The receiver hears that the transport is full and that it has drained."""
        link, recorder, transport = self.upgrade()
        verifyObject(IPushProducer, link)
        self.assertIs(transport.producer, link)
        link.pauseProducing()
        self.assertTrue(link.blocked)
        link.resumeProducing()
        self.assertFalse(link.blocked)
        self.assertEqual(recorder.words, ["opened", "blocked", "drained"])


class ClosingTests(WebSocketTestCase):
    """How links end."""

    def test_close(self) -> None:
        """A closed link sends a close frame behind all that was written, and nothing after it."""
        link, recorder, transport = self.upgrade()
        link.write([link.pack(b"last")])
        link.close()
        link.close()
        link.write([link.pack(b"too late")])
        link.dataReceived(clientFrame(b"too late") + clientFrame(b"", opcode=PING))
        self.assertEqual(self.written(transport), [(1, b"last"), (CLOSE, b"\x03\xe8")])
        self.assertFalse(transport.disconnecting)
        link.dataReceived(closing())
        self.assertTrue(transport.disconnecting)
        # No reset, which npm's JSTP clients, for one, take for a failure.
        self.assertFalse(transport.disconnected)
        self.lose(link)
        self.assertEqual(recorder.events, [("opened",), ("lost", "closed with 1000")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_goingAway(self) -> None:
        """When the whole server goes away the code says so."""
        factory = self.makeFactory()
        link, _, transport = self.upgrade(factory)
        self.assertEqual(factory.closeCode, 1000)
        factory.closeCode = 1001
        link.close()
        self.assertEqual(self.closeCode(transport), 1001)

    def test_closedByPeer(self) -> None:
        """A peer that closes gets the answers to what it sent before, then an answer to that."""
        link, recorder, transport = self.upgrade()
        recorder.reactions["received"] = lambda link: link.write([link.pack(b"answer")])
        link.dataReceived(clientFrame(b"question") + closing(1001) + clientFrame(b"more"))
        self.assertEqual(self.written(transport), [(1, b"answer"), (CLOSE, b"\x03\xe8")])
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.disconnected)
        self.lose(link)
        self.assertEqual(recorder.events[1:], [("received", [b"question"]), ("lost", "closed with 1001")])

    def test_peerDoesNotAnswer(self) -> None:
        """A peer that does not answer a close frame is dropped after a while."""
        link, _, transport = self.upgrade()
        link.close()
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_peerDoesNotRead(self) -> None:
        """A peer that closed and does not take the rest is dropped after a while."""
        link, _, transport = self.upgrade()
        link.dataReceived(closing())
        self.assertFalse(transport.disconnected)
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(transport.disconnected)

    def test_abort(self) -> None:
        """An aborted link ends at once, and delivers nothing more."""
        link, recorder, transport = self.upgrade()
        recorder.reactions["received"] = lambda link: link.abort()
        link.dataReceived(clientFrame(b"one"))
        link.dataReceived(clientFrame(b"two") + clientFrame(b"", opcode=PING) + closing())
        self.assertTrue(transport.disconnected)
        self.assertNotIn((1, b""), self.written(transport))
        self.assertEqual(recorder.messages, [b"one"])

    def test_lost(self) -> None:
        """A connection that just breaks tells the transport's reason."""
        link, recorder, _ = self.upgrade()
        link.connectionLost(Failure(ConnectionLost()))
        link.write([b"x"])
        link.close()
        link.abort()
        link.resumeReading()
        self.assertEqual(recorder.words, ["opened", "lost"])
        self.assertIn("Connection to the other side was lost", str(recorder.events[-1][1]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closeInDelivery(self) -> None:
        """A receiver may close the link in a delivery; what came with it is ignored."""
        link, recorder, transport = self.upgrade()
        recorder.reactions["received"] = lambda link: link.close()
        link.dataReceived(clientFrame(b"one", fin=False) + clientFrame(b"", opcode=0) + closing(1002))
        self.assertEqual(self.written(transport), [(CLOSE, b"\x03\xe8")])
        self.assertTrue(transport.disconnecting)


class PingTests(WebSocketTestCase):
    """Pings in both directions."""

    def pump(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds * 4)):
            self.clock.advance(0.25)

    def test_interval(self) -> None:
        """An empty ping is sent in each interval, and pongs keep the link alive."""
        link, _, transport = self.upgrade()
        for _ in range(10):
            self.pump(5)
            self.assertEqual(self.written(transport), [(PING, b"")])
            link.dataReceived(clientFrame(b"", opcode=PONG))
        self.assertFalse(transport.disconnected)

    def test_off(self) -> None:
        """An interval of zero switches pings off."""
        link, _, transport = self.upgrade(self.makeFactory(pingInterval=0))
        self.pump(60)
        self.assertEqual((transport.value(), transport.disconnected), (b"", False))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(link.isLive)

    def test_dead(self) -> None:
        """A peer that does not answer is dropped, even if it sends."""
        link, recorder, transport = self.upgrade()
        for _ in range(21):
            self.pump(1)
            link.dataReceived(clientFrame(b"x"))
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertEqual(recorder.events[-1], ("lost", "no answer to a ping for 15 seconds"))

    def test_longMessage(self) -> None:
        """A peer that is in the middle of a long frame cannot answer, and is not dropped."""
        link, recorder, transport = self.upgrade()
        data = clientFrame(b"x" * 100)
        for index in range(len(data)):
            self.pump(1)
            link.dataReceived(data[index : index + 1])
        self.assertFalse(transport.disconnected)
        self.assertEqual(recorder.messages, [b"x" * 100])

    def test_paused(self) -> None:
        """While we do not read no answer can come, and nobody is dropped for that."""
        link, _, transport = self.upgrade()
        link.pauseReading()
        self.pump(60)
        link.resumeReading()
        self.pump(5)
        self.assertFalse(transport.disconnected)

    def test_drained(self) -> None:
        """A transport that drains shows that the peer is there."""
        link, _, transport = self.upgrade()
        for _ in range(10):
            link.pauseProducing()
            self.pump(12)
            link.resumeProducing()
        self.assertFalse(transport.disconnected)

    def test_notAfterTheEnd(self) -> None:
        """No ping follows a close frame, and none is due when the link is gone."""
        link, _, transport = self.upgrade()
        link.close()
        transport.clear()
        self.clock.advance(4.9)
        self.assertEqual(transport.value(), b"")
        self.lose(link)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answered(self) -> None:
        """A ping is answered with its own content."""
        link, _, transport = self.upgrade()
        link.dataReceived(clientFrame(b"abc", opcode=PING))
        self.assertEqual(self.written(transport), [(PONG, b"abc")])

    def test_tooMany(self) -> None:
        """As many pings as the limit are answered in a second; one more closes with 1008."""
        link, _, transport = self.upgrade(self.makeFactory(pingInterval=0))
        for _ in range(3):
            link.dataReceived(clientFrame(b"", opcode=PING) * MAX_PINGS)
            self.assertEqual(self.written(transport), [(PONG, b"")] * MAX_PINGS)
            self.clock.advance(1)
        link.dataReceived(clientFrame(b"", opcode=PING) * (MAX_PINGS + 1))
        self.assertEqual(self.closeCode(transport), 1008)

    def test_whileBlocked(self) -> None:
        """While the transport is full no ping is answered; when it has drained, the last one is."""
        link, _, transport = self.upgrade(self.makeFactory(pingInterval=0))
        link.pauseProducing()
        link.dataReceived(clientFrame(b"a", opcode=PING) + clientFrame(b"b", opcode=PING))
        self.assertEqual(transport.value(), b"")
        link.resumeProducing()
        self.assertEqual(self.written(transport), [(PONG, b"b")])
        link.pauseProducing()
        link.resumeProducing()
        self.assertEqual(transport.value(), b"")


class LogTests(WebSocketTestCase):
    """What Autobahn has to say."""

    def test_silence(self) -> None:
        """The life of an ordinary connection is not logged."""
        with capturedLogs() as events:
            link, _, _ = self.upgrade()
            link.dataReceived(clientFrame(b"x") + clientFrame(b"", opcode=PING) + closing())
            self.lose(link)
        self.assertEqual(events, [])

    def test_unused(self) -> None:
        """A link makes no use of what it was made for if the transport is lost at once."""
        link = self.makeFactory().buildProtocol(None)
        assert isinstance(link, WebSocketLink)
        link.makeConnection(StringTransport())
        self.lose(link)
        self.assertEqual(self.clock.getDelayedCalls(), [])
