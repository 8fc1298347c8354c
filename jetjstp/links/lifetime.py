"""
The beginning and the end of a link, as its receiver sees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.logger import Logger

from jetjstp.causes import Cause, Refusal
from jetjstp.interfaces import MessageLink, MessageReceiver
from jetjstp.links.certificates import peerCertificate
from jetjstp.links.traffic import Traffic

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["Lifetime"]


class _Nobody:
    """The receiver of a link that is not open yet, or not any more."""

    def linkOpened(self, link: MessageLink) -> None:
        """See L{MessageReceiver}."""

    def messagesReceived(self, messages: list[bytes]) -> None:
        """See L{MessageReceiver}."""

    def linkBlocked(self) -> None:
        """See L{MessageReceiver}."""

    def linkDrained(self) -> None:
        """See L{MessageReceiver}."""

    def linkLost(self, reason: str) -> None:
        """See L{MessageReceiver}."""


_nobody = _Nobody()


class Lifetime:
    """
    Tells the receiver that the link is open and, once, that it is lost.

    A part of link classes.

    @ivar isLive: Between C{linkOpened} and the end that either side has decided on: messages go through.
    """

    _log = Logger()

    transport: Any
    _traffic: Traffic
    address: str = "unknown"
    isLive = False

    # Messages may be delivered right now: the link is live, not paused, and not in the middle of a delivery.
    _flowing = False

    _receiver: MessageReceiver = _nobody
    _endReason: str | None = None
    _isDenied = False
    _isGone = False

    @property
    def peerCertificate(self) -> Certificate | None:
        """The certificate that the other side has presented, and TLS has verified; L{None} if there is none."""
        return peerCertificate(self.transport)

    def _open(self, receiver: MessageReceiver) -> None:
        """Messages can go through from now on."""
        self._receiver = receiver
        self._traffic.opened += 1
        self.isLive = True
        self._flowing = True
        try:
            receiver.linkOpened(cast(MessageLink, self))
        except Exception:
            self._receiverFailed()

    def _lost(self, reason: str) -> None:
        """
        The transport is gone.

        @param reason: What the transport says; a reason that we had ourselves goes first.
        """
        self._end()
        self._isGone = True
        if self._receiver is _nobody:
            self._traffic.refused[Refusal.DENIED if self._isDenied else Refusal.HANDSHAKE] += 1
        receiver, self._receiver = self._receiver, _nobody
        try:
            receiver.linkLost(self._endReason or reason)
        except Exception:
            self._log.failure("the receiver of {address} failed when its link was lost", address=self.address)

    @property
    def ownReason(self) -> str | None:
        """Why we have ended the connection; L{None} if it was not us, or without a reason."""
        return self._endReason

    def _end(self) -> None:
        """No message goes through any more, in either direction."""
        self.isLive = False
        self._flowing = False

    def abort(self) -> None:
        """End the connection at once."""
        self._end()
        if not self._isGone:
            self.transport.abortConnection()

    def abortBecause(self, reason: str, cause: Cause) -> None:
        """End the connection at once; C{linkLost} tells the reason, and the cause is counted."""
        self._endFor(reason, cause)
        self.abort()

    def _endFor(self, reason: str, cause: Cause) -> None:
        """The connection is about to be ended; the first reason is the one that holds."""
        if self._endReason is None:
            self._endReason = reason
            if self._receiver is not _nobody:
                self._traffic.dropped[cause] += 1

    def _receiverFailed(self) -> None:
        """Log the current exception, which the receiver raised, and end the connection: no peer is served by half."""
        self._log.failure("the receiver of {address} failed, the connection is aborted", address=self.address)
        self.abortBecause("the receiver failed", Cause.FAULT)
