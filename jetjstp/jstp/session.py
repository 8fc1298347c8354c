"""
What outlives a connection: who it was, what was sent and may not have arrived,
and how much was received (section 7).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any, NamedTuple, Self

__all__ = ["Acknowledged", "Entry", "Received", "Restored", "Sent", "Session", "Stored"]

LARGEST = 2**53 - 1
"""The greatest number of a message: peers count in floating point."""


class Received(NamedTuple):
    """Everything up to this number was received."""

    upTo: int


class Sent(NamedTuple):
    """A message was put into the buffer; its number has its sign."""

    id: int
    text: str


class Acknowledged(NamedTuple):
    """The other side has received everything up to this number."""

    upTo: int


class Stored(NamedTuple):
    """The application has set a value, or taken it away: then the last is false."""

    key: str
    value: Any
    isPresent: bool = True


Entry = Received | Sent | Acknowledged | Stored


class Restored(NamedTuple):
    """
    What follows from the count that the other side sent at a restore.

    @ivar upTo: The other side has everything up to this number.
    @ivar texts: The messages to be sent again, in order.
    @ivar missing: How many messages the other side has not got, and that we do not have any more.
    @ivar excess: By how much it claimed to have received more than was sent.
    """

    upTo: int
    texts: list[bytes]
    missing: int
    excess: int


class Session(MutableMapping[str, Any]):
    """
    A session, and a mapping for what an application wants to remember about it: what it holds has to be plain JSON if
    the session is stored, and to be set again if it was changed in place.

    @ivar id: Whoever knows it may restore the session.
    @ivar username: Who logged in; L{None} if nobody did.
    @ivar application: The name of the application that it belongs to; L{None} if it was stored by npm's server.
    @ivar guaranteedDeliveredCount: The other side has received our messages up to this number.
    @ivar receivedCount: The greatest number of a message of the other side that was received.
    @ivar latestBufferedMessageId: The number of the message that was sent last, with its sign; servers count down.
    @ivar bufferBytes: The size of the messages that may have to be sent again.
    @ivar missing: At the last restore, how many messages could not be sent again as they were not there any more.
    """

    __slots__ = (
        "_buffer",
        "_data",
        "_journal",
        "_recordedAcknowledged",
        "_recordedReceived",
        "application",
        "bufferBytes",
        "guaranteedDeliveredCount",
        "id",
        "latestBufferedMessageId",
        "missing",
        "receivedCount",
        "username",
    )

    def __init__(self, id: str, username: str | None = None, application: str | None = None) -> None:
        self.id = id
        self.username = username
        self.application = application
        self.guaranteedDeliveredCount = 0
        self.receivedCount = 0
        self.latestBufferedMessageId = 0
        self.bufferBytes = 0
        self.missing = 0
        # Pairs of a number without its sign and the text. Numbers only grow.
        self._buffer: deque[tuple[int, bytes]] = deque()
        self._data: dict[str, Any] = {}
        self._journal: list[Entry] | None = None
        self._recordedReceived = 0
        self._recordedAcknowledged = 0

    def __repr__(self) -> str:
        """Without the id: it is as good as a password."""
        return f"<Session of {self.username or 'anonymous'} with {self.application}>"

    # A session is itself, whatever it holds.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    # What the application remembers

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._data[key] = value
        if self._journal is not None:
            self._journal.append(Stored(key, value))

    def __delitem__(self, key: str) -> None:
        del self._data[key]
        if self._journal is not None:
            self._journal.append(Stored(key, None, False))

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __bool__(self) -> bool:
        """A session is there, even if the application remembers nothing."""
        return True

    # What is sent and received

    @property
    def buffered(self) -> int:
        """How many messages may have to be sent again."""
        return len(self._buffer)

    @property
    def texts(self) -> list[bytes]:
        """Those messages, in order."""
        return [text for _, text in self._buffer]

    def nextId(self, step: int) -> int:
        """
        The number of the next message.

        @param step: 1 for a client, -1 for a server.
        """
        return step * (abs(self.latestBufferedMessageId) + 1)

    def keep(self, id: int, text: bytes) -> None:
        """A message is sent, or will be when there is a connection."""
        self.latestBufferedMessageId = id
        self._buffer.append((abs(id), text))
        self.bufferBytes += len(text)
        if self._journal is not None:
            self._journal.append(Sent(id, text.decode("utf-8")))

    def keepAll(self, step: int, texts: list[bytes]) -> None:
        """The same for several messages with the numbers from L{nextId} on."""
        first = abs(self.latestBufferedMessageId) + 1
        self.latestBufferedMessageId = step * (first - 1 + len(texts))
        self._buffer.extend(enumerate(texts, first))
        self.bufferBytes += sum(map(len, texts))
        if self._journal is not None:
            self._journal.extend(Sent(step * number, text.decode("utf-8")) for number, text in enumerate(texts, first))

    def acknowledge(self, count: int) -> None:
        """The other side has received everything up to a number; one that was never sent is ignored."""
        if self.guaranteedDeliveredCount < count <= abs(self.latestBufferedMessageId):
            self._forget(count)
            self.guaranteedDeliveredCount = count

    def _forget(self, count: int) -> None:
        buffer = self._buffer
        while buffer and buffer[0][0] <= count:
            self.bufferBytes -= len(buffer.popleft()[1])

    def receive(self, number: int) -> None:
        """A message of the other side was received."""
        if number > self.receivedCount:
            self.receivedCount = number

    def restore(self, count: int) -> Restored:
        """
        The other side is there again, and has received our messages up to a number.

        @param count: Not negative.
        """
        latest = abs(self.latestBufferedMessageId)
        upTo = min(count, latest)
        first = self._buffer[0][0] if self._buffer else latest + 1
        self.missing = max(0, first - 1 - upTo)
        self._forget(upTo)
        self.guaranteedDeliveredCount = upTo
        return Restored(upTo, self.texts, self.missing, count - upTo)

    # How it is stored

    def toString(self) -> str:
        """
        The whole session as JSON, as npm's servers store it, with C{application} added.

        @raise TypeError: The application remembers something that JSON cannot say; ValueError alike.
        """
        return json.dumps(
            {
                "id": self.id,
                "username": self.username,
                "guaranteedDeliveredCount": self.guaranteedDeliveredCount,
                "buffer": [[number, text.decode("utf-8")] for number, text in self._buffer],
                "receivedCount": self.receivedCount,
                "latestBufferedMessageId": self.latestBufferedMessageId,
                "storage": [[key, value] for key, value in self._data.items()],
                "application": self.application,
            },
            ensure_ascii=False,
            separators=(",", ":"),
            allow_nan=False,
        )

    @classmethod
    def fromString(cls, text: str) -> Self:
        """
        Read what L{toString} or an npm server has written.

        @raise ValueError: It is no such text; the message names what is wrong.
        """
        try:
            stored = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a stored session is not JSON: {error}") from None
        if not isinstance(stored, dict):
            raise ValueError("a stored session is not a JSON object")
        session = cls(
            _member(stored, "id", str),
            _optional(stored, "username"),
            _optional(stored, "application"),
        )
        session.guaranteedDeliveredCount = _count(stored, "guaranteedDeliveredCount")
        session.receivedCount = _count(stored, "receivedCount")
        latest = _member(stored, "latestBufferedMessageId", int)
        if abs(latest) > LARGEST:
            raise ValueError(f"latestBufferedMessageId of a stored session is too large: {latest}")
        session.latestBufferedMessageId = latest
        session._fill(_member(stored, "buffer", list))
        for pair in _member(stored, "storage", list):
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
                raise ValueError("storage of a stored session is not a list of keys and values")
            session._data[pair[0]] = pair[1]
        session._recordedReceived = session.receivedCount
        session._recordedAcknowledged = session.guaranteedDeliveredCount
        return session

    def _fill(self, buffer: list[Any]) -> None:
        pairs: dict[int, bytes] = {}
        for pair in buffer:
            if not (
                isinstance(pair, list)
                and len(pair) == 2
                and type(pair[0]) is int
                and 0 < pair[0] <= abs(self.latestBufferedMessageId)
                and isinstance(pair[1], str)
            ):
                raise ValueError("buffer of a stored session is not a list of numbers and messages")
            pairs[pair[0]] = pair[1].encode("utf-8", "replace")
        self._buffer.extend(sorted(pairs.items()))
        self.bufferBytes = sum(map(len, pairs.values()))

    # How it is recorded step by step

    def startJournal(self) -> None:
        """Note from now on what L{takeEntries} gives."""
        self._journal = []
        self._recordedReceived = self.receivedCount
        self._recordedAcknowledged = self.guaranteedDeliveredCount

    def takeEntries(self) -> list[Entry]:
        """What has changed since the last time, in an order in which it can be applied."""
        entries, self._journal = self._journal or [], []
        if self.receivedCount != self._recordedReceived:
            self._recordedReceived = self.receivedCount
            entries.append(Received(self.receivedCount))
        if self.guaranteedDeliveredCount != self._recordedAcknowledged:
            self._recordedAcknowledged = self.guaranteedDeliveredCount
            entries.append(Acknowledged(self.guaranteedDeliveredCount))
        return entries

    def apply(self, entries: Iterable[Entry]) -> None:
        """Do to a copy what was done to the session itself."""
        for entry in entries:
            match entry:
                case Received(upTo):
                    self.receive(upTo)
                case Acknowledged(upTo):  # it may have gone back: a client came with an older copy
                    self._forget(upTo)
                    self.guaranteedDeliveredCount = upTo
                case Sent(id, text):
                    self.keep(id, text.encode("utf-8"))
                case Stored(key, value, True):
                    self[key] = value
                case Stored(key):
                    self._data.pop(key, None)


def _member(stored: dict[str, Any], name: str, kind: type) -> Any:
    value = stored.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} of a stored session is not {_KINDS[kind]}")
    return value


_KINDS = {str: "a text", int: "an integer", list: "a list"}


def _count(stored: dict[str, Any], name: str) -> int:
    value: int = _member(stored, name, int)
    if not 0 <= value <= LARGEST:
        raise ValueError(f"{name} of a stored session is out of range: {value}")
    return value


def _optional(stored: dict[str, Any], name: str) -> str | None:
    value = stored.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} of a stored session is neither a text nor null")
    return value
