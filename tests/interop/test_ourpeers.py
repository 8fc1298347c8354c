"""Our peers on the daemon of node-jet, with peers of node-jet on ours, and daemons that die under them."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from jetjstp import jet

from .processes import ChildProcess
from .running import NodeTestCase, Place

USERS = {
    "ann": {"password": "secret", "auth": {"fetchGroups": ["g"], "setGroups": ["g"], "callGroups": ["g"]}},
    "bob": {"password": "secret", "auth": {"fetchGroups": ["g"], "setGroups": [], "callGroups": []}},
}


def sum2(a: int, b: int) -> int:
    return a + b


def broken() -> None:
    raise jet.PeerError("broken")


def double(value: int) -> jet.SetResult:
    if value > 100:
        raise jet.InvalidArgument("too much")
    return jet.SetResult(value * 2)


def contents(prefix: str) -> list[jet.State | jet.Method]:
    """What the tests own."""
    bounded = jet.State(f"{prefix}/bounded", 1)
    bounded.on("set", double)
    whole = jet.State(f"{prefix}/open", {"a": 1})
    whole.on("set", jet.State.acceptAny)
    fixed = jet.State(f"{prefix}/fixed", "x")
    methods: list[jet.Method] = []
    for name, handler in (("sum", sum2), ("broken", broken), ("nothing", lambda: None)):
        method = jet.Method(f"{prefix}/{name}")
        method.on("call", handler)
        methods.append(method)
    return [whole, bounded, fixed, *methods]


def sleep(seconds: float) -> Deferred[None]:
    return deferLater(reactor, seconds, lambda: None)


class OurPeerTestCase(NodeTestCase):
    """Tests whose peers are closed with them."""

    def peer(self, url: str, **options: Any) -> jet.Peer:
        """A peer, not connected yet."""
        peer = jet.Peer(url, **options)
        self.addCleanup(peer.close)
        return peer

    async def connected(self, url: str, **options: Any) -> jet.Peer:
        """A connected peer."""
        peer = self.peer(url, **options)
        await peer.connect()
        return peer

    async def refusal(self, peer: jet.Peer) -> jet.ConnectionClosed:
        """Why a peer cannot connect."""
        try:
            await peer.connect()
        except jet.ConnectionClosed as error:
            return error
        self.fail("it is connected")

    async def until(self, condition: Any) -> None:
        """Wait for something; the deadline of the test ends a wait in vain."""
        while not condition():
            await sleep(0.01)

    async def startTheirs(self, **options: Any) -> tuple[ChildProcess, Place]:
        """Start the daemon of node-jet."""
        child = self.startNode("reference.js", {"pingInterval": 5.0, **options})
        line = await child.nextLine()
        assert line is not None
        tcp, webSocket = json.loads(line)
        return child, Place(tcp, webSocket)


class TheirDaemonTests(OurPeerTestCase):
    """Our peers on the daemon of node-jet 2, over TCP."""

    def url(self, place: Place) -> str:
        """Where to connect to."""
        return f"jet://127.0.0.1:{place.tcpPort}"

    async def test_exchange(self) -> None:
        """States, methods, fetches and gets work between two of ours."""
        _, place = await self.startTheirs()
        owner, user = await self.connected(self.url(place)), await self.connected(self.url(place))
        assert user.daemonInfo is not None
        self.assertEqual(user.daemonInfo["name"], "node-jet")
        with owner.batch():
            added = [owner.add(content) for content in contents("ours")]
        for one in added:
            await one
        events: list[jet.Notification] = []
        fetcher = jet.Fetcher().path("startsWith", "ours/")
        fetcher.on("data", events.append)
        await user.fetch(fetcher)
        self.assertEqual(
            [(event.path, event.event, event.value, event.fetchOnly, event.isMethod) for event in events],
            [
                ("ours/open", "add", {"a": 1}, False, False),
                ("ours/bounded", "add", 1, False, False),
                ("ours/fixed", "add", "x", True, False),
                ("ours/sum", "add", None, False, True),
                ("ours/broken", "add", None, False, True),
                ("ours/nothing", "add", None, False, True),
            ],
        )
        self.assertIs(await user.set("ours/bounded", 5), True)
        self.assertEqual(await user.set("ours/bounded", 6, valueAsResult=True), 12)
        self.assertEqual(await user.call("ours/sum", [1, 2]), 3)
        self.assertEqual(await user.call("ours/sum", {"a": 1, "b": 3}), 4)
        self.assertIsNone(await user.call("ours/nothing"))
        self.assertEqual([one.value for one in await user.get("ours/bounded")], [12])
        windows: list[list[jet.Entry]] = []
        sorting = jet.Fetcher().sortByValue("number").descending().range(1, 2)
        sorting.on("data", windows.append)
        await user.fetch(sorting)
        extra = jet.State("ours/extra", 50)
        await owner.add(extra)
        extra.setValue(1)
        await extra.remove()
        await user.request("info")
        self.assertEqual(
            [[(entry.path, entry.value) for entry in window] for window in windows],
            [
                [("ours/bounded", 12)],
                [("ours/extra", 50), ("ours/bounded", 12)],
                [("ours/bounded", 12), ("ours/extra", 1)],
                [("ours/bounded", 12)],
            ],
        )
        await user.unfetch(fetcher)
        before = len(events)
        extra.setValue(3)
        await user.request("info")
        self.assertEqual(len(events), before)

    async def test_errors(self) -> None:
        """Errors arrive as classes."""
        _, place = await self.startTheirs()
        owner, user = await self.connected(self.url(place)), await self.connected(self.url(place))
        for content in contents("ours"):
            await owner.add(content)
        for kind, asked in (
            (jet.NotFound, user.set("nowhere", 1)),
            (jet.FetchOnly, user.set("ours/fixed", 1)),
            (jet.InvalidArgument, user.set("ours/bounded", 500)),
            (jet.InvalidArgument, user.call("ours/sum", [1])),
            (jet.InvalidArgument, user.call("ours/sum", {"a": 1, "c": 1})),
            (jet.PeerError, user.call("ours/broken")),
            (jet.WrongKind, user.call("ours/open", [1])),
            (jet.Occupied, user.add(jet.State("ours/open", 1))),
        ):
            await self.assertFailure(asked, kind)

    async def test_users(self) -> None:
        """Logins fail with the errors that say why; groups decide who may do what."""
        _, place = await self.startTheirs(users=USERS)
        url = self.url(place)
        await self.assertFailure(self.peer(url, user="nobody", password="secret").connect(), jet.InvalidUser)
        await self.assertFailure(self.peer(url, user="ann", password="wrong").connect(), jet.InvalidPassword)
        ann = await self.connected(url, user="ann", password="secret")
        self.assertEqual(ann.access, USERS["ann"]["auth"])
        state = jet.State("guarded", 1, {"fetchGroups": ["g"], "setGroups": ["g"]})
        state.on("set", jet.State.acceptAny)
        await ann.add(state)
        bob = await self.connected(url, user="bob", password="secret")
        await self.assertFailure(bob.set("guarded", 2), jet.Unauthorized)
        self.assertEqual([one.fetchOnly for one in await bob.get({})], [True])
        self.assertEqual(await (await self.connected(url)).get({}), [])

    async def test_nobodyListens(self) -> None:
        """Without a daemon connect fails, and says where."""
        child, place = await self.startTheirs()
        await child.kill()
        error = await self.refusal(self.peer(self.url(place)))
        self.assertIn(self.url(place), str(error))

    async def test_killed(self) -> None:
        """A daemon is killed under a provider, a consumer and a pending call, and comes back."""
        child, place = await self.startTheirs()
        url = self.url(place)
        owner = await self.connected(url)
        # Chance decides when each peer tries again; the owner may be seconds later than the consumer.
        user = await self.connected(url, settle=4.0)
        never: Deferred[None] = Deferred()
        pending = jet.Method("pending")
        pending.on("call", lambda: never)
        kept, changed, gone = jet.State("s/kept", 1), jet.State("s/changed", 1), jet.State("s/gone", 1)
        for content in (pending, kept, changed, gone):
            await owner.add(content)
        told: list[tuple[str, str, Any]] = []
        fetcher = jet.Fetcher().path("startsWith", "s/")
        fetcher.on("data", lambda one: told.append((one.event, one.path, one.value)))
        await user.fetch(fetcher)
        self.assertEqual(len(told), 3)
        del told[:]
        losses: list[str] = []
        returns: list[str] = []
        for peer in (owner, user):
            peer.on("disconnect", losses.append)
            peer.on("reconnect", lambda: returns.append("back"))
        call = user.call("pending")
        await child.kill()
        await self.assertFailure(call, jet.ConnectionClosed)
        await self.until(lambda: len(losses) == 2)
        await self.assertFailure(user.set("s/kept", 1), jet.ConnectionClosed)
        changed.setValue(2)
        await gone.remove()
        await self.startTheirs(ports=[place.tcpPort, place.wsPort])
        await self.until(lambda: len(returns) == 2 and ("remove", "s/gone", 1) in told)
        self.assertEqual(sorted(told), [("change", "s/changed", 2), ("remove", "s/gone", 1)])
        kept.setValue(3)
        await self.until(lambda: told[-1] == ("change", "s/kept", 3))
        never.callback(None)


class TheirWebSocketTests(TheirDaemonTests):
    """The same over WebSocket."""

    def url(self, place: Place) -> str:
        return f"ws://127.0.0.1:{place.wsPort}"


class SimpleModeTests(OurPeerTestCase):
    """Our peers on a daemon of node-jet that knows no rules."""

    async def test_fetches(self) -> None:
        """Rules and windows are as on a full daemon."""
        _, place = await self.startTheirs(features={"fetch": "simple"})
        url = f"jet://127.0.0.1:{place.tcpPort}"
        owner, user = await self.connected(url), await self.connected(url)
        states = [jet.State(f"s/{number}", number) for number in range(5)]
        for state in states:
            await owner.add(state)
        told: list[Any] = []
        above = jet.Fetcher().path("startsWith", "s/").value("greaterThan", 2)
        above.on("data", lambda one: told.append((one.event, one.path, one.value)))
        await user.fetch(above)
        self.assertEqual(told, [("add", "s/3", 3), ("add", "s/4", 4)])
        windows: list[Any] = []
        sorting = jet.Fetcher().sortByValue("number").descending().range(1, 2)
        sorting.on("data", lambda window: windows.append([entry.path for entry in window]))
        await user.fetch(sorting)
        states[0].setValue(10)
        await states[4].setValue(0, confirm=True)  # on another connection: only then are the notifications under way
        await user.request("info")
        self.assertEqual(told[2:], [("add", "s/0", 10), ("remove", "s/4", 0)])
        self.assertEqual(windows, [["s/4", "s/3"], ["s/0", "s/4"], ["s/0", "s/3"]])


class NodeJet3Tests(OurPeerTestCase):
    """Our peers on the daemon of node-jet 3, as far as that goes."""

    async def test_exchange(self) -> None:
        """States and methods, with rules and windows that the daemon does not know."""
        child = self.startNode("reference3.js", None)
        line = await child.nextLine()
        assert line is not None
        url = f"ws://127.0.0.1:{json.loads(line)}"
        owner, user = await self.connected(url), await self.connected(url)
        bounded, whole = jet.State("s/bounded", 1), jet.State("s/whole", {"a": 1})
        bounded.on("set", double)
        method = jet.Method("m/sum")
        method.on("call", sum2)
        for content in (bounded, whole, method):
            await owner.add(content)
        told: list[Any] = []
        fetcher = jet.Fetcher().path("startsNotWith", "m/").value("isType", "number")
        fetcher.on("data", lambda one: told.append((one.event, one.path, one.value)))
        windows: list[Any] = []
        sorting = jet.Fetcher().sortByValue("number").descending().range(1, 1)
        sorting.on("data", lambda window: windows.append([(entry.path, entry.value) for entry in window]))
        for one in (fetcher, sorting):
            await user.fetch(one)
        self.assertEqual(await user.set("s/bounded", 4, valueAsResult=True), 8)
        self.assertEqual(await user.call("m/sum", [1, 2]), 3)
        await self.assertFailure(user.set("s/bounded", 500), jet.InvalidArgument)
        await self.assertFailure(user.set("s/nowhere", 1), jet.NotFound)
        await self.assertFailure(user.add(jet.State("s/whole", 1)), jet.Occupied)
        self.assertEqual([one.value for one in await user.get("s/bounded")], [8])
        whole.setValue(9)
        await whole.remove()
        await user.request("info")
        self.assertEqual(
            told,
            [
                *[("add", "s/bounded", 1), ("change", "s/bounded", 8)],
                *[("add", "s/whole", 9), ("remove", "s/whole", 9)],
            ],
        )
        self.assertEqual(windows, [[("s/bounded", 1)], [("s/bounded", 8)], [("s/whole", 9)], [("s/bounded", 8)]])
        await user.unfetch(fetcher)
        await user.fetch(fetcher)
        self.assertEqual(told[-1], ("add", "s/bounded", 8))


class MatesTests(OurPeerTestCase):
    """Ours and theirs together on our daemon."""

    async def check(self, settings: dict[str, Any], url: str) -> None:
        """Ours over one transport, theirs over another."""
        child = self.startNode("mates.js", settings)
        await self.assertObserves(child, ("ready",))
        user, owner = await self.connected(url), await self.connected(url)
        for content in contents("ours"):
            await owner.add(content)
        told: list[Any] = []
        fetcher = jet.Fetcher().path("startsWith", "theirs/")
        fetcher.on("data", lambda one: told.append((one.event, one.path, one.value)))
        await user.fetch(fetcher)
        self.assertEqual(await user.set("theirs/bounded", 4, valueAsResult=True), 8)
        self.assertIs(await user.set("theirs/open", [None]), True)
        self.assertEqual(await user.call("theirs/sum", [1, 2, 3]), 6)
        for kind, asked in (
            (jet.InvalidArgument, user.set("theirs/bounded", 500)),
            (jet.FetchOnly, user.set("theirs/fixed", 500)),
            (jet.PeerError, user.call("theirs/broken")),
            (jet.NotFound, user.call("theirs/missing")),
        ):
            await self.assertFailure(asked, kind)
        await user.request("info")
        self.assertEqual(told[-2:], [("change", "theirs/bounded", 8), ("change", "theirs/open", [None])])
        child.tell("go")
        await self.assertObserves(
            child,
            ("set", 10),
            ("too much", "InvalidArgument: too much"),
            ("fixed", "FetchOnly"),
            ("sum", 3),
            ("by name", 7),
            ("not fitting", "InvalidArgument"),
            ("broken", "PeerError: broken"),
            ("nothing", None),
            (
                "events",
                [
                    'add ours/open {"a":1}',
                    "add ours/bounded 1",
                    'add ours/fixed "x" fetchOnly',
                    "add ours/sum",
                    "add ours/broken",
                    "add ours/nothing",
                    "change ours/bounded 10",
                ],
            ),
            ("window", [["ours/bounded", 10]]),
        )
        await owner.close()
        await user.request("info")
        child.tell("go")
        await self.assertObserves(
            child,
            (
                "removed",
                [
                    "remove ours/bounded 10",
                    'remove ours/fixed "x"',
                    "remove ours/sum",
                    "remove ours/broken",
                    "remove ours/nothing",
                ],
            ),
        )
        await self.assertEnds(child)

    async def test_tcpWithWebSocket(self) -> None:
        """Theirs over TCP, ours over WebSocket."""
        place = await self.startDaemon()
        await self.check(place.tcp, place.webSocket["url"])

    async def test_webSocketWithTcp(self) -> None:
        """Theirs over WebSocket, ours over TCP."""
        place = await self.startDaemon()
        await self.check(place.webSocket, f"jet://127.0.0.1:{place.tcpPort}")
