"""Tests of L{jetjstp.policies.hashing}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from jetjstp.interfaces import LoginFailed
from jetjstp.policies.hashing import AT_ONCE, MAX_WAITING, HashingQueue
from jetjstp.policies.passwords import ScryptHash
from tests.policies.test_passwords import cheapHash
from twisted import internet

STORED = ScryptHash.parse(cheapHash("p"))


@implementer(IReactorThreads)
class ThreadsByHand:
    """A reactor and its pool of threads, where the work is done when the test says so."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def getThreadPool(self) -> ThreadPool:
        """The pool is this object."""
        return cast(ThreadPool, self)

    def callInThreadWithCallback(self, onResult: Callable[..., None], f: Callable[..., Any], *args: Any) -> None:
        """Take work in."""
        self.work.append(lambda: onResult(True, f(*args)))

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """There is one thread only."""
        callable(*args, **kwargs)

    def callInThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """Of no use here."""
        raise AssertionError("not expected")

    def suggestThreadPoolSize(self, size: int) -> None:
        """Of no use here."""
        raise AssertionError("not expected")


class HashingQueueTests(SynchronousTestCase):
    """L{HashingQueue}."""

    def test_inThreads(self) -> None:
        """A password is checked in a thread of the reactor, and the answer comes from there."""
        threads = ThreadsByHand()
        queue = HashingQueue(threads)
        right, wrong = queue.verify(STORED, "p"), queue.verify(STORED, "q")
        self.assertNoResult(right)
        for work in threads.work:
            work()
        self.assertIs(self.successResultOf(right), True)
        self.assertIs(self.successResultOf(wrong), False)

    def test_fewAtOnce(self) -> None:
        """No more than a few checks hold a thread; the others follow in order."""
        threads = ThreadsByHand()
        queue = HashingQueue(threads)
        checks = [queue.verify(STORED, "p") for _ in range(AT_ONCE + 1)]
        self.assertEqual(len(threads.work), AT_ONCE)
        threads.work.pop(0)()
        self.assertEqual(len(threads.work), AT_ONCE)
        self.assertNoResult(checks[-1])
        threads.work.pop()()
        self.successResultOf(checks[-1])
        threads.work.pop()()

    def test_bounded(self) -> None:
        """What is beyond the bound fails at once, tells why, and does no harm to those who wait."""
        threads = ThreadsByHand()
        queue = HashingQueue(threads)
        waiting: list[Deferred[bool]] = [queue.verify(STORED, "p") for _ in range(AT_ONCE + MAX_WAITING)]
        failure = self.failureResultOf(queue.verify(STORED, "p"), LoginFailed)
        self.assertIn("too many logins", failure.getErrorMessage())
        while threads.work:
            threads.work.pop()()
        self.assertEqual([self.successResultOf(check) for check in waiting], [True] * len(waiting))

    def test_withoutThreads(self) -> None:
        """On a reactor that has no threads a password is checked at once."""
        self.assertTrue(self.successResultOf(HashingQueue(Clock()).verify(STORED, "p")))

    def test_globalReactor(self) -> None:
        """Without a reactor the global one is meant, which is imported when the first password is checked."""
        from twisted.internet import reactor

        threads = ThreadsByHand()
        queue = HashingQueue()
        self.assertIs(internet.reactor, reactor)
        self.patch(internet, "reactor", threads)
        check = queue.verify(STORED, "p")
        threads.work.pop()()
        self.assertTrue(self.successResultOf(check))
