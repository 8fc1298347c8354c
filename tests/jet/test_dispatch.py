"""
Tests for what L{jetjstp.jet.bus} makes of messages, whatever they are: the
JSON-RPC dialect of the protocol page, section 3, and property tests that
nothing which a peer sends harms anybody.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.framing import LengthPrefixed
from jetjstp.jet.limits import Limits
from jetjstp.testing import MemoryDaemon, MemoryPeer
from tests.jet.asking import add, ask

PARSE_ERROR = {"error": {"code": -32700, "message": "Parse error", "data": {}}}

USERS = {"joe": {"password": "s3cret", "auth": {"fetchGroups": ["staff"], "setGroups": [], "callGroups": ["staff"]}}}

DEPTH = 12
"""Not many examples would nest deeper than the default."""

LIMITS = Limits(depth=DEPTH, failedLogins=1_000_000, failedLoginsPerMinute=1_000_000)

LONG_AFTER = 1e10
"""Seconds after which no request is pending any more, whatever timeout it asked for."""

quickly = settings(
    deadline=None,
    max_examples=150,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Lone surrogates included: they are legal JSON.
anyText = st.text(st.characters(exclude_categories=()), max_size=8)
paths = st.sampled_from(["", "a", "a/b", "b", "m", "$daemon/x", "constructor", "__proto__"]) | anyText
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -1, 5, 1.5, 2**53 + 1, 10**30, 1e300]),
    paths,
)
anyJson = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(paths, inner, max_size=4),
    max_leaves=12,
)

ids = st.one_of(st.integers(-2, 5), st.sampled_from(["", "r1", "r2", "7", 7, 1.5, None]), anyJson)
operators = st.sampled_from(["equals", "equalsNot", "lessThan", "greaterThan", "isType", "between"])
operands = st.sampled_from(["number", "string", "boolean", "object", "undefined"]) | anyJson
valueRules = st.dictionaries(operators, operands, max_size=2) | anyJson
predicates = st.sampled_from(
    ["equals", "equalsNot", "equalsOneOf", "equalsNotOneOf", "startsWith", "startsNotWith", "endsWith", "endsNotWith"]
) | st.sampled_from(["contains", "containsNot", "containsAllOf", "containsOneOf", "caseInsensitive", "like"])
pathRules = st.dictionaries(predicates, paths | st.lists(paths, max_size=3) | anyJson, max_size=3) | anyJson
fieldPaths = st.sampled_from(["x", "x.y", "[0]", "x[0].y", "['x']", "[", "", "__class__", "x);alert(1"]) | anyText
sortRules = anyJson | st.fixed_dictionaries(
    {},
    optional={
        "byPath": anyJson,
        "byValue": operands,
        "byValueField": st.dictionaries(fieldPaths, operands, max_size=2) | anyJson,
        "descending": anyJson,
        "from": st.integers(-1, 4) | anyJson,
        "to": st.sampled_from([0, 3, 10**11, 10**30]) | anyJson,
    },
)
rules = {
    "path": pathRules,
    "value": valueRules,
    "valueField": st.dictionaries(fieldPaths, valueRules, max_size=2) | anyJson,
    "sort": sortRules,
    "coalesce": st.booleans() | anyJson,
}
groups = st.lists(st.sampled_from(["staff", "users"]), max_size=2) | anyJson
access = anyJson | st.fixed_dictionaries(
    {}, optional={"fetchGroups": groups, "setGroups": groups, "callGroups": groups}
)
timeouts = st.sampled_from([0, -1, 0.001, 3, 1e12, "5", None]) | anyJson


def members(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of these members."""
    return st.fixed_dictionaries(required, optional=optional)


