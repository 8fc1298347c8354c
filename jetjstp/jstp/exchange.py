"""
One side of a conversation, without its transport: the numbering, what waits for
an answer, what has to be sent again (sections 3, 4 and 7).

What is to be sent is collected in an outbox, and what was received is told to a
partner. A conversation goes on over several transports, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from jetjstp.jstp.errors import BufferFull, InvalidAnswer, RemoteError
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.mdsf import UNDEFINED
from jetjstp.jstp.messages import (
    Message,
    Rejected,
    callText,
    encodeList,
    eventText,
    eventTexts,
    failureText,
    inspectText,
    numberOf,
    pingText,
    pongText,
    successText,
)
from jetjstp.jstp.results import EncodedResults
from jetjstp.jstp.session import LARGEST, Restored, Session

__all__ = ["Answered", "Exchange", "Partner", "Resumed"]

Answered = Callable[[Exception | None, list[Any]], None]
"""Called once with the results of a call, or with what prevents them."""


LONGEST = 8 * 1024 * 1024
"""Bytes of a message that every peer takes, unless it was told otherwise."""

COUNTED = frozenset({"call", "event", "inspect", "ping"})
"""The kinds of messages that are sent again if need be."""


class Partner(Protocol):
    """Who a conversation is held for."""

    def called(self, exchange: Exchange, id: int, interface: Any, method: Any, args: Any) -> None:
        """The other side wants an answer, see L{Exchange.succeed} and L{Exchange.fail}. Nothing has been checked."""

    def inspected(self, exchange: Exchange, id: int, interface: Any) -> None:
        """It wants to know which methods an interface has."""

    def told(self, interface: Any, event: str, args: list[Any]) -> None:
        """It tells of an event."""


class Resumed(NamedTuple):
    """
    What a restored session has brought.

    @ivar lost: What waits for an answer that will not come.
    """

    restored: Restored
    lost: list[Answered]


def _encoded(results: list[Any]) -> bytes:
    if type(results) is EncodedResults:
        return results.text
    return encodeList(results) if results else b"[]"


class Exchange:
    """
    One side of a conversation.

    @ivar outbox: Messages to be sent, in order; whoever sends them empties it. Without a transport it stays empty: what
        is to be sent later is in the buffer of the session.
    @ivar isOpen: Whether there is a transport, and the session has been agreed on.
    @ivar step: 1 for a client, -1 for a server.
    """

    def __init__(self, session: Session, step: int, partner: Partner, limits: Limits) -> None:
        self.session = session
        self.step = step
        self.outbox: list[bytes] = []
        self.isOpen = False
        self._partner = partner
        self._limits = limits
        # Who takes longer messages than usual is taken to be among its likes.
        self._longest = max(limits.message, LONGEST)
        self._pending: dict[int, Answered] = {}
        self._pings: dict[int, Answered] = {}

    # The transport

    def begin(self) -> None:
        """There is a transport, and the session is new; what was put into it meanwhile is sent."""
        self.isOpen = True
        self.outbox += self.session.texts

    def resume(self, count: int) -> Resumed:
        """
        There is a transport again; the other side has received our messages up to a number.

        What waits in vain for an answer is returned, and to be told so.
        """
        restored = self.session.restore(count)
        lost: list[Answered] = []
        # Also what is not there to be sent again: a server that was killed may have forgotten what it had received.
        upTo = restored.upTo + restored.missing
        for waiting in (self._pending, self._pings):
            for id in [id for id in waiting if abs(id) <= upTo]:
                lost.append(waiting.pop(id))
        self.isOpen = True
        self.outbox += restored.texts
        return Resumed(restored, lost)

    def suspend(self) -> None:
        """The transport is gone. What was not sent yet is in the buffer; answers are lost with it."""
        self.isOpen = False
        self.outbox.clear()

    def abandon(self) -> list[Answered]:
        """The session is gone, too; returns what waits in vain for an answer."""
        self.suspend()
        return self.giveUp()

    def giveUp(self) -> list[Answered]:
        """Wait for no answers any more; returns who did."""
        lost = [*self._pending.values(), *self._pings.values()]
        self._pending.clear()
        self._pings.clear()
        return lost

    # Sending

    def call(self, interface: str, method: str, args: Sequence[Any], answered: Answered) -> int:
        """
        Call a method of the other side.

        @return: For L{forget}.
        @raise BufferFull: Too much waits already.
        @raise ValueError: A name or an argument cannot be sent, or all of it is too long; TypeError alike.
        """
        encoded = encodeList(list(args))  # before the number: values may have code of their own that sends something
        id = self._nextId()
        text = self._sendable(callText(id, interface, method, encoded))
        self._pending[id] = answered
        self._send(id, text)
        return id

    def inspect(self, interface: str, answered: Answered) -> int:
        """Ask which methods an interface of the other side has; as L{call}."""
        id = self._nextId()
        text = self._sendable(inspectText(id, interface))
        self._pending[id] = answered
        self._send(id, text)
        return id

    def ping(self, answered: Answered) -> int:
        """Ask for a sign of life; as L{call}."""
        id = self._nextId()
        self._pings[id] = answered
        self._send(id, pingText(id))
        return id

    def emit(self, interface: str, event: str, args: bytes) -> None:
        """
        Tell of an event; the arguments are encoded: many may be told the same. As L{call}.
        """
        id = self._nextId()
        self._send(id, self._sendable(eventText(id, interface, event, args)))

    def emitAll(self, interface: str, event: str, all: Sequence[bytes]) -> None:
        """Tell of the same event several times. As L{emit}, but only on a server, which never refuses to send."""
        texts = eventTexts(self._nextId(), self.step, interface, event, all)
        if texts:
            self._sendable(max(texts, key=len))
            self.session.keepAll(self.step, texts)
            if self.isOpen:
                self.outbox += texts

    def forget(self, id: int) -> None:
        """Nobody waits for an answer any more."""
        self._pending.pop(id, None)
        self._pings.pop(id, None)

    def succeed(self, id: int, results: list[Any]) -> None:
        """
        Answer a call or an inspect. Without a transport the answer is lost, as the protocol has it.

        @raise ValueError: The results cannot be sent; TypeError alike.
        """
        if self.isOpen:
            self.outbox.append(self._sendable(successText(id, _encoded(results))))

    def fail(self, id: int, error: list[Any]) -> None:
        """The other answer."""
        if self.isOpen:
            self.outbox.append(self._sendable(failureText(id, encodeList(error))))

    def _sendable(self, text: bytes) -> bytes:
        """
        Refuse what the other side would not read: it would end each connection over which it is sent again.
        """
        if len(text) > self._longest:
            raise ValueError(f"a message of {len(text)} bytes is too long to be sent: peers take {self._longest}")
        return text

    def _nextId(self) -> int:
        session, limits = self.session, self._limits
        full = session.buffered >= limits.bufferMessages or session.bufferBytes >= limits.bufferBytes
        if full and not self.isOpen and self.step > 0:  # a server gives up the session instead
            raise BufferFull(
                f"{session.buffered} messages of {session.bufferBytes} bytes wait for the connection to be restored: "
                "bufferMessages or bufferBytes is reached"
            )
        return session.nextId(self.step)

    def _send(self, id: int, text: bytes) -> None:
        self.session.keep(id, text)
        if self.isOpen:
            self.outbox.append(text)

    # Receiving

    def note(self, message: Message) -> None:
        """
        Count a message as received that will be worked on later; doing so twice is no harm.

        @raise Rejected: It has no number.
        """
        kind = next(iter(message), None)
        if kind in COUNTED:
            self.session.receive(abs(numberOf(message[kind])))

    def receive(self, message: Message) -> None:
        """
        Work on a message that is not empty.

        @raise Rejected: It cannot be.
        """
        names = list(message)
        kind = names[0]
        work = self._kinds.get(kind)
        if work is None:
            if kind == "handshake":
                raise Rejected("a handshake after the handshake", True)
            raise Rejected(f"there is no kind of message {kind[:40]!r}")
        header = message[kind]
        # Written out what numberOf finds nearly always: this is done for each message.
        id = header[0] if type(header) is list and header else None
        if type(id) is not int or not -LARGEST <= id <= LARGEST:
            id = numberOf(header)
        work(self, id, header, names[1] if len(names) > 1 else None, message)

    def _call(self, id: int, header: list[Any], verb: str | None, message: Message) -> None:
        self.session.receive(abs(id))
        args = UNDEFINED if verb is None else message[verb]
        self._partner.called(self, id, header[1] if len(header) > 1 else None, verb, args)

    def _event(self, id: int, header: list[Any], verb: str | None, message: Message) -> None:
        self.session.receive(abs(id))
        args = UNDEFINED if verb is None else message[verb]
        if verb is None or type(args) is not list:
            raise Rejected("the arguments of an event are not a list")
        self._partner.told(header[1] if len(header) > 1 else None, verb, args)

    def _inspect(self, id: int, header: list[Any], verb: str | None, message: Message) -> None:
        self.session.receive(abs(id))
        self._partner.inspected(self, id, header[1] if len(header) > 1 else None)

    def _ping(self, id: int, header: list[Any], verb: str | None, message: Message) -> None:
        self.session.receive(abs(id))
        if self.isOpen:
            self.outbox.append(pongText(id))

    def _callback(self, id: int, header: list[Any], verb: str | None, message: Message) -> None:
        self.session.acknowledge(abs(id))
        answered = self._pending.pop(id, None)
        if answered is None:
            raise Rejected("nobody waits for this callback")
        if "ok" in message:
            results = message["ok"]
            if type(results) is list:
                answered(None, results)
                return
        elif "error" in message:
            error = message["error"]
            if type(error) is list:
                answered(RemoteError.fromList(error), [])
                return
        reason = "a callback has neither a list ok nor a list error"
        answered(InvalidAnswer(reason), [])
        raise Rejected(reason)

    def _pong(self, id: int, header: list[Any], verb: str | None, message: Message) -> None:
        self.session.acknowledge(abs(id))
        answered = self._pings.pop(id, None)
        if answered is not None:
            answered(None, [])

    # Of the class: there may be very many conversations.
    _kinds: ClassVar[dict[str, Callable[[Exchange, int, list[Any], str | None, Message], None]]] = {
        "call": _call,
        "callback": _callback,
        "event": _event,
        "inspect": _inspect,
        "ping": _ping,
        "pong": _pong,
    }
