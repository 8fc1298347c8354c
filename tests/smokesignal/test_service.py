"""Tests of L{jetjstp.smokesignal.service}, without processes: those are in C{tests/sockets}."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any, cast

import ifaddr
from ifaddr import IP, Adapter
from twisted.application.service import IServiceMaker
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.plugin import getPlugins
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from jetjstp import __version__
from jetjstp.lastwords import StartFailed
from jetjstp.smokesignal.localip import localIp
from jetjstp.smokesignal.service import Options, SmokesignalService, makeService

from .overlays import OverlayTestCase


class OptionsTests(OverlayTestCase):
    """L{Options}."""

    def parse(self, *arguments: str) -> Options:
        """The options of a command line."""
        options = Options()
        options.parseOptions(arguments)
        return options

    def assertRefused(self, arguments: list[str], *words: str) -> None:
        """The command line is an error that has all of the words, in one line."""
        with self.assertRaises(UsageError) as caught:
            self.parse(*arguments)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_defaults(self) -> None:
        """Only the address is needed."""
        node = self.parse("--address", "127.0.0.1")["node"]
        self.assertEqual((node.address, node.port, node.isRunning), ("127.0.0.1", 0, False))
        self.assertRefused([], "--address is missing")

    def test_all(self) -> None:
        """Every option arrives at the node."""
        options = self.parse(
            *("--address", "127.0.0.1", "--port", "8495", "--interface", "0.0.0.0", "--any-source"),
            *("--seed", "192.168.2.100:8495", "--seed", "[2001:db8::1]:13", "--seed", "seed.example.org:14"),
            *("--min-peers", "6", "--max-peers", "9", "--ping-timeout", "1.5", "--dialect", "0.2"),
        )
        self.assertEqual(options["node"].port, 8495)
        self.assertEqual(options["seeds"], [("192.168.2.100", 8495), ("2001:db8::1", 13), ("seed.example.org", 14)])
        self.assertEqual((options["minPeers"], options["maxPeers"], options["pingTimeout"]), (6, 9, 1.5))

    def test_minAboveMax(self) -> None:
        """Who wants more peers than are taken by default need not say so twice."""
        self.parse("--address", "127.0.0.1", "--min-peers", "8")
        self.assertRefused(["--address", "127.0.0.1", "--max-peers", "2"], "--max-peers: 2 is less than --min-peers, 3")

    def test_subnet(self) -> None:
        """A subnet of this machine stands for the address there."""
        self.assertEqual(self.parse("--address", "127.0.0.0/8")["node"].address, localIp("127.0.0.0/8"))
        self.patch(ifaddr, "get_adapters", lambda: [Adapter("lo", "lo", [IP("127.0.0.1", 8, "lo")])])
        self.assertRefused(["--address", "192.0.2.0/24"], "--address: this machine has no address", "127.0.0.1")
        self.assertRefused(["--address", "192.0.2.0/99"], "--address: ", "is no subnet")

    def test_wrong(self) -> None:
        """What is wrong is named as an option, with the remedy."""
        for arguments, words in (
            (["--port", "http"], ["--port 'http' is not a number"]),
            (["--port", "70000"], ["--port: 70000 is no port"]),
            (["--seed", "192.168.2.100"], ["--seed '192.168.2.100' is no place", "192.168.2.100:8495"]),
            (["--seed", "2001:db8::1:80"], ["--seed '2001:db8::1:80' is no place", "[2001:db8::1]:8495"]),
            (["--seed", "a:0"], ["seed ", "is no port"]),
            (["--interface", "eth0"], ["--interface: 'eth0'"]),
            (["--min-peers", "-1"], ["--min-peers '-1' is not a number"]),
            (["--ping-timeout", "3000"], ["--ping-timeout: ", "seconds; did you mean 3.0?"]),
            (["--ping-timeout", "soon"], ["--ping-timeout 'soon' is not a number"]),
            (["--dialect", "2"], ['--dialect must be "both", "0.1" or "0.2"']),
            (["--tls-certificate", "missing.pem"], ["--tls-trust is missing: "]),
            (["--tls-trust", "missing.pem"], ["--tls-certificate is missing: "]),
            (["--tls-certificate", "missing.pem", "--tls-trust", "missing.pem"], ["TLS: ", "missing.pem"]),
            (["--sed", "a:1"], ["did you mean --seed?"]),
            (["192.168.2.100:8495"], ["is no option", "--seed"]),
        ):
            self.assertRefused(["--address", "127.0.0.1", *arguments], *words)
        self.assertRefused(["--address", "localhost"], "--address: 'localhost' is no IP address")

    def test_brokenFile(self) -> None:
        """A file that holds no certificate is named."""
        path = Path(self.mktemp())
        path.write_text("nothing of use")
        tls = ["--tls-certificate", str(path), "--tls-key", str(path), "--tls-trust", str(path)]
        self.assertRefused(["--address", "127.0.0.1", *tls], str(path), "no usable certificate")

    def test_belowTwistd(self) -> None:
        """Below C{twistd}, the message stands alone as the last line."""
        self.patch(sys, "__stderr__", io.StringIO())
        options = Options()
        options.parent = UsageOptions()
        with self.assertRaises(StartFailed):
            options.parseOptions(["--port", "1"])
        self.assertIn("smokesignal: --address is missing", cast(io.StringIO, sys.__stderr__).getvalue())

    def test_version(self) -> None:
        """The version is printed."""
        self.patch(sys, "stdout", io.StringIO())
        self.assertRaises(SystemExit, self.parse, "--version")
        self.assertEqual(cast(io.StringIO, sys.stdout).getvalue(), f"jetjstp {__version__.public()}\n")

    def test_plugin(self) -> None:
        """C{twistd} knows the command."""
        [maker] = [each for each in getPlugins(IServiceMaker) if each.tapname == "smokesignal"]
        self.assertEqual(cast(Any, maker).module, "jetjstp.smokesignal.service")


class ServiceTests(OverlayTestCase):
    """L{SmokesignalService}."""

    def setUp(self) -> None:
        """Look at the log and the last words."""
        super().setUp()
        self.observer = EventLoggingObserver()
        globalLogPublisher.addObserver(self.observer)
        self.addCleanup(globalLogPublisher.removeObserver, self.observer)
        self.patch(sys, "__stderr__", io.StringIO())

    @property
    def log(self) -> list[Any]:
        """What was logged."""
        return [formatEvent(event) for event in self.observer]

    def test_runs(self) -> None:
        """It starts the node while privileged, says where, and stops it."""
        service = SmokesignalService(self.node(), ["a remark"])
        service.privilegedStartService()
        service.startService()
        self.assertTrue(service.node.isRunning)
        self.assertEqual(
            self.log,
            ["others name 10.0.0.1:8495 as their seed", "a remark"],
        )
        stopped = service.stopService()
        self.successResultOf(stopped)
        self.assertFalse(service.node.isRunning)

    def test_unprivileged(self) -> None:
        """Without a privileged start it does the same."""
        service = SmokesignalService(self.node())
        service.startService()
        self.assertTrue(service.node.isRunning)

    def test_taken(self) -> None:
        """A port that is taken ends the start with one last line, and no traceback."""
        self.start()
        service = SmokesignalService(self.node())
        with self.assertRaises(StartFailed) as caught:
            service.privilegedStartService()
        message = "cannot listen on 10.0.0.1 port 8495: Address already in use; choose another --port"
        self.assertIn(message, str(caught.exception))
        self.assertIn(f"smokesignal: {message}", cast(io.StringIO, sys.__stderr__).getvalue())
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_error(self) -> None:
        """An error of the node is a line in the log."""
        service = SmokesignalService(self.node())
        service.startService()
        service.node.emit("error", ValueError("something"))
        self.assertEqual(self.log[-1], "something")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_remarks(self) -> None:
        """Who makes a node that others can reach is told that they may join."""
        options = Options()
        options.parseOptions(["--address", "192.0.2.1"])
        remarks = makeService(options)._remarks
        self.assertEqual(len(remarks), 2)
        self.assertIn("whoever can reach the port can join", remarks[1])
        options = Options()
        options.parseOptions(["--address", "127.0.0.1", "--seed", "127.0.0.1:1"])
        self.assertEqual(makeService(options)._remarks, [])
