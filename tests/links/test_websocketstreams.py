"""
The short path and Autobahn's parser, on the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

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


@dataclass
class Outcome:
    """What came of a stream of bytes."""

    messages: list[bytes]
    written: list[tuple[int, bytes]]
    isClosing: bool
    isDropped: bool
    ended: list[object]


class SameOutcomeTests(WebSocketTestCase):
    """Whether it matters which way a frame takes."""

    def outcome(self, pieces: list[bytes], short: bool) -> Outcome:
        """Feed pieces to a new link, which answers each message."""
        with self.allFramesTheLongWay() if not short else self.bothWays():
            link, recorder, transport = self.upgrade(self.makeFactory(maxMessage=MAX_MESSAGE))
            answered = 0

            def answer(link: object) -> None:
                nonlocal answered
                messages = recorder.messages
                recorder.link.write([recorder.link.pack(b"%d" % len(message)) for message in messages[answered:]])
                answered = len(messages)

            recorder.reactions["received"] = answer
            for piece in pieces:
                if not transport.disconnecting:
                    link.dataReceived(piece)
            self.clock.advance(0)
            written = self.written(transport)
            isClosing, isDropped = transport.disconnecting, transport.disconnected
            self.lose(link)
            ended = [event[1] for event in recorder.events if event[0] == "lost"]
        return Outcome(recorder.messages, written, isClosing, isDropped, ended)
