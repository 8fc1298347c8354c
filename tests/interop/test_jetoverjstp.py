"""Clients of npm's JSTP package on a bus, with a peer of node-jet on the same daemon."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, fail, succeed

from jetjstp import jstp
from jetjstp.gateway.application import BusApplication
from jetjstp.interfaces import Identity, UnknownUser

from .jstprunning import JstpTestCase
from .loopback import ANY_PORT, portNumber

reactor: Any = globalReactor

LEVEL = {"path": "tank/level", "event": "add"}

EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "peer owns": [
        ("info", "full"),
        ("get", [{**LEVEL, "value": 3}]),
        ("fetch", "level"),
        ("set", True),
        ("wanted", 5),
        ("invoke", 3),
        (
            "heard",
            [
                ["level", "add", "tank/level", 3],
                ["level", "change", "tank/level", 4],
                ["level", "change", "tank/level", 5],
            ],
        ),
        ("no such path", [-32602, "Invalid params", [{"pathNotExists": "tank/nothing"}]]),
        ("refused", 77),
        ("unfetch", True),
        ("number", 7),
        ("chosen", "fetch-1"),
        ("heard", [[7, 1, None, None], ["fetch-1", "add", "tank/sum", None]]),
    ],
    "proxy": [("result", ["f"]), ("events", [["f", 5]])],
    "client owns": [
        ("add", True),
        ("add", True),
        ("again", [{"pathAlreadyExists": "device/a"}]),
        ("call", ["device/m", [1, "x"]]),
        ("refused", [901, "not that", {"path": "device/a"}]),
        (
            "seen",
            [
                ["add", "device/a", {"on": False}],
                ["add", "device/m", None],
                ["change", "device/a", {"on": True}],
                ["change", "device/a", None],
                ["remove", "device/m", None],
            ],
        ),
    ],
    "no methods": [
        ("error", ["jet.PeerError", "the owner of 'bare' does not take requests: Interface not found (12)"])
    ],
    "survives": [
        (
            "all",
            [
                *(["change", "s/a", value] for value in range(1, 6)),
                ["remove", "s/b", 0],
                ["change", "s/a", 6],
                ["change", "s/a", 7],
            ],
        ),
        ("newest", [["remove", "s/b", 0], ["change", "s/a", 6], ["change", "s/a", 7]]),
    ],
    "presence": [
        (
            "seen",
            [
                ["add", "p/a", 1],
                ["add", "p/b", 2],
                ["remove", "p/a", 1],
                ["remove", "p/b", 2],
                ["add", "p/b", "mine"],
                ["add", "p/a", 1],
            ],
        ),
        ("heard", [["notAdded", "p/b", [-32602, "Invalid params", {"pathAlreadyExists": "p/b"}]]]),
    ],
    "server restarted": [("heard", [["restarted", "level"], ["level", "add", "tank/level", 5]])],
}


class Users:
    """Knows one user."""

    def identify(self, user: str) -> Deferred[Identity | None]:
        """As a policy."""
        return succeed(Identity(user)) if user == "ada" else fail(UnknownUser(user))


class NpmOnTheBusTests(JstpTestCase):
    """What npm's client sees."""

    async def serve(self, transport: str, port: int | None = None) -> int:
        """Serve the bus of the daemon, as another server would; returns the port."""
        bus = BusApplication(self.daemon, Users(), grace=0.3)  # type: ignore[arg-type]
        self.server = (jstp.ws if transport == "ws" else jstp.net).createServer(
            [bus.application],
            authPolicy=lambda connection, application, strategy, given: given[0],
            sessionStorageProvider=self.storage,
        )
        bus.serve(self.server)
        listening = await self.server.listen(ANY_PORT if port is None else f"tcp:{port}:interface=127.0.0.1")
        self.addCleanup(self.server.close)
        self.addCleanup(bus.close)
        return portNumber(listening)

    async def check(self, transport: str) -> None:
        """Run all scenarios over one kind of transport."""
        place = await self.startDaemon()
        self.storage = jstp.SimpleSessionStorageProvider()
        self.addCleanup(self.storage.close)
        port = await self.serve(transport)
        where: list[Any] = [None, f"ws://127.0.0.1:{port}/"] if transport == "ws" else [port, "127.0.0.1"]
        child = self.startNode("jetoverjstp.js", {"transport": transport, "jstp": where, "jet": place.tcp})
        seen: dict[str, list[tuple[Any, ...]]] = {}
        while (line := await child.nextLine()) is not None:
            if line == '"restart"':
                await self.server.close()
                await self.serve(transport, port)
                child.tell("")
                continue
            scenario, *observation = json.loads(line)
            seen.setdefault(scenario, []).append(tuple(observation))
        self.assertEqual(list(seen), list(EXPECTED))
        for scenario, expected in EXPECTED.items():
            self.assertEqual(seen[scenario], expected, scenario)

    async def test_bus(self) -> None:
        """Everything works, in both directions, and subscriptions survive lost connections and servers."""
        await self.check("net")

    async def test_webSocket(self) -> None:
        """The same over WebSocket."""
        await self.check("ws")
