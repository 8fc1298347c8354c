"""
Tests for L{jetjstp.jet.windows}: a client that follows a sorted fetch always
has what a plain sort gives, and is told no more than it needs.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet import fetches, sorting, windows
from jetjstp.jet.limits import Limits
from jetjstp.testing import BUFFER, MemoryDaemon
from tests.jet.asking import ask
from tests.jet.conversations import Talk, deterministic, deterministicAndFew, taken

Entry = dict[str, Any]
Step = tuple[str, str, Any]

NAMES = "aBcdéf𝄞\uff21"

TYPES = {"number": (int, float), "string": (str,), "boolean": (bool,), "object": (list, dict, type(None))}


def units(text: str) -> list[int]:
    """The units of a text in UTF-16."""
    encoded = text.encode("utf-16-be")
    return [int.from_bytes(encoded[at : at + 2], "big") for at in range(0, len(encoded), 2)]


def typeOf(value: Any) -> str:
    """The name of the type of a value."""
    return (
        "boolean"
        if isinstance(value, bool)
        else next(name for name, types in TYPES.items() if isinstance(value, types))
    )


def keyOf(value: Any) -> Any:
    """What a value is sorted by, among others of its type."""
    return units(value) if isinstance(value, str) else value if isinstance(value, bool | int | float) else 0


class Plain:
    """
    A sorted fetch as section 9 describes it: sort everything anew, look at the window, compare.

    @ivar window: The entries as they were last sent.
    """

    def __init__(self, sort: dict[str, Any]) -> None:
        self.sort = sort
        self.first, self.last = sort.get("from", 1), sort.get("to", 10)
        self.entries: list[Entry] = []
        self.window: list[Entry] = []

    def fits(self, entry: Entry) -> bool:
        """Whether there is something of the type that is sorted by."""
        kind = self.sort.get("byValue") or self.sort.get("byValueField", {}).get("k")
        return kind is None or any(typeOf(value) == kind for value in self._values(entry))

    def _values(self, entry: Entry) -> list[Any]:
        """What an entry is sorted by, if it is there."""
        found = [entry["value"]] if "value" in entry else []
        if "byValueField" in self.sort:
            found = [value["k"] for value in found if isinstance(value, dict) and "k" in value]
        return found

    def _key(self, entry: Entry) -> Any:
        if self.sort.get("byPath") or not self.sort.keys() & {"byValue", "byValueField"}:
            return units(entry["path"])
        return keyOf(self._values(entry)[0])

    def change(self, entry: Entry, *, gone: bool = False) -> None:
        """An element is as this entry says now, or is gone."""
        places = [place for place, each in enumerate(self.entries) if each["path"] == entry["path"]]
        if gone or not self.fits(entry):
            for place in places:
                del self.entries[place]
        elif places:
            self.entries[places[0]] = entry
        else:
            self.entries.append(entry)
        self.entries.sort(key=self._key, reverse=bool(self.sort.get("descending")))

    def notification(self, path: str = "", initial: bool = False) -> list[dict[str, Any]]:
        """What is to be sent after the element at a path has changed its value, if that is what has happened."""
        before, self.window = self.window, self.entries[self.first - 1 : max(self.first - 1, self.last)]
        changes = [
            {**entry, "index": self.first + place}
            for place, entry in enumerate(self.window)
            if place >= len(before) or not _same(before[place], entry) or entry["path"] == path
        ]
        if not (changes or initial or len(before) != len(self.window)):
            return []
        return [{"n": len(self.window), "changes": changes}]


def _same(one: Entry, other: Entry) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


class Follower:
    """
    A client as section 9.4 describes it.

    @ivar entries: What it has.
    """

    def __init__(self, sort: dict[str, Any]) -> None:
        self.first = sort.get("from", 1)
        self.entries: list[Entry | None] = []

    def hear(self, params: dict[str, Any]) -> None:
        """Apply a notification."""
        count = params["n"]
        self.entries = self.entries[:count] + [None] * (count - len(self.entries))
        for change in params["changes"]:
            entry = dict(change)
            self.entries[entry.pop("index") - self.first] = entry


class Scene:
    """
    The elements of one owner and the sorted fetches of one reader, in a daemon and in plain lists.

    @ivar states: What there is.
    """

    def __init__(self, sorts: list[dict[str, Any]], coalesce: bool | None = None, **limits: int) -> None:
        memory = MemoryDaemon(limits=Limits(**limits))
        self.owner, self.reader = memory.connect(), memory.connect()
        self.memory = memory
        self.sorts = sorts
        self.coalesce = coalesce
        self.plain = [Plain(sort) for sort in sorts]
        self.followers = [Follower(sort) for sort in sorts]
        self.states: dict[str, Entry] = {}

    def follow(self) -> list[Any]:
        """Have the reader fetch; returns what it got."""
        for number, sort in enumerate(self.sorts):
            self.reader.send({"method": "fetch", "params": {"id": number, "sort": sort, "coalesce": self.coalesce}})
        return self.heard()

    def startAnew(self) -> None:
        """The fetches begin now, with what there is: the order of equals is that of adding."""
        self.plain = [Plain(sort) for sort in self.sorts]
        for plain in self.plain:
            for entry in self.states.values():
                plain.change(entry)
            plain.notification()

    def heard(self) -> list[Any]:
        """What the reader got, by fetch; its followers have heard it."""
        told: list[Any] = [[] for _ in self.sorts]
        for message in self.reader.take():
            if "method" in message:
                told[message["method"]].append(message["params"])
                self.followers[message["method"]].hear(message["params"])
        return told

    def do(self, step: Step) -> list[Any]:
        """Do a step, if it is possible; returns what is to be told, by fetch."""
        what, path, value = step
        known = self.states.get(path)
        if what == "add" and known is None:
            params = {"path": path, "fetchOnly": path in "cé", **({} if value is None else {"value": value})}
            self.owner.send({"method": "add", "params": params})
            entry: Entry = {"path": path, **({} if value is None else {"value": value})}
            if path in "cé":
                entry["fetchOnly"] = True
            self.states[path] = entry
            return self._tell(entry, "")
        if what == "change" and known is not None and "value" in known:
            self.owner.send({"method": "change", "params": {"path": path, "value": value}})
            self.states[path] = {**known, "value": value}
            return self._tell(self.states[path], path)
        if what == "remove" and known is not None:
            self.owner.send({"method": "remove", "params": {"path": path}})
            return self._tell(self.states.pop(path), "", gone=True)
        if what == "leave":
            self.owner.disconnect()
            self.owner = self.memory.connect()
            told: list[Any] = [[] for _ in self.plain]
            for entry in self.states.values():
                for each, more in zip(told, self._tell(entry, "", gone=True), strict=True):
                    each += more
            self.states.clear()
            return told
        return [[] for _ in self.plain]

    def _tell(self, entry: Entry, path: str, gone: bool = False) -> list[Any]:
        for plain in self.plain:
            plain.change(entry, gone=gone)
        return [plain.notification(path) for plain in self.plain]

    def assertUpToDate(self) -> None:
        """What the followers have is what there is."""
        for plain, follower in zip(self.plain, self.followers, strict=True):
            assert _same({"": plain.window}, {"": follower.entries}), (plain.window, follower.entries)


keys: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([1, 2, 2.0, 3, -1, 0.5]), st.sampled_from(["", "x", "𝄞", "\uff21"]), st.booleans(), st.just([])
)
values = st.one_of(keys, keys, st.just({}), keys.map(lambda key: {"k": key}), keys.map(lambda key: {"k": key, "x": 1}))

kinds: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from([{"byPath": True}, {}, {"byPath": True, "byValue": "number"}]),
    st.sampled_from(["number", "number", "string", "boolean", "object"]).map(lambda kind: {"byValue": kind}),
    st.sampled_from(["number", "string", "boolean"]).map(lambda kind: {"byValueField": {"k": kind}}),
)
ranges: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"from": 1, "to": 2}, {"from": 2, "to": 4}, {"from": 3, "to": 3}, {"from": 2, "to": 1}, {"to": 10**30}]
)
sorts = st.builds(
    lambda kind, window, descending: {**kind, **window, **({"descending": True} if descending else {})},
    kinds,
    ranges,
    st.booleans(),
)
paths = st.sampled_from(NAMES)
changing = st.tuples(st.just("change"), paths, values)
steps = st.lists(
    st.one_of(
        changing,
        changing,
        st.tuples(st.just("add"), paths, values | st.none()),
        st.tuples(st.just("remove"), paths, st.none()),
    ),
    min_size=8,
    max_size=25,
)
beginnings = st.lists(st.tuples(st.just("add"), paths, values | st.none()), min_size=3, max_size=8)


class FollowingTests(SynchronousTestCase):
    """What holds for all windows."""

    @given(st.lists(sorts, min_size=1, max_size=4), beginnings, steps, st.booleans())
    @example(
        [{"byValue": "number", "from": 3, "to": 4}],
        [("add", path, value) for value, path in enumerate("aBcdé", 1)],
        [("change", "a", 3.5), ("change", "B", 9), ("change", "c", 0)],
        False,
    )
    @example([{"to": 3}], [("add", path, 1) for path in "acd"], [("remove", "a", None), ("add", "a", 9)], True)
    @deterministic
    def test_exactly(
        self, chosen: list[dict[str, Any]], beginning: list[Step], changes: list[Step], leaving: bool
    ) -> None:
        """
        The reader gets the whole window first, then after each change what differs and the changed element, and nothing
        if nothing does; and so has at any time what a plain sort gives.
        """
        scene = Scene(chosen)
        for step in beginning:
            scene.do(step)
        for plain in scene.plain:
            plain.window = []
        expected = [plain.notification(initial=True) for plain in scene.plain]
        self.assertEqual(scene.follow(), expected)
        scene.assertUpToDate()
        for step in [*changes, ("leave", "", None)] if leaving else changes:
            expected = scene.do(step)
            self.assertEqual(scene.heard(), expected, step)
            scene.assertUpToDate()

    @given(
        st.lists(sorts, min_size=1, max_size=3),
        beginnings,
        st.lists(st.tuples(steps, steps), min_size=1, max_size=2),
        st.booleans(),
        st.sampled_from([None, True, False]),
        st.sampled_from([1, 400, 100_000]),
    )
    @deterministicAndFew
    def test_behind(
        self,
        chosen: list[dict[str, Any]],
        beginning: list[Step],
        rounds: list[tuple[list[Step], list[Step]]],
        early: bool,
        coalesce: bool | None,
        highWater: int,
    ) -> None:
        """
        A reader that is behind, again and again, has what a plain sort gives when it has caught up. It has been told
        every change if nothing is coalesced, and little more than the difference if everything is.
        """
        scene = Scene(chosen, coalesce, highWater=highWater)
        for step in beginning:
            scene.do(step)
        if early:
            scene.follow()
        for meanwhile, after in rounds:
            scene.reader.stopReading()
            scene.reader.send({"id": "filling", "method": "echo", "params": "x" * BUFFER})
            first = not early
            if first:
                scene.follow()
                early = True
            before = [plain.window for plain in scene.plain]
            told = [scene.do(step) for step in meanwhile]
            scene.reader.startReading()
            heard = scene.heard()
            if first:
                scene.startAnew()
            elif coalesce is False:
                self.assertEqual(
                    heard, [[each for step in told for each in step[place]] for place in range(len(chosen))]
                )
            elif coalesce is True:
                for plain, window, got in zip(scene.plain, before, heard, strict=True):
                    plain.window = window
                    self.assertDifference(got, plain.notification())
            scene.assertUpToDate()
            for step in after:
                scene.do(step)
            scene.heard()
            scene.assertUpToDate()

    def assertDifference(self, got: list[Any], expected: list[Any]) -> None:
        """
        What was told is the difference, and perhaps one element more: what changed first, the former value of which is
        not kept, though it may be the same in the end.
        """
        changes = [change for params in got for change in params["changes"]]
        needed = [change for params in expected for change in params["changes"]]
        self.assertLessEqual(len(got), 1)
        self.assertLessEqual(len(changes), len(needed) + 1)
        self.assertEqual([change for change in changes if change in needed], needed)
        if expected:
            self.assertEqual([params["n"] for params in got], [params["n"] for params in expected])


class SlicedTests(SynchronousTestCase):
    """What happens while an initial window is being made, which takes several steps where there is much to sort."""

    def setUp(self) -> None:
        for module, name in ((fetches, "STRIDE"), (sorting, "RUN"), (windows, "STEP")):
            self.patch(module, name, 2)

    @given(
        sorts.filter(lambda sort: "byValueField" not in sort),
        st.integers(2, 9),
        st.lists(
            st.tuples(
                st.integers(0, 6), st.sampled_from(["change", "remove", "add"]), st.integers(0, 12), st.integers(0, 9)
            ),
            min_size=4,
            max_size=12,
        ),
    )
    @deterministic
    def test_meanwhile(self, sort: dict[str, Any], count: int, changes: list[tuple[int, str, int, int]]) -> None:
        """What changes while the window is made is told afterwards: in the end the reader has what there is."""
        talk = Talk()
        owner, reader = talk.connect(), talk.connect()
        plain, follower = Plain({**sort, "byValue": "number"}), Follower(sort)
        states: dict[str, Any] = {}

        def tell(method: str, path: str, value: Any) -> None:
            if (method == "add") == (path in states):
                return
            talk.send(owner, {"method": method, "params": {"path": path, "value": value}})
            states[path] = value
            if method == "remove":
                del states[path]

        for number in range(count):
            tell("add", f"p{number}", number)
        talk.send(reader, {"method": "fetch", "params": {"id": "f", "sort": plain.sort}})
        for serial, (pause, method, place, key) in enumerate(changes):
            for _ in range(pause):
                if talk.bus.working:
                    talk.bus.work()
            # Equals are in an order of their own; one in ten is no number at all.
            tell(method, f"p{place}", f"{serial}" if key == 0 else key * 100 + serial)
        talk.finish()
        for message in taken(reader):
            follower.hear(message["params"])
        for path, value in states.items():
            plain.change({"path": path, "value": value})
        plain.notification()
        self.assertEqual(follower.entries, plain.window)

    def test_changedBeforeItIsSorted(self) -> None:
        """A get sorts what still fits at its turn: what has got a value of another type meanwhile is left out."""
        talk = Talk()
        owner, reader = talk.connect(), talk.connect()
        for number in range(8):
            talk.send(owner, {"method": "add", "params": {"path": f"p{number}", "value": number}})
        for steps in range(12):
            talk.send(reader, {"id": 1, "method": "get", "params": {"sort": {"byValue": "number"}}})
            for _ in range(steps):
                if talk.bus.working:
                    talk.bus.work()
            talk.send(owner, {"method": "change", "params": {"path": "p0", "value": "text"}})
            talk.send(owner, {"method": "remove", "params": {"path": "p1"}})
            talk.finish()
            (answer,) = taken(reader)
            paths = [entry["path"] for entry in answer["result"]]
            self.assertEqual(paths[-6:], [f"p{number}" for number in range(2, 8)])
            talk.send(owner, {"method": "change", "params": {"path": "p0", "value": 0}})
            talk.send(owner, {"method": "add", "params": {"path": "p1", "value": 1}})


class WindowTests(SynchronousTestCase):
    """Single cases of section 9.3, and of 15.4, which are other daemons' mistakes."""

    def setUp(self) -> None:
        memory = MemoryDaemon()
        self.owner, self.reader = memory.connect(), memory.connect()

    def add(self, **values: Any) -> None:
        for path, value in values.items():
            self.owner.send({"method": "add", "params": {"path": path, "value": value}})

    def change(self, path: str, value: Any) -> list[Any]:
        """Change a state; returns what the reader is told: n, and the index and path of each change."""
        self.owner.send({"method": "change", "params": {"path": path, "value": value}})
        return self.told()

    def told(self) -> list[Any]:
        """What the reader was told: n, and the index and path of each change."""
        return [
            (params["n"], [(change["index"], change["path"]) for change in params["changes"]])
            for params in (message["params"] for message in self.reader.take())
        ]

    def fetch(self, **sort: Any) -> list[Any]:
        """Have the reader fetch; returns what it is told first."""
        self.reader.send({"method": "fetch", "params": {"id": "f", "sort": sort}})
        return self.told()

    def test_shrinkAndGrow(self) -> None:
        """What comes back to a position that it had before is sent again."""
        self.add(a=1, b=2, c=3)
        self.assertEqual(self.fetch(to=3), [(3, [(1, "a"), (2, "b"), (3, "c")])])
        self.owner.send({"method": "remove", "params": {"path": "a"}})
        self.assertEqual(self.told(), [(2, [(1, "b"), (2, "c")])])
        self.add(a=9)
        self.assertEqual(self.told(), [(3, [(1, "a"), (2, "b"), (3, "c")])])

    def test_jumps(self) -> None:
        """What jumps into the window, out of it, or over it, moves what is in between."""
        self.add(a=1, b=2, c=3, d=4, e=5)
        self.assertEqual(self.fetch(byValue="number", **{"from": 3, "to": 4}), [(2, [(3, "c"), (4, "d")])])
        self.assertEqual(self.change("a", 4.5), [(2, [(3, "d"), (4, "a")])])
        self.assertEqual(self.change("d", 0), [(2, [(3, "c")])])
        self.assertEqual(self.change("d", 9), [(2, [(3, "a"), (4, "e")])])
        self.assertEqual(self.change("d", 10), [])
        self.assertEqual(self.change("b", 1), [])
        self.assertEqual(self.change("e", 5), [(2, [(4, "e")])])

    def test_onlyTheCount(self) -> None:
        """If the window is only shorter, no position is sent."""
        self.add(a=1, b=2)
        self.fetch(byValue="number")
        self.assertEqual(self.change("b", "text"), [(1, [])])
        self.assertEqual(self.change("b", "again"), [])
        self.owner.disconnect()
        self.assertEqual(self.told(), [(0, [])])

    def test_empty(self) -> None:
        """An empty window is told of at first, and never again if it can only be empty."""
        self.assertEqual(self.fetch(**{"from": 3, "to": 2}), [(0, [])])
        self.add(a=1, b=2, c=3)
        self.assertEqual(self.change("a", 5), [])
        self.owner.disconnect()
        self.assertEqual(self.told(), [])

    def test_behindTheLast(self) -> None:
        """A window behind the last element is empty until it is reached."""
        self.add(a=1, b=2)
        self.assertEqual(self.fetch(**{"from": 3, "to": 10**30}), [(0, [])])
        self.add(c=3)
        self.assertEqual(self.told(), [(1, [(3, "c")])])

    def test_getLikeFetch(self) -> None:
        """A get with a sort answers with the changes of the first notification."""
        self.add(a=3, b=1, c=2)
        rule = {"sort": {"byValue": "number", "descending": True, "from": 2}}
        expected = [{"path": "c", "value": 2, "index": 2}, {"path": "b", "value": 1, "index": 3}]
        self.assertEqual(ask(self.reader, "get", **rule), {"result": expected})
        self.reader.send({"method": "fetch", "params": {"id": "f", **rule}})
        self.assertEqual(self.reader.take(), [{"method": "f", "params": {"n": 2, "changes": expected}}])

    def test_hugeNumbers(self) -> None:
        """Whole numbers beyond those of JavaScript, and numbers beyond a float, have their place among others."""
        texts = {
            "a": "1e400",
            "b": "9" * 400,
            "c": "9007199254740993",
            "d": "9007199254740992.0",
            "e": "-1e400",
            "f": "1",
        }
        for path, text in texts.items():
            self.owner.sendText(f'{{"method":"add","params":{{"path":"{path}","value":{text}}}}}')
        (told,) = self.fetch(byValue="number")
        self.assertEqual([path for _, path in told[1]], ["e", "f", "d", "c", "b", "a"])

    def test_difference(self) -> None:
        """Who was behind is told what differs from what it had, not what has not changed or has changed back."""
        self.add(a=1, b=2, c=3, d=4)
        self.reader.send({"method": "fetch", "params": {"id": "f", "sort": {}, "coalesce": True}})
        self.reader.stopReading()
        self.reader.send({"id": 1, "method": "echo", "params": "x" * BUFFER})
        for path, value in (("b", 5), ("a", 9), ("c", 9), ("a", 1), ("b", 6), ("c", 3)):
            self.owner.send({"method": "change", "params": {"path": path, "value": value}})
        self.owner.send({"method": "remove", "params": {"path": "d"}})
        self.reader.take()
        self.reader.startReading()
        (told,) = [message["params"] for message in self.reader.take() if "method" in message]
        self.assertEqual(told, {"n": 3, "changes": [{"path": "b", "value": 6, "index": 2}]})

    def test_ended(self) -> None:
        """After unfetch nothing is told any more, also not of what the reader was behind with."""
        self.add(a=1)
        self.fetch(byValue="number")
        self.reader.stopReading()
        self.reader.send({"id": 1, "method": "echo", "params": "x" * BUFFER})
        self.owner.send({"method": "change", "params": {"path": "a", "value": 5}})
        self.reader.send({"id": 2, "method": "unfetch", "params": {"id": "f"}})
        self.owner.send({"method": "change", "params": {"path": "a", "value": 6}})
        self.reader.startReading()
        values = [
            change["value"]
            for message in self.reader.take()
            if "method" in message
            for change in message["params"]["changes"]
        ]
        self.assertNotIn(6, values)
        self.assertEqual(ask(self.reader, "get", sort={})["result"][0]["value"], 6)