params: dict[str, st.SearchStrategy[Any]] = {
    "info": anyJson,
    "echo": anyJson,
    "config": members({}, name=anyJson, debug=anyJson),
    "authenticate": members({"user": st.sampled_from(["joe", "ann"]), "password": st.sampled_from(["s3cret", "x"])}),
    "add": members({"path": paths}, value=anyJson, fetchOnly=anyJson, access=access, timeout=timeouts),
    "remove": members({"path": paths}),
    "change": members({"path": paths}, value=anyJson),
    "set": members({"path": paths}, value=anyJson, timeout=timeouts, valueAsResult=anyJson),
    "call": members({"path": paths}, args=anyJson, timeout=timeouts),
    "fetch": members({"id": st.sampled_from(["f", 1, "", 0, 1.0])}, **rules),
    "unfetch": members({"id": st.sampled_from(["f", 1, "", 0, 1.0])}),
    "get": members({}, **rules),
    "__init__": anyJson,
}
requests = st.sampled_from(sorted(params)).flatmap(
    lambda method: st.fixed_dictionaries(
        {"method": st.just(method)}, optional={"id": ids, "params": params[method], "jsonrpc": st.just("2.0")}
    )
)
responses = st.fixed_dictionaries({"id": ids}, optional={"result": anyJson, "error": anyJson, "method": st.none()})
valid = requests | responses


@st.composite
def mutated(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """A valid message with something else in one place."""
    message = draw(valid)
    place = message
    while True:
        name = draw(st.sampled_from(sorted(place)))
        if isinstance(place[name], dict) and place[name] and draw(st.booleans()):
            place = place[name]
            continue
        if draw(st.booleans()):
            place[name] = draw(anyJson)
        else:
            del place[name]
        return message


messages = st.one_of(valid, mutated(), anyJson)
batches = st.lists(messages | st.lists(messages, max_size=2), max_size=5)


def encode(message: Any) -> bytes:
    """JSON, in ASCII: lone surrogates have no other form."""
    return json.dumps(message).encode("ascii")


@st.composite
def broken(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """The text of a message, one spot of which is spoiled."""
    text = encode(draw(valid))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 4)))
    return text[:start] + bytes(draw(st.binary(max_size=4))) + text[end:]


texts = st.one_of(messages.map(encode), batches.map(encode), broken(), st.binary(min_size=1, max_size=40))


def depthOf(value: Any) -> int:
    """How deep a value nests."""
    if isinstance(value, list | dict):
        return 1 + max(map(depthOf, value.values() if isinstance(value, dict) else value), default=0)
    return 0


def refuse(constant: str) -> None:
    """What Python's parser is to do with NaN and Infinity."""
    raise ValueError(constant)


def idKey(message: dict[str, Any]) -> str:
    """The id of a message, for comparison; absent and null are different from everything else and from each other."""
    return json.dumps(message["id"], sort_keys=True) if "id" in message else "absent"


def expectedAnswers(text: bytes) -> Counter[str]:
    """How many answers with which ids a message has, at last, by section 3 of the protocol page."""
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError):
        return Counter(["absent"])
    if depthOf(value) > DEPTH:
        return Counter(["absent"])
    found: Counter[str] = Counter()
    for member in value if isinstance(value, list) else [value]:
        if not isinstance(member, dict) or member.get("id") is None:
            continue
        if member.get("method") in (None, "") and ("result" in member or "error" in member):
            continue
        found[idKey(member)] += 1
    return found


def isAnswer(message: dict[str, Any]) -> bool:
    """Notifications and routed requests have neither of these."""
    return "result" in message or "error" in message


