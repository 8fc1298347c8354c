"""
Tests for L{jetjstp.framing}.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.errors import FrameTooLong, LocalProtocolError
from jetjstp.framing import Framing, LengthPrefixed, NewlineTerminated, NulTerminated

LIMIT = 20

Kind = Callable[[int], Framing]


def feedAll(framing: Framing, pieces: list[bytes]) -> tuple[list[bytes], bool]:
    """
    Feed pieces one after the other.

    @return: The messages, and whether a frame was too long.
    """
    messages: list[bytes] = []
    for piece in pieces:
        try:
            messages += framing.feed(piece)
        except FrameTooLong as error:
            return messages + error.messages, True
    return messages, False


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut data at places that are taken modulo its length."""
    edges = sorted({0, len(data)} | {place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in pairwise(edges)]


class CutTests(SynchronousTestCase):
    """What holds for all framings, however the bytes are cut."""

    def check(self, kind: Kind, data: bytes, places: list[int]) -> None:
        whole = feedAll(kind(LIMIT), [data])
        self.assertEqual(feedAll(kind(LIMIT), cut(data, places)), whole)
        self.assertEqual(feedAll(kind(LIMIT), [data[i : i + 1] for i in range(len(data))]), whole)

    @given(st.lists(st.binary(max_size=LIMIT + 2)), st.binary(max_size=8), st.lists(st.integers(0, 10_000)))
    def test_lengthPrefixed(self, messages: list[bytes], rest: bytes, places: list[int]) -> None:
        """Cutting does not change what a length-prefixed stream means, be it valid or not."""
        data = b"".join(len(message).to_bytes(4, "big") + message for message in messages)
        self.check(LengthPrefixed, data + rest, places)

    @given(st.lists(st.sampled_from([b"\0", b"\n", b"\r", b"a", b"b" * (LIMIT - 1)])), st.lists(st.integers(0, 10_000)))
    def test_terminated(self, tokens: list[bytes], places: list[int]) -> None:
        """Cutting does not change what a terminated stream means, be it valid or not."""
        self.check(NulTerminated, b"".join(tokens), places)
        self.check(NewlineTerminated, b"".join(tokens), places)

    @given(st.lists(st.binary(min_size=1, max_size=LIMIT)))
    def test_packed(self, messages: list[bytes]) -> None:
        """What pack made, feed takes apart again."""
        kinds: list[type[LengthPrefixed] | type[NulTerminated] | type[NewlineTerminated]]
        kinds = [LengthPrefixed, NulTerminated, NewlineTerminated]
        for kind in kinds:
            sendable = messages
            if kind is not LengthPrefixed:
                sendable = [message.translate(None, b"\0\r\n") or b"x" for message in messages]
            data = b"".join(kind.pack(message) for message in sendable)
            self.assertEqual(feedAll(kind(LIMIT), [data]), (sendable, False))


class LimitTests(SynchronousTestCase):
    """The limit of each framing."""

    def checkLimit(self, kind: Kind, pack: Callable[[bytes], bytes]) -> None:
        atLimit = pack(b"x" * LIMIT)
        self.assertEqual(kind(LIMIT).feed(atLimit), [b"x" * LIMIT])
        framing = kind(LIMIT)
        error = self.assertRaises(FrameTooLong, framing.feed, atLimit + pack(b"y" * (LIMIT + 1)) + pack(b"z"))
        self.assertEqual((error.messages, error.limit), ([b"x" * LIMIT], LIMIT))
        self.assertGreater(error.length, LIMIT)

    def test_atTheLimit(self) -> None:
        """A message as long as the limit passes, one byte more does not, and the messages before it are told."""
        self.checkLimit(LengthPrefixed, LengthPrefixed.pack)
        self.checkLimit(NulTerminated, NulTerminated.pack)
        self.checkLimit(NewlineTerminated, NewlineTerminated.pack)
        self.checkLimit(NewlineTerminated, lambda payload: payload + b"\r\n")

    def test_prefix(self) -> None:
        """A length above the limit is refused as soon as it is known, before anything of the frame has come."""
        framing = LengthPrefixed(LIMIT)
        self.assertEqual(framing.feed(b"\xff\xff\xff"), [])
        error = self.assertRaises(FrameTooLong, framing.feed, b"\xff")
        self.assertEqual((error.length, error.messages), (2**32 - 1, []))
        self.assertEqual(str(error), "a frame of 4294967295 bytes exceeds the limit of 20")

    def test_unterminated(self) -> None:
        """A message without end is refused once it is longer than the limit."""
        kinds: list[Kind] = [NulTerminated, NewlineTerminated]
        for kind in kinds:
            framing = kind(LIMIT)
            self.assertEqual(framing.feed(b"x" * LIMIT), [])
            self.assertRaises(FrameTooLong, framing.feed, b"x")

    def test_carriageReturnAtTheLimit(self) -> None:
        """A carriage return behind a line as long as the limit may still belong to the line's end."""
        framing = NewlineTerminated(LIMIT)
        self.assertEqual(framing.feed(b"x" * LIMIT + b"\r"), [])
        self.assertEqual(framing.feed(b"\n"), [b"x" * LIMIT])
        self.assertEqual(framing.feed(b"x" * LIMIT + b"\r"), [])
        self.assertRaises(FrameTooLong, framing.feed, b"x")


class EmptyTests(SynchronousTestCase):
    """Messages without content."""

    def test_lengthZero(self) -> None:
        """Frames of length zero disappear, wherever they are."""
        framing = LengthPrefixed(LIMIT)
        self.assertEqual(framing.feed(b"\0\0\0\0" * 3 + b"\0\0\0\1x" + b"\0\0\0\0" + b"\0\0\0\1y\0"), [b"x", b"y"])
        self.assertEqual(framing.feed(b"\0\0\0"), [])
        self.assertEqual(framing.feed(b"\0\0\0\1z"), [b"z"])

    def test_emptyBetweenZeroBytes(self) -> None:
        """An empty message between zero bytes is a message: JSTP ends a connection for it."""
        self.assertEqual(NulTerminated(LIMIT).feed(b"\0a\0\0"), [b"", b"a", b""])

    def test_emptyLines(self) -> None:
        """Empty lines are no messages, with or without a carriage return."""
        self.assertEqual(NewlineTerminated(LIMIT).feed(b"\n\r\na\r\n\n\r\r\nb"), [b"a", b"\r"])

    def test_noBytes(self) -> None:
        """No bytes change nothing."""
        kinds: list[Kind] = [LengthPrefixed, NulTerminated, NewlineTerminated]
        for kind in kinds:
            self.assertEqual(kind(LIMIT).feed(b""), [])


class PackTests(SynchronousTestCase):
    """Making frames."""

    def test_frames(self) -> None:
        """Frames look as the protocols say."""
        self.assertEqual(LengthPrefixed.pack(b"ab"), b"\0\0\0\2ab")
        self.assertEqual(NulTerminated.pack(b"ab"), b"ab\0")
        self.assertEqual(NewlineTerminated.pack(b"ab"), b"ab\n")

    def test_impossible(self) -> None:
        """What would be read as something else is refused."""
        self.assertRaises(LocalProtocolError, LengthPrefixed.pack, b"")
        self.assertRaises(LocalProtocolError, NulTerminated.pack, b"a\0b")
        for payload in b"", b"a\nb", b"a\r":
            self.assertRaises(LocalProtocolError, NewlineTerminated.pack, payload)


class SingleByteTests(SynchronousTestCase):
    """A long message in single bytes."""

    def test_linear(self) -> None:
        """
        What is pending is not copied again for each byte that comes.

        If it were, half a million bytes would mean 125 GB of copies, and the test would not end in any patience.
        """
        size = 500_000
        for framing, data in (
            (LengthPrefixed(size), LengthPrefixed.pack(b"x" * size)),
            (NulTerminated(size), NulTerminated.pack(b"x" * size)),
            (NewlineTerminated(size), NewlineTerminated.pack(b"x" * size)),
        ):
            messages: list[bytes] = []
            for index in range(len(data)):
                messages += framing.feed(data[index : index + 1])
            self.assertEqual(messages, [b"x" * size])
