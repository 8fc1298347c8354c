"""Tests of L{jetjstp.services.running}, with an assembly and a reactor that do what the test says."""

from __future__ import annotations

import atexit
import io
import os
import sys
from collections.abc import Callable
from typing import Any, cast

from twisted.application.service import Application, IService
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.discovery import NameTaken
from jetjstp.interfaces import StorageUnavailable
from jetjstp.lastwords import StartFailed
from jetjstp.links.listeners import Listener, ListenFailed
from jetjstp.services.assembly import Assembly
from jetjstp.services.notifying import Notifier
from jetjstp.services.plan import JetSide, JstpSide, Plan
from jetjstp.services.running import (
    GOODBYE_SECONDS,
    STARTING_SECONDS,
    STOPPING_SECONDS,
    DaemonService,
    FailingService,
)
from tests.services.commandlines import FakeListener


class FakeReactor(Clock):
    """As much of a reactor as a start needs."""

    def __init__(self) -> None:
        super().__init__()
        self.running = False
        self.stopped = 0
        self.turns: list[Callable[[], None]] = []
        self.iterated = 0

    def iterate(self, delay: float) -> None:
        """Do what was set up for one turn, which takes the time that nothing happens."""
        self.iterated += 1
        self.advance(delay)
        if self.turns:
            self.turns.pop(0)()

    def callWhenRunning(self, function: Callable[..., None], *arguments: object) -> None:
        """Call it now."""
        function(*arguments)

    def stop(self) -> None:
        """Count."""
        self.stopped += 1


