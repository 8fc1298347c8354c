"""Tests of C{--config}: L{jetjstp.services.configfile} and L{jetjstp.services.optionlayers}."""

from __future__ import annotations

import os
from typing import Any

from twisted.python.usage import UsageError

from jetjstp.jet.limits import Limits
from jetjstp.jstp.limits import Limits as JstpLimits
from jetjstp.services.configfile import ConfigError, nearest, readConfig
from jetjstp.services.jetcommand import Options
from tests.services.commandlines import CommandLineTestCase

TCP = "tcp:1:interface=127.0.0.1"
OTHER = "tcp:2:interface=127.0.0.1"

ALL = f"""
anonymous = true
announce = "kitchen"
auth-policy = "cred:memory:joe:s3cret"
dialect = "3"
fetch-mode = "simple"
jstp = ["{TCP}"]
jstp-websocket = ["{OTHER}"]
listen = ["tcp:3", "unix:a"]
listen-websocket = ["none"]
metrics-group = "admin"
name = "Küche"
origin = ["https://*.example.org", "null"]
session-durability = "always"
session-storage = "memory:"
web = ["unix:web"]
ws-ping = 7

[limits]
message = 1234
path = 99

[jstp-limits]
handshakeTimeout = 2.5
sessions = 10
"""


class ReadingTests(CommandLineTestCase):
    """L{readConfig}."""

    def assertUnreadable(self, path: str, *words: str) -> None:
        """The file cannot be read, for a reason that has all the words, in one line."""
        message = str(self.assertRaises(ConfigError, readConfig, path))
        for word in words:
            self.assertIn(word, message)
        self.assertNotIn("\n", message)

    def test_missing(self) -> None:
        """A file that is not there, or is none, is no configuration."""
        self.assertUnreadable("no-such.toml", "No such file")
        self.assertUnreadable(os.curdir, "cannot be read")
        self.assertUnreadable("a\0b", "cannot be read")

    def test_syntax(self) -> None:
        """A mistake in the file is told with its line."""
        self.assertUnreadable(self.file('name = "a"\nlisten = [1 2]\n'), "not TOML", "line 2")
        self.assertUnreadable(self.file("listen = [1,"), "not TOML", "end of document")
        path = self.file("")
        with open(path, "wb") as file:
            file.write(b'name = "a"\norigin = "\xff"\n')
        self.assertUnreadable(path, "not UTF-8", "line 2")
        self.assertUnreadable(self.file("a = " + "[" * 5000), "nested too deeply")

    def test_size(self) -> None:
        """What is no file of options by its size is not read."""
        self.assertUnreadable(self.file("#" * (1024 * 1024 + 1)), "more than")

    def test_nearest(self) -> None:
        """What may have been meant is told, if anything comes near."""
        self.assertEqual(nearest("lisen", ["listen", "name"]), "; did you mean 'listen'?")
        self.assertEqual(nearest("xyzzy", ["listen", "name"]), "")


