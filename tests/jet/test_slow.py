"""
Tests for peers that read slowly or not at all: what is kept for them, in which
order they get it, and that nobody else notices.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.framing import LengthPrefixed
from jetjstp.jet.backlog import ENTRY_COST, Backlog
from jetjstp.jet.clients import Client
from jetjstp.jet.limits import Limits
from jetjstp.testing import BUFFER, MemoryDaemon, MemoryPeer
from tests.jet.asking import add, ask, events

KIBIBYTE = 1024


def clientOf(peer: MemoryPeer) -> Client:
    """The daemon's side of a peer."""
    return cast(Client, cast(Any, peer.protocol)._receiver.client)


def entriesIn(backlog: Backlog) -> int:
    """How many frames and news a backlog holds."""
    return len(backlog._queue)


def block(peer: MemoryPeer) -> None:
    """Let a peer read nothing any more, and fill what its transport takes."""
    peer.stopReading()
    peer.send({"id": "filling", "method": "echo", "params": "x" * BUFFER})


def unblock(peer: MemoryPeer) -> None:
    """Let it read everything, and forget what only filled the transport."""
    peer.startReading()
    peer.received[:] = [message for message in peer.received if message.get("id") != "filling"]


def change(peer: MemoryPeer, **values: Any) -> None:
    """Change states, in the order of the keywords."""
    for path, value in values.items():
        peer.send({"method": "change", "params": {"path": path, "value": value}})


def remove(peer: MemoryPeer, *paths: str) -> None:
    """Remove states."""
    peer.send(*({"method": "remove", "params": {"path": path}} for path in paths))


def changes(values: Iterable[int]) -> bytes:
    """Frames that change the state C{a} to each of the values."""
    return b"".join(
        LengthPrefixed.pack(b'{"method":"change","params":{"path":"a","value":%d}}' % value) for value in values
    )


class SlowTestCase(SynchronousTestCase):
    """An owner and a reader."""

    limits = Limits(highWater=1)

    def setUp(self) -> None:
        self.memory = MemoryDaemon(limits=self.limits)
        self.owner, self.reader = self.memory.connect(), self.memory.connect()

    def follow(self, **rule: Any) -> None:
        """Fetch, and forget what comes first."""
        self.assertEqual(ask(self.reader, "fetch", **{"id": "f", **rule}), {"result": True})
        self.reader.take()


