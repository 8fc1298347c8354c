"""
Checks hashed passwords beside the reactor, few at a time.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredSemaphore, fail, succeed
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

from jetjstp.interfaces import LoginFailed
from jetjstp.policies.passwords import ScryptHash

__all__ = ["HashingQueue"]

AT_ONCE = 2
"""Checks that run at a time. Each holds a thread of the reactor's pool, which others need too, and 32 MiB or more."""

MAX_WAITING = 50
"""Logins that may wait for a thread: at 0.1 s a check the last one waits about three seconds."""


class HashingQueue:
    """
    Checks hashed passwords, the reactor's threads permitting.

    @param reactor: What has threads. With anything else, such as a C{Clock} in tests, a password is checked at once,
        and the caller waits for it. By default the global reactor.
    """

    def __init__(self, reactor: object = None) -> None:
        self._reactor = reactor
        self._threads = DeferredSemaphore(AT_ONCE)

    def verify(self, stored: ScryptHash, password: str) -> Deferred[bool]:
        """
        Check a password.

        @return: Fires with whether it is the right one; fails with L{LoginFailed} if too many are waiting.
        """
        reactor = self._reactor
        if reactor is None:
            from twisted.internet import reactor as running

            reactor = self._reactor = running
        threads = IReactorThreads(reactor, None)
        if threads is None:
            return succeed(stored.verify(password))
        if len(self._threads.waiting) >= MAX_WAITING:
            return fail(LoginFailed("too many logins are being checked, try again later"))
        return self._threads.run(deferToThreadPool, threads, threads.getThreadPool(), stored.verify, password)
