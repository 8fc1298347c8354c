"""
The recorded conversations with cjet, with our peer in the place of a recorded one: cjet's side is played as it was
recorded.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet
from tests.jet.peer.scripted import CJET, ScriptedDaemon
from tests.jet.transcripts import VECTORS, Line

LIMIT = 512

ERRORS: dict[str, type[jet.BaseError]] = {
    "exists": jet.Occupied,
    "not exists": jet.NotFound,
    "not owner of state": jet.NotOwner,
    "fetchOnly": jet.FetchOnly,
    "request not authorized": jet.Unauthorized,
    "invalid credentials": jet.InvalidCredentials,
    "fetched before authenticate": jet.AlreadyFetching,
    "set/call on element not possible": jet.WrongKind,
    "change on method not possible": jet.WrongKind,
}
"""What the application is to get for the data of an error; what else there is depends on the code."""

FOLLOWED_HERE = ("value", "valueField", "sort")


def loadScenarios() -> dict[str, list[Line]]:
    """The recorded scenarios by name."""
    found: dict[str, list[Line]] = {}
    for text in (VECTORS / "20-other-cjet.jsonl").read_text("utf-8").splitlines():
        line: Line = json.loads(text)
        found.setdefault(line["scenario"], []).append(line)
    return found


SCENARIOS = loadScenarios()


def classOf(error: dict[str, Any]) -> type[jet.BaseError]:
    """What an application is to get for an error of cjet's."""
    reason = error.get("data", {}).get("reason")
    if reason == "timeout for routed request":
        return jet.PeerTimeout
    if error["code"] == -32603:
        return jet.PeerError
    if error["code"] == -32601:
        return jet.MethodNotFound
    return next((ERRORS[name] for name in error.get("data", {}) if name in ERRORS), jet.DaemonError)


