"""
A peer's requests on one connection after the other: ids, answers, deadlines,
and what is to be written.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from jetjstp.jet.daemonkinds import DaemonKind
from jetjstp.jet.following import Following, Output
from jetjstp.jet.incoming import Incoming
from jetjstp.jet.jsontext import valueOf
from jetjstp.jet.peererrors import INVALID_PARAMS, BaseError, ConnectionClosed, LimitExceeded, errorOf

__all__ = ["Asking", "Done", "Effect", "Fail", "Finish", "HangUp", "Invoke", "Notify", "Ready", "Refused", "Trouble"]

OUTBOX_LIMIT = 64 * 1024 * 1024
"""Bytes that may wait for a daemon that reads nothing, until the connection is given up; as daemons do with peers."""

Done = Callable[[bytes | None, BaseError | None], None]
"""Takes an answer: the result as JSON text, or the error."""


class Finish(NamedTuple):
    """Something that the application waits for is done."""

    ticket: int
    result: Any


class Fail(NamedTuple):
    """Something that the application waits for has failed."""

    ticket: int
    error: BaseError


class Invoke(NamedTuple):
    """
    Another peer sets a state or calls a method of ours; exactly one answer is to be given.

    @ivar session: The connection over which the answer has to go.
    @ivar id: As JSON text; L{None} if nobody waits for the answer.
    @ivar path: What is set or called; C{content} is what was added there.
    @ivar argument: The value or the arguments, as JSON text.
    @ivar valueAsResult: Whether the answer to a set is the new value.
    """

    session: int
    id: bytes | None
    path: str
    content: Any
    argument: bytes
    valueAsResult: bool


class Notify(NamedTuple):
    """The handler of a fetch is to be told."""

    following: Following
    output: Output


class Ready(NamedTuple):
    """
    The daemon knows us.

    @ivar again: Whether this is not the first time.
    """

    info: dict[str, Any]
    access: Any
    again: bool


class Refused(NamedTuple):
    """The daemon does not want us, or says nothing: the connection is of no use."""

    error: BaseError


class HangUp(NamedTuple):
    """The connection is to be ended."""

    reason: str


class Trouble(NamedTuple):
    """Something went wrong that nobody waits for."""

    what: str
    error: BaseError


Effect = Finish | Fail | Invoke | Notify | Ready | Refused | HangUp | Trouble


class Asking:
    """
    Requests and answers.

    @ivar effects: What is to be done outside.
    @ivar outbox: Messages to be written.
    @ivar session: Counts the connections.
    @ivar isOpen: Whether there is a connection.
    @ivar isReady: Whether the daemon knows us and takes what we ask.
    @ivar kind: How to talk to the daemon.
    @ivar isBlocked: Whether the daemon reads more slowly than we write.
    """

    def __init__(self) -> None:
        self.effects: deque[Effect] = deque()
        self.outbox: list[bytes] = []
        self.session = 0
        self.isReady = False
        self.isBlocked = False
        self.kind = DaemonKind()
        self.isOpen = False
        self._nextId = 0
        self._pending: dict[int, Done] = {}
        # By their length, those that wait so long, in the order of their deadlines.
        self._deadlines: dict[float, OrderedDict[int, float]] = {}
        self._waiting = 0

    def opened(self) -> None:
        """A connection begins."""
        self.session += 1
        self.isOpen = True
        self._nextId = 0
        self.outbox.clear()
        self._waiting = 0

    def lost(self, reason: str) -> None:
        """The connection is gone: whatever was asked over it fails."""
        self.isOpen = self.isReady = self.isBlocked = False
        self.outbox.clear()
        pending, self._pending = self._pending, {}
        for done in pending.values():
            done(None, ConnectionClosed(reason))

    def send(self, message: bytes) -> None:
        """Send a message."""
        if not self.isOpen:
            return
        self.outbox.append(message)
        if self.isBlocked:
            self._waiting += len(message)
            if self._waiting > OUTBOX_LIMIT:
                self.isOpen = False
                self.outbox.clear()
                self.effects.append(HangUp("the daemon does not read what we write"))
        else:
            self._waiting = 0

    def request(self, method: str, params: bytes, done: Done) -> int:
        """
        Send a request of a service; returns its id.

        One that is too long for the daemon fails before this returns: the connection would not survive it.
        """
        id = self._nextId
        self._nextId += 1
        message = b'{"id":%d,"method":"%b","params":%b}' % (id, method.encode("ascii"), params)
        if self.kind.maxMessage is not None and (error := self._tooLong(message)):
            done(None, error)
        else:
            self._pending[id] = done
            self.send(message)
        return id

    def notify(self, method: str, params: bytes) -> None:
        """Send a request that is not to be answered."""
        message = b'{"method":"%b","params":%b}' % (method.encode("ascii"), params)
        if self.kind.maxMessage is not None and (error := self._tooLong(message)):
            self.effects.append(Trouble(f"a {method} is not sent", error))
        else:
            self.send(message)

    def respond(self, id: bytes, member: bytes, text: bytes) -> None:
        """
        Answer a request of another peer.

        @param member: What the answer is: C{result} or C{error}.
        """
        message = b'{"id":%b,"%b":%b}' % (id, member, text)
        if self.kind.maxMessage is not None and (error := self._tooLong(message)):
            # The other peer waits for an answer, so it gets one.
            self.effects.append(Trouble("an answer is not sent", error))
            message = b'{"id":%b,"error":%b}' % (id, error.body(""))
        self.send(message)

    def _tooLong(self, message: bytes) -> BaseError | None:
        limit = self.kind.maxMessage
        if limit is None or len(message) <= limit:
            return None
        text = f"a message of {len(message)} bytes: the daemon takes {limit} at most"
        return LimitExceeded(INVALID_PARAMS, text, {"limitExceeded": "message", "limit": limit})

    def forget(self, id: int) -> None:
        """Nobody is interested in that answer any more."""
        self._pending.pop(id, None)

    def answered(self, message: Incoming) -> None:
        """An answer has come; one to nothing is dropped."""
        done = self._pending.pop(_idOf(message.id), None)
        if done is None:
            if message.id in (None, b"null") and message.error is not None:
                self.effects.append(Trouble("the daemon complains", errorOf(message.error)))
        elif message.error is not None and (message.result is None or message.error != b"null"):
            done(None, errorOf(message.error))
        else:
            done(message.result, None)

    # --- deadlines of what the application asked for, sent or not

    def startTimer(self, ticket: int, now: float, length: float) -> None:
        """L{expired} is to give that ticket after so many seconds."""
        self._deadlines.setdefault(length, OrderedDict())[ticket] = now + length

    def stopTimer(self, ticket: int, length: float) -> None:
        """It is done."""
        queue = self._deadlines.get(length)
        if queue is not None:
            queue.pop(ticket, None)
            if not queue:
                del self._deadlines[length]

    def deadline(self) -> float | None:
        """When the next one expires."""
        if not self._deadlines:
            return None
        return min((next(iter(queue.values())) for queue in self._deadlines.values()), default=None)

    def expired(self, now: float) -> list[int]:
        """Those that have waited for too long; each is given once."""
        found: list[int] = []
        for length, queue in list(self._deadlines.items()):
            while queue and next(iter(queue.values())) <= now:
                found.append(queue.popitem(last=False)[0])
            if not queue:
                del self._deadlines[length]
        return found


def _idOf(text: bytes | None) -> int:
    """The id of one of our requests; -1 for what is none."""
    if text is None:
        return -1
    if text.isdigit():
        return int(text) if len(text) < 20 else -1
    id = valueOf(text)
    return int(id) if isinstance(id, float) and id.is_integer() else -1
