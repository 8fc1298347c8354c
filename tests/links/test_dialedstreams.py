"""
The short path of the client's side and Autobahn's parser, on the same bytes.
"""

from __future__ import annotations

from typing import cast
from unittest.mock import patch

from hypothesis import given, settings

from jetjstp.interfaces import MessageLink
from jetjstp.links.websocketclient import DialedWebSocketLink
from tests.links.dialed import DialedTestCase
from tests.links.frames import clientFrames
from tests.links.receivers import Recorder
from tests.links.streams import MAX_MESSAGE, streams

Outcome = tuple[list[tuple[object, ...]], list[tuple[int, bytes]], bool, bool]


def takeNothing(data: bytes, longest: int, messages: list[bytes]) -> int:
    """Leave every frame to the parser."""
    return 0


class SameOutcomeTests(DialedTestCase):
    """Whether it matters which way a server's frame takes, and how the stream was cut."""

    def outcome(self, pieces: list[bytes]) -> Outcome:
        """Feed pieces to a new link, which answers each message: events, what was written, how it ended."""
        recorder = self.recorder = Recorder()
        link, transport = self.open(self.makeFactory(maxMessage=MAX_MESSAGE, pingInterval=0))

        def answer(link: MessageLink) -> None:
            messages = cast(list[bytes], recorder.events[-1][1])
            link.write([link.pack(b"%d" % len(message)) for message in messages])

        recorder.reactions["received"] = answer
        for piece in pieces:
            if piece and not transport.disconnecting:
                link.dataReceived(piece)
        self.clock.advance(0)
        written = [(first, payload) for first, _, payload in clientFrames(transport.value())]
        isClosing, isDropped = transport.disconnecting, transport.disconnected
        self.lose(link)
        return recorder.events, written, isClosing, isDropped

    @settings(max_examples=150, deadline=None)
    @given(streams(masked=False))
    def test_shortPath(self, pieces: list[bytes]) -> None:
        """With and without the short path the same is delivered in the same calls, written, and done at the end."""
        with patch.object(DialedWebSocketLink, "_takeShort", staticmethod(takeNothing)):
            expected = self.outcome(pieces)
        self.assertEqual(self.outcome(pieces), expected)

    @settings(max_examples=100, deadline=None)
    @given(streams(masked=False))
    def test_cuts(self, pieces: list[bytes]) -> None:
        """Cutting changes in how many calls messages are delivered, and nothing else."""
        whole, cut = self.outcome([b"".join(pieces)]), self.outcome(pieces)
        for events, _, _, _ in whole, cut:
            events[1:-1] = [("received", [one]) for event in events[1:-1] for one in cast(list[bytes], event[1])]
        self.assertEqual(cut[0], whole[0])
        self.assertEqual(sorted(cut[1]), sorted(whole[1]))
        self.assertEqual(cut[2:], whole[2:])
