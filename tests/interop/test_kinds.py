"""Peers of node-jet 2, of node-jet 3 and of ours together on our daemon: each uses what each owns."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SkipTest

from jetjstp import jet

from .processes import ChildProcess
from .running import OURS, NodeTestCase

USERS = {
    "root": {"password": "pw", "auth": {"fetchGroups": ["admin"], "setGroups": ["admin"], "callGroups": ["admin"]}},
    "guest": {"password": "pw", "auth": {"fetchGroups": ["guests"], "setGroups": ["guests"]}},
}
LISTS = {"fetchGroups": ["admin"], "setGroups": ["admin"], "callGroups": ["admin"]}

OWNERS = ("two", "three", "ours")


def bounded(value: int) -> None:
    """A handler with a limit."""
    if value > 100:
        raise jet.InvalidArgument("too high")


def contents() -> list[jet.State | jet.Method]:
    """What ours own."""
    plain, limited, method = jet.State("ours/plain", 0), jet.State("ours/bounded", 0), jet.Method("ours/sum")
    plain.on("set", jet.State.acceptAny)
    limited.on("set", bounded)
    method.on("call", lambda one, other: one + other)
    return [plain, limited, method]


class KindsTestCase(NodeTestCase):
    """Tests with our peers and theirs."""

    def setUp(self) -> None:
        """Skip where nothing of ours is tested."""
        super().setUp()
        if not OURS:
            raise SkipTest("this is about our daemon")

    async def connected(self, url: str, **options: Any) -> jet.Peer:
        """One of our peers."""
        peer = jet.Peer(url, **options)
        self.addCleanup(peer.close)
        await peer.connect()
        return peer


class TogetherTests(KindsTestCase):
    """Without users."""

    async def test_tcp(self) -> None:
        """Ours over TCP, theirs over WebSocket."""
        place = await self.startDaemon()
        await self.check(place.webSocket, f"jet://127.0.0.1:{place.tcpPort}")

    async def test_webSocket(self) -> None:
        """All over WebSocket."""
        place = await self.startDaemon()
        await self.check(place.webSocket, place.webSocket["url"])

    async def check(self, settings: dict[str, Any], url: str) -> None:
        """Sets, calls, fetches, errors and removals in all directions."""
        child = self.startNode("kinds.js", settings)
        await self.assertObserves(child, ("ready",))
        owner, user = await self.connected(url), await self.connected(url)
        for content in contents():
            await owner.add(content)
        told: list[str] = []
        fetcher = jet.Fetcher().path("contains", "/")
        fetcher.on("data", lambda one: told.append(f"{one.event} {one.path} {one.value}"))
        await user.fetch(fetcher)
        self.assertEqual(len(told), 10)
        del told[:]
        child.tell("go")
        await self.usedByTwo(child)
        await self.usedByThree(child)
        changes = [f"{owner}/plain {value}" for value in (2, 3) for owner in OWNERS]
        await self.assertObserves(
            child,
            ("two", [f"change {change}" for change in changes]),
            ("three", [f"Change {change}" for change in changes]),
            ("used by", "ours"),
        )
        await user.request("info")
        self.assertEqual(told, [f"change {change}" for change in changes])
        del told[:]
        await self.useByOurs(child, user)
        child.tell("go")
        changes = ["two/plain 4", "two/bounded 5", "three/plain 4", "three/bounded 5", "ours/plain 4", "ours/bounded 5"]
        await self.assertObserves(
            child,
            ("two", [f"change {change}" for change in changes]),
            ("three", [f"Change {change}" for change in changes]),
        )
        self.assertEqual(told, [f"change {change}" for change in changes])
        await self.leaving(child, owner, user, told)

    async def usedByTwo(self, child: ChildProcess) -> None:
        """What users see at first, and what a user of node-jet 2 does."""
        everything = sorted(f"{owner}/{name}" for owner in OWNERS for name in ("plain", "bounded", "sum"))
        plain = ["ours/plain", "three/plain", "two/plain"]
        await self.assertObserves(
            child,
            ("two", sorted([*everything, "three/short"])),
            ("three", sorted([*(path for path in everything if "sum" not in path), "three/short"])),
            ("three gets", plain),
            ("three finds", ["ours/bounded", "ours/plain"]),
            ("three has low", plain),
            ("two sorts", plain),
            ("used by", "two"),
        )
        for owner in OWNERS:
            if owner == "three":
                call: list[tuple[str, Any]] = [("three is called", [1, 2]), ("two with three: call", {})]
            else:
                call = [(f"two with {owner}: call", 3)]
            wrongKind = {"code": -32602, "message": "Invalid params", "data": {"wrongKind": f"{owner}/plain"}}
            await self.assertObserves(
                child,
                (f"two with {owner}: set", True),
                (f"two with {owner}: refused", "InvalidArgument: too high"),
                *call,
                (f"two with {owner}: wrong kind", wrongKind),
                (f"two with {owner}: unknown", "NotFound"),
                (f"two with {owner}: occupied", "Occupied"),
            )

    async def usedByThree(self, child: ChildProcess) -> None:
        """What a user of node-jet 3 does."""
        await self.assertObserves(child, ("used by", "three"))
        for owner in OWNERS:
            result: Any = True
            refused = [-32602, "jet.InvalidArgument", "too high"]
            call: list[tuple[str, Any]] = [(f"three with {owner}: call", 4)]
            if owner == "three":
                result = {"path": "three/plain", "value": 3}
                refused = [-32602, "jet.InvalidParam", "Error: too high"]
                call = [("three is called", [1, 3]), ("three with three: call", {})]
            await self.assertObserves(
                child,
                (f"three with {owner}: set", result),
                (f"three with {owner}: refused", refused),
                *call,
                (f"three with {owner}: wrong kind", [-32600, "jet.invalidMethod", f"{owner}/plain"]),
                (f"three with {owner}: unknown", [-32602, "jet.NotFound", f"{owner}/none"]),
                (f"three with {owner}: occupied", [-32602, "jet.Occupied", f"{owner}/plain"]),
            )

    async def useByOurs(self, child: ChildProcess, user: jet.Peer) -> None:
        """What a user of ours does."""
        for owner in OWNERS:
            self.assertIs(await user.set(f"{owner}/plain", 4), True)
            self.assertEqual(await user.set(f"{owner}/bounded", 5, valueAsResult=True), 5)
            self.assertEqual(await user.call(f"{owner}/sum", [1, 4]), {} if owner == "three" else 5)
            if owner == "three":
                await self.assertObserves(child, ("three is called", [1, 4]))
            self.assertEqual([one.value for one in await user.get(f"{owner}/plain")], [4])
            for kind, asked in (
                (jet.InvalidArgument, user.set(f"{owner}/bounded", 101)),
                (jet.WrongKind, user.call(f"{owner}/plain")),
                (jet.NotFound, user.set(f"{owner}/none", 1)),
                (jet.Occupied, user.add(jet.State(f"{owner}/plain", 0))),
            ):
                await self.assertFailure(asked, kind)

    async def leaving(self, child: ChildProcess, owner: jet.Peer, user: jet.Peer, told: list[str]) -> None:
        """Elements that are removed, and owners that leave."""
        del told[:]
        await owner.close()
        while len(told) < 4:  # a connection that ends is noticed when it is noticed
            await user.request("info")
        child.tell("go")
        # What node-jet 3 removes by itself, and what leaves with our owner, are in no order.
        for kind, expected in (
            ("two", ["remove ours/bounded 5", "remove ours/plain 4", "remove ours/sum", "remove three/short 0"]),
            ("three", ["Remove ours/bounded", "Remove ours/plain", "Remove three/short"]),
        ):
            name, removed = await self.nextObservation(child)
            self.assertEqual((name, sorted(removed)), (kind, expected))
        await self.assertObserves(
            child,
            (
                "two",
                [
                    *("remove three/bounded 5", "remove three/plain 4", "remove three/sum"),
                    *("remove two/bounded 5", "remove two/plain 4", "remove two/sum"),
                ],
            ),
            ("three", ["Remove three/bounded", "Remove three/plain", "Remove two/bounded", "Remove two/plain"]),
        )
        await self.assertEnds(child)
        self.assertEqual(await user.get({}), [])
        self.assertEqual(
            sorted(told),
            sorted(
                [
                    *(f"remove {owner}/{name}" for owner in OWNERS for name in ("plain 4", "bounded 5", "sum None")),
                    "remove three/short 0",
                ]
            ),
        )


class GroupTests(KindsTestCase):
    """With users."""

    async def test_groups(self) -> None:
        """Whoever protects something, and whoever asks: it is for the group that was named."""
        place = await self.startDaemon(users=USERS)
        url = f"jet://127.0.0.1:{place.tcpPort}"
        child = self.startNode("kindgroups.js", place.webSocket)
        await self.assertObserves(child, ("ready",))
        owner = await self.connected(url)
        state, method = jet.State("ours/state", 0, LISTS), jet.Method("ours/method", LISTS)
        state.on("set", jet.State.acceptAny)
        method.on("call", lambda: 1)
        await owner.add(state)
        await owner.add(method)
        for user in (None, "guest", "root"):
            peer = await self.connected(url, **({} if user is None else {"user": user, "password": "pw"}))
            await self.checkOurs(peer, user == "root")
        child.tell("go")
        for user in (None, "guest", "root"):
            await self.checkTheirs(child, user == "root")
        await self.assertEnds(child)

    async def checkOurs(self, peer: jet.Peer, allowed: bool) -> None:
        """What one of ours sees and may do."""
        seen = {entry.path for entry in await peer.get({})}
        # A node-jet 3 method has no group that reads: everybody sees it.
        hidden = {"two/state", "two/method", "three/state", "ours/state", "ours/method"}
        self.assertEqual(seen, {"three/method", *(hidden if allowed else ())})
        for owner in OWNERS:
            if allowed:
                self.assertIs(await peer.set(f"{owner}/state", 1), True)
                self.assertEqual(await peer.call(f"{owner}/method"), {} if owner == "three" else 1)
            else:
                await self.assertFailure(peer.set(f"{owner}/state", 1), jet.Unauthorized)
                await self.assertFailure(peer.call(f"{owner}/method"), jet.Unauthorized)

    async def checkTheirs(self, child: ChildProcess, allowed: bool) -> None:
        """What theirs see and may do."""
        states = ["ours/state", "three/state", "two/state"]
        if allowed:
            await self.assertObserves(
                child,
                ("two", sorted([*states, "ours/method", "three/method", "two/method"])),
                ("three", states),
            )
        else:
            await self.assertObserves(child, ("two", ["three/method"]), ("three", []))
        for owner in OWNERS:
            result: Any = {} if owner == "three" else 1
            refused = [[-32602, "jet.invalid params", f"{owner}/{name}"] for name in ("state", "method")]
            await self.assertObserves(
                child,
                (f"two with {owner}", [True, result] if allowed else ["Unauthorized"] * 2),
                (f"three with {owner}", [True, result] if allowed else refused),
            )
