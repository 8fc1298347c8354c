"""
WebSocket, the server's side: the upgrade, who is let in, and the factory.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket import USES_NVX
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IReactorTime, ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.bounds import checkNumber
from jetjstp.causes import Refusal
from jetjstp.interfaces import MessageReceiver
from jetjstp.links.addresses import hostOf, localAddress
from jetjstp.links.fragments import LEAST, inFragments
from jetjstp.links.notices import RareNotice
from jetjstp.links.origins import OriginRules, UpgradeRequest
from jetjstp.links.quietlog import QuietLog
from jetjstp.links.settings import LinkSettings
from jetjstp.links.shortpath import plainFrame, takeMasked, textFrame
from jetjstp.links.traffic import Traffic
from jetjstp.links.webside import OPEN_TIMEOUT, WebSocketSide, WebSocketSituation, commonOptions

__all__ = ["Authenticate", "Guard", "WebSocketLink", "WebSocketLinkFactory"]

Guard = Callable[[UpgradeRequest], object]
"""Judges an upgrade: L{None}, or the reason to refuse it; or a Deferred or coroutine of that."""

Authenticate = Callable[[UpgradeRequest], object]
"""Says who makes an upgrade: a mapping, or a Deferred or coroutine of one. Anything else refuses it."""


class WebSocketLink(WebSocketSide, WebSocketServerProtocol):  # type: ignore[misc]
    """
    The server's side of a WebSocket. L{WebSocketLinkFactory} makes it.

    @ivar handshakeAuth: What the factory's C{authenticate} said, or L{None} if there is none.
    """

    log = QuietLog(Logger())
    pack: Callable[[bytes], bytes] = staticmethod(textFrame)
    _takeShort = staticmethod(takeMasked)
    _pingFrame = b"\x89\x00"

    def __init__(self, owner: WebSocketLinkFactory) -> None:
        super().__init__(owner.situation)
        self._owner = owner
        self._deciding: Deferred[str | None] | None = None
        self.handshakeAuth: Mapping[str, Any] | None = None
        if owner.pack is not None:
            self.pack = owner.pack

    def _onOpen(self) -> None:
        # Autobahn would keep the handshake for as long as the connection lives: more than a kilobyte of each.
        self.http_headers = {}
        self.http_request_data = b""
        self.http_response_data = ""
        super()._onOpen()

    def _newReceiver(self) -> MessageReceiver:
        return self._owner.receiver()

    def onConnect(self, request: ConnectionRequest) -> str | Deferred[str | None] | None:  # type: ignore[override]
        """
        Decide about an upgrade.

        @return: The subprotocol.
        """
        upgrade = self._upgradeRequest(request)
        subprotocol = self._owner.select(upgrade.protocols)
        if subprotocol is None and self._owner.requireProtocol:
            names = ", ".join(self._owner.protocols)
            raise ConnectionDeny(HTTPStatus.FORBIDDEN.value, f"the subprotocol is not offered: {names}")
        try:
            verdict = self._owner.guard(upgrade)
        except Exception:
            self._log.failure("the guard failed, {address} is refused", address=self.address)
            verdict = "the guard failed"
        decision: str | Deferred[str | None] | None
        if isinstance(verdict, Deferred | Coroutine):
            judging: Deferred[Any] = ensureDeferred(verdict)
            judging.addErrback(self._guardFailed)
            decision = judging.addCallback(self._judged, upgrade, subprotocol)
        else:
            decision = self._judged(verdict, upgrade, subprotocol)
        if isinstance(decision, Deferred):
            self._deciding = decision
        return decision

    def _guardFailed(self, failure: Failure) -> str:
        if self.state == self.STATE_CONNECTING:
            self._log.failure("the guard failed, {address} is refused", failure=failure, address=self.address)
        return "the guard failed"

    def _judged(
        self, verdict: object, upgrade: UpgradeRequest, subprotocol: str | None
    ) -> str | Deferred[str | None] | None:
        """The guard has spoken."""
        if verdict is not None:
            raise ConnectionDeny(HTTPStatus.FORBIDDEN.value, str(verdict))
        if self._owner.authenticate is None:
            return subprotocol
        return _askedFor(self._owner.authenticate, upgrade).addCallbacks(
            self._authenticated, self._authenticationFailed, callbackArgs=(subprotocol,)
        )

    def _upgradeRequest(self, request: ConnectionRequest) -> UpgradeRequest:
        headers = cast(dict[str, str], request.headers)
        return UpgradeRequest(
            headers=headers,
            path=request.path,
            origin=request.origin or None,
            host=headers.get("host"),
            address=self.address,
            secure=ISSLTransport.providedBy(self.transport),
            local=localAddress(self.transport),
            protocols=tuple(request.protocols),
            query=self.http_request_uri.partition("?")[2],
        )

    def _authenticated(self, result: object, subprotocol: str | None) -> str | None:
        if not isinstance(result, Mapping):
            raise ConnectionDeny(HTTPStatus.UNAUTHORIZED.value, "not authenticated")
        self.handshakeAuth = result
        return subprotocol

    def _authenticationFailed(self, failure: Failure) -> str | None:
        if self.state == self.STATE_CONNECTING:
            self._log.failure("authentication failed, {address} is refused", failure=failure, address=self.address)
        raise ConnectionDeny(HTTPStatus.UNAUTHORIZED.value, "not authenticated")

    def succeedHandshake(self, res: str | None) -> None:
        """Accept the upgrade, unless the connection is gone or was given up while that was decided."""
        if self.state == self.STATE_CONNECTING:
            super().succeedHandshake(res)

    def failHandshake(
        self, reason: str, code: int = HTTPStatus.BAD_REQUEST, responseHeaders: Sequence[tuple[str, str]] | None = None
    ) -> None:
        """Refuse the upgrade; likewise."""
        if self.state == self.STATE_CONNECTING:
            if code == HTTPStatus.UPGRADE_REQUIRED:
                # A plain request, which is Autobahn's only use of it.
                code = self._owner.plainStatus
            elif responseHeaders:
                # The versions that we know: what RFC 6455, 4.4 answers with this code, and Autobahn with another.
                code = HTTPStatus.UPGRADE_REQUIRED
            self._isDenied = denied = code in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED)
            reason = "".join(c if c.isprintable() else "?" for c in reason)
            notice = self._owner.denials if denied else self._situation.failures
            notice.tell("refused", address=self.address, code=int(code), reason=reason)
            self.sendHttpErrorResponse(code, reason, responseHeaders)
            self.dropConnection(abort=False)

    def sendHttpErrorResponse(
        self, code: int, reason: str, responseHeaders: Sequence[tuple[str, str]] | None = None
    ) -> None:
        """Answer with an error that any HTTP client understands. Autobahn puts the reason in the status line."""
        body = (reason + "\n").encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
            *(responseHeaders or ()),
        ]
        if code == HTTPStatus.UPGRADE_REQUIRED:
            headers.append(("Upgrade", "websocket"))
        lines = [f"HTTP/1.1 {int(code)} {HTTPStatus(code).phrase}", *(f"{name}: {value}" for name, value in headers)]
        self.sendData("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The stream is gone, and so is the link."""
        super().connectionLost(reason)
        deciding, self._deciding = self._deciding, None
        if deciding is not None:
            deciding.cancel()