class NothingHarmsTests(SynchronousTestCase):
    """Whatever is sent, the daemon goes on, and so does the connection."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon()

    def start(self) -> tuple[MemoryPeer, MemoryPeer]:
        """A peer that will misbehave and owns a state, and a good one that follows it."""
        self.memory = MemoryDaemon(users=USERS, limits=LIMITS)
        bad, good = self.memory.connect(), self.memory.connect()
        add(bad, "the state to be kept", value=1)
        good.send({"method": "fetch", "params": {"id": "kept", "path": {"equals": "the state to be kept"}}})
        good.take()
        return bad, good

    def check(self, bad: MemoryPeer, good: MemoryPeer) -> None:
        """Both are fully served, and nothing of either is lost."""
        self.assertTrue(bad.connected)
        self.assertTrue(good.connected)
        bad.take()
        good.take()
        for peer in (bad, good):
            self.assertEqual(ask(peer, "echo", text="ä"), {"result": {"text": "ä"}})
            found = ask(peer, "get", path={"equals": "the state to be kept"})
            self.assertEqual(found["result"][0]["value"], 1)
        bad.send({"method": "change", "params": {"path": "the state to be kept", "value": 2}})
        params = {"path": "the state to be kept", "event": "change", "value": 2}
        self.assertIn({"method": "kept", "params": params}, good.take())
        bad.disconnect()
        params = {"path": "the state to be kept", "event": "remove", "value": 2}
        self.assertIn({"method": "kept", "params": params}, good.take())
        good.disconnect()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.memory.clock.getDelayedCalls(), [])

    @quickly
    @given(st.lists(texts, min_size=1, max_size=6))
    def test_answers(self, sent: list[bytes]) -> None:
        """Each request is answered exactly once, each notification never, what is no JSON with one parse error."""
        bad, good = self.start()
        expected: Counter[str] = Counter()
        for text in sent:
            bad.sendText(text)
            expected += expectedAnswers(text)
        self.memory.clock.advance(LONG_AFTER)
        answers = [message for message in bad.take() if isAnswer(message)]
        self.assertEqual(Counter(map(idKey, answers)), expected)
        for answer in answers:
            if "id" not in answer:
                self.assertEqual(answer, PARSE_ERROR)
        self.check(bad, good)

    @quickly
    @given(st.lists(requests | mutated() | anyJson, min_size=1, max_size=8))
    def test_errors(self, sent: list[Any]) -> None:
        """Every error that we make has a code of the protocol, its message, and data that no peer trips over."""
        texts = {
            -32700: "Parse error",
            -32600: "Invalid Request",
            -32601: "Method not found",
            -32602: "Invalid params",
            -32001: "Response Timeout",
        }
        bad, good = self.start()
        # Nobody answers as an owner here, so all errors are ours.
        bad.send(*(message for message in sent if not (isinstance(message, dict) and isAnswer(message))))
        self.memory.clock.advance(LONG_AFTER)
        for answer in bad.take():
            error = answer.get("error")
            if error is not None:
                self.assertEqual(error["message"], texts.get(error["code"]), answer)
                if error["code"] == -32602:
                    self.assertIsNotNone(error["data"])
        self.check(bad, good)

    @quickly
    @given(st.lists(st.tuples(st.booleans(), valid), min_size=1, max_size=10))
    def test_severalPeers(self, sent: list[tuple[bool, Any]]) -> None:
        """Two peers that send valid messages of all kinds, in any order, never get in each other's way."""
        bad, good = self.start()
        for first, message in sent:
            (bad if first else good).send(message)
        self.memory.clock.advance(LONG_AFTER)
        self.check(bad, good)

    @quickly
    @given(st.lists(st.binary(max_size=12), max_size=8))
    def test_anyStream(self, pieces: list[bytes]) -> None:
        """Bytes that are no frames end at most the connection that they came over, and what it owned goes with it."""
        _, good = self.start()
        victim = self.memory.connect()
        add(victim, "the victim's")
        for piece in pieces:
            if victim.connected:
                victim.sendBytes(piece)
        self.assertEqual(ask(good, "echo"), {"result": {}})
        found = ask(good, "get", path={"equals": "the victim's"})["result"]
        self.assertEqual(len(found), int(victim.connected))
        self.assertEqual(self.flushLoggedErrors(), [])


