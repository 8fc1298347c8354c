"""A mesh with a node that is none of ours: npm C{multicast-dns} and plain sockets, on the loopback interface."""

from __future__ import annotations

import json
import secrets
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from jetjstp import tcpnet

from .installation import SCRIPTS, missingNodeJet, require
from .processes import ChildProcess

reactor = cast(Any, globalReactor)

LOOPBACK = "127.0.0.1"


class ForeignNodeTests(TestCase):
    """One node of ours, one of theirs."""

    timeout = 60.0

    def setUp(self) -> None:
        require(missingNodeJet())
        self.name = f"t{secrets.token_hex(6)}"
        self.heard: list[bytes] = []

    def startForeign(self, uuid: str, dials: bool) -> ChildProcess:
        """Start one of theirs."""
        settings = {"type": f"_{self.name}._tcp", "uuid": uuid, "dials": dials}
        child = ChildProcess(reactor, ["node", str(SCRIPTS / "mdns.js"), json.dumps(settings)])
        self.addCleanup(child.kill)
        return child

    async def startOurs(self, uuid: str) -> tcpnet.Service:
        """Start one of ours."""
        service = tcpnet.Service({"name": self.name, "uuid": uuid}, self.connected, reactor=reactor)
        service.on("error", lambda error: None)
        self.addCleanup(service.close)
        await service.listen(0, LOOPBACK)
        return service

    def connected(self, connection: tcpnet.Connection) -> None:
        """Answer a greeting."""
        connection.on("error", lambda error: None)
        connection.on("data", self.heard.append)
        connection.write(b"hello from Python")

    async def sees(self, child: ChildProcess, wanted: str) -> list[Any]:
        """The next observation of that name."""
        while True:
            line = await child.nextLine()
            self.assertIsNotNone(line, "it has ended")
            observation: list[Any] = json.loads(line or "")
            if observation[0] == wanted:
                return observation[1:]

    async def test_weDial(self) -> None:
        """Ours finds and dials theirs, whichever is there first; after a goodbye and a return, again."""
        child = self.startForeign("BEEF01", False)
        [port] = await self.sees(child, "listening")
        ours = await self.startOurs("AA01")
        self.assertEqual(await self.sees(child, "accepted"), ["hello from Python"])
        self.assertEqual(ours.services, {"BEEF01": tcpnet.Address(port, (LOOPBACK,))})
        [connection] = ours.connections
        self.assertEqual((connection.remoteUuid, connection.dialled), ("BEEF01", True))
        child.tell("goodbye")
        while ours.services or ours.connections:
            await deferLater(reactor, 0.01)
        again = self.startForeign("BEEF01", False)
        self.assertEqual(await self.sees(again, "accepted"), ["hello from Python"])
        self.assertEqual(self.heard, [b"hello from node"] * 2)

    async def test_theyDial(self) -> None:
        """Theirs finds our announcement, dials us, and hears our goodbye; ours knows who it is."""
        ours = await self.startOurs("BB01")
        child = self.startForeign("0A", True)
        address = ours.address()
        assert address is not None
        self.assertEqual(await self.sees(child, "found"), ["BB01", address.port, LOOPBACK])
        self.assertEqual(await self.sees(child, "dialled"), ["hello from Python"])
        while not self.heard or not ours.services:
            await deferLater(reactor, 0.01)
        [connection] = ours.connections
        self.assertFalse(connection.dialled)
        self.assertEqual(list(ours.services), ["0A"])
        await ours.close()
        self.assertEqual(await self.sees(child, "gone"), ["BB01"])

    async def test_otherCase(self) -> None:
        """Names of services are compared without case, as everywhere in the DNS."""
        self.name = self.name.upper()
        child = self.startForeign("BEEF01", False)
        await self.sees(child, "listening")
        self.name = self.name.lower()
        await self.startOurs("AA01")
        self.assertEqual(await self.sees(child, "accepted"), ["hello from Python"])
