"""
WebSocket frames as clients send them, good and bad.
"""

from __future__ import annotations

__all__ = ["clientFrame", "clientFrames", "serverFrames"]


def clientFrame(
    payload: bytes,
    opcode: int = 1,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x12\x34\xab\xcd",
    lengthForm: int | None = None,
) -> bytes:
    """
    Make a frame.

    @param mask: Four bytes, or L{None} for no mask.
    @param lengthForm: 126 or 127 for a longer form of the length than necessary.
    """
    length = len(payload)
    if lengthForm is None:
        lengthForm = length if length < 126 else 126 if length < 65536 else 127
    header = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | lengthForm])
    if lengthForm == 126:
        header += length.to_bytes(2, "big")
    elif lengthForm == 127:
        header += length.to_bytes(8, "big")
    if mask is None:
        return header + payload
    return header + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def serverFrames(data: bytes) -> list[tuple[int, bytes]]:
    """
    Take apart what a server sent: opcodes and payloads.

    @raise ValueError: It is not a number of whole, final frames without masks.
    """
    frames = []
    while data:
        if len(data) < 2 or data[0] & 0xF0 != 0x80 or data[1] & 0x80:
            raise ValueError(f"no frame begins with {data[:10]!r}")
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start + length:
            raise ValueError("the last frame is cut")
        frames.append((data[0] & 0x0F, data[start : start + length]))
        data = data[start + length :]
    return frames


def clientFrames(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """
    Take apart what a client sent: first bytes, masks, and payloads without them.

    @raise ValueError: It is not a number of whole, masked frames.
    """
    frames = []
    while data:
        if len(data) < 6 or not data[1] & 0x80:
            raise ValueError(f"no masked frame begins with {data[:10]!r}")
        length, start = data[1] & 0x7F, 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        mask, start = data[start : start + 4], start + 4
        if len(data) < start + length:
            raise ValueError("the last frame is cut")
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data[start : start + length]))
        frames.append((data[0], mask, payload))
        data = data[start + length :]
    return frames
