"""
Tests for L{jetjstp.jet.fetching}, and for fetches as peers see them: section 8
of the protocol page.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.testing import MemoryDaemon, MemoryPeer
from tests.jet.asking import add, ask, events
from tests.jet.conversations import SURROGATE, Talk, deterministicAndFew, same

Step = tuple[str, str, Any]

METHOD: Any = object()
"""Instead of a value."""

RULES: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda path, value: True),
    ({"path": {"startsWith": "a"}}, lambda path, value: path.startswith("a")),
    ({"path": {"equals": "a/b"}}, lambda path, value: path == "a/b"),
    ({"path": {"equalsOneOf": ["B", "a"], "caseInsensitive": True}}, lambda path, value: path.lower() in ("a", "b")),
    ({"path": {"containsNot": "b"}}, lambda path, value: "b" not in path),
    ({"value": {"greaterThan": 2}}, lambda path, value: isNumber(value) and value > 2),
    ({"value": {"equals": True}}, lambda path, value: value is True),
    ({"value": {"equalsNot": 3}}, lambda path, value: value != 3),
    ({"value": {"isType": "undefined"}}, lambda path, value: value is METHOD),
    ({"valueField": {"k": {"lessThan": 3}}}, lambda path, value: isinstance(value, dict) and value["k"] < 3),
    (
        {"path": {"endsWith": "b"}, "value": {"isType": "number"}},
        lambda path, value: path.endswith("b") and isNumber(value),
    ),
]
"""Rules, and what they mean."""


def isNumber(value: Any) -> bool:
    """Whether a value is a number, which true is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


class Picture:
    """
    What a client knows from one fetch. It notices what cannot be: an element that is added twice, or is not known.

    @ivar known: The values of what there is.
    """

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def hear(self, params: dict[str, Any]) -> None:
        """Apply a notification."""
        path, event, value = params["path"], params["event"], params.get("value", METHOD)
        if event == "add":
            assert path not in self.known, params
            self.known[path] = value
        elif event == "change":
            assert path in self.known and value is not METHOD, params
            self.known[path] = value
        else:
            assert event == "remove"
            del self.known[path]


values = st.sampled_from([0, 1, 2, 3, 3.5, True, None, "x", {"k": 1}, {"k": 5}])
paths = st.sampled_from(["a", "b", "A", "a/b", "c"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("change"), paths, values),
        st.tuples(st.just("change"), paths, values),
        st.tuples(st.just("add"), paths, values | st.just(METHOD)),
        st.tuples(st.just("remove"), paths, st.none()),
        st.tuples(st.just("leave"), st.just(""), st.none()),
    ),
    min_size=8,
    max_size=20,
)
beginnings = st.lists(st.tuples(st.just("add"), paths, values | st.just(METHOD)), min_size=2, max_size=8)


class Scene:
    """
    An owner and a reader, and what there is.

    @ivar states: The values of what there is, methods included, in the order of adding.
    """

    def __init__(self) -> None:
        self.memory = MemoryDaemon()
        self.owner, self.reader = self.memory.connect(), self.memory.connect()
        self.states: dict[str, Any] = {}

    def do(self, step: Step) -> None:
        """Do a step, if it is possible."""
        what, path, value = step
        params = {"path": path} if value is METHOD else {"path": path, "value": value}
        if what == "leave":
            self.owner.disconnect()
            self.owner = self.memory.connect()
            self.states.clear()
        elif what == "remove" and path in self.states:
            self.owner.send({"method": "remove", "params": {"path": path}})
            del self.states[path]
        elif (what == "add" and path not in self.states) or (
            what == "change" and self.states.get(path, METHOD) is not METHOD
        ):
            self.owner.send({"method": what, "params": params})
            self.states[path] = value


