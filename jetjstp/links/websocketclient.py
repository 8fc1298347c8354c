"""
WebSocket, the client's side.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket import xormasker
from autobahn.websocket.types import ConnectingRequest, ConnectionResponse
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.bounds import checkNumber
from jetjstp.interfaces import MessageReceiver
from jetjstp.links.dialing import Dialed, DialFailed, Failed, Opened, reasonOf
from jetjstp.links.fragments import LEAST, inFragments
from jetjstp.links.quietlog import QuietLog
from jetjstp.links.settings import LinkSettings
from jetjstp.links.shortpath import LONGEST, takeUnmasked
from jetjstp.links.webside import CLOSE_TIMEOUT, OPEN_TIMEOUT, WebSocketSide, WebSocketSituation, commonOptions

__all__ = ["DialingWebSocketFactory", "WebSocketHandshakeError", "maskedFrame"]

_masker: Any = xormasker.create_xor_masker  # type: ignore[attr-defined]  # of the three that it has, the fastest


class WebSocketHandshakeError(DialFailed):
    """
    The server answered the request for a WebSocket with something else.

    @ivar status: Of its answer: 403 if it refuses us, 404 if it has no WebSocket there.
    @ivar reason: The words behind that.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"the server refused the WebSocket: {self.status} {self.reason}".rstrip()


