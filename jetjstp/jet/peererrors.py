"""
What requests of a peer fail with, by type, and how these errors stand on the
wire (protocol page, section 12.8): read from what a daemon or an owner answers,
written when a handler raises them.
"""

from __future__ import annotations

import json
from typing import Any

from jetjstp.jet.jsontext import UNREADABLE, quote, valueOf
from jetjstp.jet.jsonvalues import encodeJson

__all__ = [
    "AlreadyFetching",
    "BaseError",
    "ConnectionClosed",
    "DaemonError",
    "FetchOnly",
    "InvalidArgument",
    "InvalidCredentials",
    "InvalidPassword",
    "InvalidUser",
    "LimitExceeded",
    "MalformedRequest",
    "MethodNotFound",
    "NotFound",
    "NotOwner",
    "Occupied",
    "PeerError",
    "PeerTimeout",
    "Unauthorized",
    "WrongKind",
    "bodyOf",
    "errorOf",
]

INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
METHOD_NOT_FOUND = -32601
INVALID_REQUEST = -32600
TIMEOUT = -32001

URL = "https://github.com/lipp/node-jet/blob/master/doc/peer.markdown#jet"


class BaseError(Exception):
    """
    The root of all errors of a peer.

    @ivar message: For people.
    @ivar path: The path that it is about, if the answer named one.
    """

    default = "The request failed"
    # The member of the data of -32602 that stands for the class.
    _member: str | None = None

    def __init__(self, message: str | None = None, *, path: str | None = None) -> None:
        self.path = path
        self.message = message or (f"{self.default}: {path}" if path else self.default)
        super().__init__(self.message)

    @property
    def name(self) -> str:
        """The name that node-jet gives the class, C{jet.NotFound}."""
        return f"jet.{type(self).__name__}"

    def body(self, path: str) -> bytes:
        """The error object of an answer, as JSON text. C{path} is that of the request."""
        if self._member is None:
            return _body(INTERNAL_ERROR, "Internal error", b'{"message":%b}' % quote(self.message))
        data = b"{%b:%b}" % (quote(self._member), quote(path if self.path is None else self.path))
        return _body(INVALID_PARAMS, "Invalid params", data)


class ConnectionClosed(BaseError, ConnectionError):
    """There is no connection, or it ended before the answer: whether the request was carried out is unknown then."""

    default = "The connection is closed"


class InvalidCredentials(BaseError):
    """The login was refused."""

    default = "The user or the password is wrong"

    def body(self, path: str) -> bytes:
        return _body(INVALID_PARAMS, "Invalid params", b'{"invalid credentials":true}')


class InvalidUser(InvalidCredentials):
    """There is no user of that name."""

    default = "The specified user does not exist"

    def body(self, path: str) -> bytes:
        return _body(INVALID_PARAMS, "Invalid params", b'{"invalidUser":true}')


class InvalidPassword(InvalidCredentials):
    """The user exists, the password is another one."""

    default = "The specified password is wrong"

    def body(self, path: str) -> bytes:
        return _body(INVALID_PARAMS, "Invalid params", b'{"invalidPassword":true}')


class NotFound(BaseError):
    """There is no state or method at that path."""

    default = "No State/Method matching the specified path"
    _member = "pathNotExists"


class Occupied(BaseError):
    """There is a state or method at that path already."""

    default = "A State/Method with the same path has already been added"
    _member = "pathAlreadyExists"


class NotOwner(BaseError):
    """The state or method belongs to another peer."""

    default = "The State/Method belongs to another peer"
    _member = "foreignPath"


class FetchOnly(BaseError):
    """The state can be fetched and not be set."""

    default = "The State cannot be modified"
    _member = "fetchOnly"


class WrongKind(BaseError):
    """It is a method and cannot be set, or a state and cannot be called."""

    default = "A method cannot be set, a state cannot be called"
    _member = "wrongKind"


class Unauthorized(BaseError):
    """The user of the peer may not do that."""

    default = "The request is not authorized for the user"
    _member = "noAccess"


class InvalidArgument(BaseError):
    """The owner refuses the value or the arguments. What a handler raises to do so."""

    default = "The provided argument(s) have been refused by the State/Method"

    def body(self, path: str) -> bytes:
        data = b'{"invalidArgument":{"name":"jet.InvalidArgument","message":%b,"url":"%binvalidargument"}}'
        return _body(INVALID_PARAMS, "Invalid params", data % (quote(self.message), URL.encode("ascii")))


class AlreadyFetching(BaseError):
    """Logging in is not possible while the peer fetches."""

    default = "The peer is fetching already"

    def body(self, path: str) -> bytes:
        return _body(INVALID_PARAMS, "Invalid params", b'{"alreadyFetching":true}')


class PeerTimeout(BaseError, TimeoutError):
    """The owner did not answer in time. Whether it did what it was asked for is unknown."""

    default = "The peer processing the request did not respond within the specified timeout"

    def body(self, path: str) -> bytes:
        return _body(TIMEOUT, "Response Timeout", b'{"path":%b}' % quote(path))


class PeerError(BaseError):
    """The handler of the owner failed, or its connection ended; the message says more."""

    default = "The peer processing the request failed"