class CoalescingTests(SlowTestCase):
    """Once enough is waiting, only the newest news of each path is kept."""

    def setUp(self) -> None:
        super().setUp()
        add(self.owner, "a", "b", "c")
        self.follow()
        block(self.reader)
        # Up to the high-water mark, which is one byte here, all is kept as it is.
        change(self.owner, a=-1)

    def test_newestValues(self) -> None:
        """Each state is told once, with its newest value, at the place of its last change."""
        change(self.owner, a=1, b=1)
        change(self.owner, a=2, c=1)
        change(self.owner, b=2, a=3)
        unblock(self.reader)
        self.assertEqual(
            events(self.reader), [("change", "a", -1), ("change", "c", 1), ("change", "b", 2), ("change", "a", 3)]
        )
        change(self.owner, a=4)
        self.assertEqual(events(self.reader), [("change", "a", 4)])

    def test_removedAndAdded(self) -> None:
        """A removal and a later addition are both told, also when another peer adds."""
        remove(self.owner, "a", "b")
        add(self.memory.connect(), "a", value="new")
        change(self.owner, c=1)
        add(self.owner, "b", value="newer")
        change(self.owner, b="newest")
        unblock(self.reader)
        told = [("change", "a", -1), ("remove", "a", -1), ("add", "a", "new"), ("change", "c", 1)]
        self.assertEqual(events(self.reader), [*told, ("remove", "b", 0), ("add", "b", "newest")])

    def test_addedAndRemoved(self) -> None:
        """What came and went unseen is not told at all."""
        add(self.owner, "d")
        change(self.owner, d=1)
        remove(self.owner, "d", "c")
        unblock(self.reader)
        self.assertEqual(events(self.reader), [("change", "a", -1), ("remove", "c", 0)])

    def test_ownerLeaves(self) -> None:
        """The states of an owner that leaves meanwhile are removed, each once."""
        change(self.owner, b=5)
        self.owner.disconnect()
        unblock(self.reader)
        self.assertEqual(
            events(self.reader), [("change", "a", -1), ("remove", "a", -1), ("remove", "b", 5), ("remove", "c", 0)]
        )

    def test_valueRule(self) -> None:
        """Where a value decides, the end is told: entered, left, or just changed."""
        unblock(self.reader)
        self.follow(value={"greaterThan": 10})
        change(self.owner, b=20)
        self.reader.take()
        block(self.reader)
        change(self.owner, a=11, b=21)  # "a" enters
        change(self.owner, b=0, c=11)  # "b" leaves, "c" enters
        change(self.owner, c=0, b=22)  # "c" leaves unseen, "b" is back
        change(self.owner, a=12)
        unblock(self.reader)
        first, leaving, *rest = events(self.reader)
        self.assertEqual((first, leaving[:2]), (("add", "a", 11), ("remove", "b")))
        self.assertEqual(rest, [("add", "b", 22), ("change", "a", 12)])

    def test_sortedWindow(self) -> None:
        """A sorted fetch tells one difference, which also covers what the window lost and got back."""
        unblock(self.reader)
        self.follow(id="s", sort={"byValue": "number", "from": 1, "to": 2})
        ask(self.reader, "unfetch", id="f")
        block(self.reader)
        self.reader.send({"id": 1, "method": "echo"})  # a byte is waiting now
        for value in range(100):
            change(self.owner, a=value, b=-value)
        remove(self.owner, "c")
        add(self.owner, "d", value=-1000)
        unblock(self.reader)
        answer, notification = self.reader.take()
        self.assertEqual(answer, {"id": 1, "result": True})
        window = [{"path": "d", "index": 1, "value": -1000}, {"path": "b", "index": 2, "value": -99}]
        self.assertEqual(notification, {"method": "s", "params": {"n": 2, "changes": window}})

    def test_sortedOneChange(self) -> None:
        """A single change of a value is told, though the window is the same but for it."""
        unblock(self.reader)
        self.follow(id="s", sort={"byPath": True}, coalesce=True)
        ask(self.reader, "unfetch", id="f")
        block(self.reader)
        change(self.owner, b=5)
        unblock(self.reader)
        changed = [{"path": "b", "index": 2, "value": 5}]
        self.assertEqual(self.reader.take(), [{"method": "s", "params": {"n": 3, "changes": changed}}])

    def test_sortedNothingNew(self) -> None:
        """A window that is in the end what it was is not told again."""
        unblock(self.reader)
        self.follow(id="s", sort={"byPath": True})
        ask(self.reader, "unfetch", id="f")
        block(self.reader)
        self.reader.send({"id": 1, "method": "echo"})
        add(self.owner, "d")
        change(self.owner, a=5, b=5)
        change(self.owner, a=-1, b=0)
        remove(self.owner, "d")
        unblock(self.reader)
        self.assertEqual(self.reader.take(), [{"id": 1, "result": True}])
        change(self.owner, b=7)
        changed = [{"path": "b", "index": 2, "value": 7}]
        self.assertEqual(self.reader.take(), [{"method": "s", "params": {"n": 3, "changes": changed}}])

    def test_unfetch(self) -> None:
        """What waits for a fetch that ends meanwhile is not told, and nothing comes behind the answer."""
        change(self.owner, a=1, b=1, c=1)
        self.reader.send({"id": 1, "method": "unfetch", "params": {"id": "f"}})
        change(self.owner, a=2)
        unblock(self.reader)
        first = {"method": "f", "params": {"path": "a", "event": "change", "value": -1}}
        self.assertEqual(self.reader.take(), [first, {"id": 1, "result": True}])

    def test_replace(self) -> None:
        """A fetch that replaces another one tells everything anew, behind its answer, and the old one nothing more."""
        change(self.owner, a=1, b=1)
        self.reader.send({"id": 1, "method": "fetch", "params": {"id": "f", "path": {"equalsOneOf": ["a", "c"]}}})
        change(self.owner, b=2, c=3)
        unblock(self.reader)
        _, answer, *told = self.reader.take()
        self.assertEqual(answer, {"id": 1, "result": True})
        self.assertEqual(
            [(each["params"]["event"], each["params"]["path"], each["params"]["value"]) for each in told],
            [("add", "a", 1), ("add", "c", 3)],
        )
        change(self.owner, a=9, b=9)
        self.assertEqual(events(self.reader), [("change", "a", 9)])


