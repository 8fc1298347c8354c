"""The units of systemd."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from jetjstp import jet
from jetjstp.policies.passwords import hashPassword

from .units import UnitProcess, reactor, readUnit

ROOT = Path(__file__).resolve().parent.parent.parent
UNITS = ROOT / "deploy" / "systemd"

TWISTD = f"{sys.executable} -c 'from twisted.scripts.twistd import run; run()'"

CONFIG = """\
listen = ["systemd:domain=INET6:index=0"]
listen-websocket = ["systemd:domain=INET6:index=1"]
jstp = ["unix:{folder}/jstp.sock"]
auth-policy = "users:{folder}/users.json"
session-storage = "sqlite:{folder}/sessions.sqlite"
"""


def require(program: str) -> str:
    """The path of a program, without which the test is skipped."""
    found = shutil.which(program)
    if found is None:
        raise SkipTest(f"no systemd here: {program} is missing")
    return found


class FilesTests(SynchronousTestCase):
    """The files, as systemd's own programs see them."""

    def setUp(self) -> None:
        """A folder."""
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()

    def run_(self, *command: str) -> str:
        """Run a program, which succeeds; what it prints."""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_units(self) -> None:
        """systemd finds nothing to complain of in the units."""
        analyze = require("systemd-analyze")
        for unit in ("jet.service", "jet.socket"):
            text = (UNITS / unit).read_text("utf-8")
            # Its program is not on this machine.
            (self.folder / unit).write_text(text.replace("/opt/jet/bin/twistd", sys.executable), "utf-8")
        units = [str(self.folder / "jet.service"), str(self.folder / "jet.socket")]
        self.assertEqual(self.run_(analyze, "verify", "--man=no", *units), "")

    def test_rights(self) -> None:
        """What the service might do to the rest of the machine is little, by systemd's own reckoning."""
        analyze = require("systemd-analyze")
        arguments = ["security", "--offline=true", "--no-pager", "--threshold=20"]
        output = self.run_(analyze, *arguments, str(UNITS / "jet.service"))
        self.assertRegex(output, r"Overall exposure level for jet\.service: 1\.\d OK")

    def test_user(self) -> None:
        """The user of the service is made."""
        sysusers = require("systemd-sysusers")
        shutil.copy(UNITS / "jet.sysusers", self.folder / "jet.conf")
        target = self.folder / "etc" / "sysusers.d"
        target.mkdir(parents=True)
        shutil.copy(UNITS / "jet.sysusers", target / "jet.conf")
        self.run_(sysusers, f"--root={self.folder}", "jet.conf")
        [user] = (self.folder / "etc" / "passwd").read_text().splitlines()
        self.assertRegex(user, r"^jet:.*:/var/lib/jet:\S*nologin$")
        self.assertIn("User=jet\n", (UNITS / "jet.service").read_text("utf-8"))


class ServiceTests(TestCase):
    """The daemon below the units."""

    timeout = 60

    def setUp(self) -> None:
        """A folder in which everything is; the paths of sockets have to be short."""
        self.folder = Path(tempfile.mkdtemp(prefix="jet-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "jet.toml").write_text(CONFIG.format(folder=self.folder))
        self.writeUsers("ann")

    def writeUsers(self, *names: str) -> None:
        """These are the users."""
        users = {name: {"password": hashPassword("s3cret"), "auth": {"fetchGroups": ["staff"]}} for name in names}
        (self.folder / "users.json").write_text(json.dumps(users))

    def unit(self) -> UnitProcess:
        """The service and its sockets, with the paths that are here."""
        text = (UNITS / "jet.service").read_text("utf-8")
        for path, ours in (
            ("/opt/jet/bin/twistd", TWISTD),
            ("/etc/jet", str(self.folder)),
            ("/var/lib/jet", str(self.folder)),
            # Not much shorter: what we do not read in time is lost, and hashing a password keeps us from it.
            ("WatchdogSec=30", "WatchdogSec=1"),
        ):
            self.assertIn(path, text)
            text = text.replace(path, ours)
        sockets = readUnit((UNITS / "jet.socket").read_text("utf-8"))["Socket"]["ListenStream"]
        process = UnitProcess(readUnit(text), self.folder, [0 for _ in sockets], str(ROOT))
        self.addCleanup(process.kill)
        return process

    async def login(self, url: str, user: str) -> Any:
        """What a daemon says of the user that logs in."""
        peer = jet.Peer(url, user=user, password="s3cret", reconnect=False, reactor=reactor)
        self.addCleanup(peer.close)
        await peer.connect()
        return peer.access

    async def test_life(self) -> None:
        """The daemon takes the sockets, says that it is ready and alive, reads users anew, and ends when it is told."""
        service = self.unit()
        await service.start()
        tcp, webSocket = service.ports
        for url in (f"jet://127.0.0.1:{tcp}", f"ws://127.0.0.1:{webSocket}"):
            self.assertEqual(await self.login(url, "ann"), {"fetchGroups": ["staff"]})
        await self.assertFailure(self.attempt(f"jet://127.0.0.1:{tcp}", "bob"), jet.InvalidUser)
        await service.messages.said("WATCHDOG=1")
        self.writeUsers("ann", "bob")
        await service.reload()
        self.assertEqual(await self.login(f"jet://127.0.0.1:{tcp}", "bob"), {"fetchGroups": ["staff"]})
        await service.stop()
        self.assertIn("STOPPING=1", service.messages.lines)
        # systemd takes SIGTERM for a clean end.
        self.assertEqual(service.status, (None, signal.SIGTERM))
        self.assertNotIn("Traceback", service.log)
        self.assertNotIn("s3cret", service.log)

    def attempt(self, url: str, user: str) -> Any:
        """A login as a Deferred."""
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(self.login(url, user))

    async def test_socketActivated(self) -> None:
        """What systemd itself hands over is taken: its program that tries this out starts the daemon."""
        activate = require("systemd-socket-activate")
        path = self.folder / "jet.sock"
        arguments = ["-n", "--pidfile=", "jet", "--listen", "systemd:domain=UNIX:index=0"]
        program = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
        process = subprocess.Popen(
            # The service manager names them itself; Twisted wants names.
            [
                activate,
                "--listen",
                str(path),
                "--fdname=jet.socket",
                f"--setenv=PYTHONPATH={ROOT}",
                *program,
                *arguments,
            ],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

        def end() -> None:
            process.kill()
            process.communicate()

        self.addCleanup(end)
        while not path.exists():
            await deferLater(reactor, 0.02)
        peer = jet.Peer(f"unix:{path}", reconnect=False, reactor=reactor)
        self.addCleanup(peer.close)
        await peer.connect()
        assert peer.daemonInfo is not None
        self.assertEqual(peer.daemonInfo["name"], "jetjstp")
        await peer.close()
        process.terminate()
        self.assertEqual(process.wait(20), -signal.SIGTERM)