class ConfigTests(CommandLineTestCase):
    """C{--config}."""

    def config(self, text: str, *arguments: str) -> Any:
        """The plan of a file with this text, and of a command line."""
        return self.plan("--config", self.file(text), *arguments)

    def assertMistake(self, text: str, *words: str) -> None:
        """A file with this text is an error that names it and has all the words."""
        path = self.file(text)
        self.assertRefused(["--config", path], f"--config {path}: ", *words)

    def test_all(self) -> None:
        """Each option may stand in the file, under its name; two tables have the limits."""
        plan = self.config(ALL)
        self.assertEqual([each.description for each in plan.jet.listeners], ["tcp:3", "unix:a"])
        self.assertEqual(plan.jet.webSocketListeners, [])
        self.assertEqual((plan.jet.dialect, plan.jet.announce, plan.jet.wsPingInterval), ("3", "kitchen", 7.0))
        self.assertEqual((plan.name, plan.fetchMode, plan.metricsGroup), ("Küche", "simple", "admin"))
        self.assertEqual((plan.policyName, plan.origins), ("cred", ["https://*.example.org", "null"]))
        self.assertEqual(plan.limits, Limits(message=1234, path=99))
        self.assertEqual([each.description for each in plan.web], ["unix:web"])
        self.assertEqual([each.description for each in plan.jstp.listeners], [TCP])
        self.assertEqual([each.description for each in plan.jstp.webSocketListeners], [OTHER])
        self.assertEqual((plan.jstp.storageName, plan.jstp.durability), ("memory", "always"))
        self.assertEqual(plan.jstp.limits, JstpLimits(handshakeTimeout=2.5, sessions=10))

    def test_everyOption(self) -> None:
        """There is no option that the file could not have, but those that only look, or name the file."""
        options = Options()
        apart = {"check", "config", "version", "help", "help-auth-policy", "help-session-storage"}
        names = {name.rstrip("=") for name in options.longOpt}
        self.assertEqual(names - apart, set(options.kinds))

    def test_commandLineWins(self) -> None:
        """What the command line says replaces what the file says, lists as a whole; the rest of the file counts."""
        plan = self.config(ALL, "--listen", "tcp:9", "--name", "bath", "--origin", "*", "--listen-websocket", "unix:c")
        self.assertEqual([each.description for each in plan.jet.listeners], ["tcp:9"])
        self.assertEqual([each.description for each in plan.jet.webSocketListeners], ["unix:c"])
        self.assertEqual((plan.name, plan.origins, plan.fetchMode), ("bath", ["*"], "simple"))

    def test_defaultsWin(self) -> None:
        """That a value is the default makes it no less said."""
        plan = self.config('ws-ping = 7\nfetch-mode = "simple"', "--ws-ping", "5.0", "--fetch-mode", "full")
        self.assertEqual((plan.jet.wsPingInterval, plan.fetchMode), (5.0, "full"))

    def test_anywhere(self) -> None:
        """It does not matter where on the command line the file is named."""
        path = self.file('name = "a"')
        self.assertEqual(self.plan("--name", "b", "--config", path).name, "b")
        self.assertEqual(self.plan("--config", path, "--name", "b").name, "b")
        self.assertRefused(["--config", path, "--config", path], "--config", "twice")

    def test_maxMessage(self) -> None:
        """The longest message may be said in two places; the command line counts for more than both of them."""
        self.assertEqual(self.config("max-message = 77").limits, Limits(message=77))
        self.assertEqual(self.config("[limits]\nmessage = 77", "--max-message", "88").limits, Limits(message=88))
        self.assertMistake("max-message = 77\n[limits]\nmessage = 78", "max-message", "[limits]", "drop one")

    def test_falseFlag(self) -> None:
        """A flag that is false is as if it were not there."""
        path = self.file('anonymous = false\nlisten = ["tcp:1"]')
        self.assertRefused(["--config", path], "--listen tcp:1", "--anonymous")

    def test_unknown(self) -> None:
        """A key or a table that is not known is named, with the one that it resembles."""
        self.assertMistake('lisen = ["tcp:1"]', "'lisen'", "did you mean 'listen'?")
        self.assertMistake('listenWebSocket = ["x"]', "'listenWebSocket'", "did you mean 'listen-websocket'?")
        self.assertMistake("xyzzy = 1", "'xyzzy'", "twistd jet --help")
        self.assertMistake("check = true", "'check'")
        self.assertMistake("[limit]\nmessage = 1", "[limit]", "did you mean [limits]?")
        self.assertMistake("[xyzzy]\nmessage = 1", "[xyzzy]", "known are [limits], [jstp-limits]")
        self.assertMistake("[limits]\nmesage = 1", "[limits]", "'mesage'", "did you mean 'message'?")
        self.assertMistake("[jstp-limits]\nxyzzy = 1", "[jstp-limits]", "'xyzzy'", "known are message, ")

    def test_types(self) -> None:
        """A value of the wrong type is told by its key, with what is expected; it is not repeated, it may be secret."""
        self.assertMistake('listen = "tcp:1"', "listen", "a list of texts", "not a text")
        self.assertMistake("origin = [1]", "origin", "a list of texts", "there is a number in it")
        self.assertMistake("name = true", "name", "a text in quotes", "not true or false")
        self.assertMistake("anonymous = 1", "anonymous", "true or false", "not a number")
        self.assertMistake('ws-ping = "5"', "ws-ping", "a number", "not a text")
        self.assertMistake("ws-ping = true", "ws-ping", "a number")
        self.assertMistake("max-message = 1.5", "max-message", "without a fraction")
        self.assertMistake("name = 2026-11-21", "name", "not a date or a time")
        self.assertMistake("limits = 3", "[limits]", "not a number")
        self.assertMistake('[limits]\nmessage = "many"', "message in table [limits]", "a number, not a text")
        self.assertMistake("[limits.message]\na = 1", "message in table [limits]", "not a table")
        secret = self.assertRefused(
            ["--config", self.file('session-storage = ["redis://:s3cret@h"]')], "session-storage"
        )
        self.assertNotIn("s3cret", secret)

    def test_values(self) -> None:
        """A value of no use is told as on the command line, with the file."""
        self.assertMistake("ws-ping = 5000", "ws-ping", "did you mean 5.0?")
        self.assertMistake('fetch-mode = "half"', "fetch-mode 'half'", "full or simple")
        self.assertMistake("[limits]\nmessage = 0", "[limits]", "message", "positive")
        self.assertMistake(
            "[jstp-limits]\nhandshakeTimeout = 3000", "[jstp-limits]", "handshakeTimeout", "did you mean"
        )

    def test_mistakeBehindCommandLine(self) -> None:
        """A mistake in the file is found also where the command line says something else."""
        path = self.file('fetch-mode = "half"')
        self.assertRefused(["--config", path, "--fetch-mode", "full"], "fetch-mode 'half'")

    def test_secrets(self) -> None:
        """A password in the file is never shown."""
        for line in ('session-storage = "redis://:s3cret@host:port"', 'session-storage = "nope:s3cret"'):
            path = self.file(f'jstp = ["{TCP}"]\n{line}')
            error = self.assertRaises(UsageError, self.parse, "--config", path)
            self.assertIn("--session-storage", str(error))
            self.assertNotIn("s3cret", str(error))
