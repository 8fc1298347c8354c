"""
Notices peers that died while data was under way to them.

Keep-alive does not run then, and the system's own timeout is a quarter of an
hour. Shortening that one (TCP_USER_TIMEOUT) would also end connections whose
peer is alive and only does not read, which is for the protocol above to judge.
So we look ourselves, at what the system knows about acknowledgements. Linux
only: elsewhere nothing is watched, and the system's timeout holds.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from struct import Struct
from typing import NamedTuple, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.tcp import Connection
from twisted.logger import Logger

from jetjstp.causes import Cause

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

__all__ = ["Acknowledgements", "DeathWatch", "Watchable", "acknowledgements"]

LOOK_INTERVAL = 3.0
"""Seconds between two looks at a connection: a fifth of the usual patience, so that it is exceeded by little."""

SLICE = 500
"""Connections looked at in one turn of the reactor: about a millisecond."""

CONFIRMATION = 2 * LOOK_INTERVAL
"""
Seconds during which data was seen unacknowledged, at least. When something is sent after a long silence the last sign
of life is old, though the peer had no time to answer yet; this leaves it several retransmissions.
"""


class Acknowledgements(NamedTuple):
    """What the system knows about data on its way."""

    outstanding: int
    """Bytes that are not acknowledged, sent or not."""
    unacknowledged: int
    """Packets that are sent and not acknowledged."""
    probes: int
    """Questions to a peer that takes nothing, whether it does now, which stayed without an answer."""
    silentFor: float
    """Seconds since anything came from the peer."""


# The beginning of Linux's struct tcp_info: the unanswered probes (u8 at 3), packets unacknowledged (u32 at 24),
# milliseconds since data (u32 at 52) and since an acknowledgement came (u32 at 56).
_tcpInfo = Struct("=3xB20xI24xII")
_outstanding = Struct("i")


def acknowledgements(connection: Connection) -> Acknowledgements | None:
    """
    Ask the system.

    @return: L{None} if everything that was written has been acknowledged, or the connection is gone.
    """
    handle: socket.socket | None = getattr(connection, "socket", None)
    if handle is None or handle.fileno() < 0:
        return None
    (outstanding,) = _outstanding.unpack(ioctl(handle.fileno(), TIOCOUTQ, bytes(_outstanding.size)))
    if not outstanding:
        # What the transport still holds goes to the system as soon as the reactor gets round to it.
        return Acknowledgements(0, 0, 0, 0.0) if connection.dataBuffer or connection._tempDataBuffer else None
    probes, unacknowledged, lastData, lastAcknowledgement = _tcpInfo.unpack(
        handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _tcpInfo.size)
    )
    # Data counts as well: the system does not note an acknowledgement that comes with data and says nothing new.
    return Acknowledgements(outstanding, unacknowledged, probes, min(lastData, lastAcknowledgement) / 1000)


class Watchable(Protocol):
    """A link, as seen from here."""

    address: str
    watched: bool

    def abortBecause(self, reason: str, cause: Cause) -> None:
        """End the connection at once."""


class DeathWatch:
    """
    Looks at connections that have something under way, and at no others.

    A link puts itself in with L{watch} when it writes; it is taken out when all it wrote is acknowledged. There is a
    timer only while somebody is watched.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        deadAfter: float,
        look: Callable[[Connection], Acknowledgements | None] = acknowledgements,
    ) -> None:
        self._clock = clock
        self._deadAfter = deadAfter
        self._look = look
        # Since when there was something unacknowledged at each look.
        self._links: dict[Watchable, tuple[Connection, float | None]] = {}
        self._call: IDelayedCall | None = None

    @staticmethod
    def isPossible() -> bool:
        """Whether this system tells what we need."""
        return sys.platform == "linux"

    def watch(self, link: Watchable, connection: Connection) -> None:
        """Begin to look at a link that has written something. Sets C{link.watched}, and clears it at the end."""
        link.watched = True
        self._links[link] = (connection, None)
        if self._call is None:
            self._call = self._clock.callLater(LOOK_INTERVAL, self._lookAtAll)

    def forget(self, link: Watchable) -> None:
        """The link is gone."""
        self._links.pop(link, None)
        if not self._links and self._call is not None:
            self._call.cancel()
            self._call = None

    def _lookAtAll(self) -> None:
        self._lookAtSome(list(self._links))

    def _lookAtSome(self, links: list[Watchable]) -> None:
        now = self._clock.seconds()
        self._call = self._clock.callLater(0, self._lookAtSome, links[SLICE:]) if len(links) > SLICE else None
        for link in links[:SLICE]:
            self._lookAt(link, now)
        if self._call is None and self._links:
            self._call = self._clock.callLater(LOOK_INTERVAL, self._lookAtAll)

    def _lookAt(self, link: Watchable, now: float) -> None:
        entry = self._links.get(link)
        if entry is None:
            return
        connection, since = entry
        state = self._look(connection)
        if state is None:
            del self._links[link]
            link.watched = False
        # One unanswered probe says little: it may be just on its way, or one was lost and the next is a minute off.
        elif not state.unacknowledged and state.probes < 2:
            self._links[link] = (connection, None)
        elif since is None:
            self._links[link] = (connection, now)
        elif now - since >= CONFIRMATION and state.silentFor >= self._deadAfter:
            del self._links[link]
            self._log.warn(
                "{address} is gone: {outstanding} bytes unacknowledged, nothing heard for {silentFor:.0f} s",
                address=link.address,
                outstanding=state.outstanding,
                silentFor=state.silentFor,
            )
            link.abortBecause("the peer does not acknowledge what it is sent", Cause.SILENT)
