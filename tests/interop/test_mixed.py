"""node-jet peers of both transports on one daemon."""

from __future__ import annotations

from .running import Expected, NodeTestCase

FIXED = "Gr\u00fc\u00dfe \U0001f600"

EXPECTED: Expected = {
    "mixed": [
        ("set", 2),
        ("set", 100000),
        ("set", True),
        ("call", 42),
        ("occupied", "Occupied"),
        (
            "tcp",
            [
                "add m/tcp 1",
                f'add m/fixed "{FIXED}" fetchOnly',
                "add m/double",
                "add m/ws 1",
                "change m/tcp 2",
                100014,
                "change m/ws 3",
            ],
        ),
        (
            "webSocket",
            [
                "add m/tcp 1",
                f'add m/fixed "{FIXED}" fetchOnly',
                "add m/double",
                "add m/ws 1",
                "change m/tcp 2",
                100014,
                "change m/ws 3",
                "remove m/tcp 2",
                f'remove m/fixed "{FIXED}"',
                "remove m/double",
            ],
        ),
    ]
}


class MixedTests(NodeTestCase):
    """TCP and WebSocket side by side."""

    async def test_bothTransports(self) -> None:
        """What one peer owns over TCP another fetches, sets and calls over WebSocket, and the other way round."""
        place = await self.startDaemon()
        await self.assertSees("mixed.js", {"tcp": place.tcp, "webSocket": place.webSocket}, EXPECTED)
