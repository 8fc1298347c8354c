"""
The figures of a daemon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from operator import attrgetter

from jetjstp.causes import Cause
from jetjstp.figure import Figure
from jetjstp.jet.bus import Bus
from jetjstp.jet.clients import Client
from jetjstp.links.traffic import Traffic, trafficFigures

__all__ = ["OTHER", "jetFigures"]

_kindOf = attrgetter("kind")
_inboxOf = attrgetter("inbox")  # loops in C: there may be very many clients

OTHER = "other"
"""For peers whose links we do not count: what these carry is counted where it comes in."""


def jetFigures(bus: Bus, clients: Collection[Client], traffic: Mapping[str, Traffic]) -> Iterator[Figure]:
    """
    Read all figures.

    @param clients: Those that are connected. Each is looked at.
    @param traffic: By kind of link.
    """
    kinds = Counter(map(_kindOf, clients))
    unread = sum(map(len, map(_inboxOf, clients)))
    behind = [client.backlog.size for client in clients if client.behind]
    for kind in (*traffic, OTHER):
        count = kinds.pop(kind, 0) if kind in traffic else kinds.total()
        yield Figure("jet_peers", "Peers that are connected.", "gauge", count, (("link", kind),))
    yield from trafficFigures("jet", traffic)
    for cause in Cause:
        dropped = bus.dropped[cause] + sum(each.dropped[cause] for each in traffic.values())
        yield Figure("jet_peers_dropped", "Peers that we disconnected.", "counter", dropped, (("cause", cause.value),))
    yield Figure("jet_slow_peers", "Peers that do not read as fast as they are sent.", "gauge", len(behind))
    yield Figure("jet_backlog_bytes", "Bytes that wait for slow peers.", "gauge", sum(behind))
    yield Figure("jet_waiting_messages", "Messages that came in and wait for their turn.", "gauge", unread)
    yield from _elements(bus)
    yield Figure("jet_fetches", "Standing fetches.", "gauge", len(bus.elements.index))
    yield from _requests(bus)
    for login, count in bus.admission.logins.items():
        help = "Logins with the service authenticate, by how they went."
        yield Figure("jet_logins", help, "counter", count, (("outcome", login.value),))


def _elements(bus: Bus) -> Iterator[Figure]:
    own = sum(len(owner.elements) for owner in bus.owners)
    methods = bus.elements.methods
    for kind, count in (("state", len(bus.elements) - own - methods), ("method", methods)):
        yield Figure("jet_elements", "States and methods of peers.", "gauge", count, (("kind", kind),))


def _requests(bus: Bus) -> Iterator[Figure]:
    routes = bus.routes
    yield Figure("jet_pending_requests", "Sets and calls that wait for their owner's answer.", "gauge", routes.pending)
    outcomes = {
        "answered": routes.answered,
        "error": routes.failed,
        "timeout": routes.timedOut,
        "owner_lost": routes.ownerless,
        "requester_lost": routes.abandoned,
        "no_answer": routes.unanswerable,
        "refused": routes.refused,
    }
    for outcome, count in outcomes.items():
        help = "Sets and calls, by what became of them."
        yield Figure("jet_requests", help, "counter", count, (("outcome", outcome),))
