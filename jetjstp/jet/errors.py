"""
Jet's errors as they stand on the wire (protocol page, section 5): code,
message, and data that names the thing.
"""

from __future__ import annotations

from jetjstp.errors import RemoteProtocolError
from jetjstp.jet.jsontext import quote

__all__ = [
    "PARSE_ERROR",
    "InvalidParams",
    "InvalidRequest",
    "JetError",
    "LimitExceeded",
    "MethodNotFound",
    "MissingParam",
    "WrongType",
    "internalError",
    "ownerGone",
    "responseTimeout",
]


def _body(code: int, message: str, data: bytes) -> bytes:
    return b'{"message":"%b","code":%d,"data":%b}' % (message.encode("ascii"), code, data)


PARSE_ERROR = _body(-32700, "Parse error", b"{}")


class JetError(RemoteProtocolError):
    """
    A request that is answered with an error.

    @ivar body: The error object as JSON text.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(body.decode("utf-8"))
        self.body = body


class InvalidRequest(JetError):
    """-32600; data is the message."""

    def __init__(self, message: bytes) -> None:
        super().__init__(_body(-32600, "Invalid Request", message))


class MethodNotFound(JetError):
    """-32601; data is the name that was asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(_body(-32601, "Method not found", quote(name)))


class InvalidParams(JetError):
    """-32602 with data given as JSON text, or as one member: its name and its value."""

    def __init__(self, data: bytes | str, value: str | None = None) -> None:
        if isinstance(data, str):
            data = quote(data) if value is None else b"{%b:%b}" % (quote(data), quote(value))
        super().__init__(_body(-32602, "Invalid params", data))


class MissingParam(InvalidParams):
    """A member is absent from what holds it, given as JSON text."""

    def __init__(self, name: str, got: bytes) -> None:
        super().__init__(b'{"missingParam":%b,"got":%b}' % (quote(name), got))


class WrongType(InvalidParams):
    """A member is of the wrong type; C{got} is what holds it, as JSON text."""

    def __init__(self, name: str, got: bytes) -> None:
        super().__init__(b'{"wrongType":%b,"got":%b}' % (quote(name), got))


class LimitExceeded(InvalidParams):
    """A bound of L{jetjstp.jet.limits.Limits} would be exceeded."""

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(b'{"limitExceeded":%b,"limit":%d}' % (quote(name), limit))


def internalError(message: str) -> bytes:
    """-32603. The data always holds a message: node-jet's peer dies without one."""
    return _body(-32603, "Internal error", b'{"message":%b}' % quote(message))


def ownerGone() -> bytes:
    """-32603 for a request whose owner disconnected; code and reason as cjet sends them."""
    return _body(-32603, "Internal error", b'{"message":"peer shuts down","reason":"peer shuts down"}')


def responseTimeout(params: bytes) -> bytes:
    """-32001; data is the params of the request as they were sent."""
    return _body(-32001, "Response Timeout", params)
