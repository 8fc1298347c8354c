"""
Tests for L{jetjstp.links.traffic}: what links count.
"""

from __future__ import annotations

from unittest.mock import patch

from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs

from jetjstp.causes import Cause, Refusal
from jetjstp.links.settings import LinkSettings
from jetjstp.links.traffic import Traffic, trafficFigures
from jetjstp.links.webside import MAX_PINGS, OPEN_TIMEOUT
from tests.links.frames import clientFrame
from tests.links.test_stream import LIMIT, StreamTestCase, frame
from tests.links.upgrading import LIMIT as WEBSOCKET_LIMIT
from tests.links.upgrading import WebSocketTestCase, upgradeRequest


def noted(counts: dict[Cause, int] | dict[Refusal, int]) -> dict[str, int]:
    """What is not zero, by the words for it."""
    return {word.value: count for word, count in counts.items() if count}


class StreamTests(StreamTestCase):
    """Links over plain streams."""

    settings = LinkSettings(idleTimeout=60, maxConnections=2)

    @property
    def traffic(self) -> Traffic:
        """The counts."""
        return self.factory.traffic

    def test_received(self) -> None:
        """Bytes are counted as they come, messages when they are whole."""
        link, _, _ = self.connect()
        data = frame(b"one") + frame(b"two") + frame(b"three")
        link.dataReceived(data[:-1])
        self.assertEqual((self.traffic.bytesReceived, self.traffic.messagesReceived), (len(data) - 1, 2))
        link.dataReceived(data[-1:])
        self.assertEqual((self.traffic.bytesReceived, self.traffic.messagesReceived), (len(data), 3))

    def test_held(self) -> None:
        """Messages that wait while reading is paused are counted once."""
        link, recorder, _ = self.connect()
        recorder.reactions["received"] = lambda link: link.pauseReading()
        for _ in range(3):
            link.dataReceived(frame(b"x"))
        self.assertEqual(self.traffic.messagesReceived, 3)
        recorder.reactions.clear()
        link.resumeReading()
        self.assertEqual(len(recorder.messages), 3)
        self.assertEqual(self.traffic.messagesReceived, 3)

    def test_sent(self) -> None:
        """What is written is counted, what comes after the end is not."""
        link, _, transport = self.connect()
        link.write([frame(b"one"), frame(b"two")])
        self.assertEqual((self.traffic.bytesSent, self.traffic.messagesSent), (len(transport.value()), 2))
        link.abort()
        link.write([frame(b"three")])
        self.assertEqual(self.traffic.messagesSent, 2)

    def test_together(self) -> None:
        """All links of a factory are counted together, those that are gone, too."""
        for _ in range(3):
            link, _, _ = self.connect()
            link.dataReceived(frame(b"x"))
            self.lose(link)
        self.assertEqual((self.traffic.opened, self.traffic.messagesReceived), (3, 3))
        self.assertEqual((noted(self.traffic.dropped), noted(self.traffic.refused)), ({}, {}))

    def test_full(self) -> None:
        """A connection too many is refused, and counted as that."""
        links = [self.connect()[0] for _ in range(2)]
        with capturedLogs():
            self.assertIsNone(self.factory.buildProtocol(None))
        self.assertEqual(noted(self.traffic.refused), {"full": 1})
        self.lose(links[0])
        self.connect()
        self.assertEqual((noted(self.traffic.refused), self.traffic.opened), ({"full": 1}, 3))

    def test_drops(self) -> None:
        """A link that is ended for a reason of our own is counted under it, once."""
        link, _, _ = self.connect()
        link.dataReceived(frame(b"first") + frame(b"x" * (LIMIT + 1)))
        link.abortBecause("once more", Cause.SILENT)
        self.lose(link)
        self.assertEqual(noted(self.traffic.dropped), {"limit": 1})
        self.assertEqual(self.traffic.messagesReceived, 1)
        link, _, _ = self.connect()
        self.clock.advance(61)
        self.lose(link)
        self.assertEqual(noted(self.traffic.dropped), {"limit": 1, "silent": 1})

    def test_ends(self) -> None:
        """Links that are closed, or that the other side ends, were not dropped."""
        for end in ("close", "abort"):
            link, _, _ = self.connect()
            getattr(link, end)()
            self.lose(link)
        self.assertEqual(noted(self.traffic.dropped), {})

    def test_fault(self) -> None:
        """A receiver that fails costs its link."""
        link, recorder, _ = self.connect()
        recorder.reactions["received"] = lambda link: 1 / 0
        with capturedLogs():
            link.dataReceived(frame(b"x"))
        self.flushLoggedErrors(ZeroDivisionError)
        self.lose(link)
        self.assertEqual(noted(self.traffic.dropped), {"fault": 1})


