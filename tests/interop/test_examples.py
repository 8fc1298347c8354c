"""The programs of node-jet's README and examples."""

from __future__ import annotations

from .running import Expected, NodeTestCase

EXPECTED: Expected = {
    "the synopsis": [
        ("call", {}),
        ("greeted", [["Steve"]]),
        ("set", True),
        ("person", {"name": "Jose", "age": 33}),
        (
            "youngest",
            [
                [{"path": "persons/#123", "value": {"name": "Jim", "age": 50}, "index": 1}],
                [{"path": "persons/#123", "value": {"name": "Jose", "age": 33}, "index": 1}],
            ],
        ),
        ("time passes", True),
    ],
    "the todo application": [
        ("add", {}),
        ("add", {}),
        ("add", {}),
        ("shown", "milk, bread, cheese"),
        ("set", True),
        ("set", {"id": 2, "title": "cheese", "completed": True}),
        ("not a title", "jet.PeerError title must be a string"),
        ("shown", "milk, rye bread, cheese done"),
        ("shown", "rye bread, cheese done"),
        ("shown", "rye bread done, cheese done"),
    ],
    "the chat": [
        ("seen", [[], ["hello"], ["hello", "who is there?"], []]),
        ("messages cannot be set", "jet.FetchOnly"),
    ],
}


class ExampleTests(NodeTestCase):
    """What the documentation of node-jet shows."""

    async def test_tcp(self) -> None:
        """Over TCP, the documented programs work."""
        place = await self.startDaemon()
        await self.assertSees("examples.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, the documented programs work."""
        place = await self.startDaemon()
        await self.assertSees("examples.js", place.webSocket, EXPECTED)
