"""C{jetctl add} and C{jetctl serve}: what they put on the bus, and how shell commands answer for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from jetjstp import jet

from .running import Jetctl, JetctlTestCase, reactor
from .test_pipes import USERS


class HoldingTestCase(JetctlTestCase):
    """Tests with a daemon and a peer that uses what is put there."""

    async def hold(self, *arguments: str, **options: Any) -> Jetctl:
        """Run a command that adds something, until it is there."""
        child = self.start(*arguments, **options)
        await child.find("Ctrl-C")
        return child

    async def stop(self, child: Jetctl) -> Any:
        """Interrupt a command."""
        child.process.signalProcess("INT")
        return await child.ended

    async def assertFails(self, request: Any, kind: type[Exception], *words: str) -> None:
        """A request fails with that error, whose message has the words."""
        error = await self.assertFailure(request, kind)
        for word in words:
            self.assertIn(word, str(error))


class AddTests(HoldingTestCase):
    """C{jetctl add}."""

    async def test_readOnly(self) -> None:
        """A state is there until the command is interrupted; nobody sets it."""
        await self.startDaemon()
        peer = await self.connect()
        child = await self.hold("add", "hosts/one", "-", given=b'{"cpu":0.2}')
        [found] = await peer.get("hosts/one")
        self.assertEqual((found.value, found.fetchOnly), ({"cpu": 0.2}, True))
        await self.assertFails(peer.set("hosts/one", 1), jet.FetchOnly)
        ended = await self.stop(child)
        self.assertEnded(ended, 130, "")
        self.assertEqual(await peer.get("hosts/one"), [])

    async def test_accept(self) -> None:
        """With C{--accept} everybody sets it, and each value is printed."""
        await self.startDaemon()
        peer = await self.connect()
        child = await self.hold("add", "lamp", "off", "--string", "--accept")
        await peer.set("lamp", {"on": True})
        await peer.set("lamp", None)
        self.assertEqual((await peer.get("lamp"))[0].value, None)
        self.assertEnded(await self.stop(child), 130, '{"on":true}\nnull\n')

    async def test_onSet(self) -> None:
        """A command decides: it accepts, changes the value, or refuses with what it says last."""
        await self.startDaemon()
        peer = await self.connect()
        script = 'read value; case "$value" in 1) ;; 2) echo 22;; 3) echo null;; *) echo no $value >&2; exit 3;; esac'
        child = await self.hold("add", "volume", "0", "--on-set", script)
        for value, becomes in ((1, 1), (2, 22), (3, None)):
            self.assertEqual(await peer.set("volume", value, valueAsResult=True), becomes)
        await self.assertFails(peer.set("volume", 4), jet.PeerError, "exit status 3: no 4")
        self.assertEqual((await peer.get("volume"))[0].value, None)
        ended = await self.stop(child)
        self.assertEnded(ended, 130, "1\n22\nnull\n")
        self.assertIn("jetctl: volume: the command failed with exit status 3: no 4", ended.errors)

    async def test_access(self) -> None:
        """Groups say who may see and set it."""
        await self.startDaemon(users=USERS)
        await self.hold("add", "a", "1", "--accept", "--fetch-groups", "staff,admin", "--set-groups", "staff")
        joe = await self.connect(user="joe", password="s3cret")
        stranger = await self.connect()
        self.assertEqual([len(await peer.get({})) for peer in (joe, stranger)], [1, 0])
        await self.assertFails(joe.set("a", 2), jet.Unauthorized)

    async def test_reconnect(self) -> None:
        """After a lost connection the state is there again."""
        await self.startDaemon()
        relay = self.startRelay()
        child = await self.hold("add", "a", "1", environment={"JETCTL_URL": relay.url})
        relay.cut()
        await child.find("connected again")
        peer = await self.connect()
        told: Deferred[jet.Notification] = Deferred()
        fetcher = jet.Fetcher().path("equals", "a")
        fetcher.once("data", told.callback)
        await peer.fetch(fetcher)
        self.assertEqual((await told).value, 1)
        await self.stop(child)


class ServeTests(HoldingTestCase):
    """C{jetctl serve}."""

    async def test_arguments(self) -> None:
        """A single argument is given as it is, others as the list or object of all; its output is the result."""
        await self.startDaemon()
        peer = await self.connect()
        child = await self.hold("serve", "up", "tr a-z A-Z")
        self.assertEqual(await peer.call("up", ["abc"]), "ABC")
        self.assertEqual(await peer.call("up", ["a", 2]), ["A", 2])
        self.assertEqual(await peer.call("up", {"a": "ä"}), {"A": "ä"})
        self.assertEqual(await peer.call("up"), [])
        self.assertEnded(await self.stop(child), 130, "")
        child = await self.hold("serve", "all", "cat", "--all-args")
        self.assertEqual(await peer.call("all", ["abc"]), ["abc"])
        await self.assertFails(peer.call("up", ["abc"]), jet.NotFound)

    async def test_results(self) -> None:
        """Nothing is null, C{--string} takes text as it is, and the command knows the path but no password."""
        await self.startDaemon()
        peer = await self.connect()
        secret = {"JETCTL_PASSWORD": "s3cret"}
        await self.hold("serve", "nothing", "true")
        await self.hold("serve", "text", "--string", 'echo "$JETCTL_PATH,$JETCTL_PASSWORD,"', environment=secret)
        self.assertEqual(await peer.call("nothing"), None)
        self.assertEqual(await peer.call("text"), "text,,")

    async def test_failures(self) -> None:
        """A command that fails, writes no JSON or too much, or takes too long is an error answer; others go on."""
        await self.startDaemon()
        peer = await self.connect()
        script = (
            "read what; case $what in "
            "'\"exit\"') echo why >&2; exit 7;; '\"text\"') echo hello;; '\"much\"') yes;; '\"slow\"') exec sleep 60;; "
            "'\"signal\"') kill -9 $$;; *) echo 1;; esac"
        )
        child = await self.hold("serve", "m", script, "--max-output", "5000", "--time-limit", "2")
        for what, words in (
            ("exit", "exit status 7: why"),
            ("text", "not JSON"),
            ("much", "more than 5000 bytes"),
            ("slow", "longer than 2 s"),
            ("signal", "signal 9"),
        ):
            await self.assertFails(peer.call("m", [what]), jet.PeerError, words)
        self.assertEqual(await peer.call("m", ["fine"]), 1)
        ended = await self.stop(child)
        self.assertEqual(ended.code, 130)
        self.assertIn("jetctl: m: what the command wrote", ended.errors)

    async def test_nothingIsLeft(self) -> None:
        """A command that takes too long is killed with all that it has started."""
        await self.startDaemon()
        peer = await self.connect()
        file = Path(self.mktemp()).resolve()
        script = f"(echo $$ >{file}; sleep 60 & echo $! >>{file}; wait) | cat"
        await self.hold("serve", "m", script, "--time-limit", "0.5")
        await self.assertFails(peer.call("m"), jet.PeerError, "longer than 0.5 s")
        for process in file.read_text().split():
            status = Path(f"/proc/{process}/stat")
            for _ in range(100):
                if not status.exists() or status.read_text().split()[2] == "Z":
                    break
                await deferLater(reactor, 0.02)
            else:
                self.fail(f"process {process} still runs")

    async def test_jobs(self) -> None:
        """No more commands run at a time than C{--jobs} says; the others wait for their turn."""
        await self.startDaemon()
        peer = await self.connect()
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        script = f"cd {folder}; touch $$; ls | wc -l; sleep 0.1; rm $$"
        await self.hold("serve", "m", script, "--jobs", "2")
        counts = await gatherResults([peer.call("m") for _ in range(8)])
        self.assertEqual(max(counts), 2)

    async def test_interrupted(self) -> None:
        """Interrupted, it ends the commands that run; who waits for them is answered with an error."""
        await self.startDaemon()
        peer = await self.connect()
        file = Path(self.mktemp()).resolve()
        child = await self.hold("serve", "m", f"echo $$ >{file}; echo started >&2; exec sleep 60")
        waiting = peer.call("m")
        while not file.exists() or not file.read_text():
            await peer.get("m")
        ended = await self.stop(child)
        self.assertEnded(ended, 130, "")
        await self.assertFailure(waiting, jet.PeerError)
        status = Path(f"/proc/{int(file.read_text())}/stat")
        if Path("/proc/self").exists():
            self.assertTrue(not status.exists() or status.read_text().split()[2] == "Z")


class PasswordFileTests(JetctlTestCase):
    """A users file that C{jetctl passwd} wrote."""

    async def test_login(self) -> None:
        """A daemon lets in who is in the file, with the password of the standard input."""
        file = self.mktemp()
        ended = await self.start("passwd", file, "ann", "--set-groups", "staff", given=b"s3cret\n").ended
        self.assertEnded(ended, 0, "", file, "ann is added")
        await self.startDaemon(users=json.loads(Path(file).read_text()))
        ended = await self.jetctl("--user", "ann", "info", environment={"JETCTL_PASSWORD": "s3cret"})
        self.assertEqual(ended.values[0]["access"]["setGroups"], ["staff"])
