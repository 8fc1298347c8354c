"""
The short path and Autobahn's parser, on the same bytes.
"""

from __future__ import annotations

from typing import NamedTuple, cast
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from jetjstp.interfaces import MessageLink
from jetjstp.links import webside
from tests.links.frames import clientFrame
from tests.links.upgrading import WebSocketTestCase

MAX_MESSAGE = 200

texts = st.one_of(
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from([b"", b"x" * 125, b"x" * 126, b"x" * MAX_MESSAGE]),
)
badPayloads = st.sampled_from([b"x" * (MAX_MESSAGE + 1), b"\xff", b"\xc3", b"\xed\xa0\x80"])
anyPayloads = st.one_of(texts, badPayloads, st.binary(max_size=20))

controlFrames = st.builds(clientFrame, st.binary(max_size=5), opcode=st.sampled_from([9, 10]))
wholeMessages = st.one_of(
    st.builds(clientFrame, texts),
    st.builds(clientFrame, st.binary(max_size=20), opcode=st.just(2)),
)


@st.composite
def fragmentedMessages(draw: st.DrawFn) -> list[bytes]:
    """The frames of one message, with control frames in between; not all of them are of whole characters."""
    text = draw(st.text(min_size=2, max_size=10)).encode("utf-8", "replace")
    middle = draw(st.integers(0, len(text)))
    between = draw(st.lists(controlFrames, max_size=2))
    return [clientFrame(text[:middle], fin=False), *between, clientFrame(text[middle:], opcode=0)]


goodFrames = st.lists(
    st.one_of(wholeMessages.map(lambda frame: [frame]), controlFrames.map(lambda frame: [frame]), fragmentedMessages()),
    max_size=5,
).map(lambda groups: [frame for group in groups for frame in group])

# What ends a connection, or may. A message that is not finished also makes good frames behind it wrong.
badFrames = st.one_of(
    st.builds(clientFrame, texts, fin=st.just(False)),
    st.builds(clientFrame, st.just(b"x"), fin=st.just(False)),
    st.builds(clientFrame, badPayloads),
    st.builds(clientFrame, anyPayloads, fin=st.just(False)),
    st.builds(clientFrame, anyPayloads, opcode=st.just(0), fin=st.booleans()),
    st.builds(clientFrame, st.sampled_from([b"", b"x", b"\x03\xe8", b"\x03\xe9bye"]), opcode=st.just(8)),
    st.builds(clientFrame, texts, opcode=st.sampled_from([1, 2]), rsv=st.integers(1, 7)),
    st.builds(clientFrame, texts, opcode=st.integers(0, 15), fin=st.booleans()),
    st.builds(clientFrame, texts, mask=st.none()),
    st.builds(clientFrame, anyPayloads, lengthForm=st.sampled_from([126, 127])),
    st.binary(max_size=10),
)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """The pieces that a stream of frames comes in: joined frames, single ones, and parts of them."""
    frames = [*draw(goodFrames), *draw(st.lists(badFrames, max_size=1)), *draw(goodFrames)]
    pieces: list[bytes] = []
    piece = b""
    for frame in frames:
        place = draw(st.one_of(st.none(), st.integers(0, 30)))
        if place is not None:
            pieces.append(piece + frame[:place])
            piece, frame = b"", frame[place:]
        piece += frame
        if draw(st.booleans()):
            pieces.append(piece)
            piece = b""
    return [*pieces, piece]


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
    @given(streams())
    def test_shortPath(self, pieces: list[bytes]) -> None:
        """With and without the short path the same is delivered in the same calls, written, and done at the end."""
        with patch.object(webside, "takeMasked", takeNothing):
            expected = self.outcome(pieces)
        self.assertEqual(self.outcome(pieces), expected)

    @settings(max_examples=300, deadline=None)
    @given(streams())
    def test_cuts(self, pieces: list[bytes]) -> None:
        """Cutting changes in how many calls messages are delivered, and nothing else; no answer is behind a close."""
        whole, inPieces = self.outcome([b"".join(pieces)]), self.outcome(pieces)
        self.assertEqual(inPieces.messages, whole.messages)
        self.assertEqual(inPieces.events[-1], whole.events[-1])
        self.assertEqual(inPieces[2:], whole[2:])
        self.assertEqual(sorted(inPieces.written), sorted(whole.written))
        for outcome in whole, inPieces:
            self.assertNotIn(8, [opcode for opcode, _ in outcome.written[:-1]])
