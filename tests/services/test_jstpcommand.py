"""Tests of L{jetjstp.services.jstpcommand} and of the JSTP side of L{jetjstp.services.jetcommand}."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.python.usage import UsageError

from jetjstp.jstp.applications import Application
from jetjstp.services import jstpoptions
from jetjstp.services.jetcommand import Options as JetOptions
from jetjstp.services.jstpcommand import Options, makeService
from jetjstp.services.jstpoptions import chooseDurability
from jetjstp.services.running import DaemonService, FailingService
from jetjstp.storage.memory import SimpleSessionStorageProvider
from jetjstp.storage.sqlite import SqliteSessionStorage
from tests.services.commandlines import CommandLineTestCase

UNIX = "unix:jstp.sock"

sums = Application("sums", {})
newerSums = Application("sums", {}, version="2.0.0")
both = [sums, newerSums]
stranger = Application("jet", {})


def broken() -> Any:
    """Raise."""
    raise KeyError("who knows")


class SideMixin:
    """Tests of what both commands do."""

    plan: Any
    parse: Any
    assertRefused: Any
    assertEqual: Any
    assertIsInstance: Any
    assertIn: Any
    assertIsNone: Any
    mktemp: Any
    printed: Any
    listen: str

    def side(self, *arguments: str) -> Any:
        """The JSTP side of a command line with a listener."""
        return self.plan(self.listen, UNIX, *arguments).jstp

    def test_listeners(self) -> None:
        """Both kinds of listeners are taken, several of each, and may be none."""
        side = self.side(f"{self.listen}-websocket", "unix:a", f"{self.listen}-websocket", "unix:b")
        self.assertEqual([each.description for each in side.listeners], [UNIX])
        self.assertEqual([each.description for each in side.webSocketListeners], ["unix:a", "unix:b"])
        self.assertEqual(self.plan(f"{self.listen}-websocket", "unix:a").jstp.listeners, [])

    def test_exposure(self) -> None:
        """What others reach needs a policy, or the word that none is wanted: listeners of all kinds."""
        for option in (self.listen, f"{self.listen}-websocket", "--web"):
            arguments = [self.listen, UNIX, option, "tcp:3000"]
            self.assertRefused(arguments, f"{option} tcp:3000", "--auth-policy", "--anonymous")
            self.plan(*arguments, "--anonymous")

    def test_defaults(self) -> None:
        """Without more there are no applications, and sessions are in memory, where nothing is to be recorded."""
        side = self.side()
        self.assertEqual((side.applications, side.storageName, side.durability), ([], "memory", None))
        self.assertIsInstance(side.storage, SimpleSessionStorageProvider)

    def test_applications(self) -> None:
        """Applications are imported: one, several, and what a function gives."""
        here = __name__
        self.assertEqual(self.side("--application", f"{here}:sums").applications, [sums])
        self.assertEqual(self.side("--application", f"{here}:both").applications, both)
        two = ["--application", f"{here}:newerSums", "--application", f"{here}:sums"]
        self.assertEqual(self.side(*two).applications, [newerSums, sums])

    def test_wrongApplications(self) -> None:
        """What is no application, is given twice, or has the name of ours is refused by name."""
        here = __name__

        def refused(*words: str, names: list[str]) -> None:
            arguments = [argument for name in names for argument in ("--application", f"{here}:{name}")]
            self.assertRefused([self.listen, UNIX, *arguments], "--application", *words)

        refused(f"{here}:sum:", "did you mean 'sums'?", names=["sum"])
        refused("'sums'", "twice", "1.0.0", names=["sums", "both"])
        refused(f"{here}:stranger", "'jet'", "another name", names=["stranger"])

    def test_brokenApplication(self) -> None:
        """Code that raises ends the start, not the reading of options: there is a log for the traceback only then."""
        options = self.parse(self.listen, UNIX, "--application", f"{__name__}:broken")
        self.assertIn("KeyError: 'who knows'", options["broken"].message)
        self.assertIn(f"--application {__name__}:broken", options["broken"].message)
        self.assertIsInstance(makeService(options), FailingService)

    def test_brokenApplicationInCheck(self) -> None:
        """With --check it is an error at once."""
        arguments = [self.listen, UNIX, "--application", f"{__name__}:broken", "--check"]
        self.assertRefused(arguments, "--application", "KeyError")

    def test_storage(self) -> None:
        """The storage is made while options are read; it is opened later. It is recorded in every second."""
        path = self.mktemp()
        side = self.side("--session-storage", f"sqlite:{path}")
        self.assertIsInstance(side.storage, SqliteSessionStorage)
        self.assertEqual((side.storageName, side.durability), ("sqlite", "handover"))
        side = self.side("--session-storage", f"sqlite:{path}", "--session-durability", "always")
        self.assertEqual(side.durability, "always")

    def test_wrongStorage(self) -> None:
        """What is wrong with it is told, without what was given: there may be a password in it."""
        refused = self.assertRefused
        refused([self.listen, UNIX, "--session-storage", "sqlite"], "--session-storage", "sqlite:FILE")
        refused([self.listen, UNIX, "--session-storage", "postgres:x"], "'postgres'", "memory, redis, sqlite")
        refused([self.listen, UNIX, "--session-storage", "memory:", "--session-storage", "memory:"], "twice")
        refused([self.listen, UNIX, "--session-durability", "alway"], "'alway'", "did you mean 'always'?")

    def test_help(self) -> None:
        """The help has every option, explained; the storages are listed with the form of their arguments."""
        options = type(self.parse(self.listen, UNIX))()
        text = str(options)
        for name in options.longOpt:
            self.assertIn(f"--{name}", text)
        listed = self.printed("--help-session-storage")
        for form in ("memory:", "sqlite:FILE", "redis:URL"):
            self.assertIn(form, listed)


class JstpCommandTests(SideMixin, CommandLineTestCase):
    """C{twistd jstp}."""

    command = Options
    listen = "--listen"

    def test_nowhere(self) -> None:
        """There is no port that everybody knows: one has to be named."""
        self.assertRefused([], "--listen tcp:3000:interface=127.0.0.1")
        self.assertRefused(["--listen", "none"], "--listen tcp:3000:interface=127.0.0.1")
        self.assertRefused(["--listen", "none", "--listen", UNIX], "contradicts")

    def test_noJet(self) -> None:
        """Jet is not listened for, and what is about that is no option here."""
        self.assertIsNone(self.plan("--listen", UNIX).jet)
        for option in ("--jstp", "--dialect", "--announce", "--ws-ping", "--max-message"):
            self.assertRefused([option, "2"], option.removeprefix("--"))

    def test_config(self) -> None:
        """The file has the names of this command."""
        path = self.file(f'listen = ["{UNIX}"]\n[limits]\npath = 9\n[jstp-limits]\ndepth = 5')
        plan = self.plan("--config", path)
        assert plan.jstp is not None
        self.assertEqual((plan.limits.path, plan.jstp.limits.depth), (9, 5))
        self.assertRefused(["--config", self.file('jstp = ["unix:a"]')], "'jstp'")

    def test_service(self) -> None:
        """What twistd gets is a service that runs what was asked for."""
        self.assertIsInstance(makeService(self.parse("--listen", UNIX)), DaemonService)


class JetCommandTests(SideMixin, CommandLineTestCase):
    """The JSTP side of C{twistd jet}."""

    command = JetOptions
    listen = "--jstp"

    def test_off(self) -> None:
        """Nothing is said of JSTP, so it is not served; what would have no effect then is refused."""
        self.assertIsNone(self.plan().jstp)
        self.assertIsNone(self.plan("--jstp", "none").jstp)
        for option, value in (
            ("--application", f"{__name__}:sums"),
            ("--session-storage", "memory:"),
            ("--session-durability", "always"),
        ):
            self.assertRefused([option, value], option, "--jstp tcp:3000:interface=127.0.0.1")

    def test_jetAsBefore(self) -> None:
        """Jet is where it is without JSTP: on loopback, unless something is said."""
        plan = self.plan("--jstp", UNIX)
        assert plan.jet is not None
        self.assertEqual(len([*plan.jet.listeners, *plan.jet.webSocketListeners]), 2)
        self.assertIsNone(self.plan("--listen", "none", "--listen-websocket", "none", "--jstp", UNIX).jet)


class DurabilityTests(CommandLineTestCase):
    """L{chooseDurability}."""

    class Whole:
        """A storage that keeps whole sessions only."""

        def get(self, id: str) -> None:
            """There is none."""

        def set(self, id: str, session: object) -> None:
            """Forget it."""

    def test_default(self) -> None:
        """What outlives the process is recorded every second, what does not is not; nor what cannot be."""
        path = self.mktemp()
        self.assertEqual(chooseDurability(SqliteSessionStorage(path), None), "handover")
        self.assertIsNone(chooseDurability(SimpleSessionStorageProvider(reactor=Clock()), None))
        self.assertIsNone(chooseDurability(self.Whole(), None))

    def test_wanted(self) -> None:
        """What is wanted is done, in memory too; a storage that cannot do it is refused."""
        memory = SimpleSessionStorageProvider(reactor=Clock())
        self.assertEqual(chooseDurability(memory, "always"), "always")
        error = self.assertRaises(UsageError, chooseDurability, self.Whole(), "always")
        self.assertIn("--session-durability always", str(error))

    def test_thirdParty(self) -> None:
        """A storage of others that keeps whole sessions can be chosen; only recording is refused."""
        self.patch(jstpoptions, "makeFromString", lambda *_: self.Whole())
        side = self.plan("--jstp", UNIX, "--session-storage", "theirs:x").jstp
        assert side is not None
        self.assertIsNone(side.durability)
        self.assertRefused(
            ["--jstp", UNIX, "--session-storage", "theirs:x", "--session-durability", "handover"], "whole sessions"
        )
