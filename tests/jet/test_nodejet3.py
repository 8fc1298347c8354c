"""
Peers that speak the dialect of node-jet 3: what its own daemon was recorded to send them, as far as that is not wrong,
and what is particular to us.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.task import Clock
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import __version__
from jetjstp.jet.daemon import Daemon
from jetjstp.jet.nodejet3 import NODE_JET_3, NodeJet3, speaksNodeJet3
from jetjstp.services.jetcommand import Options
from jetjstp.testing import MemoryDaemon, MemoryEndpoint, MemoryPeer
from tests.jet.nodejet3 import GREETING, USERS, DialectTestCase, done, failed, notAllowed, refused, speaking3, told
from tests.jet.transcripts import Line, Replay, Scenario, makeTests

INFO = {
    "name": "node-jet",
    "version": __version__.public(),
    "protocolVersion": "1.1.0",
    "features": {"batches": True, "fetch": "full", "asNotification": False, "authenticate": True},
}

Differs = dict[tuple[str, str, str | None], dict[str, list[dict[str, Any]]]]

DIFFERS: Differs = {
    ("v3-info", "A", "1"): {"A": [{"id": "1", "result": INFO}]},
    # only owners may change and remove; notifications are not answered
    ("v3-elements", "B", "2"): {"B": [notAllowed("2", "s")]},
    ("v3-elements", "B", "3"): {"B": [notAllowed("3", "s")]},
    ("v3-elements", "A", None): {"B": [told("f", "Change", "s", 3)]},
    ("v3-elements", "B", "4"): {"B": [notAllowed("4", "s")]},
    ("v3-elements", "B", "5"): {"B": [notAllowed("5", "s")]},
    # timeouts are ours to keep, and what is missing is the owner's to complain about
    ("v3-route", "B", "b1"): {
        "A": [{"id": "$ROUTED1", "method": "set", "params": {"path": "s", "value": 7, "valueAsResult": True}}]
    },
    ("v3-route", "wait", None): {
        "B": [
            failed(
                "b1",
                -32001,
                "PeerTimeout",
                "The peer processing the request did not respond within the specified timeout",
                "s",
            )
        ]
    },
    ("v3-route", "A", "$ROUTED1"): {},
    ("v3-route", "B", "b4"): {"A": [{"id": "$ROUTED3", "method": "set", "params": {"path": "s"}}]},
    # no path is every path; negated predicates work; value rules hold all the time; fetch ids are private
    ("v3-fetch-rules", "B", "1"): {"B": [told("nopath", "Add", "s", 1), done("1")]},
    ("v3-fetch-rules", "B", "2"): {"B": [told("neg", "Add", "s", 1), done("2")]},
    ("v3-fetch-rules", "A", "2"): {
        "A": [done("2")],
        "B": [told(fetch, "Change", "s", 2) for fetch in ("nopath", "neg", "sorted")],
    },
    ("v3-fetch-rules", "B", "7"): {"B": [told("sorted", "Add", "s", 2), done("7")]},
    ("v3-fetch-rules", "A", "3"): {"A": [done("3")]},
    ("v3-fetch-rules", "B", "8"): {"B": [done("8")]},
    ("v3-get", "B", "2"): {"B": [{"id": "2", "result": [{"path": "s", "value": 1}, {"path": "m"}]}]},
    # fetches respect the group that may read; users are not added over the wire
    ("v3-users", "B", "1"): {"B": [done("1")]},
    ("v3-users", "B", "4"): {"B": [failed("4", -32601, "MethodNotFound", "Method not found", "addUser")]},
    ("v3-users", "B", "5"): {"B": [failed("5", -32602, "invalid params", "invalid credentials", "")]},
    ("v3-users", "B", "6"): {"B": [told("f", "Add", "s", 1), done("6")]},
    ("v3-users", "B", "7"): {"B": [failed("7", -32601, "MethodNotFound", "Method not found", "addUser")]},
    # what is no request is not answered; echo is there, and so is config, which its own peer asks for
    ("v3-malformed", "A", "nonsense"): {"A": [failed("", -32600, "ParseError", "Message could not be parsed", "")]},
    ("v3-malformed", "A", "null"): {},
    ("v3-malformed", "A", "1"): {"A": [done("1")]},
    ("v3-malformed", "A", "2"): {"A": [{"id": "2", "result": {"path": "x"}}]},
    ("v3-malformed", "A", "4"): {"A": [done("4")]},
    # arrays are for us to read, not to send
    ("v3-batches", "B", "1"): {"B": [told("f", "Add", "s", 1), done("1")]},
    ("v3-tcp-disconnect", "B", "1"): {"B": [{"id": "1", "result": INFO}]},
}
"""
What we send instead of what was recorded, by scenario, peer, and id or text of what was sent.
"""


NOT_OURS = ("closed-by-daemon", "daemon-exited")
"""What a daemon does that dies; ours does not."""


class TranscriptTests(SynchronousTestCase):
    """Each scenario is a test of its own, made below."""

    def replay(self, scenario: Scenario) -> None:
        """Replay a scenario; its peers have introduced themselves before."""
        scenario.start.pop("daemon", None)
        scenario.steps = [step for step in scenario.steps if step.line.get("event") not in NOT_OURS]
        replay = Replay(scenario)
        replay.memory = MemoryDaemon(users=USERS, name="node-jet")
        replay.peers = {name: speaking3(replay.memory) for name in scenario.start["peers"]}
        for number, (step, got) in enumerate(replay.run(), 1):
            expected: dict[str, list[Any]] = {name: [] for name in replay.peers}
            ours = DIFFERS.get((scenario.name, *self._key(step.line)))
            if ours is None:
                for line in step.recorded:
                    expected[line["peer"]].append(line["msg"])
            else:
                expected.update(ours)
            for name in replay.peers:
                self.assertTrue(
                    replay.matches(expected[name], got[name]),
                    f"step {number}, peer {name}\n  expected {expected[name]}\n  got      {got[name]}",
                )

    def _key(self, line: Line) -> tuple[str, str | None]:
        peer: str = line.get("peer") or line["event"]
        said: str | None = line["text"] if "text" in line else line.get("msg", {}).get("id")
        return peer, said


makeTests(TranscriptTests, "21-*.jsonl")


class RecognitionTests(SynchronousTestCase):
    """Who is taken for a node-jet 3 peer."""

    def _success(self, *messages: object, **options: Any) -> Any:
        """How a request succeeds after some other messages."""
        endpoint = MemoryEndpoint()
        Daemon(reactor=Clock()).listen(endpoints=[endpoint], **options)
        peer = endpoint.connect()
        peer.send(*messages)
        peer.take()
        peer.send({"id": 9, "method": "config", "params": {"name": "x"}})
        return peer.take()[0]["result"]

    def test_first(self) -> None:
        """It asks for info with the id "1" and empty params, however that is written, before all else."""
        self.assertEqual(self._success(GREETING), {})
        spaced = b'{ "params" : { } , "method" : "info", "id":"1" }'
        self.assertTrue(speaksNodeJet3(spaced))

    def test_others(self) -> None:
        """Who begins otherwise is not one."""
        for first in (
            {**GREETING, "id": 1},
            {**GREETING, "id": 0},
            {**GREETING, "id": "2"},
            {"id": "1", "method": "info"},
            {**GREETING, "params": None},
            {**GREETING, "params": []},
            {**GREETING, "params": {"x": 1}},
            {**GREETING, "jsonrpc": "2.0"},
            {**GREETING, "method": "get"},
            [GREETING],
        ):
            self.assertIs(self._success(first), True, first)
        for text in (b'{"id":"1","method":"info","params":{}', b'"info"', b"\xff" + b'"info"', b""):
            self.assertFalse(speaksNodeJet3(text))

    def test_otherBeginnings(self) -> None:
        """Whatever else a peer of node-jet 2 begins with, an info behind it does not make another one of it."""
        login = {"id": 1, "method": "authenticate", "params": {"user": "a", "password": "b"}}
        response = {"id": "1", "result": {"method": "info", "params": {}}}
        for first in (login, response, {**GREETING, "result": {}}, [], [[GREETING]], "info", None):
            self.assertIs(self._success(first, GREETING), True, first)
            self.assertIs(self._success([first, GREETING]), True, first)
        self.flushLoggedErrors()

    def test_unreadable(self) -> None:
        """A first message that is no JSON was the first one all the same."""
        memory = MemoryDaemon()
        for text in (b" ", b"{", b"\xff", b'{"id":"1","method":"info","params":{}}}'):
            peer = memory.connect()
            peer.sendText(text)
            peer.send(GREETING)
            self.assertIn("authentication", peer.take()[-1]["result"]["features"], text)

    def test_later(self) -> None:
        """What comes after the first message decides nothing."""
        self.assertIs(self._success({"id": 1, "method": "info", "params": {}}, GREETING), True)
        self.assertEqual(self._success(GREETING, {"id": 1, "method": "info", "params": {}}), {})

    def test_listener(self) -> None:
        """A listener may know what its peers speak."""
        self.assertEqual(self._success(dialect="3"), {})
        self.assertIs(self._success(GREETING, dialect="2"), True)
        self.assertEqual(self._success(GREETING, dialect="auto"), {})

    def test_unknownDialect(self) -> None:
        """Another dialect is refused, with those that there are."""
        daemon = Daemon(reactor=Clock())
        for listen in (daemon.listen, daemon.webSocketResource):
            for wrong in ("4", 3, None, ["3"]):
                error = self.assertRaises(ValueError, listen, dialect=wrong)
                self.assertEqual(str(error), f'dialect must be "auto", "2" or "3", not {wrong!r}')

    def test_commandLine(self) -> None:
        """C{--dialect} names it for all listeners."""
        for arguments, dialect in (([], "auto"), (["--dialect", "3"], "3"), (["--dialect=2"], "2")):
            options = Options()
            options.parseOptions(arguments)
            self.assertEqual(options["dialect"], dialect)
        error = self.assertRaises(UsageError, Options().parseOptions, ["--dialect", "1"])
        self.assertEqual(str(error), "--dialect '1' is unknown; write auto, 2 or 3")


class TranslationTests(DialectTestCase):
    """What one dialect says to the other."""

    def _route(self, requester: MemoryPeer, owner: MemoryPeer, answer: dict[str, Any], **params: Any) -> Any:
        """What a requester gets if the owner of a state answers a set like that."""
        self.ask(owner, "add", path="s", value=1)
        requester.send({"id": "a", "method": "set", "params": {"path": "s", "value": 5, **params}})
        (request,) = owner.take()
        owner.send({"id": request["id"], **answer})
        self.ask(owner, "remove", path="s")
        (got,) = requester.take()
        return got

    def test_resultOfSet(self) -> None:
        """An owner of node-jet 3 answers with path and value: others get true, or the value if they asked for it."""
        answer: dict[str, Any] = {"result": {"path": "s", "value": 7}}
        self.assertEqual(self._route(self.two, self.three, answer), {"id": "a", "result": True})
        self.assertEqual(self._route(self.two, self.three, answer, valueAsResult=True), {"id": "a", "result": 7})
        three = speaking3(self.memory)
        self.assertEqual(self._route(three, self.three, answer), {"id": "a", **answer})
        odd: Any
        for odd in (5, {}, None):
            answer = {"result": odd}
            self.assertEqual(self._route(self.two, self.three, answer), {"id": "a", **answer})

    def test_errorOfOwner3(self) -> None:
        """What a handler of node-jet 3 has thrown is an invalid argument in node-jet 2; others stay as they are."""
        error = failed("", -32602, "InvalidParam", "Failed to set value", "Error: too high")["error"]
        got = self._route(self.two, self.three, {"error": error})
        self.assertEqual(got["error"]["code"], -32602)
        self.assertEqual(got["error"]["data"]["invalidArgument"]["message"], "too high")
        del error["data"]["details"]
        got = self._route(self.two, self.three, {"error": error})
        self.assertEqual(got["error"]["data"]["invalidArgument"]["message"], "Failed to set value")
        for other in ({"code": 7, "message": "own"}, "text", {"code": -32602, "data": None}):
            self.assertEqual(self._route(self.two, self.three, {"error": other}), {"id": "a", "error": other})

    def test_errorOfOwner2(self) -> None:
        """Errors of node-jet 2 get the names of node-jet 3, where it has them; others stay as they are."""
        error: Any
        for error, expected in (
            (
                {"code": -32602, "message": "Invalid params", "data": {"invalidArgument": {"message": "no"}}},
                refused("a", "no"),
            ),
            (
                {"code": -32603, "message": "Internal error", "data": {"message": "oh", "stack": "at"}},
                failed("a", -32603, "PeerError", "Internal error", "oh"),
            ),
            ({"code": -32602, "message": "Invalid params", "data": "why"}, refused("a", "why")),
        ):
            self.assertEqual(self._route(self.three, self.two, {"error": error}), expected)
        for error in ("text", {"code": 1}, {"code": -32602, "data": {"own": 1}}, {"code": -32603}, None, [1]):
            self.assertEqual(self._route(self.three, self.two, {"error": error}), {"id": "a", "error": error})

    def test_resultBesideNull(self) -> None:
        """An error that is null, beside a result, is none."""
        answer = {"error": None, "result": [1]}
        self.assertEqual(self._route(self.three, self.two, answer), {"id": "a", "result": [1]})

    def test_untranslatable(self) -> None:
        """An answer that fails to be translated is logged; the owner stays, and who waits is told in the end."""

        def failing(dialect: NodeJet3, request: bytes, result: bytes) -> bytes:
            raise RuntimeError("on purpose")

        self.patch(NodeJet3, "ownerResult", failing)
        self.ask(self.three, "add", path="s", value=1)
        self.two.send({"id": 1, "method": "set", "params": {"path": "s", "value": 2}})
        self.three.send({"id": self.three.take()[0]["id"], "result": {}})
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.ask(self.three, "echo"), [done("a")])
        self.memory.clock.advance(5)
        [answer] = self.two.take()
        self.assertEqual(answer["error"]["code"], -32001)

    def test_oddErrors(self) -> None:
        """Details are a text, whatever an owner writes where one is expected."""
        for error, details in (
            ({"code": -32603, "data": {"message": {"why": [None, True]}}}, '{"why":[null,true]}'),
            ({"code": -32001, "data": {"path": 5}}, "5"),
            ({"code": -32001, "data": None}, ""),
        ):
            got = self._route(self.three, self.two, {"error": error})
            self.assertEqual(got["error"]["data"]["details"], details)

    def test_limits(self) -> None:
        """Our own errors are arguments that were refused, and name the limit."""
        self.assertEqual(self.ask(self.three, "add", path="x" * 5000), [refused("a", "limitExceeded path")])
        self.assertEqual(self.ask(self.three, "fetch", path={}), [refused("a", "missingParam id")])
        self.assertEqual(self.ask(self.three, "fetch", id="f", value=5), [refused("a", "wrongType value")])

    def test_call(self) -> None:
        """Arguments reach an owner of node-jet 3 as they were sent, or not at all."""
        self.ask(self.three, "add", path="m")
        for args in ([], [1], {"a": 1}, None):
            self.two.send({"method": "call", "params": {"path": "m", "args": args}})
            self.assertEqual(self.three.take(), [{"method": "call", "params": {"path": "m", "args": args}}])
        self.two.send({"method": "call", "params": {"path": "m"}})
        self.assertEqual(self.three.take(), [{"method": "call", "params": {"path": "m"}}])

    def test_errorsOfThePeer(self) -> None:
        """What a node-jet 3 peer answers to things that it does not understand is dropped."""
        self.three.send({"id": "", "error": {"code": -32600}}, {"error": {"code": -32601}}, {"result": {}})
        self.assertEqual(self.three.take(), [])

    def test_encodedOnce(self) -> None:
        """However fetches of both dialects are mixed, a change is encoded once for each."""
        made: list[str] = []
        changed = NodeJet3.changed

        def counting(dialect: NodeJet3, path: str, value: bytes | None) -> bytes:
            made.append(path)
            return changed(dialect, path, value)

        self.patch(NodeJet3, "changed", counting)
        self.ask(self.two, "add", path="s", value=1)
        for number in range(3):
            self.ask(self.three, "fetch", id=f"three{number}")
            self.ask(self.two, "fetch", id=f"two{number}")
        self.two.send({"method": "change", "params": {"path": "s", "value": 2}})
        self.assertEqual(made, ["s"])
        self.assertEqual(self.three.take(), [told(f"three{number}", "Change", "s", 2) for number in range(3)])
        self.assertEqual(self.two.take(), [told(f"two{number}", "change", "s", 2) for number in range(3)])


class FetchTests(DialectTestCase):
    """How rules and values are read."""

    def _found(self, **rule: Any) -> list[str]:
        """The paths that a C{get} finds."""
        (answer,) = self.ask(self.three, "get", **rule)
        return [each["path"] for each in answer["result"]]

    def _value(self, field: str, operator: str, value: Any) -> list[str]:
        return self._found(value={field: {"operator": operator, "value": value}})

    def test_fields(self) -> None:
        """A field is names with dots in between, whatever else is in them."""
        for path, value in {
            "a": {"x": {"y": 1}},
            "b": {"x[0]": 1, "": 3, "it's": 4, 'say "x"': 5, "it's[0]": 6},
            "c": [[7], 8],
            "d": 1,
            "e": None,
        }.items():
            self.ask(self.two, "add", path=path, value=value)
        self.ask(self.two, "add", path="m")
        for field, value, found in (
            ("x.y", 1, ["a"]),
            ("x[0]", 1, ["b"]),
            ("it's", 4, ["b"]),
            ('say "x"', 5, ["b"]),
            ("it's[0]", 6, ["b"]),
            ("0.0", 7, ["c"]),
            ("1", 8, ["c"]),
            ("", 1, ["d"]),
            ("", None, ["e"]),
            ("z", 1, []),
        ):
            self.assertEqual(self._value(field, "equals", value), found, field)
        self.assertEqual(self._value("z", "isType", "undefined"), ["a", "b", "c"])
        self.assertEqual(self._value("", "isType", "number"), ["d"])

    def test_malformedRules(self) -> None:
        """What is no value rule is refused with what is wrong."""
        for rule, details in (
            ({"": 5}, "unknown rule undefined"),
            ({"": {"value": 5}}, "unknown rule undefined"),
            ({"": {"operator": 5, "value": 5}}, "unknown rule undefined"),
            ({"": {"operator": "isType"}}, "the rule isType has no value"),
            ({"['\"]": {"operator": "equals", "value": 5}}, "the field ['\"] is not supported"),
            ([], "wrongType value"),
        ):
            self.assertEqual(self.ask(self.three, "get", value=rule), [refused("a", details)])
        self.assertEqual(self.ask(self.three, "get", path=5), [refused("a", "wrongType path")])
        huge = {"startsWith": "x" * 70_000}
        self.assertEqual(self.ask(self.three, "get", path=huge), [refused("a", "limitExceeded rule")])

    def test_methodsAreHidden(self) -> None:
        """Fetches tell of states alone; what is added without a value is one as soon as it has got one."""
        self.ask(self.three, "add", path="old", access={"write": "admin"})
        self.ask(self.two, "fetch", id="two")
        other = speaking3(self.memory)
        self.ask(other, "fetch", id="f")
        self.ask(self.three, "add", path="new")
        self.assertEqual(other.take(), [])
        self.assertEqual(self.ask(self.three, "change", path="old", value=1), [done("a")])
        self.assertEqual(self.ask(self.three, "change", path="old", value=2), [done("a")])
        self.assertEqual(other.take(), [told("f", "Add", "old", 1), told("f", "Change", "old", 2)])
        flags = [(each["params"]["event"], each["params"].get("fetchOnly")) for each in self.two.take()]
        self.assertEqual(flags, [("add", None), ("remove", None), ("add", True), ("change", None)])
        self.ask(self.three, "remove", path="old")
        self.assertEqual(other.take(), [told("f", "Remove", "old")])

    def test_valueKeepsTheRest(self) -> None:
        """What was said of it when it was added holds when the value has come."""
        self.ask(self.three, "add", path="fixed", fetchOnly=True)
        self.ask(self.three, "add", path="slow", timeout=60)
        for path in ("fixed", "slow"):
            self.ask(self.three, "change", path=path, value=1)
        (answer,) = self.ask(self.two, "set", path="fixed", value=2)
        self.assertEqual(answer["error"]["data"], {"fetchOnly": "fixed"})
        self.ask(self.two, "set", path="slow", value=2)
        self.memory.clock.advance(59)
        self.assertEqual(self.two.take(), [])
        self.memory.clock.advance(1)
        self.assertEqual(self.two.take()[0]["error"]["code"], -32001)

    def test_valuesOfNodeJet2(self) -> None:
        """A method of node-jet 2 stays one."""
        self.ask(self.two, "add", path="m")
        error = self.ask(self.two, "change", path="m", value=1)[0]["error"]
        self.assertEqual(error["data"], {"wrongKind": "m"})

    def test_simpleMode(self) -> None:
        """In simple mode there is one fetch, of all states, told as fetch_all."""
        memory = MemoryDaemon(fetchMode="simple")
        peer = speaking3(memory)
        self.ask(peer, "add", path="s", value=1)
        self.ask(peer, "add", path="m")
        self.assertEqual(self.ask(peer, "info")[0]["result"]["features"]["fetch"], "simple")
        got = self.ask(peer, "fetch", id="fetch_all", path={"startsWith": ""})
        self.assertEqual(got, [told("fetch_all", "Add", "s", 1), done("a")])
        self.assertEqual(self.ask(peer, "fetch", id="fetch_all", path={}), [refused("a", "already fetching")])
        self.assertEqual(self.ask(peer, "unfetch", id="fetch_all"), [done("a")])

    def test_slowReader(self) -> None:
        """A snapshot for a peer that does not read waits, and its answer with it."""
        blob = "x" * 100_000
        for number in range(600):
            self.two.send({"method": "add", "params": {"path": f"{number}", "value": blob}})
        self.three.stopReading()
        self.three.send({"id": "a", "method": "fetch", "params": {"id": "f"}})
        self.memory.clock.pump([0] * 50)
        self.three.startReading()
        for _ in range(50):
            self.memory.clock.pump([0] * 10)
        got = self.three.take()
        self.assertEqual(len(got), 601)
        self.assertEqual(got[-1], done("a"))


class DialectTests(SynchronousTestCase):
    """Details of the dialect that no peer needs, but its interface has."""

    def test_errorsAreJson(self) -> None:
        """Every error of the core becomes one with a name."""
        for code, data in (
            (-32700, {}),
            (-32600, {"id": 1}),
            (-32601, "x"),
            (-32602, {"pathNotExists": "x"}),
            (-32602, {"loginFailed": "busy"}),
            (-32603, {"message": "x"}),
            (-32001, {"path": "x"}),
            (-32001, None),
        ):
            body = json.dumps({"code": code, "message": "m", "data": data}).encode()
            error = json.loads(NODE_JET_3.error(b'"1"', body))["error"]
            self.assertEqual(error["name"], error["data"]["name"])
            self.assertTrue(error["name"].startswith("jet."))
