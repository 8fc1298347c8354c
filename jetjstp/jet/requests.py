"""
Reading what a peer sends: the JSON-RPC dialect of section 3, params of
section 4.

A message of a known shape is decoded in one go, its envelope and the params of
its service, while every value stays text (L{msgspec.Raw}). Whatever that
decoder refuses goes through L{explain}, which checks step by step in the order
that the protocol names, and either finds the error or reads the message after
all. The two agree on what is valid; only their speed differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from jetjstp.jet.errors import InvalidRequest, MissingParam, WrongType
from jetjstp.jet.jsontext import membersOf, valueOf

__all__ = [
    "EVERYBODY",
    "Access",
    "Add",
    "AddParams",
    "Call",
    "CallParams",
    "Change",
    "ChangeParams",
    "Other",
    "Remove",
    "RemoveParams",
    "Request",
    "Response",
    "Set",
    "SetParams",
    "decode",
    "explain",
    "idOf",
    "paramsOf",
    "requireObject",
    "requireText",
]

Optional = Raw | UnsetType

EVERYBODY: Final[Sequence[str]] = ("everybody",)
"""In place of a list of groups: whoever is connected, logged in or not. It is known by its identity."""


GROUP = 64
"""Bytes that the name of a group takes besides its characters."""


class Access(Struct, frozen=True, gc=False):
    """
    Section 10.3: which groups may use an element. L{None} for a list that is not given.

    @ivar read: What node-jet 3 has instead of lists, as it was sent; C{write} alike. Their dialect makes lists of them.
    """

    fetchGroups: Sequence[str] | None = None
    setGroups: Sequence[str] | None = None
    callGroups: Sequence[str] | None = None
    read: Optional = UNSET
    write: Optional = UNSET

    def lists(self) -> Access:
        """The same without C{read} and C{write}; these are views of a whole message, and not to be kept."""
        if self.read is UNSET and self.write is UNSET:
            return self
        return Access(self.fetchGroups, self.setGroups, self.callGroups)

    @property
    def size(self) -> int:
        """Roughly how many bytes the lists take."""
        lists = (self.fetchGroups, self.setGroups, self.callGroups)
        return sum(GROUP + len(group) for groups in lists if groups is not None for group in groups)


class AddParams(Struct, gc=False):
    path: str
    value: Optional = UNSET
    fetchOnly: Optional = UNSET
    access: Access | None = None
    timeout: Optional = UNSET


class RemoveParams(Struct, gc=False):
    path: str


class ChangeParams(Struct, gc=False):
    path: str
    value: Raw


class SetParams(Struct, gc=False):
    path: str
    value: Optional = UNSET
    valueAsResult: Optional = UNSET
    timeout: Optional = UNSET


class CallParams(Struct, gc=False):
    path: str
    args: Optional = UNSET
    timeout: Optional = UNSET


class Add(Struct, tag_field="method", tag="add", gc=False):
    params: AddParams
    id: Optional = UNSET


class Remove(Struct, tag_field="method", tag="remove", gc=False):
    params: RemoveParams
    id: Optional = UNSET


class Change(Struct, tag_field="method", tag="change", gc=False):
    params: ChangeParams
    id: Optional = UNSET


class Set(Struct, tag_field="method", tag="set", gc=False):
    params: SetParams
    id: Optional = UNSET


class Call(Struct, tag_field="method", tag="call", gc=False):
    params: CallParams
    id: Optional = UNSET


class Other(NamedTuple):
    """A request whose params are read by its service. C{params} is L{None} if absent."""

    method: str
    params: bytes | None
    id: Optional


Request = Add | Remove | Change | Set | Call | Other


class Response(Struct, gc=False):
    """
    An owner's answer; C{result} and C{error} are only looked at for being there.

    @ivar method: Only there to be noticed, however it is spelled.
    """

    id: Optional = UNSET
    result: Optional = UNSET
    error: Optional = UNSET
    method: Optional = UNSET


_requests = msgspec.json.Decoder(Add | Remove | Change | Set | Call)
_responses = msgspec.json.Decoder(Response)


def decode(message: bytes) -> Request | Response:
    """
    Read one message of a known shape.

    @raise msgspec.DecodeError: It is something else, or not JSON: ask L{explain}.
    """
    if message[:1] == b"[":
        raise msgspec.ValidationError("a batch")
    if message.find(b'"method"') >= 0:  # bytes know no fast "in"
        request: Request = _requests.decode(message)
        return request
    response = _responses.decode(message)
    if response.method is not UNSET or (response.result is UNSET and response.error is UNSET):
        raise msgspec.ValidationError("no response")
    return response


def idOf(raw: Optional) -> bytes | None:
    """The id of a request as text, L{None} for a notification: no id, or null."""
    if raw is UNSET:
        return None
    text = bytes(raw)
    return None if text == b"null" else text


def paramsOf(message: bytes) -> bytes:
    """The params of a request as they were sent; the message was read before."""
    return (membersOf(message) or {}).get("params", b"null")


def explain(
    message: bytes,
) -> tuple[Request | Response | None, Optional, InvalidRequest | MissingParam | WrongType | None]:
    """
    Read any one message, no matter its shape.

    @return: What it is, or L{None} for what is to be ignored (JSON that is no object, an object without id that is
        neither request nor response); its id; the error to answer with, instead of the first.
    @raise UNREADABLE: It is not JSON.
    """
    members = membersOf(message)
    if members is None:
        return None, UNSET, None
    id = Raw(members["id"]) if "id" in members else UNSET
    method = members.get("method", b"null")
    if method in (b"null", b'""'):
        if "result" in members or "error" in members:
            return _response(members), id, None
        return None, id, InvalidRequest(message)
    name = valueOf(method)
    if not isinstance(name, str):
        return None, id, InvalidRequest(message)
    params = members.get("params")
    shape = _SHAPES.get(name)
    if shape is None:
        return Other(name, params, id), id, None
    try:
        members = requireObject(message, params, shape not in _LENIENT)
        return shape(_read(shape, members, params or b"null"), id), id, None
    except (MissingParam, WrongType) as error:
        return None, id, error


def _response(members: dict[str, bytes]) -> Response:
    pieces = {name: Raw(members[name]) for name in ("id", "result", "error") if name in members}
    return Response(**pieces)


_SHAPES: dict[str, Any] = {"add": Add, "remove": Remove, "change": Change, "set": Set, "call": Call}
_PARAMS: dict[Any, Any] = {
    Add: AddParams,
    Remove: RemoveParams,
    Change: ChangeParams,
    Set: SetParams,
    Call: CallParams,
}

_LENIENT = frozenset((Set, Call))
"""Services that, as in the reference, miss the path before they mind what the params are."""


def _read(shape: Any, members: dict[str, bytes], params: bytes) -> Any:
    path = requireText(members, "path", params)
    if shape is Change and "value" not in members:
        raise MissingParam("value", params)
    names = _PARAMS[shape].__struct_fields__
    pieces: dict[str, Any] = {name: Raw(members[name]) for name in names if name in members}
    pieces["path"] = path
    if shape is Add:
        pieces["access"] = _access(members, params)
    return _PARAMS[shape](**pieces)


def _access(members: dict[str, bytes], params: bytes) -> Access | None:
    text = members.get("access", b"null")
    if text == b"null":
        return None
    access = membersOf(text)
    if access is None:
        raise WrongType("access", params)
    lists: dict[str, list[str] | None] = {}
    for name in ("fetchGroups", "setGroups", "callGroups"):
        groups = valueOf(access.get(name, b"null"))
        if groups is not None and not (isinstance(groups, list) and all(isinstance(group, str) for group in groups)):
            raise WrongType(name, text)
        lists[name] = groups
    read, write = (Raw(access[name]) if name in access else UNSET for name in ("read", "write"))
    return Access(**lists, read=read, write=write)


def requireObject(message: bytes, params: bytes | None, strict: bool = True) -> dict[str, bytes]:
    """
    The params check of section 4. An array counts as an object without members.

    @param strict: Whether other values are refused, or count as an object without members, too.
    @raise MissingParam: Absent or null.
    @raise WrongType: Neither object nor array.
    """
    if params is None or params == b"null":
        raise MissingParam("params", message)
    members = membersOf(params)
    if members is None:
        if strict and not params.startswith(b"["):
            raise WrongType("params", message)
        return {}
    return members


def requireText(members: dict[str, bytes], name: str, params: bytes) -> str:
    """
    A member that has to be a string.

    @raise MissingParam: Absent or null.
    @raise WrongType: Something else.
    """
    text = members.get(name, b"null")
    if text == b"null":
        raise MissingParam(name, params)
    value = valueOf(text)
    if not isinstance(value, str):
        raise WrongType(name, params)
    return value