class OrderTests(SlowTestCase):
    """What is not news keeps its place."""

    def setUp(self) -> None:
        super().setUp()
        add(self.owner, "a", "b")
        add(self.reader, "mine")
        self.follow()
        block(self.reader)
        change(self.owner, a=-1)

    def kinds(self) -> list[Any]:
        """What came: ids of answers, paths of news and of routed requests."""
        return [
            message["id"] if "result" in message else message.get("params", {}).get("path", message["method"])
            for message in self.reader.take()
        ]

    def test_answers(self) -> None:
        """Answers are not overtaken by what happened after them, and do not overtake what happened before."""
        change(self.owner, b=1)
        self.reader.send({"id": 1, "method": "echo"}, {"id": 2, "method": "info"})
        change(self.owner, a=1)
        self.reader.send({"id": 3, "method": "echo"})
        unblock(self.reader)
        self.assertEqual(self.kinds(), ["a", "b", 1, 2, "a", 3])

    def test_ownChanges(self) -> None:
        """A peer that changes a state which it fetches is told before it is answered, as it is used to."""
        self.reader.send({"id": 1, "method": "change", "params": {"path": "mine", "value": 5}})
        unblock(self.reader)
        self.assertEqual(self.kinds(), ["a", "mine", 1])

    def test_routedRequests(self) -> None:
        """Requests for a slow owner wait in line, all of them."""
        for number in range(3):
            self.owner.send({"id": number, "method": "set", "params": {"path": "mine", "value": number}})
        unblock(self.reader)
        requests = [message for message in self.reader.take() if message["method"] == "mine"]
        self.assertEqual([message["params"]["value"] for message in requests], [0, 1, 2])
        self.reader.send(*({"id": message["id"], "result": True} for message in requests))
        self.assertEqual(self.owner.take(), [{"id": number, "result": True} for number in range(3)])

    def test_setAndChange(self) -> None:
        """A setter that is slow gets the owner's answer before the change that follows it."""
        self.reader.send({"id": 7, "method": "set", "params": {"path": "b", "value": 5}})
        (routed,) = self.owner.take()
        self.owner.send({"id": routed["id"], "result": True}, {"method": "change", "params": {"path": "b", "value": 5}})
        change(self.owner, a=6)
        unblock(self.reader)
        self.assertEqual(self.kinds(), ["a", 7, "b", "a"])


class FetchOptionTests(SlowTestCase):
    """C{coalesce}, and the mark without it."""

    limits = Limits(highWater=10_000)

    def setUp(self) -> None:
        super().setUp()
        add(self.owner, "a")

    def toldOf(self, count: int) -> list[int]:
        """The values that a blocked reader gets of a state that takes the values from 1 on."""
        block(self.reader)
        self.owner.sendBytes(changes(range(1, count + 1)))
        unblock(self.reader)
        return [value for _, _, value in events(self.reader)]

    def test_highWater(self) -> None:
        """Below the mark every change is told; above it, only the newest."""
        self.follow()
        self.assertEqual(self.toldOf(100), list(range(1, 101)))
        values = self.toldOf(1000)
        self.assertEqual(values[:-1], list(range(1, len(values))))
        self.assertEqual(values[-1], 1000)
        frames = [
            LengthPrefixed.pack(b'{"method":"f","params":{"path":"a","event":"change","value":%d}}' % value)
            for value in values[:-1]
        ]
        self.assertGreaterEqual(sum(map(len, frames)), 10_000)
        self.assertLess(sum(map(len, frames[:-1])), 10_000)

    def test_early(self) -> None:
        """A fetch that coalesces is told the newest value only, as soon as its connection is full."""
        self.follow(coalesce=True)
        self.assertEqual(self.toldOf(100), [100])
        change(self.owner, a=1)
        change(self.owner, a=2)
        self.assertEqual([value for _, _, value in events(self.reader)], [1, 2])

    def test_never(self) -> None:
        """A fetch that does not coalesce is told of every change, however many are waiting."""
        self.follow(coalesce=False)
        self.assertEqual(self.toldOf(2000), list(range(1, 2001)))

    def test_ofSortedFetches(self) -> None:
        """The same goes for sorted fetches."""
        for coalesce, count in ((True, 1), (False, 2000)):
            self.follow(sort={}, coalesce=coalesce)
            block(self.reader)
            self.owner.sendBytes(changes(range(1, 2001)))
            unblock(self.reader)
            received = self.reader.take()
            self.assertEqual(len(received), count)
            self.assertEqual(received[-1]["params"]["changes"], [{"path": "a", "index": 1, "value": 2000}])

    def test_eachItsOwn(self) -> None:
        """Fetches of one peer are coalesced each as it wants."""
        self.follow(id="early", coalesce=True)
        self.follow(id="never", coalesce=False)
        block(self.reader)
        self.owner.sendBytes(changes(range(1, 501)))
        unblock(self.reader)
        told: dict[str, list[int]] = {"early": [], "never": []}
        for message in self.reader.take():
            told[message["method"]].append(message["params"]["value"])
        self.assertEqual(told, {"early": [500], "never": list(range(1, 501))})


