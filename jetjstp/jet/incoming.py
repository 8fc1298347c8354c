"""
Reading what a daemon sends to a peer: answers, routed requests, notifications.

Daemons differ (protocol page, section 14): arrays are taken apart, capitalised
events read like others, and what cannot be understood is nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from jetjstp.jet.jsontext import UNREADABLE, itemsOf, membersOf, tooDeep, truthy, valueOf

__all__ = [
    "ADD",
    "CHANGE",
    "REMOVE",
    "Incoming",
    "Told",
    "WindowEntry",
    "WindowTold",
    "read",
    "readSet",
    "readTold",
    "readWindow",
]

DEPTH = 500
"""How deep arrays and objects may nest; what nests deeper is not read at all."""

ADD, CHANGE, REMOVE = "add", "change", "remove"

Optional = Raw | UnsetType


class Incoming(NamedTuple):
    """
    One message, its members as JSON text; L{None} for what is absent.

    @ivar method: L{None} if it is an answer.
    """

    id: bytes | None
    method: str | None
    params: bytes | None
    result: bytes | None
    error: bytes | None


class _Message(Struct, gc=False):
    id: Optional = UNSET
    method: str | None = None
    params: Optional = UNSET
    result: Optional = UNSET
    error: Optional = UNSET


_messages = msgspec.json.Decoder(_Message)


def read(message: bytes) -> list[Incoming]:
    """
    Read one frame: a message or an array of some. What is no message is left out.

    @raise ValueError: It is not JSON, or nests too deep.
    """
    try:
        if tooDeep(message, DEPTH):
            raise ValueError(f"it nests deeper than {DEPTH}")
        if message[:1] != b"{" and message.lstrip()[:1] == b"[":
            found = [_readLenient(item) for item in itemsOf(message)]
            return [one for one in found if one is not None]
        try:
            one = _messages.decode(message)
        except msgspec.DecodeError:
            lenient = _readLenient(message)
            return [] if lenient is None else [lenient]
    except UNREADABLE as unreadable:
        raise ValueError(str(unreadable)) from None
    id, params, result, error = one.id, one.params, one.result, one.error
    return [
        Incoming(
            None if id is UNSET else bytes(id),
            one.method,
            None if params is UNSET else bytes(params),
            None if result is UNSET else bytes(result),
            None if error is UNSET else bytes(error),
        )
    ]


def _raw(text: Optional) -> bytes | None:
    return None if text is UNSET else bytes(text)


class _Set(Struct, gc=False):
    value: Optional = UNSET
    valueAsResult: Optional = UNSET


_sets = msgspec.json.Decoder(_Set)


def readSet(params: bytes) -> tuple[bytes | None, bool] | None:
    """
    Read the params of a routed set.

    @return: The value, L{None} if there is none, and whether it is to be the result; L{None} for what is no object.
    """
    try:
        wanted = _sets.decode(params)
    except msgspec.DecodeError:
        members = membersOf(params)
        return None if members is None else (members.get("value"), truthy(members.get("valueAsResult", b"false")))
    return _raw(wanted.value), wanted.valueAsResult is not UNSET and truthy(wanted.valueAsResult)


def _readLenient(message: bytes) -> Incoming | None:
    members = membersOf(message)
    if members is None:
        return None
    method = valueOf(members.get("method", b"null"))
    if method is not None and not isinstance(method, str):
        return None
    get = members.get
    return Incoming(get("id"), method, get("params"), get("result"), get("error"))


class Told(NamedTuple):
    """
    A notification of an unsorted fetch.

    @ivar event: L{ADD}, L{CHANGE} or L{REMOVE}.
    @ivar value: JSON text; L{None} for a method, or if a remove does not say.
    """

    path: str
    event: str
    value: bytes | None
    fetchOnly: bool


class _Told(Struct, gc=False):
    path: str
    event: str
    value: Optional = UNSET
    fetchOnly: bool = False


class WindowEntry(NamedTuple):
    """One position of a sorted fetch. C{value} is JSON text, L{None} for a method; C{index} counts from 1."""

    path: str
    value: bytes | None
    index: int  # type: ignore[assignment]  # the name on the wire
    fetchOnly: bool


class WindowTold(NamedTuple):
    """A notification of a sorted fetch."""

    changes: list[WindowEntry]
    n: int


_told = msgspec.json.Decoder(_Told)

_EVENTS = {name: low for low in (ADD, CHANGE, REMOVE) for name in (low, low.capitalize())}


def readTold(params: bytes) -> Told | None:
    """Read the params of a notification; L{None} if they are something else."""
    try:
        told = _told.decode(params)
        event = _EVENTS.get(told.event)
        return None if event is None else Told(told.path, event, _raw(told.value), told.fetchOnly)
    except msgspec.DecodeError:
        return _readToldLenient(params)


def _readToldLenient(params: bytes) -> Told | None:
    members = membersOf(params) or {}
    path, event = (valueOf(members.get(name, b"null")) for name in ("path", "event"))
    if not isinstance(path, str) or not isinstance(event, str) or event not in _EVENTS:
        return None
    return Told(path, _EVENTS[event], members.get("value"), truthy(members.get("fetchOnly", b"false")))


def readWindow(params: bytes) -> WindowTold | None:
    """Read the params of a notification of a sorted fetch; L{None} if they are something else."""
    members = membersOf(params) or {}
    n = valueOf(members.get("n", b"null"))
    if not _isCount(n):
        return None
    try:
        items = itemsOf(members.get("changes", b"[]"))
    except ValueError:
        return None
    entries = [_readEntry(item) for item in items]
    return WindowTold([entry for entry in entries if entry is not None], int(n))


def _readEntry(text: bytes) -> WindowEntry | None:
    members = membersOf(text) or {}
    path, index = (valueOf(members.get(name, b"null")) for name in ("path", "index"))
    if not isinstance(path, str) or not _isCount(index):
        return None
    return WindowEntry(path, members.get("value"), int(index), truthy(members.get("fetchOnly", b"false")))


def _isCount(value: Any) -> bool:
    if isinstance(value, float):
        return value >= 0 and value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
