"""Tests of L{jetjstp.services.reloading}; the signal itself: C{tests/sockets/test_twistdsignals.py}."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.services.reloading import HangUpSignal, Reloading


class FakePolicy:
    """A policy that reads its users as the test says."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.count = 0

    def reload(self) -> Any:
        self.count += 1
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class ReloadingTests(SynchronousTestCase):
    """L{Reloading}."""

    def reload(self, policy: object, *rechecks: Any) -> list[dict[str, Any]]:
        """What is logged by a reload."""
        with capturedLogs() as events:
            self.successResultOf(Reloading(policy, "users", lambda: rechecks).reload())
        return list(events)

    def test_dropped(self) -> None:
        """All are looked at again after the policy has other users, and the log tells how many were dropped."""
        order: list[str] = []

        def look() -> int:
            order.append(f"after {policy.count}")
            return 2

        policy = FakePolicy()
        [event] = self.reload(policy, look, lambda: succeed(3))
        self.assertEqual(formatEvent(event), "reloaded: policy=users dropped=5")
        self.assertEqual((event["dropped"], order), (5, ["after 1"]))

    def test_broken(self) -> None:
        """A broken file is one error line, and nobody is dropped."""
        [event] = self.reload(FakePolicy(ValueError("users.json: line 2 is wrong")), self.fail)
        self.assertEqual(event["log_level"], LogLevel.error)
        self.assertEqual(
            formatEvent(event),
            'not-reloaded: policy=users reason="users.json: line 2 is wrong; the users stay as they were"',
        )

    def test_nothing(self) -> None:
        """Where nothing can be read anew, the log says so."""
        [event] = self.reload(None, self.fail)
        self.assertIn("there is no --auth-policy", formatEvent(event))
        [event] = self.reload(object(), self.fail)
        self.assertIn("reads nothing anew", formatEvent(event))

    def test_certificates(self) -> None:
        """Certificates are read before the users; one that is of no use keeps neither the others nor the users."""

        def broken() -> bool:
            raise ValueError("--listen ssl:1: no such file")

        with capturedLogs() as events:
            renewals = [lambda: True, broken, lambda: False, lambda: True]
            self.successResultOf(Reloading(FakePolicy(), "users", list, renewals).reload())
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                'not-reloaded: reason="--listen ssl:1: no such file; the certificate stays as it was"',
                "reloaded: certificates=2",
                "reloaded: policy=users dropped=0",
            ],
        )

    def test_certificatesAlone(self) -> None:
        """Where there are certificates and no policy, there was something to be read anew."""
        with capturedLogs() as events:
            self.successResultOf(Reloading(None, None, list, [lambda: True]).reload())
        self.assertEqual([formatEvent(event) for event in events], ["reloaded: certificates=1"])

    def test_faults(self) -> None:
        """A policy or a look that fails otherwise is a fault in the log, and harms nobody else."""
        self.reload(FakePolicy(KeyError("x")), self.fail)
        events = self.reload(FakePolicy(), lambda: 1 / 0, lambda: 1)
        self.assertEqual(formatEvent(events[-1]), "reloaded: policy=users dropped=1")
        self.assertEqual(len(self.flushLoggedErrors(KeyError, ZeroDivisionError)), 2)

    def test_onceMore(self) -> None:
        """What is asked for while a reload goes on is done once more after it, not at the same time."""
        first: Deferred[None] = Deferred()
        policy = FakePolicy(first)
        reloading = Reloading(policy, "users", list)
        done = reloading.reload()
        for _ in range(3):
            self.successResultOf(reloading.reload())
        self.assertEqual(policy.count, 1)
        first.callback(None)
        self.successResultOf(done)
        self.assertEqual(policy.count, 2)


class HangUpSignalTests(SynchronousTestCase):
    """L{HangUpSignal}."""

    def test_otherReactor(self) -> None:
        """Under another reactor than that of the process, signals are left alone."""
        signal = HangUpSignal(Clock(), self.fail)
        signal.install()
        self.assertFalse(signal._isInstalled)
        signal.restore()
