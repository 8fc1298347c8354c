"""
Messages in several WebSocket frames, for peers that take none as long as the
longest messages.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["LEAST", "Frame", "inFragments"]

LEAST = 126
"""Bytes of the smallest fragments that make sense. Those of smaller ones would be headers for the most part."""

Frame = Callable[[bytes, int], bytes]
"""Makes a frame of a payload; the other argument is its first byte: opcode, and whether it is the last one."""

_FIRST = 0x01
_MIDDLE = 0x00
_LAST = 0x80


def inFragments(whole: Callable[[bytes], bytes], frame: Frame, size: int) -> Callable[[bytes], bytes]:
    """
    Make what packs text messages into frames of limited length.

    @param whole: Packs a message that needs only one frame.
    @param size: Bytes of payload that a frame may have, at least L{LEAST}.
    """

    def pack(message: bytes) -> bytes:
        length = len(message)
        if length <= size:
            return whole(message)
        frames = [frame(message[:size], _FIRST)]
        position = size
        while length - position > size:
            frames.append(frame(message[position : position + size], _MIDDLE))
            position += size
        frames.append(frame(message[position:], _LAST))
        return b"".join(frames)

    return pack
