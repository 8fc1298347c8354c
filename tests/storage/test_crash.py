"""What is in an SQLite file after the process that recorded in it was killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import TestCase

from jetjstp.jstp.session import Session
from jetjstp.storage.sqlite import SqliteSessionStorage

ROOT = Path(__file__).resolve().parent.parent.parent

ROUNDS = 6

IDS = [f"session-{number}" for number in range(5)]


class CrashTests(TestCase):
    """SIGKILL at random moments under load."""

    timeout = 120

    async def test_killed(self) -> None:
        """Every record that has fired is there, as a whole, and of others all or nothing; again and again."""
        path = str(Path(self.mktemp()).resolve())
        fired = dict.fromkeys(IDS, 0)
        for turn in range(ROUNDS):
            process = self.spawn(path, f"server {turn}", IDS, ["full", "normal"][turn % 2])
            for id, number in self.recordAndKill(process, IDS).items():
                self.assertGreater(number, fired[id], "nothing was recorded in this round")
                fired[id] = number
            fired = await self.checkAll(path, fired)

    async def test_twoProcesses(self) -> None:
        """Two processes may record in one file; if one is killed, the other goes on; all that has fired is there."""
        path = str(Path(self.mktemp()).resolve())
        mine, others = IDS[:2], IDS[2:]
        process, other = self.spawn(path, "one", mine), self.spawn(path, "other", others)
        fired = self.recordAndKill(process, mine)
        fired |= self.recordAndKill(other, others)
        await self.checkAll(path, fired)

    async def checkAll(self, path: str, fired: dict[str, int]) -> dict[str, int]:
        """Look at all sessions; the numbers of their last records."""
        storage = SqliteSessionStorage(path)
        self.addCleanup(storage.close)
        numbers = {}
        for id in IDS:
            found = await storage.get(id)
            assert found is not None
            numbers[id] = self.check(found, fired[id])
        await storage.close()
        return numbers

    def check(self, session: Session, fired: int) -> int:
        """All of the record that is the last one; at most one may be there that has not fired. Returns its number."""
        number: int = session["number"]
        self.assertIn(number, (fired, fired + 1))
        self.assertEqual(session.receivedCount, number)
        self.assertEqual(session.latestBufferedMessageId, -number)
        self.assertEqual(session.guaranteedDeliveredCount, max(number - 20, 0))
        self.assertEqual(
            session.texts,
            [
                b"{event:[-%d,'e'],x:['%s']}" % (n, b"x" * (n % 2000))
                for n in range(max(number - 20, 0) + 1, number + 1)
            ],
        )
        return number

    def spawn(self, path: str, server: str, ids: list[str], synchronous: str = "full") -> subprocess.Popen[str]:
        """A process that records."""
        command = [sys.executable, "-m", "tests.storage.recordingprocess", path, synchronous, server, *ids]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def recordAndKill(self, child: subprocess.Popen[str], ids: list[str]) -> dict[str, int]:
        """Let a process record for a while; the last number that has fired of each session."""
        assert child.stdout is not None
        fired: dict[str, int] = {}
        try:
            while len(fired) < len(ids):
                self.note(child.stdout.readline(), fired)
            end = time.monotonic() + random.uniform(0, 0.4)
            while time.monotonic() < end:
                self.note(child.stdout.readline(), fired)
        finally:
            child.kill()
            rest = child.stdout.read()
            child.stdout.close()
            child.wait()
        for line in rest.split("\n")[:-1]:
            self.note(line, fired)
        return fired

    def note(self, line: str, fired: dict[str, int]) -> None:
        """Take note of what the process says."""
        id, number = line.split()
        fired[id] = int(number)
