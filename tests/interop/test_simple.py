"""Simple fetch mode, as node-jet peers use it."""

from __future__ import annotations

from .running import Expected, NodeTestCase

EXPECTED: Expected = {
    "simple mode": [
        ("mode", "simple"),
        ("set", True),
        (
            "by path",
            ["add a/1 5", "add a/2 20 fetchOnly", "add a/m", "change a/1 25", "remove a/2 20", "change a/1 26"],
        ),
        (
            "by value",
            ["add a/2 20 fetchOnly", "add b/1 30", "add a/1 25", "remove b/1 1", "remove a/2 20", "change a/1 26"],
        ),
        (
            "sorted",
            [
                ["b/1=30", "a/2=20"],
                ["b/1=30", "a/1=25"],
                ["a/1=25", "a/2=20"],
                ["a/1=25", "b/1=1"],
                ["a/1=26", "b/1=1"],
            ],
        ),
        ("get", ["add b/1 1"]),
    ],
    "unfetch": [
        ("isFetching", True),
        ("isFetching", False),
        ("events", ["add s 1"]),
    ],
    "the owner leaves": [
        ("events", ["add s/1 1", "add s/2 2", "remove s/1 1", "remove s/2 2"]),
    ],
    "on the wire": [
        ("unfetch", "not fetching"),
        ("fetch", "fetch_all"),
        ("again", "already fetching"),
        (
            "notifications",
            [{"method": "fetch_all", "params": {"fetchOnly": True, "path": "s", "event": "add", "value": 1}}],
        ),
        ("unfetch", True),
    ],
}


class SimpleModeTests(NodeTestCase):
    """node-jet peers on a daemon in simple fetch mode."""

    async def test_tcp(self) -> None:
        """Over TCP, peers filter and sort for themselves."""
        place = await self.startDaemon(fetchMode="simple")
        await self.assertSees("simple.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, peers filter and sort for themselves."""
        place = await self.startDaemon(fetchMode="simple")
        await self.assertSees("simple.js", place.webSocket, EXPECTED)
