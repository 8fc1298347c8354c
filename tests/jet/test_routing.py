"""
Tests for L{jetjstp.jet.routing} alone; L{tests.jet.test_calling} has the whole
way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import attrgetter
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet import routing
from jetjstp.jet.clients import Client
from jetjstp.jet.errors import JetError
from jetjstp.jet.limits import Limits
from jetjstp.jet.requests import Response, decode
from jetjstp.jet.routing import PORTION, Routes
from jetjstp.jet.slices import STRIDE, Job
from tests.jet.conversations import deterministic, newClient, taken

FEW = 2

REQUEST = b'{"method":"call","params":{"path":"m"}}'


class RoutesTests(SynchronousTestCase):
    """Tests for L{Routes} alone."""

    def setUp(self) -> None:
        self.routes = Routes(Limits())
        self.requester, self.owner = newClient(), newClient()

    def open(self, timeout: float | None = None, now: float = 0.0, request: bytes = REQUEST) -> bytes:
        return self.routes.open(self.requester, b"1", self.owner, request, now, timeout)

    def answer(self, id: bytes) -> None:
        message = b'{"id":' + id + b',"result":true}'
        response = decode(message)
        assert isinstance(response, Response)
        self.routes.answer(self.owner, message, response)

    def test_deadline(self) -> None:
        """The deadline is that of the earliest request, whichever queue it is in; none without requests."""
        self.assertIsNone(self.routes.deadline())
        for timeout, deadline in ((None, 5.0), (7.0, 5.0), (3.0, 3.0), (4.0, 3.0), (1e9, 3.0)):
            self.open(timeout)
            self.assertEqual(self.routes.deadline(), deadline)
        self.routes.expire(4.0)
        self.assertEqual(self.routes.deadline(), 5.0)
        self.routes.expire(5.0)
        self.assertEqual(self.routes.deadline(), 7.0)
        self.routes.expire(1e9)
        self.assertIsNone(self.routes.deadline())
        self.assertEqual(len(taken(self.requester)), 5)

    def exceeded(self, name: str, limit: int, size: int = len(REQUEST)) -> None:
        """Check that a request is refused, and that nothing is left of it."""
        error = self.assertRaises(JetError, self.open, None, 0.0, b"x" * size)
        data = {"limitExceeded": name, "limit": limit}
        self.assertEqual(json.loads(error.body), {"message": "Invalid params", "code": -32602, "data": data})

    def test_pendingPerPeer(self) -> None:
        """A peer may have as many requests pending as the limit says; each that ends makes room for another."""
        self.routes = Routes(Limits(pendingPerPeer=3))
        ids = [self.open(timeout) for timeout in (None, 2.0, None)]
        self.exceeded("pendingPerPeer", 3)
        self.answer(ids[0])
        self.open()
        self.exceeded("pendingPerPeer", 3)
        self.routes.expire(2.0)
        self.open()
        self.exceeded("pendingPerPeer", 3)
        self.loseOwner()
        self.open()

    def loseOwner(self) -> None:
        """Have the owner leave, and everything done that follows."""
        self.routes.lost(self.owner)
        for _ in self.routes.orphaned(self.owner):
            pass

    def test_manyExpire(self) -> None:
        """Of many requests whose time is over some are answered at a time, those that have waited longest first."""
        count = 3 * STRIDE
        for number in range(count):
            self.routes.open(self.requester, b"%d" % number, self.owner, REQUEST, 0.0, 1.0 if number % 3 else None)
        order = [number for number in range(count) if number % 3] + list(range(0, count, 3))
        answered: list[int] = []
        while self.routes.deadline() is not None:
            self.routes.expire(5.0)
            answers = taken(self.requester)
            self.assertEqual(len(answers), STRIDE)
            self.assertEqual({answer["error"]["code"] for answer in answers}, {-32001})
            answered += [answer["id"] for answer in answers]
        self.assertEqual(answered, order)

    def test_largeExpire(self) -> None:
        """Large requests, which have to be looked at for their answers, are fewer at a time."""
        request = b'{"method":"call","params":{"path":"m","args":["%b"]}}' % (b"x" * PORTION)
        for _ in range(4):
            self.open(request=request)
        for left in (3, 2, 1, 0):
            self.routes.expire(5.0)
            self.assertEqual((len(taken(self.requester)), len(self.requester.pending)), (1, left))

    def test_manyOrphaned(self) -> None:
        """
        The requests to a lost owner are answered some at a time, in order; what ends meanwhile by itself is answered
        by that alone.
        """
        other = newClient()
        for number in range(3 * STRIDE):
            requester = other if number % STRIDE == STRIDE - 1 else self.requester
            timeout = 1.0 if number == 2 * STRIDE else None
            self.routes.open(requester, b"%d" % number, self.owner, REQUEST, 0.0, timeout)
        self.routes.lost(self.owner)
        job = self.routes.orphaned(self.owner)
        next(job)
        self.assertEqual([answer["id"] for answer in taken(self.requester)], list(range(STRIDE - 1)))
        self.routes.expire(1.0)
        (expired,) = taken(self.requester)
        self.assertEqual((expired["id"], expired["error"]["code"]), (2 * STRIDE, -32001))
        self.routes.lost(other)
        for _ in job:
            pass
        rest = [number for number in range(STRIDE, 3 * STRIDE) if number % STRIDE != STRIDE - 1]
        rest.remove(2 * STRIDE)
        answers = taken(self.requester)
        self.assertEqual([answer["id"] for answer in answers], rest)
        self.assertEqual({answer["error"]["code"] for answer in answers}, {-32603})
        self.assertEqual([answer["id"] for answer in taken(other)], [STRIDE - 1])
        self.assertEqual((self.owner.routes, self.routes.deadline()), ({}, None))

    def test_otherPeers(self) -> None:
        """What one peer has pending is nothing to others, nor to itself as an owner."""
        self.routes = Routes(Limits(pendingPerPeer=1))
        self.open()
        self.routes.open(newClient(), b"1", self.owner, REQUEST, 0.0, None)
        self.routes.open(self.owner, b"1", self.requester, REQUEST, 0.0, None)
        self.exceeded("pendingPerPeer", 1)

    def test_pendingBytes(self) -> None:
        """Pending requests may hold as many bytes as the limit says, to the byte."""
        self.routes = Routes(Limits(pendingBytes=100))
        id = self.open(request=b"x" * 60)
        self.exceeded("pendingBytes", 100, 41)
        self.open(request=b"x" * 40)
        self.exceeded("pendingBytes", 100, 1)
        self.answer(id)
        self.exceeded("pendingBytes", 100, 61)
        self.open(request=b"x" * 60)

    def test_lettingGo(self) -> None:
        """A request that is done holds its message no more, though it stays in a queue until its time."""
        self.open(now=-1.0)
        for timeout in (None, 1e9):
            id = self.open(timeout)
            route = self.owner.routes[id]
            self.answer(id)
            self.assertTrue(route.done)
            self.assertEqual(route.request, b"")
        self.assertEqual(len(self.requester.pending), 1)

    def test_tidying(self) -> None:
        """Answered requests with long timeouts do not pile up, and those that wait are kept."""
        with patch.object(routing, "STALE", 8):
            waiting = [self.open(100.0 + number) for number in range(5)]
            for _ in range(1_000):
                self.answer(self.open(1e9))
            self.assertLess(len(self.routes._others), 50)
        taken(self.requester)
        self.assertEqual(self.routes.deadline(), 100.0)
        self.routes.expire(102.0)
        self.assertEqual(len(taken(self.requester)), 3)
        self.assertEqual(list(self.owner.routes), waiting[3:])

    steps = st.lists(
        st.tuples(
            st.sampled_from(["open", "open", "open", "answer", "wait", "expire", "lose", "work"]),
            st.integers(0, 2),
            st.integers(0, 2),
            st.sampled_from([None, None, 0.5, 3.0, 5.0, 8.0, 1e9]),
        ),
        min_size=8,
        max_size=40,
    )

    @given(steps)
    @deterministic
    def test_model(self, steps: list[tuple[str, int, int, float | None]]) -> None:
        """
        Each request ends exactly once: by its answer, at its deadline, or with its owner; or with its requester. Those
        that end together do so in their order, a few at a time.
        """
        with patch.object(routing, "STALE", 2), patch.object(routing, "STRIDE", FEW):
            _Model().run(steps)


class _Pending:
    """A request of the model."""

    def __init__(
        self, number: int, requester: Client, owner: Client, id: bytes, now: float, timeout: float | None
    ) -> None:
        self.number = number
        self.requester = requester
        self.owner = owner
        self.id = id
        self.deadline = now + (timeout or 5.0)
        self.order = (self.deadline, timeout is not None, number)


_Answer = tuple[Client, int, object]
"""Who is answered, the number of the request, the outcome."""


class _Model:
    """Routes, and beside them a plain list of what is pending."""

    def __init__(self) -> None:
        self.routes = Routes(Limits())
        self.clients = [newClient() for _ in range(3)]
        self.lost: list[tuple[Client, Job]] = []
        self.pending: list[_Pending] = []
        self.now = 0.0

    def run(self, steps: list[tuple[str, int, int, float | None]]) -> None:
        """Do the steps, and then all that is left to do, and compare."""
        for number, step in enumerate(steps):
            self.check(list(self.do(number, *step)))
        while self.lost:
            self.check(list(self.work(0)))
        assert {each.owner for each in self.pending} <= set(self.clients)

    def check(self, expected: list[_Answer]) -> None:
        """Compare what was answered, and what is there now."""
        for client in {*self.clients, *(client for client, _, _ in expected)}:
            got = [(each["id"], each.get("result") or each["error"]["code"]) for each in taken(client)]
            assert got == [(number, outcome) for other, number, outcome in expected if other is client], got
        deadline = min((each.deadline for each in self.pending), default=None)
        assert self.routes.deadline() == deadline
        for client in self.clients:
            assert len(client.pending) == sum(each.requester is client for each in self.pending)
            assert client.pendingBytes == sum(each.requester is client for each in self.pending) * len(REQUEST)

    def do(self, number: int, step: str, first: int, second: int, timeout: float | None) -> Iterator[_Answer]:
        """Do one step; yields who is to get which answer to what."""
        requester, owner = self.clients[first], self.clients[second]
        if step == "open":
            id = self.routes.open(requester, b"%d" % number, owner, REQUEST, self.now, timeout)
            self.pending.append(_Pending(number, requester, owner, id, self.now, timeout))
        elif step == "answer":
            answerable = [each for each in self.pending if each.owner in self.clients]
            if answerable:
                request = answerable[(first * 3 + second) % len(answerable)]
                message = b'{"id":' + request.id + b',"result":"yes"}'
                response = decode(message)
                assert isinstance(response, Response)
                self.routes.answer(request.owner, message, response)
                yield self.end(request, "yes")
        elif step == "wait":
            self.now += first + second / 2
        elif step == "expire":
            due = sorted((each for each in self.pending if each.deadline <= self.now), key=attrgetter("order"))
            self.routes.expire(self.now)
            for request in due[:FEW]:
                yield self.end(request, -32001)
        elif step == "lose":
            self.clients[first] = newClient()
            self.routes.lost(requester)
            for request in [each for each in self.pending if each.requester is requester]:
                self.pending.remove(request)
            self.lost.append((requester, self.routes.orphaned(requester)))
            yield from self.work(-1)
        elif step == "work" and self.lost:
            yield from self.work(first % len(self.lost))

    def work(self, at: int) -> Iterator[_Answer]:
        """Do one step of what a lost client leaves to be done: some of it is answered, from the beginning."""
        owner, job = self.lost[at]
        before = len(owner.routes)
        isOver = next(job, "over") == "over"
        orphans = [each for each in self.pending if each.owner is owner]
        assert len(orphans) == before
        if isOver:
            del self.lost[at]
            assert not owner.routes
        assert before - len(owner.routes) <= FEW
        for request in orphans[: before - len(owner.routes)]:
            yield self.end(request, -32603)

    def end(self, request: _Pending, outcome: object) -> _Answer:
        """A request is pending no more."""
        self.pending.remove(request)
        return request.requester, request.number, outcome
