"""The tutorials, and what the README shows of C{jetctl}, exactly as printed."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, cast

from twisted.internet.error import ProcessExitedAlready
from twisted.trial.unittest import TestCase

from jetjstp import jet

from .sessions import END, ROOT, Shell, Step, makeCommands, reactor, readPage

LOGGING = frozenset({"daemon", "seed"})
"""Terminals that show a log, of which a page has the first lines only."""


class PageTestCase(TestCase):
    """Tests that do what a page says."""

    timeout = 120.0

    def setUp(self) -> None:
        """An empty folder, and no terminals yet."""
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir(parents=True)
        self.commands = self.folder.with_suffix(".bin")
        makeCommands(self.commands)
        self.shells: dict[str, Shell] = {}

    async def shell(self, name: str) -> Shell:
        """The terminal of that name."""
        if name not in self.shells:
            shell = self.shells[name] = Shell(self.folder, self.commands)
            self.addCleanup(self.end, shell)
            await shell.see(END)
        return self.shells[name]

    async def end(self, shell: Shell) -> None:
        """See to it that a shell and what runs in it are gone."""
        shell.interrupt()
        shell.process.closeStdin()
        try:
            shell.process.signalProcess("HUP")
        except ProcessExitedAlready:
            return
        await shell.ended

    async def perform(self, steps: list[Step]) -> None:
        """The files do, and the terminals show, what a page says, and nothing else."""
        for at, step in enumerate(steps, 1):
            if step.what == "file":
                (self.folder / step.name).write_text(step.text, "utf-8")
                continue
            shell = await self.shell(step.where)
            if step.what == "type":
                shell.type(step.name)
            elif step.what == "end":
                shell.endInput()
            elif step.what == "interrupt":
                shell.interrupt()
                if any(later.where == step.where for later in steps[at:] if later.what == "run"):
                    await shell.see(END)
            elif step.what == "see":
                await shell.see(step.text)
            else:
                shell.type(step.name)
                # What the other terminals run does not end by itself.
                await shell.see(step.text + (END if step.where == "main" else ""))
        for name, shell in self.shells.items():
            if name not in LOGGING:
                self.assertEqual(shell.unseen, "", name)


class TutorialTests(PageTestCase):
    """The tutorials in C{docs/howto}."""

    async def follow(self, page: str, *files: str) -> None:
        """Do all that a page says, which has these files."""
        steps = list(readPage((ROOT / "docs" / "howto" / page).read_text("utf-8")))
        self.assertEqual([step.name for step in steps if step.what == "file"], list(files))
        await self.perform(steps)

    async def test_jet(self) -> None:
        """All of the to-do list works."""
        await self.follow("jet.rst", "todo.py", "shown.py")

    async def test_jstp(self) -> None:
        """All of the chat works."""
        await self.follow("jstp.rst", "chatserver.py", "listen.py", "say.py")

    async def test_smokesignal(self) -> None:
        """All of the chat without a server works."""
        await self.follow("smokesignal.rst", "chat.py")


class MeshTests(PageTestCase):
    """C{docs/howto/tcpnet.rst}."""

    async def test_mesh(self) -> None:
        """All of it works; the service has a name of its own, as somebody else may be testing on this network."""
        steps = list(readPage((ROOT / "docs" / "howto" / "tcpnet.rst").read_text("utf-8")))
        self.assertEqual([step.name for step in steps if step.what == "file"], ["mesh.py", "lines.py", "test_mesh.py"])
        name = f"t{secrets.token_hex(6)}"
        for where in {step.where for step in steps}:
            shell = await self.shell(where)
            shell.type(f"export MESH={name} PYTHONUNBUFFERED=1")
            await shell.see(END)
        await self.perform(steps)


class ReadmeTests(PageTestCase):
    """C{README.rst}."""

    async def test_commands(self) -> None:
        """What it shows works, with a daemon on another port than the usual one, which may be taken."""
        daemon = jet.Daemon(reactor=reactor)
        self.addCleanup(daemon.close)
        [port] = await daemon.listen(endpoints=["tcp:0:interface=127.0.0.1"])
        url = f"jet://127.0.0.1:{cast(Any, port.getHost()).port}"
        steps = list(readPage((ROOT / "README.rst").read_text("utf-8")))
        files = [step.name for step in steps if step.what == "file"]
        self.assertEqual(files, ["sums.py", "node.py"])
        shown = [step.where for step in steps if step.what != "file"]
        self.assertEqual(shown, ["owner", "main", "main", "main", "owner", "main"])
        for where in ("owner", "main"):
            shell = await self.shell(where)
            shell.type(f"export JETCTL_URL={url}")
            await shell.see(END)
        await self.perform(steps)
