"""
The recorded conversations of node-jet's peer, with ours in its place.

All that are to be matched are played. Lines that ours has otherwise on purpose are skipped by the tests, which say why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet
from tests.jet.peer.scripted import INFO, ScriptedDaemon
from tests.jet.transcripts import VECTORS, Line

Step = Callable[[], object]


def loadScenarios() -> dict[str, list[Line]]:
    """The scenarios to be matched, by name."""
    found: dict[str, list[Line]] = {}
    matched = set()
    for text in (VECTORS / "11-peer-node-jet-2.jsonl").read_text("utf-8").splitlines():
        line: Line = json.loads(text)
        name = line["scenario"]
        if line.get("event") == "start":
            if line["status"] == "match":
                matched.add(name)
        elif name in matched:
            found.setdefault(name, []).append(line)
    return found


SCENARIOS = loadScenarios()


def withoutStack(error: Any) -> Any:
    """An error without what ours never sends."""
    data = error.get("data") if isinstance(error, dict) else None
    if isinstance(data, dict) and "stack" in data:
        return {**error, "data": {name: value for name, value in data.items() if name != "stack"}}
    return error


class TranscriptTests(SynchronousTestCase):
    """Each scenario, with an application that does what the recorded one did."""

    def setUp(self) -> None:
        """An empty stage."""
        self.daemon = ScriptedDaemon()
        self.saw: list[Any] = []
        self.sent: list[Any] = []
        self.markers: list[int] = []
        self.ids: dict[int, int] = {}
        self.fetchIds: dict[str, str] = {}

    def outcome(self, waiting: Deferred[Any]) -> Any:
        """What a Deferred came to; the peer knows errors by their names."""
        results: list[Any] = []
        waiting.addBoth(results.append)
        if not results:
            return "pending"
        if isinstance(results[0], Failure):
            error = results[0].value
            assert isinstance(error, jet.BaseError)
            return error
        return results[0]

    def collect(self) -> None:
        """Take what our peer has sent; the marks behind its fetches are its own."""
        for message in self.daemon.take():
            if message.get("method") == "info" and message["id"] != 0 and not self.expectsInfo:
                self.markers.append(message["id"])
            else:
                self.sent.append(message)

    expectsInfo = False
    asksWithId = False

    def replay(self, name: str, *steps: Step, skip: tuple[int, ...] = ()) -> None:
        """Play a scenario. The steps are what the application does when the daemon waits for it to do something."""
        todo = list(steps)
        for number, line in enumerate(SCENARIOS[name]):
            if number in skip:
                continue
            if line.get("dir") == ">":
                messages = line["msg"] if isinstance(line["msg"], list) else [line["msg"]]
                for message in messages:
                    self.expect(f"{name}, line {number}", message, todo)
            elif line.get("dir") == "<":
                self.collect()
                self.daemon.send(self.translated(line["msg"]))
            elif line.get("event") == "closed-by-daemon":
                self.daemon.cut()
        self.collect()
        self.answerMarkers()
        for step in todo:
            step()
        self.collect()
        self.answerMarkers()
        self.assertEqual(self.sent, [], f"{name}: more than was expected")

    def answerMarkers(self) -> None:
        """The daemon has told of everything that there is."""
        markers, self.markers = self.markers, []
        for id in markers:
            self.daemon.send({"id": id, "result": INFO})

    def expect(self, where: str, expected: Any, todo: list[Step]) -> None:
        """Our peer sends this next."""
        while True:
            self.collect()
            if self.sent:
                break
            self.answerMarkers()
            self.assertTrue(todo, f"{where}: nothing came instead of {expected}")
            todo.pop(0)()
        got = self.sent.pop(0)
        if self.asksWithId and "id" not in expected:
            expected = {**expected, "id": got["id"]}
        if "method" in expected and "id" in expected:
            self.ids[expected["id"]] = got["id"]
            expected = {**expected, "id": got["id"]}
            if "id" in expected["params"]:
                its = expected["params"]["id"]
                ours = self.fetchIds.setdefault(its, got["params"]["id"])
                expected["params"] = {**expected["params"], "id": ours}
        if "error" in expected:
            expected = {**expected, "error": withoutStack(expected["error"])}
        self.assertEqual(got, expected, where)

    def translated(self, message: Any) -> Any:
        """A message of the daemon, with the ids of our peer."""
        if "result" in message or "error" in message:
            return {**message, "id": self.ids[message["id"]]}
        if message["method"] in self.fetchIds:
            return {**message, "method": self.fetchIds[message["method"]]}
        return message

    def appData(self, name: str) -> list[Any]:
        """What the recorded application saw."""
        return [line["data"] for line in SCENARIOS[name] if line.get("event") == "app"]

    def connect(self, **options: Any) -> Step:
        """The first step."""

        def step() -> None:
            self.peer = self.daemon.peer(**options)
            self.connecting = self.peer.connect()

        return step

    def test_everyScenario(self) -> None:
        """Every scenario that is to be matched is played here."""
        played = {
            "".join(f"-{character.lower()}" if character.isupper() else character for character in name[5:])
            for name in dir(self)
            if name.startswith("test_peer")
        }
        self.assertEqual(played, set(SCENARIOS))

    def test_peerConnect(self) -> None:
        """The first message is info with the id 0."""
        self.replay("peer-connect", self.connect())
        (seen,) = self.appData("peer-connect")
        self.assertIsNone(self.outcome(self.connecting))
        self.assertEqual(self.peer.daemonInfo, seen["daemonInfo"])

    def test_peerConnectAuth(self) -> None:
        """With a user, the login follows."""
        self.replay("peer-connect-auth", self.connect(user="joe", password="pw"))
        self.assertEqual(self.peer.access, self.appData("peer-connect-auth")[0]["access"])

    def test_peerConnectAuthFailure(self) -> None:
        """A refused login lets connect fail."""
        self.replay("peer-connect-auth-failure", self.connect(user="joe", password="bad"))
        error = self.outcome(self.connecting)
        self.assertIsInstance(error, jet.InvalidPassword)
        rejected = self.appData("peer-connect-auth-failure")[0]["rejected"]
        self.assertEqual({"name": error.name, "message": error.message}, rejected)
        self.assertFalse(self.daemon.isConnected)

    def test_peerConnectNoInfo(self) -> None:
        """Of a daemon that does not know info the same is assumed."""
        self.replay("peer-connect-no-info", self.connect())
        self.assertEqual(self.peer.daemonInfo, self.appData("peer-connect-no-info")[0]["daemonInfo"])

    def test_peerAdd(self) -> None:
        """What is sent for states and methods."""

        def add(content: Any) -> Step:
            event = "set" if isinstance(content, jet.State) else "call"
            if content.path not in ("ro", "occupied"):
                content.on(event, lambda *args: None)
            return lambda: self.saw.append(self.peer.add(content))

        occupied = jet.State("occupied", 1)
        rw = jet.State("acc", 1, {"fetchGroups": ["g"], "setGroups": ["s"]})
        self.replay(
            "peer-add",
            self.connect(),
            add(jet.State("ro", 1)),
            add(jet.State("rw", {"a": 1})),
            add(rw),
            add(jet.Method("m")),
            add(jet.Method("m2", {"callGroups": ["c"]})),
            add(occupied),
        )
        *added, refused = map(self.outcome, self.saw)
        self.assertEqual(added, [None] * 5)
        self.assertIsInstance(refused, jet.Occupied)
        self.assertFalse(occupied.isAdded)

    def test_peerRemove(self) -> None:
        """What was removed can be added again."""
        state = jet.State("s", 1)
        self.replay(
            "peer-remove",
            self.connect(),
            lambda: self.peer.add(state),
            state.remove,
            state.add,
            lambda: self.peer.remove(state),
        )
        self.assertFalse(state.isAdded)

    def test_peerChange(self) -> None:
        """A change is a notification, or a request if it is to be confirmed."""
        state = jet.State("s", 1)
        self.replay(
            "peer-change",
            self.connect(),
            lambda: self.peer.add(state),
            lambda: state.setValue(2),
            lambda: self.saw.append(state.setValue(3, confirm=True)),
            lambda: self.peer.add(jet.State("early", 1)),
        )
        self.assertIsNone(self.outcome(self.saw[0]))
        self.assertEqual(state.value, 3)

    def test_peerChangeBeforeAdd(self) -> None:
        """A value that is given before goes out with the add. node-jet sends it twice; that tells nobody anything."""
        state = jet.State("s", 1)
        state.setValue(5)
        twice = len(SCENARIOS["peer-change-before-add"]) - 2
        self.replay("peer-change-before-add", self.connect(), lambda: self.peer.add(state), skip=(twice,))

    def states(self, **handlers: Any) -> list[Step]:
        """Steps that add states with these handlers."""

        def add(path: str, handler: Any) -> Step:
            state = jet.State(path, 0)
            state.on("set", handler)
            return lambda: self.peer.add(state)

        return [add(path, handler) for path, handler in handlers.items()]

    def test_peerSetSync(self) -> None:
        """The answer to a set, then the change."""
        last = len(SCENARIOS["peer-set-sync"]) - 2
        self.replay(
            "peer-set-sync",
            self.connect(),
            *self.states(
                plain=lambda value: None,
                adjusted=lambda value: {"value": value + 100},
                quiet=lambda value: {"dontNotify": True},
                throwsString=raises(RuntimeError("no way")),
                throwsError=raises(RuntimeError("broken")),
                throwsArg=raises(jet.InvalidArgument("too big")),
                throwsRpc=raises(jet.DaemonError(42, "custom", {"x": 1})),
                # In ours a state can be set to null (page, 15.5.42).
                returnsNullValue=lambda value: {"value": 5},
            ),
        )
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
        self.assertGreater(last, 0)

    def test_peerSetAsync(self) -> None:
        """The same of handlers that take their time. (dontNotify that is false: page, 15.5.40.)"""

        def later(value: Any) -> Any:
            def handler(wanted: Any) -> Deferred[Any]:
                waiting: Deferred[Any] = Deferred()
                self.daemon.clock.callLater(0, waiting.callback, value)
                return waiting

            return handler

        def failing(error: Exception) -> Any:
            def handler(wanted: Any) -> Deferred[Any]:
                waiting: Deferred[Any] = Deferred()
                self.daemon.clock.callLater(0, waiting.errback, error)
                return waiting

            return handler

        def turn() -> None:
            self.daemon.clock.advance(0)

        self.replay(
            "peer-set-async",
            self.connect(),
            *self.states(
                plain=later(None),
                adjusted=later(jet.SetResult(105)),
                quiet=later(jet.SetResult(dontNotify=True)),
                quietFalse=later(jet.SetResult(dontNotify=True)),
                failsString=failing(RuntimeError("no way")),
                failsRpc=failing(jet.DaemonError(42, "custom")),
                throws=failing(RuntimeError("broken")),
            ),
            *[turn] * 7,
        )
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_peerCallSync(self) -> None:
        """The answer to a call. A handler that returns nothing answers null; node-jet's answers C{{}}."""
        steps: list[Step] = []
        for path, handler in {
            "ret": lambda args: {"got": args, "n": 1},
            "nothing": lambda args: {},
            "retNull": lambda args: None,
            "retZero": lambda args: 0,
            "throwsString": raises(RuntimeError("bad")),
            "throwsArg": raises(jet.InvalidArgument()),
        }.items():
            method = jet.Method(path, unpack=False)
            method.on("call", handler)
            steps.append(lambda method=method: self.peer.add(method))  # type: ignore[misc]
        self.replay("peer-call-sync", self.connect(), *steps)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_peerCallAsync(self) -> None:
        """The same of handlers that take their time. Ours answers nothing, or null, with null (page, 15.5.42)."""
        name = "peer-call-async"

        def later(value: Any) -> Any:
            return lambda args: deferLater(self.daemon.clock, 0, lambda: value)

        def failing(error: Exception) -> Any:
            return lambda args: deferLater(self.daemon.clock, 0, raises(error))

        handlers = {
            "ok": lambda args: deferLater(self.daemon.clock, 0, lambda: args),
            "okNull": later(None),
            "okEmpty": later(None),
            "okNothing": later(None),
            "fail": failing(RuntimeError("bad")),
            "both": failing(jet.DaemonError(1, "m")),
            "later": later("late"),
            "throws": raises(RuntimeError("x")),
        }
        steps: list[Step] = []
        for path, handler in handlers.items():
            method = jet.Method(path, unpack=False)
            method.on("call", handler)
            steps.append(lambda method=method: self.peer.add(method))  # type: ignore[misc]
        nulls = ("r2", "r3", "r4")
        skip = tuple(
            number
            for number, line in enumerate(SCENARIOS[name])
            if line.get("dir") == ">" and line["msg"]["id"] in nulls
        )
        answered: list[Any] = []

        def turn() -> None:
            self.daemon.clock.advance(0)
            self.collect()
            answered.extend(message for message in self.sent if message.get("id") in nulls)
            self.sent = [message for message in self.sent if message.get("id") not in nulls]

        self.replay(name, self.connect(), *steps, *[turn] * len(handlers), skip=skip)
        self.assertEqual(answered, [{"id": id, "result": None} for id in nulls])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_peerRoutedOdd(self) -> None:
        """
        Requests without an id are carried out without an answer. Where node-jet ignores a request, or sets a state to
        nothing at all, ours answers (page, 12.4 and 15.5.41).
        """
        name = "peer-routed-odd"
        otherwise = ("r1", "r2", "r3", "r6", "r7", "r8")
        odd = []
        for number, line in enumerate(SCENARIOS[name]):
            messages = line.get("msg", [])
            for message in messages if isinstance(messages, list) else [messages]:
                if message.get("id") in otherwise:
                    odd.append((number, line))
        state, method = jet.State("s", 1), jet.Method("m", unpack=False)
        state.on("set", lambda value: self.saw.append({"set": value}))
        method.on("call", lambda args: self.saw.append({"called": args}))
        self.replay(
            name,
            self.connect(),
            lambda: self.peer.add(state),
            lambda: self.peer.add(jet.State("ro", 1)),
            lambda: self.peer.add(method),
            skip=tuple(number for number, _ in odd),
        )
        self.assertEqual(self.saw, [{"called": [7]}, {"set": 9}])
        answers = {}
        for _, line in odd:
            if line["dir"] == "<":
                self.daemon.send(line["msg"])
                (answer,) = self.daemon.take()
                answers[answer["id"]] = answer["result"] if "result" in answer else answer["error"]["data"]
        self.assertEqual(list(answers), list(otherwise))
        self.assertEqual([answers[id] for id in ("r1", "r2", "r3")], [None] * 3)
        self.assertIn("missingParam", answers["r6"])
        self.assertEqual(answers["r7"], {"fetchOnly": "ro"})
        self.assertEqual(answers["r8"], {"pathNotExists": "unknown"})

    def test_peerSetCall(self) -> None:
        """What set and call send. Ours has no requests without results: those lines are skipped."""
        name = "peer-set-call"
        lines = SCENARIOS[name]
        skip = tuple(n for n, line in enumerate(lines) if line.get("dir") == ">" and "id" not in line["msg"])
        self.replay(
            name,
            self.connect(),
            lambda: self.saw.append(self.peer.set("s", 5)),
            lambda: self.saw.append(self.peer.set("s", 5, timeout=2, valueAsResult=True)),
            lambda: self.saw.append(self.peer.call("m")),
            lambda: self.saw.append(self.peer.call("m", [1, 2], timeout=0.5)),
            skip=skip,
        )
        self.assertEqual([self.outcome(one) for one in self.saw], [True] * 4)

    def test_peerTypedErrors(self) -> None:
        """Errors arrive as classes: of the same name and message, where node-jet has one."""
        name = "peer-typed-errors"
        asked: list[Deferred[Any]] = []
        count = sum(line.get("dir") == ">" for line in SCENARIOS[name]) - 1
        steps = [lambda number=number: asked.append(self.peer.set(f"e{number}", 1)) for number in range(count)]
        self.replay(name, self.connect(), *steps)
        errors = [self.outcome(one) for one in asked]
        for data, error in zip(self.appData(name), errors, strict=True):
            self.assertIsInstance(error, jet.BaseError)
            if data["instance"]:
                self.assertEqual(error.name, data["error"]["name"])
        self.assertIsInstance(errors[5], jet.InvalidArgument)
        self.assertEqual(errors[5].message, "mine")
        ours = [type(error) for error in errors]
        self.assertEqual(ours[8:11], [jet.NotOwner, jet.AlreadyFetching, jet.MalformedRequest])
        self.assertEqual(ours[11:13], [jet.DaemonError, jet.DaemonError])
        self.assertEqual(ours[15:19], [jet.MethodNotFound, jet.DaemonError, jet.DaemonError, jet.DaemonError])
        # cjet's dialect, and the empty path, which node-jet does not find.
        self.assertEqual(ours[19:21], [jet.NotFound, jet.NotFound])
        self.assertEqual(errors[14].message, "remote")
        self.assertEqual(errors[21].message, "peer shuts down")

    def fetching(self, fetcher: jet.Fetcher) -> Step:
        """A step that fetches, and notes what is told."""
        fetcher.on("data", lambda *told: self.saw.append(told))
        return lambda: self.peer.fetch(fetcher)

    def test_peerFetchChains(self) -> None:
        """The rules that chains make. Two rules on one field both hold (page, 15.5.39)."""
        fetchers = [
            jet.Fetcher(),
            jet.Fetcher().all(),
            jet.Fetcher().path("startsWith", "a").path("endsWith", "b"),
            jet.Fetcher().pathCaseInsensitive().path("equalsOneOf", ["A", "b"]),
            jet.Fetcher().value("greaterThan", 5).value("isType", "number"),
            jet.Fetcher().key("age", "lessThan", 30),
            jet.Fetcher().key("name.first", "equals", "Ann"),
            jet.Fetcher().key("age", "greaterThan", 3),
            jet.Fetcher().sortByPath().range(1, 5),
            jet.Fetcher().sortByValue("number").descending().range(2),
            jet.Fetcher().sortByKey("age", "number").ascending().range(1, 3),
            jet.Fetcher().sortByKey("age", "number").range(1, 3),
            jet.Fetcher().differential().sortByPath().range(1, 3),
            jet.Fetcher().expression({"path": {"contains": "x"}, "value": {"equals": 1}}),
        ]
        self.replay(
            "peer-fetch-chains",
            self.connect(),
            *map(self.fetching, fetchers),
            lambda: self.saw.append(self.peer.get({"path": {"startsWith": "q"}})),
        )
        self.assertEqual(self.outcome(self.saw[-1]), [])

    def test_peerFetchUnsorted(self) -> None:
        """Handlers are told of what comes, and of nothing after unfetch; a second fetch has the same id."""
        name = "peer-fetch-unsorted"
        fetcher = jet.Fetcher().path("startsWith", "a")
        fetch = self.fetching(fetcher)
        self.replay(name, self.connect(), fetch, lambda: self.peer.unfetch(fetcher), lambda: self.peer.fetch(fetcher))
        expected = [
            jet.Notification(
                told["path"], told["event"], told.get("value"), told.get("fetchOnly", False), "value" not in told
            )
            for data in self.appData(name)
            if "data" in data
            for told in [data["data"]]
        ]
        self.assertEqual([told for (told,) in self.saw], expected)

    def test_peerFetchAsNotification(self) -> None:
        """Nothing is lost whatever the order: ours always listens before it asks, and asks with an id."""
        name = "peer-fetch-as-notification"
        self.asksWithId = True
        self.replay(name, self.connect(), self.fetching(jet.Fetcher()))
        expected = [jet.Notification(**data["data"]) for data in self.appData(name)]
        self.assertEqual([told for (told,) in self.saw], expected)

    def test_peerUnfetchBeforeFetch(self) -> None:
        """A fetcher that was ended before it began never begins, and says so."""
        fetcher = jet.Fetcher()

        def fetch() -> None:
            self.assertIsNone(self.outcome(self.peer.unfetch(fetcher)))
            self.saw.append(self.peer.fetch(fetcher))

        self.replay("peer-unfetch-before-fetch", self.connect(), fetch)
        self.assertIsInstance(self.outcome(self.saw[0]), jet.ConnectionClosed)
        self.assertEqual({"isFetching": fetcher.isFetching}, self.appData("peer-unfetch-before-fetch")[0])

    def test_peerFetchSortedArray(self) -> None:
        """The handler of a sorted fetch gets the window."""
        name = "peer-fetch-sorted-array"
        self.replay(name, self.connect(), self.fetching(jet.Fetcher().sortByPath().range(3, 5)))
        windows = [
            [{"path": entry.path, "value": entry.value, "index": entry.index} for entry in window]
            for (window,) in self.saw
        ]
        self.assertEqual(windows, [data["array"] for data in self.appData(name)])

    def test_peerFetchSortedDifferential(self) -> None:
        """The handler of a differential one gets what has changed."""
        name = "peer-fetch-sorted-differential"
        self.replay(name, self.connect(), self.fetching(jet.Fetcher().differential().sortByPath().range(3, 5)))
        told = [
            {"changes": [{"path": one.path, "value": one.value, "index": one.index} for one in changes], "n": n}
            for changes, n in self.saw
        ]
        self.assertEqual(told, self.appData(name))

    def test_peerBatchSync(self) -> None:
        """What is asked for in a batch goes out as one array."""

        def batch() -> None:
            with self.peer.batch():
                self.peer.request("config", {"name": "n"})
                self.peer.request("info")

        self.expectsInfo = True
        self.replay("peer-batch-sync", self.connect(), batch)

    def test_peerSimpleMode(self) -> None:
        """On a daemon in simple mode there is one fetch, rules are followed here. Ours tells of each step."""
        above = jet.Fetcher().path("startsWith", "a")
        sorting = jet.Fetcher().sortByValue("number").range(1, 2)

        def fetch() -> None:
            self.fetching(above)()
            self.fetching(sorting)()

        self.replay("peer-simple-mode", self.connect(), fetch)
        told = [one for one in self.saw if isinstance(one[0], jet.Notification)]
        view: dict[str, Any] = {}
        for (notification,) in told:
            view[notification.path] = notification.value
        self.assertEqual(view, {"a1": 1, "a2": 4})
        (window,) = self.saw[-1]
        self.assertEqual([(entry.path, entry.value, entry.index) for entry in window], [("a1", 1, 1), ("b1", 3, 2)])

    def test_peerClosePending(self) -> None:
        """Closing fails what is pending and what is asked afterwards."""

        def close() -> None:
            self.closed = self.peer.close()

        self.replay(
            "peer-close-pending",
            self.connect(),
            lambda: self.saw.append(self.peer.set("s", 1)),
            close,
            lambda: self.saw.append(self.peer.set("s", 1)),
        )
        self.assertIsNone(self.outcome(self.closed))
        self.assertEqual([type(self.outcome(one)) for one in self.saw], [jet.ConnectionClosed] * 2)

    def test_peerDaemonCloses(self) -> None:
        """The end of the connection fails what is pending; a peer that does not come back is closed, and knows it."""
        self.replay(
            "peer-daemon-closes",
            self.connect(reconnect=False),
            lambda: self.saw.append(self.peer.set("s", 1)),
        )
        self.assertIsInstance(self.outcome(self.saw[0]), jet.ConnectionClosed)
        self.assertIsNone(self.outcome(self.peer.closed()))
        self.assertFalse(self.peer.isConnected())


def raises(error: Exception) -> Any:
    """A handler that raises."""

    def handler(*args: Any) -> None:
        raise error

    return handler
