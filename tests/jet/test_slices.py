"""
Tests for L{jetjstp.jet.slices}, and for a daemon with much to do, on a clock on
which every step takes long: the others go on, and nothing gets out of order.
"""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.driver import SLICE
from jetjstp.jet.bus import Bus
from jetjstp.jet.daemon import Daemon
from jetjstp.jet.limits import Limits
from jetjstp.jet.routing import DEFAULT_TIMEOUT
from jetjstp.jet.slices import BLOCKED, STEP, Job, Slices
from jetjstp.testing import MemoryPeer
from tests.jet.asking import BusyClock, add, ask, connect, events

MANY = 8000


class Owner:
    """Whose jobs wait with it."""

    def __init__(self) -> None:
        self.parked: list[Job] = []


class SlicesTests(SynchronousTestCase):
    """Jobs in turn."""

    def setUp(self) -> None:
        self.failed: list[object] = []
        self.slices = Slices(self.failed.append)
        self.owner = Owner()
        self.done: list[str] = []

    def job(self, name: str, *steps: bool) -> Job:
        """A job that notes its steps."""
        for number, step in enumerate(steps, 1):
            self.done.append(f"{name}{number}")
            yield step
        self.done.append(f"{name} end")

    def finish(self) -> None:
        """Do what is left."""
        while self.slices:
            self.slices.step()

    def test_small(self) -> None:
        """What has only one step is done when it is started."""
        self.slices.start(self.owner, self.job("a"))
        self.assertEqual(self.done, ["a end"])
        self.assertFalse(self.slices)

    def test_turns(self) -> None:
        """The first step of a job is done at once, the others in turn with those of other jobs."""
        self.slices.start(self.owner, self.job("a", STEP, STEP))
        self.slices.start(Owner(), self.job("b", STEP))
        self.assertEqual(self.done, ["a1", "b1"])
        self.finish()
        self.assertEqual(self.done, ["a1", "b1", "a2", "b end", "a end"])

    def test_parked(self) -> None:
        """A job that may not go on waits until its owner is resumed; others do not wait for it."""
        self.slices.start(self.owner, self.job("a", BLOCKED, STEP))
        self.slices.start(Owner(), self.job("b", STEP))
        self.finish()
        self.assertEqual(self.done, ["a1", "b1", "b end"])
        self.slices.resume(Owner())
        self.assertFalse(self.slices)
        self.slices.resume(self.owner)
        self.assertTrue(self.slices)
        self.assertEqual(self.owner.parked, [])
        self.finish()
        self.assertEqual(self.done, ["a1", "b1", "b end", "a2", "a end"])

    def test_failing(self) -> None:
        """A job that raises is over; its owner is named, and other jobs go on."""

        def fail() -> Job:
            yield STEP
            raise RuntimeError("in a job")

        other = Owner()
        self.slices.start(self.owner, fail())
        self.slices.start(other, self.job("b", STEP))
        self.finish()
        self.assertEqual((self.failed, self.done), ([self.owner], ["b1", "b end"]))

    def test_resumedOnce(self) -> None:
        """Resuming again does not start a job twice."""
        self.slices.start(self.owner, self.job("a", BLOCKED, STEP))
        self.slices.resume(self.owner)
        self.slices.resume(self.owner)
        self.finish()
        self.assertEqual(self.done, ["a1", "a2", "a end"])


