"""
Links of a client: like those of a server, but somebody waits for them to open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from OpenSSL import SSL
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from jetjstp.framing import Framing
from jetjstp.interfaces import MessageLink, MessageReceiver
from jetjstp.links.lifetime import Lifetime
from jetjstp.links.settings import LinkSettings
from jetjstp.links.stream import TLS_TIMEOUT, StreamFactory, StreamLink

__all__ = ["DialFailed", "Dialed", "DialingStreamFactory", "Failed", "Opened", "reasonOf"]

Failed = Callable[[str], None]
"""Called with the reason when a connection ends before its link has opened; then its receiver hears nothing."""

Opened = Callable[[MessageLink], None]
"""Called with a link when its receiver knows that it is open. By then the receiver may have ended it again."""


class DialFailed(ConnectionError):
    """A connection was made, and ended before its link has opened. The message is the reason."""


def reasonOf(failure: Failure) -> str:
    """What went wrong, for people."""
    error = failure.value
    if isinstance(error, SSL.Error):
        # OpenSSL's are lists of triples, of which the last part is meant for people.
        parts = [entry[-1] for entry in (error.args[0] if error.args else ()) if isinstance(entry, tuple) and entry[-1]]
        return "TLS: " + ("; ".join(parts) or "the handshake failed")
    return failure.getErrorMessage()


class Dialed(Lifetime):
    """Tells when the connection has failed before it was of use. A part of link classes."""

    _hasOpened = False
    _opened: Opened | None = None

    def _open(self, receiver: MessageReceiver) -> None:
        self._hasOpened = True
        super()._open(receiver)
        if self._opened is not None:
            self._opened(cast(MessageLink, self))

    def _lost(self, reason: str) -> None:
        super()._lost(reason)
        if not self._hasOpened:
            self._dialFailed(self._endReason or reason)

    def _dialFailed(self, reason: str) -> None:
        raise NotImplementedError


class DialedStreamLink(Dialed, StreamLink):
    """A stream that we asked for."""

    def __init__(self, owner: DialingStreamFactory, framing: Framing, receiver: MessageReceiver) -> None:
        super().__init__(owner, framing, receiver)
        self._failed = owner.failed
        self._opened = owner.opened

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._hasOpened:
            self._endReason = self._endReason or reasonOf(reason)
        super().connectionLost(reason)

    def _dialFailed(self, reason: str) -> None:
        self._failed(reason)


class DialingStreamFactory(StreamFactory):
    """
    Makes the link of one connection to a server.

    @ivar refusal: What is known when the connection has failed, beyond the reason.
    """

    refusal: DialFailed | None = None

    def __init__(
        self,
        framing: Callable[[], Framing],
        receiver: Callable[[], MessageReceiver],
        failed: Failed,
        settings: LinkSettings | None = None,
        reactor: IReactorTime | None = None,
        *,
        opened: Opened | None = None,
        openTimeout: float | None = TLS_TIMEOUT,
    ) -> None:
        """
        @param openTimeout: Seconds for the handshake of TLS; L{None} if who dials looks after the time.
        """
        super().__init__(framing, receiver, settings, reactor)
        self.failed = failed
        self.opened = opened
        self.openTimeout = openTimeout

    def buildProtocol(self, addr: IAddress | None) -> StreamLink | None:
        link = DialedStreamLink(self, self._framing(), self._receiver())
        link.factory = self
        return link
