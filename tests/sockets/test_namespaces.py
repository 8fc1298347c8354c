"""
Peers whose cable is pulled, with a network of their own: Linux network
namespaces, joined by a pair of virtual interfaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.sockets.blockingpeers import BlockingPeer
from tests.sockets.childdaemon import LOOPBACK, ROOT, ChildDaemon
from tests.sockets.remotepeers import STATES, TICKER

HERE, THERE = f"198.18.{os.getpid() % 256}.1", f"198.18.{os.getpid() % 256}.2"
"""Addresses that are set aside for tests of networks."""

GONE_WITHIN = 20.0
"""Seconds after which a peer without a cable has to be gone; keep-alive and pings are as they are by default."""


def ip(*arguments: str) -> None:
    """
    Configure the network.

    @raise subprocess.CalledProcessError: It is not allowed, or not possible.
    """
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class PulledCableTests(SynchronousTestCase):
    """A daemon here, peers there, and a cable between them."""

    def setUp(self) -> None:
        if shutil.which("ip") is None:
            raise SkipTest("there is no ip command (Debian: iproute2)")
        if os.geteuid() != 0:
            raise SkipTest("only root may make network namespaces")
        self.there = f"jet{os.getpid()}"
        self.link = f"jet{os.getpid()}l"
        try:
            ip("netns", "add", self.there)
            self.addCleanup(ip, "netns", "del", self.there)
            ip("link", "add", self.link, "type", "veth", "peer", "name", "cable", "netns", self.there)
            self.addCleanup(ip, "link", "del", self.link)
            ip("address", "add", f"{HERE}/30", "dev", self.link)
            ip("link", "set", self.link, "up")
            ip("-n", self.there, "address", "add", f"{THERE}/30", "dev", "cable")
            ip("-n", self.there, "link", "set", "cable", "up")
        except subprocess.CalledProcessError as error:
            raise SkipTest(f"no network namespaces here: {error.stderr.decode().strip()}") from None
        here = f"tcp:0:interface={HERE}"
        self.daemon = ChildDaemon(here, LOOPBACK, f"ws:{here}")
        self.addCleanup(self.daemon.stop)

    def startPeers(self) -> None:
        """Start the peers there."""
        command = [sys.executable, "-m", "tests.sockets.remotepeers", HERE]
        peers = subprocess.Popen(
            ["ip", "netns", "exec", self.there, *command, str(self.daemon.ports[0]), str(self.daemon.ports[2])],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert peers.stdin is not None and peers.stdout is not None
        self.addCleanup(peers.wait)
        self.addCleanup(peers.stdin.close)
        self.addCleanup(peers.stdout.close)
        self.assertEqual(peers.stdout.readline(), b"ready\n")

    def connect(self) -> BlockingPeer:
        """Connect a peer from here."""
        peer = BlockingPeer(self.daemon.ports[1])
        self.addCleanup(peer.close)
        return peer

    def test_gone(self) -> None:
        """Over TCP and WebSocket, idle or being told of changes: peer and states are gone within 20 seconds."""
        self.startPeers()
        watcher, owner = self.connect(), self.connect()
        owner.ask("add", path=TICKER, value=0)
        watcher.send({"method": "fetch", "params": {"id": "f", "path": {"startsWith": "remote/"}}})
        self.assertEqual({watcher.receive()["params"]["path"] for _ in STATES}, set(STATES))
        ip("-n", self.there, "link", "set", "cable", "down")
        start = time.monotonic()
        watcher.socket.settimeout(0.2)
        gone: dict[str, float] = {}
        number = 0
        while len(gone) < len(STATES) and time.monotonic() - start < GONE_WITHIN + 10:
            number += 1
            owner.send({"method": "change", "params": {"path": TICKER, "value": number}})
            try:
                params = watcher.receive()["params"]
            except TimeoutError:
                continue
            self.assertEqual(params["event"], "remove")
            gone[params["path"]] = time.monotonic() - start
        self.assertEqual(set(gone), set(STATES))
        self.assertLess(max(gone.values()), GONE_WITHIN, gone)
        self.assertEqual(owner.ask("echo")["result"], {})
        self.assertEqual(self.daemon.errors(), "")
