"""C{docs/howto/running.rst}: an administrator sets up a daemon, exactly as printed."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from jetjstp.services.jetoptions import DEFAULT_LISTEN, DEFAULT_LISTEN_WEBSOCKET
from tests.storage.redisserver import RedisServer, requireRedis
from tests.test_packaging import NOT_SOURCES

from .performing import PageTestCase
from .services import Services, makeSysusers
from .sessions import END, ROOT, Shell, Step, readPage

PORTS = ("11122", "11123", "11124", "9100")

FOLDERS = ("/opt/jet", "/etc/jet", "/etc/systemd", "/etc/sysusers.d", "/var/lib/jet")

PYTHON = """\
#!/bin/sh
# "python3 -m venv FOLDER", without the network, and without waiting for pip to be installed; see makeEnvironment.
shift 2
PYTHONPATH="{root}" exec "{python}" -m tests.docs.environments "$@"
"""


def freePort() -> str:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return str(taken.getsockname()[1])


class RunningTests(PageTestCase):
    """The page, with folders and ports in the place of those of the machine."""

    timeout = 300.0

    def setUp(self) -> None:
        """The folders are below a scratch folder, with a short path because of UNIX sockets."""
        super().setUp()
        requireRedis()
        self.root = Path(tempfile.mkdtemp(prefix="jet-"))
        self.addCleanup(shutil.rmtree, self.root)
        for folder in ("/etc/jet", "/etc/sysusers.d", "/etc/systemd/system", "/var/lib/jet", "/opt"):
            (self.root / folder[1:]).mkdir(parents=True)
        shutil.copytree(ROOT, self.folder / "jetjstp", ignore=NOT_SOURCES)
        self.ports = {port: freePort() for port in PORTS}
        self.redis = RedisServer()
        self.redis.start()
        self.addCleanup(self.redis.stop)
        # The commands are those that get installed.
        shutil.rmtree(self.commands)
        self.commands.mkdir()
        python = self.commands / "python3"
        python.write_text(PYTHON.format(root=ROOT, python=sys.executable))
        python.chmod(0o755)
        makeSysusers(self.commands, self.root)
        self.services = Services(self.root / "etc/systemd/system", self.root, self.mapped)
        self.addCleanup(self.services.end)

    def mapped(self, text: str) -> str:
        """A text with our folders and ports, also where a port is the usual one and not named."""
        listen = f"--listen {DEFAULT_LISTEN} --listen-websocket {DEFAULT_LISTEN_WEBSOCKET}"
        text = re.sub(r"(?m)^(    \$ twistd -n jet)$", rf"\1 {listen}", text)
        folders = "|".join(map(re.escape, FOLDERS))
        text = re.sub(rf"(?<![\w.-])({folders})\b", lambda match: f"{self.root}{match[0]}", text)
        text = re.sub(rf"\b({'|'.join(PORTS)})\b", lambda match: self.ports[match[0]], text)
        text = text.replace("/run/redis/redis-server.sock", self.redis.path)
        return text.replace("root:jet", f"{os.getuid()}:{os.getgid()}")

    async def shell(self, name: str) -> Shell:
        """A terminal that knows our port, and nothing of the checkout: what is used is what was installed."""
        isNew = name not in self.shells
        shell = await super().shell(name)
        if isNew:
            shell.type(f"unset PYTHONPATH; export JETCTL_URL=jet://localhost:{self.ports['11122']}")
            await shell.see(END)
        return shell

    async def performOne(self, step: Step, later: list[Step]) -> None:
        """C{systemctl} is done by ourselves."""
        if step.what == "run" and step.name.startswith("systemctl "):
            await self.services.systemctl(step.name.split()[1:])
        else:
            await super().performOne(step, later)

    async def test_page(self) -> None:
        """All of it works, nothing is told that is secret, and nobody has logged a traceback."""
        text = (ROOT / "docs" / "howto" / "running.rst").read_text("utf-8")
        await self.perform(list(readPage(self.mapped(text))))
        self.assertIn("stopped: command=jet", self.services.log)
        for unwanted in ("Traceback", "s3cret", "another\n"):
            self.assertNotIn(unwanted, self.services.log)
