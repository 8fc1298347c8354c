"""
The short path and Autobahn's parser, on the same bytes.
"""

from __future__ import annotations

from typing import NamedTuple, cast
from unittest.mock import patch

from hypothesis import given, settings

from jetjstp.interfaces import MessageLink
from jetjstp.links.websocket import WebSocketLink
from tests.links.streams import MAX_MESSAGE, streams
from tests.links.upgrading import WebSocketTestCase


class Outcome(NamedTuple):
    """What came of a stream of bytes."""

    events: list[tuple[object, ...]]
    written: list[tuple[int, bytes]]
    isClosing: bool
    isDropped: bool

    @property
    def messages(self) -> list[bytes]:
        """What was delivered, however it was put together."""
        return [message for event in self.events if event[0] == "received" for message in cast(list[bytes], event[1])]


def takeNothing(data: bytes, longest: int, messages: list[bytes]) -> int:
    """Leave every frame to the parser."""
    return 0


class SameOutcomeTests(WebSocketTestCase):
    """Whether it matters which way a frame takes, and how the stream was cut."""

    def outcome(self, pieces: list[bytes]) -> Outcome:
        """Feed pieces to a new link, which answers each message."""
        link, recorder, transport = self.upgrade(self.makeFactory(maxMessage=MAX_MESSAGE, pingInterval=0))

        def answer(link: MessageLink) -> None:
            messages = cast(list[bytes], recorder.events[-1][1])
            link.write([link.pack(b"%d" % len(message)) for message in messages])

        recorder.reactions["received"] = answer
        for piece in pieces:
            if piece and not transport.disconnecting:
                link.dataReceived(piece)
        self.clock.advance(0)
        written = self.written(transport)
        isClosing, isDropped = transport.disconnecting, transport.disconnected
        self.lose(link)
        return Outcome(recorder.events, written, isClosing, isDropped)

    @settings(max_examples=300, deadline=None)
    @given(streams(masked=True))
    def test_shortPath(self, pieces: list[bytes]) -> None:
        """With and without the short path the same is delivered in the same calls, written, and done at the end."""
        with patch.object(WebSocketLink, "_takeShort", staticmethod(takeNothing)):
            expected = self.outcome(pieces)
        self.assertEqual(self.outcome(pieces), expected)

    @settings(max_examples=300, deadline=None)
    @given(streams(masked=True))
    def test_cuts(self, pieces: list[bytes]) -> None:
        """Cutting changes in how many calls messages are delivered, and nothing else; no answer is behind a close."""
        whole, inPieces = self.outcome([b"".join(pieces)]), self.outcome(pieces)
        self.assertEqual(inPieces.messages, whole.messages)
        self.assertEqual(inPieces.events[-1], whole.events[-1])
        self.assertEqual(inPieces[2:], whole[2:])
        self.assertEqual(sorted(inPieces.written), sorted(whole.written))
        for outcome in whole, inPieces:
            self.assertNotIn(8, [opcode for opcode, _ in outcome.written[:-1]])