class AnyFetchTests(SynchronousTestCase):
    """What holds for all fetches, whatever happens."""

    def fitting(self, meaning: Any, states: dict[str, Any]) -> dict[str, Any]:
        return {path: value for path, value in states.items() if meaning(path, value)}

    @given(st.lists(st.integers(0, len(RULES) - 1), min_size=2, max_size=5), beginnings, steps)
    @deterministicAndFew
    def test_picture(self, chosen: list[int], before: list[Step], after: list[Step]) -> None:
        """A client knows at any time what fits, and is told of nothing that contradicts what it knows."""
        scene = Scene()
        for step in before:
            scene.do(step)
        pictures = [Picture() for _ in chosen]
        for number, rule in enumerate(chosen):
            answer = ask(scene.reader, "fetch", id=number, **RULES[rule][0])
            self.assertEqual(answer, {"result": True})
        for step in [("none", "", None), *after]:
            scene.do(step)
            for message in scene.reader.take():
                pictures[message["method"]].hear(message["params"])
            for picture, rule in zip(pictures, chosen, strict=True):
                self.assertEqual(picture.known, self.fitting(RULES[rule][1], scene.states))

    @given(st.sampled_from(RULES), beginnings)
    @deterministicAndFew
    def test_get(self, rule: tuple[dict[str, Any], Any], before: list[Step]) -> None:
        """A get answers what a fetch of the same rule announces first: what fits, in the order of adding."""
        scene = Scene()
        for step in before:
            scene.do(step)
        params, meaning = rule
        found = ask(scene.reader, "get", **params)["result"]
        self.assertEqual([entry["path"] for entry in found], list(self.fitting(meaning, scene.states)))
        scene.reader.send({"id": 1, "method": "fetch", "params": {"id": "f", **params}})
        answer, *notifications = scene.reader.take()
        self.assertEqual(answer, {"id": 1, "result": True})
        self.assertTrue(same([message["params"] for message in notifications], found))


