"""
Tests for L{jetjstp.links.fragments}, and for the links that use it.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport

from jetjstp.links.fragments import LEAST, inFragments
from jetjstp.links.shortpath import plainFrame, textFrame
from jetjstp.links.websocket import WebSocketLinkFactory
from tests.links.dialed import DialedTestCase
from tests.links.frames import clientFrame, clientFrames
from tests.links.receivers import Recorder
from tests.links.upgrading import WebSocketTestCase, upgradeRequest

SIZE = 200


class ServerTests(WebSocketTestCase):
    """Frames without masks."""

    def test_sizes(self) -> None:
        """A message up to the size is one frame; a longer one is cut, and only the last frame says that it is."""
        link, _, _ = self.upgrade(self.makeFactory(fragmentSize=SIZE))
        for length in 0, 1, SIZE:
            self.assertEqual(link.pack(b"x" * length), textFrame(b"x" * length))
        for length in SIZE + 1, 2 * SIZE - 1, 2 * SIZE:
            self.assertEqual(
                link.pack(b"x" * length),
                clientFrame(b"x" * SIZE, fin=False, mask=None)
                + clientFrame(b"x" * (length - SIZE), opcode=0, mask=None),
            )
        self.assertEqual(
            link.pack(b"x" * (2 * SIZE + 1)),
            clientFrame(b"x" * SIZE, fin=False, mask=None)
            + clientFrame(b"x" * SIZE, opcode=0, fin=False, mask=None)
            + clientFrame(b"x", opcode=0, mask=None),
        )

    def test_whole(self) -> None:
        """Without a size, every message is one frame."""
        link, _, _ = self.upgrade()
        self.assertEqual(link.pack(b"x" * 100_000), textFrame(b"x" * 100_000))

    def test_longFrames(self) -> None:
        """Fragments may be of any length."""
        pack = inFragments(textFrame, plainFrame, 70_000)
        data = pack(b"x" * 140_000)
        self.assertEqual(
            data,
            clientFrame(b"x" * 70_000, fin=False, mask=None) + clientFrame(b"x" * 70_000, opcode=0, mask=None),
        )


class DialedTests(DialedTestCase):
    """Frames with masks."""

    @given(st.text(max_size=1000))
    def test_toServer(self, text: str) -> None:
        """What a client link sends in fragments, a server link puts together, characters cut apart or not."""
        message = text.encode("utf-8", "replace")
        recorder = Recorder()
        server = WebSocketLinkFactory(lambda: recorder, maxMessage=5000, reactor=self.clock).buildProtocol(None)
        assert server is not None
        server.makeConnection(StringTransport(lenient=True))
        server.dataReceived(upgradeRequest())
        link, _ = self.open(self.makeFactory(fragmentSize=LEAST, pingInterval=0))
        server.dataReceived(link.pack(message))
        self.assertEqual(recorder.messages, [message])

    def test_masks(self) -> None:
        """Each fragment has a mask of its own."""
        link, _ = self.open(self.makeFactory(fragmentSize=SIZE))
        frames = clientFrames(link.pack(b"x" * (4 * SIZE + 1)))
        self.assertEqual([first for first, _, _ in frames], [0x01, 0x00, 0x00, 0x00, 0x80])
        self.assertEqual([payload for _, _, payload in frames], [b"x" * SIZE] * 4 + [b"x"])
        self.assertEqual(len({mask for _, mask, _ in frames}), 5)
        ((first, _, payload),) = clientFrames(link.pack(b"x" * SIZE))
        self.assertEqual((first, payload), (0x81, b"x" * SIZE))

    def test_long(self) -> None:
        """Long fragments are masked as short ones are."""
        link, _ = self.open(self.makeFactory(fragmentSize=16384))
        message = bytes(range(256)) * 300
        frames = clientFrames(link.pack(message))
        self.assertEqual([len(payload) for _, _, payload in frames], [16384, 16384, 16384, 16384, 11264])
        self.assertEqual(b"".join(payload for _, _, payload in frames), message)

    def test_received(self) -> None:
        """What a server sends in fragments is put together."""
        self.recorder = Recorder()
        link, _ = self.open()
        pack = inFragments(textFrame, plainFrame, 16384)
        message = b"y" * 100_000
        link.dataReceived(pack(message) + pack(b"small"))
        self.assertEqual(self.recorder.messages, [message, b"small"])
