"""C{docs/howto/plugins.rst}: its package is built, installed and used, exactly as printed."""

from __future__ import annotations

from pathlib import Path

from .environments import makeEnvironment
from .performing import PageTestCase
from .sessions import END, ROOT, makeCommands, readPage

FILES = [
    "pyproject.toml",
    "twisted/plugins/jetfolders_choices.py",
    "jetfolders/__init__.py",
    "jetfolders/policy.py",
    "jetfolders/storage.py",
]

VERIFY = """
from twisted.internet import reactor
from twisted.internet.task import react
from twisted.plugin import getPlugins
from zope.interface.verify import verifyObject

import jetfolders
from jetjstp.interfaces import IAuthPolicy, IAuthPolicyFactory, ISessionStorage, ISessionStorageFactory
from jetjstp.jstp.session import Session
from jetjstp.strplugin import makeFromString

for interface in (IAuthPolicyFactory, ISessionStorageFactory):
    [factory] = [factory for factory in getPlugins(interface) if factory.name == "folder"]
    verifyObject(interface, factory)
verifyObject(IAuthPolicy, makeFromString(IAuthPolicyFactory, "folder:people", reactor))
storage = makeFromString(ISessionStorageFactory, "folder:other", reactor)
verifyObject(ISessionStorage, storage)


async def main(reactor):
    await storage.start()
    session = Session("../id", "ann", "chat")
    session["colour"] = "red"
    await storage.set("../id", session)
    print("kept:", (await storage.get("../id"))["colour"], await storage.get("id"))
    await storage.close()
    print("installed:", jetfolders.__file__)


react(main)
"""

JSTP_CLIENT = """
from twisted.internet.task import react

from jetjstp import jstp


async def main(reactor):
    login = jstp.SimpleConnectPolicy("ann", "s3cret")
    client = jstp.Client(connectPolicy=login)
    connection = await jstp.net.connect("jet", client, "unix:jstp.sock")
    print("user:", connection.username)
    await connection.close()


react(main)
"""


class PluginsTests(PageTestCase):
    """The page."""

    def setUp(self) -> None:
        """An environment of its own, as the package is installed into it."""
        super().setUp()
        home = Path(self.mktemp()).resolve()
        python = str(makeEnvironment(home))
        # What mktemp gives is new with each call.
        self.commands = home / "commands"
        makeCommands(self.commands, python)
        (self.commands / "pip").symlink_to(home / "bin" / "pip")
        self.home = home

    async def test_package(self) -> None:
        """The package can be built and installed, twistd lists its plugins, lets its users in, and keeps sessions."""
        steps = list(readPage((ROOT / "docs" / "howto" / "plugins.rst").read_text("utf-8")))
        self.assertEqual([step.name for step in steps if step.what == "file"], FILES)
        await self.perform(steps)
        shell = await self.shell("main")
        (self.folder / "verify.py").write_text(VERIFY)
        shell.type("python -P verify.py")
        await shell.see(f"kept: red None\ninstalled: {self.home}/lib/...\n{END}")
        (self.folder / "client.py").write_text(JSTP_CLIENT)
        shell.type("python client.py && ls kept | wc -l")
        await shell.see(f"user: ann\n1\n{END}")
