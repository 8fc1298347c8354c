"""
Links of a client: like those of a server, but somebody waits for them to open.
"""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from jetjstp.framing import Framing
from jetjstp.interfaces import MessageReceiver
from jetjstp.links.lifetime import Lifetime
from jetjstp.links.settings import LinkSettings
from jetjstp.links.stream import StreamFactory, StreamLink

__all__ = ["Dialed", "DialingStreamFactory", "Failed", "reasonOf"]

Failed = Callable[[str], None]
"""Called with the reason when a connection ends before its link has opened; then its receiver hears nothing."""


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

    def _open(self, receiver: MessageReceiver) -> None:
        self._hasOpened = True
        super()._open(receiver)

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

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._hasOpened:
            self._endReason = self._endReason or reasonOf(reason)
        super().connectionLost(reason)

    def _dialFailed(self, reason: str) -> None:
        self._failed(reason)


class DialingStreamFactory(StreamFactory):
    """Makes the link of one connection to a server."""

    def __init__(
        self,
        framing: Callable[[], Framing],
        receiver: Callable[[], MessageReceiver],
        failed: Failed,
        settings: LinkSettings | None = None,
        reactor: IReactorTime | None = None,
    ) -> None:
        super().__init__(framing, receiver, settings, reactor)
        self.failed = failed

    def buildProtocol(self, addr: IAddress | None) -> StreamLink | None:
        link = DialedStreamLink(self, self._framing(), self._receiver())
        link.factory = self
        return link
