"""
The bounds of JSTP, each with what happens when it is reached (section 16).
"""

from __future__ import annotations

from dataclasses import dataclass

from jetjstp.bounds import checkBounds

__all__ = ["Limits"]

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """
    What peers may ask of a server or a client. All fields are positive; sizes are bytes, times are seconds.

    @ivar message: The longest message; what is longer ends the connection.
    @ivar messageBeforeHandshake: The same, of those that nobody has vouched for yet.
    @ivar depth: How deep arrays and objects may nest; more is a syntax error.
    @ivar handshakeTimeout: The time for a handshake, that in the policy included; then a server ends the connection.
    @ivar unauthenticated: Connections that have not finished their handshake, in all; the oldest makes room.
    @ivar unauthenticatedPerAddress: The same, from one address.
    @ivar connections: Connections at a time; more are closed.
    @ivar runningCalls: Calls of one peer that are being answered; until one is, nothing more is read.
    @ivar runningBytes: The size of those calls, as they were received; likewise.
    @ivar unsent: What may wait for a peer that does not read; more ends the connection, the session remains.
    @ivar bufferMessages: Messages of a session that the other side has not acknowledged. A server drops the session of
        a client that is away, a client refuses to send more. While connected, half of it asks for an acknowledgement.
    @ivar bufferBytes: The size of those messages.
    @ivar acknowledgeTimeout: The time for that acknowledgement; then the connection ends.
    @ivar sessions: Sessions whose connection is lost and that a server keeps at hand; the one that was lost first makes
        room: it is in the storage.
    @ivar awayBytes: The size of all messages that wait for clients that are away; the same makes room.
    """

    message: int = 8 * MEBIBYTE
    messageBeforeHandshake: int = 64 * 1024
    depth: int = 200
    handshakeTimeout: float = 3.0
    unauthenticated: int = 1000
    unauthenticatedPerAddress: int = 100
    connections: int = 50_000
    runningCalls: int = 1000
    runningBytes: int = 64 * MEBIBYTE
    unsent: int = 16 * MEBIBYTE
    bufferMessages: int = 10_000
    bufferBytes: int = 16 * MEBIBYTE
    acknowledgeTimeout: float = 10.0
    sessions: int = 100_000
    awayBytes: int = 256 * MEBIBYTE

    def __post_init__(self) -> None:
        checkBounds(self)
        for name in ("handshakeTimeout", "acknowledgeTimeout"):
            seconds = getattr(self, name)
            if seconds > LONGEST:
                raise ValueError(f"limit {name} is {seconds} seconds; did you mean {seconds / 1000}?")
        if self.depth > DEEPEST:
            raise ValueError(f"limit depth must be at most {DEEPEST}, not {self.depth}")


LONGEST = 900.0
"""Seconds: nobody waits so long for a handshake, unless somebody meant milliseconds."""

DEEPEST = 500
"""What the parser can do whatever the program has on its stack."""
