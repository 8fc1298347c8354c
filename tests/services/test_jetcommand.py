"""Tests of L{jetjstp.services.jetcommand}; as child processes: C{tests/sockets/test_twistd.py}."""

from __future__ import annotations

import io
import sys
from typing import cast

from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from jetjstp import __version__
from jetjstp.jet.limits import Limits
from jetjstp.policies.users import UsersPolicy
from jetjstp.services import commonoptions
from jetjstp.services.jetcommand import Options, makeService
from jetjstp.services.running import DaemonService
from tests.services.commandlines import CommandLineTestCase, FakeListener


class OptionsTests(CommandLineTestCase):
    """L{Options}."""

    def places(self, *arguments: str) -> tuple[list[str], list[str]]:
        """The descriptions of both kinds of listeners of a command line."""
        jet = self.plan(*arguments).jet
        assert jet is not None
        return (
            [listener.description for listener in jet.listeners],
            [listener.description for listener in jet.webSocketListeners],
        )

    def test_defaults(self) -> None:
        """Without options both sides are on, on loopback, with the seeds' ports."""
        plan = self.plan()
        self.assertEqual(self.places(), (["tcp:11122:interface=127.0.0.1"], ["tcp:11123:interface=127.0.0.1"]))
        self.assertEqual((plan.name, plan.fetchMode, plan.jet and plan.jet.wsPingInterval), ("jetjstp", "full", 5.0))
        self.assertEqual((plan.limits, plan.policy, plan.origins), (Limits(), None, []))
        self.assertEqual((plan.jstp, plan.web, plan.metricsGroup), (None, [], None))

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

    def test_noInheritedSocket(self) -> None:
        """A socket that systemd should have passed on and has not is told as that."""
        self.assertRefused(["--listen", "systemd:domain=INET:index=0"], "--listen 'systemd:", "socket unit")

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
        return self.file("{}")

    def test_authPolicy(self) -> None:
        """The policy is made while the command line is read."""
        self.assertIsInstance(self.plan("--auth-policy", f"users:{self.usersFile()}").policy, UsersPolicy)

    def test_wrongAuthPolicy(self) -> None:
        """What is wrong with it is told."""
        self.assertRefused(["--auth-policy", "users:no-such.json"], "--auth-policy", "no-such.json", "does not exist")
        self.assertRefused(["--auth-policy", "user:x"], "--auth-policy", "'user'", "users")
        self.assertRefused(["--auth-policy", "users"], "--auth-policy", "users:FILE")
        self.assertRefused(["--auth-policy", "users:a", "--auth-policy", "users:b"], "--auth-policy", "twice")

    def test_plainOptions(self) -> None:
        """The other options have their values."""
        plan = self.plan(
            *("--fetch-mode", "simple", "--name", "Küche 1", "--ws-ping", "2.5", "--max-message", "1024"),
            *("--origin", "https://a.example.org", "--origin=https://*.example.net"),
        )
        assert plan.jet is not None
        self.assertEqual((plan.fetchMode, plan.name, plan.jet.wsPingInterval), ("simple", "Küche 1", 2.5))
        self.assertEqual(plan.limits, Limits(message=1024))
        self.assertEqual(plan.origins, ["https://a.example.org", "https://*.example.net"])

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
            self.assertEqual(self.plan("--max-message", str(size)).limits.message, size)

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


class AnnounceOptionTests(CommandLineTestCase):
    """C{--announce}."""

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
        self.patch(commonoptions, "Listener", FakeListener)
        error = self.assertRaises(UsageError, self.parse, "--announce", "a", "--listen", "ssl:1", "--anonymous")
        self.assertIn("plain TCP", str(error))


class MakeServiceTests(CommandLineTestCase):
    """L{makeService}."""

    def test_real(self) -> None:
        """What twistd gets is a service that runs what was asked for."""
        options = Options()
        options.parseOptions([])
        self.assertIsInstance(makeService(options), DaemonService)

    def test_remarks(self) -> None:
        """It is remarked who may come in when nobody said it."""
        remarks = " ".join(self.plan().remarks)
        self.assertIn("only this machine can connect", remarks)
        self.assertIn("nobody can log in", remarks)

    def test_remarksOnPolicy(self) -> None:
        """The policy is named without its argument, which may be a secret."""
        path = self.file("{}")
        plan = self.plan("--listen", "tcp:1", "--auth-policy", f"users:{path}")
        remarks = " ".join(plan.remarks)
        self.assertIn("the policy 'users'", remarks)
        self.assertNotIn(path, remarks)
        self.assertNotIn("only this machine", remarks)
        self.assertEqual(plan.policyName, "users")


class MetricsGroupTests(CommandLineTestCase):
    """C{--metrics-group}."""

    def test_vain(self) -> None:
        """Where nobody can log in nobody is in a group."""
        self.assertRefused(["--metrics-group", "ops"], "--metrics-group", "nobody can log in", "--auth-policy")


class ClientCaTests(CommandLineTestCase):
    """C{--client-ca}."""

    def test_vain(self) -> None:
        """Certificates are logins: it needs a policy, and a listener with TLS."""
        self.assertRefused(["--client-ca", "ca.pem"], "--client-ca", "--auth-policy")
        policy = ["--auth-policy", f"users:{self.file('{}')}"]
        self.assertRefused(["--client-ca", "ca.pem", "--listen", "unix:a", *policy], "--client-ca", "TLS", "ssl:11122")
