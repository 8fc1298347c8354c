"""
Tests for L{jetjstp.jet.requests}: the fast reader against the exact one, and
the exact one against a plain reading of the protocol page, sections 3 and 4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET, Raw, Struct
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.errors import JetError
from jetjstp.jet.jsontext import UNREADABLE
from jetjstp.jet.requests import (
    Access,
    Add,
    Other,
    Request,
    Response,
    decode,
    explain,
    idOf,
    paramsOf,
    requireObject,
    requireText,
)
from tests.jet.conversations import deterministic, jsonTexts, same, spell

Texts = st.SearchStrategy[str]

odd: Texts = st.one_of(
    st.sampled_from(["null", "true", "0", '""', '"a"', "[]", "{}", "[1]", "-0.0", '{"path":"a"}', '["a"]', "\t5 "]),
    st.sampled_from(['"\\ud800"', '{"\\udc00":1}', "1e400", "9" * 5_000, "[" * 150 + "]" * 150]),
    jsonTexts.map(lambda example: example[1]),
)
"""What may stand where something else is expected."""

broken: Texts = st.sampled_from(["NaN", "-Infinity", '"\\q"', "01", "[", '"a', "[" * 2_000 + "]" * 2_000])
"""What makes the whole message unreadable."""

texts: Texts = st.builds(
    spell, st.sampled_from(["", "a", "a/é", "add", 'q"\\', "\ud800"]), st.just(0) | st.integers(0, 15)
)


@st.composite
def objects(draw: st.DrawFn, usual: Mapping[str, Texts], needed: tuple[str, ...] = ()) -> str:
    """An object as a peer might write it: members mostly as they should be, sometimes odd, double or unknown."""
    names = list(needed) + draw(st.lists(st.sampled_from([*usual, "unknown"]), max_size=4))
    members = []
    for name in draw(st.permutations(names)):
        sort = draw(st.integers(0, 19))
        if sort == 0:
            continue
        value = draw(
            broken if sort == 1 and draw(st.integers(0, 5)) == 0 else odd if sort < 4 else usual.get(name, odd)
        )
        members.append(spell(name, 2 if sort == 5 else 0) + ":" + value)
    return "{" + ",".join(members) + "}"


groups: Texts = st.lists(texts, max_size=2).map(lambda names: "[" + ",".join(names) + "]") | st.just("null")
access: Texts = objects({"fetchGroups": groups, "setGroups": groups, "callGroups": groups}) | st.just("null")
timeouts: Texts = st.sampled_from(["5", "0.5", "0", "-1", "null", '"5"', "1e400"])
params: Texts = objects(
    {
        "path": texts,
        "value": odd,
        "args": odd,
        "fetchOnly": odd,
        "valueAsResult": odd,
        "timeout": timeouts,
        "access": access,
    },
    ("path", "value"),
)
services: Texts = st.sampled_from(["add", "remove", "change", "set", "call", "fetch", "echo", "a/b"]).flatmap(
    lambda name: st.sampled_from([spell(name, 0), spell(name, 0), spell(name, 1)])
)
ids: Texts = st.sampled_from(["1", '"r1"', '""', "0", "null", "-1.5", "1.0", "true", "[]", '"\\u0072"', "1e400"])

requests = objects({"id": ids, "method": services, "params": params, "jsonrpc": texts}, ("id", "method", "params"))
responses = objects({"id": ids, "result": odd, "error": odd, "method": odd}, ("id", "result"))
messages = st.one_of(requests, requests, responses, odd, odd.map(lambda text: text + "]"))


def refuse(constant: str) -> None:
    """NaN and the like are not JSON."""
    raise ValueError(constant)


def integer(digits: str) -> int | float:
    """Very long integers are beyond what Python reads as such."""
    return int(digits) if len(digits) < 400 else float(digits)


def read(text: str | bytes | Raw) -> Any:
    """Read JSON by the standard module."""
    text = bytes(text) if isinstance(text, Raw) else text
    return json.loads(text, parse_constant=refuse, parse_int=integer)


class Reading(NamedTuple):
    """
    What a message is.

    @ivar kind: The name of its class, C{"ignored"} or C{"refused"}.
    @ivar id: Its id as a value, if it has one.
    @ivar content: Its params, by name, or the error.
    """

    kind: str
    id: Any
    content: Any

    def equals(self, other: Reading) -> bool:
        """Whether both are the same, types of JSON values included."""
        return same(self, other)


def described(request: Request | Response) -> Reading:
    """A message that was read."""
    id = None if request.id is UNSET else read(request.id)
    if isinstance(request, Other):
        return Reading("Other", id, [request.method, None if request.params is None else read(request.params)])
    kind = type(request).__name__
    if isinstance(request, Response):
        return Reading(kind, id, sorted(members(request).keys() - {"id", "method"}))
    return Reading(kind, id, members(request.params))


def members(struct: Struct) -> dict[str, Any]:
    """What a structure holds, without what is not set."""
    found: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, Raw):
            found[name] = read(value)
        elif isinstance(value, Access):
            found[name] = members(value)
        elif value is not UNSET and value is not None:
            found[name] = value
    return found


def bytesOf(request: Request | Response) -> bytes:
    """All texts that a request holds, as they are."""
    return msgspec.msgpack.encode(request, enc_hook=bytes) if isinstance(request, Struct) else repr(request).encode()


def explained(message: bytes) -> Reading:
    """What L{explain} says."""
    request, id, error = explain(message)
    if error is not None:
        assert request is None
        return Reading("refused", None if id is UNSET else read(id), read(error.body))
    if request is None:
        assert id is UNSET
        return Reading("ignored", None, None)
    assert bytesOf(Response(id=id)) == bytesOf(Response(id=request.id))
    return described(request)


class Refusal(Exception):
    """The arguments are the name of the error and the data."""


def plainly(text: str) -> Reading:
    """
    Read a message as the protocol page says, and no more.

    @raise ValueError: It is not JSON.
    @raise RecursionError: It nests too deeply.
    """
    message = read(text)
    if not isinstance(message, dict):
        return Reading("ignored", None, None)
    id = message.get("id")
    method = message.get("method")
    if method in (None, "") and ("result" in message or "error" in message):
        return Reading("Response", id, sorted(message.keys() & {"result", "error"}))
    if not isinstance(method, str) or method == "":
        return Reading("refused", id, {"code": -32600, "message": "Invalid Request", "data": message})
    if method not in SERVICES:
        return Reading("Other", id, [method, message.get("params")])
    try:
        return Reading(method.capitalize(), id, plainParams(method, message))
    except Refusal as refusal:
        error, name, got = refusal.args
        return Reading("refused", id, {"code": -32602, "message": "Invalid params", "data": {error: name, "got": got}})


SERVICES: dict[str, tuple[str, ...]] = {
    "add": ("path", "value", "fetchOnly", "access", "timeout"),
    "remove": ("path",),
    "change": ("path", "value"),
    "set": ("path", "value", "valueAsResult", "timeout"),
    "call": ("path", "args", "timeout"),
}


def plainParams(method: str, message: dict[str, Any]) -> dict[str, Any]:
    """The params of a service, by the table of section 4."""
    params = message.get("params")
    if params is None:
        raise Refusal("missingParam", "params", message)
    if not isinstance(params, dict | list) and method not in ("set", "call"):
        raise Refusal("wrongType", "params", message)
    given = params if isinstance(params, dict) else {}
    if given.get("path") is None:
        raise Refusal("missingParam", "path", params)
    if not isinstance(given["path"], str):
        raise Refusal("wrongType", "path", params)
    if method == "change" and "value" not in given:
        raise Refusal("missingParam", "value", params)
    known = {name: given[name] for name in SERVICES[method] if name in given}
    if "access" in known:
        known.update(access=plainAccess(params))
    return {name: value for name, value in known.items() if name != "access" or value is not None}


def plainAccess(params: dict[str, Any]) -> dict[str, Any] | None:
    """The access of an element, lists that are not given left out."""
    access = params["access"]
    if access is None:
        return None
    if not isinstance(access, dict):
        raise Refusal("wrongType", "access", params)
    lists: dict[str, Any] = {}
    for name in ("fetchGroups", "setGroups", "callGroups"):
        names = access.get(name)
        if names is None:
            continue
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise Refusal("wrongType", name, access)
        lists[name] = names
    return lists


class AgreementTests(SynchronousTestCase):
    """What holds for any message."""

    @given(messages)
    @example('{"\\u006dethod":"add","params":{"path":"a"},"result":1}')
    @example('{"method":"add","\\u006dethod":"remove","params":{"path":"a"}}')
    @example('{"params":{"path":5},"method":"set","params":{"path":"a","path":"b"},"id":1,"id":null}')
    @example('{"method":"add","params":{"path":"a","access":{"setGroups":["a"],"setGroups":null},"value":1e400}}')
    @deterministic
    def test_fastAndExact(self, text: str) -> None:
        """What the fast reader takes, the exact one reads alike, byte by byte; what it refuses raises nothing else."""
        message = text.encode("utf-8")
        try:
            request = decode(message)
        except UNREADABLE:
            return
        found, id, error = explain(message)
        self.assertIsNone(error)
        self.assertIs(type(found), type(request))
        assert found is not None
        self.assertEqual(bytesOf(found), bytesOf(request))
        self.assertEqual(idOf(id), idOf(request.id))

    @given(messages)
    @example('{"id":1,"method":"add","params":[]}')
    @example("truex")
    @example('{"id":{"a":1},"method":["info"]}')
    @deterministic
    def test_exactAndPlain(self, text: str) -> None:
        """The exact reader finds what the protocol page says: the kind, the id, the params, the data of errors."""
        message = text.encode("utf-8")
        try:
            expected = plainly(text)
        except (ValueError, RecursionError):
            self.assertRaises(UNREADABLE, explain, message)
            return
        found = explained(message)
        self.assertTrue(found.equals(expected), f"{found} is not {expected}")

    @given(st.binary(max_size=40) | messages.map(lambda text: text.encode("utf-8")[:-3]))
    @deterministic
    def test_garbage(self, message: bytes) -> None:
        """Whatever comes, nothing is raised but what says that it is unreadable, and errors are JSON."""
        for reader in (decode, explained):
            try:
                reader(message)
            except UNREADABLE:
                continue

    @given(requests)
    @deterministic
    def test_paramsOf(self, text: str) -> None:
        """The params of a message are found again as they were sent."""
        message = text.encode("utf-8")
        try:
            request = decode(message)
        except UNREADABLE:
            return
        self.assertTrue(same(read(paramsOf(message)), read(text)["params"]))
        self.assertIn(paramsOf(message), message)
        self.assertNotIsInstance(request, Response)


class DecodeTests(SynchronousTestCase):
    """What the fast reader is there for."""

    def check(self, message: dict[str, Any], expected: Reading) -> None:
        text = json.dumps(message)
        self.assertTrue(described(decode(text.encode())).equals(expected), text)

    def test_services(self) -> None:
        """Each service with many requests is read in one go, all params included."""
        add = {"path": "a", "value": None, "fetchOnly": 0, "access": {"setGroups": ["x"]}, "timeout": 1}
        self.check({"id": 1, "method": "add", "params": add}, Reading("Add", 1, add))
        self.check({"method": "remove", "params": {"path": "a"}}, Reading("Remove", None, {"path": "a"}))
        change = {"path": "", "value": {"x": [1.0]}}
        self.check({"id": "7", "method": "change", "params": change}, Reading("Change", "7", change))
        put = {"path": "a", "value": False, "valueAsResult": True, "timeout": "x"}
        self.check({"id": 0, "method": "set", "params": put}, Reading("Set", 0, put))
        call = {"path": "a", "args": 5, "timeout": -1}
        self.check({"id": [], "method": "call", "params": call}, Reading("Call", [], call))

    def test_responses(self) -> None:
        """An answer is read in one go, too: a result or an error, even null, makes one."""
        self.check({"id": "r1", "result": None}, Reading("Response", "r1", ["result"]))
        self.check({"id": "r1", "error": None, "x": 1}, Reading("Response", "r1", ["error"]))
        self.check({"error": 1, "result": 1}, Reading("Response", None, ["error", "result"]))

    def test_values(self) -> None:
        """Values stay the text that they came in."""
        request = decode(b'{"method":"add","params":{"path":"a","value": [1.0 ,"\\u0041", 1e400] }}')
        assert isinstance(request, Add) and isinstance(request.params.value, Raw)
        self.assertEqual(bytes(request.params.value), b'[1.0 ,"\\u0041", 1e400]')

    def test_refused(self) -> None:
        """What is of no known shape is left to the exact reader."""
        for text in (b"", b"5", b"[]", b"{}", b'{"id":1}', b'{"id":1,"method":"info"}', b'{"method":"add"}'):
            self.assertRaises(msgspec.DecodeError, decode, text)
        self.assertRaises(msgspec.DecodeError, decode, b'[{"id":"r1","result":1}]')
        self.assertRaises(msgspec.DecodeError, decode, b' [{"id":"r1","result":1}]')


class ExplainTests(SynchronousTestCase):
    """The classification of section 3 and the params check of section 4, one by one."""

    def check(self, text: str, expected: Reading) -> None:
        found = explained(text.encode("utf-8"))
        self.assertTrue(found.equals(expected), f"{text}: {found}")

    def checkInvalid(self, text: str) -> None:
        id = read(text).get("id")
        error = {"message": "Invalid Request", "code": -32600, "data": read(text)}
        self.check(text, Reading("refused", id, error))

    def checkParams(self, text: str, data: object) -> None:
        id = read(text).get("id")
        self.check(text, Reading("refused", id, {"message": "Invalid params", "code": -32602, "data": data}))

    def test_method(self) -> None:
        """Whatever has a method that is not null or empty is a request, also with a result or an error."""
        self.check('{"method":"x"}', Reading("Other", None, ["x", None]))
        self.check('{"method":"x","params":null,"id":1}', Reading("Other", 1, ["x", None]))
        self.check('{"method":"fetch","result":1,"error":2}', Reading("Other", None, ["fetch", None]))
        self.check('{"method":"__proto__","params":[1]}', Reading("Other", None, ["__proto__", [1]]))

    def test_response(self) -> None:
        """Without a method, or with a null or empty one, a result or an error makes a response."""
        for method in ("", '"method":null,', '"method":"",'):
            self.check("{" + method + '"result":null}', Reading("Response", None, ["result"]))
            self.check("{" + method + '"id":7,"error":null}', Reading("Response", 7, ["error"]))

    def test_invalidRequest(self) -> None:
        """An object that is neither is refused with itself as data, and so is a method of another type."""
        for text in ('{"id":1}', '{"id":"x","params":{"a":1}}', '{"id":2,"method":""}', '{"id":3,"method":null}', "{}"):
            self.checkInvalid(text)
        for method in ("5", "0", "false", "{}", "[]", '["info"]'):
            self.checkInvalid('{"id":1,"method":' + method + "}")

    def test_ignored(self) -> None:
        """JSON that is no object is ignored, null included."""
        for text in ("null", "5", " true ", '"x"', '"\\ud800"', "1e400", "9" * 5_000, "[]", '[{"id":1}]'):
            self.check(text, Reading("ignored", None, None))

    def test_unreadable(self) -> None:
        """What is not JSON is unreadable, also if it begins like something that would be ignored."""
        for text in (
            b"",
            b"x",
            b"truex",
            b"5 5",
            b'"abc',
            b"[1,",
            b'{"id":1}}',
            b'{"id":NaN}',
            b'{"id":1,"method":"\xff"}',
        ):
            self.assertRaises(UNREADABLE, explain, text)

    def test_ids(self) -> None:
        """Ids are kept as they were written; without one, or with null, there is nothing to answer to."""
        for text in (b"0", b"-1.50", b'""', b'"\\u0041"', b"1e400", b"true", b"[1]", b"{}"):
            self.assertEqual(idOf(explain(b'{"method":"x","id": ' + text + b" }")[1]), text)
        self.assertIsNone(idOf(explain(b'{"method":"x","id":null}')[1]))
        self.assertIsNone(idOf(explain(b'{"method":"x"}')[1]))

    def test_missingParams(self) -> None:
        """Absent or null params are missing from the message."""
        for service in SERVICES:
            for rest in ("", ',"params":null'):
                text = '{"id":1,"method":"' + service + '"' + rest + "}"
                self.checkParams(text, {"missingParam": "params", "got": read(text)})

    def test_scalarParams(self) -> None:
        """Params that are no object are of the wrong type; for set and call, as in node-jet, the path is missing."""
        for params in ("5", '""', "false", '"path"'):
            for service in SERVICES:
                text = '{"id":1,"method":"' + service + '","params":' + params + "}"
                if service in ("set", "call"):
                    self.checkParams(text, {"missingParam": "path", "got": read(params)})
                else:
                    self.checkParams(text, {"wrongType": "params", "got": read(text)})

    def test_arrayParams(self) -> None:
        """An array counts as an object without members."""
        for service in SERVICES:
            text = '{"method":"' + service + '","params":["path"]}'
            self.checkParams(text, {"missingParam": "path", "got": ["path"]})

    def test_path(self) -> None:
        """A path that is absent or null is missing from the params; what is no string is of the wrong type."""
        for service in SERVICES:
            for params in ({}, {"path": None}):
                text = json.dumps({"id": 1, "method": service, "params": params})
                self.checkParams(text, {"missingParam": "path", "got": params})
            odd: list[Any] = [5, True, [], {"a": 1}]
            for path in odd:
                text = json.dumps({"id": 1, "method": service, "params": {"path": path, "value": 1}})
                self.checkParams(text, {"wrongType": "path", "got": {"path": path, "value": 1}})

    def test_change(self) -> None:
        """A change needs a value, which may be null."""
        self.checkParams('{"method":"change","params":{"path":"a"}}', {"missingParam": "value", "got": {"path": "a"}})
        text = '{"method":"change","params":{"path":"a","value":null}}'
        self.check(text, Reading("Change", None, {"path": "a", "value": None}))

    def test_access(self) -> None:
        """Access is an object of lists of names; null counts as absent."""
        odd: list[Any] = [5, "x", ["fetchGroups"], True]
        for access in odd:
            params = {"path": "a", "access": access}
            self.checkParams(json.dumps({"method": "add", "params": params}), {"wrongType": "access", "got": params})
        for name in ("fetchGroups", "setGroups", "callGroups"):
            for groups in [*odd[:2], {}, [1], ["x", None], False]:
                access = {name: groups, "x": 1}
                text = json.dumps({"method": "add", "params": {"path": "a", "access": access}})
                self.checkParams(text, {"wrongType": name, "got": access})
        text = '{"method":"add","params":{"path":"a","access":{"fetchGroups":null,"setGroups":[],"x":5}}}'
        self.check(text, Reading("Add", None, {"path": "a", "access": {"setGroups": []}}))
        text = '{"method":"add","params":{"path":"a","access":null}}'
        self.check(text, Reading("Add", None, {"path": "a"}))

    def test_surrogates(self) -> None:
        """Lone surrogates may be anywhere; they come back in errors, too."""
        text = '{"id":"\\udc00","method":"add","params":{"path":"\\ud800","value":"\\ud800","fetchOnly":true}}'
        self.check(text, Reading("Add", "\udc00", {"path": "\ud800", "value": "\ud800", "fetchOnly": True}))
        self.check('{"method":"\\ud800"}', Reading("Other", None, ["\ud800", None]))
        self.checkInvalid('{"id":"\\ud800"}')
        self.checkParams('{"method":"set","params":{"x":"\\ud800"}}', {"missingParam": "path", "got": {"x": "\ud800"}})

    def test_verbatim(self) -> None:
        """What an error holds is the text that came in."""
        error = explain(b'{ "id":1, "x":[1.0,  "\\u0041"] }')[2]
        assert error is not None
        self.assertIn(b'"data":{ "id":1, "x":[1.0,  "\\u0041"] }', error.body)
        error = explain(b'{"method":"remove","params":{ "path" : 5.0}}')[2]
        assert error is not None
        self.assertIn(b'"got":{ "path" : 5.0}', error.body)


class ChecksTests(SynchronousTestCase):
    """The checks that services make themselves."""

    def refusal(self, error: JetError) -> object:
        """The data of an error, which is one of params."""
        body = read(error.body)
        self.assertEqual((body["code"], body["message"]), (-32602, "Invalid params"))
        return body["data"]

    def test_requireObject(self) -> None:
        """Params have to be there and to be an object or an array; the lenient check takes anything that is there."""
        self.assertEqual(requireObject(b"{}", b'{"a": 1}'), {"a": b"1"})
        self.assertEqual(requireObject(b"{}", b'["a"]'), {})
        for params in (None, b"null"):
            for strict in (True, False):
                error = self.assertRaises(JetError, requireObject, b'{"id":1}', params, strict)
                self.assertEqual(self.refusal(error), {"missingParam": "params", "got": {"id": 1}})
        for params in (b"5", b'"[]"', b"true"):
            error = self.assertRaises(JetError, requireObject, b'{"id":1}', params)
            self.assertEqual(self.refusal(error), {"wrongType": "params", "got": {"id": 1}})
            self.assertEqual(requireObject(b"{}", params, strict=False), {})

    def test_requireText(self) -> None:
        """A text has to be there and to be a string, which may be empty."""
        self.assertEqual(requireText({"a": b'"\\u0041"'}, "a", b"{}"), "A")
        self.assertEqual(requireText({"a": b'""'}, "a", b"{}"), "")
        for members in ({}, {"a": b"null"}):
            error = self.assertRaises(JetError, requireText, members, "a", b'{"x":1}')
            self.assertEqual(self.refusal(error), {"missingParam": "a", "got": {"x": 1}})
        for text in (b"5", b"false", b"[]", b"9" * 5_000):
            error = self.assertRaises(JetError, requireText, {"a": text}, "a", b'{"x":1}')
            self.assertEqual(self.refusal(error), {"wrongType": "a", "got": {"x": 1}})