class WebSocketTests(WebSocketTestCase):
    """Links over WebSocket."""

    def setUp(self) -> None:
        super().setUp()
        self.factory = self.makeFactory()
        self.traffic = self.factory.traffic

    def test_received(self) -> None:
        """Each message is counted once, whichever way it takes through the parser."""
        link, recorder, _ = self.upgrade(self.factory)
        pieces = [
            clientFrame(b"short"),
            clientFrame(b"thr", fin=False) + clientFrame(b"ee", opcode=0) + clientFrame(b"x", opcode=9),
            clientFrame(b"l" * 5000) + clientFrame(b"last"),
        ]
        before = self.traffic.bytesReceived
        self.assertEqual(before, len(upgradeRequest()))
        for piece in pieces:
            link.dataReceived(piece)
        self.assertEqual(self.traffic.messagesReceived, 4)
        self.assertEqual(len(recorder.messages), 4)
        self.assertEqual(self.traffic.bytesReceived - before, sum(map(len, pieces)))

    def test_waiting(self) -> None:
        """Bytes that have to wait to be looked at are counted when they come, and not once more."""
        link, recorder, _ = self.upgrade(self.factory)
        before = self.traffic.bytesReceived
        link.pauseReading()
        data = clientFrame(b"one") + clientFrame(b"two")
        link.dataReceived(data)
        link.resumeReading()
        self.clock.advance(0)
        self.assertEqual(recorder.messages, [b"one", b"two"])
        self.assertEqual(self.traffic.messagesReceived, 2)
        self.assertEqual(self.traffic.bytesReceived - before, len(data))

    def test_sent(self) -> None:
        """What is sent is counted with its frames; handshakes and answers to pings are not."""
        link, _, transport = self.upgrade(self.factory)
        link.write([link.pack(b"one"), link.pack(b"two")])
        self.assertEqual((self.traffic.messagesSent, self.traffic.bytesSent), (2, len(transport.value())))
        link.dataReceived(clientFrame(b"x", opcode=9))
        self.assertEqual(self.traffic.messagesSent, 2)

    def test_drops(self) -> None:
        """What a peer does too much of is told from what it does wrong."""
        for data, cause in (
            (clientFrame(b"x" * (WEBSOCKET_LIMIT + 1)), "limit"),
            (clientFrame(b"", opcode=9) * (MAX_PINGS + 1), "limit"),
            (clientFrame(b"x", rsv=1), "protocol"),
            (clientFrame(b"\xff"), "protocol"),
        ):
            factory = self.makeFactory()
            link, _, _ = self.upgrade(factory)
            with capturedLogs():
                link.dataReceived(data)
            self.lose(link)
            self.assertEqual(noted(factory.traffic.dropped), {cause: 1})

    def test_silent(self) -> None:
        """A peer that does not answer pings is dropped as silent."""
        link, _, _ = self.upgrade(self.factory)
        with patch.object(link, "hasExcuse", lambda: False):
            for _ in range(10):
                self.clock.advance(5)
        self.lose(link)
        self.assertEqual(noted(self.traffic.dropped), {"silent": 1})

    def test_denied(self) -> None:
        """A page of a foreign origin is denied; it never was a peer."""
        link, _ = self.connect(self.factory)
        with capturedLogs():
            link.dataReceived(upgradeRequest(Origin="http://evil.example"))
        self.lose(link)
        self.assertEqual((noted(self.traffic.refused), self.traffic.opened), ({"denied": 1}, 0))

    def test_handshakes(self) -> None:
        """What is no upgrade, comes too late, or goes before it is done, has no handshake."""
        link, _ = self.connect(self.factory)
        with capturedLogs():
            link.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.lose(link)
        link, transport = self.connect(self.factory)
        self.clock.advance(OPEN_TIMEOUT + 1)
        self.assertTrue(transport.disconnecting or transport.disconnected)
        self.lose(link)
        self.lose(self.connect(self.factory)[0])
        self.assertEqual((noted(self.traffic.refused), noted(self.traffic.dropped)), ({"handshake": 3}, {}))

    def test_full(self) -> None:
        """A connection too many is refused."""
        factory = self.makeFactory(settings=LinkSettings(maxConnections=1))
        self.connect(factory)
        with capturedLogs():
            self.assertIsNone(factory.buildProtocol(None))
        self.assertEqual(noted(factory.traffic.refused), {"full": 1})


class FigureTests(StreamTestCase):
    """What is made of the counts."""

    def test_figures(self) -> None:
        """Each count is told by the kind of link; reasons for refusals for all kinds together."""
        link, _, _ = self.connect(StringTransport())
        link.dataReceived(frame(b"x"))
        other = Traffic()
        other.refused[Refusal.DENIED] = self.factory.traffic.refused[Refusal.DENIED] = 2
        figures = list(trafficFigures("any", {"stream": self.factory.traffic, "websocket": other}))
        values = {(figure.name, *(word for _, word in figure.labels)): figure.value for figure in figures}
        self.assertEqual(len(values), len(figures))
        self.assertEqual({figure.kind for figure in figures}, {"counter"})
        self.assertEqual(values["any_messages_received", "stream"], 1)
        self.assertEqual(values["any_messages_received", "websocket"], 0)
        self.assertEqual(values["any_received_bytes", "stream"], 5)
        self.assertEqual(values["any_connections_opened", "stream"], 1)
        self.assertEqual(values["any_connections_refused", "denied"], 4)
