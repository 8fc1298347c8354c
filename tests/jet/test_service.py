"""Tests of L{jetjstp.jet.service}, without sockets and processes: those are in C{tests/sockets/test_twistd.py}."""

from __future__ import annotations

import atexit
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.application.service import Application, IService
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IListeningPort, IReactorCore
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import __version__
from jetjstp.discovery import NameTaken
from jetjstp.jet import service
from jetjstp.jet.daemon import Daemon
from jetjstp.jet.limits import Limits
from jetjstp.jet.service import JetService, Options, StartFailed, makeService
from jetjstp.links.listeners import Listener, ListenFailed
from jetjstp.policies.users import UsersPolicy


class FakeDaemon:
    """A daemon that listens when the test says so."""

    def __init__(self, **made: Any) -> None:
        self.made = made
        self.listened: list[dict[str, Any]] = []
        self.closed = 0
        self.listening: Deferred[list[IListeningPort]] = succeed([])
        self.closing: Deferred[None] = succeed(None)
        self.announced: list[str] = []
        self.announcing: Deferred[None] = succeed(None)

    def announce(self, name: str) -> Deferred[None]:
        """Remember it, and do what was set up."""
        self.announced.append(name)
        return self.announcing

    def listen(self, **where: Any) -> Deferred[list[IListeningPort]]:
        """Remember where, and do what was set up."""
        self.listened.append(where)
        return self.listening

    def close(self) -> Deferred[None]:
        """Count, and do what was set up."""
        self.closed += 1
        return self.closing


class FakeReactor:
    """As much of a reactor as a start needs."""

    def __init__(self) -> None:
        self.running = False
        self.stopped = 0
        self.turns: list[Callable[[], None]] = []
        self.iterated = 0

    def iterate(self, delay: float) -> None:
        """Do what was set up for one turn."""
        self.iterated += 1
        if self.turns:
            self.turns.pop(0)()

    def callWhenRunning(self, function: Callable[[], None]) -> None:
        """Call it now."""
        function()

    def stop(self) -> None:
        """Count."""
        self.stopped += 1


