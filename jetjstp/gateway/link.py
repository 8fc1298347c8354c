"""
The link between the core of a daemon and a client that comes over JSTP.

What the core writes becomes events, in order, as many at a time as the session
can well keep until the client has acknowledged them. Whatever is behind that
waits: first here, then, since the link is blocked, in the backlog of the core,
which merges what is outdated. So a message is either in the session, which sends
it until it has arrived, or behind it, never both and never neither.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, Protocol

from jetjstp.gateway.dialect import ENDED, NOTIFICATION, packed
from jetjstp.jstp.connection import Connection

__all__ = ["INTERFACE", "BusLink", "Telling"]

INTERFACE = "jet"
"""Of our application, and of the one that a client may offer."""

SHARE = 8
"""Which part of what a session may keep is used for messages that are on their way: while its client is away, nothing
that would end it may be put into it."""

MOST_BYTES = 512 * 1024
"""Bytes of them, at most; one message may go beyond that."""

ASK = 8
"""Which part of that is sent before it is asked for an acknowledgement, so that little is kept for who takes all."""


class Telling(NamedTuple):
    """An event of our own, which keeps its place among the notifications. C{args} are MDSF."""

    event: str
    args: bytes


class LinkUser(Protocol):
    """Who has the link."""

    def answered(self, frame: bytes) -> None:
        """A frame that is no notification, when its turn has come."""

    def gaveUp(self, args: bytes) -> None:
        """A fetch cannot go on; C{args} are those of the event that is to tell so."""

    def linkBlocked(self) -> None:
        """The link takes nothing for the time being."""

    def linkDrained(self) -> None:
        """The link takes more."""

    def linkClosed(self) -> None:
        """The core wants no more of it."""

    def linkReads(self) -> None:
        """The core takes messages again."""


class BusLink:
    """
    A L{MessageLink<jetjstp.interfaces.MessageLink>} without a transport of its own.

    @ivar isPaused: Whether the core takes no messages for the time being.
    @ivar held: Bytes that wait here.
    """

    kind = "jstp"

    pack = staticmethod(packed)

    def __init__(self, connection: Connection, user: LinkUser) -> None:
        limits = connection.limits
        self.address = connection.remoteAddress
        self.blocked = False
        self.isPaused = False
        self._connection = connection
        self._user = user
        self._mostMessages = max(1, limits.bufferMessages // SHARE)
        self._mostBytes = max(1, min(limits.bufferBytes // SHARE, MOST_BYTES))
        self._held: deque[bytes | Telling] = deque()
        self._isAway = False
        self._isClosed = False
        self._isPouring = False
        self._isAsking = False

    @property
    def held(self) -> int:
        return sum(len(each if isinstance(each, bytes) else each.args) for each in self._held)

    def write(self, frames: list[bytes]) -> None:
        self._held.extend(frames)
        self._pour()

    def tell(self, event: str, args: bytes) -> None:
        """Send an event of our own, behind everything that was written."""
        self._held.append(Telling(event, args))
        self._pour()

    def setMaxMessage(self, size: int) -> None:
        """The server has its own limit."""

    def pauseReading(self) -> None:
        self.isPaused = True

    def resumeReading(self) -> None:
        self.isPaused = False
        self._user.linkReads()

    def close(self) -> None:
        if not self._isClosed:
            self.end()
            self._user.linkClosed()

    abort = close

    def end(self) -> None:
        """Send nothing any more."""
        self._isClosed = True
        self._held.clear()

    # The session

    def away(self) -> None:
        """The client is not there."""
        self._isAway = True
        self._block()

    def back(self) -> None:
        """The client is there again."""
        self._isAway = False
        self._goOn()

    def _block(self) -> None:
        if not (self.blocked or self._isClosed):
            self.blocked = True
            self._user.linkBlocked()

    def _goOn(self) -> None:
        """Something has arrived: send more, and have the core send more if it was kept from it."""
        self._pour()
        if self.blocked and not (self._isAway or self._isClosed or self._isFull()):
            self.blocked = False
            self._user.linkDrained()

    def _isFull(self) -> bool:
        session = self._connection.session
        return (
            session is None
            or bool(self._held)
            or session.buffered >= self._mostMessages
            or session.bufferBytes >= self._mostBytes
        )

    def _pour(self) -> None:
        """Send what waits, as far as the session takes it."""
        if self._isAway or self._isPouring or self._isClosed:
            return
        self._isPouring = True
        try:
            while self._held and not self._isAway and self._pourSome():
                pass
        finally:
            self._isPouring = False
        self._look()

    def _pourSome(self) -> bool:
        """Send what comes next; whether there may be room for more."""
        session, held = self._connection.session, self._held
        if session is None:
            return False
        messages = self._mostMessages - session.buffered
        size = self._mostBytes - session.bufferBytes
        if messages <= 0 or size <= 0:
            return False
        notifications: list[bytes] = []
        while held and messages > 0 and size > 0:
            frame = held[0]
            if type(frame) is not bytes or frame[0] != NOTIFICATION:
                break
            notifications.append(frame)
            held.popleft()
            messages -= 1
            size -= len(frame)
        if len(notifications) == 1:
            self._connection.emitEncoded(INTERFACE, "notification", notifications[0])
        elif notifications:
            self._connection.emitAllEncoded(INTERFACE, "notification", notifications)
        else:
            self._pass(held.popleft())
        return True

    def _pass(self, frame: bytes | Telling) -> None:
        if isinstance(frame, Telling):
            self._connection.emitEncoded(INTERFACE, *frame)
        elif frame.startswith(ENDED):
            self._user.gaveUp(frame.removeprefix(ENDED))
        else:
            self._user.answered(frame)

    def _look(self) -> None:
        """See how much is on its way: have it acknowledged, keep the core from sending more."""
        session = self._connection.session
        if session is None or self._isAway or self._isClosed:
            return
        if not self._isAsking and (
            ASK * session.buffered >= self._mostMessages or ASK * session.bufferBytes >= self._mostBytes
        ):
            self._isAsking = True
            # However it ends, all that was sent before is acknowledged, or there is no session any more.
            self._connection.ping().addBoth(self._acknowledged)
        if self._isFull():
            self._block()

    def _acknowledged(self, _: object) -> None:
        self._isAsking = False
        # Not at once: this may be in the middle of something that the core does.
        self._connection.clock.callLater(0, self._goOn)
