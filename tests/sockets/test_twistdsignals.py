"""
C{twistd jet} under a service manager: signals, notifications, sockets that it
was given.
"""

from __future__ import annotations

import json
import re
import socket
import tempfile
from pathlib import Path
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IReactorUNIXDatagram
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater

from jetjstp import jstp
from tests.sockets.twistdchildren import LOOPBACK, TWISTD, Child, TwistdTestCase, reactor

ACTIVATED = f"import os; os.environ['LISTEN_PID'] = str(os.getpid()); {TWISTD}"
"""What systemd does between fork and exec, which nobody else can."""

RELOADING_POLICY = """
from twisted.internet.defer import succeed
from twisted.plugin import IPlugin
from zope.interface import implementer

from jetjstp.interfaces import IAuthPolicy, IAuthPolicyFactory


@implementer(IAuthPolicy)
class Policy:
    def __init__(self, path):
        self.path = path
        self.reload()

    def reload(self):
        with open(self.path) as file:
            if "broken" in file.read():
                raise ValueError(self.path + " is broken; mend it")

    def login(self, user, password, address):
        return succeed(None)


@implementer(IPlugin, IAuthPolicyFactory)
class Factory:
    name = "reloading"
    help = "reloading:FILE"

    def make(self, argument, reactor):
        return Policy(argument)


reloading = Factory()
"""
"""A plugin with a policy that can be read anew."""


class Manager(DatagramProtocol):
    """A service manager: what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._wanted: list[tuple[str, Deferred[str]]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Keep it, and look whether somebody waits for it."""
        self.told.append(datagram.decode("utf-8"))
        for wanted in self._wanted[:]:
            if re.search(wanted[0], self.told[-1]):
                self._wanted.remove(wanted)
                wanted[1].callback(self.told[-1])

    def next(self, pattern: str) -> Deferred[str]:
        """The next datagram that has the pattern."""
        found: Deferred[str] = Deferred()
        self._wanted.append((pattern, found))
        return found


