"""What handlers of fetches are told: at first, live, after reconnects, and by daemons that differ."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet
from jetjstp.testing import MemoryDaemon
from tests.jet.conversations import deterministic
from tests.jet.peer.scripted import CJET, INFO, NODE_JET_3, SIMPLE, ScriptedDaemon
from tests.jet.transcripts import VECTORS


def add(path: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """The params of an add."""
    return {"path": path, "event": "add", "value": value, **more}


class FollowingTestCase(SynchronousTestCase):
    """A peer that fetches on a daemon that is played by the test."""

    def begin(self, fetcher: jet.Fetcher, info: Any = INFO, **options: Any) -> None:
        """Connect, and fetch."""
        self.daemon = ScriptedDaemon()
        self.peer = self.daemon.connected(info, **options)
        self.told: list[Any] = []
        fetcher.on("data", lambda *told: self.told.append(told if len(told) > 1 else told[0]))
        self.fetching = self.peer.fetch(fetcher)
        self.fetched()

    def fetched(self) -> None:
        """Take what the peer has sent for its fetch."""
        asked = self.daemon.take()
        self.assertEqual([message["method"] for message in asked][-2:], ["fetch", "info"])
        self.asked, self.marker = asked[-2:]
        self.fetchId = self.asked["params"].get("id", "fetch_all")

    def tell(self, *params: Any) -> None:
        """The daemon tells of something."""
        for one in params:
            self.daemon.send({"method": self.fetchId, "params": one})

    def answer(self) -> None:
        """The daemon answers the fetch."""
        self.daemon.send({"id": self.asked["id"], "result": True if self.fetchId != "fetch_all" else self.fetchId})

    def complete(self) -> None:
        """The daemon has told of everything."""
        self.daemon.send({"id": self.marker["id"], "result": {}})

    def again(self, info: Any = INFO) -> None:
        """The connection is lost, and there is a new one."""
        self.daemon.cut()
        self.daemon.clock.advance(31)
        self.daemon.welcome(info)
        self.fetched()
        self.told.clear()

    def brief(self) -> list[Any]:
        """What was told since the last call."""
        told, self.told = self.told, []
        return [
            (one.event, one.path, one.value)
            if isinstance(one, jet.Notification)
            else [(entry.path, entry.value) for entry in one]
            if isinstance(one, list)
            else ([(entry.index, entry.path) for entry in one[0]], one[1])
            for one in told
        ]


class UnsortedTests(FollowingTestCase):
    """Fetches without a sort."""

    def test_complete(self) -> None:
        """The Deferred fires when the daemon has told of everything; what comes before the answer counts, too."""
        self.begin(jet.Fetcher())
        self.tell(add("a", 1))
        self.answer()
        self.tell(add("b", 1))
        self.assertNoResult(self.fetching)
        self.complete()
        self.successResultOf(self.fetching)
        self.assertEqual(self.brief(), [("add", "a", 1), ("add", "b", 1)])

    def test_refused(self) -> None:
        """What the daemon objects to fails, and is not fetched again later."""
        fetcher = jet.Fetcher().expression({"value": {"nonsense": 1}})
        self.begin(fetcher)
        error = {"code": -32602, "message": "Invalid params", "data": "unknown generator nonsense"}
        self.daemon.send({"id": self.asked["id"], "error": error})
        self.failureResultOf(self.fetching, jet.DaemonError)
        self.assertFalse(fetcher.isFetching)
        self.complete()

    def test_difference(self) -> None:
        """After a reconnect there is silence about what is the same, and a remove for what is gone, after a while."""
        self.begin(jet.Fetcher())
        self.answer()
        self.tell(add("same", {"x": [1, 2]}), add("other", 1), add("gone", 1), add("kind", 1), add("flag", 1))
        self.complete()
        self.again()
        self.answer()
        self.tell(add("other", True), add("same", {"x": [1, 2]}), add("new", 1), {"path": "kind", "event": "add"})
        self.tell(add("flag", 1, fetchOnly=True))
        self.complete()
        self.assertEqual(
            self.brief(),
            [
                *[("change", "other", True), ("add", "new", 1), ("remove", "kind", 1), ("add", "kind", None)],
                *[("remove", "flag", 1), ("add", "flag", 1)],
            ],
        )
        self.daemon.clock.advance(1.9)
        self.assertEqual(self.brief(), [])
        self.daemon.clock.advance(0.2)
        self.assertEqual(self.brief(), [("remove", "gone", 1)])
        self.assertEqual(self.daemon.clock.getDelayedCalls(), [])

    def test_ownersComeBack(self) -> None:
        """Owners that come back in time were never away; what they changed meanwhile is a change."""
        self.begin(jet.Fetcher())
        self.answer()
        self.tell(add("a", 1), add("b", 1))
        self.complete()
        self.again()
        self.answer()
        self.complete()
        self.daemon.clock.advance(1)
        self.tell(add("a", 1), add("b", 2))
        self.daemon.clock.advance(10)
        self.assertEqual(self.brief(), [("change", "b", 2)])

    def test_cutAgain(self) -> None:
        """A connection that is lost before it has told of everything leaves everything as it was."""
        self.begin(jet.Fetcher())
        self.answer()
        self.tell(add("a", 1), add("b", 1))
        self.complete()
        self.again()
        self.tell(add("a", 1))
        self.again()
        self.answer()
        self.complete()
        self.again()
        self.answer()
        self.tell(add("a", 1), add("b", 1))
        self.complete()
        self.daemon.clock.advance(10)
        self.assertEqual(self.brief(), [])

    def test_noSettling(self) -> None:
        """With settle=0 removes are told at once."""
        self.begin(jet.Fetcher(), settle=0)
        self.answer()
        self.tell(add("a", 1))
        self.complete()
        self.again()
        self.answer()
        self.complete()
        self.assertEqual(self.brief(), [("remove", "a", 1)])

    def test_equalValue(self) -> None:
        """A live change to an equal value is an event."""
        self.begin(jet.Fetcher())
        self.answer()
        self.tell(add("a", 1))
        self.complete()
        self.tell({"path": "a", "event": "change", "value": 1})
        self.assertEqual(self.brief(), [("add", "a", 1), ("change", "a", 1)])

    def test_unfetchInside(self) -> None:
        """A handler may end its fetch: it is not called any more, not even for what has arrived already."""
        fetcher = jet.Fetcher()
        fetcher.on("data", lambda told: self.peer.unfetch(fetcher))
        self.begin(fetcher)
        self.daemon.send([{"method": self.fetchId, "params": add(path, 1)} for path in "abc"])
        self.assertEqual(self.brief(), [("add", "a", 1)])
        self.failureResultOf(self.fetching, jet.ConnectionClosed)
        self.assertEqual([message["method"] for message in self.daemon.answerAll()], ["unfetch"])

    def test_changedFetcher(self) -> None:
        """What a fetcher is told while it is fetched counts from its next fetch on, not from the next connection."""
        fetcher = jet.Fetcher().path("startsWith", "a")
        self.begin(fetcher)
        self.complete()
        fetcher.path("endsWith", "z")
        self.again()
        self.assertEqual(self.asked["params"]["path"], {"startsWith": "a"})
        rule: dict[str, Any] = {"path": {"equals": "a"}}
        fetcher = jet.Fetcher().expression(rule)
        rule["path"]["equals"] = "b"
        self.assertEqual(fetcher.rule, {"path": {"equals": "a"}})

    def test_letsGo(self) -> None:
        """A fetch that has ended keeps nothing of what it was told."""
        fetcher = jet.Fetcher()
        self.begin(fetcher)
        self.tell(add("a", 1))
        self.complete()
        following = fetcher._following
        assert following is not None
        self.assertEqual(list(following._mirror.known), ["a"])
        self.peer.unfetch(fetcher)
        self.assertEqual(following._mirror.known, {})

    def test_raisingHandler(self) -> None:
        """A handler that raises harms nobody."""
        fetcher = jet.Fetcher()

        @fetcher.on("data")
        def handler(told: jet.Notification) -> None:
            raise KeyError(told.path)

        self.begin(fetcher)
        self.tell(add("a"), add("b"))
        self.complete()
        self.successResultOf(self.fetching)
        self.assertEqual(len(self.told), 2)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 2)

    def test_chains(self) -> None:
        """What no daemon would understand is refused by the chain; two rules on one field both count."""
        for wrong in (
            lambda: jet.Fetcher().path("startWith", "a"),  # type: ignore[arg-type]
            lambda: jet.Fetcher().path("equalsOneOf", "a"),
            lambda: jet.Fetcher().path("equals", None),  # type: ignore[arg-type]
            lambda: jet.Fetcher().value("above", 1),  # type: ignore[arg-type]
            lambda: jet.Fetcher().range(0),
        ):
            with self.assertRaises((TypeError, ValueError)):
                wrong()
        both = jet.Fetcher().key("a", "greaterThan", 1).key("a", "lessThan", 3)
        self.assertEqual(both.rule, {"valueField": {"a": {"greaterThan": 1, "lessThan": 3}}})


class SortedTests(FollowingTestCase):
    """Sorted fetches."""

    def window(self, *paths: str, n: int | None = None) -> dict[str, Any]:
        """The params of a first window."""
        changes = [{"path": path, "value": 1, "index": index} for index, path in enumerate(paths, 1)]
        return {"changes": changes, "n": len(paths) if n is None else n}

    def test_difference(self) -> None:
        """After a reconnect the same window is silence, another one is told when nothing seems to be missing."""
        self.begin(jet.Fetcher().sortByPath())
        self.answer()
        self.tell(self.window("a", "b"))
        self.complete()
        self.assertEqual(self.brief(), [[("a", 1), ("b", 1)]])
        self.again()
        self.answer()
        self.tell(self.window("a", "b"))
        self.complete()
        self.assertEqual(self.brief(), [])
        self.again()
        self.answer()
        self.tell(self.window("a", "aa", "b"))
        self.complete()
        self.assertEqual(self.brief(), [[("a", 1), ("aa", 1), ("b", 1)]])

    def test_settling(self) -> None:
        """What seems to be missing is waited for."""
        self.begin(jet.Fetcher().sortByPath().differential())
        self.answer()
        self.tell(self.window("a", "b"))
        self.complete()
        self.brief()
        self.again()
        self.answer()
        self.tell(self.window())
        self.complete()
        self.tell(self.window("b"), self.window("a", "b"))
        self.assertEqual(self.brief(), [])
        self.again()
        self.answer()
        self.tell(self.window("b"))
        self.complete()
        self.assertEqual(self.brief(), [])
        self.daemon.clock.advance(2)
        self.assertEqual(self.brief(), [([(1, "b")], 1)])
        self.tell({"changes": [], "n": 0})
        self.assertEqual(self.brief(), [([], 0)])

    def test_endlessWindow(self) -> None:
        """What a daemon says of the length of a window costs nothing."""
        self.begin(jet.Fetcher().sortByPath())
        self.tell({"changes": [{"path": "a", "value": 1, "index": 1}], "n": 10**15})
        self.assertEqual(self.brief(), [[("a", 1)]])
        self.daemon.sendText(f'{{"method":"{self.fetchId}","params":{{"n":1e999,"changes":[{{"index":1e999}}]}}}}')
        self.assertEqual(self.brief(), [])
        self.assertTrue(self.peer.isConnected())


class OtherDaemonTests(FollowingTestCase):
    """Daemons that do not filter or sort: the handler is told the same."""

    def test_rulesSent(self) -> None:
        """They are sent what they follow."""
        rule = jet.Fetcher().path("startsWith", "a").path("containsNot", "x").value("greaterThan", 1).sortByPath()
        for info, params in (
            (CJET, {"path": {"startsWith": "a"}}),
            (NODE_JET_3, {"path": {"startsWith": "a"}}),
            (SIMPLE, {}),
        ):
            self.begin(jet.Fetcher().expression(rule.rule), info)
            self.asked["params"].pop("id", None)
            self.assertEqual(self.asked["params"], params)
        self.begin(jet.Fetcher(), NODE_JET_3)
        self.assertEqual(self.asked["params"]["path"], {"startsWith": ""})
        self.begin(jet.Fetcher().path("startsWith", "A").pathCaseInsensitive(), NODE_JET_3)
        self.assertEqual(self.asked["params"]["path"], {"startsWith": ""})
        first = self.fetchId
        self.begin(jet.Fetcher(), NODE_JET_3)
        self.assertNotEqual(self.fetchId, first, "peers of node-jet 3 share the ids of fetches")

    def test_filtered(self) -> None:
        """Value rules hold, elements come and go."""
        for info in (CJET, NODE_JET_3, SIMPLE):
            self.begin(jet.Fetcher().path("startsWith", "a").value("greaterThan", 1), info)
            event = "Add" if info is NODE_JET_3 else "add"
            self.tell(add("a1", 1) | {"event": event}, add("a2", 2, fetchOnly=True) | {"event": event})
            self.answer()
            self.tell(add("a3", "x"))
            self.complete()
            self.successResultOf(self.fetching)
            self.tell({"path": "a1", "event": "change", "value": 5}, {"path": "a2", "event": "Change", "value": 0})
            self.tell({"path": "a3", "event": "remove", "value": "x"}, {"path": "a1", "event": "Remove"})
            self.assertEqual([one.fetchOnly for one in self.told], [True, False, False, False])
            self.assertEqual(
                self.brief(),
                [("add", "a2", 2), ("add", "a1", 5), ("remove", "a2", 0), ("remove", "a1", 5)],
                info["name"],
            )

    def test_sorted(self) -> None:
        """Windows are made here, and differences after a reconnect."""
        for info in (CJET, NODE_JET_3, SIMPLE):
            self.begin(jet.Fetcher().sortByValue("number").descending().range(1, 2), info)
            self.tell(add("a", 1), add("b", 2), add("x", "x"))
            self.assertEqual(self.brief(), [])
            self.answer()
            self.complete()
            self.assertEqual(self.brief(), [[("b", 2), ("a", 1)]])
            self.tell(add("c", 3), {"path": "a", "event": "change", "value": 0})
            self.assertEqual(self.brief(), [[("c", 3), ("b", 2)]])
            self.tell({"path": "c", "event": "remove", "value": 3})
            self.assertEqual(self.brief(), [[("b", 2), ("a", 0)]])
            self.again(info)
            self.answer()
            self.tell(add("b", 2))
            self.complete()
            self.assertEqual(self.brief(), [])
            self.daemon.clock.advance(2)
            self.assertEqual(self.brief(), [[("b", 2)]])

    def test_emptyWindow(self) -> None:
        """A first window is told, even if it is empty."""
        self.begin(jet.Fetcher().sortByPath(), CJET)
        self.answer()
        self.complete()
        self.assertEqual(self.brief(), [[]])

    def test_malformed(self) -> None:
        """A malformed rule fails as the daemon would say it."""
        daemon = ScriptedDaemon()
        peer = daemon.connected(CJET)
        fetching = peer.fetch(jet.Fetcher().expression({"value": {"nonsense": 1}}))
        self.failureResultOf(fetching, jet.DaemonError)
        self.assertEqual(daemon.take(), [])

    def test_get(self) -> None:
        """A get is filtered and sorted as well."""
        for info in (CJET, NODE_JET_3):
            self.begin(jet.Fetcher(), info)
            getting = self.peer.get(jet.Fetcher().value("greaterThan", 1).sortByValue("number").descending())
            (asked,) = self.daemon.take()
            answer = [{"path": path, "value": value} for path, value in (("a", 1), ("b", 2), ("c", 3))]
            self.daemon.send({"id": asked["id"], "result": [*answer, {"path": "m"}]})
            found = self.successResultOf(getting)
            self.assertEqual(found, [jet.Entry("c", 3, 1), jet.Entry("b", 2, 2)])

    def test_simpleMode(self) -> None:
        """There is one fetch; who comes later is told of what is known."""
        self.begin(jet.Fetcher(), SIMPLE)
        self.answer()
        self.tell(add("a", 1))
        self.complete()
        self.tell({"path": "a", "event": "change", "value": 2})
        told: list[Any] = []
        late = jet.Fetcher()
        late.on("data", told.append)
        self.successResultOf(self.peer.fetch(late))
        self.assertEqual(told, [jet.Notification("a", "add", 2)])
        self.successResultOf(self.peer.unfetch(late))
        self.tell({"path": "a", "event": "remove", "value": 2})
        self.assertEqual((len(told), len(self.told)), (1, 3))
        self.assertEqual(self.daemon.take(), [])

    def test_otherDaemonAfterReconnect(self) -> None:
        """The daemon may be another one after a reconnect; the handler need not know."""
        self.begin(jet.Fetcher().value("greaterThan", 1), CJET)
        self.tell(add("a", 1), add("b", 2), add("c", 3))
        self.answer()
        self.complete()
        self.brief()
        for info in (INFO, CJET, SIMPLE, INFO):
            self.again(info)
            self.answer()
            self.tell(add("b", 2), add("c", 3))
            if info in (CJET, SIMPLE):
                self.tell(add("a", 1))
            self.complete()
            self.daemon.clock.advance(5)
            self.assertEqual(self.brief(), [])

    def test_neighbours(self) -> None:
        """Whatever daemons of others were recorded to say, in whatever order, the peer survives."""
        for name, info in (("20-other-cjet.jsonl", CJET), ("21-other-node-jet-3.jsonl", NODE_JET_3)):
            self.begin(jet.Fetcher(), info)
            self.peer.on("error", lambda error: None)
            for text in (VECTORS / name).read_text("utf-8").splitlines():
                line = json.loads(text)
                if line.get("dir") != "<":
                    continue
                if "text" in line:
                    self.daemon.sendText(line["text"])
                    continue
                messages = line["msg"] if isinstance(line["msg"], list) else [line["msg"]]
                self.daemon.send(line["msg"])
                for message in messages:
                    if "params" in message and "id" not in message:
                        self.tell(message["params"])
                    elif "error" in message:
                        asking = self.peer.set("x", 1)
                        self.daemon.send({**message, "id": self.daemon.take()[-1]["id"]})
                        error = self.failureResultOf(asking, jet.BaseError).value
                        self.assertTrue(str(error))
                self.daemon.take()
            self.assertTrue(self.peer.isConnected(), name)


class Views:
    """What the handlers of some fetches would show to somebody."""

    def __init__(self, case: SynchronousTestCase) -> None:
        self.case = case
        self.elements: dict[str, Any] = {}
        self.window: list[Any] = []
        self.positions: dict[int, Any] = {}

    def tell(self, told: jet.Notification) -> None:
        """Adds, changes and removes have to fit together."""
        self.case.assertEqual(told.event == "add", told.path not in self.elements, told)
        if told.event == "remove":
            del self.elements[told.path]
        else:
            self.elements[told.path] = told.value

    def tellWindow(self, window: list[jet.Entry]) -> None:
        """The whole window."""
        self.window = [(entry.path, entry.value) for entry in window]

    def tellChanges(self, changes: list[jet.Entry], n: int) -> None:
        """What has changed."""
        self.positions = {index: entry for index, entry in self.positions.items() if index <= n}
        self.positions.update((entry.index, (entry.path, entry.value)) for entry in changes)


paths = st.sampled_from(["a", "b", "c", "d"])
actions = st.lists(
    st.one_of(
        st.tuples(st.just("set"), paths, st.integers(0, 3)),
        st.tuples(st.just("remove"), paths, st.just(0)),
        st.tuples(st.just("cut"), st.sampled_from(["owner", "reader", "all", "daemon"]), st.just(0)),
        st.tuples(st.just("wait"), st.just(""), st.integers(0, 40)),
        st.tuples(st.just("flush"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


class CutTests(SynchronousTestCase):
    """Connections that are cut at any time."""

    def dropped(self, failure: Failure, states: dict[str, jet.State], path: str) -> None:
        """An add has failed."""
        states.pop(path, None)

    def cut(self, peer: jet.Peer) -> None:
        """End the connection of one peer, if it has one."""
        link = peer._connector.link
        if link is not None:
            link.abort()

    def check(self, mode: Any, steps: list[tuple[str, Any, int]]) -> None:
        """After some steps, and a while, each handler's view is the daemon's state."""
        memory = MemoryDaemon(fetchMode=mode)
        owner, reader = memory.peer(), memory.peer(settle=1)
        owner.connect()
        reader.connect()
        memory.flush()
        views = Views(self)
        plain = jet.Fetcher()
        plain.on("data", views.tell)
        low = jet.Fetcher().value("lessThan", 2)
        lowViews = Views(self)
        low.on("data", lowViews.tell)
        window = jet.Fetcher().sortByValue("number").range(1, 2)
        window.on("data", views.tellWindow)
        changes = jet.Fetcher().sortByPath().range(2, 3).differential()
        changes.on("data", lambda changed, n: views.tellChanges(changed, n + 1))
        for fetcher in (plain, low, window, changes):
            reader.fetch(fetcher)
        memory.flush()
        states: dict[str, jet.State] = {}
        for what, where, number in steps:
            if what == "set":
                if where in states:
                    states[where].setValue(number)
                else:
                    states[where] = jet.State(where, number)
                    owner.add(states[where]).addErrback(self.dropped, states, where)
            elif what == "remove" and where in states:
                states.pop(where).remove().addErrback(lambda failure: failure.trap(jet.ConnectionClosed))
            elif what == "wait":
                memory.clock.pump([0.1] * number)
            elif what == "flush":
                memory.flush()
            elif where in ("owner", "reader"):
                self.cut(owner if where == "owner" else reader)
            elif where == "all":
                memory.cut()
            elif where == "daemon":
                memory.stop()
                memory.start()
        memory.clock.pump([0.5] * 200)
        expected = {path: state.value for path, state in states.items()}
        self.assertEqual(views.elements, expected)
        self.assertEqual(lowViews.elements, {path: value for path, value in expected.items() if value < 2})
        self.assertEqual([value for _, value in views.window], sorted(expected.values())[:2])
        shown = [entry for index, entry in sorted(views.positions.items()) if index >= 2]
        self.assertEqual(shown, sorted(expected.items())[1:3])
        for peer in (owner, reader):
            peer.close()

    @deterministic
    @given(actions)
    def test_fullDaemon(self, steps: list[tuple[str, Any, int]]) -> None:
        """On a daemon that filters and sorts."""
        self.check("full", steps)

    @deterministic
    @given(actions)
    @example([("set", "a", 0), ("flush", "", 0), ("cut", "reader", 0), ("remove", "a", 0), ("wait", "", 20)])
    def test_simpleDaemon(self, steps: list[tuple[str, Any, int]]) -> None:
        """On a daemon in simple mode."""
        self.check("simple", steps)
