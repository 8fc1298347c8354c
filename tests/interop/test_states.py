"""States that node-jet peers own, set and watch."""

from __future__ import annotations

from .running import Expected, NodeTestCase, differs

WRONG_KIND = {"message": "Invalid params", "code": -32602, "data": {"wrongKind": "s"}}

EXPECTED: Expected = {
    "a handler that accepts": [
        ("added", True),
        ("result", True),
        ("result", True),
        ("result", 2),
        ("asked", [[2, 1], [{"deep": [1, {"er": None}]}, 2], [2, {"deep": [1, {"er": None}]}]]),
        ("owner has", 2),
        ("events", ["add s 1", "change s 2", 'change s {"deep":[1,{"er":null}]}', "change s 2"]),
    ],
    "acceptAny": [
        ("added", True),
        ("result", 0),
        ("result", ""),
        ("result", False),
        ("result", None),
        ("result", []),
        ("result", {}),
        ("result", "new"),
        (
            "events",
            [
                'add s "old"',
                "change s 0",
                'change s ""',
                "change s false",
                "change s null",
                "change s []",
                "change s {}",
                'change s "new"',
            ],
        ),
    ],
    "a handler that adjusts": [
        ("added", True),
        ("result", True),
        ("result", 10),
        ("result", 3),
        ("owner has", 3),
        ("events", ["add s 0", "change s 10", "change s 10", "change s 3"]),
    ],
    "a handler that does not notify": [
        ("added", True),
        ("result", True),
        ("result", 3),
        ("owner has", 3),
        ("daemon has", [{"path": "s", "event": "add", "value": 1}]),
        ("events", ["add s 1", "change s 4"]),
    ],
    "a handler that throws": [
        ("added", True),
        ("string", "PeerError: invalid age"),
        ("error", "PeerError: went wrong"),
        ("argument", "InvalidArgument: too old"),
        ("bare argument", "InvalidArgument: The provided argument(s) have been refused by the State/Method"),
        ("object", {"code": 123, "message": "own error", "data": {"own": True}}),
        ("typed", "PeerError: No State/Method matching the specified path"),
        ("events", ["add s 1"]),
    ],
    "an asynchronous handler": [
        ("added", True),
        ("result", True),
        ("result", 6),
        ("events", ["add s 1", "change s 4", "change s 6"]),
    ],
    "replies of asynchronous handlers": [
        ("added", True),
        ("nothing", True),
        ("quiet", True),
        ("string", "PeerError: refused"),
        ("error", "PeerError: went wrong"),
        ("object", {"code": 5, "message": "own error"}),
        ("argument", "InvalidArgument: not this"),
        ("throw", "PeerError: thrown before the reply"),
        ("events", ['add s "start"', 'change s "nothing"']),
    ],
    "answers in another order": [
        ("added", True),
        ("order", [3, 2, 1]),
        ("events", ["add s 0", "change s 3", "change s 2", "change s 1"]),
    ],
    "a fetch-only state": [
        ("added", True),
        ("set", "FetchOnly"),
        ("own set", "FetchOnly"),
        ("owner has", 3),
        ("events", ["add time/now 1 fetchOnly", "change time/now 2", "change time/now 3"]),
    ],
    "changes by the owner": [
        ("added", True),
        ("as notification",),
        ("as request", True),
        (
            "events",
            [
                "add s 1",
                "change s 2",
                "change s 2",
                'change s "text"',
                "change s [1]",
                'change s {"a":1}',
                "change s false",
                "change s 0",
                'change s ""',
            ],
        ),
    ],
    "a change before the state is added": [
        ("events", ["add s 2", "change s 2"]),
    ],
    "values of every shape": [
        ("same", True),
        ("changes", 14),
    ],
    "a large value": [
        ("added", True),
        ("length", 2000000),
        ("same", True),
        ("kept", True),
    ],
    "unusual paths": [
        ("set", 6),
        ("same", True),
    ],
    "paths named like members of every object": [
        ("constructor", differs(True, "jet.Occupied")),
        ("toString", differs(True, "jet.Occupied")),
        ("hasOwnProperty", differs(True, "jet.Occupied")),
        ("set", differs("NotFound", "PeerError: Cannot read properties of undefined (reading 'sendMessage')")),
    ],
    "adding and removing": [
        ("added", True),
        ("isAdded", True),
        ("again", "Occupied"),
        ("by another", "Occupied"),
        ("removed", True),
        ("isAdded", False),
        ("set", "NotFound"),
        ("twice", "NotFound"),
        ("re-added", True),
        ("set", True),
        ("removed", True),
        ("free for another", True),
        ("events", ["add s 1", "remove s 1", "add s 1", "change s 5", "remove s 5", "add s 6"]),
    ],
    "another peer's state": [
        ("remove", {"message": "Invalid params", "code": -32602, "data": {"foreignPath": "s"}}),
        ("change", {"message": "Invalid params", "code": -32602, "data": {"foreignPath": "s"}}),
        ("get", [{"path": "s", "event": "add", "value": 1}]),
    ],
    "what does not exist": [
        ("set", "NotFound"),
        ("with options", "NotFound"),
    ],
    "call on a state": [
        ("added", True),
        ("call", differs(WRONG_KIND, True)),
        ("asked", differs([], [2])),
    ],
    "timeouts": [
        ("added", True),
        ("short", "PeerTimeout"),
        ("still served", "PeerTimeout"),
        ("events", ["add s 1", 'change s "late"']),
    ],
    "a set without interest in the result": [
        ("added", True),
        ("result",),
        ("unknown path",),
        ("events", ["add s 1", "change s 2"]),
    ],
    "an owner sets its own state": [
        ("added", True),
        ("result", 2),
        ("events", ["add s 1", "change s 2"]),
    ],
    "get": [
        (
            "all",
            [
                {"path": "g/1", "event": "add", "value": {"age": 10}},
                {"fetchOnly": True, "path": "g/2", "event": "add", "value": {"age": 20}},
                {"path": "g/m", "event": "add"},
            ],
        ),
        ("path", [{"fetchOnly": True, "path": "g/2", "event": "add", "value": {"age": 20}}]),
        ("field", [{"path": "g/1", "event": "add", "value": {"age": 10}}]),
        (
            "sorted",
            [
                {"path": "g/2", "value": {"age": 20}, "fetchOnly": True, "index": 1},
                {"path": "g/1", "value": {"age": 10}, "index": 2},
            ],
        ),
        ("none", []),
    ],
    "a state that ticks": [
        ("added", True),
        (
            "events",
            [
                "add ticker 0 fetchOnly",
                "change ticker 1",
                "change ticker 2",
                "change ticker 3",
                "change ticker 4",
                "change ticker 5",
                "change ticker 6",
                "change ticker 7",
                "change ticker 8",
                "change ticker 9",
                "change ticker 10",
                "change ticker 11",
                "change ticker 12",
                "change ticker 13",
                "change ticker 14",
                "change ticker 15",
                "change ticker 16",
                "change ticker 17",
                "change ticker 18",
                "change ticker 19",
                "change ticker 20",
            ],
        ),
    ],
}


class StateTests(NodeTestCase):
    """node-jet states on the daemon."""

    async def test_tcp(self) -> None:
        """Over TCP, states behave as they do on their own daemon."""
        place = await self.startDaemon()
        await self.assertSees("states.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, states behave as they do on their own daemon."""
        place = await self.startDaemon()
        await self.assertSees("states.js", place.webSocket, EXPECTED)