class OptionsTests(SynchronousTestCase):
    """L{Options}."""

    def parse(self, *arguments: str) -> Options:
        """The options of a command line."""
        options = Options()
        options.parseOptions(arguments)
        return options

    def places(self, *arguments: str) -> tuple[list[str], list[str]]:
        """The descriptions of both kinds of listeners of a command line."""
        options = self.parse(*arguments)
        return (
            [listener.description for listener in options["listeners"]],
            [listener.description for listener in options["webSocketListeners"]],
        )

    def assertRefused(self, arguments: list[str], *words: str) -> None:
        """The command line is an error that has all of the words, in one line."""
        with self.assertRaises(UsageError) as caught:
            self.parse(*arguments)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def printed(self, *arguments: str) -> str:
        """What a command line prints that is done then, with success."""
        self.patch(sys, "stdout", io.StringIO())
        with self.assertRaises(SystemExit) as caught:
            self.parse(*arguments)
        self.assertEqual(caught.exception.code, 0)
        return cast(io.StringIO, sys.stdout).getvalue()

    def test_defaults(self) -> None:
        """Without options both sides are on, on loopback, with the seeds' ports."""
        options = self.parse()
        self.assertEqual(self.places(), (["tcp:11122:interface=127.0.0.1"], ["tcp:11123:interface=127.0.0.1"]))
        self.assertEqual((options["name"], options["fetchMode"], options["wsPing"]), ("jetjstp", "full", 5.0))
        self.assertEqual((options["limits"], options["policy"], options["origins"]), (Limits(), None, []))

    def test_listen(self) -> None:
        """Naming one side switches the other one off; both may be named, also several times."""
        tcp, more, webSocket = "tcp:1:interface=127.0.0.1", "unix:jet.sock", "tcp:2:interface=127.0.0.1"
        self.assertEqual(self.places("--listen", tcp, "--listen", more), ([tcp, more], []))
        self.assertEqual(self.places("--listen-websocket", webSocket), ([], [webSocket]))
        self.assertEqual(self.places("--listen", tcp, "--listen-websocket", webSocket), ([tcp], [webSocket]))

    def test_none(self) -> None:
        """One side can be switched off; the other one is as without options, or as it is named."""
        tcp = "tcp:1:interface=127.0.0.1"
        self.assertEqual(self.places("--listen", "none"), ([], ["tcp:11123:interface=127.0.0.1"]))
        self.assertEqual(self.places("--listen-websocket", "none"), (["tcp:11122:interface=127.0.0.1"], []))
        self.assertEqual(self.places("--listen", tcp, "--listen-websocket", "none"), ([tcp], []))
        self.assertEqual(self.places("--listen-websocket", tcp, "--listen", "none"), ([], [tcp]))

    def test_nothingLeft(self) -> None:
        """Switching both sides off is an error, and so is what contradicts itself."""
        self.assertRefused(
            ["--listen", "none", "--listen-websocket", "none"], "--listen none", "--listen-websocket none"
        )
        self.assertRefused(["--listen", "none", "--listen", "unix:jet.sock"], "--listen none", "--listen unix:jet.sock")
        self.assertRefused(["--listen-websocket", "unix:jet.sock", "--listen-websocket", "none"], "contradicts")

    def test_unusableEndpoint(self) -> None:
        """An endpoint that cannot be understood is named."""
        self.assertRefused(["--listen", "11122"], "--listen '11122'", "did you mean tcp:11122?")
        self.assertRefused(["--listen-websocket", "tpc:11123", "--anonymous"], "--listen-websocket 'tpc:11123'")

    def test_exposure(self) -> None:
        """A listener that other machines can reach needs a policy or the word that none is wanted."""
        for option in ("--listen", "--listen-websocket"):
            for description in ("tcp:11122", "tcp6:11122", "tcp:11122:interface=192.0.2.1"):
                self.assertRefused(
                    ["--listen", "unix:jet.sock", option, description],
                    f"{option} {description}",
                    "--auth-policy",
                    "--anonymous",
                )
                self.places(option, description, "--anonymous")
                self.places(option, description, "--auth-policy", f"users:{self.usersFile()}")

    def test_noExposure(self) -> None:
        """What other machines cannot reach needs none."""
        self.places("--listen", "unix:jet.sock")
        self.places("--listen", "tcp6:11122:interface=\\:\\:1")

    def usersFile(self) -> str:
        """A file with no users in it."""
        path = Path(self.mktemp())
        path.write_text(json.dumps({}))
        return str(path)

    def test_authPolicy(self) -> None:
        """The policy is made while the command line is read."""
        self.assertIsInstance(self.parse("--auth-policy", f"users:{self.usersFile()}")["policy"], UsersPolicy)

    def test_wrongAuthPolicy(self) -> None:
        """What is wrong with it is told."""
        self.assertRefused(["--auth-policy", "users:no-such.json"], "--auth-policy", "no-such.json", "does not exist")
        self.assertRefused(["--auth-policy", "user:x"], "--auth-policy", "'user'", "users")
        self.assertRefused(["--auth-policy", "users"], "--auth-policy", "users:FILE")
        self.assertRefused(["--auth-policy", "users:a", "--auth-policy", "users:b"], "--auth-policy", "twice")

    def test_plainOptions(self) -> None:
        """The other options have their values."""
        options = self.parse(
            *("--fetch-mode", "simple", "--name", "Küche 1", "--ws-ping", "2.5", "--max-message", "1024"),
            *("--origin", "https://a.example.org", "--origin=https://*.example.net"),
        )
        self.assertEqual((options["fetchMode"], options["name"], options["wsPing"]), ("simple", "Küche 1", 2.5))
        self.assertEqual(options["limits"], Limits(message=1024))
        self.assertEqual(options["origins"], ["https://a.example.org", "https://*.example.net"])

    def test_wrongValues(self) -> None:
        """A value that is of no use is named with its option and with what would be."""
        self.assertRefused(["--fetch-mode", "half"], "--fetch-mode 'half'", "full or simple")
        for name in ("", "\udcff", "two\nlines"):
            self.assertRefused(["--name", name], "--name", repr(name))
        for size in ("0", "-1", "many", "1.5", "", str(2**32)):
            self.assertRefused(["--max-message", size], f"--max-message {size!r}", "number of bytes")
        for pattern in ("", "example.org", "https://example.org/page"):
            self.assertRefused(["--origin", pattern], "--origin", repr(pattern), "https://")

    def test_messageBounds(self) -> None:
        """The bounds of --max-message are a byte and what the length prefix can say."""
        for size in (1, 2**32 - 1):
            self.assertEqual(self.parse("--max-message", str(size))["limits"].message, size)

    def test_wsPing(self) -> None:
        """The interval is bounded, so that milliseconds are noticed; 0 switches pings off."""
        self.assertEqual(self.parse("--ws-ping", "300")["wsPing"], 300.0)
        self.assertEqual(self.parse("--ws-ping", "0")["wsPing"], 0.0)
        self.assertRefused(["--ws-ping", "5000"], "--ws-ping", "seconds; did you mean 5.0?")
        for seconds in ("301", "-1", "nan", "inf", "often"):
            self.assertRefused(["--ws-ping", seconds], "--ws-ping", "write seconds")

    def test_unknownOption(self) -> None:
        """An option that is not known is named, with the one that it resembles."""
        self.assertRefused(["--anonymus"], "--anonymus", "did you mean --anonymous?")
        self.assertRefused(["--xyzzy"], "--xyzzy", "twistd jet --help")
        self.assertRefused(["--listen"], "--listen", "twistd jet --help")
        self.assertRefused(["tcp:11122"], "'tcp:11122'", "--listen")

    def test_belowTwistd(self) -> None:
        """Below twistd an error stands alone on the standard error output and ends the process."""
        options = Options()
        options.parent = UsageOptions()
        self.patch(sys, "__stderr__", io.StringIO())
        with self.assertRaises(SystemExit) as caught:
            options.parseOptions(["--fetch-mode", "half"])
        self.assertEqual(caught.exception.code, 1)
        self.assertEqual(
            cast(io.StringIO, sys.__stderr__).getvalue(),
            "jet: --fetch-mode 'half' is unknown; write full or simple\n",
        )

    def test_help(self) -> None:
        """The help has every option, explained."""
        text = str(Options())
        for option in ("listen", "listen-websocket", "anonymous", "origin", "auth-policy", "fetch-mode", "name"):
            self.assertRegex(text, rf"--{option}=? +\S")
        for option in ("ws-ping", "max-message", "help-auth-policy", "version", "help"):
            self.assertRegex(text, rf"--{option}=? +\S")

    def test_helpAuthPolicy(self) -> None:
        """The policies are listed with the form of their arguments."""
        self.assertIn("users:FILE", self.printed("--help-auth-policy"))

    def test_version(self) -> None:
        """The version is ours, not Twisted's."""
        self.assertEqual(self.printed("--version"), f"jetjstp {__version__.public()}\n")