class BoundTests(SlowTestCase):
    """What is kept is bounded, and nobody else is concerned."""

    limits = Limits(highWater=10_000, hardLimit=1_000_000)

    def setUp(self) -> None:
        super().setUp()
        self.other = self.memory.connect()
        self.other.send({"method": "fetch", "params": {"id": "o"}})
        add(self.owner, "a")

    def test_manyChanges(self) -> None:
        """A peer that never reads may miss 200,000 changes: what waits for it stays small, others get them all."""
        self.follow()
        self.follow(id="sorted", sort={})
        self.follow(id="value", value={"greaterThan": -5})
        block(self.reader)
        backlog = clientOf(self.reader).backlog
        self.other.take()
        most = 0
        for start in range(0, 200_000, 10_000):
            self.owner.sendBytes(changes(range(start, start + 10_000)))
            self.assertEqual(len(self.other.take()), 10_000)
            most = max(most, backlog.size, entriesIn(backlog) * ENTRY_COST)
            self.assertLess(len(self.reader.transport.unread), 2 * BUFFER)
        self.assertLess(most, 100_000)
        self.assertEqual(ask(self.other, "get")["result"][0]["value"], 199_999)
        unblock(self.reader)
        last: dict[str, Any] = {message["method"]: message["params"] for message in self.reader.take()}
        self.assertEqual(last["f"], {"path": "a", "event": "change", "value": 199_999})
        self.assertEqual(last["value"], {"path": "a", "event": "change", "value": 199_999})
        self.assertEqual(last["sorted"], {"n": 1, "changes": [{"path": "a", "index": 1, "value": 199_999}]})
        self.assertEqual((backlog.size, entriesIn(backlog)), (0, 0))

    def test_comingAndGoing(self) -> None:
        """States that come and go unseen leave nothing behind, however many there are."""
        self.follow()
        block(self.reader)
        change(self.owner, a="x" * 10_000)
        backlog = clientOf(self.reader).backlog
        before = backlog.size
        for number in range(5000):
            add(self.owner, str(number))
            remove(self.owner, str(number))
        self.assertEqual(backlog.size, before)
        self.assertEqual(entriesIn(backlog), 1)

    def test_hardLimit(self) -> None:
        """Who does not coalesce and does not read is dropped at the hard limit, with one log line."""
        self.follow(coalesce=False)
        patient = self.memory.connect("192.0.2.3")
        patient.send({"method": "fetch", "params": {"id": "p"}})
        block(patient)
        block(self.reader)
        with capturedLogs() as logs:
            for start in range(0, 100_000, 1000):
                self.owner.sendBytes(changes(range(start, start + 1000)))
                if not self.reader.connected:
                    break
        self.assertFalse(self.reader.connected)
        self.assertTrue(patient.connected)
        (line,) = map(formatEvent, logs)
        self.assertIn("192.0.2.2", line)
        self.assertIn("does not read", line)
        self.assertGreater(start * 60, 500_000)
        unblock(patient)
        self.assertEqual(events(patient)[-1], ("change", "a", start + 999))
        self.assertEqual(ask(self.other, "echo"), {"result": {}})

    def test_answersOnly(self) -> None:
        """A peer that asks and asks and never reads an answer is dropped as well."""
        block(self.reader)
        request = LengthPrefixed.pack(json.dumps({"id": 1, "method": "echo", "params": "x" * 10_000}).encode("ascii"))
        for _ in range(200):
            self.reader.sendBytes(request * 10)
        self.assertFalse(self.reader.connected)
        self.assertEqual(ask(self.other, "echo"), {"result": {}})

    def test_ownerThatDoesNotRead(self) -> None:
        """An owner that reads none of its requests is sent no more of them at some point, and is not dropped for it."""
        block(self.owner)
        for number in range(2000):
            self.other.send({"id": number, "method": "set", "params": {"path": "a", "value": "x" * 1000}})
        self.assertTrue(self.owner.connected)
        errors = [message["error"] for message in self.other.take() if "error" in message]
        self.assertTrue(0 < len(errors) < 2000)
        self.assertEqual({error["data"]["limitExceeded"] for error in errors}, {"hardLimit"})
        unblock(self.owner)
        self.assertEqual(len([message for message in self.owner.take() if "method" in message]), 2000 - len(errors))

    def test_snapshotWaits(self) -> None:
        """The initial state of a fetch is not made while its peer takes nothing, be the values large or small."""
        for count, size in ((100, 100_000), (5000, 2000)):
            memory = MemoryDaemon()
            owner, reader, other = memory.connect(), memory.connect(), memory.connect()
            add(owner, *map(str, range(count)), value="x" * size)
            reader.stopReading()
            reader.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
            kept = len(reader.transport.unread) + clientOf(reader).backlog.size
            self.assertLess(kept, 2_500_000)
            self.assertEqual(ask(other, "echo"), {"result": {}})
            reader.startReading()
            self.assertEqual([path for _, path, _ in events(reader)], list(map(str, range(count))))

    def test_ownerOfMuchLeaves(self) -> None:
        """When the owner of a hundred megabytes leaves, those who are told of it in full are not dropped for that."""
        memory = MemoryDaemon()
        owner, reader = memory.connect(), memory.connect()
        reader.send({"method": "fetch", "params": {"id": "f"}})
        for number in range(100):
            add(owner, str(number), value="x" * 1_000_000)
        self.assertEqual(len(reader.take()), 100)
        owner.disconnect()
        self.assertTrue(reader.connected)
        self.assertEqual([path for _, path, _ in events(reader)], list(map(str, range(100))))

    def test_manySnapshots(self) -> None:
        """Fetches that one after the other ask for everything are not all worked on for a peer that does not read."""
        add(self.owner, *(str(number) for number in range(50)), value="x" * 10_000)
        self.reader.stopReading()
        self.reader.send(*({"id": number, "method": "fetch", "params": {"id": number}} for number in range(100)))
        kept = len(self.reader.transport.unread) + clientOf(self.reader).backlog.size
        self.assertLess(kept, 3_000_000)
        self.assertTrue(self.reader.connected)
        self.reader.startReading()
        received = self.reader.take()
        self.assertEqual(len(received), 100 * 52)
        self.assertEqual(received[-1]["method"], 99)

    def test_catchingUp(self) -> None:
        """A long backlog is sent as the peer takes it, and what happens meanwhile comes behind it."""
        self.follow(coalesce=False)
        block(self.reader)
        self.owner.sendBytes(changes(range(5000)))
        self.reader.transport.unread.clear()
        self.reader.received.clear()
        self.reader._framing = LengthPrefixed(2**31)
        values: list[int] = []
        while clientOf(self.reader).backlog:
            self.reader.transport.drained()
            self.assertLess(len(self.reader.transport.unread), KIBIBYTE * KIBIBYTE + BUFFER)
            self.owner.sendBytes(changes([5000 + len(values)]))
            self.reader._takeAll()
            values += [value for _, _, value in events(self.reader)]
        unblock(self.reader)
        values += [value for _, _, value in events(self.reader)]
        self.assertEqual(values[:5000], list(range(5000)))
        self.assertEqual(values, sorted(values))


