"""
Nodes on two hosts with two cables between them: Linux network namespaces, so that cables can be pulled.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess

from twisted.trial.unittest import SkipTest, TestCase

from tests.sockets.test_meshes import ChildNode, complete
from tests.sockets.test_namespaces import ip

NETWORK = f"198.18.{os.getpid() % 256}"
"""Two networks of four addresses, of those that are set aside for tests of networks."""


class CableTests(TestCase):
    """Two hosts."""

    timeout = 120.0

    def setUp(self) -> None:
        if shutil.which("ip") is None:
            raise SkipTest("there is no ip command (Debian: iproute2)")
        if os.geteuid() != 0:
            raise SkipTest("only root may make network namespaces")
        self.name = f"t{secrets.token_hex(6)}"
        self.here, self.there = (f"mesh{os.getpid()}{letter}" for letter in "ab")
        try:
            for host in (self.here, self.there):
                ip("netns", "add", host)
                self.addCleanup(ip, "netns", "del", host)
                ip("-n", host, "link", "set", "lo", "up")
            for number in (0, 1):
                cable, first = f"cable{number}", 4 * number + 1
                ip("-n", self.here, "link", "add", cable, "type", "veth", "peer", "name", cable, "netns", self.there)
                for host, last in ((self.here, first), (self.there, first + 1)):
                    ip("-n", host, "address", "add", f"{NETWORK}.{last}/30", "dev", cable)
                    ip("-n", host, "link", "set", cable, "up")
        except subprocess.CalledProcessError as error:
            raise SkipTest(f"no network namespaces here: {error.stderr.decode().strip()}") from None

    def cable(self, number: int, state: str) -> None:
        """Pull a cable out, or put it in."""
        ip("-n", self.here, "link", "set", f"cable{number}", state)

    def startNode(self, host: str, uuid: str) -> ChildNode:
        """Start a node on a host; it is killed at the end."""
        node = ChildNode(self.name, "0.0.0.0", uuid, (shutil.which("ip") or "ip", "netns", "exec", host))
        self.addCleanup(node.kill)
        return node

    async def test_severalAddresses(self) -> None:
        """With one cable out, nodes that announce addresses of both connect through the other one."""
        self.cable(0, "down")
        await complete(self.startNode(self.here, "AA"), self.startNode(self.there, "BB"))

    async def test_lateAddresses(self) -> None:
        """Hosts that get their addresses after the nodes have started are seen then."""
        for host in (self.here, self.there):
            for number in (0, 1):
                ip("-n", host, "address", "flush", "dev", f"cable{number}")
        first, second = self.startNode(self.here, "AA"), self.startNode(self.there, "BB")
        await first.listening()
        await second.listening()
        for host, last in ((self.here, 5), (self.there, 6)):
            ip("-n", host, "address", "add", f"{NETWORK}.{last}/30", "dev", "cable1")
        await complete(first, second)

    async def test_cutOff(self) -> None:
        """Hosts that are cut off and joined again connect, also nodes that were restarted or are new since."""
        first, second = self.startNode(self.here, "AA"), self.startNode(self.there, "BB")
        third = self.startNode(self.there, "CC")
        await complete(first, second, third)
        self.cable(0, "down")
        self.cable(1, "down")
        await second.kill()
        second = self.startNode(self.there, "BB")
        await complete(second, third)
        fourth = self.startNode(self.here, "0D")
        await fourth.connectedWith(first)
        self.cable(0, "up")
        self.cable(1, "up")
        await complete(first, second, third, fourth)