class AnnounceOptionTests(SynchronousTestCase):
    """C{--announce}."""

    def parse(self, *arguments: str) -> Options:
        """The options of a command line."""
        options = Options()
        options.parseOptions(arguments)
        return options

    def test_name(self) -> None:
        """The name is taken; one that cannot be announced is refused."""
        options = self.parse("--announce", "green house", "--listen", "tcp:1", "--anonymous")
        self.assertEqual(options["announce"], "green house")
        self.assertIsNone(self.parse()["announce"])
        for name in ("", "x" * 64, "a\nb"):
            error = self.assertRaises(UsageError, self.parse, "--announce", name, "--listen", "tcp:1", "--anonymous")
            self.assertIn("--announce", str(error))

    def test_loopback(self) -> None:
        """On loopback only it is refused, with the remedy."""
        for arguments in ([], ["--listen", "tcp:1:interface=127.0.0.1"], ["--listen", "unix:/a"]):
            error = str(self.assertRaises(UsageError, self.parse, "--announce", "a", *arguments))
            for word in ("--announce a", "only this machine", "--listen tcp:11122", "--anonymous"):
                self.assertIn(word, error)

    def test_encrypted(self) -> None:
        """Who finds an address and a port knows nothing of TLS: such listeners are not announced."""
        self.patch(service, "Listener", FakeListener)
        error = self.assertRaises(UsageError, self.parse, "--announce", "a", "--listen", "ssl:1", "--anonymous")
        self.assertIn("plain TCP", str(error))

    def start(self, daemon: FakeDaemon) -> list[str]:
        """What a service logs that announces its daemon."""
        observer = EventLoggingObserver()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        made = JetService(cast(Daemon, daemon), [], [], announce="kitchen", reactor=cast(IReactorCore, FakeReactor()))
        made.privilegedStartService()
        self.assertEqual(daemon.announced, [])
        made.startService()
        self.assertEqual(daemon.announced, ["kitchen"])
        return [formatEvent(event) for event in observer]

    def test_announced(self) -> None:
        """When the daemon listens, and the reactor runs, it is announced."""
        self.assertIn("announced as kitchen", self.start(FakeDaemon()))

    def test_failed(self) -> None:
        """That it cannot be announced is an error in the log, with the remedy; the daemon goes on."""
        daemon = FakeDaemon()
        daemon.announcing = fail(NameTaken("kitchen is announced by somebody else"))
        [line] = [line for line in self.start(daemon) if "--announce kitchen" in line]
        self.assertIn("somebody else", line)
        self.assertIn("another name", line)