def _askedFor(authenticate: Authenticate, request: UpgradeRequest) -> Deferred[Any]:
    def ask() -> object:
        result = authenticate(request)
        return ensureDeferred(result) if isinstance(result, Coroutine) else result

    return maybeDeferred(ask)


class WebSocketLinkFactory(WebSocketServerFactory):
    """
    Makes a L{WebSocketLink} for each connection to a listener, or that a L{jetjstp.links.website.WebSocketResource}
    passes on.
    """

    noisy = False
    _log = Logger()
    log = QuietLog(_log)

    def __init__(
        self,
        receiver: Callable[[], MessageReceiver],
        *,
        protocols: Sequence[str] = ("jet",),
        requireProtocol: bool = False,
        plainStatus: int = HTTPStatus.UPGRADE_REQUIRED,
        maxMessage: int,
        fragmentSize: int | None = None,
        pingInterval: float = 5.0,
        pingPatience: float | None = None,
        guard: Guard | None = None,
        authenticate: Authenticate | None = None,
        settings: LinkSettings | None = None,
        reactor: IReactorTime | None = None,
    ) -> None:
        """
        @param receiver: Makes the receiver of one connection, when its handshake is done.
        @param protocols: Subprotocols, the best one first. The first that the client offers is selected; if it offers
            none of them, none is.
        @param requireProtocol: Refuse with 403 who offers none of them. They are then compared without regard to case,
            and selected as the client has written them.
        @param plainStatus: What to answer to a request that is no upgrade.
        @param maxMessage: Bytes that a message may have, at most; a longer one closes the connection with 1009.
        @param fragmentSize: Bytes of a message that we send in one frame, at most; L{None} for any number.
        @param pingInterval: Seconds between pings; 0 for none. A peer that leaves them unanswered for three intervals,
            but not less than 15 seconds, is dropped.
        @param pingPatience: Seconds. With it, only those peers are pinged of whom nothing came for C{pingInterval}, and
            they are dropped when still nothing comes for that time.
        @param guard: Judges upgrades. L{None} lets web pages in only from our own host, as L{OriginRules} does. If it
            fails, that is logged, and a refusal.
        @param authenticate: Says who makes an upgrade; see L{WebSocketLink.handshakeAuth}. L{None} lets everybody in.
        @param reactor: For timeouts; the global reactor if it is L{None}.
        @raise ValueError: A value is out of range; the message names it.
        """
        checkNumber("maxMessage", maxMessage, 1, 2**31)
        self.pack: Callable[[bytes], bytes] | None = None
        if fragmentSize is not None:
            checkNumber("fragmentSize", fragmentSize, LEAST, 2**31)
            self.pack = inFragments(textFrame, plainFrame, fragmentSize)
        settings = settings or LinkSettings()
        super().__init__(protocols=list(protocols), server="", reactor=reactor)
        # All that we rely on, whatever Autobahn's defaults are or become.
        self.setProtocolOptions(
            **commonOptions(maxMessage),
            versions=[8, 13],
            webStatus=False,
            requireMaskedClientFrames=True,
            maskServerFrames=False,
            openHandshakeTimeout=OPEN_TIMEOUT,
            # Compressed frames could not be shared.
            perMessageCompressionAccept=_acceptNoCompression,
            serveFlashSocketPolicy=False,
            # The guard judges origins.
            allowedOrigins=["*"],
            allowNullOrigin=True,
            maxConnections=0,
            trustXForwardedFor=0,
        )
        if not USES_NVX:
            self._log.warn("Autobahn runs without NVX, its accelerator: long WebSocket messages are fifty times slower")
        self.receiver = receiver
        self.requireProtocol = requireProtocol
        self.plainStatus = plainStatus
        self.guard: Guard = guard or OriginRules().check
        self.authenticate = authenticate
        options = {name: getattr(self, name) for name in WebSocketServerProtocol.CONFIG_ATTRS}
        self.situation = WebSocketSituation(self._log, self.reactor, settings, options, pingInterval, pingPatience)
        self.denials = RareNotice(self._log, self.reactor)
        self._refusal = RareNotice(self._log, self.reactor)

    def select(self, offered: Sequence[str]) -> str | None:
        """The subprotocol for a client that offers these, in its spelling, or L{None}."""
        names = {name.lower() if self.requireProtocol else name: name for name in reversed(offered)}
        keys = (name.lower() if self.requireProtocol else name for name in self.protocols)
        return next((names[key] for key in keys if key in names), None)

    @property
    def links(self) -> set[WebSocketSide]:
        """Those that are connected now, before, during or after their handshakes."""
        return self.situation.links

    @property
    def traffic(self) -> Traffic:
        """Counts what goes over them."""
        return self.situation.traffic

    @property
    def closeCode(self) -> int:
        """The code with which links close: 1000. Set it to 1001 when the whole server goes away."""
        return self.situation.closeCode

    @closeCode.setter
    def closeCode(self, code: int) -> None:
        self.situation.closeCode = code

    def isFull(self) -> bool:
        """Whether there are as many connections as the settings allow."""
        return len(self.links) >= self.situation.settings.maxConnections

    def buildProtocol(self, addr: IAddress | None) -> WebSocketLink | None:
        """Make the link of a new connection, or refuse it: then L{None}."""
        if self.isFull():
            self.situation.traffic.refused[Refusal.FULL] += 1
            limit = self.situation.settings.maxConnections
            self._refusal.tell("refused", address=hostOf(addr), reason=f"{limit} are open (maxConnections)")
            return None
        link = WebSocketLink(self)
        link.factory = self
        return link


def _acceptNoCompression(offers: object) -> None:
    """Answer every offer of a compression with no."""
