"""Tests of L{jetjstp.services.notifying}, with a socket as systemd has it."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.services.notifying import Notifier, notifierFromEnvironment


class NotifierTests(SynchronousTestCase):
    """L{Notifier}."""

    def setUp(self) -> None:
        """A manager that listens at a path, which has to be short, and a clock."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = str(Path(folder.name) / "notify")
        self.manager = self.listen(self.path)
        self.clock = Clock()

    def listen(self, address: str) -> socket.socket:
        """A datagram socket at an address."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.addCleanup(listening.close)
        listening.bind(address)
        return listening

    def received(self, manager: socket.socket | None = None) -> list[str]:
        """The datagrams that have come."""
        found = []
        while True:
            try:
                found.append((manager or self.manager).recv(4096).decode("utf-8"))
            except BlockingIOError:
                return found

    def test_states(self) -> None:
        """Each state is one datagram, as systemd reads it."""
        notifier = Notifier(self.path, self.clock, monotonic=lambda: 5_000_123_456)
        notifier.ready("serving 127.0.0.1:11122\nMAINPID=1")
        notifier.reloading()
        notifier.status("busy")
        notifier.stopping("bye")
        self.assertEqual(
            self.received(),
            [
                "READY=1\nSTATUS=serving 127.0.0.1:11122 MAINPID=1",
                "RELOADING=1\nMONOTONIC_USEC=5000123",
                "STATUS=busy",
                "STOPPING=1\nSTATUS=bye",
            ],
        )

    def test_abstract(self) -> None:
        """An address with an at sign is that of an abstract socket."""
        name = f"jetjstp-test-{os.getpid()}"
        manager = self.listen("\0" + name)
        Notifier(f"@{name}", self.clock).ready("x")
        self.assertEqual(self.received(manager), ["READY=1\nSTATUS=x"])

    def test_watchdog(self) -> None:
        """The watchdog hears of us twice in its time, from the beginning to the end."""
        notifier = Notifier(self.path, self.clock, watchdog=10.0)
        self.clock.advance(20)
        self.assertEqual(self.received(), [])
        notifier.ready("x")
        notifier.ready("again, after a reload")
        self.received()
        self.clock.pump([4.9, 0.1, 5.0])
        self.assertEqual(self.received(), ["WATCHDOG=1"] * 2)
        notifier.stopping("bye")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slow(self) -> None:
        """A manager that does not read for a while is told everything all the same, in order; the watchdog may wait."""
        notifier = Notifier(self.path, self.clock, watchdog=1.0)
        filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with filler, self.assertRaises(BlockingIOError):
            while True:
                filler.sendto(b"noise", self.path)
        notifier.ready("x")
        self.clock.pump([0.05] * 20)
        notifier.stopping("bye")
        self.assertEqual(set(self.received()), {"noise"})
        self.clock.advance(0.05)
        self.assertEqual(self.received(), ["READY=1\nSTATUS=x", "STOPPING=1\nSTATUS=bye"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody(self) -> None:
        """Without a manager nothing is sent, and nothing scheduled."""
        Notifier(None, self.clock, watchdog=10.0).ready("x")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_away(self) -> None:
        """A manager that is away is one warning, and no harm."""
        notifier = Notifier(self.path + "x", self.clock)
        with capturedLogs() as events:
            notifier.ready("x")
            notifier.stopping("x")
            Notifier("x" * 200, self.clock).ready("x")
        self.assertEqual(len(events), 2)
        self.assertIn(self.path, formatEvent(events[0]))


class EnvironmentTests(SynchronousTestCase):
    """L{notifierFromEnvironment}."""

    def test_taken(self) -> None:
        """What the manager has said is taken out of the environment: children are not to speak for us."""
        environment = {
            "NOTIFY_SOCKET": "/run/notify",
            "WATCHDOG_USEC": "3000000",
            "WATCHDOG_PID": str(os.getpid()),
            "HOME": "/",
        }
        notifier = notifierFromEnvironment(environment, Clock())
        self.assertEqual(environment, {"HOME": "/"})
        self.assertEqual((notifier._address, notifier._watchdog), ("/run/notify", 3.0))

    def test_watchdogOfOthers(self) -> None:
        """A watchdog for another process, or none, is not ours."""
        for watchdog in ({"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "often"}, {"WATCHDOG_USEC": "0"}):
            environment = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "3000000", **watchdog}
            self.assertIsNone(notifierFromEnvironment(environment, Clock())._watchdog)

    def test_nothing(self) -> None:
        """Without any of it nobody is told."""
        self.assertIsNone(notifierFromEnvironment({}, Clock())._address)
