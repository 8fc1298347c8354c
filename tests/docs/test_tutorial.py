"""The tutorials, and what the README shows of C{jetctl}, exactly as printed."""

from __future__ import annotations

import secrets
from typing import Any, cast

from jetjstp import jet

from .performing import PageTestCase
from .sessions import END, ROOT, reactor, readPage


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
