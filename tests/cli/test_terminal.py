"""C{jetctl} as people use it: on a terminal."""

from __future__ import annotations

from jetjstp import jet

from .running import JetctlTestCase
from .test_pipes import USERS, accepting


class TerminalTests(JetctlTestCase):
    """On a pseudo terminal."""

    async def test_values(self) -> None:
        """One value stands alone, several are aligned with their paths; C{--json} is as in a pipe."""
        await self.startDaemon()
        await self.connect(jet.State("a", {"temp": 20.5}), jet.State("bbb", "ä"), jet.State("long", ["x" * 50] * 2))
        self.assertEnded(await self.jetctl("get", "a", onTerminal=True), 0, '{"temp": 20.5}\r\n')
        self.assertEnded(
            await self.jetctl("get", "bbb", "a", onTerminal=True), 0, 'bbb  "ä"\r\na    {"temp": 20.5}\r\n'
        )
        self.assertEnded(await self.jetctl("get", "a", "--json", onTerminal=True), 0, '{"temp":20.5}\r\n')
        x = "x" * 50
        self.assertEnded(await self.jetctl("get", "long", onTerminal=True), 0, f'[\r\n  "{x}",\r\n  "{x}"\r\n]\r\n')

    async def test_nothingSteersTheTerminal(self) -> None:
        """What is not printable in a path, a value or an error is shown as an escape."""
        await self.startDaemon()
        await self.connect(jet.State("evil\x1b[2J", "\x9b2J\u202e\x7f"))
        ended = await self.jetctl("ls", onTerminal=True)
        self.assertIn('evil\\u001b[2J  state  read only  "\\u009b2J\\u202e\\u007f"', ended.output)
        ended = await self.jetctl("ls", "--json", onTerminal=True)
        self.assertIn('"value":"\\u009b2J\\u202e\\u007f"', ended.output)
        ended = await self.jetctl("get", "x\x1b[2J", onTerminal=True)
        self.assertIn("x\\u001b[2J", ended.output)

    async def test_list(self) -> None:
        """A list is aligned, cut to the width of the terminal, and counted."""
        await self.startDaemon()
        method = jet.Method("devices/42/reset")
        method.on("call", lambda: None)
        await self.connect(jet.State("devices/42/temp", 23.5), accepting("long", "x" * 100), method)
        lines = (await self.jetctl("ls", onTerminal=True)).output.splitlines()
        self.assertEqual(lines[0], "devices/42/reset  method")
        self.assertEqual(lines[1], "devices/42/temp   state   read only  23.5")
        self.assertTrue(lines[2].startswith('long              state              "xxx'), lines)
        self.assertEqual((len(lines[2]), lines[2][-1]), (80, "…"))
        self.assertEqual(lines[3], "jetctl: 3 elements")

    async def test_watch(self) -> None:
        """Marks tell what happens, coloured unless that is not wanted; Ctrl-C ends it with code 130."""
        await self.startDaemon()
        state = jet.State("a", 1)
        peer = await self.connect(state)
        for environment, marks in (
            ({}, ("\x1b[32m+++\x1b[0m", "\x1b[33m===\x1b[0m", "\x1b[31m---\x1b[0m")),
            ({"NO_COLOR": "1"}, ("+++", "===", "---")),
        ):
            child = self.start("watch", onTerminal=True, environment=environment)
            await child.find(r"\+\+\+.* a  1\r\n")
            state.setValue(2)
            await child.find("===.* a  2\r\n")
            await peer.remove(state)
            await child.find("---.* a\r\n")
            await peer.add(state)
            await child.find(r"(?s)---.*\+\+\+")
            child.process.write(b"\x03")
            ended = await child.ended
            self.assertEqual(ended.code, 130)
            for mark in marks:
                self.assertIn(f"{mark} a", ended.output)
            self.assertEqual("\x1b" in ended.output, not environment)
            state.setValue(1)

    async def test_sorted(self) -> None:
        """A sorted list is written over the one before."""
        await self.startDaemon()
        states = [jet.State("a", 1), jet.State("b", 2)]
        await self.connect(*states)
        child = self.start("watch", "--sort", "value", "--descending", "--count", "2", onTerminal=True)
        await child.find("2  a  1\r\n")
        states[0].setValue(3)
        ended = await child.ended
        self.assertEnded(ended, 0, "1  b  2\r\n2  a  1\r\n\x1b[2A\x1b[J1  a  3\r\n2  b  2\r\n")

    async def test_passwordPrompt(self) -> None:
        """The password is asked for, and not shown."""
        await self.startDaemon(users=USERS)
        child = self.start("--user", "ann", "info", onTerminal=True)
        await child.find(f"Password of ann at {self.url}: ")
        child.process.write(b"s3cret\n")
        ended = await child.ended
        self.assertEnded(ended, 0)
        self.assertNotIn("s3cret", ended.output)
        self.assertRegex(ended.output, r"\r\nuser +ann\r\naccess\.fetchGroups +\[\"staff\"\]")

    async def test_interruptedPrompt(self) -> None:
        """Ctrl-C at the prompt ends it with code 130."""
        child = self.start("--user", "ann", "info", onTerminal=True)
        await child.find("Password")
        child.process.write(b"\x03")
        self.assertEnded(await child.ended, 130)

    async def test_newPassword(self) -> None:
        """A new password is asked for twice, and both have to be the same."""
        for second, code, words in ((b"one\n", 0, "ann is added"), (b"two\n", 1, "not the same")):
            file = self.mktemp()
            child = self.start("passwd", file, "ann", onTerminal=True)
            await child.find("New password of ann: ")
            child.process.write(b"one\n")
            await child.find("Once more: ")
            child.process.write(second)
            ended = await child.ended
            self.assertEnded(ended, code)
            self.assertIn(words, ended.output)

    async def test_progress(self) -> None:
        """Long work shows how far it is, and removes that when it is done; figures are aligned."""
        await self.startDaemon()
        ended = await self.jetctl("bench", "set", "-n", "200", onTerminal=True)
        self.assertEnded(ended, 0)
        self.assertIn(" of 200 (", ended.output)
        self.assertRegex(ended.output, r"\x1b\[Kbench +set\r\n")
        self.assertRegex(ended.output, r"\nrequests +200\r\n")
        quiet = await self.jetctl("bench", "call", "-n", "200", "--quiet", onTerminal=True)
        self.assertNotIn(" of 200 (", quiet.output)

    async def test_ping(self) -> None:
        """Times are milliseconds for people."""
        await self.startDaemon()
        ended = await self.jetctl("ping", "--count", "1", onTerminal=True)
        self.assertRegex(ended.output, r"^ +1 +[0-9.]+ ms\r\n")
