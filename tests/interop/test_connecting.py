"""How node-jet peers connect, batch and close."""

from __future__ import annotations

from .running import Expected, NodeTestCase, differs

EXPECTED: Expected = {
    "connecting": [
        ("same peer", True),
        ("isConnected", True),
        ("name", differs("jetjstp", "node-jet")),
        ("types", ["string", "string"]),
        ("protocolVersion", "1.1.0"),
        ("features", {"batches": True, "authentication": True, "fetch": "full"}),
        ("access",),
    ],
    "by name": [
        ("name", differs("jetjstp", "node-jet")),
    ],
    "where nobody listens": [
        ("connect", "ConnectionClosed"),
        ("set", "ConnectionClosed"),
    ],
    "naming a peer": [
        ("name", True),
        ("another field", {"message": "Invalid params", "code": -32602, "data": "unsupported config field"}),
    ],
    "other services": [
        ("echo", {"some": ["thing", 1.5]}),
        ("unknown", {"message": "Method not found", "code": -32601, "data": "sing"}),
        (
            "no params",
            {
                "message": "Invalid params",
                "code": -32602,
                "data": {"missingParam": "params", "got": {"id": 3, "method": "add"}},
            },
        ),
        (
            "no path",
            {"message": "Invalid params", "code": -32602, "data": {"missingParam": "path", "got": {"value": 1}}},
        ),
    ],
    "hooks": [
        ("sent", ["info", "set"]),
        ("received", [True, True]),
    ],
    "a batch": [
        (
            "answers",
            [True, "jet.Occupied", True, None, True, [{"path": "b/1", "event": "add", "value": 4}], -32601, True],
        ),
        ("messages in a frame", [8]),
    ],
    "a batch as documented": [
        ("added", [True, True, True]),
        ("results", [True, True, [30], "jet.NotFound"]),
        ("events", ["add b/1 1", "add b/2 2", "add b/3", "change b/1 10", "change b/2 20"]),
    ],
    "batches of an owner": [
        ("result", True),
        ("result", True),
        ("result", True),
        ("answer and change in a frame", [2, 2, 2]),
        ("events", ["add s 0", "change s 1", "change s 2", "change s 3"]),
    ],
    "closing": [
        ("close",),
        ("pending", "ConnectionClosed"),
        ("closed", True),
        ("isConnected", False),
        ("set", "ConnectionClosed"),
        ("add", "ConnectionClosed"),
        ("fetch", "ConnectionClosed"),
        ("get", "ConnectionClosed"),
        ("again",),
        ("the others", [{"path": "never", "event": "add"}]),
    ],
    "a fetch ends with its peer": [
        ("set", True),
        ("events", ["add s 1"]),
    ],
    "many connections": [
        ("states", 30),
        ("states", 30),
        ("states", 30),
    ],
}


class ConnectingTests(NodeTestCase):
    """Connections of node-jet peers."""

    async def test_tcp(self) -> None:
        """Over TCP, peers connect, are told about the daemon, batch and close."""
        place = await self.startDaemon()
        await self.assertSees("connecting.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, peers connect, are told about the daemon, batch and close."""
        place = await self.startDaemon()
        await self.assertSees("connecting.js", place.webSocket, EXPECTED)
