"""
A connection to another node, for applications that have no protocol of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeVar, overload

from twisted.internet.interfaces import IReactorTime

from jetjstp.causes import Cause
from jetjstp.emitter import Emitter
from jetjstp.errors import LocalProtocolError
from jetjstp.interfaces import MessageLink
from jetjstp.links.bytestream import ByteLink
from jetjstp.tcpnet.errors import ConnectionLost
from jetjstp.tcpnet.limits import Limits

__all__ = ["Connection"]

EARLY = 64 * 1024
"""
Bytes that are kept for the first who listens to C{data}. It is not enough to wait with reading until then: who only
writes would never hear that the other side is gone.
"""

PIECE = 64 * 1024
"""Bytes of what is kept back that are handed to the transport at a time."""

ConnectionEvent = Literal["data", "close", "error", "drain"]
_H = TypeVar("_H", bound=Callable[..., Any])


class Connection(Emitter):
    """
    A connection to another node. Either side may write at once.

    Events: C{data} with bytes, cut anywhere; C{drain} when everything is sent after L{write} has returned C{False};
    C{error} with a L{jetjstp.tcpnet.ConnectionLost} if it did not end as it should; C{close} when it is over, last.

    What comes before somebody listens to C{data} is kept: nothing is lost while the application makes up its mind.
    After L{pause} nothing is read, so that a connection that is lost is not noticed before L{resume} or a L{write}.

    @ivar remoteAddress: The address of the other node.
    @ivar remotePort: Its port.
    @ivar dialled: Whether we have dialled it, not it us.
    @ivar remoteUuid: The uuid of the other node; L{None} if it is not known. It is never proven.
    """

    events: ClassVar[frozenset[str]] = frozenset(("data", "close", "error", "drain"))

    def __init__(
        self,
        opened: Callable[[Connection], None],
        lost: Callable[[Connection], None],
        limits: Limits,
        clock: IReactorTime,
    ) -> None:
        self.remoteAddress = ""
        self.remotePort = 0
        self.dialled = False
        self.remoteUuid: str | None = None
        self._opened = opened
        self._tellLost = lost
        self._limits = limits
        self._clock = clock
        self._link: ByteLink | None = None
        self._early: deque[bytes] = deque()
        self._earlySize = 0
        self._hasReader = False
        self._isPaused = False
        self._outbox: deque[bytes] = deque()
        self._outboxSize = 0
        self._isBlocked = False
        self._owesDrain = False
        self._hasEnded = False
        # That, or the other side has.
        self._isEnding = False

    @overload  # type: ignore[override]  # narrower on purpose: only the names of our events
    def on(self, name: ConnectionEvent) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: ConnectionEvent, handler: _H) -> _H: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """Call C{handler} at each event; without one, a decorator."""
        if handler is None:
            return lambda decorated: self._listened(name, super(Connection, self).on(name, decorated))
        return self._listened(name, super().on(name, handler))

    @overload  # type: ignore[override]
    def once(self, name: ConnectionEvent) -> Callable[[_H], _H]: ...

    @overload
    def once(self, name: ConnectionEvent, handler: _H) -> _H: ...

    def once(self, name: str, handler: Any = None) -> Any:
        """Call C{handler} at the next event of that name only; without one, a decorator."""
        if handler is None:
            return lambda decorated: self._listened(name, super(Connection, self).once(name, decorated))
        return self._listened(name, super().once(name, handler))

    def _listened(self, name: str, handler: Any) -> Any:
        if name == "data" and not self._hasReader:
            # Not right now: whoever listens may not be ready before this returns.
            self._hasReader = True
            self._clock.callLater(0, self._deliverEarly)
        return handler

    # --- what the application does

    def write(self, data: bytes) -> bool:
        """
        Send bytes. When the connection is over, or the other side has ended it: ignored.

        @return: Whether more is welcome. After C{False}, wait for C{drain}; who goes on beyond the hard limit loses the
            connection.
        @raise TypeError: It is no bytes.
        @raise LocalProtocolError: L{end} was called.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            hint = "; encode text first: text.encode()" if isinstance(data, str) else ""
            raise TypeError(f"bytes can be written, not {type(data).__name__}{hint}")
        if self._hasEnded:
            raise LocalProtocolError("write after end")
        link = self._link
        if link is None or not link.isLive or self._isEnding:
            return False
        piece = bytes(data)
        if not self._isBlocked:
            link.write([piece])
        else:
            self._outbox.append(piece)
            self._outboxSize += len(piece)
            if self._outboxSize > self._limits.hardLimit:
                limit = self._limits.hardLimit
                self._outbox.clear()
                link.abortBecause(f"more than {limit} bytes wait to be sent (hardLimit)", Cause.SLOW)
        if self._outboxSize <= self._limits.highWater:
            return True
        self._owesDrain = True
        return False

    def end(self, data: bytes | None = None) -> None:
        """
        Send what was written, and C{data} if it is given, then tell the other side that nothing more comes. It may go
        on; C{close} comes when both have ended. While both nodes are announced, the one that dials then connects anew.
        """
        if data is not None:
            self.write(data)
        self._hasEnded = True
        if not self._isEnding:
            self._isEnding = True
            self._flush()

    def abort(self) -> None:
        """End the connection at once; what was not sent is lost."""
        if self._link is not None:
            self._link.abort()

    def pause(self) -> None:
        """Take no more C{data}, and let the other side feel it, until L{resume}."""
        self._isPaused = True
        if self._link is not None:
            self._link.pauseReading()

    def resume(self) -> None:
        """Take C{data} again. What was kept comes soon."""
        if self._isPaused:
            self._isPaused = False
            self._clock.callLater(0, self._deliverEarly)

    # --- what the link tells

    def linkOpened(self, link: MessageLink) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        assert isinstance(link, ByteLink)
        self._link = link
        self.remoteAddress, self.remotePort = link.address, link.port
        self._opened(self)

    def messagesReceived(self, messages: list[bytes]) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        for data in messages:
            if self._hasReader and not self._early and not self._isPaused:
                self.emit("data", data)
            else:
                self._early.append(data)
                self._earlySize += len(data)
        if self._earlySize > EARLY and self._link is not None:
            self._link.pauseReading()

    def _deliverEarly(self) -> None:
        while self._hasReader and self._early and not self._isPaused:
            data = self._early.popleft()
            self._earlySize -= len(data)
            self.emit("data", data)
        if self._hasReader and not self._early and not self._isPaused and self._link is not None:
            self._link.resumeReading()

    def linkBlocked(self) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        self._isBlocked = True

    def linkDrained(self) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        self._isBlocked = False
        self._flush()
        if self._owesDrain and not self._isBlocked and not self._outbox:
            self._owesDrain = False
            self.emit("drain")

    def _flush(self) -> None:
        link = self._link
        if link is None:
            return
        while self._outbox and not self._isBlocked:
            pieces, size = [], 0
            while self._outbox and size < PIECE:
                piece = self._outbox.popleft()
                pieces.append(piece)
                size += len(piece)
            self._outboxSize -= size
            link.write(pieces)
        if self._isEnding and not self._outbox:
            link.finish()

    def remoteEnded(self) -> None:
        """The other side says nothing more: neither do we, after what was written."""
        self._isEnding = True
        self._flush()

    def linkLost(self, reason: str) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        link, self._link = self._link, None
        self._outbox.clear()
        self._outboxSize = 0
        self._tellLost(self)
        self._deliverEarly()
        if link is not None and not link.endedWell:
            self.emit("error", ConnectionLost(reason))
        self.emit("close")