class FetchTestCase(SynchronousTestCase):
    """A daemon with an owner and a reader."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon()
        self.owner, self.reader = self.memory.connect(), self.memory.connect()

    def fetch(self, id: Any = "f", peer: MemoryPeer | None = None, **rule: Any) -> None:
        """Have the reader fetch; the answer is taken, notifications stay."""
        self.assertEqual(ask(peer or self.reader, "fetch", id=id, **rule), {"result": True})

    def change(self, path: str, value: Any) -> None:
        self.assertEqual(ask(self.owner, "change", path=path, value=value), {"result": True})

    def assertTold(self, *expected: tuple[str, str, Any]) -> None:
        """The reader has been told just this: event, path, value."""
        self.assertTrue(same(events(self.reader), list(expected)))


class LifeTests(FetchTestCase):
    """Section 8.1."""

    def test_order(self) -> None:
        """First the answer, then what there is in the order of adding, methods included, then what happens."""
        add(self.owner, "b", "10", "9", "a")
        ask(self.owner, "add", path="m")
        self.reader.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
        self.change("b", 5)
        answer, *rest = self.reader.take()
        self.assertEqual(answer, {"id": 1, "result": True})
        told = [(message["params"]["event"], message["params"]["path"]) for message in rest]
        self.assertEqual(told, [*(("add", path) for path in ("b", "10", "9", "a", "m")), ("change", "b")])

    def test_notification(self) -> None:
        """A fetch without an id of its own is not answered, but carried out."""
        add(self.owner, "a")
        self.reader.send({"method": "fetch", "params": {"id": "f"}})
        self.assertEqual([message.get("method") for message in self.reader.take()], ["f"])

    def test_ids(self) -> None:
        """The id comes back with its type, as it was written; 1 and "1" are two fetches, 1 and 1.0 one."""
        self.fetch(1)
        self.fetch("1")
        add(self.owner, "a")
        self.assertTrue(same([message["method"] for message in self.reader.take()], [1, "1"]))
        self.fetch(1.0)
        self.assertEqual(len(self.reader.take()), 1)
        self.change("a", 1)
        self.assertTrue(same([message["method"] for message in self.reader.take()], ["1", 1.0]))
        for id in ("", 0, -1.5, "constructor", "__proto__", SURROGATE, 2**70):
            self.fetch(id, path={"equals": "a"})
            self.assertTrue(same([message["method"] for message in self.reader.take()], [id]))

    def test_wrongIds(self) -> None:
        """Ids are strings or numbers."""
        odd: list[Any] = [True, [], {}, ["f"]]
        for id in odd:
            error = ask(self.reader, "fetch", id=id)["error"]
            self.assertEqual(error["data"], {"wrongType": "id", "got": {"id": id}})
        self.assertEqual(ask(self.reader, "fetch")["error"]["data"], {"missingParam": "id", "got": {}})
        add(self.owner, "a")
        self.assertEqual(self.reader.take(), [])

    def test_replaced(self) -> None:
        """An id that is used again replaces the fetch wholly, and everything is announced anew."""
        add(self.owner, "a", "b")
        self.fetch(path={"equals": "a"})
        self.fetch(path={"equals": "b"})
        self.change("a", 1)
        self.change("b", 1)
        self.assertTold(("add", "a", 0), ("add", "b", 0), ("change", "b", 1))

    def test_refusedKeepsTheOld(self) -> None:
        """A fetch that is refused changes nothing about the one with its id."""
        add(self.owner, "a")
        self.fetch()
        self.assertIn("error", ask(self.reader, "fetch", id="f", value={"between": 1}))
        self.change("a", 1)
        self.assertTold(("add", "a", 0), ("change", "a", 1))

    def test_private(self) -> None:
        """Ids belong to a connection: others may use the same, and end theirs."""
        other = self.memory.connect()
        self.fetch()
        self.fetch(peer=other)
        ask(other, "unfetch", id="f")
        add(self.owner, "a")
        self.assertTold(("add", "a", 0))
        self.assertEqual(other.take(), [])

    def test_unfetch(self) -> None:
        """After unfetch nothing more is sent, not even removals; an id that is not known is no error."""
        add(self.owner, "a")
        for id in ("f", 1, -0.5):
            self.fetch(id, value={"isType": "number"})
            self.assertEqual(ask(self.reader, "unfetch", id=id), {"result": True})
            self.assertEqual(len(self.reader.take()), 1)
            self.assertEqual(ask(self.reader, "unfetch", id=id), {"result": True})
        self.change("a", "text")
        self.owner.disconnect()
        self.assertEqual(self.reader.take(), [])

    def test_oneself(self) -> None:
        """A peer that fetches hears of its own elements before the answers to its own requests."""
        self.owner.send({"method": "fetch", "params": {"id": "f"}})
        for number, params in enumerate(
            [("add", {"path": "a", "value": 1}), ("change", {"path": "a", "value": 2}), ("remove", {"path": "a"})]
        ):
            self.owner.send({"id": number, "method": params[0], "params": params[1]})
            notification, answer = self.owner.take()
            self.assertEqual(notification["params"]["event"], params[0])
            self.assertEqual(answer, {"id": number, "result": True})

    def test_ended(self) -> None:
        """A fetch whose client has left takes up nothing more, though it is forgotten little by little."""
        talk = Talk()
        owner, reader = talk.connect(), talk.connect()
        rules: list[dict[str, Any]] = [{}, {"value": {"isType": "number"}}, {"sort": {}}, {"path": {"equals": "a"}}]
        for number, rule in enumerate(rules):
            talk.send(reader, {"method": "fetch", "params": {"id": number, **rule}})
        talk.finish()
        talk.bus.lost(reader, 1.0)
        reader.frames.clear()
        talk.send(owner, {"method": "add", "params": {"path": "a", "value": 1}})
        element = talk.bus.elements.find("a")
        assert element is not None
        self.assertEqual((element.watchers, reader.frames), ((), []))
        talk.finish()
        talk.send(owner, {"method": "change", "params": {"path": "a", "value": 2}})
        self.assertEqual(reader.frames, [])


class NotificationTests(FetchTestCase):
    """Section 8.2."""

    def take(self) -> list[Any]:
        return [message["params"] for message in self.reader.take()]

    def test_members(self) -> None:
        """A notification has the path, the event and the value, if there is one, and never an id."""
        self.fetch()
        ask(self.owner, "add", path="s", value=None)
        ask(self.owner, "add", path="m")
        self.change("s", {"a": [1.0]})
        ask(self.owner, "remove", path="s")
        ask(self.owner, "remove", path="m")
        expected = [
            {"path": "s", "event": "add", "value": None},
            {"path": "m", "event": "add"},
            {"path": "s", "event": "change", "value": {"a": [1.0]}},
            {"path": "s", "event": "remove", "value": {"a": [1.0]}},
            {"path": "m", "event": "remove"},
        ]
        got = self.reader.take()
        self.assertTrue(same(got, [{"method": "f", "params": params} for params in expected]))

    def test_fetchOnly(self) -> None:
        """What nobody may set or call says so when it is added, initially too, and only then; never false."""
        flags: list[Any] = [True, 1, "x", [], False, 0, "", None]
        for number, flag in enumerate(flags):
            ask(self.owner, "add", path=str(number), value=1, fetchOnly=flag)
        self.fetch()
        self.assertEqual([params.get("fetchOnly") for params in self.take()], [True] * 4 + [None] * 4)
        ask(self.owner, "add", path="m", fetchOnly=True)
        self.change("0", 2)
        ask(self.owner, "remove", path="0")
        expected = [
            {"path": "m", "event": "add", "fetchOnly": True},
            {"path": "0", "event": "change", "value": 2},
            {"path": "0", "event": "remove", "value": 2},
        ]
        self.assertEqual(self.take(), expected)

    def test_entering(self) -> None:
        """What comes to fit a value rule is added with its flag, and removed with the value that does not fit."""
        ask(self.owner, "add", path="a", value=1, fetchOnly=True)
        self.fetch(value={"greaterThan": 5})
        for value in (6, 7, 3, 4, 8):
            self.change("a", value)
        ask(self.owner, "remove", path="a")
        expected = [
            {"path": "a", "event": "add", "value": 6, "fetchOnly": True},
            {"path": "a", "event": "change", "value": 7},
            {"path": "a", "event": "remove", "value": 3},
            {"path": "a", "event": "add", "value": 8, "fetchOnly": True},
            {"path": "a", "event": "remove", "value": 8},
        ]
        self.assertEqual(self.take(), expected)

    def test_removedOutside(self) -> None:
        """What does not fit is removed in silence."""
        add(self.owner, "a")
        self.fetch(value={"greaterThan": 5})
        ask(self.owner, "remove", path="a")
        self.assertEqual(self.reader.take(), [])

    def test_ownerLeaves(self) -> None:
        """What a lost owner had is removed in the order of adding, with the last values."""
        add(self.owner, "b", "a", "c")
        self.change("a", 5)
        self.fetch()
        self.reader.take()
        self.owner.disconnect()
        self.assertTold(("remove", "b", 0), ("remove", "a", 5), ("remove", "c", 0))

    def test_changingType(self) -> None:
        """A state may get a value of another type; each fetch sees it by its own rule."""
        add(self.owner, "a")
        self.fetch("n", value={"isType": "number"})
        self.fetch("s", value={"isType": "string"})
        self.reader.take()
        self.change("a", "text")
        told = [(message["method"], message["params"]["event"]) for message in self.reader.take()]
        self.assertEqual(told, [("n", "remove"), ("s", "add")])

    def test_numbersOutOfRange(self) -> None:
        """Numbers that JavaScript cannot hold pass as the text that they are, and fit rules as what they mean."""
        talk = Talk()
        owner, reader = talk.connect(), talk.connect()
        talk.send(reader, {"method": "fetch", "params": {"id": "f", "value": {"greaterThan": 1e300}}})
        for text in ("1e400", "9" * 400, "9" * 5_000):
            talk.sendText(owner, '{"method":"add","params":{"path":"a","value":' + text + "}}")
            talk.sendText(owner, '{"method":"change","params":{"path":"a","value":' + text + "0}}")
            talk.sendText(owner, '{"method":"change","params":{"path":"a","value":-' + text + "}}")
            self.assertEqual([frame.count(text.encode()) for frame in reader.frames], [1, 1, 1])
            reader.frames.clear()
            talk.sendText(owner, '{"method":"remove","params":{"path":"a"}}')