class MessageTests(SynchronousTestCase):
    """Single messages that are easily got wrong."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon()
        self.peer = self.memory.connect()

    def answers(self, text: str | bytes) -> list[Any]:
        """What comes back for a text."""
        self.peer.sendText(text)
        return self.peer.take()

    def assertServed(self) -> None:
        """The peer is still served, and nothing was logged."""
        self.assertEqual(ask(self.peer, "echo", a=1), {"result": {"a": 1}})
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_notJson(self) -> None:
        """What is no JSON, or no UTF-8, or nests too deeply is answered with a parse error without an id."""
        deep = 201
        for text in (
            b"{",
            b"nothing",
            b"NaN",
            b'{"id":1,"method":"echo","params":NaN}',
            b'{"id":1,"method":"echo","params":-Infinity}',
            b'{"id":1,"method":"echo","params":"\xff"}',
            b'{"id":1,"method":"echo","params":"\xed\xa0\x80"}',
            b'{"id":1,"method":"echo","params":"a\nb"}',
            b'\xef\xbb\xbf{"id":1,"method":"info"}',
            b'{"id":1,"method":"info"} {"id":2,"method":"info"}',
            b'{"id":1,"method":"info"}\0',
            b'{"id":01,"method":"info"}',
            b'"text',
            b'"text" and more',
            b"12 34",
            b"truely",
            b"null,",
            b"[" * deep + b"]" * deep,
            b"[" * 100_000,
            b'{"id":1,"method":"echo","params":' + b"[" * deep + b"]" * deep + b"}",
            b'{"a":' * 100_000,
            b" ",
            b"[{},",
        ):
            self.assertEqual(self.answers(text), [PARSE_ERROR], text[:60])
        self.assertServed()

    def test_ignored(self) -> None:
        """JSON that is no object, and objects that are neither request nor response and have no id, are ignored."""
        for text in ("1", '"text"', "true", "null", "[]", "[[]]", "[1,null,[{}]]", "{}", '{"a":1}', '{"id":null}'):
            self.assertEqual(self.answers(text), [], text)
        self.assertServed()

    def test_depthEdge(self) -> None:
        """What nests exactly as deep as is allowed is fine, brackets in strings do not count."""
        inner = "[" * 199 + "]" * 199
        self.assertEqual(self.answers(f'{{"id":1,"method":"echo","params":{inner}}}')[0]["id"], 1)
        brackets = "[{" * 1000
        self.assertEqual(
            self.answers(f'{{"id":1,"method":"echo","params":"{brackets}"}}'), [{"id": 1, "result": brackets}]
        )

    def test_manyQuotes(self) -> None:
        """A string of escaped quotes that never ends is a parse error, at a cost that is linear in its length."""
        for end in (b"", b"\\", b"[" * 300):
            self.assertEqual(self.answers(b'{"a":"' + b'\\"' * 1_000_000 + end), [PARSE_ERROR])
        self.assertServed()

    def test_longNumbers(self) -> None:
        """Numbers that are out of any range go through as text; where one is looked at, it is infinite."""
        digits = "7" * 5000
        for number in (digits, "1e400"):
            self.assertEqual(
                self.answerAsText(f'{{"id":{number},"method":"echo"}}'), f'{{"id":{number},"result":true}}'
            )
            self.assertEqual(
                self.answerAsText(f'{{"id":1,"method":"echo","params":{number}}}'), f'{{"id":1,"result":{number}}}'
            )
            self.peer.sendText(
                f'{{"method":"add","params":{{"path":"{number[:5]}","value":{number},"timeout":{number}}}}}'
            )
            rule = f'{{"value":{{"greaterThan":{number}}}}}'
            self.assertEqual(self.answerAsText(f'{{"id":1,"method":"get","params":{rule}}}'), '{"id":1,"result":[]}')
            rule = '{"value":{"greaterThan":1e300},"sort":{"byValue":"number"}}'
            found = f'[{{"path":"{number[:5]}","index":1,"value":{number}}}]'
            self.assertEqual(
                self.answerAsText(f'{{"id":1,"method":"get","params":{rule}}}'), f'{{"id":1,"result":{found}}}'
            )
            self.assertIn(
                '"wrongType":"id"', self.answerAsText(f'{{"id":1,"method":"fetch","params":{{"id":{number}}}}}')
            )
            self.assertIn(
                '"wrongType":"to"',
                self.answerAsText(f'{{"id":1,"method":"get","params":{{"sort":{{"to":{number}}}}}}}'),
            )
            ask(self.peer, "remove", path=number[:5])
        self.assertServed()

    def answerAsText(self, text: str) -> str:
        """What comes back, which is not always JSON that Python can read."""
        self.peer.stopReading()
        self.peer.sendText(text)
        (answer,) = LengthPrefixed(100_000).feed(bytes(self.peer.transport.unread))
        self.peer.transport.unread.clear()
        self.peer.startReading()
        return answer.decode("ascii")

    def test_methodOfAnyType(self) -> None:
        """A method that is no string makes an invalid request, one that is null or empty no request at all."""
        for method in ("1", "true", "[]", "{}", "false", "0"):
            text = f'{{"id":7,"method":{method}}}'
            error = {"code": -32600, "message": "Invalid Request", "data": json.loads(text)}
            self.assertEqual(self.answers(text), [{"id": 7, "error": error}])
        for method in ("null", '""'):
            self.assertEqual(self.answers(f'{{"id":7,"method":{method},"result":1}}'), [])
        self.assertServed()

    def test_namesOfOurs(self) -> None:
        """Names of Python's and JavaScript's own are ordinary names everywhere."""
        for name in ("__class__", "__init__", "_handle", "constructor", "__proto__", "toString", "receive"):
            self.assertEqual(
                ask(self.peer, name), {"error": {"code": -32601, "message": "Method not found", "data": name}}
            )
            self.assertEqual(ask(self.peer, "add", path=name, value=1), {"result": True})
            self.assertEqual(ask(self.peer, "fetch", id=name, path={"equals": name}), {"result": True})
            self.assertEqual(ask(self.peer, "get", valueField={name: {"equalsNot": 1}}), {"result": []})
        self.assertServed()

    def test_codeInFields(self) -> None:
        """A field path is parsed, never run: what is none is refused with the text that was sent."""
        for code in ("x)+y[z", "a b()[", "[x]", "a..b", ".a", "a.", "[0", "['a]", "[0]b", ""):
            error = {"code": -32602, "message": "Invalid params", "data": {"wrongType": "valueField", "got": code}}
            self.assertEqual(ask(self.peer, "get", valueField={code: {}}), {"error": error}, code)
            self.assertEqual(ask(self.peer, "fetch", id=1, valueField={code: {}}), {"error": error}, code)
            error["data"] = {"wrongType": "byValueField", "got": code}
            self.assertEqual(ask(self.peer, "get", sort={"byValueField": {code: "number"}}), {"error": error}, code)
        add(self.peer, "a", value={"a": 1})
        for name in ("x);process", "__import__('os')", "__class__", "keys()", "a;b"):  # members of strange names
            self.assertEqual(ask(self.peer, "get", valueField={name: {"equals": 1}}), {"result": []})
        self.assertServed()

    def test_wrongTypesEverywhere(self) -> None:
        """A member of a wrong type is named, together with the object that holds it, and nothing has happened."""
        add(self.peer, "a")
        wrong: list[tuple[str, dict[str, Any], str, Any]] = [
            ("add", {"path": 1}, "path", ...),
            ("add", {"path": "x", "access": 1}, "access", ...),
            ("add", {"path": "x", "access": {"fetchGroups": "g"}}, "fetchGroups", {"fetchGroups": "g"}),
            ("add", {"path": "x", "access": {"setGroups": [1]}}, "setGroups", {"setGroups": [1]}),
            ("remove", {"path": []}, "path", ...),
            ("change", {"path": {}, "value": 1}, "path", ...),
            ("set", {"path": 1.5}, "path", ...),
            ("call", {"path": True}, "path", ...),
            ("config", {"name": 1}, "name", ...),
            ("authenticate", {"user": 1, "password": "x"}, "user", ...),
            ("authenticate", {"user": "x", "password": ["x"]}, "password", ...),
            ("fetch", {"id": []}, "id", ...),
            ("fetch", {"id": True}, "id", ...),
            ("unfetch", {"id": {}}, "id", ...),
            ("get", {"path": "a"}, "path", ...),
            ("get", {"value": []}, "value", ...),
            ("get", {"valueField": 1}, "valueField", ...),
            ("get", {"sort": False}, "sort", ...),
            ("get", {"sort": {"from": "1"}}, "from", {"from": "1"}),
            ("get", {"sort": {"to": 1.5}}, "to", {"to": 1.5}),
            ("get", {"path": {"equals": 1}}, "equals", {"equals": 1}),
            ("get", {"path": {"equalsOneOf": ["a", 1]}}, "equalsOneOf", {"equalsOneOf": ["a", 1]}),
        ]
        for method, asked, name, got in wrong:
            data = {"wrongType": name, "got": asked if got is ... else got}
            error = {"code": -32602, "message": "Invalid params", "data": data}
            self.assertEqual(ask(self.peer, method, **asked), {"error": error}, (method, asked))
        self.assertEqual([entry["path"] for entry in ask(self.peer, "get")["result"]], ["a"])
        self.assertServed()

    def test_batchGoesOn(self) -> None:
        """What is wrong in a batch harms only itself: each member is answered by itself, in order, never an array."""
        batch: list[Any] = [
            {"id": 1, "method": "echo", "params": 1},
            None,
            {"id": 2, "method": "nothing"},
            [{"id": 3, "method": "info"}],
            {"id": 4},
            {"method": "add", "params": 1},
            {"id": 5, "method": "add", "params": {"path": "a", "value": 1}},
            {"id": 6, "method": "get", "params": {}},
            {"id": "r1", "result": 1},
            {"id": 7, "method": "echo", "params": None},
        ]
        self.peer.send(batch)
        got = self.peer.take()
        self.assertEqual([message["id"] for message in got], [1, 2, 4, 5, 6, 7])
        self.assertEqual(got[4]["result"], [{"path": "a", "event": "add", "value": 1}])
        self.assertServed()

    def test_largeBatch(self) -> None:
        """The members of a batch are worked on in order, however many there are."""
        self.peer.send([{"id": number, "method": "echo", "params": [number]} for number in range(5000)])
        self.assertEqual(self.peer.take(), [{"id": number, "result": [number]} for number in range(5000)])

    def test_emptyFrames(self) -> None:
        """Frames of length zero are nothing, wherever they are."""
        info = LengthPrefixed.pack(b'{"id":1,"method":"echo"}')
        self.peer.sendBytes(bytes(4) + info + bytes(4000) + info + bytes(4))
        self.assertEqual(self.peer.take(), [{"id": 1, "result": True}] * 2)

    def test_surrogates(self) -> None:
        """Lone surrogates come back as they came, and reach nobody as anything that is not UTF-8."""
        reader = self.memory.connect()
        reader.send({"method": "fetch", "params": {"id": "\ud800"}})
        path, value = "p\udfff", {"k\ud800": ["\ud83d"]}
        self.assertEqual(ask(self.peer, "add", path=path, value=value, timeout=1), {"result": True})
        self.assertEqual(
            reader.take(), [{"method": "\ud800", "params": {"path": path, "event": "add", "value": value}}]
        )
        reader.send({"id": "\ud801", "method": "set", "params": {"path": path, "value": "\ud802"}})
        (routed,) = self.peer.take()
        self.assertEqual(routed, {"id": routed["id"], "method": path, "params": {"value": "\ud802"}})
        self.peer.send({"id": routed["id"], "result": "\ud803"})
        self.assertEqual(reader.take(), [{"id": "\ud801", "result": "\ud803"}])
        reader.send({"id": "\ud801", "method": "set", "params": {"path": path, "value": "\ud802"}})
        self.memory.clock.advance(1)
        self.assertEqual(reader.take()[0]["error"]["data"], {"path": path, "value": "\ud802"})
        self.assertServed()
