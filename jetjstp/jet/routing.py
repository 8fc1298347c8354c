"""
Requests that owners answer: set and call on their way there and back (protocol
page, section 7).
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

from msgspec import UNSET

from jetjstp.jet.errors import LimitExceeded, ownerGone, responseTimeout
from jetjstp.jet.jsontext import membersOf, quote, valueOf
from jetjstp.jet.limits import Limits
from jetjstp.jet.requests import Response, idOf, paramsOf
from jetjstp.jet.slices import STEP, STRIDE, Job

if TYPE_CHECKING:
    from jetjstp.jet.clients import Client
    from jetjstp.jet.dialects import Dialect

__all__ = ["DEFAULT_TIMEOUT", "Route", "Routes"]

DEFAULT_TIMEOUT = 5.0
"""Seconds that an owner has for an answer, if neither the request nor the element says."""

STALE = 1024
"""Answered requests that may stay in the queue of deadlines before it is tidied."""


PORTION = 256 * 1024
"""Bytes of expired requests, which have to be read for their answers, after which others have their turn."""


class Route:
    """
    A request that an owner has not answered yet.

    @ivar requester: Who waits.
    @ivar id: The id of the requester's request, as it wrote it.
    @ivar owner: Who is to answer, and the only one who may.
    @ivar routedId: The id that the owner knows, as JSON text.
    @ivar request: The message as it came, for the error of a timeout; empty when done.
    @ivar deadline: When it expires.
    @ivar done: Whether it is answered, expired or of no interest any more.
    """

    __slots__ = ("deadline", "done", "id", "owner", "request", "requester", "routedId")

    def __init__(
        self, requester: Client, id: bytes, owner: Client, routedId: bytes, request: bytes, deadline: float
    ) -> None:
        self.requester = requester
        self.id = id
        self.owner = owner
        self.routedId = routedId
        self.request = request
        self.deadline = deadline
        self.done = False


class Routes:
    """
    All requests on their way.

    An answer is looked up among the requests of the connection that it came over: nobody can answer for an owner.

    @ivar answered: How many were answered with a result; C{failed} with an error of the owner.
    @ivar timedOut: How many were not answered in time.
    @ivar ownerless: How many lost their owner before it answered; C{abandoned} their requester.
    @ivar unanswerable: How many wanted no answer, and were only passed on.
    @ivar refused: How many were not passed on: the daemon answered with an error.
    @ivar pending: How many wait for an answer now.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._serial = 0
        # Nearly all requests have the default timeout, and expire in the order in which they came: no heap for those.
        self._usual: deque[Route] = deque()
        self._others: list[tuple[float, int, Route]] = []
        self._stale = 0
        self.answered = self.failed = self.timedOut = self.ownerless = self.abandoned = 0
        self.unanswerable = self.refused = 0
        self.pending = 0

    def open(
        self, requester: Client, id: bytes, owner: Client, request: bytes, now: float, timeout: float | None
    ) -> bytes:
        """
        Note a request; returns the id for the owner.

        @param timeout: Seconds until it expires; L{None} for the default.
        @raise LimitExceeded: The requester has too much pending.
        """
        if len(requester.pending) >= self._limits.pendingPerPeer:
            raise LimitExceeded("pendingPerPeer", self._limits.pendingPerPeer)
        if requester.pendingBytes + len(request) > self._limits.pendingBytes:
            raise LimitExceeded("pendingBytes", self._limits.pendingBytes)
        self._serial += 1
        routedId = b'"r%d"' % self._serial
        deadline = now + (timeout or DEFAULT_TIMEOUT)
        route = Route(requester, id, owner, routedId, request, deadline)
        requester.pending.add(route)
        requester.pendingBytes += len(request)
        owner.routes[routedId] = route
        self.pending += 1
        if timeout is None:
            self._usual.append(route)
        else:
            heapq.heappush(self._others, (deadline, self._serial, route))
        return routedId

    def answer(self, owner: Client, message: bytes, response: Response) -> None:
        """Pass an owner's answer on, only its id replaced; an answer to nothing is dropped."""
        id = idOf(response.id)
        route = None if id is None else owner.routes.get(id)
        if route is None:
            # A peer may spell the id that it was given in another way, with escapes.
            route = self._respelled(owner, message)
            if route is None:
                return
            id = None
        requester = route.requester
        if owner.dialect is requester.dialect:
            answer = _readdress(message, id, route.id)
        else:
            answer = _translated(message, owner.dialect, route)
        self._close(route)
        if response.error is UNSET or bytes(response.error) == b"null":
            self.answered += 1
        else:
            self.failed += 1
        requester.send(answer)

    def _respelled(self, owner: Client, message: bytes) -> Route | None:
        if not owner.routes:
            return None
        members = membersOf(message) or {}
        id = members.get("id", b"")
        if not id.startswith(b'"') or b"\\" not in id:
            return None
        return owner.routes.get(quote(valueOf(id)))

    def _close(self, route: Route) -> None:
        route.done = True
        self.pending -= 1
        del route.owner.routes[route.routedId]
        route.requester.pending.discard(route)
        route.requester.pendingBytes -= len(route.request)
        route.request = b""  # the route itself may stay in a queue until its deadline has come
        if self._others:
            self._tidy()

    def _tidy(self) -> None:
        """Those that are answered before their time leave the heap together."""
        self._stale += 1  # some of those that count here were in the other queue: then this comes a little early
        if self._stale > STALE and self._stale * 2 > len(self._others):
            self._others = [entry for entry in self._others if not entry[2].done]
            heapq.heapify(self._others)
            self._stale = 0

    def _next(self) -> Route | None:
        usual, others = self._usual, self._others
        while usual and usual[0].done:
            usual.popleft()
        while others and others[0][2].done:
            heapq.heappop(others)
        if not others:
            return usual[0] if usual else None
        if not usual or others[0][0] < usual[0].deadline:
            return others[0][2]
        return usual[0]

    def deadline(self) -> float | None:
        """When the next request expires."""
        route = self._next()
        return None if route is None else route.deadline

    def expire(self, now: float) -> None:
        """
        Answer what has waited for too long. If that is much it is only some of it, so that others are served in
        between: L{deadline} is in the past still.
        """
        size = 0
        for _ in range(STRIDE):
            route = self._next()
            if route is None or route.deadline > now or size > PORTION:
                return
            size += len(route.request)
            error = responseTimeout(paramsOf(route.request))
            self._close(route)
            self.timedOut += 1
            route.requester.send(route.requester.dialect.error(route.id, error))

    def lost(self, client: Client) -> None:
        """Drop what a lost client waits for."""
        for route in list(client.pending):
            self._close(route)
            self.abandoned += 1

    def orphaned(self, owner: Client) -> Job:
        """Answer what a lost client leaves open as an owner, in the order in which it was asked."""
        for count, route in enumerate(list(owner.routes.values()), 1):
            if not route.done:
                self._close(route)
                self.ownerless += 1
                requester = route.requester
                requester.send(requester.dialect.error(route.id, ownerGone()))
            if count % STRIDE == 0:
                yield STEP


def _translated(message: bytes, dialect: Dialect, route: Route) -> bytes:
    """The answer of an owner that speaks a dialect for a requester that speaks another one."""
    members = membersOf(message) or {}
    requester = route.requester.dialect
    if members.get("error", b"null") != b"null" or "result" not in members:
        return requester.error(route.id, dialect.ownerError(members["error"]))
    return requester.result(route.id, dialect.ownerResult(route.request, members["result"]))


def _readdress(message: bytes, old: bytes | None, new: bytes) -> bytes:
    """Replace the id of a response and nothing else."""
    if old is not None and message.count(old) == 1:  # then it is the id, and not something inside of the result
        return message.replace(old, new)
    members = membersOf(message) or {}
    members["id"] = new
    return b"{" + b",".join(quote(name) + b":" + value for name, value in members.items()) + b"}"
