"""
Sessions and what happens to them, in the pieces that a data base keeps.

A session is kept as its counters, its messages by number and its values by key,
not as one text: to record something costs what it is long, not what the session
is long, and nothing has to be put together from time to time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jetjstp.jstp.session import Acknowledged, Entry, Received, Sent, Session, Stored

__all__ = [
    "Acknowledge",
    "Change",
    "Delete",
    "Keep",
    "Put",
    "Receive",
    "Snapshot",
    "changesOf",
    "encodeText",
]

FORMAT = 1
"""Of the identity of a session; it changes if a later version could not be read by this one."""


class Receive(NamedTuple):
    """Everything up to this number was received."""

    upTo: int


class Keep(NamedTuple):
    """A message was sent. Its number has its sign."""

    id: int
    text: bytes


class Acknowledge(NamedTuple):
    """The messages up to this number have arrived."""

    upTo: int


class Put(NamedTuple):
    """A value was set; it is JSON."""

    key: bytes
    value: str


class Delete(NamedTuple):
    """A value was taken away."""

    key: bytes


Change = Receive | Keep | Acknowledge | Put | Delete


def encodeText(text: str) -> bytes:
    """Bytes for any text, also for one that is no valid Unicode; different ones for different texts."""
    return text.encode("utf-8", "surrogatepass")


def changesOf(entries: Iterable[Entry]) -> list[Change]:
    """
    What was recorded, independent of what the application does to its values later.

    @raise TypeError: Something is not plain JSON; ValueError alike.
    """
    return [_change(entry) for entry in entries]


def _change(entry: Entry) -> Change:
    match entry:
        case Received(upTo):
            return Receive(upTo)
        case Sent(id, text):
            return Keep(id, text.encode("utf-8"))
        case Acknowledged(upTo):
            return Acknowledge(upTo)
        case Stored(key, value, isPresent):
            return Put(_key(key), _json(value)) if isPresent else Delete(_key(key))


def _key(key: Any) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"a key of a session must be a text to be stored, not {key!r}")
    return encodeText(key)


def _json(value: Any) -> str:
    # All ASCII: a lone surrogate is plain JSON, but could not be stored as it is.
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


class Snapshot(NamedTuple):
    """
    A session in pieces.

    @ivar identity: What never changes, as JSON.
    @ivar delivered: The other side has received our messages up to this number.
    @ivar received: The number of the last message that was received.
    @ivar latest: The number of the last message that was sent, with its sign.
    @ivar buffer: The messages that may have to be sent again: numbers without sign, and texts. In any order.
    @ivar data: Keys and values of the application, in their order.
    """

    identity: str
    delivered: int
    received: int
    latest: int
    buffer: Sequence[tuple[int, bytes]]
    data: Sequence[tuple[bytes, str]]

    @classmethod
    def of(cls, session: Session) -> Snapshot:
        """
        Take a session to pieces.

        @raise TypeError: The application remembers something that is not plain JSON; ValueError alike.
        """
        # The text is what a session promises to give.
        whole: dict[str, Any] = json.loads(session.toString())
        return cls(
            _json([FORMAT, whole["id"], whole["username"], whole["application"]]),
            whole["guaranteedDeliveredCount"],
            whole["receivedCount"],
            whole["latestBufferedMessageId"],
            [(number, text.encode("utf-8")) for number, text in whole["buffer"]],
            [(_key(key), _json(value)) for key, value in whole["storage"]],
        )

    def toSession(self) -> Session:
        """
        Put the session together.

        @raise ValueError: These are not the pieces of one.
        """
        identity = json.loads(self.identity)
        if not isinstance(identity, list) or len(identity) != 4 or identity[0] != FORMAT:
            raise ValueError("a stored session is of a version that cannot be read here")
        return Session.fromString(
            json.dumps(
                {
                    "id": identity[1],
                    "username": identity[2],
                    "guaranteedDeliveredCount": self.delivered,
                    "buffer": [[number, text.decode("utf-8")] for number, text in self.buffer],
                    "receivedCount": self.received,
                    "latestBufferedMessageId": self.latest,
                    "storage": [[key.decode("utf-8", "surrogatepass"), json.loads(text)] for key, text in self.data],
                    "application": identity[3],
                }
            )
        )
