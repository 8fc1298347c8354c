"""
Nodes in processes of their own that find each other by multicast on loopback.
"""

from __future__ import annotations

import secrets
import sys
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.interop.processes import ChildProcess
from tests.sockets.childdaemon import ROOT

reactor = cast(Any, globalReactor)

LOOPBACK = "127.0.0.1"


class ChildNode(ChildProcess):
    """
    A node.

    @ivar uuid: Its uuid.
    @ivar port: Where it listens.
    """

    def __init__(self, name: str, address: str, uuid: str, prefix: tuple[str, ...] = ()) -> None:
        self.uuid = uuid
        self.port = 0
        command = [*prefix, sys.executable, "-m", "tests.sockets.meshnode", name, address, uuid]
        super().__init__(reactor, command, PYTHONPATH=str(ROOT))

    async def listening(self) -> None:
        """It listens."""
        line = await self.nextLine()
        assert line is not None and line.startswith("listening "), line
        self.port = int(line.split()[1])

    async def connectedWith(self, *others: ChildNode) -> None:
        """It has heard of just these others, each once."""
        wanted = ["with", *sorted(other.uuid for other in others)]
        while True:
            line = await self.nextLine()
            assert line is not None, "it has ended"
            if line.split() == wanted:
                return

    def sayGoodbye(self) -> None:
        """Let it end by itself."""
        assert self.transport is not None
        self.transport.closeStdin()


async def complete(*nodes: ChildNode) -> None:
    """Each node is connected with all others."""
    waiting = []
    for node in nodes:
        others = [other for other in nodes if other is not node]
        waiting.append(Deferred.fromCoroutine(node.connectedWith(*others)))
    await gatherResults(waiting)


class MeshTests(TestCase):
    """Three processes."""

    timeout = 60.0

    def setUp(self) -> None:
        """A service that no other test has."""
        self.name = f"t{secrets.token_hex(6)}"

    def startNode(self, uuid: str) -> ChildNode:
        """Start a node, which is killed at the end."""
        node = ChildNode(self.name, LOOPBACK, uuid)
        self.addCleanup(node.kill)
        return node

    async def test_healing(self) -> None:
        """Three connect; a goodbye, a kill and restarts with the same uuid, and another port, are all noticed."""
        first, second, third = (self.startNode(uuid) for uuid in ("AA", "BB", "CC"))
        await complete(first, second, third)
        # The one that dials both others, and the one that both others dial, without a goodbye.
        for gone in (third, first):
            await gone.kill()
            others = [node for node in (first, second, third) if node is not gone]
            await complete(*others)
            again = self.startNode(gone.uuid)
            await complete(*others, again)
            if gone is third:
                third = again
            else:
                first = again
        second.sayGoodbye()
        await complete(first, third)
        self.assertIsNone(await self.rest(second))

    async def rest(self, node: ChildNode) -> str | None:
        """What a node says when it ends: it is to end well."""
        while (line := await node.nextLine()) is not None:
            self.assertTrue(line.startswith("with"), line)
        return line
