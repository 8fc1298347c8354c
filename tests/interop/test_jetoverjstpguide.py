"""
The programs of docs/howto/jetoverjstp.rst, as they are printed there, in Python and in JavaScript.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from .installation import FOLDER
from .processes import ChildProcess
from .running import NodeTestCase

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "jetoverjstp.rst"

BLOCK = re.compile(r"\.\. code-block:: (?:python|javascript)\n\n    (?:#|//) (\w+\.\w+)\n((?:(?: {4}.*)?\n)+)")


class GuideTests(NodeTestCase):
    """All of them together."""

    def run_(self, name: str, *arguments: str) -> ChildProcess:
        """Run one of the files."""
        program = "node" if name.endswith(".js") else sys.executable
        environment = {"NODE_PATH": str(FOLDER / "node_modules")}
        child = ChildProcess(reactor, [program, str(self.folder / name), *arguments], **environment)
        self.addCleanup(child.kill)
        return child

    async def assertSays(self, child: ChildProcess, *lines: str) -> None:
        """A program prints these lines next."""
        for line in lines:
            self.assertEqual(await child.nextLine(), line)

    async def test_programs(self) -> None:
        """The lamp is switched on by one program and off by the other, and both see it."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        files: dict[str, Any] = dict(BLOCK.findall(GUIDE.read_text("utf-8")))
        self.assertEqual(list(files), ["hall.py", "lamp.py", "watch.py", "watch.js"])
        for name, text in files.items():
            text = text.replace("tcp:3000", "tcp:0").replace("tcp:11122", "tcp:0")
            (self.folder / name).write_text(textwrap.dedent(text), "utf-8")
        port = (await self.run_("hall.py").nextLine() or "").rpartition(" ")[2]
        await self.assertSays(self.run_("lamp.py", port), "lamp/hall is there")
        first = self.run_("watch.py", port)
        await self.assertSays(first, "{'lamp/hall': False}", "{'lamp/hall': True}")
        second = self.run_("watch.js", port)
        await self.assertSays(second, '[["lamp/hall",true]]', '[["lamp/hall",false]]')
        await self.assertSays(first, "{'lamp/hall': False}")
