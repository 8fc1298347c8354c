"""Methods that node-jet peers own and call."""

from __future__ import annotations

from .running import Expected, NodeTestCase, differs

WRONG_KIND = {"message": "Invalid params", "code": -32602, "data": {"wrongKind": "m"}}

EXPECTED: Expected = {
    "arguments": [
        ("none", [False, []]),
        ("empty", [False, []]),
        ("array", [False, [1, "two", {"three": [None]}]]),
        ("object", [False, {"first": "John", "last": "Mitchell"}]),
        ("string", [False, "text"]),
        ("number", [False, 7]),
    ],
    "results": [
        ("results", [0, "", False, None, True, 1.5, "text", [], {}, [{"a": None}]]),
        ("undefined", {}),
    ],
    "sum": [
        ("sum", 15),
    ],
    "errors": [
        ("string", "PeerError: John is dismissed"),
        ("error", "PeerError: went wrong"),
        ("argument", "InvalidArgument: not that one"),
        ("object", {"code": -1, "message": "own error", "data": [1, 2]}),
        ("without data", {"code": 7, "message": "own error"}),
    ],
    "asynchronous replies": [
        ("result", "fine"),
        ("zero", 0),
        ("string", "PeerError: refused"),
        ("argument", "InvalidArgument: The provided argument(s) have been refused by the State/Method"),
        ("object", {"code": 5, "message": "own error"}),
        ("both", "PeerError: error wins"),
        ("neither", "PeerError: jet.peer Invalid async method response m"),
        ("throw", "PeerError: thrown before the reply"),
    ],
    "many at once": [
        ("each its own", True),
        ("first and last", [49, 0]),
    ],
    "from many peers": [
        ("results", ["for 0", "for 1", "for 2", "for 3", "for 4", "for 5", "for 6", "for 7", "for 8", "for 9"]),
    ],
    "timeouts": [
        ("short", "PeerTimeout"),
        ("first", "PeerTimeout"),
        ("second", 2),
    ],
    "what does not exist": [
        ("call", "NotFound"),
        ("removed", "NotFound"),
        ("removed twice", "NotFound"),
        ("re-added", True),
        ("call", {}),
        ("occupied", "Occupied"),
    ],
    "removed while a call is pending": [
        ("result", "all the same"),
    ],
    "set on a method": [
        ("set", differs(WRONG_KIND, {})),
        ("asked", differs([], [{"value": 1}])),
    ],
    "own methods": [
        ("result", ["to myself"]),
    ],
    "methods that call others": [
        ("result", 41),
    ],
    "a call without interest in the result": [
        ("result",),
        ("unknown path",),
        ("asked", [[1]]),
    ],
    "methods in fetches": [
        ("events", ["add m/1", "add m/2 1", "remove m/1"]),
        ("isAdded", False),
    ],
}


class MethodTests(NodeTestCase):
    """node-jet methods on the daemon."""

    async def test_tcp(self) -> None:
        """Over TCP, methods behave as they do on their own daemon."""
        place = await self.startDaemon()
        await self.assertSees("methods.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, methods behave as they do on their own daemon."""
        place = await self.startDaemon()
        await self.assertSees("methods.js", place.webSocket, EXPECTED)