class DaemonError(BaseError):
    """
    Any other error. Raised by a handler, it is sent as it is.

    @ivar code: The number on the wire.
    @ivar data: What came with it; L{None} if nothing did.
    """

    default = "The daemon refused the request"

    def __init__(self, code: int, message: str | None = None, data: Any = None, *, path: str | None = None) -> None:
        super().__init__(message, path=path)
        self.code = code
        self.data = data

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" + ("" if self.data is None else f": {_brief(self.data)}")

    def body(self, path: str) -> bytes:
        return _body(self.code, self.message, None if self.data is None else encodeJson(self.data))


class LimitExceeded(DaemonError):
    """A bound of the daemon, or of this peer, would be exceeded."""

    default = "A limit is exceeded"


class MalformedRequest(DaemonError):
    """Something in the request is missing, or of the wrong type."""

    default = "The request is malformed"


class MethodNotFound(DaemonError):
    """The daemon does not know that service."""

    default = "The daemon does not know this service"


def _brief(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:199] + "…"


def _body(code: int, message: str, data: bytes | None) -> bytes:
    end = b"" if data is None else b',"data":%b' % data
    return b'{"code":%d,"message":%b%b}' % (code, quote(message), end)


def bodyOf(error: BaseException, path: str) -> bytes:
    """The error object, as JSON text, for what a handler raised."""
    if isinstance(error, BaseError):
        return error.body(path)
    message = str(error) or type(error).__name__
    return _body(INTERNAL_ERROR, "Internal error", b'{"message":%b}' % quote(message))


_BY_MEMBER: dict[str, type[BaseError]] = {
    "pathNotExists": NotFound,
    "pathAlreadyExists": Occupied,
    "fetchOnly": FetchOnly,
    "invalidUser": InvalidUser,
    "invalidPassword": InvalidPassword,
    "noAccess": Unauthorized,
    "foreignPath": NotOwner,
    "alreadyFetching": AlreadyFetching,
    "wrongKind": WrongKind,
    # cjet
    "not exists": NotFound,
    "exists": Occupied,
    "request not authorized": Unauthorized,
    "invalid credentials": InvalidCredentials,
    "not owner of state": NotOwner,
    "fetched before authenticate": AlreadyFetching,
    "set/call on element not possible": WrongKind,
    "change on method not possible": WrongKind,
}
"""Members of the data of -32602; the value of most is the path."""

_NAMELESS = frozenset(("invalidUser", "invalidPassword", "alreadyFetching", "invalid credentials"))

_SIMPLE: dict[str, type[BaseError]] = {
    kind.__name__: kind
    for kind in (
        *(NotFound, Occupied, FetchOnly, InvalidUser, InvalidPassword, InvalidArgument, Unauthorized),
        *(ConnectionClosed, PeerTimeout, PeerError),
    )
}

_NODE_JET_3: dict[str, type[BaseError]] = {
    "jet.InvalidParam": InvalidArgument,
    "jet.invalidMethod": WrongKind,
    "jet.NotAllowed": NotOwner,
}

_DETAILED: dict[str, type[DaemonError]] = {
    "missingParam": MalformedRequest,
    "wrongType": MalformedRequest,
    "limitExceeded": LimitExceeded,
}


def errorOf(text: bytes) -> BaseError:
    """The error of an answer, given as JSON text: whatever it is, it gives an error."""
    try:
        error = valueOf(text)
    except UNREADABLE:
        error = None
    if isinstance(error, str):  # lua-jet's owners send what was raised
        return PeerError(error)
    if not isinstance(error, dict):
        return DaemonError(0, "an error that is no object", error)
    code, message, data = error.get("code"), error.get("message"), error.get("data")
    if isinstance(code, float) and code.is_integer():
        code = int(code)
    elif not isinstance(code, int):
        code = 0
    message = message if isinstance(message, str) else ""
    return _typed(code, message, data) or DaemonError(code, message or None, data)


def _typed(code: int, message: str, data: Any) -> BaseError | None:
    members = data if isinstance(data, dict) else {}
    byName = _named(members, message)
    if byName is not None:
        return byName
    if code == INVALID_PARAMS:
        return _invalidParams(code, message, members)
    if code == TIMEOUT:
        return PeerTimeout(path=_text(members.get("path")))
    if code == INTERNAL_ERROR:
        if members.get("reason") == "timeout for routed request":
            return PeerTimeout()
        return PeerError(_text(members.get("message")) or _text(members.get("reason")) or message)
    if code == METHOD_NOT_FOUND:
        return MethodNotFound(code, message, data)
    return None


def _invalidParams(code: int, message: str, members: dict[str, Any]) -> BaseError | None:
    for member, value in members.items():
        if member == "invalidArgument":
            return InvalidArgument(_text(value.get("message")) if isinstance(value, dict) else None)
        if member in _BY_MEMBER:
            return _BY_MEMBER[member](path=None if member in _NAMELESS else _text(value))
        if member in _DETAILED:
            return _DETAILED[member](code, message, members)
    return None


def _named(members: dict[str, Any], message: str) -> BaseError | None:
    """How node-jet 3 says it."""
    name = members.get("name")
    if not isinstance(name, str) or not name.startswith("jet."):
        return None
    details = _text(members.get("details"))
    if name == "jet.invalid params":
        if message == "invalid credentials":
            return InvalidCredentials()
        return Unauthorized(path=details) if message == "Missing authorization" else None
    kind = _SIMPLE.get(name[4:]) or _NODE_JET_3.get(name)
    if kind is None:
        return None
    return kind(path=details) if kind in (NotFound, Occupied, FetchOnly) else kind(details or message)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