class FakeListener:
    """A listener that has a description and nothing else."""

    def __init__(self, reactor: object, option: str, description: str) -> None:
        self.option = option
        self.description = description


class MakeServiceTests(SynchronousTestCase):
    """L{makeService}."""

    def make(self, *arguments: str) -> tuple[JetService, FakeDaemon]:
        """The service of a command line, and its daemon."""
        daemons: list[FakeDaemon] = []

        def makeDaemon(**made: Any) -> FakeDaemon:
            daemons.append(FakeDaemon(**made))
            return daemons[-1]

        self.patch(service, "Daemon", makeDaemon)
        options = Options()
        options.parseOptions(arguments)
        made = makeService(options)
        return made, daemons[0]

    def logged(self, *arguments: str) -> str:
        """What the service of a command line logs when it starts."""
        observer = EventLoggingObserver()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        made, _ = self.make(*arguments)
        made.privilegedStartService()
        return "\n".join(formatEvent(event) for event in observer)

    def test_daemon(self) -> None:
        """Everything that was said reaches the daemon."""
        path = Path(self.mktemp())
        path.write_text(json.dumps({}))
        made, daemon = self.make(
            *("--auth-policy", f"users:{path}", "--name", "kitchen", "--fetch-mode", "simple", "--max-message", "77"),
            *(
                "--listen",
                "unix:a",
                "--listen-websocket",
                "unix:b",
                "--ws-ping",
                "7",
                "--origin",
                "https://*.example.org",
                "--dialect",
                "3",
            ),
        )
        self.assertIsInstance(daemon.made["policy"], UsersPolicy)
        self.assertEqual(
            (daemon.made["name"], daemon.made["fetchMode"], daemon.made["limits"]),
            ("kitchen", "simple", Limits(message=77)),
        )
        made.privilegedStartService()
        [where] = daemon.listened
        self.assertEqual([listener.description for listener in where["endpoints"]], ["unix:a"])
        self.assertEqual([listener.description for listener in where["wsEndpoints"]], ["unix:b"])
        self.assertEqual((where["wsPingInterval"], where["origins"]), (7.0, ["https://*.example.org"]))
        self.assertEqual(where["dialect"], "3")

    def test_noOrigins(self) -> None:
        """Without patterns the daemon's own rule for origins holds."""
        made, daemon = self.make()
        made.privilegedStartService()
        self.assertIsNone(daemon.listened[0]["origins"])

    def test_realDaemon(self) -> None:
        """A real daemon takes what it is given."""
        options = Options()
        options.parseOptions([])
        self.assertIsInstance(makeService(options)._daemon, Daemon)

    def test_remarks(self) -> None:
        """The log tells where the daemon listens, and who may come in."""
        text = self.logged()
        self.assertIn("listening on tcp:11122:interface=127.0.0.1 (TCP)", text)
        self.assertIn("listening on tcp:11123:interface=127.0.0.1 (WebSocket)", text)
        self.assertIn("only this machine can connect", text)
        self.assertIn("nobody can log in", text)

    def test_remarksOnPolicy(self) -> None:
        """The policy is named without its argument, which may be a secret."""
        path = Path(self.mktemp())
        path.write_text(json.dumps({}))
        text = self.logged("--listen", "tcp:1", "--auth-policy", f"users:{path}")
        self.assertIn("the policy 'users'", text)
        self.assertNotIn(str(path), text)
        self.assertNotIn("only this machine", text)


