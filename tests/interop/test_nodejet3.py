"""Peers of npm node-jet 3 on our daemon, with each other, with those of node-jet 2, and with one made by hand."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.trial.unittest import SkipTest

from .rawpeer import connectRawPeer
from .running import OURS, Expected, NodeTestCase

EXPECTED: Expected = {
    "info": [
        ("features", {"batches": True, "fetch": "full", "asNotification": False, "authenticate": True}),
        ("configure", {}),
    ],
    "three with three": [
        ("initial", ["t/a", "t/b"]),
        ("set", {"path": "t/a", "value": 2}),
        ("value", 2),
        ("refused", [-32602, "jet.InvalidParam", "Error: too high"]),
        ("call", {}),
        ("call", {}),
        ("asked", [[1, {"two": 2}], None]),
        ("get", [{"path": "t/a", "value": 3}, {"path": "t/m"}, {"path": "t/b", "value": {"x": [None]}}]),
        ("occupied", [-32602, "jet.Occupied", "t/a"]),
        ("unknown", [-32602, "jet.NotFound", "t/nothing"]),
        ("unknown", [-32602, "jet.NotFound", "t/nothing"]),
        ("wrong kind", [-32600, "jet.invalidMethod", "t/m"]),
        ("foreign", [-32600, "jet.NotAllowed", "t/a"]),
        ("removed", [-32602, "jet.NotFound", "t/a"]),
        ("removed", [-32602, "jet.NotFound", "t/a"]),
        ("events", ["Add t/a 1", 'Add t/b {"x":[null]}', "Change t/a 2", "Change t/a 3", "Remove t/a"]),
    ],
    "two with three as owner": [
        ("set", True),
        ("set", 3),
        ("refused", "InvalidArgument: too high"),
        ("call", {}),
        ("refused", "InvalidArgument: nothing to do"),
        ("asked", [[1, 2], []]),
        ("wrong kind", {"wrongKind": "t/a"}),
        ("occupied", "Occupied"),
        (
            "events",
            ["add t/a 1", "add t/m", "change t/a 2", "change t/a 3", "change t/a 4", "remove t/a 4", "remove t/m"],
        ),
    ],
    "three with two as owner": [
        ("initial", ["Add t/plain 1", "Add t/adjusted 1", "Add t/picky 1", "Add t/own 1", "Add t/fixed true"]),
        ("set", True),
        ("set", True),
        ("refused", [-32602, "jet.InvalidArgument", "not below zero"]),
        ("failed", [-32603, "jet.PeerError", "went wrong"]),
        ("own", {"code": 7, "message": "own error"}),
        ("fetchOnly", [-32602, "jet.FetchOnly", "t/fixed"]),
        ("call", 6),
        ("call", 0),
        ("wrong kind", [-32600, "jet.invalidMethod", "t/plain"]),
        ("get", [{"path": "t/fixed", "value": True}, {"path": "t/sum"}]),
        (
            "events",
            [
                "Change t/plain 2",
                "Change t/adjusted 20",
                "Remove t/fixed",
                "Remove t/plain",
                "Remove t/adjusted",
                "Remove t/picky",
                "Remove t/own",
            ],
        ),
    ],
    "path rules": [
        ("equals", ["t/two"]),
        ("equalsNot", ["t/One", "u/one"]),
        ("startsWith", ["t/One", "t/two"]),
        ("startsNotWith", ["u/one"]),
        ("endsWith", ["t/two"]),
        ("endsNotWith", ["t/two"]),
        ("contains", ["u/one"]),
        ("containsNot", ["t/One", "t/two"]),
        ("containsAllOf", ["u/one"]),
        ("containsOneOf", ["t/One", "t/two"]),
        ("equalsOneOf", ["u/one"]),
        ("equalsNotOneOf", ["t/One", "t/two"]),
        ("both", ["Add t/One 0"]),
        ("unknown", [-32602, "jet.InvalidArgument", "unknown rule sounds"]),
    ],
    "value rules": [
        ("high", ["Add t/a 6", "Change t/a 7", "Remove t/a", "Add t/a 9"]),
        ("jims", ['Add t/b {"name":{"first":"Jim"},"ages":[7]}', "Remove t/b"]),
        ("sorted", ['Add t/b {"name":{"first":"Jim"},"ages":[7]}', 'Change t/b {"name":{"first":"Joe"},"ages":[8]}']),
        ("unknown", [-32602, "jet.InvalidArgument", "unknown rule resembles"]),
    ],
    "unfetch": [("events", ["Add t/a 1", "Change t/a 2"]), ("again", ["Add t/a 1", "Change t/a 2", "Add t/a 3"])],
    "batches": [
        ("got", [{"path": "t/1", "value": 1}, {"path": "t/2", "value": 2}, {"path": "t/3", "value": 3}]),
        ("sets", [True, True, True]),
        (
            "events",
            [
                "add t/1 1",
                "add t/2 2",
                "add t/3 3",
                "change t/1 10",
                "change t/2 10",
                "change t/3 10",
                "change t/1 21",
                "change t/2 22",
                "change t/3 23",
            ],
        ),
    ],
    "a value that comes later": [("events", ["Add t/a 1", "Change t/a 2"]), ("set", {"path": "t/a", "value": 3})],
    "an owner that leaves": [
        ("pending", [-32603, "jet.PeerError", "peer shuts down"]),
        ("three", ["Add t/two 2", "Add t/three 3", "Remove t/two", "Remove t/three"]),
        ("two", ["add t/slow", "add t/two 2", "add t/three 3", "remove t/slow", "remove t/two 2", "remove t/three 3"]),
        ("closed", [-32002, "jet.ConnectionClosed", ""]),
    ],
}

PROTECTED: Expected = {
    "groups": [
        ("nobody", ["Add t/open 1", "Add t/write 1"]),
        ("nobody gets", ["t/open", "t/write", "t/method"]),
        ("nobody sets", [-32602, "jet.invalid params", "t/write"]),
        ("nobody calls", [-32602, "jet.invalid params", "t/method"]),
        ("node-jet 2 sets", "Unauthorized"),
        ("unseen, but open", {"path": "t/read", "value": 2, "access": {"read": "admin", "write": ""}}),
        ("wrong user", [-32602, "jet.invalid params", ""]),
        ("wrong password", [-32602, "jet.invalid params", ""]),
        ("guest", {}),
        ("guest", ["Add t/all 1"]),
        ("guest sets", [-32602, "jet.invalid params", "t/write"]),
        ("root", {}),
        ("root", ["Add t/admin 1", "Add t/read 2"]),
        ("root sets", {"path": "t/write", "value": 2, "access": {"read": "", "write": "admin"}}),
        ("root calls", {}),
        ("asked", [[2]]),
        ("root adds a user", [-32601, "jet.MethodNotFound", "addUser"]),
        ("guest again", ["Change t/write 2", "Remove t/admin", "Remove t/read"]),
        ("node-jet 2", [["t/open", None], ["t/write", True], ["t/method", True]]),
    ]
}

SIMPLE: Expected = {
    "simple": [("fetch", "simple"), ("events", ["Add t/a 1", "Change t/a 2"]), ("more", ["Add u/a 1"]), ("two", 2)]
}

USERS = {
    "root": {"password": "r", "auth": {"fetchGroups": ["admin"], "setGroups": ["admin"], "callGroups": ["admin"]}},
    "guest": {"password": "g", "auth": {"fetchGroups": ["guests"], "setGroups": ["guests"]}},
}


class NodeJet3TestCase(NodeTestCase):
    """node-jet 3 brings a daemon of its own: these tests are not to be checked against that of node-jet 2."""

    def setUp(self) -> None:
        """Skip where there is nothing to be tested."""
        super().setUp()
        if not OURS:
            raise SkipTest("node-jet 3 peers are not served by the daemon of node-jet 2")


class NodeJet3Tests(NodeJet3TestCase):
    """Both versions, as owners and as consumers."""

    async def test_webSocket(self) -> None:
        """Over WebSocket, each version works with what the other one owns."""
        place = await self.startDaemon()
        await self.assertSees("nodejet3.js", place.webSocket, EXPECTED)

    async def test_groups(self) -> None:
        """What node-jet 3 owners protect is for the groups that they name, also in fetches older than a login."""
        place = await self.startDaemon(users=USERS)
        await self.assertSees("users3.js", place.webSocket, PROTECTED)

    async def test_simple(self) -> None:
        """In simple mode node-jet 3 peers filter what they get by themselves."""
        place = await self.startDaemon(fetchMode="simple")
        await self.assertSees("simple3.js", place.webSocket, SIMPLE)


class ByHandTests(NodeJet3TestCase):
    """A node-jet 3 peer and one that writes its messages itself."""

    async def _meet(self, tcp: bool) -> None:
        place = await self.startDaemon()
        raw = await connectRawPeer(reactor, place.tcpPort)
        self.addCleanup(raw.disconnect)
        await raw.request("add", path="t/raw", value=1)
        three = self.startNode("three.js", place.tcp if tcp else place.webSocket)
        await self.assertObserves(three, ("initial", ["Add t/raw 1", "Add t/three 1"]), ("set", True))
        self.assertEqual(await raw.sets.get(), ("t/raw", 2))
        await self.assertObserves(
            three, ("unknown", [-32602, "jet.NotFound", "t/nothing"]), ("events", ["Change t/raw 2"])
        )
        answer = await raw.request("set", path="t/three", value=3)
        self.assertIs(answer["result"], True)
        await self.assertObserves(three, ("asked", 3))
        answer = await raw.request("set", path="t/three", value=4, valueAsResult=True)
        self.assertEqual(answer["result"], 4)
        answer = await raw.request("call", path="t/method", args=[1])
        self.assertEqual(answer["result"], {})
        await self.assertObserves(three, ("asked", 4), ("called", [1]))
        answer = await raw.request("call", path="t/three")
        self.assertEqual(answer["error"]["data"], {"wrongKind": "t/three"})
        answer = await raw.request("get", path={"startsWith": "t/three"})
        self.assertEqual(answer["result"], [{"path": "t/three", "event": "add", "value": 4}])
        await raw.request("remove", path="t/raw")
        three.tell("go on")
        await self.assertObserves(three, ("events", ["Change t/three 3", "Change t/three 4", "Remove t/raw"]))
        await self.assertEnds(three)

    async def test_webSocket(self) -> None:
        """Sets, calls, fetches, errors and removals work both ways."""
        await self._meet(tcp=False)

    async def test_tcp(self) -> None:
        """So they do over TCP, as long as the node-jet 3 peer need not close: before Node.js 23 it dies of that."""
        await self._meet(tcp=True)
