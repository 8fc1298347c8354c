"""
Tests for L{jetjstp.links.shortpath}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.shortpath import LONGEST, plainFrame, takeMasked, takeUnmasked, textFrame
from tests.links.frames import clientFrame


def take(data: bytes, longest: int = LONGEST) -> tuple[list[bytes], int]:
    """Take frames: the messages, and how many bytes are left."""
    messages: list[bytes] = []
    return messages, len(data) - takeMasked(data, longest, messages)


class TakeMaskedTests(SynchronousTestCase):
    """Taking frames apart."""

    @given(st.lists(st.binary(max_size=300)), st.binary(min_size=4, max_size=4))
    def test_binary(self, payloads: list[bytes], mask: bytes) -> None:
        """Whole binary frames of any content are taken."""
        data = b"".join(clientFrame(payload, opcode=2, mask=mask) for payload in payloads)
        self.assertEqual(take(data), (payloads, 0))

    @given(st.lists(st.text(max_size=50)))
    def test_text(self, texts: list[str]) -> None:
        """Whole text frames of any text are taken."""
        payloads = [text.encode("utf-8", "ignore") for text in texts]
        self.assertEqual(take(b"".join(clientFrame(payload) for payload in payloads)), (payloads, 0))

    def test_sizes(self) -> None:
        """All forms of the length are taken up to the limit, and none above."""
        for size in 0, 1, 125, 126, 127, 255, 256, LONGEST:
            self.assertEqual(take(clientFrame(b"x" * size)), ([b"x" * size], 0))
        for size in LONGEST + 1, 65535, 65536:
            frame = clientFrame(b"x" * size)
            self.assertEqual(take(frame), ([], len(frame)))
        frame = clientFrame(b"12345")
        self.assertEqual(take(frame, longest=5), ([b"12345"], 0))
        self.assertEqual(take(frame, longest=4), ([], len(frame)))

    def test_left(self) -> None:
        """A frame that is different in any way is left, and so is all that follows it."""
        good = clientFrame(b"good")
        for bad in (
            clientFrame(b"", opcode=8),
            clientFrame(b"", opcode=9),
            clientFrame(b"", opcode=10),
            clientFrame(b"x", opcode=0),
            clientFrame(b"x", opcode=3),
            clientFrame(b"x", fin=False),
            clientFrame(b"x", rsv=4),
            clientFrame(b"x", mask=None),
            clientFrame(b"\xff"),
            clientFrame("ä".encode()[:1]),
            clientFrame(b"\xed\xa0\x80"),
            clientFrame(b"x" * 5, lengthForm=126),
            clientFrame(b"x" * 200, lengthForm=127),
        ):
            self.assertEqual(take(good + good + bad + good), ([b"good", b"good"], len(bad + good)))

    def test_incomplete(self) -> None:
        """A frame that is not there as a whole is left."""
        for size in 0, 5, 126:
            frame = clientFrame(b"x" * size)
            for end in range(len(frame)):
                self.assertEqual(take(frame + frame[:end]), ([b"x" * size], end))


def takePlain(data: bytes, longest: int = LONGEST) -> tuple[list[bytes], int]:
    """Take a server's frames: the messages, and how many bytes are left."""
    messages: list[bytes] = []
    return messages, len(data) - takeUnmasked(data, longest, messages)


class TakeUnmaskedTests(SynchronousTestCase):
    """Taking a server's frames apart."""

    @given(st.lists(st.binary(max_size=300)))
    def test_binary(self, payloads: list[bytes]) -> None:
        """Whole binary frames of any content are taken."""
        self.assertEqual(takePlain(b"".join(plainFrame(payload, 0x82) for payload in payloads)), (payloads, 0))

    @given(st.lists(st.text(max_size=50)))
    def test_text(self, texts: list[str]) -> None:
        """Whole text frames of any text are taken."""
        payloads = [text.encode("utf-8", "ignore") for text in texts]
        self.assertEqual(takePlain(b"".join(map(textFrame, payloads))), (payloads, 0))

    def test_sizes(self) -> None:
        """All forms of the length are taken up to the limit, and none above."""
        for size in 0, 1, 125, 126, 127, 255, 256, LONGEST:
            self.assertEqual(takePlain(textFrame(b"x" * size)), ([b"x" * size], 0))
        for size in LONGEST + 1, 65535, 65536:
            frame = textFrame(b"x" * size)
            self.assertEqual(takePlain(frame), ([], len(frame)))
        frame = textFrame(b"12345")
        self.assertEqual(takePlain(frame, longest=5), ([b"12345"], 0))
        self.assertEqual(takePlain(frame, longest=4), ([], len(frame)))

    def test_left(self) -> None:
        """A frame that is different in any way is left, and so is all that follows it."""
        good = textFrame(b"good")
        for bad in (
            clientFrame(b"", opcode=8, mask=None),
            clientFrame(b"", opcode=9, mask=None),
            clientFrame(b"x", opcode=0, mask=None),
            clientFrame(b"x", opcode=3, mask=None),
            clientFrame(b"x", fin=False, mask=None),
            clientFrame(b"x", rsv=4, mask=None),
            clientFrame(b"x"),
            clientFrame(b"x" * 126),
            clientFrame(b"\xff", mask=None),
            clientFrame(b"\xed\xa0\x80", mask=None),
            clientFrame(b"x" * 5, lengthForm=126, mask=None),
            clientFrame(b"x" * 200, lengthForm=127, mask=None),
        ):
            self.assertEqual(takePlain(good + good + bad + good), ([b"good", b"good"], len(bad + good)))

    def test_incomplete(self) -> None:
        """A frame that is not there as a whole is left."""
        for size in 0, 5, 126:
            frame = textFrame(b"x" * size)
            for end in range(len(frame)):
                self.assertEqual(takePlain(frame + frame[:end]), ([b"x" * size], end))


class TextFrameTests(SynchronousTestCase):
    """Making frames."""

    def test_headers(self) -> None:
        """The length has the shortest of its three forms."""
        self.assertEqual(textFrame(b""), b"\x81\x00")
        self.assertEqual(textFrame(b"abc"), b"\x81\x03abc")
        self.assertEqual(textFrame(b"x" * 125), b"\x81\x7d" + b"x" * 125)
        self.assertEqual(textFrame(b"x" * 126), b"\x81\x7e\x00\x7e" + b"x" * 126)
        self.assertEqual(textFrame(b"x" * 65535), b"\x81\x7e\xff\xff" + b"x" * 65535)
        self.assertEqual(textFrame(b"x" * 65536), b"\x81\x7f\0\0\0\0\0\1\0\0" + b"x" * 65536)