class JetServiceTests(SynchronousTestCase):
    """L{JetService}."""

    def setUp(self) -> None:
        """A service of a daemon that does what the test says."""
        self.daemon = FakeDaemon()
        self.reactor = FakeReactor()
        core = cast(IReactorCore, self.reactor)
        self.listener = Listener(core, "--listen", "unix:a")
        self.service = JetService(cast(Daemon, self.daemon), [self.listener], [], reactor=core)
        self.stderr = io.StringIO()
        self.patch(sys, "__stderr__", self.stderr)
        self.leaving: list[tuple[Any, ...]] = []
        self.patch(atexit, "register", lambda *call: self.leaving.append(call))
        self.observer = EventLoggingObserver()
        globalLogPublisher.addObserver(self.observer)
        self.addCleanup(globalLogPublisher.removeObserver, self.observer)

    def critical(self) -> list[str]:
        """What was logged as critical."""
        return [formatEvent(event) for event in self.observer if event["log_level"] == LogLevel.critical]

    def test_privileged(self) -> None:
        """The ports are bound while privileged, once."""
        self.service.privilegedStartService()
        self.assertEqual(len(self.daemon.listened), 1)
        self.service.startService()
        self.assertEqual(len(self.daemon.listened), 1)
        self.assertEqual(self.critical(), [])

    def test_unprivileged(self) -> None:
        """A runner that knows no privileges starts it too."""
        self.service.startService()
        self.assertEqual(len(self.daemon.listened), 1)

    def test_failure(self) -> None:
        """A port that cannot be bound ends the start with a last line, and what was bound is closed."""
        self.daemon.listening = fail(ListenFailed("--listen unix:a: taken; choose another one"))
        error = self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertEqual(str(error), "--listen unix:a: taken; choose another one")
        self.assertEqual(self.stderr.getvalue(), "jet: --listen unix:a: taken; choose another one\n")
        self.assertEqual(self.critical(), ["--listen unix:a: taken; choose another one"])
        self.assertEqual(self.daemon.closed, 1)

    def test_whatStartFailedIs(self) -> None:
        """The error ends a process as SystemExit does, and lets twistd tidy up, which catches an Exception."""
        error = StartFailed("why")
        self.assertIsInstance(error, Exception)
        self.assertIsInstance(error, SystemExit)
        self.assertEqual((error.code, str(error)), (1, "why"))

    def test_failureAfterTurns(self) -> None:
        """A start that knows only after a few turns of the reactor that it failed is in time, too."""
        self.daemon.listening = Deferred()
        self.reactor.turns = [
            lambda: None,
            lambda: self.daemon.listening.errback(ListenFailed("taken")),
        ]
        self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertEqual(self.reactor.iterated, 2)

    def test_closingTakesTurns(self) -> None:
        """Ports that take a turn to close get it."""
        self.daemon.listening = fail(ListenFailed("taken"))
        self.daemon.closing = Deferred()
        self.reactor.turns = [lambda: self.daemon.closing.callback(None)]
        self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertEqual(self.reactor.iterated, 1)

    def test_unusableOption(self) -> None:
        """What the daemon finds wrong with its options is a last line, too."""
        self.daemon.listening = fail(ValueError("origins: 'x' is no origin"))
        error = self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertEqual(str(error), "origins: 'x' is no origin")

    def test_unforeseen(self) -> None:
        """For what nobody foresaw there is a last line, and the traceback in the log."""
        self.daemon.listening = fail(KeyError("who knows"))
        error = self.assertRaises(StartFailed, self.service.privilegedStartService)
        self.assertIn("who knows", str(error))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_late(self) -> None:
        """An endpoint that is ready later is waited for."""
        self.daemon.listening = Deferred()
        self.service.privilegedStartService()
        self.service.startService()
        self.assertIn("waiting", "\n".join(formatEvent(event) for event in self.observer))
        self.daemon.listening.callback([])
        self.assertIn("listening on unix:a", "\n".join(formatEvent(event) for event in self.observer))
        self.assertEqual((self.reactor.stopped, self.leaving), (0, []))

    def test_lateFailure(self) -> None:
        """One that fails later stops the reactor, and sees to it that the process does not end with success."""
        self.daemon.listening = Deferred()
        self.service.privilegedStartService()
        self.service.startService()
        self.reactor.running = True
        self.daemon.listening.errback(ListenFailed("taken"))
        self.assertEqual(self.reactor.stopped, 1)
        self.assertEqual(self.critical(), ["taken"])
        [(leave, *arguments)] = self.leaving
        codes: list[int] = []
        self.patch(os, "_exit", codes.append)
        leave(*arguments)
        self.assertEqual(codes, [1])
        self.assertEqual(self.stderr.getvalue(), "jet: taken\n")

    def test_stop(self) -> None:
        """Stopping waits until the daemon is closed."""
        self.daemon.closing = Deferred()
        self.service.privilegedStartService()
        self.service.startService()
        stopped = self.service.stopService()
        self.assertEqual((self.daemon.closed, self.service.running), (1, 0))
        self.assertNoResult(stopped)
        self.daemon.closing.callback(None)
        self.successResultOf(stopped)

    def test_stopWhileWaiting(self) -> None:
        """An endpoint that is still waited for when the service stops is given up, which is no failure."""
        self.daemon.listening = Deferred()
        self.service.privilegedStartService()
        self.service.startService()
        self.successResultOf(self.service.stopService())
        self.assertEqual((self.critical(), self.reactor.stopped, self.leaving), ([], 0, []))

    def test_again(self) -> None:
        """A service that was stopped can be started again."""
        self.service.startService()
        self.successResultOf(self.service.stopService())
        self.service.startService()
        self.assertEqual(len(self.daemon.listened), 2)

    def test_inApplication(self) -> None:
        """It is started and stopped with the application that it belongs to."""
        application = Application("jet")
        self.service.setServiceParent(application)
        IService(application).privilegedStartService()
        IService(application).startService()
        self.assertEqual(len(self.daemon.listened), 1)
        IService(application).stopService()
        self.assertEqual(self.daemon.closed, 1)
