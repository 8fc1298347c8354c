"""
Errors that travel, and those that say what became of a request (section 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jetjstp.errors import LocalProtocolError

__all__ = [
    "DEFAULT_MESSAGES",
    "ERR_APP_NOT_FOUND",
    "ERR_AUTH_FAILED",
    "ERR_CALLBACK_LOST",
    "ERR_INTERFACE_INCOMPATIBLE",
    "ERR_INTERFACE_NOT_FOUND",
    "ERR_INTERNAL_API_ERROR",
    "ERR_INVALID_SIGNATURE",
    "ERR_METHOD_NOT_FOUND",
    "ERR_NOT_A_SERVER",
    "ERR_NO_HANDSHAKE_RESPONSE",
    "BufferFull",
    "CallbackLost",
    "ConnectionNotOpen",
    "HandshakeTimeout",
    "InspectError",
    "InvalidAnswer",
    "NoHandshakeResponse",
    "RemoteError",
    "SessionTaken",
]

ERR_CALLBACK_LOST = -1
ERR_NO_HANDSHAKE_RESPONSE = -2
ERR_APP_NOT_FOUND = 10
ERR_AUTH_FAILED = 11
ERR_INTERFACE_NOT_FOUND = 12
ERR_INTERFACE_INCOMPATIBLE = 13
ERR_METHOD_NOT_FOUND = 14
ERR_NOT_A_SERVER = 15
ERR_INTERNAL_API_ERROR = 16
ERR_INVALID_SIGNATURE = 17

DEFAULT_MESSAGES: Mapping[Any, str] = {
    ERR_CALLBACK_LOST: "Connection closed before receiving callback",
    ERR_NO_HANDSHAKE_RESPONSE: "Connection closed before receiving handshake",
    ERR_APP_NOT_FOUND: "Application not found",
    ERR_AUTH_FAILED: "Authentication failed",
    ERR_INTERFACE_NOT_FOUND: "Interface not found",
    ERR_INTERFACE_INCOMPATIBLE: "Incompatible interface",
    ERR_METHOD_NOT_FOUND: "Method not found",
    ERR_NOT_A_SERVER: "Not a server",
    ERR_INTERNAL_API_ERROR: "Internal API error",
    ERR_INVALID_SIGNATURE: "Invalid signature",
}
"""The text of each standard code; it is not sent along."""


class RemoteError(Exception):
    """
    An error with a code that either side may send.

    Raised by a method or an authentication policy, it is the answer. A failed call has what the other side sent.

    @ivar code: A number of C{ERR_...}, or any other than 0 that applications agree on; peers may send any value.
    @ivar message: A text; what peers send may be any value.
    @ivar info: What was sent behind the message, or L{None}.
    """

    def __init__(self, code: Any, message: Any = None, info: Sequence[Any] | None = None) -> None:
        """
        @param message: L{None}, or an empty one, for the default message of the code.
        @param info: More values, sent behind the message.
        @raise ValueError: The code is 0, which is no error for npm's peers.
        @raise TypeError: The code is a sentence.
        """
        if code == 0 and not isinstance(code, bool):
            raise ValueError("the code 0 means no error to other peers; use another number")
        if isinstance(code, str) and " " in code:
            raise TypeError(f"the code comes first, then the message: RemoteError(100, {code!r})")
        message = message or _defaultMessage(code)
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.info = None if info is None else tuple(info)

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if str(self.code) != self.message else str(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by calling the class: subclasses take other arguments.
        return _again, (type(self), self.args), self.__dict__

    def toList(self) -> list[Any]:
        """What is sent; message and info only where they say more than the code."""
        if self.info:
            return [self.code, self.message, *self.info]
        if self.message == _defaultMessage(self.code):
            return [self.code]
        return [self.code, self.message]

    @staticmethod
    def fromList(error: Sequence[Any]) -> RemoteError:
        """The error of a list that was received; an empty one is taken for error 16."""
        code = error[0] if error else ERR_INTERNAL_API_ERROR
        received = RemoteError.__new__(RemoteError)
        message = (error[1] if len(error) > 1 else None) or _defaultMessage(code)
        Exception.__init__(received, code, message)
        received.code = code
        received.message = message
        received.info = tuple(error[2:]) if len(error) > 2 else None
        return received


def _again(kind: type[RemoteError], args: tuple[Any, ...]) -> RemoteError:
    """Copies and pickles."""
    return kind.__new__(kind, *args)


def _defaultMessage(code: Any) -> str:
    try:
        return DEFAULT_MESSAGES.get(code) or str(code)
    except TypeError:  # a peer's code may be a list
        return str(code)


class CallbackLost(RemoteError):
    """The connection was lost before the answer came. The other side may have done what was asked, or not."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(ERR_CALLBACK_LOST, message)


class NoHandshakeResponse(RemoteError):
    """The connection was lost before the handshake was answered."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(ERR_NO_HANDSHAKE_RESPONSE, message)


class HandshakeTimeout(TimeoutError):
    """The server did not answer in time."""


class InvalidAnswer(RemoteError):
    """The other side answered with something that is no answer; sent as error 16 if it travels on."""

    def __init__(self, message: str) -> None:
        super().__init__(ERR_INTERNAL_API_ERROR, message)


class InspectError(RemoteError):
    """
    Not every interface could be inspected; code and message are those of the first failure.

    @ivar connection: The connection, open and usable.
    @ivar proxies: The L{RemoteProxy}s of the interfaces that are there, by name.
    @ivar errors: What each of the others failed with, by name.
    """

    def __init__(self, connection: Any, proxies: Mapping[str, Any], errors: Mapping[str, RemoteError]) -> None:
        first = next(iter(errors.values()))
        super().__init__(first.code, first.message, first.info)
        self.connection = connection
        self.proxies = dict(proxies)
        self.errors = dict(errors)


class BufferFull(LocalProtocolError):
    """What waits to be sent, or to be acknowledged, has reached its limit; this message was not taken."""


class ConnectionNotOpen(LocalProtocolError):
    """The connection was closed for good, so it takes no more messages."""


class SessionTaken(Exception):
    """Another server holds the session now; what this one has to say about it is not taken."""
