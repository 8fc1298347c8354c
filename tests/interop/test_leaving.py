"""What is left when node-jet peers leave."""

from __future__ import annotations

from .running import Expected, NodeTestCase, differs

EXPECTED: Expected = {
    "an owner leaves": [
        ("events", ["remove o/first 2", "remove o/second", 'remove o/third {"a":1}']),
        ("set", "NotFound"),
        ("the other", True),
        ("free", True),
        ("set", "newer"),
    ],
    "an owner leaves with requests pending": [
        ("failures", [differs("PeerError: peer shuts down", "PeerTimeout")] * 3),
        ("afterwards", "NotFound"),
    ],
    "a caller leaves before the answer": [
        ("call", "ConnectionClosed"),
        ("next", "in time"),
    ],
    "a peer comes back": [
        ("set", 10),
        ("set", 11),
        ("set", 12),
        (
            "events",
            [
                "add s 0",
                "change s 10",
                "remove s 10",
                "add s 1",
                "change s 11",
                "remove s 11",
                "add s 2",
                "change s 12",
                "remove s 12",
            ],
        ),
    ],
}


class LeavingTests(NodeTestCase):
    """node-jet peers that leave while others need them."""

    async def test_tcp(self) -> None:
        """Over TCP, what a lost peer owned is removed and whoever waits for it is answered."""
        place = await self.startDaemon()
        await self.assertSees("leaving.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, what a lost peer owned is removed and whoever waits for it is answered."""
        place = await self.startDaemon()
        await self.assertSees("leaving.js", place.webSocket, EXPECTED)
