"""
What is between a conversation and its transport: what is received waits for its
turn, what is to be sent for its chance.
"""

from __future__ import annotations

from collections import deque
from itertools import count, islice
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from jetjstp.emitter import Emitter
from jetjstp.jstp.exchange import Exchange
from jetjstp.jstp.heartbeat import Heartbeat
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.line import Line
from jetjstp.jstp.mdsf import MDSFSyntaxError, decodeMessage
from jetjstp.jstp.messages import Message, Rejected, withoutSecrets
from jetjstp.jstp.recording import Recorder

__all__ = ["Carrier", "Home"]

HARD = 4
"""How often the limits of the buffer go into what a connected peer may leave unacknowledged until the question for an
acknowledgement is answered."""

SLICE = 0.005
"""Seconds of work on what one peer has sent, before it is the turn of others."""

_ids = count(1)


class Home(Protocol):
    """Where a connection (each time the first argument) belongs to: a server, or what a client keeps about it."""

    @property
    def isObserved(self) -> bool:
        """Whether L{observed} is to be called."""

    def observed(self, connection: Any, name: str, args: tuple[Any, ...]) -> None:
        """Something went over the connection."""

    def opened(self, connection: Any) -> None:
        """There is a transport."""

    def greeted(self, connection: Any, message: Message) -> None:
        """There is a message, and no session yet. Raises L{Rejected}."""

    def failed(self, connection: Any, error: Exception) -> None:
        """The other side broke a rule; the connection ends."""

    def dropped(self, connection: Any, reason: str) -> None:
        """We end the transport at once, for a reason that a log should tell."""

    def overflowed(self, connection: Any) -> None:
        """What is sent cannot be kept for a connection that is not there."""

    def buffered(self, connection: Any) -> None:
        """Something more is kept for a connection that is not there."""

    def lost(self, connection: Any, reason: str) -> None:
        """The transport is gone, for whatever reason."""


