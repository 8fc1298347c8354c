"""
One connection to another node, from the wish to the link.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.python.failure import Failure

from jetjstp.interfaces import MessageLink
from jetjstp.links.dialing import DialingStreamFactory, reasonOf
from jetjstp.smokesignal.network import Network

__all__ = ["Attempt"]


class Attempt:
    """
    A connection that is being made. How long that may take is for the core to say.

    @ivar isOver: It is made, has failed or was given up. What opens afterwards is to be ended.
    """

    def __init__(self, failed: Callable[[str], None]) -> None:
        """
        @param failed: Called with the reason, unless the link opens or L{cancel} is called.
        """
        self.isOver = False
        self._failed = failed
        self._connecting: Deferred[IProtocol] | None = None
        self._factory: DialingStreamFactory | None = None

    def begin(
        self, network: Network, factory: DialingStreamFactory, address: str, port: int, source: str | None
    ) -> None:
        """Dial. The factory is to tell L{opened} or L{failed}."""
        self._factory = factory
        self._connecting = network.connect(factory, address, port, source)
        self._connecting.addCallbacks(self._connected, self._notConnected)

    def opened(self, link: MessageLink) -> bool:
        """There is a link. Whether it is still wanted; else it is ended."""
        if self._end():
            return True
        link.abort()
        return False

    def failed(self, reason: str) -> None:
        """There was a connection, and it came to nothing."""
        if self._end():
            self._failed(reason)

    def cancel(self) -> None:
        """Nobody wants it any more."""
        if self._end():
            self._giveUp()

    def _connected(self, protocol: IProtocol) -> None:
        self._connecting = None

    def _notConnected(self, failure: Failure) -> None:
        self._connecting = None
        self.failed(reasonOf(failure))

    def _end(self) -> bool:
        """Whether this was what has ended the attempt."""
        if self.isOver:
            return False
        self.isOver = True
        return True

    def _giveUp(self) -> None:
        links = [] if self._factory is None else list(self._factory.links)
        for link in links:
            link.abort()
        # Once there is a link, the network has done its part, even if its Deferred is only about to fire.
        if not links and self._connecting is not None:
            self._connecting.cancel()
