"""
What both sides of a WebSocket have in common: our link around Autobahn's protocol.

Autobahn does the handshake, control frames, fragments and closing. In front of
its parser is a short path for the frames that nearly all traffic consists of;
around it are the bounds that it does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WebSocketAdapterProtocol
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.bounds import checkNumber, checkSeconds
from jetjstp.causes import Cause
from jetjstp.interfaces import MessageReceiver
from jetjstp.links.addresses import peerAddress
from jetjstp.links.certificates import tlsProblem
from jetjstp.links.deathwatch import DeathWatch
from jetjstp.links.notices import RareNotice
from jetjstp.links.pinging import Pinger
from jetjstp.links.quietlog import QuietLog
from jetjstp.links.reading import ReadingSide
from jetjstp.links.settings import LinkSettings
from jetjstp.links.shortpath import LONGEST
from jetjstp.links.silence import SilenceWatch
from jetjstp.links.traffic import Traffic
from jetjstp.links.writing import WritingSide

__all__ = ["WebSocketSide", "WebSocketSituation", "commonOptions"]

OPEN_TIMEOUT = 10
"""Seconds for the opening handshake, authentication included. Autobahn counts whole seconds: it may be one less."""

CLOSE_TIMEOUT = 5
"""Seconds for the closing handshake, and for sending what was written before a connection is closed."""

MAX_HEAD = 65536
"""Bytes of a handshake, which is otherwise endless. Four times what HTTP servers usually take: cookies are among it."""

MAX_HEAD_LINES = 256
"""Lines of a handshake. Autobahn joins headers of the same name one by one, which is quadratic in their number."""

MAX_FRAGMENTS = 1024
"""
Fragments of a message, unless it may be so long that it needs more. Each costs the parser as much as a message, and
empty ones are not limited by its length.
"""

FRAGMENT = 8192
"""Bytes that each fragment of a long message should have, on the average."""

MAX_PINGS = 100
"""Pings a second that we answer. Nobody needs more than one; each is work for us, and bytes to be sent."""

TOO_MUCH = (1008, 1009)
"""The codes with which connections are closed for a limit: of fragments or pings, of the length of a message."""

MAX_IGNORED = 1024 * 1024
"""Bytes that may come from a peer that has broken a rule until its answer to our close frame. It may not know yet."""

PIECE = 2048
"""
Bytes given to Autobahn at a time. It copies what is left for each frame, which is quadratic in the frames of a piece;
and only between pieces can we look at the clock: full of tiny fragments, one takes about 4 ms. The rest of a long
frame's payload goes in as one piece.
"""

BUDGET = 0.005
"""Seconds that the parser may work for one peer in one turn of the reactor. The rest waits, the other peers do not."""


def commonOptions(maxMessage: int) -> dict[str, Any]:
    """What we rely on of Autobahn on both sides, whatever its defaults are or become."""
    return {
        "utf8validateIncoming": True,
        "applyMask": True,
        "maxFramePayloadSize": maxMessage,
        "maxMessagePayloadSize": maxMessage,
        "autoFragmentSize": 0,
        # With a close frame, so that the peer learns the code.
        "failByDrop": False,
        "echoCloseCodeReason": False,
        "closeHandshakeTimeout": CLOSE_TIMEOUT,
        "tcpNoDelay": True,
        # We do that ourselves.
        "autoPingInterval": 0,
        "autoPingTimeout": 0,
    }


class WebSocketSituation:
    """What the links of one factory share."""

    def __init__(
        self,
        log: Logger,
        clock: IReactorTime,
        settings: LinkSettings,
        options: dict[str, Any],
        pingInterval: float,
        pingPatience: float | None = None,
    ) -> None:
        """
        @param options: Autobahn's options; it would look each up for each connection, and format all for a log line.
        @param pingInterval: Seconds, or 0 for no pings.
        @param pingPatience: Seconds, for a L{SilenceWatch}; L{None} for a L{Pinger}.
        """
        self.clock = clock
        self.settings = settings
        self.options = options
        self.longestShort, self.mostFragments = boundsOf(options["maxMessagePayloadSize"])
        self.links: set[WebSocketSide] = set()
        self.traffic = Traffic()
        self.deathWatch = DeathWatch(clock, settings.deadAfter) if DeathWatch.isPossible() else None
        self.pinger: Pinger | SilenceWatch | None = None
        self.listens = bool(pingInterval and pingPatience is not None)
        if pingInterval:
            checkSeconds("pingInterval", pingInterval, 3600)
            if pingPatience is None:
                self.pinger = Pinger(clock, pingInterval)
            else:
                checkSeconds("pingPatience", pingPatience, 3600)
                self.pinger = SilenceWatch(clock, pingInterval, pingPatience)
        self.closeCode = 1000
        self.failures = RareNotice(log, clock)


def boundsOf(maxMessage: int) -> tuple[int, int]:
    """What follows from the longest message: the longest payload for the short path, and the most fragments."""
    return min(LONGEST, maxMessage), max(MAX_FRAGMENTS, maxMessage // FRAGMENT)


# Class attributes are what Autobahn sees before it has set its own, at the handshake.
class WebSocketSide(ReadingSide, WritingSide, WebSocketAdapterProtocol, WebSocketProtocol):  # type: ignore[misc]
    """
    A L{jetjstp.interfaces.MessageLink} over WebSocket.

    A message is delivered as bytes, whether it came as text (it is UTF-8 then) or binary; an empty one, too.

    C{linkBlocked} may be called before C{write} returns, and C{messagesReceived} before C{resumeReading} returns, or
    C{close} that is called from C{linkBlocked}.
    """

    kind = "websocket"

    _log = Logger()
    log = QuietLog(_log)

    # Autobahn would copy them one by one; connectionMade does that at once.
    CONFIG_ATTRS: list[str] = []

    # An empty ping frame, as this side sends it.
    _pingFrame: bytes

    # Takes frames of the other side apart, and says where the first begins that it leaves.
    _takeShort: Callable[[bytes, int, list[bytes]], int]

    if TYPE_CHECKING:
        state: int
        data: bytes
        failedByMe: bool

    current_frame: Any = None
    inside_message = False

    def __init__(self, situation: WebSocketSituation) -> None:
        super().__init__()
        self._situation = situation
        self._traffic = situation.traffic
        self._clock = situation.clock
        self._longestShort = situation.longestShort
        self._mostFragments = situation.mostFragments
        # The handshake as far as it came; None once it was given to Autobahn.
        self._head: bytearray | None = bytearray()
        # Bytes that may not be looked at yet, and the call that will.
        self._backlog = bytearray()
        self._continuation: IDelayedCall | None = None
        # Messages of the bytes that are being parsed.
        self._collected: list[bytes] = []
        # Of the message that is being put together.
        self._parts = bytearray()
        self._fragments = 0
        # Bytes that came after the peer broke a rule.
        self._ignored = 0
        self._pingsFrom = 0.0
        self._pings = 0
        self._owedPong: bytes | None = None
        self.unansweredSince: float | None = None
        self.lastReceived = 0.0
        self._lastProgress: object = None
        self._closeCall: IDelayedCall | None = None

    # Makes the frames of one message, as this side sends it.
    pack: Callable[[bytes], bytes]

    def setMaxMessage(self, size: int) -> None:
        """See L{jetjstp.interfaces.MessageLink.setMaxMessage}."""
        checkNumber("size", size, 1, 2**31)
        self.maxFramePayloadSize = self.maxMessagePayloadSize = size
        self._longestShort, self._mostFragments = boundsOf(size)

    # --- beginning and end

    def connectionMade(self) -> None:
        """The stream is there; the link is when the handshake is done."""
        situation = self._situation
        situation.links.add(self)
        self.__dict__.update(situation.options)
        self.address = self.peer = peerAddress(self.transport)
        self._beginWriting(situation.settings, situation.deathWatch)
        self._connectionMade()

    def _newReceiver(self) -> MessageReceiver:
        """Make what will receive our messages."""
        raise NotImplementedError

    def _onOpen(self) -> None:
        """The handshake is done."""
        try:
            receiver = self._newReceiver()
        except Exception:
            self._receiverFailed()
            return
        self.lastReceived = self._clock.seconds()
        self._open(receiver)
        if self._situation.pinger is not None and not self._isGone:
            self._situation.pinger.add(self)
        self._resumeTransport()

    def close(self) -> None:
        """Send what was written, then end the connection, within L{CLOSE_TIMEOUT} seconds."""
        if self.isLive:
            self.sendCloseFrame(code=self._situation.closeCode)

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        """Begin or answer the closing handshake. All that we write goes before."""
        self._deliverCollected()
        self._end()
        super().sendCloseFrame(code, reasonUtf8, isReply)
        if self._paused:
            # Nobody waits for messages any more, but we do for the answer.
            self._paused = False
            self._held.clear()
            self._resumeTransport()

    def dropConnection(self, abort: bool = False) -> None:
        """End the connection, after sending what was written or at once."""
        self._deliverCollected()
        self._end()
        # Autobahn would reset the connection even behind a closing handshake, which clients may take for a failure.
        super().dropConnection(abort and not self.wasClean)

    def _closeConnection(self, abort: bool = False) -> None:
        if abort:
            self.transport.abortConnection()
        elif self._closeCall is None:
            # A peer that reads nothing would keep the connection forever.
            self._closeCall = self._clock.callLater(CLOSE_TIMEOUT, self.abort)
            self.transport.loseConnection()

    def _fail_connection(self, code: int = 1002, reason: str = "") -> None:
        """The peer broke a rule."""
        # Once is enough: Autobahn finds the same mistake again when the frame that has it comes in pieces.
        if not self.failedByMe:
            self._endFor(f"closed with {code}: {reason}", Cause.LIMIT if code in TOO_MUCH else Cause.PROTOCOL)
            self._situation.failures.tell("dropped", address=self.address, reason=self._endReason)
            super()._fail_connection(code, reason)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The stream is gone, and so is the link."""
        for call in (self._continuation, self._closeCall):
            if call is not None and call.active():
                call.cancel()
        if self.closeHandshakeTimeoutCall is not None:
            self.closeHandshakeTimeoutCall.cancel()
            self.closeHandshakeTimeoutCall = None
        problem = tlsProblem(reason)
        if problem is not None and self._head is not None:
            self._situation.failures.tell("refused", address=self.address, reason=problem)
        self._connectionLost(reason)  # type: ignore[arg-type]
        self._situation.links.discard(self)
        if self._situation.pinger is not None:
            self._situation.pinger.remove(self)
        self._endWriting()
        self._lost(self._closed or reason.getErrorMessage())

    _closed: str | None = None

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """Remember how the closing handshake went, if there was one."""
        if wasClean:
            self._closed = f"closed with {code or 1005}" + (f": {reason}" if reason else "")

    # --- receiving

    def dataReceived(self, data: bytes) -> None:
        """Bytes came in."""
        self._traffic.bytesReceived += len(data)
        if self._situation.listens:
            self.lastReceived = self._clock.seconds()
        if self._flowing and not self._backlog:
            if not self.data and self.current_frame is None and not self.inside_message:
                messages: list[bytes] = []
                taken = self._takeShort(data, self._longestShort, messages)
                if taken == len(data):
                    self._traffic.messagesReceived += len(messages)
                    self._deliver(messages)
                    return
                self._collected = messages
                data = data[taken:]
            self._parse(data)
        elif self._backlog or self._paused or self._delivering:
            self._backlog += data
        elif self._head is not None:
            self._collectHead(data)
        elif self.state == self.STATE_CONNECTING:
            # The decision about the handshake is pending. Autobahn would take this for another one.
            self._backlog += data
        elif self.state != self.STATE_CLOSED:
            # Closing, or aborted: Autobahn may be waiting for the answer to its close frame.
            if self.failedByMe:
                self._ignored += len(data)
            if self._ignored > MAX_IGNORED:
                self.abort()
            else:
                self._parse(data)

    def _collectHead(self, data: bytes) -> None:
        """Wait for the handshake to be complete; Autobahn would search all of it again for each piece."""
        head = self._head
        assert head is not None
        searched = max(0, len(head) - 3)
        head += data
        end = head.find(b"\r\n\r\n", searched)
        size = len(head) if end < 0 else end + 4
        if size > MAX_HEAD:
            self._failHead(f"a handshake of more than {MAX_HEAD} bytes")
        elif end >= 0:
            request = bytes(head[:size])
            # All that Autobahn takes for the end of a line.
            if len(request.decode("iso-8859-1").splitlines()) > MAX_HEAD_LINES:
                self._failHead(f"a handshake of more than {MAX_HEAD_LINES} lines")
                return
            self._backlog += head[size:]
            self._head = None
            self._dataReceived(request)
            if self.state == self.STATE_CONNECTING:
                self._pauseTransport()

    def _failHead(self, reason: str) -> None:
        self._head = None
        self._situation.failures.tell("refused", address=self.address, reason=reason)
        self.dropConnection(abort=True)

    def _parse(self, data: bytes) -> None:
        """Let Autobahn look at these bytes, as many of them as this turn's time allows."""
        began = self._clock.seconds()
        size = len(data)
        position = 0
        while position < size and self.state != self.STATE_CLOSED:
            end = position + PIECE
            frame = self.current_frame
            if frame is not None:
                end = max(end, position + frame.length - self.current_frame_masker.pointer())
                # So long a frame takes its time to arrive, and an answer to a ping can only come behind it.
                self.unansweredSince = None
            self._dataReceived(data[position:end])
            position = end
            if position < size and self._clock.seconds() - began >= BUDGET:
                self._backlog += data[position:]
                self._pauseTransport()
                self._continueLater()
                break
        self._deliverCollected()

    def _continueLater(self) -> None:
        if self._continuation is None:
            self._continuation = self._clock.callLater(0, self._continue)

    def _continue(self) -> None:
        """Look at the bytes that had to wait."""
        self._continuation = None
        if not self._paused and not self._isGone:
            data = bytes(self._backlog)
            self._backlog.clear()
            self._traffic.bytesReceived -= len(data)  # they were counted when they came
            self.dataReceived(data)
            if not self._paused:
                self._resumeTransport()

    def _resumeTransport(self) -> None:
        if self._situation.listens:
            # Nothing could come in, which is no fault of the peer.
            self.lastReceived = self._clock.seconds()
        if self._backlog:
            self._continueLater()
        else:
            super()._resumeTransport()

    def _deliverCollected(self) -> None:
        if self._collected:
            messages, self._collected = self._collected, []
            self._traffic.messagesReceived += len(messages)
            self._deliver(messages)

    def onMessageBegin(self, isBinary: bool) -> None:
        """A message begins."""
        self.message_data_total_length = 0
        self._fragments = 0
        self._parts.clear()

    def onMessageFrameBegin(self, length: int) -> None:
        """A fragment begins; the length of the message is checked."""
        self._fragments += 1
        if self._fragments == self._mostFragments + 1:
            self._fail_connection(1008, f"a message of more than {self._mostFragments} fragments")
        super().onMessageFrameBegin(length)

    def onMessageFrameData(self, payload: bytes) -> None:
        """Some of a fragment's bytes."""
        if not self.failedByMe:
            # One buffer, not a list: a list of what came byte by byte takes forty times the memory.
            self._parts += payload

    def onMessageFrameEnd(self) -> None:
        """A fragment ends."""
        self.frame_data = []

    def onMessageEnd(self) -> None:
        """A message ends."""
        if not self.failedByMe:
            self._collected.append(bytes(self._parts))
        self._parts.clear()

    def onFrameData(self, payload: bytes) -> bool | None:
        """Bytes of any frame."""
        if self.current_frame.opcode > 7 and self.current_frame.length > 125:
            # A control frame as long as its sender likes. The connection is failed already; but it would be kept.
            return None
        result: bool | None = super().onFrameData(payload)
        return result

    # --- pings

    def onPing(self, payload: bytes) -> None:
        """The peer wants to know whether we are there."""
        if not self.isLive:
            return
        now = self._clock.seconds()
        if now - self._pingsFrom >= 1:
            self._pingsFrom = now
            self._pings = 0
        self._pings += 1
        if self._pings > MAX_PINGS:
            self._fail_connection(1008, f"more than {MAX_PINGS} pings a second")
        elif self.blocked:
            # It does not read. The last ping is the one to answer, RFC 6455, 5.5.3.
            self._owedPong = payload
        else:
            self.sendPong(payload)

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again: the peer reads."""
        self.unansweredSince = None
        super().resumeProducing()
        if self._owedPong is not None and self.isLive and not self.blocked:
            payload, self._owedPong = self._owedPong, None
            self.sendPong(payload)

    def onPong(self, payload: bytes) -> None:
        """The peer is there."""
        self.unansweredSince = None

    def hasExcuse(self) -> bool:
        """Whether we do not read, so no pong could come in, or the peer is still reading what lies before the ping."""
        return self._transportPaused or self._lastProgress != self._progress()

    def ping(self) -> None:
        """Send an empty ping."""
        if self.isLive:
            self._write(self._pingFrame)
            self._lastProgress = self._progress()