def maskedFrame(message: bytes, first: int = 0x81) -> bytes:
    """
    Make a frame as a client sends it: with a mask, a new one each time.

    @param first: Its first byte; without it, the frame is the only one of a text message.
    """
    length = len(message)
    mask = os.urandom(4)
    if length < 126:
        header = bytes((first, 0x80 | length))
    elif length < 65536:
        header = bytes((first, 0xFE)) + length.to_bytes(2, "big")
    else:
        header = bytes((first, 0xFF)) + length.to_bytes(8, "big")
    if length <= LONGEST:
        key = (mask * ((length >> 2) + 1))[:length]
        masked = (int.from_bytes(message, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")
    else:
        masked = _masker(mask, length).process(message)
    return header + mask + masked


class DialedWebSocketLink(Dialed, WebSocketSide, WebSocketClientProtocol):  # type: ignore[misc]
    """A WebSocket that we asked for. L{DialingWebSocketFactory} makes it."""

    log = QuietLog(Logger())
    pack: Callable[[bytes], bytes] = staticmethod(maskedFrame)
    _takeShort = staticmethod(takeUnmasked)
    # A mask of zeros is as good as any where nothing is masked.
    _pingFrame = b"\x89\x80\x00\x00\x00\x00"

    http_status_line = ""

    if TYPE_CHECKING:
        http_response_data: Any

    def __init__(self, owner: DialingWebSocketFactory) -> None:
        super().__init__(owner.situation)
        self._owner = owner
        self._opened = owner.opened
        if owner.pack is not None:
            self.pack = owner.pack

    def _newReceiver(self) -> MessageReceiver:
        return self._owner.receiver()

    def startHandshake(self) -> None:
        """Ask for the upgrade. Autobahn's own way takes a description of the transport, which nobody wants."""
        factory = self._owner
        self._actuallyStartHandshake(
            ConnectingRequest(
                host=f"[{factory.host}]" if ":" in factory.host else factory.host,
                port=factory.port,
                resource=factory.resource,
                headers=factory.headers,
                useragent=factory.useragent,
                origin=factory.origin,
                protocols=factory.protocols,
            )
        )

    def onConnect(self, response: ConnectionResponse) -> None:
        """The server has answered; that it accepts is checked by Autobahn."""

    def _onOpen(self) -> None:
        if self._owner.requireProtocol and self.websocket_protocol_in_use is None:
            self.failHandshake(f"the server does not speak {', '.join(self._owner.protocols)}")
        else:
            super()._onOpen()

    def failHandshake(self, reason: str) -> None:
        """The server does not want us, or is none."""
        words = self.http_status_line.split(None, 2)
        # Autobahn looks at these before it looks at anything else, and so they are well-formed in any other failure.
        if len(words) > 1 and words[0] == "HTTP/1.1" and words[1].isdecimal() and words[1] != "101":
            status = int(words[1])
            self._owner.refusal = WebSocketHandshakeError(status, words[2].strip() if len(words) > 2 else "")
        self._endReason = self._endReason or f"the WebSocket handshake failed: {reason}"
        self.dropConnection(abort=True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The stream is gone, and so is the link."""
        if not self._hasOpened:
            self._endReason = self._endReason or reasonOf(reason)
        super().connectionLost(reason)

    def _dialFailed(self, reason: str) -> None:
        self._owner.failed(reason)


class DialingWebSocketFactory(WebSocketClientFactory):
    """
    Makes the link of one connection to a server.

    @ivar refusal: What is known when the connection has failed, beyond the reason.
    """

    refusal: DialFailed | None = None

    noisy = False
    _log = Logger()
    log = QuietLog(_log)

    def __init__(
        self,
        url: str,
        receiver: Callable[[], MessageReceiver],
        failed: Failed,
        *,
        protocols: Sequence[str] = ("jet",),
        requireProtocol: bool = False,
        headers: Mapping[str, str] | None = None,
        origin: str | None = None,
        maxMessage: int = 10_000_000,
        fragmentSize: int | None = None,
        pingInterval: float = 10.0,
        pingPatience: float | None = None,
        settings: LinkSettings | None = None,
        reactor: IReactorTime,
        opened: Opened | None = None,
        openTimeout: float | None = OPEN_TIMEOUT,
    ) -> None:
        """
        @param url: What to ask the server for.
        @param receiver: Makes the receiver of the connection.
        @param protocols: The subprotocols that we offer.
        @param requireProtocol: The server must select one of them.
        @param headers: More headers of the request.
        @param origin: Of the web page that we are on, so to speak.
        @param maxMessage: The longest message, in bytes.
        @param fragmentSize: Bytes of a message that we send in one frame, at most; L{None} for any number.
        @param pingInterval: Seconds, or 0 for no pings.
        @param pingPatience: As for L{jetjstp.links.websocket.WebSocketLinkFactory}.
        @param openTimeout: Seconds for the handshake; L{None} if who dials looks after the time.
        """
        checkNumber("maxMessage", maxMessage, 1, 2**31)
        self.pack: Callable[[bytes], bytes] | None = None
        if fragmentSize is not None:
            checkNumber("fragmentSize", fragmentSize, LEAST, 2**31)
            self.pack = inFragments(maskedFrame, maskedFrame, fragmentSize)
        super().__init__(
            url,
            origin=origin,
            headers=dict(headers or {}),
            protocols=list(protocols),
            useragent="jetjstp",
            reactor=reactor,
        )
        self.setProtocolOptions(
            **commonOptions(maxMessage),
            version=18,
            acceptMaskedServerFrames=False,
            maskClientFrames=True,
            serverConnectionDropTimeout=CLOSE_TIMEOUT,
            openHandshakeTimeout=openTimeout or 0,
            perMessageCompressionOffers=[],
        )
        self.receiver = receiver
        self.failed = failed
        self.opened = opened
        self.requireProtocol = requireProtocol
        options = {name: getattr(self, name) for name in WebSocketClientProtocol.CONFIG_ATTRS}
        self.situation = WebSocketSituation(
            self._log, reactor, settings or LinkSettings(), options, pingInterval, pingPatience
        )

    @property
    def links(self) -> set[WebSocketSide]:
        """Those that are connected now."""
        return self.situation.links

    def buildProtocol(self, addr: IAddress | None) -> DialedWebSocketLink:
        """Make the link."""
        link = DialedWebSocketLink(self)
        link.factory = self
        return link