class BusyTestCase(SynchronousTestCase):
    """A daemon, an owner of many states, and a clock on which a single step of work uses up the time of a turn."""

    count = MANY
    limits = Limits()

    def setUp(self) -> None:
        self.clock = BusyClock()
        self.daemon = Daemon(reactor=self.clock, limits=self.limits)
        self.endpoint = connect(self.daemon)
        self.owner = self.endpoint.connect()
        add(self.owner, *map(str, range(self.count)))
        self.clock.advance(0)
        self.bystander = self.endpoint.connect()
        self.reader = self.endpoint.connect()
        self.clock.tick = SLICE

    @property
    def bus(self) -> Bus:
        """The core of the daemon."""
        bus: Bus = cast(Any, self.daemon)._server.bus
        return bus

    def assertServed(self) -> None:
        """A peer that has nothing to do with it is answered at once."""
        self.assertIn("result", ask(self.bystander, "info"))
        self.assertEqual(self.flushLoggedErrors(), [])

    def turns(self) -> int:
        """Let everything be done, and see that the bystander is served all the time. How many turns it took."""
        count = 0
        for _ in self.clock.turns():
            count += 1
            self.assertServed()
        return count

    def value(self, path: str) -> Any:
        """What the daemon has at a path; L{None} if nothing is there."""
        element = self.bus.elements.find(path)
        return None if element is None else element.read()


