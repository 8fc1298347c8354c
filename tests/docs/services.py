"""
C{systemctl}, and what else of systemd a page uses, on a machine where none of it may be touched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.deploy.units import UnitProcess, readUnit

__all__ = ["Services", "makeSysusers"]


class Services:
    """
    Units in a folder, which C{systemctl} starts.

    @ivar log: What their processes have written.
    """

    def __init__(self, folder: Path, scratch: Path, mapped: Callable[[str], str]) -> None:
        """
        @param folder: Where the units are.
        @param scratch: For sockets: its path has to be short.
        @param mapped: Changes the paths in a unit.
        """
        self.log = ""
        self._folder = folder
        self._scratch = scratch
        self._mapped = mapped
        self._running: dict[str, UnitProcess] = {}

    async def systemctl(self, words: list[str]) -> None:
        """Do what a command says, which is silent."""
        action, *names = [word for word in words if word != "--now"]
        if action == "daemon-reload":
            return
        [name] = names
        if action == "reload":
            await self._running[name].reload()
        if action in ("stop", "restart"):
            await self._stop(name)
        if action in ("enable", "restart"):
            await self._start(name)
        if action not in ("reload", "stop", "restart", "enable"):
            raise AssertionError(f"systemctl {action} is not known here")

    async def _start(self, name: str) -> None:
        text = self._mapped((self._folder / name).read_text("utf-8"))
        self._running[name] = process = UnitProcess(readUnit(text), self._scratch)
        await process.start()

    async def _stop(self, name: str) -> None:
        process = self._running.pop(name)
        await process.stop()
        self.log += process.log

    async def end(self) -> None:
        """See to it that nothing runs."""
        for process in self._running.values():
            await process.kill()


def makeSysusers(commands: Path, root: Path) -> None:
    """Put C{systemd-sysusers} into a folder of commands: it works below another root, where it can."""
    program = (os.geteuid() == 0 and shutil.which("systemd-sysusers")) or "true"
    file = commands / "systemd-sysusers"
    file.write_text(f'#!/bin/sh\nexec "{program}" --root="{root}" "$@"\n')
    file.chmod(0o755)