class Browser(WebSocketClientProtocol):
    """A WebSocket client that tells how it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: Deferred[None] = Deferred()
        self.closed: Deferred[int | None] = Deferred()

    def onOpen(self) -> None:
        """The handshake is done."""
        self.opened.callback(None)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        """The connection is closed."""
        self.closed.callback(code)


class SignalTests(TwistdTestCase):
    """Signals."""

    async def test_hangUp(self) -> None:
        """SIGHUP reads the users anew, keeps the old ones if the new ones are broken, and never ends the process."""
        self.write("twisted/plugins/reloading_policy.py", RELOADING_POLICY)
        self.write("users", "good")
        child = self.jet("--listen", LOOPBACK, "--auth-policy", "reloading:users")
        port = int(await child.find(r"listening on 127\.0\.0\.1:(\d+) \(TCP\)"))
        await child.find("(started: )")
        self.signal(child, "HUP")
        await child.find("(reloaded: policy=reloading dropped=0)")
        self.write("users", "broken")
        self.signal(child, "HUP")
        await child.find(r'(#error\] not-reloaded: policy=reloading reason="users is broken; mend it; the users stay)')
        self.assertEqual((await self.ask(port, {"id": 1, "method": "info"}))[0]["result"]["name"], "jetjstp")
        await self.stop(child)

    async def test_terminalGone(self) -> None:
        """A daemon in the foreground goes with its terminal, in order; a SIGHUP by hand is none of that."""
        child = self.twistd("-n", "--pidfile=", "--logfile=log", "jet", "--listen", LOOPBACK, isOnTerminal=True)
        log = self.folder / "log"
        while "started: " not in (log.read_text() if log.exists() else ""):
            await deferLater(reactor, 0.05)
        self.signal(child, "HUP")
        while "not-reloaded: " not in log.read_text():
            await deferLater(reactor, 0.05)
        self.assertFalse(child.ended.called)
        cast(Any, child.transport).loseConnection()
        await child.ended
        self.assertIn("stopped: command=jet", log.read_text())

    async def test_nothingToReload(self) -> None:
        """Where there is nothing to be read anew, SIGHUP says so; the log of values is there as JSON, too."""
        child = self.twistd("-n", "--pidfile=", "--logger", "jsonlog.observer", "jet", "--listen", LOOPBACK)
        self.assertEqual((await child.ended)[0], 1)  # there is no such observer yet
        self.write(
            "jsonlog.py",
            "import sys\n"
            "from twisted.logger import jsonFileLogObserver\n"
            "def observer():\n"
            "    return jsonFileLogObserver(sys.__stdout__, recordSeparator='')\n",
        )
        child = self.twistd("-n", "--pidfile=", "--logger", "jsonlog.observer", "jet", "--listen", LOOPBACK)
        await child.find('("event": "started")')
        self.signal(child, "HUP")
        await child.find('("event": "not-reloaded")')
        self.signal(child, "TERM")
        self.assertEqual(await child.ended, (None, 15))
        events = {event["event"]: event for event in map(json.loads, child.output.splitlines()) if "event" in event}
        self.assertEqual(list(events), ["started", "not-reloaded", "stopping", "stopped"])
        self.assertIn("--auth-policy", events["not-reloaded"]["reason"])
        self.assertRegex(events["started"]["jet"], r"127\.0\.0\.1:\d+")
        self.assertEqual((events["stopped"]["command"], events["stopped"]["peers"]), ("jet", 0))

    async def test_goodbye(self) -> None:
        """Who is connected when the process is told to end is told that the server goes away."""
        child = self.jet("--listen-websocket", LOOPBACK)
        port = int(await child.find(r"listening on 127\.0\.0\.1:(\d+) \(WebSocket\)"))
        factory = WebSocketClientFactory(f"ws://localhost:{port}", protocols=["jet"])
        factory.protocol = Browser
        browser: Any = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
        await browser.opened
        await self.stop(child)
        self.assertEqual(await browser.closed, 1001)
        self.assertRegex(child.output, r"stopped: command=jet seconds=\S+ peers=1 clients=0")


class ManagerTests(TwistdTestCase):
    """Under systemd."""

    def manager(self) -> tuple[Manager, str]:
        """A manager, and the address where it is told things."""
        # Not in the folder of the test: the path of a socket has to be short.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = str(Path(folder.name) / "notify")
        manager = Manager()
        port = IReactorUNIXDatagram(reactor).listenUNIXDatagram(path, manager, 8192, 0o600)
        self.addCleanup(port.stopListening)
        return manager, path

    async def test_notify(self) -> None:
        """It hears when all ports accept, of each reload, of us in between, and of the end."""
        manager, path = self.manager()
        ready, alive = manager.next("READY=1"), manager.next("WATCHDOG=1")
        child = self.jet(
            *("--listen", LOOPBACK, "--jstp", LOOPBACK),
            environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"},
        )
        status = await ready
        self.assertRegex(status, r"STATUS=serving 127\.0\.0\.1:\d+ \(TCP\), 127\.0\.0\.1:\d+ \(JSTP\)")
        port = int(re.findall(r":(\d+) \(TCP\)", status)[0])
        self.assertEqual(len(await self.ask(port, {"id": 1, "method": "info"})), 1)
        await alive
        reloading, ready = manager.next(r"RELOADING=1\nMONOTONIC_USEC=\d+"), manager.next("READY=1")
        self.signal(child, "HUP")
        await reloading
        await ready
        stopping = manager.next("STOPPING=1")
        await self.stop(child)
        await stopping

    async def test_notReady(self) -> None:
        """Of a start that fails it hears nothing."""
        manager, path = self.manager()
        taken = f"tcp:{self.takenPort()}:interface=127.0.0.1"
        child = self.jet("--listen", taken, environment={"NOTIFY_SOCKET": path})
        await self.assertRefused(child, "in use")
        self.assertEqual(manager.told, [])

    async def test_activation(self) -> None:
        """Sockets that were opened before are served, of Jet and of JSTP; who opened them has decided who may come."""
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        ports = [each.getsockname()[1] for each in sockets]
        child: Child = self.jet(
            *("--listen", "systemd:domain=INET:index=0", "--jstp", "systemd:domain=INET:index=1"),
            program=ACTIVATED,
            environment={"LISTEN_FDS": "2", "LISTEN_FDNAMES": "jet:jstp"},
            files={0: "w", 1: "r", 2: "r", 3: sockets[0].fileno(), 4: sockets[1].fileno()},
        )
        for each in sockets:
            each.close()
        await child.find("(started: )")
        self.assertEqual((await self.ask(ports[0], {"id": 1, "method": "info"}))[0]["result"]["name"], "jetjstp")
        connecting = jstp.net.connect("nothing", None, f"tcp:127.0.0.1:{ports[1]}")
        error: Any = await self.assertFailure(connecting, jstp.RemoteError)
        self.assertEqual(error.code, jstp.ERR_APP_NOT_FOUND)
        await self.stop(child)
