"""
The dialect of npm node-jet 3.0.17, whose peers and daemon were written anew: what its own daemon sends, and what its
peers mean.

Where its daemon is wrong (protocol page, section 15.7), and it harms nobody to be right, this is not imitated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Raw, UnsetType

from jetjstp.jet.dialects import NodeJet2
from jetjstp.jet.errors import InvalidParams, WrongType
from jetjstp.jet.jsontext import UNREADABLE, membersOf, quote, truthy, valueOf
from jetjstp.jet.requests import EVERYBODY, Access

__all__ = ["NODE_JET_3", "speaksNodeJet3"]

GREETING = 256
"""Bytes; the first message of a node-jet 3 peer is shorter by far."""

ALL = "all"
"""The group that every user of node-jet 3 is in."""

_URL = "https://github.com/lipp/node-jet/blob/master/doc/peer.markdown#jet"

_PREDICATES = frozenset(
    (
        "caseInsensitive",
        "contains",
        "containsAllOf",
        "containsNot",
        "containsOneOf",
        "endsNotWith",
        "endsWith",
        "equals",
        "equalsNot",
        "equalsNotOneOf",
        "equalsOneOf",
        "startsNotWith",
        "startsWith",
    )
)
_OPERATORS = frozenset(("equals", "equalsNot", "greaterThan", "isType", "lessThan"))

_PLAIN_NAME = re.compile(r"[^.\[\]]+")

_Kind = tuple[int, str, str]
"""An error of node-jet 3: its code, the name of its class, its message."""

_PARSE_ERROR: _Kind = (-32600, "ParseError", "Message could not be parsed")
_METHOD_NOT_FOUND: _Kind = (-32601, "MethodNotFound", "Method not found")
_INVALID_ARGUMENT: _Kind = (
    -32602,
    "InvalidArgument",
    "The provided argument(s) have been refused by the State/Method",
)
_CREDENTIALS: _Kind = (-32602, "invalid params", "invalid credentials")
_PEER_ERROR: _Kind = (-32603, "PeerError", "Internal error")
_TIMEOUT: _Kind = (
    -32001,
    "PeerTimeout",
    "The peer processing the request did not respond within the specified timeout",
)

_REFUSALS: dict[str, _Kind] = {
    "pathNotExists": (-32602, "NotFound", "No State/Method matching the specified path"),
    "pathAlreadyExists": (-32602, "Occupied", "A State/Method with the same path has already been added"),
    "foreignPath": (-32600, "NotAllowed", "Not allowed"),
    "noAccess": (-32602, "invalid params", "Missing authorization"),
    "fetchOnly": (-32602, "FetchOnly", "The State cannot be modified"),
    "wrongKind": (-32600, "invalidMethod", "The path does not support this method"),
    "invalidUser": _CREDENTIALS,
    "invalidPassword": _CREDENTIALS,
    "loginFailed": _CREDENTIALS,
    "invalidArgument": _INVALID_ARGUMENT,
    "missingParam": _INVALID_ARGUMENT,
    "wrongType": _INVALID_ARGUMENT,
    "limitExceeded": _INVALID_ARGUMENT,
}
"""By the member of the data in which the core says what is wrong."""

_NAMED = frozenset(("missingParam", "wrongType", "limitExceeded"))
"""Where the value alone does not say what is wrong."""

_OWNERS_REFUSE = frozenset(("jet.InvalidParam", "jet.InvalidArgument"))
"""What an owner calls its error when a handler has thrown."""


def speaksNodeJet3(message: bytes) -> bool:
    """Whether a client that sends this first is a node-jet 3 peer: C{info} with the id "1" and empty params."""
    if len(message) > GREETING or b'"info"' not in message:
        return False
    try:
        members = membersOf(message)
        return (
            members is not None
            and members.keys() == {"id", "method", "params"}
            and members["id"] == b'"1"'
            and members["method"] == b'"info"'
            and membersOf(members["params"]) == {}
        )
    except UNREADABLE:
        return False


class NodeJet3(NodeJet2):
    """
    npm node-jet 3.0.17.

    Its envelopes are those of node-jet 2. It is never sent a sorted window, whose form it has no idea of: as on its own
    daemon, sorting is ignored.
    """

    success = b"{}"
    fetchedAll = b"{}"
    announcesFirst = True
    fetchesMethods = False
    fetchesBeforeLogin = True
    valueComesLater = True
    services: Mapping[str, str] = {"configure": "config"}

    def features(self, simple: bool) -> bytes:
        fetch = b"simple" if simple else b"full"
        return b'{"batches":true,"fetch":"%b","asNotification":false,"authenticate":true}' % fetch

    def loggedIn(self, auth: bytes) -> bytes:
        return self.success

    # What it asks for

    def access(self, access: Access | None) -> Access | None:
        """
        One group may read, and one may write, which is to set or to call. The empty name, and no name, stand for
        everybody, logged in or not.
        """
        if access is None or (access.read is UNSET and access.write is UNSET):
            return access
        read, write = _groups("read", access.read), _groups("write", access.write)
        return None if read is write is EVERYBODY else Access(read, write, write)

    def rule(self, members: dict[str, bytes]) -> dict[str, bytes]:
        """Value rules have another form; sorting and what else it does not know is left out."""
        known: dict[str, bytes] = {name: members[name] for name in ("path", "coalesce") if name in members}
        for predicate in membersOf(known.get("path", b"null")) or ():
            if predicate not in _PREDICATES:
                raise InvalidParams(f"unknown rule {predicate}")
        text = members.get("value", b"null")
        if text == b"null":
            return known
        rules = membersOf(text)
        if rules is None:
            raise WrongType("value", text)
        fields: list[bytes] = []
        for field, rule in rules.items():
            test = _valueTest(rule)
            if field:
                fields.append(quote(_fieldPath(field)) + b":" + test)
            else:
                known["value"] = test
        known["valueField"] = b"{" + b",".join(fields) + b"}"
        return known

    # What its owners answer

    def ownerResult(self, request: bytes, result: bytes) -> bytes:
        """A C{set} is answered with path and value; others expect true, or the value if they asked for it."""
        members = membersOf(request) or {}
        if valueOf(members["method"]) != "set":
            return result
        state = membersOf(result)
        if state is None or "value" not in state:
            return result
        params = membersOf(members["params"]) or {}
        return state["value"] if truthy(params.get("valueAsResult", b"null")) else b"true"

    def ownerError(self, error: bytes) -> bytes:
        """What a handler has thrown is, to others, an argument that was refused."""
        found = valueOf(error)
        data = found.get("data") if isinstance(found, dict) else None
        if not isinstance(data, dict) or data.get("name") not in _OWNERS_REFUSE:
            return error
        message = str(data.get("details") or found.get("message") or _INVALID_ARGUMENT[2]).removeprefix("Error: ")
        argument = b'{"name":"jet.InvalidArgument","message":%b,"url":%b}' % (
            quote(message),
            quote(_urlOf("InvalidArgument")),
        )
        return InvalidParams(b'{"invalidArgument":' + argument + b"}").body

    # What it is sent

    def error(self, id: bytes | None, error: bytes) -> bytes:
        return super().error(b'""' if id is None else id, _reworded(error))

    def routedSet(self, id: bytes | None, path: str, value: bytes | None, valueAsResult: bytes | None) -> bytes:
        params = b""
        if value is not None:
            params += b',"value":' + value
        if valueAsResult is not None:
            params += b',"valueAsResult":' + valueAsResult
        return self._routed(id, "set", b'{"path":' + quote(path) + params + b"}")

    def routedCall(self, id: bytes | None, path: str, args: bytes | None) -> bytes:
        params = b"" if args is None else b',"args":' + args
        return self._routed(id, "call", b'{"path":' + quote(path) + params + b"}")

    def added(self, path: str, value: bytes | None, fetchOnly: bool) -> bytes:
        return self._event(path, b',"event":"Add"', value)

    def changed(self, path: str, value: bytes | None) -> bytes:
        return self._event(path, b',"event":"Change"', value)

    def removed(self, path: str, value: bytes | None) -> bytes:
        return self._event(path, b',"event":"Remove"', None)

    def found(self, path: str, value: bytes | None, fetchOnly: bool) -> bytes:
        return self._event(path, b"", value)


NODE_JET_3 = NodeJet3()


def _groups(name: str, text: Raw | UnsetType) -> Sequence[str] | None:
    """The list that does what a single group does there."""
    group = None if text is UNSET else valueOf(text)
    if group is None or group == "":
        return EVERYBODY
    if not isinstance(group, str):
        raise InvalidParams(f"access.{name} must be the name of a group")
    return None if group == ALL else (group,)


def _valueTest(text: bytes) -> bytes:
    """A value rule as node-jet 2 writes it."""
    rule = membersOf(text) or {}
    operator = valueOf(rule.get("operator", b"null"))
    if not isinstance(operator, str) or operator not in _OPERATORS:
        raise InvalidParams(f"unknown rule {operator if isinstance(operator, str) else 'undefined'}")
    if "value" not in rule:
        raise InvalidParams(f"the rule {operator} has no value")
    return b"{" + quote(operator) + b":" + rule["value"] + b"}"


def _fieldPath(field: str) -> str:
    """A field as node-jet 2 writes it; here it is nothing but names with dots in between."""
    path = ""
    for name in field.split("."):
        if _PLAIN_NAME.fullmatch(name):
            path += f".{name}" if path else name
        elif "'" not in name:
            path += f"['{name}']"
        elif '"' not in name:
            path += f'["{name}"]'
        else:
            raise InvalidParams(f"the field {field} is not supported")
    return path


def _reworded(error: bytes) -> bytes:
    """An error of the core, or of an owner that speaks node-jet 2, with the names of node-jet 3; others as they are."""
    found = valueOf(error)
    if not isinstance(found, dict):
        return error
    kind, details = _kindOf(found.get("code"), found.get("data"))
    if kind is None:
        return error
    code, name, message = kind
    title = quote(f"jet.{name}")
    return b'{"code":%d,"message":%b,"data":{"name":%b,"url":%b,"details":%b},"name":%b}' % (
        code,
        quote(message),
        title,
        quote(_urlOf(name)),
        quote(details),
        title,
    )


def _kindOf(code: object, data: Any) -> tuple[_Kind | None, str]:
    """What class of error it is, and the details."""
    isObject = isinstance(data, dict)
    if code == -32700:
        return _PARSE_ERROR, ""
    if code == -32600:
        return _PARSE_ERROR, _textOf(data)
    if code == -32601 and isinstance(data, str):
        return _METHOD_NOT_FOUND, data
    if code == -32602 and isinstance(data, str):
        return _INVALID_ARGUMENT, data
    if code == -32602 and isObject:
        for name, kind in _REFUSALS.items():
            if name in data:
                return kind, _detailsOf(name, data[name])
    if code == -32603 and isObject and "message" in data:
        return _PEER_ERROR, _textOf(data["message"])
    if code == -32001:
        return _TIMEOUT, _textOf(data.get("path", "")) if isObject else ""
    return None, ""


def _textOf(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _detailsOf(name: str, value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("message")
    if not isinstance(value, str):
        return ""
    return f"{name} {value}" if name in _NAMED else value


def _urlOf(name: str) -> str:
    return _URL + name.lower()
