"""
Reading users and certificates anew while everything goes on: SIGHUP.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger, LogLevel

from jetjstp.loglines import tell

__all__ = ["HangUpSignal", "Reloading"]

STANDARD_INPUT = 0
"""As the system counts files: Python's C{sys.stdin} may be something else, or nothing."""


class Reloading:
    """
    Has listeners read their certificates anew, and a policy its users; then those peers dropped whose rights are others
    now.

    What goes wrong is one line in the log, and what it is about stays as it was.
    """

    _log = Logger()

    def __init__(
        self,
        policy: object,
        policyName: str | None,
        rechecks: Callable[[], Iterable[Callable[[], Any]]],
        renewals: Iterable[Callable[[], bool]] = (),
    ) -> None:
        """
        @param policy: If it has C{reload}, that is called. It raises L{ValueError} with one line if the users are
            broken, and keeps the old ones.
        @param policyName: What the policy is called in the log.
        @param rechecks: Gives what is called after that; each says how many peers it has dropped, now or later.
        @param renewals: What is called before: each says whether it has read certificates, and raises L{ValueError}
            with one line if they are of no use.
        """
        self._policy = policy
        self._policyName = policyName
        self._rechecks = rechecks
        self._renewals = tuple(renewals)
        self._isRunning = False
        self._isWanted = False

    def reload(self) -> Deferred[None]:
        """
        Do it; or, while it is being done, once more after that.

        @return: Fires when it is done. Never fails.
        """
        return Deferred.fromCoroutine(self._reload())

    async def _reload(self) -> None:
        self._isWanted = True
        if self._isRunning:
            return
        self._isRunning = True
        try:
            while self._isWanted:
                self._isWanted = False
                await self._reloadOnce()
        finally:
            self._isRunning = False

    async def _reloadOnce(self) -> None:
        certificates = self._renew()
        reload = getattr(self._policy, "reload", None)
        if reload is not None:
            await self._reloadUsers(reload)
        elif not certificates:
            reason = "there is no --auth-policy" if self._policy is None else "this policy reads nothing anew"
            tell(self._log, "not-reloaded", policy=self._policyName, reason=reason)

    def _renew(self) -> int:
        """Returns how many listeners have certificates, of use or not."""
        renewed = failed = 0
        for renew in self._renewals:
            try:
                renewed += renew()
            except ValueError as error:
                failed += 1
                reason = f"{error}; the certificate stays as it was"
                tell(self._log, "not-reloaded", level=LogLevel.error, reason=reason)
        if renewed:
            tell(self._log, "reloaded", certificates=renewed)
        return renewed + failed

    async def _reloadUsers(self, reload: Callable[[], Any]) -> None:
        try:
            await maybeDeferred(reload)
        except ValueError as error:
            tell(
                self._log,
                "not-reloaded",
                level=LogLevel.error,
                policy=self._policyName,
                reason=f"{error}; the users stay as they were",
            )
            return
        except Exception:
            self._log.failure("the policy failed to reload; the users may be as they were")
            return
        dropped = 0
        for recheck in self._rechecks():
            try:
                dropped += await maybeDeferred(recheck)
            except Exception:
                self._log.failure("the rights of peers could not be looked at again")
        tell(self._log, "reloaded", policy=self._policyName, dropped=dropped)


class HangUpSignal:
    """
    SIGHUP, as long as somebody wants it: it then calls a function in a turn of the reactor, and ends nothing.

    But where we were started from a terminal that is gone now it means what it always has: the end.
    """

    def __init__(self, reactor: Any, call: Callable[[], object]) -> None:
        self._reactor = reactor
        self._hadTerminal = False
        self._call = call
        self._previous: Any = None
        self._isInstalled = False

    def install(self) -> None:
        """
        Begin. Only where signals belong to us: in the main thread, under the reactor that the whole process has.
        """
        from twisted.internet import reactor

        if self._isInstalled or self._reactor is not reactor or not _isMainThread():
            return
        self._hadTerminal = _hasTerminal()
        self._previous = signal.signal(signal.SIGHUP, self._received)
        self._isInstalled = True

    def restore(self) -> None:
        """Have the signal do again what it did before."""
        if self._isInstalled:
            # None: whoever had it was not Python.
            signal.signal(signal.SIGHUP, signal.SIG_DFL if self._previous is None else self._previous)
            self._isInstalled = False

    def _received(self, number: int, frame: object) -> None:
        isOrphaned = self._hadTerminal and not _hasTerminal()
        self._reactor.callFromThread(self._reactor.stop if isOrphaned else self._call)


def _hasTerminal() -> bool:
    return os.isatty(STANDARD_INPUT)


def _isMainThread() -> bool:
    return threading.current_thread() is threading.main_thread()
