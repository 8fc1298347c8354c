"""
The WebSocket frames that nearly all traffic consists of, taken apart without a parser.

Such a frame is a whole message, at most L{LONGEST} bytes long, and there as a
whole; those of clients are masked, those of servers are not. Whatever is
different in any way, wrong or only rare, is left to the real parser, with
everything behind it. So this need not know what is to be done about errors; it
only must not take what the parser would not take.
"""

from __future__ import annotations

__all__ = ["LONGEST", "plainFrame", "takeMasked", "takeUnmasked", "textFrame"]

LONGEST = 4096
"""
The longest payload taken here, in bytes. The exclusive or of big integers is the fastest that pure Python has for a
short payload, and not for a long one; and what a turn of the reactor does here stays small.
"""


def takeMasked(data: bytes, longest: int, messages: list[bytes]) -> int:
    """
    Take masked, unfragmented data frames from the front of what a client sent.

    @param longest: Bytes of payload above which a frame is left; at most 65535.
    @param messages: Gets their payloads, in order.
    @return: Where the first frame that was not taken begins.
    """
    size = len(data)
    fromBytes = int.from_bytes
    position = 0
    # Two bytes of header and four of mask are the least that a frame has.
    while position + 6 <= size:
        opcode = data[position]
        # FIN, no reserved bits, and text or binary.
        if opcode != 0x81 and opcode != 0x82:
            break
        # The first bit says that there is a mask.
        length = data[position + 1] - 0x80
        start = position + 6
        if length > 125:
            length = data[position + 2] << 8 | data[position + 3] if length == 126 else 0
            # Eight bytes of length, or not the shortest form, which is an error.
            if length < 126:
                break
            start = position + 8
        elif length < 0:
            break
        end = start + length
        if end > size or length > longest:
            break
        mask = (data[start - 4 : start] * ((length >> 2) + 1))[:length]
        payload = (fromBytes(data[start:end], "little") ^ fromBytes(mask, "little")).to_bytes(length, "little")
        if opcode == 0x81 and not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                break
        messages.append(payload)
        position = end
    return position


def takeUnmasked(data: bytes, longest: int, messages: list[bytes]) -> int:
    """Take unmasked, unfragmented data frames from the front of what a server sent; likewise."""
    size = len(data)
    position = 0
    while position + 2 <= size:
        opcode = data[position]
        if opcode != 0x81 and opcode != 0x82:
            break
        length = data[position + 1]
        start = position + 2
        if length > 125:
            # Masked, or eight bytes of length, or two that are not there yet, or not the shortest form.
            if length != 126 or position + 4 > size:
                break
            length = data[position + 2] << 8 | data[position + 3]
            if length < 126:
                break
            start = position + 4
        end = start + length
        if end > size or length > longest:
            break
        payload = data[start:end]
        if opcode == 0x81 and not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                break
        messages.append(payload)
        position = end
    return position


_shortHeaders = [bytes((0x81, length)) for length in range(126)]


def textFrame(message: bytes) -> bytes:
    """Make the only frame of a text message as a server sends it: without a mask, so it is the same for everyone."""
    length = len(message)
    if length < 126:
        return _shortHeaders[length] + message
    return plainFrame(message, 0x81)


def plainFrame(payload: bytes, first: int) -> bytes:
    """Make a frame as a server sends it. Its first byte says what it is, and whether the message ends with it."""
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big") + payload
    return bytes((first, 127)) + length.to_bytes(8, "big") + payload
