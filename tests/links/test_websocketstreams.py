"""
The short path and Autobahn's parser, on the same bytes.
"""

from __future__ import annotations

from itertools import cycle
from typing import NamedTuple, cast
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from jetjstp.interfaces import MessageLink
from jetjstp.links import webside
from tests.links.frames import clientFrame
from tests.links.upgrading import WebSocketTestCase

MAX_MESSAGE = 200

payloads = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from([b"", b"x" * 125, b"x" * 126, b"x" * MAX_MESSAGE, b"x" * (MAX_MESSAGE + 1), b"\xff", b"\xc3"]),
)

# Mostly good frames, so that there is something to be delivered before something bad comes.
frames = st.one_of(
    st.builds(clientFrame, payloads),
    st.builds(clientFrame, payloads, opcode=st.just(2)),
    st.builds(clientFrame, payloads, fin=st.just(False)),
    st.builds(clientFrame, payloads, opcode=st.just(0), fin=st.booleans()),
    st.builds(clientFrame, payloads, opcode=st.sampled_from([9, 10])),
    st.builds(clientFrame, st.sampled_from([b"", b"\x03\xe8", b"\x03\xe9bye"]), opcode=st.just(8)),
    st.builds(
        clientFrame,
        payloads,
        opcode=st.integers(0, 15),
        fin=st.booleans(),
        rsv=st.integers(0, 7),
        mask=st.one_of(st.none(), st.binary(min_size=4, max_size=4)),
    ),
    st.builds(clientFrame, payloads, lengthForm=st.sampled_from([126, 127])),
    st.binary(max_size=10),
)


pieceSizes = st.lists(st.integers(1, 60), min_size=1)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut data in pieces of sizes that repeat."""
    pieces: list[bytes] = []
    for size in cycle(sizes):
        if not data:
            break
        pieces.append(data[:size])
        data = data[size:]
    return pieces


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
            if not transport.disconnecting:
                link.dataReceived(piece)
        self.clock.advance(0)
        written = self.written(transport)
        isClosing, isDropped = transport.disconnecting, transport.disconnected
        self.lose(link)
        return Outcome(recorder.events, written, isClosing, isDropped)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(frames, max_size=12), pieceSizes)
    def test_shortPath(self, frames: list[bytes], sizes: list[int]) -> None:
        """With and without the short path the same is delivered in the same calls, written, and done at the end."""
        pieces = cut(b"".join(frames), sizes)
        with patch.object(webside, "takeMasked", takeNothing):
            expected = self.outcome(pieces)
        self.assertEqual(self.outcome(pieces), expected)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(frames, max_size=12), pieceSizes)
    def test_cuts(self, frames: list[bytes], sizes: list[int]) -> None:
        """Cutting changes in how many calls messages are delivered, and nothing else; no answer is behind a close."""
        data = b"".join(frames)
        whole, inPieces = self.outcome([data] if data else []), self.outcome(cut(data, sizes))
        self.assertEqual(inPieces.messages, whole.messages)
        self.assertEqual(inPieces.events[-1], whole.events[-1])
        self.assertEqual(inPieces[2:], whole[2:])
        self.assertEqual(sorted(inPieces.written), sorted(whole.written))
        for outcome in whole, inPieces:
            self.assertNotIn(8, [opcode for opcode, _ in outcome.written[:-1]])