class Seat:
    """Our peer in the place of a recorded one."""

    def __init__(self, case: SynchronousTestCase, name: str, lines: list[Line]) -> None:
        self.case = case
        self.name = name
        self.lines = lines
        self.daemon = ScriptedDaemon()
        self.peer = self.daemon.connected(CJET)
        self.told: dict[str, list[Any]] = {}
        self.outcomes: dict[str, list[Any]] = {}
        self.sent: list[Any] = []
        self.contents: dict[str, jet.State | jet.Method] = {}
        self._fetchers: dict[str, jet.Fetcher] = {}
        self._fetchIds: dict[str, str] = {}
        self._ids: dict[str, int] = {}
        # By the recorded fetch, the request behind it, whose answer is the end of what is there.
        self._markers: dict[str, int] = {}
        self.results: list[Any] = []
        # What is answered to routed requests.
        answers = (line["msg"] for line in lines if line.get("dir") == ">" and isinstance(line.get("msg"), dict))
        self._routed = {answer["id"]: answer for answer in answers if str(answer.get("id")).startswith("$")}

    def play(self) -> None:
        """Play the scenario, as far as it is about this peer."""
        for number, line in enumerate(self.lines):
            if line.get("event") == "wait":
                self.daemon.clock.advance(line["seconds"])
            if line.get("peer") != self.name:
                continue
            self.where = f"{line['scenario']}, line {number}"
            if line.get("dir") == ">":
                messages = line["msg"] if isinstance(line["msg"], list) else [line["msg"]]
                for message in messages:
                    if _isRequest(message):
                        self._ask(message, self._answerTo(number, message))
            elif line.get("dir") == "<":
                self._receive(line["msg"])
        self._collect()
        self.case.assertEqual(self.sent, [], f"{self.name}: more than was expected")
        self.case.assertEqual(self._ids, {}, f"{self.name}: requests without an answer")
        self.case.assertTrue(self.peer.isConnected())

    def _answerTo(self, number: int, message: Any) -> Any:
        """What cjet will answer."""
        for line in self.lines[number:]:
            if line.get("dir") == "<" and line["peer"] == self.name and line["msg"].get("id") == message.get("id"):
                return line["msg"]
        return None

    def _ask(self, message: dict[str, Any], answer: Any) -> None:
        """Have the application ask for it; what our peer sends has to be the same."""
        waiting = self._begin(message, answer)
        outcomes = self.outcomes.setdefault(repr(message["id"]), [])
        waiting.addBoth(outcomes.append)
        self._collect()
        self.case.assertTrue(self.sent, f"{self.where}: nothing was sent")
        sent = self.sent.pop(0)
        params = dict(message.get("params", {}))
        if message["method"] == "fetch" and repr(params.get("id")) in self._fetchers and not _isError(answer):
            for name in FOLLOWED_HERE:
                params.pop(name, None)
            self._fetchIds[str(params["id"])] = params["id"] = sent["params"]["id"]
            self._markers[repr(message["id"])] = self.sent.pop(0)["id"]
        elif message["method"] == "unfetch" and not _isError(answer):
            params["id"] = sent["params"]["id"]
        self._ids[repr(message["id"])] = sent["id"]
        expected = {"id": sent["id"], "method": message["method"], "params": params}
        self.case.assertEqual(sent, expected, self.where)

    def _begin(self, message: dict[str, Any], answer: Any) -> Deferred[Any]:
        method, params = message["method"], message.get("params", {})
        if not _isError(answer) or (method in ("set", "call") and set(params) <= {"path", "value", "args"}):
            found = self._byName(method, params)
            if found is not None:
                return found
        return self.peer.request(method, params)

    def _byName(self, method: str, params: Any) -> Deferred[Any] | None:
        path = params.get("path")
        if method == "add" and "timeout" not in params:
            content = self.contents[path] = self._content(params)
            return self.peer.add(content)
        if method == "remove":
            return self.contents[path].remove()
        if method == "change":
            state = self.contents[path]
            assert isinstance(state, jet.State)
            return state.setValue(params["value"], confirm=True)
        if method == "set" and isinstance(path, str) and "value" in params:
            options = {name: params[name] for name in ("timeout", "valueAsResult") if name in params}
            return self.peer.set(path, params["value"], **options)
        if method == "call" and "args" in params:
            return self.peer.call(path, params["args"])
        if method == "get":
            return self.peer.get(params)
        if method == "fetch":
            return self.peer.fetch(self._fetcher(params))
        if method == "unfetch":
            return self.peer.unfetch(self._fetchers[repr(params["id"])])
        return None

    def _content(self, params: Any) -> jet.State | jet.Method:
        if "value" not in params:
            method = jet.Method(params["path"], params.get("access"), unpack=False)
            method.on("call", lambda args: self._handle())
            return method
        state = jet.State(params["path"], params["value"], params.get("access"))
        if not params.get("fetchOnly"):
            state.on("set", lambda value: self._handle() and None)
        return state

    def _handle(self) -> Any:
        answer = self._routed[self.routing]
        if "error" in answer:
            raise jet.DaemonError(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    def _fetcher(self, params: Any) -> jet.Fetcher:
        fetcher = self._fetchers[repr(params["id"])] = jet.Fetcher()
        fetcher.expression({name: value for name, value in params.items() if name != "id"})
        told = self.told.setdefault(str(params["id"]), [])
        fetcher.on("data", lambda news: told.append([tuple(one)[:2] for one in news] if _isWindow(news) else news))
        return fetcher

    def _receive(self, message: dict[str, Any]) -> None:
        if str(message.get("id")).startswith("$"):
            self._route(message)
        elif "method" in message:
            self.daemon.send({**message, "method": self._fetchIds[message["method"]]})
        elif repr(message["id"]) in self._ids:
            self._answer(message)

    def _route(self, message: dict[str, Any]) -> None:
        """Another peer sets or calls: the answer has the id, a string, and the change follows."""
        self.routing = message["id"]
        content = self.contents.get(message["method"])
        if content is None or self.routing not in self._routed:
            return  # It was added by name only, for its timeout, or it is the scenario's point that nobody answers.
        self.daemon.send(message)
        answers = self.daemon.take()
        expected: Any = self._routed[self.routing]
        if isinstance(content, jet.State):
            # cjet does not pass valueAsResult on.
            expected = {**expected, "result": True}
            value = message["params"]["value"]
            change = {"method": "change", "params": {"path": content.path, "value": value}}
            self.case.assertEqual(answers, [expected, change], self.where)
        else:
            self.case.assertEqual(answers, [expected], self.where)

    def _answer(self, message: dict[str, Any]) -> None:
        key = repr(message["id"])
        outcomes = self.outcomes[key]
        self.case.assertEqual(outcomes, [], f"{self.where}: too early")
        self.daemon.send({**message, "id": self._ids.pop(key)})
        marker = self._markers.pop(key, None)
        if marker is not None:
            self.case.assertEqual(outcomes, [], f"{self.where}: the answer is not the end of what is there")
            self.daemon.send({"id": marker, "result": CJET})
        self.case.assertEqual(len(outcomes), 1, f"{self.where}: the application was not told")
        outcome = outcomes[0]
        if "error" in message:
            assert isinstance(outcome, Failure), self.where
            self.case.assertIs(type(outcome.value), classOf(message["error"]), self.where)
        else:
            self.case.assertFalse(isinstance(outcome, Failure), f"{self.where}: {outcome}")
        outcomes.clear()
        self.results.append(outcome)

    def _collect(self) -> None:
        for frame in self.daemon.frames():
            # Its messages are short, so it gets no arrays.
            self.case.assertIsInstance(frame, dict)
            self.case.assertLessEqual(len(json.dumps(frame, separators=(",", ":"))), LIMIT)
            self.sent.append(frame)


def _isRequest(message: Any) -> bool:
    """Whether it is something that our peer sends, too: it wants answers, and its ids are whole numbers."""
    isMessage = isinstance(message, dict) and isinstance(message.get("method"), str)
    return isMessage and isinstance(message.get("id"), int | str)


def _isError(answer: Any) -> bool:
    return isinstance(answer, dict) and "error" in answer


def _isWindow(news: Any) -> bool:
    return isinstance(news, list)
