"""
The figures of a server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jetjstp.figure import Figure
from jetjstp.jstp.errors import ERR_APP_NOT_FOUND, ERR_AUTH_FAILED
from jetjstp.jstp.keeping import Keeping
from jetjstp.jstp.waiting import WaitingRoom
from jetjstp.links.traffic import Traffic, trafficFigures

__all__ = ["Handshakes", "jstpFigures"]

OTHER = "other"
"""For the codes of applications: there may be any number of them."""


class Handshakes:
    """
    How handshakes went.

    @ivar begun: How many got a new session.
    @ivar restored: How many got the session that they asked for.
    @ivar refused: How many were answered with an error, by its code.
    """

    __slots__ = ("begun", "refused", "restored")

    def __init__(self) -> None:
        self.begun = 0
        self.restored = 0
        self.refused = {str(ERR_APP_NOT_FOUND): 0, str(ERR_AUTH_FAILED): 0, OTHER: 0}

    def noteRefusal(self, code: object) -> None:
        """One was answered with an error."""
        text = str(code)
        self.refused[text if text in self.refused else OTHER] += 1


def jstpFigures(
    connections: Mapping[str, int],
    traffic: Mapping[str, Traffic],
    handshakes: Handshakes,
    waiting: WaitingRoom,
    keeping: Keeping,
) -> Iterator[Figure]:
    """
    Read all figures.

    @param connections: How many there are, by the kind of their links; C{traffic} alike.
    """
    for kind, count in connections.items():
        yield Figure("jstp_connections", "Connections that there are.", "gauge", count, (("link", kind),))
    yield from trafficFigures("jstp", traffic)
    yield Figure("jstp_waiting_handshakes", "Connections whose handshake is not over.", "gauge", len(waiting))
    for code, count in handshakes.refused.items():
        help = "Handshakes that were answered with an error, by its code."
        yield Figure("jstp_handshakes_refused", help, "counter", count, (("code", code),))
    for reason, count in (("timeout", waiting.expired), ("limit", waiting.crowdedOut)):
        help = "Connections that were ended before their handshake was over."
        yield Figure("jstp_handshakes_given_up", help, "counter", count, (("reason", reason),))
    away = keeping.away
    for state, count in (("connected", keeping.atHand - away), ("away", away)):
        help = "Sessions at hand, with a connection or waiting for their client to come back."
        yield Figure("jstp_sessions", help, "gauge", count, (("state", state),))
    yield Figure("jstp_sessions_begun", "New sessions.", "counter", handshakes.begun)
    yield Figure("jstp_sessions_restored", "Sessions whose client came back.", "counter", handshakes.restored)
    yield Figure("jstp_sessions_dropped", "Sessions for which too much was waiting.", "counter", keeping.dropped)
    calls, buffered = keeping.measure()
    yield Figure("jstp_running_calls", "Calls of clients that are being answered.", "gauge", calls)
    yield Figure("jstp_away_bytes", "Bytes that wait for clients which are away.", "gauge", buffered)
    help = "Failures of the session storage, or to reach it."
    yield Figure("jstp_storage_failures", help, "counter", keeping.failures)
