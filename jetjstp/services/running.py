"""
The service that C{twistd} runs: when ports are bound, when connections are
taken, what a failure on the way means for the process, and how it ends.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp import __version__
from jetjstp.interfaces import StorageUnavailable
from jetjstp.lastwords import StartFailed, sayLast
from jetjstp.links.listeners import ListenFailed, reasonOf
from jetjstp.loglines import tell
from jetjstp.services.assembly import Assembly
from jetjstp.services.notifying import Notifier
from jetjstp.services.reloading import HangUpSignal, Reloading

__all__ = ["STOPPING_SECONDS", "DaemonService", "FailingService", "problemOf"]

_log = Logger()

STARTING_TURNS = 10
"""
Turns that the reactor is given before it runs. Closing a port takes one: without them a start that failed halfway would
not be known to have failed in time, and UNIX sockets would be left behind.
"""

STARTING_SECONDS = 1.0
"""
What the session storage has to get ready before the reactor runs. Until then a failure is known to whoever has started
the process, in the background, too. One that takes longer is waited for while the reactor runs.
"""

STOPPING_SECONDS = 10.0
"""In all, from SIGTERM to the end of the process: what is not done then is given up."""

GOODBYE_SECONDS = 8.0
"""Of these, for connections to end and for sessions to be saved; the rest is for the storage to be closed."""


class DaemonService(Service):
    """
    Runs what a plan was put together to.

    The ports are bound in C{privilegedStartService}, while the process has all of its rights; the session storage gets
    ready in C{startService}, under the rights that remain. Both may still end the process with an error: L{StartFailed}
    is raised then, and what had been bound is given back. What takes its time and fails later stops the reactor, and
    the process ends with status 1 too. Connections are taken when all of it is there.

    @param assembly: What is run. The service owns it.
    @param notifier: Who is told of it.
    """

    def __init__(self, assembly: Assembly, notifier: Notifier, reactor: Any) -> None:
        self._assembly = assembly
        self._plan = assembly.plan
        self._notifier = notifier
        self._reactor = reactor
        renewals = [listener.renew for _, _, listener in self._plan.listeners()]
        self._reloading = Reloading(self._plan.policy, self._plan.policyName, assembly.rechecks, renewals)
        self._hangUpSignal = HangUpSignal(reactor, self.reload)
        self._binding: Deferred[None] | None = None
        self._preparing: Deferred[None] | None = None
        self._isStarting = False
        self._hasSettled = False
        self._isOpen = False
        self._problem: str | None = None

    # Beginning

    def privilegedStartService(self) -> None:
        """
        Bind the ports.

        @raise StartFailed: It is not possible.
        """
        super().privilegedStartService()
        self._bind()

    def startService(self) -> None:
        """
        Get ready, then take connections. The ports are bound if they are not yet: C{twist} knows no privileges.

        @raise StartFailed: It is not possible.
        """
        super().startService()
        if self._binding is None:
            self._bind()
        assert self._binding is not None
        self._hangUpSignal.install()
        self._isStarting, self._hasSettled = True, False
        preparing: Deferred[None] = Deferred()
        self._preparing = preparing
        self._binding.addCallback(lambda _: self._prepare(preparing))
        preparing.addCallbacks(self._opened, self._refused)
        self._turn(lambda: self._hasSettled, STARTING_SECONDS)
        self._isStarting = False
        self._raiseProblem()
        if not self._hasSettled:
            _log.info("waiting for what is not ready yet")
        # What has been loaded by now stays. Without this the collector would look through all of it each time, and the
        # peers would wait meanwhile.
        gc.collect()
        gc.freeze()

    def _bind(self) -> None:
        self._isStarting, self._hasSettled = True, False
        self._problem = None
        self._binding = self._assembly.bind()
        self._binding.addCallbacks(self._bound, self._refused)
        self._turn(lambda: self._hasSettled)
        self._isStarting = False
        self._raiseProblem()

    def _bound(self, _: object) -> None:
        self._hasSettled = True

    def _prepare(self, preparing: Deferred[None]) -> None:
        if self._problem is None and self.running:
            self._assembly.prepare().chainDeferred(preparing)

    def _opened(self, _: object) -> None:
        self._hasSettled = True
        if not self.running:
            return
        self._assembly.open()
        self._isOpen = True
        self._tellStarted()
        self._notifier.ready(self._status())
        if self._plan.jet is not None and self._plan.jet.announce is not None:
            # Not earlier: it needs a thread, and a reactor that runs.
            self._reactor.callWhenRunning(self._announce, self._plan.jet.announce)

    def _tellStarted(self) -> None:
        plan = self._plan
        places: dict[str, list[str]] = {}
        for kind, words, listener in plan.listeners():
            _log.info("listening on {listener} ({kind})", listener=str(listener), kind=words)
            places.setdefault(kind, []).append(str(listener))
        tell(
            _log,
            "started",
            command=plan.command,
            version=__version__.public(),
            **{kind: ",".join(some) for kind, some in places.items()},
            policy=plan.policyName or "none",
            storage=None if plan.jstp is None else plan.jstp.storageName,
            durability=None if plan.jstp is None else plan.jstp.durability or "none",
        )
        for remark in plan.remarks:
            _log.info("{remark}", remark=remark)

    def _status(self) -> str:
        return "serving " + ", ".join(f"{listener} ({words})" for _, words, listener in self._plan.listeners())

    def _refused(self, failure: Failure) -> None:
        self._hasSettled = True
        if failure.check(CancelledError) and not self.running:
            return
        self._problem = problemOf(failure, self._plan.command)
        _log.critical("{problem}", problem=self._problem)
        if not self._isStarting:
            # twistd ends with status 0 once its reactor has run, whatever stopped it. Only what Python calls at the
            # very end, after the services were stopped and the PID file was removed, can still say otherwise.
            atexit.register(_leave, self._plan.command, self._problem)
            self._reactor.callWhenRunning(self._reactor.stop)

    def _raiseProblem(self) -> None:
        if self._problem is not None:
            self._release()
            sayLast(self._plan.command, self._problem)
            raise StartFailed(self._problem)

    def _release(self) -> None:
        """Let go of what had been bound or opened before something else failed."""
        self._hangUpSignal.restore()
        ends: list[object] = []
        released = self._assembly.hangUp().addCallback(lambda _: self._assembly.finish())
        released.addErrback(lambda failure: _log.failure("while closing", failure))
        released.addCallback(ends.append)
        self._turn(lambda: bool(ends), STARTING_SECONDS)

    def _turn(self, done: Callable[[], bool], seconds: float = 0.0) -> None:
        """Let the reactor work until something is done: for a few turns, then for some time."""
        turns = 0
        until = self._reactor.seconds() + seconds
        while not (done() or self._reactor.running):
            if turns >= STARTING_TURNS and self._reactor.seconds() >= until:
                break
            # The first ones do not wait: most of what there is to do is there already.
            self._reactor.iterate(0 if turns < STARTING_TURNS else 0.01)
            turns += 1

    # Announcing

    def _announce(self, name: str) -> None:
        if not self._isOpen:
            return

        def announced(_: object) -> None:
            _log.info("announced as {name}", name=name)

        def notAnnounced(failure: Failure) -> None:
            # Whoever knows the address can connect all the same.
            _log.error(
                "--announce {name}: {reason}; peers that look for that name do not find this daemon: take another "
                "name, and see that multicast (UDP port 5353) is possible",
                name=name,
                reason=failure.getErrorMessage(),
            )

        self._assembly.announce(name).addCallbacks(announced, notAnnounced)

    # Meanwhile

    def reload(self) -> Deferred[None]:
        """Read users and certificates anew, see L{Reloading}; that is what SIGHUP does."""
        self._notifier.reloading()
        return self._reloading.reload().addCallback(self._reloaded)

    def _reloaded(self, _: None) -> None:
        if self._isOpen:
            self._notifier.ready(self._status())

    # Ending

    def stopService(self) -> Deferred[None]:
        """
        Take no more connections, say goodbye to all that there are, save the sessions, close the storage; within
        L{STOPPING_SECONDS}, after which what is left is given up, and the log says so.

        @return: Fires when that is done. It does not fail.
        """
        super().stopService()
        self._isOpen = False
        binding, self._binding = self._binding, None
        preparing, self._preparing = self._preparing, None
        for each in (binding, preparing):
            if each is not None:
                each.cancel()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        began = self._reactor.seconds()
        peers, clients = self._assembly.counts()
        tell(_log, "stopping", command=self._plan.command, peers=peers, clients=clients)
        self._notifier.stopping("stopping")
        await self._within(
            self._assembly.hangUp(), GOODBYE_SECONDS, "connections are aborted, and what was not saved is lost"
        )
        left = STOPPING_SECONDS - (self._reactor.seconds() - began)
        await self._within(self._assembly.finish(), max(left, 0.0), "the session storage is left as it is")
        self._hangUpSignal.restore()
        tell(
            _log,
            "stopped",
            command=self._plan.command,
            seconds=round(self._reactor.seconds() - began, 3),
            peers=peers,
            clients=clients,
        )

    async def _within(self, done: Deferred[None], seconds: float, otherwise: str) -> None:
        # It is not cancelled: what is under way may still succeed until the process is gone.
        ended: Deferred[bool] = Deferred()
        call = self._reactor.callLater(seconds, ended.callback, False)
        done.addErrback(lambda failure: _log.failure("while stopping", failure))
        done.addCallback(lambda _: None if ended.called else ended.callback(True))
        if await ended:
            if call.active():
                call.cancel()
        else:
            _log.error("stopping takes too long: {otherwise}", otherwise=otherwise)


class FailingService(Service):
    """
    Does not start, and says why: with the traceback in the log, which is there only now.

    @param message: The last line.
    """

    def __init__(self, command: str, message: str, failure: Failure) -> None:
        self._command = command
        self._message = message
        self._failure = failure

    def privilegedStartService(self) -> None:
        """
        Say it.

        @raise StartFailed: In any case.
        """
        _log.failure("{problem}", self._failure, problem=self._message)
        sayLast(self._command, self._message)
        raise StartFailed(self._message)

    def startService(self) -> None:
        """The same, for C{twist}."""
        self.privilegedStartService()


def problemOf(failure: Failure, command: str) -> str:
    """Why there is no start, in one line; what nobody has foreseen goes into the log as a whole."""
    error = failure.value
    if isinstance(error, StorageUnavailable):
        return f"--session-storage: {error}"
    if isinstance(error, ListenFailed | ValueError):
        return str(error)
    _log.failure("{command} cannot start", failure, command=command)
    return f"cannot start, {reasonOf(error)}; 'twistd {command} --help' lists the options"


def _leave(command: str, message: str) -> None:
    sayLast(command, message)
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None:
            stream.flush()
    os._exit(1)