class FakeAssembly:
    """An assembly whose steps take as long, and end as, the test says. It remembers their order."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.steps: list[str] = []
        self.binding: Deferred[None] = succeed(None)
        self.preparing: Deferred[None] = succeed(None)
        self.hanging: Deferred[None] = succeed(None)
        self.finishing: Deferred[None] = succeed(None)
        self.announcing: Deferred[None] = succeed(None)

    def bind(self) -> Deferred[None]:
        self.steps.append("bind")
        return self.binding

    def prepare(self) -> Deferred[None]:
        self.steps.append("prepare")
        return self.preparing

    def open(self) -> None:
        self.steps.append("open")

    def announce(self, name: str) -> Deferred[None]:
        self.steps.append(f"announce {name}")
        return self.announcing

    def hangUp(self) -> Deferred[None]:
        self.steps.append("hangUp")
        return self.hanging

    def finish(self) -> Deferred[None]:
        self.steps.append("finish")
        return self.finishing

    def counts(self) -> tuple[int, int]:
        return 3, 1

    def rechecks(self) -> list[Any]:
        return []


class FakeNotifier:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def ready(self, status: str) -> None:
        self.told.append(f"ready: {status}")

    def reloading(self) -> None:
        self.told.append("reloading")

    def stopping(self, status: str) -> None:
        self.told.append("stopping")


def planOf(announce: str | None = None, jstp: bool = False) -> Plan:
    """One listener, and a JSTP side if that is wanted."""
    listener = cast(Listener, FakeListener(None, "--listen", "unix:a"))
    return Plan(
        command="jet",
        jet=JetSide(listeners=[listener], announce=announce),
        jstp=JstpSide(storage=object(), storageName="sqlite", durability="handover") if jstp else None,
        policyName="users",
        remarks=["only this machine can connect"],
    )


class DaemonServiceTests(SynchronousTestCase):
    """L{DaemonService}."""

    def setUp(self) -> None:
        """A service of an assembly that does what the test says."""
        self.reactor = FakeReactor()
        self.stderr = io.StringIO()
        self.patch(sys, "__stderr__", self.stderr)
        self.leaving: list[tuple[Any, ...]] = []
        self.patch(atexit, "register", lambda *call: self.leaving.append(call))
        self.observer = EventLoggingObserver()
        globalLogPublisher.addObserver(self.observer)
        self.addCleanup(globalLogPublisher.removeObserver, self.observer)
        self.make(planOf())

    def make(self, plan: Plan) -> None:
        """Make another one."""
        self.assembly = FakeAssembly(plan)
        self.notifier = FakeNotifier()
        self.service = DaemonService(
            cast(Assembly, self.assembly), cast(Notifier, self.notifier), cast(Any, self.reactor)
        )

    def critical(self) -> list[str]:
        """What was logged as critical."""
        return [formatEvent(event) for event in self.observer if event["log_level"] == LogLevel.critical]

    def logged(self) -> str:
        """All that was logged."""
        return "\n".join(formatEvent(event) for event in self.observer)

    def event(self, name: str) -> dict[str, Any]:
        """The one event of a name that was logged."""
        [found] = [event for event in self.observer if event.get("event") == name]
        return found

    def start(self) -> None:
        """Start as twistd does."""
        self.service.privilegedStartService()
        self.service.startService()

    # Beginning

    def test_order(self) -> None:
        """Ports are bound while privileged; connections are taken when the storage is ready, which is without them."""
        self.service.privilegedStartService()
        self.assertEqual(self.assembly.steps, ["bind"])
        self.assembly.preparing = Deferred()
        self.service.startService()
        self.assertEqual(self.assembly.steps, ["bind", "prepare"])
        self.assembly.preparing.callback(None)
        self.assertEqual(self.assembly.steps, ["bind", "prepare", "open"])
        self.assertEqual(self.critical(), [])

    def test_unprivileged(self) -> None:
        """A runner that knows no privileges starts it too."""
        self.service.startService()
        self.assertEqual(self.assembly.steps, ["bind", "prepare", "open"])

    def test_told(self) -> None:
        """A start is one line with all that matters, fields of the event too; and whoever waits for it is told."""
        self.make(planOf(jstp=True))
        self.start()
        event = self.event("started")
        line = formatEvent(event)
        for part in ("started: command=jet version=", "jet=unix:a", "policy=users", "storage=sqlite durability=handov"):
            self.assertIn(part, line)
        self.assertEqual((event["jet"], event["storage"]), ("unix:a", "sqlite"))
        self.assertIn("listening on unix:a (TCP)", self.logged())
        self.assertIn("only this machine can connect", self.logged())
        self.assertEqual(self.notifier.told, ["ready: serving unix:a (TCP)"])

    def test_failure(self) -> None:
        """A port that cannot be bound ends the start with a last line, and what was bound is given back."""
        self.assembly.binding = fail(ListenFailed("--listen unix:a: taken; choose another one"))
        error = self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertEqual(str(error), "--listen unix:a: taken; choose another one")
        self.assertEqual(self.stderr.getvalue(), "jet: --listen unix:a: taken; choose another one\n")
        self.assertEqual(self.critical(), ["--listen unix:a: taken; choose another one"])
        self.assertEqual(self.assembly.steps, ["bind", "hangUp", "finish"])
        self.assertEqual((self.leaving, self.reactor.stopped), ([], 0))

    def test_storageAway(self) -> None:
        """A storage that is away ends the start in the same way; nobody was let in."""
        self.assembly.preparing = fail(StorageUnavailable("Redis at redis://h:1/0: refused"))
        self.service.privilegedStartService()
        error = self.assertRaises(StartFailed, self.service.startService)
        self.assertEqual(str(error), "--session-storage: Redis at redis://h:1/0: refused")
        self.assertEqual(self.assembly.steps, ["bind", "prepare", "hangUp", "finish"])
        self.assertEqual((self.leaving, self.reactor.stopped), ([], 0))

    def test_storageSlow(self) -> None:
        """A storage that fails before the reactor runs does so in time, though it needs a moment."""
        self.assembly.preparing = Deferred()
        self.service.privilegedStartService()
        refused = Failure(StorageUnavailable("away"))
        self.reactor.callLater(STARTING_SECONDS / 2, self.assembly.preparing.errback, refused)
        self.assertRaises(StartFailed, self.service.startService)
        self.assertLess(self.reactor.seconds(), STARTING_SECONDS)

    def test_whatStartFailedIs(self) -> None:
        """The error ends a process as SystemExit does, and lets twistd tidy up, which catches an Exception."""
        error = StartFailed("why")
        self.assertIsInstance(error, Exception)
        self.assertIsInstance(error, SystemExit)
        self.assertEqual((error.code, str(error)), (1, "why"))

    def test_failureAfterTurns(self) -> None:
        """A start that knows only after a few turns of the reactor that it failed is in time, too."""
        self.assembly.binding = Deferred()
        self.reactor.turns = [
            lambda: None,
            lambda: self.assembly.binding.errback(ListenFailed("taken")),
        ]
        self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertEqual(self.reactor.iterated, 2)

    def test_closingTakesTurns(self) -> None:
        """Ports that take a turn to close get it."""
        self.assembly.binding = fail(ListenFailed("taken"))
        self.assembly.hanging = Deferred()
        self.reactor.turns = [lambda: self.assembly.hanging.callback(None)]
        self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertEqual(self.assembly.steps, ["bind", "hangUp", "finish"])

    def test_unusableOption(self) -> None:
        """What the daemon finds wrong with its options is a last line, too."""
        self.assembly.binding = fail(ValueError("origins: 'x' is no origin"))
        error = self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertEqual(str(error), "origins: 'x' is no origin")

    def test_unforeseen(self) -> None:
        """For what nobody foresaw there is a last line, and the traceback in the log."""
        self.assembly.binding = fail(KeyError("who knows"))
        error = self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertIn("who knows", str(error))
        self.assertIn("twistd jet --help", str(error))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_late(self) -> None:
        """An endpoint that is ready later is waited for, and nobody is let in before."""
        self.assembly.binding = Deferred()
        self.start()
        self.assertIn("waiting", self.logged())
        self.assertEqual((self.assembly.steps, self.notifier.told), (["bind"], []))
        self.assembly.binding.callback(None)
        self.assertIn("listening on unix:a", self.logged())
        self.assertEqual((self.reactor.stopped, self.leaving), (0, []))

    def assertEnds(self, line: str) -> None:
        """The reactor is stopped, and the process will end with status 1 and this line."""
        self.assertEqual(self.reactor.stopped, 1)
        self.assertEqual(self.critical(), [line])
        [(leave, *arguments)] = self.leaving
        codes: list[int] = []
        self.patch(os, "_exit", codes.append)
        leave(*arguments)
        self.assertEqual(codes, [1])
        self.assertEqual(self.stderr.getvalue(), f"jet: {line}\n")

    def test_lateFailure(self) -> None:
        """One that fails later stops the reactor, and sees to it that the process does not end with success."""
        self.assembly.binding = Deferred()
        self.start()
        self.reactor.running = True
        self.assembly.binding.errback(ListenFailed("taken"))
        self.assertEnds("taken")
        self.assertNotIn("open", self.assembly.steps)

    def test_lateStorage(self) -> None:
        """So does a storage that fails only then."""
        self.assembly.preparing = Deferred()
        self.start()
        self.reactor.running = True
        self.assembly.preparing.errback(StorageUnavailable("away"))
        self.assertEnds("--session-storage: away")
        self.assertNotIn("open", self.assembly.steps)

    # Announcing

    def test_announced(self) -> None:
        """When connections are taken, the daemon is announced."""
        self.make(planOf(announce="kitchen"))
        self.start()
        self.assertEqual(self.assembly.steps[-2:], ["open", "announce kitchen"])
        self.assertIn("announced as kitchen", self.logged())

    def test_notAnnounced(self) -> None:
        """That it cannot be announced is an error in the log, with the remedy; the daemon goes on."""
        self.make(planOf(announce="kitchen"))
        self.assembly.announcing = fail(NameTaken("kitchen is announced by somebody else"))
        self.start()
        [line] = [line for line in self.logged().splitlines() if "--announce kitchen" in line]
        self.assertIn("somebody else", line)
        self.assertIn("another name", line)
        self.assertEqual(self.reactor.stopped, 0)

    # Ending

    def test_stop(self) -> None:
        """Stopping waits until all have left, then until the storage is closed, and says how long that took."""
        self.start()
        self.assembly.hanging, self.assembly.finishing = Deferred(), Deferred()
        stopped = self.service.stopService()
        self.assertEqual((self.assembly.steps[-1], self.service.running), ("hangUp", 0))
        self.reactor.advance(1)
        self.assembly.hanging.callback(None)
        self.assertEqual(self.assembly.steps[-1], "finish")
        self.reactor.advance(0.5)
        self.assertNoResult(stopped)
        self.assembly.finishing.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(formatEvent(self.event("stopped")), "stopped: command=jet seconds=1.5 peers=3 clients=1")
        self.assertEqual(self.notifier.told[-1], "stopping")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stopIsBounded(self) -> None:
        """Who does not leave is given up, the storage is closed all the same, and all of it ends in the time stated."""
        self.start()
        self.assembly.hanging, self.assembly.finishing = Deferred(), Deferred()
        stopped = self.service.stopService()
        self.reactor.advance(GOODBYE_SECONDS)
        self.assertEqual(self.assembly.steps[-1], "finish")
        self.assertIn("connections are aborted", self.logged())
        self.reactor.advance(STOPPING_SECONDS - GOODBYE_SECONDS)
        self.successResultOf(stopped)
        self.assertIn("storage is left as it is", self.logged())
        self.assertEqual(self.reactor.seconds(), STOPPING_SECONDS)

    def test_stopWhileWaiting(self) -> None:
        """What is still waited for when the service stops is given up, which is no failure."""
        for step in ("binding", "preparing"):
            self.make(planOf())
            setattr(self.assembly, step, Deferred())
            self.start()
            self.successResultOf(self.service.stopService())
            self.assertEqual((self.critical(), self.reactor.stopped, self.leaving), ([], 0, []))
            self.assertNotIn("open", self.assembly.steps)

    def test_again(self) -> None:
        """A service that was stopped can be started again."""
        self.service.startService()
        self.successResultOf(self.service.stopService())
        self.service.startService()
        self.assertEqual(self.assembly.steps[-3:], ["bind", "prepare", "open"])

    def test_inApplication(self) -> None:
        """It is started and stopped with the application that it belongs to."""
        application = Application("jet")
        self.service.setServiceParent(application)
        IService(application).privilegedStartService()
        IService(application).startService()
        self.assertEqual(self.assembly.steps, ["bind", "prepare", "open"])
        IService(application).stopService()
        self.assertEqual(self.assembly.steps[-2:], ["hangUp", "finish"])

    def test_reload(self) -> None:
        """A reload is told to whoever waits for its end, also when there is nothing to be read."""
        self.start()
        self.successResultOf(self.service.reload())
        self.assertEqual(self.notifier.told[1:], ["reloading", "ready: serving unix:a (TCP)"])
        self.assertIn("not-reloaded: ", self.logged())


class FailingServiceTests(SynchronousTestCase):
    """L{FailingService}."""

    def test_start(self) -> None:
        """It never starts: there is one last line, and the traceback is in the log."""
        stderr = io.StringIO()
        self.patch(sys, "__stderr__", stderr)
        service = FailingService("jet", "--application a:b: no", Failure(ZeroDivisionError("x")))
        for start in (service.privilegedStartService, service.startService):
            error = self.assertRaises(StartFailed, start)
            self.assertEqual(str(error), "--application a:b: no")
        self.assertEqual(stderr.getvalue().splitlines(), ["jet: --application a:b: no"] * 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
