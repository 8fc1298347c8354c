"""
Streams of WebSocket frames, good and bad, cut into pieces at random.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st

from tests.links.frames import clientFrame

__all__ = ["MAX_MESSAGE", "streams"]

MAX_MESSAGE = 200

payloads = st.one_of(
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from([b"", b"x" * 125, b"x" * 126, b"x" * MAX_MESSAGE]),
)
badPayloads = st.sampled_from([b"x" * (MAX_MESSAGE + 1), b"\xff", b"\xc3", b"\xed\xa0\x80"])
anyPayloads = st.one_of(payloads, badPayloads, st.binary(max_size=20))


class Frames:
    """Strategies for the frames of one side."""

    def __init__(self, masked: bool) -> None:
        """
        @param masked: Whether this side has to mask its frames.
        """
        mask = b"\x12\x34\xab\xcd"
        frame = self.frame = partial(clientFrame, mask=mask if masked else None)
        self.control = st.builds(frame, st.binary(max_size=5), opcode=st.sampled_from([9, 10]))
        whole = st.one_of(st.builds(frame, payloads), st.builds(frame, st.binary(max_size=20), opcode=st.just(2)))
        self.good: st.SearchStrategy[list[bytes]] = st.lists(
            st.one_of(whole.map(lambda one: [one]), self.control.map(lambda one: [one]), self.fragmented()),
            max_size=5,
        ).map(lambda groups: [one for group in groups for one in group])
        # What ends a connection, or may. A message that is not finished also makes good frames behind it wrong.
        self.bad = st.one_of(
            st.builds(frame, payloads, fin=st.just(False)),
            st.builds(frame, st.just(b"x"), fin=st.just(False)),
            st.builds(frame, badPayloads),
            st.builds(frame, anyPayloads, fin=st.just(False)),
            st.builds(frame, anyPayloads, opcode=st.just(0), fin=st.booleans()),
            st.builds(frame, st.sampled_from([b"", b"x", b"\x03\xe8", b"\x03\xe9bye"]), opcode=st.just(8)),
            st.builds(frame, payloads, opcode=st.sampled_from([1, 2]), rsv=st.integers(1, 7)),
            st.builds(frame, payloads, opcode=st.integers(0, 15), fin=st.booleans()),
            st.builds(clientFrame, payloads, mask=st.just(None if masked else mask)),
            st.builds(frame, anyPayloads, lengthForm=st.sampled_from([126, 127])),
            st.binary(max_size=10),
        )

    def fragmented(self) -> st.SearchStrategy[list[bytes]]:
        """The frames of one message, with control frames in between; not all of them are of whole characters."""

        @st.composite
        def frames(draw: st.DrawFn) -> list[bytes]:
            text = draw(st.text(min_size=2, max_size=10)).encode("utf-8", "replace")
            middle = draw(st.integers(0, len(text)))
            between = draw(st.lists(self.control, max_size=2))
            return [self.frame(text[:middle], fin=False), *between, self.frame(text[middle:], opcode=0)]

        return frames()


def streams(masked: bool) -> st.SearchStrategy[list[bytes]]:
    """The pieces that a stream of frames comes in: joined frames, single ones, and parts of them."""
    kinds = Frames(masked)

    @st.composite
    def pieces(draw: st.DrawFn) -> list[bytes]:
        frames = [*draw(kinds.good), *draw(st.lists(kinds.bad, max_size=1)), *draw(kinds.good)]
        done: list[bytes] = []
        piece = b""
        for frame in frames:
            place: Any = draw(st.one_of(st.none(), st.integers(0, 30)))
            if place is not None:
                done.append(piece + frame[:place])
                piece, frame = b"", frame[place:]
            piece += frame
            if draw(st.booleans()):
                done.append(piece)
                piece = b""
        return [*done, piece]

    return pieces()