class SnapshotTests(BusyTestCase):
    """The initial state of a fetch."""

    def test_inSlices(self) -> None:
        """The answer comes first, then the states in their order, a few in each turn; others are served meanwhile."""
        many = 20_000
        self.clock.tick = 0
        add(self.owner, *map(str, range(MANY, many)))
        self.clock.tick = SLICE
        self.reader.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
        self.assertEqual(self.reader.received[0], {"id": 1, "result": True})
        sizes = []
        for _ in self.clock.turns():
            sizes.append(len(self.reader.received))
            self.assertServed()
        self.assertGreater(len(sizes), 100)
        self.assertLess(max(after - before for before, after in pairwise(sizes)), 500)
        self.assertEqual([path for _, path, _ in events(self.reader)], list(map(str, range(many))))

    def test_ownMessagesWait(self) -> None:
        """What the peer sends itself meanwhile waits, in order, until all is announced; it is not even read."""
        fetch = {"id": 1, "method": "fetch", "params": {"id": "f"}}
        self.reader.send(fetch, {"id": 2, "method": "echo"})
        self.clock.turn()
        self.reader.send({"id": 3, "method": "echo"})
        self.assertTrue(self.reader.transport.paused)
        self.turns()
        self.assertFalse(self.reader.transport.paused)
        received = self.reader.take()
        self.assertEqual(len(received), MANY + 3)
        self.assertEqual([message["id"] for message in received if "id" in message], [1, 2, 3])
        self.assertEqual([message["id"] for message in received[-2:]], [2, 3])

    def test_smallIsAtOnce(self) -> None:
        """A fetch that names its paths does not look at the others."""
        self.reader.send({"id": 1, "method": "fetch", "params": {"id": "f", "path": {"equalsOneOf": ["7", "5", "x"]}}})
        self.assertEqual([message["params"]["path"] for message in self.reader.take()[1:]], ["5", "7"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def changeAtRandom(self, generator: random.Random, added: list[int]) -> None:
        """Let the owner change, remove and add some states."""
        for _ in range(20):
            path = str(generator.randrange(MANY + len(added)))
            what = generator.choice(["change", "change", "remove", "new"])
            if what == "new":
                path = str(MANY + len(added))
                added.append(1)
                params = {"path": path, "value": generator.randrange(100)}
                self.owner.send({"method": "add", "params": params})
            elif what == "remove":
                self.owner.send({"method": "remove", "params": {"path": path}})
            else:
                params = {"path": path, "value": generator.randrange(100)}
                self.owner.send({"method": "change", "params": params})

    def test_changesMeanwhile(self) -> None:
        """Whatever happens meanwhile: each state is added once, with its newest value, and nothing contradicts."""
        rules: dict[str, dict[str, Any]] = {"f": {}, "small": {"value": {"lessThan": 50}}}
        generator, added = random.Random(1), list[int]()
        self.reader.send(*({"method": "fetch", "params": {"id": name, **rule}} for name, rule in rules.items()))
        for _ in self.clock.turns():
            self.changeAtRandom(generator, added)
        known: dict[str, dict[str, Any]] = {name: {} for name in rules}
        for message in self.reader.take():
            view, params = known[message["method"]], message["params"]
            self.assertEqual(params["path"] in view, params["event"] != "add", params)
            if params["event"] == "remove":
                del view[params["path"]]
            else:
                view[params["path"]] = params["value"]
        self.assertGreater(len(added), 100)
        everything = {str(number): self.value(str(number)) for number in range(MANY + len(added))}
        everything = {path: value for path, value in everything.items() if value is not None}
        self.assertEqual(known["f"], everything)
        self.assertEqual(known["small"], {path: value for path, value in everything.items() if value < 50})

    def test_changedBeforeItsTurn(self) -> None:
        """What changes before its turn is announced with the new value, what is removed before is not announced."""
        self.reader.send({"method": "fetch", "params": {"id": "f"}})
        self.clock.turn()
        last, other = str(MANY - 1), str(MANY - 2)
        self.owner.send({"method": "change", "params": {"path": last, "value": "new"}})
        self.owner.send({"method": "change", "params": {"path": "0", "value": "newer"}})
        self.owner.send({"method": "remove", "params": {"path": other}})
        self.owner.send({"method": "add", "params": {"path": "late", "value": 1}})
        self.turns()
        told = events(self.reader)
        self.assertEqual([news for news in told if news[1] in (last, other)], [("add", last, "new")])
        self.assertEqual([news for news in told if news[1] == "0"], [("add", "0", 0), ("change", "0", "newer")])
        self.assertEqual(told[-1], ("add", "late", 1))

    def test_sorted(self) -> None:
        """A sorted fetch is made in slices, too; the window is right, and what happened meanwhile is told after it."""
        sort = {"byValue": "number", "descending": True, "to": 3}
        self.reader.send({"id": 1, "method": "fetch", "params": {"id": "s", "sort": sort}}, {"id": 2, "method": "echo"})
        generator, added = random.Random(2), list[int]()
        window: list[Any] = []
        turns = 0
        for _ in self.clock.turns():
            turns += 1
            if turns < 100:
                self.changeAtRandom(generator, added)
            self.assertServed()
        self.assertGreater(turns, 50)
        for message in self.reader.take()[1:]:
            if "id" in message:
                continue
            params = message["params"]
            self.assertEqual(params["n"], 3)
            window += [None] * (3 - len(window))
            for entry in params["changes"]:
                window[entry["index"] - 1] = (entry["path"], entry["value"])
            self.assertNotIn(None, window)
        get = {"id": 3, "method": "get", "params": {"sort": sort}}
        self.bystander.send(get)
        list(self.clock.turns())
        values = [entry["value"] for entry in self.bystander.take()[-1]["result"]]
        self.assertEqual([value for _, value in window], values)
        self.assertEqual([self.value(path) for path, _ in window], values)

    def test_largeSortedWindow(self) -> None:
        """A window of everything is right, whatever happens while it is made."""
        sort = {"byPath": True, "to": 10**9}
        self.reader.send({"method": "fetch", "params": {"id": "s", "sort": sort}})
        generator, added = random.Random(3), list[int]()
        for count, _ in enumerate(self.clock.turns()):
            if count % 20 == 0:
                self.changeAtRandom(generator, added)
        window: list[Any] = []
        for message in self.reader.take():
            params = message["params"]
            del window[params["n"] :]
            window += [None] * (params["n"] - len(window))
            for entry in params["changes"]:
                window[entry["index"] - 1] = (entry["path"], entry["value"])
        everything = {path: self.value(path) for path in map(str, range(MANY + len(added)))}
        expected = sorted((path, value) for path, value in everything.items() if value is not None)
        self.assertEqual(window, expected)

    def test_readerLeaves(self) -> None:
        """A peer that leaves in the middle of its initial state costs nothing more, and nobody remembers it."""
        rules: list[dict[str, Any]] = [{}, {"value": {"lessThan": 5}}, {"sort": {}}]
        for rule in rules:
            reader = self.endpoint.connect()
            reader.send({"method": "fetch", "params": {"id": "f", **rule}})
            for _ in range(10):
                self.clock.turn()
            reader.disconnect()
            self.turns()
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertTrue(all(not element.watchers for element in self.bus.elements.snapshot()))
        self.assertIn("result", ask(self.owner, "change", path="0", value=1))

    def test_severalAtOnce(self) -> None:
        """Peers that fetch at the same time all get on, none waits for another one to be done."""
        readers = [self.endpoint.connect() for _ in range(3)]
        for reader in readers:
            reader.send({"method": "fetch", "params": {"id": "f"}})
        for _ in range(30):
            self.clock.turn()
        sizes = [len(reader.received) for reader in readers]
        self.assertGreater(min(sizes), 500)
        self.assertLess(max(sizes) - min(sizes), 500)
        self.turns()
        for reader in readers:
            self.assertEqual([path for _, path, _ in events(reader)], list(map(str, range(MANY))))

    def test_replacedAtOnce(self) -> None:
        """A fetch that is to be replaced is announced to its end first, since the peer's messages wait."""
        self.reader.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
        self.reader.send({"id": 2, "method": "fetch", "params": {"id": "f", "path": {"equals": "0"}}})
        self.turns()
        received = self.reader.take()
        self.assertEqual(len(received), MANY + 3)
        self.assertEqual(received[MANY + 1], {"id": 2, "result": True})
        self.owner.send({"method": "change", "params": {"path": "1", "value": 1}})
        self.owner.send({"method": "change", "params": {"path": "0", "value": 1}})
        self.assertEqual(events(self.reader), [("change", "0", 1)])

    def test_endedFetches(self) -> None:
        """However many fetches end, elements forget them in one go at a time."""
        fetch = {"method": "fetch", "params": {"id": "f", "path": {"equals": "0"}}}
        self.reader.send(*[fetch, {"method": "unfetch", "params": {"id": "f"}}] * 1000)
        most = 0
        for _ in self.clock.turns():
            most = max(most, len(cast(Any, self.bus)._slices._jobs))
        self.assertLess(most, 5)
        self.assertEqual(self.bus.elements.find("0").watchers, ())  # type: ignore[union-attr]


class GetTests(BusyTestCase):
    """The one answer of a get."""

    def test_inSlices(self) -> None:
        """A get of everything is made in slices; what the peer sends meanwhile waits for it."""
        for rule in ({}, {"sort": {"to": 1_000_000}}):
            self.reader.send({"id": 1, "method": "get", "params": rule}, {"id": 2, "method": "echo"})
            self.assertEqual(self.reader.received, [])
            self.assertGreater(self.turns(), 50)
            first, second = self.reader.take()
            self.assertEqual((first["id"], len(first["result"]), second["id"]), (1, MANY, 2))

    def test_removedMeanwhile(self) -> None:
        """What is removed before its turn is not in the answer, nor is what a peer owned that has left."""
        for rule in ({}, {"sort": {"to": 1_000_000}}, {"value": {"equals": 0}, "sort": {"byValue": "number"}}):
            endpoint = self.endpoint
            owner = endpoint.connect()
            add(owner, "own")
            list(self.clock.turns())
            self.reader.send({"id": 1, "method": "get", "params": {**rule, "path": {"contains": "n"}}})
            self.clock.turn()
            owner.disconnect()
            self.turns()
            self.assertEqual(self.reader.take()[-1]["result"], [])

    def test_readerLeaves(self) -> None:
        """A peer that leaves before it is answered costs nothing more."""
        rules: list[dict[str, Any]] = [{}, {"sort": {"to": 1_000_000}}]
        for rule in rules:
            reader = self.endpoint.connect()
            reader.send({"id": 1, "method": "get", "params": rule})
            for _ in range(5):
                self.clock.turn()
            reader.disconnect()
            self.assertLess(self.turns(), 10)


class LossTests(BusyTestCase):
    """An owner of much has left."""

    def setUp(self) -> None:
        super().setUp()
        self.reader.send({"method": "fetch", "params": {"id": "f"}})
        self.turns()
        self.reader.take()

    def test_inSlices(self) -> None:
        """Those who fetch are told in slices, in the order of adding, with the last values."""
        self.owner.disconnect()
        self.assertLess(len(self.reader.received), 500)
        self.assertGreater(self.turns(), 50)
        self.assertEqual(events(self.reader), [("remove", str(number), 0) for number in range(MANY)])
        self.assertEqual(len(self.bus.elements), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_goneAtOnce(self) -> None:
        """For every request the states are gone at once, though their removal is still being told."""
        self.owner.disconnect()
        peer = self.endpoint.connect()
        last = str(MANY - 1)
        missing = {"code": -32602, "message": "Invalid params", "data": {"pathNotExists": last}}
        for method in ("set", "call", "change", "remove"):
            self.assertEqual(ask(peer, method, path=last, value=1), {"error": missing})
        self.assertEqual(ask(peer, "fetch", id=1, path={"equals": last}), {"result": True})
        rules: list[dict[str, Any]] = [{}, {"value": {"equals": 0}}, {"sort": {}}]
        for rule in rules:
            peer.send({"id": 1, "method": "get", "params": rule})
            peer.send({"id": 2, "method": "fetch", "params": {"id": 2, **rule}})
        self.assertLess(len(self.reader.received), MANY)
        self.turns()
        window = {"method": 2, "params": {"n": 0, "changes": []}}
        answers = [{"id": 1, "result": []}, {"id": 2, "result": True}]
        self.assertEqual(peer.take(), [*answers * 3, window])

    def test_addedAgain(self) -> None:
        """Such a path is free at once: those who fetch get the removal first, once, then the new state."""
        self.owner.disconnect()
        last = str(MANY - 1)
        self.assertEqual(ask(self.bystander, "add", path=last, value="new"), {"result": True})
        told = [("remove", last, 0), ("add", last, "new")]
        self.assertEqual([news for news in events(self.reader) if news[1] == last], told)
        self.turns()
        rest = events(self.reader)
        self.assertNotIn(last, [path for _, path, _ in rest])
        self.assertEqual(self.value(last), "new")
        self.assertEqual(len(self.bus.elements), 1)

    def test_pendingFirst(self) -> None:
        """Who waits for an answer of the owner is answered at once, before anything is removed."""
        self.reader.send({"id": 1, "method": "set", "params": {"path": "0", "value": 1}})
        self.owner.disconnect()
        error = self.reader.received[0]["error"]
        self.assertEqual((error["code"], error["data"]["message"]), (-32603, "peer shuts down"))
        self.turns()

    def test_comesBack(self) -> None:
        """A peer that leaves and comes back at once, with the same states, ends up with all of them."""
        self.owner.disconnect()
        again = self.endpoint.connect()
        add(again, *map(str, range(MANY)), value=1)
        self.turns()
        known: dict[str, Any] = dict.fromkeys(map(str, range(MANY)), 0)
        for event, path, value in events(self.reader):
            self.assertEqual(path in known, event != "add")
            if event == "remove":
                del known[path]
            else:
                known[path] = value
        self.assertEqual(known, dict.fromkeys(map(str, range(MANY)), 1))

    def test_readerLeavesToo(self) -> None:
        """When owner and reader leave together, everything comes to its end."""
        self.owner.disconnect()
        self.clock.turn()
        self.reader.disconnect()
        self.turns()
        self.assertEqual(len(self.bus.elements), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PendingTests(BusyTestCase):
    """Thousands of requests that end together."""

    count = 10
    requests = 5000

    def setUp(self) -> None:
        super().setUp()
        self.clock.tick = 0
        sets = [{"id": id, "method": "set", "params": {"path": "1", "value": 1}} for id in range(self.requests)]
        self.reader.send(*sets)
        self.clock.advance(0)
        self.assertEqual((len(self.owner.take()), self.reader.take()), (self.requests, []))
        self.clock.tick = SLICE

    def check(self, code: int) -> None:
        """All requests are answered with an error, in order and in slices, while others are served."""
        self.assertGreater(self.turns(), 20)
        answers = self.reader.take()
        self.assertEqual([answer["id"] for answer in answers], list(range(self.requests)))
        self.assertEqual({answer["error"]["code"] for answer in answers}, {code})
        self.assertIsNone(self.bus.deadline())

    def test_expire(self) -> None:
        """Their time is over."""
        self.clock.rightNow += DEFAULT_TIMEOUT
        self.check(-32001)

    def test_ownerLeaves(self) -> None:
        """Their owner leaves."""
        self.owner.disconnect()
        self.check(-32603)
        self.assertEqual(len(self.bus.elements), 0)

    def test_ownerReturns(self) -> None:
        """Who adds the path anew at once is asked nothing that the lost owner was asked."""
        self.owner.disconnect()
        self.assertEqual(ask(self.bystander, "add", path="1", value=5), {"result": True})
        self.reader.send({"id": "new", "method": "set", "params": {"path": "1", "value": 1}})
        (routed,) = self.bystander.take()
        self.bystander.send({"id": routed["id"], "result": True})
        self.turns()
        ids = [answer["id"] for answer in self.reader.take()]
        self.assertEqual(len(ids), self.requests + 1)
        self.assertEqual([id for id in ids if id != "new"], list(range(self.requests)))


class ManyMessagesTests(BusyTestCase):
    """Much that comes at once."""

    count = 10

    def check(self, peer: MemoryPeer) -> None:
        """Five thousand requests are answered in order, in slices; what came behind them comes behind."""
        self.assertLess(len(peer.received), 1000)
        peer.send({"id": "last", "method": "echo"})
        self.assertGreater(self.turns(), 10)
        ids = [message["id"] for message in peer.take()]
        self.assertEqual(ids, [*range(5000), "last"])

    def test_batch(self) -> None:
        """A large batch is worked on in slices."""
        self.reader.send([{"id": number, "method": "echo"} for number in range(5000)])
        self.check(self.reader)

    def test_frames(self) -> None:
        """Many small messages in one piece likewise."""
        self.reader.send(*({"id": number, "method": "echo"} for number in range(5000)))
        self.check(self.reader)

    def test_batches(self) -> None:
        """Many batches, too; their order is kept."""
        ids = iter(range(5000))
        self.reader.send(*([{"id": next(ids), "method": "echo"} for _ in range(500)] for _ in range(10)))
        self.check(self.reader)

    def test_leaves(self) -> None:
        """Of what a peer has sent before it left, what has not been looked at is forgotten."""
        self.reader.send([{"method": "add", "params": {"path": f"path {number}"}} for number in range(5000)])
        self.reader.disconnect()
        self.turns()
        self.assertEqual(len(self.bus.elements), 10)

    def test_removedAtOnce(self) -> None:
        """A peer that leaves with thousands of fetches of thousands of paths does not stop the others."""
        rules: list[dict[str, Any]] = [
            *({"path": {"equalsOneOf": [f"{number} {each}" for each in range(100)]}} for number in range(50)),
            *({"path": {"startsWith": "x" * number}} for number in range(1, 1000)),
            *({"path": {"contains": str(number)}} for number in range(100)),
        ]
        self.reader.send(*({"method": "fetch", "params": {"id": id, **rule}} for id, rule in enumerate(rules)))
        list(self.clock.turns())
        self.reader.disconnect()
        self.assertGreater(self.turns(), 5)
        index = cast(Any, self.bus.elements.index)
        self.assertEqual((index._count, dict(index._plain.lengths)), (0, {}))
        self.assertIn("result", ask(self.bystander, "add", path="xxx", value=1))
