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

from jetjstp.interfaces import MessageReceiver
from jetjstp.links.dialing import Dialed, Failed, reasonOf
from jetjstp.links.quietlog import QuietLog
from jetjstp.links.settings import LinkSettings, checkNumber, checkSeconds
from jetjstp.links.shortpath import LONGEST
from jetjstp.links.webside import CLOSE_TIMEOUT, OPEN_TIMEOUT, WebSocketSide, WebSocketSituation

__all__ = ["DialingWebSocketFactory", "maskedFrame"]

_masker: Any = xormasker.create_xor_masker  # type: ignore[attr-defined]  # of the three that it has, the fastest


def maskedFrame(message: bytes) -> bytes:
    """Make the frame of a text message as a client sends it: with a mask, a new one each time."""
    length = len(message)
    mask = os.urandom(4)
    if length < 126:
        header = bytes((0x81, 0x80 | length))
    elif length < 65536:
        header = b"\x81\xfe" + length.to_bytes(2, "big")
    else:
        header = b"\x81\xff" + length.to_bytes(8, "big")
    if length <= LONGEST:
        key = (mask * ((length >> 2) + 1))[:length]
        masked = (int.from_bytes(message, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")
    else:
        masked = _masker(mask, length).process(message)
    return header + mask + masked


class DialedWebSocketLink(Dialed, WebSocketSide, WebSocketClientProtocol):  # type: ignore[misc]
    """A WebSocket that we asked for. L{DialingWebSocketFactory} makes it."""

    log = QuietLog(Logger())
    pack = staticmethod(maskedFrame)
    # A mask of zeros is as good as any where nothing is masked.
    _pingFrame = b"\x89\x80\x00\x00\x00\x00"

    if TYPE_CHECKING:
        http_response_data: Any

    def __init__(self, owner: DialingWebSocketFactory) -> None:
        super().__init__(owner.situation)
        self._owner = owner

    def _newReceiver(self) -> MessageReceiver:
        return self._owner.receiver()

    def startHandshake(self) -> None:
        """Ask for the upgrade. Autobahn's own way takes a description of the transport, which nobody wants."""
        factory = self._owner
        self._actuallyStartHandshake(
            ConnectingRequest(
                host=factory.host,
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

    def failHandshake(self, reason: str) -> None:
        """The server does not want us, or is none."""
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
    """Makes the link of one connection to a server."""

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
        headers: Mapping[str, str] | None = None,
        maxMessage: int = 10_000_000,
        pingInterval: float = 10.0,
        settings: LinkSettings | None = None,
        reactor: IReactorTime,
    ) -> None:
        """
        @param url: What to ask the server for.
        @param receiver: Makes the receiver of the connection.
        @param headers: More headers of the request.
        @param maxMessage: The longest message, in bytes.
        @param pingInterval: Seconds, or 0 for no pings.
        """
        checkNumber("maxMessage", maxMessage, 1, 2**31)
        if pingInterval:
            checkSeconds("pingInterval", pingInterval, 3600)
        super().__init__(
            url, headers=dict(headers or {}), protocols=list(protocols), useragent="jetjstp", reactor=reactor
        )
        self.setProtocolOptions(
            version=18,
            utf8validateIncoming=True,
            acceptMaskedServerFrames=False,
            maskClientFrames=True,
            applyMask=True,
            maxFramePayloadSize=maxMessage,
            maxMessagePayloadSize=maxMessage,
            autoFragmentSize=0,
            failByDrop=False,
            echoCloseCodeReason=False,
            serverConnectionDropTimeout=CLOSE_TIMEOUT,
            openHandshakeTimeout=OPEN_TIMEOUT,
            closeHandshakeTimeout=CLOSE_TIMEOUT,
            tcpNoDelay=True,
            perMessageCompressionOffers=[],
            autoPingInterval=0,
            autoPingTimeout=0,
        )
        self.receiver = receiver
        self.failed = failed
        options = {name: getattr(self, name) for name in WebSocketClientProtocol.CONFIG_ATTRS}
        self.situation = WebSocketSituation(self._log, reactor, settings or LinkSettings(), options, pingInterval)

    def buildProtocol(self, addr: IAddress | None) -> DialedWebSocketLink:
        """Make the link."""
        link = DialedWebSocketLink(self)
        link.factory = self
        return link
