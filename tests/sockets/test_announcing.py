"""
C{twistd jet --announce}, C{jetctl discover} and C{jet.Peer(discover=...)}, by real multicast.
"""

from __future__ import annotations

import secrets
import sys
from typing import Any, cast

from twisted.internet import reactor as globalReactor

from jetjstp import jet, tcpnet
from tests.cli.running import JetctlTestCase
from tests.interop.processes import ChildProcess
from tests.sockets.childdaemon import ROOT

reactor = cast(Any, globalReactor)

TWISTD = "from twisted.scripts.twistd import run; run()"


class AnnounceTests(JetctlTestCase):
    """A daemon in a process of its own."""

    async def test_zeroConfiguration(self) -> None:
        """A daemon that is announced is listed, and found by peers; where it listens nobody has to know."""
        name = f"test {secrets.token_hex(4)}"
        arguments = ["-n", "--pidfile=", "jet", "--listen", "tcp:0", "--anonymous", "--announce", name]
        child = ChildProcess(reactor, [sys.executable, "-c", TWISTD, *arguments], PYTHONPATH=str(ROOT))
        self.addCleanup(child.leave)
        while True:
            line = await child.nextLine()
            assert line is not None
            if f"announced as {name}" in line:
                break
        peer = jet.Peer(discover=name, reactor=reactor)
        self.addCleanup(peer.close)
        await peer.connect()
        await peer.add(jet.State("a", 1))
        listed = await self.jetctl("discover", "--json")
        self.assertEqual(listed.code, 0)
        [found] = [each for each in listed.values if each["name"] == name]
        self.assertEqual(found["type"], "_jet._tcp")

    async def test_discoverNodes(self) -> None:
        """The nodes of a service of tcpnet are listed by its name, as text for people; nothing found is no error."""
        service = f"t{secrets.token_hex(6)}"
        node = tcpnet.Service({"name": service, "uuid": "AB01"}, reactor=reactor)
        self.addCleanup(node.close)
        address = await node.listen(0, "127.0.0.1")
        options = ("discover", service, "--address", "127.0.0.1", "--wait", "1.0")
        ended = await self.jetctl(*options, "--json")
        self.assertEqual(
            ended.values,
            [{"name": "AB01", "type": f"_{service}._tcp", "addresses": ["127.0.0.1"], "port": address.port}],
        )
        shown = await self.jetctl(*options, onTerminal=True)
        self.assertEqual(shown.output.split(), ["AB01", f"_{service}._tcp", f"127.0.0.1:{address.port}"])
        self.assertEqual((await self.jetctl(*options[:1], "nobody", *options[2:])).code, 0)

    async def test_wrong(self) -> None:
        """What cannot be looked for is named, with the remedy."""
        await self.assertAllEnd(
            2,
            [
                (("discover", "a b", "--address", "127.0.0.1"), ("_a b._tcp", "my-cluster")),
                (("discover", "--address", "here"), ("--address here", "127.0.0.1")),
                (("discover", "--wait", "1500"), ("--wait", "1.5")),
            ],
        )