paths = st.sampled_from("abcd")
changing = st.tuples(st.just("change"), paths, st.integers(0, 9))
steps = st.lists(
    st.one_of(
        changing,
        changing,
        st.tuples(st.sampled_from(["stop", "start"]), st.none(), st.none()),
        st.tuples(st.just("add"), paths, st.integers(0, 9)),
        st.tuples(st.just("remove"), paths, st.none()),
        st.tuples(st.sampled_from(["ask", "leave"]), st.none(), st.none()),
    ),
    min_size=10,
    max_size=40,
)

FETCHES: dict[str, dict[str, Any]] = {
    "all": {},
    "small": {"value": {"lessThan": 5}},
    "top": {"sort": {"byValue": "number", "descending": True, "from": 2, "to": 3}},
    "paths": {"sort": {"byPath": True}, "value": {"greaterThan": 2}},
    "early": {"coalesce": True},
    "earlyTop": {"coalesce": True, "sort": {"byValue": "number"}},
    "never": {"coalesce": False, "value": {"lessThan": 8}},
}


class View:
    """What a peer knows by what it was told."""

    def __init__(self, case: SynchronousTestCase, peer: MemoryPeer) -> None:
        self._case = case
        self._peer = peer
        self.known: dict[str, dict[str, Any]] = {name: {} for name in FETCHES}
        self.windows: dict[str, list[Any]] = {name: [] for name in FETCHES}
        self.answered: list[int] = []
        for name, rule in FETCHES.items():
            peer.send({"method": "fetch", "params": {"id": name, **rule}})

    def update(self) -> None:
        """Take note of what came; nothing of it may be out of place."""
        for message in self._peer.take():
            if "method" not in message:
                if message["id"] != "filling":
                    self.answered.append(message["id"])
                continue
            name, params = message["method"], message["params"]
            if "n" in params:
                self._window(self.windows[name], FETCHES[name]["sort"].get("from", 1), params)
            else:
                self._event(self.known[name], params)

    def _event(self, known: dict[str, Any], params: dict[str, Any]) -> None:
        path = params["path"]
        self._case.assertEqual(path in known, params["event"] != "add", params)
        if params["event"] == "remove":
            del known[path]
        else:
            known[path] = params["value"]

    def _window(self, window: list[Any], first: int, params: dict[str, Any]) -> None:
        del window[params["n"] :]
        window += [None] * (params["n"] - len(window))
        for entry in params["changes"]:
            window[entry["index"] - first] = (entry["path"], entry["value"])
        self._case.assertNotIn(None, window, params)