class Carrier(Emitter):
    """
    The half of a L{Connection<jetjstp.jstp.connection.Connection>} that nobody outside calls.

    Messages are worked on one at a time. They wait while somebody decides about the handshake, while too many calls are
    being answered, while something is being recorded, and, on a server, while the client does not take what was
    written; then nothing more is read, either. What they lead to is written together, when the last is done, or when it
    has taken so long that others have to have their turn.

    @ivar line: The transport; L{None} if there is none.
    @ivar exchange: The conversation; L{None} before there is a session, and when that is lost.
    @ivar recorder: What records the session; L{None} if nothing does.
    @ivar isClosing: Whether our side has closed the connection.
    """

    _log = Logger()

    # What most connections never set is here: with more than thirty attributes of its own, each would take more memory.

    remoteAddress = "unknown"

    _isLost = False
    # Whether our server is about to end: then nothing more is taken from the other side.
    _isEnding = False
    _finished: Deferred[None] | None = None
    _settled: Deferred[None] | None = None
    _nextTurn: IDelayedCall | None = None

    # The calls that are being answered, their size, whether they are too many; the size of the message in work.
    _running = 0
    _runningBytes = 0
    _isFull = False
    _size = 0

    def __init__(self, home: Home, step: int, limits: Limits, clock: IReactorTime) -> None:
        """
        @param step: 1 for a client, -1 for a server.
        """
        self.id = next(_ids)
        self.handshakeDone = False
        self.isClosing = False
        self.clock = clock
        self.limits = limits
        self.recorder: Recorder | None = None
        self.line: Line | None = None
        self.exchange: Exchange | None = None
        self._home = home
        self._step = step
        self._heartbeat = Heartbeat(self, clock)
        self._isListened = False
        self._isWorking = False
        self._isDeciding = False
        # What was recorded as received when the transport was lost: it is not sent again, so it is still worked on.
        self._promised: deque[tuple[Exchange, bytes]] = deque()
        # How many messages of the outbox are being recorded; it is None if nothing is.
        self._recording: int | None = None
        # Of an outbox that cannot be written now: how many messages were counted, and their size.
        self._counted = 0
        self._unsent = 0
        self._closed: list[Deferred[None]] = []

    @property
    def isEnding(self) -> bool:
        """Whether there is no transport, or our side is ending it already."""
        return self.line is None or self._isLost or self.isClosing

    @property
    def isConnected(self) -> bool:
        """Whether messages go out at once."""
        return self.exchange is not None and self.exchange.isOpen

    # Sending

    def flush(self) -> None:
        """Send what is to be sent, unless this is done after the work on received messages."""
        exchange = self.exchange
        if exchange is None:
            return
        if not exchange.isOpen:
            self._checkAway(exchange)
        elif exchange.outbox and self.line is not None and not self._isWorking:
            self._write(exchange, self.line)

    def _write(self, exchange: Exchange, line: Line, isLast: bool = False) -> None:
        """
        @param isLast: Also to a peer that does not read: what is written later is not sent any more.
        """
        if self._isLost:
            exchange.outbox.clear()
            return
        if not self._checkBuffer(exchange) or self._recording is not None or not self._record():
            return
        if line.link.blocked and not isLast:
            self._checkUnsent(exchange)
        else:
            self._put(exchange, line, len(exchange.outbox))

    def _put(self, exchange: Exchange, line: Line, count: int) -> None:
        self._counted = self._unsent = 0
        pack = line.link.pack
        texts = exchange.outbox[:count]
        del exchange.outbox[:count]
        line.link.write([pack(text) for text in texts])
        # Behind the writing: who listens may send something, which comes after this.
        if self._isListened or self._home.isObserved:
            for text in texts:
                self.observe("outgoingMessage", decodeMessage(text))

    def _checkUnsent(self, exchange: Exchange) -> None:
        outbox = exchange.outbox
        self._unsent += sum(map(len, outbox[self._counted :]))
        self._counted = len(outbox)
        if self._unsent > self.limits.unsent:
            self.lose(f"{self._unsent} bytes wait for a peer that does not read")

    def _checkBuffer(self, exchange: Exchange) -> bool:
        """Ask for an acknowledgement if much waits for one; whether there is not far too much."""
        session, limits = exchange.session, self.limits
        messages, size = session.buffered, session.bufferBytes
        if 2 * messages < limits.bufferMessages and 2 * size < limits.bufferBytes:
            return True
        isFarTooMuch = messages > HARD * limits.bufferMessages or size > HARD * limits.bufferBytes
        # Not before the question was written: else a session that has so much to send again could never do so.
        if isFarTooMuch and self._heartbeat.isAsking:
            self.lose(f"{messages} messages of {size} bytes are not acknowledged")
            return False
        self._heartbeat.askForAcknowledgement(exchange)
        return True

    def _checkAway(self, exchange: Exchange) -> None:
        session, limits = exchange.session, self.limits
        if session.buffered >= limits.bufferMessages or session.bufferBytes >= limits.bufferBytes:
            self._home.overflowed(self)
        else:
            self._home.buffered(self)

    def send(self, text: bytes) -> None:
        """Send a message of the handshake, at once."""
        if self.line is not None:
            self.line.link.write([self.line.link.pack(text)])
            if self._isListened or self._home.isObserved:
                self.observe("outgoingMessage", withoutSecrets(decodeMessage(text)))

    # Receiving

    def lineOpened(self, line: Line) -> None:
        """There is a transport; if there was another, that is not needed any more."""
        if self.isClosing:  # while the transport was opened
            line.detach()
            line.link.abort()
            return
        self._leaveLine()
        self._use(line)
        self._home.opened(self)

    def _use(self, line: Line) -> None:
        self.line = line
        line.connection = self
        self.remoteAddress = line.link.address

    def _leaveLine(self) -> None:
        old = self.line
        if old is not None:
            old.detach()
            self.leave()
            if old.link.blocked:
                # What does not reach the peer is sent again, or lost: not to be kept for a peer that comes and goes.
                old.link.abort()
            else:
                old.link.close()
            self._tellClosed()

    def lineReceived(self, line: Line) -> None:
        """There are messages in the inbox of the line."""
        self._heartbeat.heard()
        if self._isEnding:
            self._keepOwed(line)
        if not self._isWorking and self._nextTurn is None:
            self._work()

    def lineDrained(self, line: Line) -> None:
        """What was written is gone."""
        self.flush()
        self._goOn()

    @property
    def isHeld(self) -> bool:
        """
        Whether the next message has to wait; so it may be our own doing if nothing is heard of the other side.

        A client never waits for its server to read: if both did, both would wait for ever.
        """
        return (
            self._isDeciding
            or self._nextTurn is not None
            or self._recording is not None
            or self._isFull
            or (self._step < 0 and self.line is not None and self.line.link.blocked)
        )

    def decide(self, isDeciding: bool) -> None:
        """While somebody decides what is to become of the connection, messages wait."""
        self._isDeciding = isDeciding
        if not isDeciding:
            self._goOn()

    def _goOn(self) -> None:
        if not self._isWorking and not self.isHeld and (self.line is not None or self._promised):
            self._work()

    def _work(self) -> None:
        """Work on what was received, as far as that is possible, then send what comes of it."""
        line = self.line
        self._isWorking = True
        end = self.clock.seconds() + SLICE
        try:
            while self._promised and not self.isHeld:
                self._keepPromise(*self._promised.popleft())
                if self.clock.seconds() >= end:
                    self._rest()
            if line is not None and self._nextTurn is None:
                self._workOn(line, end)
        finally:
            self._isWorking = False
        self.flush()
        if not self._promised:
            self._tellSettled()
        if line is not self.line:
            self._goOn()
        elif line is not None:
            if line.inbox or self._isEnding or self.isHeld:
                line.link.pauseReading()
            else:
                line.link.resumeReading()
        self._checkFinished()

    def _runs(self, calls: int, size: int) -> None:
        """So many more calls, of this size, are being answered."""
        self._running += calls
        self._runningBytes += size
        limits = self.limits
        isFull = self._running >= limits.runningCalls or self._runningBytes >= limits.runningBytes
        self._isFull = isFull and not self._isEnding

    @property
    def runningCalls(self) -> int:
        """How many calls of the other side are being answered."""
        return self._running

    def _rest(self) -> None:
        """What is left has to wait until others had their turn."""
        if self._nextTurn is None:
            self._nextTurn = self.clock.callLater(0, self._rested)

    def _rested(self) -> None:
        self._nextTurn = None
        self._goOn()

    def _workOn(self, line: Line, end: float) -> None:
        inbox, link, depth = line.inbox, line.link, self.limits.depth
        isServer, seconds = self._step < 0, self.clock.seconds
        # Written out what isHeld says: this is done for each message.
        while (
            inbox
            and line is self.line
            and not self._isDeciding
            and self._recording is None
            and not self._isFull
            and not (isServer and link.blocked)
        ):
            if self.recorder is not None:
                if not line.recorded and not self._recordInbox(line):
                    return
                line.recorded -= 1
            data = inbox.popleft()
            self._size = len(data)
            try:
                message = decodeMessage(data, maxDepth=depth)
            except MDSFSyntaxError as error:
                self.refuse(error)
                return
            try:
                if self._isListened or self._home.isObserved or not message:
                    self._look(message)
                if self.handshakeDone and self.exchange is not None:
                    if message:
                        self.exchange.receive(message)
                elif message:
                    self._home.greeted(self, message)
            except Rejected as error:
                self.observe("messageRejected", withoutSecrets(message))
                if error.isFatal:
                    self.refuse(error)
            if inbox and seconds() >= end and line is self.line:
                self._rest()
                return

    def _look(self, message: Message) -> None:
        self.observe("incomingMessage", withoutSecrets(message))
        if not message:
            self.observe("heartbeat")

    def refuse(self, error: Exception) -> None:
        """The other side broke a rule, and is not listened to any more."""
        self._home.failed(self, error)
        self.hangUp()

    def observe(self, name: str, *args: Any) -> None:
        """Tell of something that went over the connection."""
        if self._home.isObserved:
            self._home.observed(self, name, args)
        if self._isListened:
            self.emit(name, *args)

    def _established(self) -> None:
        self.handshakeDone = True
        if self.line is not None:
            self.line.link.setMaxMessage(self.limits.message)
        self._heartbeat.begin()
        self.flush()

    def adopt(self, line: Line) -> None:
        """Go on with another transport. The old one is ended, and what becomes of it does not matter any more."""
        self._leaveLine()
        self.isClosing = False
        self._use(line)

    # Recording

    def _record(self) -> bool:
        """Record what has changed before it is sent; whether that is done already."""
        return self.recorder is None or not self.recorder.isEager or self._recordNow(self.recorder)

    def _recordNow(self, recorder: Recorder) -> bool:
        recording = recorder.record()
        if recording is None:
            return not recorder.hasFailed
        self._recording = 0 if self.exchange is None else len(self.exchange.outbox)
        recording.addCallback(self._recorded)
        return False

    def _recorded(self, isRecorded: bool) -> None:
        count, self._recording = self._recording, None
        if not isRecorded:
            # The session is not ours: another server has these messages.
            self.breakPromises()
            self._tellFinished()
            return
        exchange, line = self.exchange, self.line
        if count and exchange is not None and line is not None and not line.link.blocked:
            # Not all that is there by now, and would have to be recorded first: there may be more each time.
            self._put(exchange, line, count)
        self.flush()
        self._goOn()
        self._checkFinished()

    def _recordInbox(self, line: Line) -> bool:
        """Record that messages were received before they are worked on; whether that is done already."""
        recorder, exchange = self.recorder, self.exchange
        line.recorded = 1
        if recorder is None or not recorder.isEager or not self.handshakeDone or exchange is None:
            return True
        count = 0
        for data in line.inbox:
            try:
                exchange.note(decodeMessage(data, maxDepth=self.limits.depth))
            except (MDSFSyntaxError, Rejected):
                break  # what is behind it will not be worked on, and it is found again when its turn comes
            count += 1
        line.recorded = max(count, 1)
        return self._recordNow(recorder)

    def settle(self) -> Deferred[None] | None:
        """
        Work on what was recorded as received when the transport was lost, however many calls are being answered.

        @return: L{None} if that is done; else what fires then.
        """
        if not self._promised:
            return None
        self._beginEnding()
        settled: Deferred[None] = Deferred()
        self._settled = settled
        if not self.isHeld:
            self._rest()
        return settled

    def breakPromises(self) -> None:
        """The session is gone: what was received can have no effect on it any more."""
        self._promised.clear()
        self._tellSettled()

    def _tellSettled(self) -> None:
        settled = self._settled
        if settled is not None:  # else nothing is set: one attribute more in each connection would cost 1.3 KiB
            self._settled = None
            settled.callback(None)

    def _keepPromise(self, exchange: Exchange, data: bytes) -> None:
        self._size = len(data)
        try:
            exchange.receive(decodeMessage(data, maxDepth=self.limits.depth))
        except (MDSFSyntaxError, Rejected):
            self._log.info("{connection}: a message cannot be worked on any more", connection=self)

    # The end

    def finishUp(self) -> Deferred[None] | None:
        """
        Take nothing more from the other side, and record and send what was done: whoever has the session next, perhaps
        as soon as the transport is gone, is to have all of it.

        @return: L{None} if that is done, or nothing is recorded here; else what fires then, or with the transport.
        """
        line, recorder = self.line, self.recorder
        if line is None or recorder is None or not self.handshakeDone or line.link.blocked:
            return None
        self._keepOwed(line)
        self._beginEnding()
        recorder.isEager = True
        line.link.pauseReading()
        finished: Deferred[None] = Deferred()
        self._finished = finished
        self.flush()
        self._goOn()
        self._checkFinished()
        return None if self._finished is None else finished

    def _beginEnding(self) -> None:
        # The answers of methods that still run are lost in any case, so what is behind their calls need not wait.
        self._isEnding = True
        self._isFull = False

    def _checkFinished(self) -> None:
        line, recorder = self.line, self.recorder
        if self._finished is None or self._isWorking:
            return
        if line is not None and recorder is not None and not line.link.blocked:
            if line.inbox or self._recording is not None or self._nextTurn is not None:
                return
            if not self._recordNow(recorder) and not recorder.hasFailed:
                return
        self._tellFinished()

    def _tellFinished(self) -> None:
        finished, self._finished = self._finished, None
        if finished is not None:
            finished.callback(None)

    def hangUp(self) -> None:
        """
        Send what was written, then end the transport; nothing more is heard of the other side, apart from what it was
        told that we have received.
        """
        line = self.line
        if line is not None:
            self._keepOwed(line)
            if self.exchange is not None and self.exchange.outbox:
                self._write(self.exchange, line, True)
            line.link.close()

    def lose(self, reason: str) -> None:
        """End the transport at once: the other side is not there any more, or as good as."""
        line = self.line
        if line is not None and not self._isLost:
            self._isLost = True  # we are told of the end later, and until then nothing more is to pile up
            self._home.dropped(self, reason)
            self._keepOwed(line)
            line.link.abort()

    def _keepOwed(self, line: Line) -> None:
        while len(line.inbox) > self._owed():
            line.inbox.pop()

    def _owed(self) -> int:
        """How many messages of the inbox are recorded as received, or about to be."""
        isEager = self.recorder is not None and self.recorder.isEager and self.handshakeDone
        return self.line.recorded if isEager and self.line is not None else 0

    def leave(self) -> None:
        """There is no transport any more."""
        exchange, line = self.exchange, self.line
        if exchange is not None and line is not None:
            self._promised.extend((exchange, data) for data in islice(line.inbox, self._owed()))
        self._heartbeat.pause()
        if self._nextTurn is not None:
            self._nextTurn.cancel()
            self._nextTurn = None
        self.line = None
        self.handshakeDone = False
        self._isDeciding = False
        if self._isLost:
            self._isLost = False
        self._counted = self._unsent = 0
        if self._recording is not None:
            self._recording = 0
        if exchange is not None:
            exchange.suspend()
        self._tellFinished()

    def lineLost(self, reason: str) -> None:
        """The transport is gone."""
        self.leave()
        self.emit("close")
        self._home.lost(self, reason)
        self._tellClosed()
        self._goOn()

    def _tellClosed(self) -> None:
        closed, self._closed = self._closed, []
        for waiting in closed:
            waiting.callback(None)
