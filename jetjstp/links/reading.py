"""
The half of a link that hands messages to its receiver.
"""

from __future__ import annotations

from jetjstp.links.lifetime import Lifetime

__all__ = ["ReadingSide"]


class ReadingSide(Lifetime):
    """
    Delivers messages, unless the receiver has asked to wait.

    A part of link classes. Messages that arrive while reading is paused, or from within a delivery, are held; while
    reading is paused no more bytes are taken from the transport, so what is held is no more than one piece of data.
    """

    _paused = False
    _delivering = False
    _transportPaused = False

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []

    def pauseReading(self) -> None:
        """
        Deliver no more messages, and let the other side feel it, until L{resumeReading}.

        When called from C{messagesReceived}, the messages of that call count as delivered.
        """
        if self._paused or not self.isLive:
            return
        self._paused = True
        self._flowing = False
        self._pauseTransport()

    def resumeReading(self) -> None:
        """
        Deliver messages again.

        Those that were held are delivered before this returns; when called from C{messagesReceived}, after that has
        returned.
        """
        if not self._paused:
            return
        self._paused = False
        if not self._delivering:
            self._flow()

    def _deliver(self, messages: list[bytes]) -> None:
        """Deliver now, or hold. The messages must not be empty."""
        if not self._flowing:
            if self.isLive:
                self._held += messages
            return
        self._flowing = False
        self._delivering = True
        while True:
            try:
                self._receiver.messagesReceived(messages)
            except Exception:
                self._receiverFailed()
            if not self._held or self._paused or not self.isLive:
                break
            messages, self._held = self._held, []
        self._delivering = False
        if self.isLive and not self._paused:
            self._flowing = True
            if self._transportPaused:
                self._resumeTransport()

    def _flow(self) -> None:
        """Deliver what is held, then read again; as far as the receiver lets us."""
        self._flowing = self.isLive
        if self._held:
            messages, self._held = self._held, []
            self._deliver(messages)
        elif self._flowing:
            self._resumeTransport()

    def _pauseTransport(self) -> None:
        if not self._transportPaused:
            self._transportPaused = True
            self.transport.pauseProducing()

    def _resumeTransport(self) -> None:
        if self._transportPaused:
            self._transportPaused = False
            self.transport.resumeProducing()
