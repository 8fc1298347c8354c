"""
A test that does what a page of the documentation says.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from twisted.internet.defer import TimeoutError
from twisted.internet.error import ProcessExitedAlready
from twisted.trial.unittest import TestCase

from .sessions import END, Shell, Step, makeCommands

__all__ = ["PageTestCase"]

LOGGING = frozenset({"daemon", "seed"})
"""Terminals that show a log, of which a page has the first lines only."""


ENDING = 20.0
"""Seconds that a terminal may take to end."""


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
        # Not SIGHUP alone: a daemon reads its users anew then.
        shell.type("exit")
        try:
            await shell.wait(ENDING)
        except TimeoutError:
            shell.process.closeStdin()
            with contextlib.suppress(ProcessExitedAlready):
                shell.process.signalProcess("HUP")
            await shell.wait(ENDING)

    async def perform(self, steps: list[Step]) -> None:
        """The files do, and the terminals show, what a page says, and nothing else."""
        for at, step in enumerate(steps, 1):
            await self.performOne(step, steps[at:])
        for name, shell in self.shells.items():
            if name not in LOGGING:
                self.assertEqual(shell.unseen, "", name)

    async def performOne(self, step: Step, later: list[Step]) -> None:
        """One step, and what is to come."""
        if step.what == "file":
            file = self.folder / step.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(step.text, "utf-8")
            return
        shell = await self.shell(step.where)
        if step.what == "type":
            shell.type(step.name)
        elif step.what == "end":
            shell.endInput()
        elif step.what == "interrupt":
            shell.interrupt()
            # What it said at its end may be shown next; else nothing goes on before it is over.
            if next((each.what for each in later if each.where == step.where), "run") == "run":
                await shell.see(f"...\n{END}" if step.where in LOGGING else END)
        elif step.what == "see":
            await shell.see(step.text)
        else:
            shell.type(step.name)
            # What the other terminals run does not end by itself, but for what another command follows at once.
            isLast = not later or later[0].where != step.where or later[0].what != "run"
            await shell.see(step.text + (END if step.where == "main" or not isLast else ""))