class AnyOrderTests(SynchronousTestCase):
    """However a peer reads, it knows in the end what one knows that reads at once."""

    def stepBy(self, memory: MemoryDaemon, reader: MemoryPeer, sequence: list[tuple[str, Any, Any]]) -> None:
        """Do one step after the other."""
        owner = memory.connect()
        owned = set("abc")
        add(owner, *"abc", value=5)
        asked = 0
        for what, path, value in sequence:
            if what == "stop":
                block(reader)
            elif what == "start":
                reader.startReading()
            elif what == "ask":
                asked += 1
                reader.send({"id": asked, "method": "echo"})
            elif what == "leave":
                owner.disconnect()
                owner = memory.connect()
                owned.clear()
            elif (what == "add") != (path in owned):
                params = {"path": path, "value": value} if what != "remove" else {"path": path}
                owner.send({"method": what, "params": params})
                (owned.discard if what == "remove" else owned.add)(path)
        reader.startReading()
        self.asked = asked

    @settings(deadline=None, max_examples=100, derandomize=True, database=None)
    @given(steps, st.sampled_from([1, 700, 100_000]))
    def test_sameInTheEnd(self, sequence: list[tuple[str, Any, Any]], highWater: int) -> None:
        """Fetches of all kinds tell nothing that contradicts what they told before, and end with what there is."""
        memory = MemoryDaemon(limits=Limits(highWater=highWater))
        quick, slow = memory.connect(), memory.connect()
        quickView, slowView = View(self, quick), View(self, slow)
        self.stepBy(memory, slow, sequence)
        quickView.update()
        slowView.update()
        self.assertEqual(slowView.known, quickView.known)
        self.assertEqual(slowView.windows, quickView.windows)
        self.assertEqual(slowView.answered, list(range(1, self.asked + 1)))
        actual = {entry["path"]: entry["value"] for entry in ask(quick, "get")["result"]}
        self.assertEqual(slowView.known["all"], actual)
        small = {path: value for path, value in actual.items() if value < 5}
        self.assertEqual(slowView.known["small"], small)
