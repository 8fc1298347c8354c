"""A daemon, node-jet peers as child processes, and the comparison of what they saw with what they should see."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, TypeVar

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from jetjstp import jet

from .installation import SCRIPTS, missingNodeJet, require
from .loopback import ANY_PORT, portNumber
from .processes import ChildProcess

T = TypeVar("T")

OURS = os.environ.get("JETJSTP_INTEROP_DAEMON") != "node-jet"
"""Whether the peers run on our daemon, or, to check these tests, on that of node-jet."""

# What peers should see: by scenario the observations, each a name and, unless JavaScript has undefined, a value.
Expected = Mapping[str, Sequence[tuple[Any, ...]]]


def differs(ours: T, theirs: T) -> T:
    """A value that is not the same on our daemon and on node-jet's."""
    return ours if OURS else theirs


def _canonical(observation: Any) -> str:
    """As text, in which C{1} and C{True} are not the same."""
    return json.dumps(observation, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True)
class Place:
    """
    Where a daemon listens.

    @ivar tcp: What a node-jet peer is given to reach it over TCP.
    @ivar webSocket: Likewise, over WebSocket.
    """

    tcpPort: int
    wsPort: int

    @property
    def tcp(self) -> dict[str, Any]:
        return {"ip": "127.0.0.1", "port": self.tcpPort}

    @property
    def webSocket(self) -> dict[str, Any]:
        return {"url": f"ws://127.0.0.1:{self.wsPort}"}


class NodeTestCase(TestCase):
    """Tests that need node-jet. Every process and every daemon that they start is ended with the test."""

    timeout = 90.0
    daemon: jet.Daemon

    def setUp(self) -> None:
        """Skip where node-jet cannot be run."""
        require(missingNodeJet())

    async def startDaemon(
        self,
        *,
        users: dict[str, Any] | None = None,
        fetchMode: Literal["full", "simple"] = "full",
        tokens: dict[str, Any] | None = None,
        pingInterval: float = 5.0,
    ) -> Place:
        """
        Start a daemon on loopback, ours unless the environment says otherwise.

        @param pingInterval: Seconds.
        @param tokens: Authentication objects by the C{Authorization} header of WebSocket upgrade requests; all else is
            refused.
        """
        if not OURS:
            return await self._startReference(
                users=users, features={"fetch": fetchMode}, tokens=tokens, pingInterval=pingInterval
            )
        self.daemon = jet.Daemon(users=users, fetchMode=fetchMode, reactor=reactor)
        self.addCleanup(self.daemon.close)
        tcp, webSocket = await self.daemon.listen(
            endpoints=(ANY_PORT,),
            wsEndpoints=(ANY_PORT,),
            wsPingInterval=pingInterval,
            wsGetAuthentication=None
            if tokens is None
            else lambda info: tokens.get(info.headers.get("authorization", "")),
        )
        return Place(portNumber(tcp), portNumber(webSocket))

    async def _startReference(self, **options: Any) -> Place:
        given = {name: value for name, value in options.items() if value is not None}
        child = self.startNode("reference.js", given)
        line = await child.nextLine()
        assert line is not None
        return Place(*json.loads(line))

    def startNode(self, script: str, argument: Any) -> ChildProcess:
        """Run a script of the C{node} folder, with one argument as JSON."""
        child = ChildProcess(reactor, ["node", str(SCRIPTS / script), json.dumps(argument)])
        self.addCleanup(child.kill)
        return child

    async def nextObservation(self, child: ChildProcess) -> tuple[Any, ...]:
        """The next observation of a script that has one scenario: its name and, if there is one, its value."""
        line = await child.nextLine()
        self.assertIsNotNone(line, "the script has ended too early")
        assert line is not None
        return tuple(json.loads(line)[1:])

    async def assertObserves(self, child: ChildProcess, *expected: tuple[Any, ...]) -> None:
        """The script's next observations are these."""
        for observation in expected:
            self.assertEqual(_canonical(await self.nextObservation(child)), _canonical(observation))

    async def assertEnds(self, child: ChildProcess) -> None:
        """The script says no more and ends without error."""
        self.assertIsNone(await child.nextLine())

    async def assertSees(self, script: str, settings: Any, expected: Expected) -> None:
        """Run a script of many scenarios to its end; every scenario saw what it should."""
        child = self.startNode(script, settings)
        seen: dict[str, list[Any]] = {}
        while (line := await child.nextLine()) is not None:
            scenario, *observation = json.loads(line)
            seen.setdefault(scenario, []).append(observation)
        self.assertEqual(list(seen), list(expected), "not the scenarios that were expected")
        wrong = [
            f"{scenario}:\n  expected {_canonical(one)}\n  saw      {_canonical(other)}"
            for scenario in expected
            for one, other in zip_longest(expected[scenario], seen[scenario])
            if _canonical(one) != _canonical(other)
        ]
        if wrong:
            self.fail(f"{script}, {len(wrong)} observations differ\n" + "\n".join(wrong))
