"""
What messages look like (section 2): how they are written, and what is checked
before anything of a received one is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from jetjstp.errors import RemoteProtocolError
from jetjstp.jstp.mdsf import encodeValue
from jetjstp.jstp.session import LARGEST

__all__ = [
    "SECRET",
    "Rejected",
    "callText",
    "checkName",
    "encodeList",
    "eventText",
    "eventTexts",
    "failureText",
    "handshakeFailure",
    "handshakeRequest",
    "handshakeSuccess",
    "inspectText",
    "numberOf",
    "pingText",
    "pongText",
    "successText",
    "withoutSecrets",
]

Message = Mapping[str, Any]

DEEPEST = 199
"""Levels that what is sent may have: with the message around it, it has to be what other peers read by default."""

_BARE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_INTEGER = re.compile(r"0|[1-9][0-9]*")


class Rejected(RemoteProtocolError):
    """
    A message that nothing is done about.

    @ivar isFatal: Whether the connection ends, too.
    """

    def __init__(self, reason: str, isFatal: bool = False) -> None:
        super().__init__(reason)
        self.isFatal = isFatal


def numberOf(header: Any) -> int:
    """
    The number of a message.

    @param header: The value of the first key.
    @raise Rejected: There is none.
    """
    if type(header) is list and header:
        number = header[0]
        if type(number) is int and -LARGEST <= number <= LARGEST:
            return number
        if type(number) is float and number.is_integer() and abs(number) <= LARGEST:
            return int(number)
    raise Rejected("the header of a message is not a list that begins with an integer", True)


def checkName(kind: str, name: str) -> None:
    """
    Refuse the name of a method, an event or a strategy that cannot be sent.

    @param kind: The kind of message that it is sent with.
    @raise ValueError: Peers would take it for the kind, or move it to the front.
    @raise TypeError: It is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"a name to be sent is a str, not {name!r}")
    if name == kind:
        raise ValueError(f"{name!r} cannot be sent in a message of that kind")
    if _INTEGER.fullmatch(name):
        raise ValueError(f"{name!r} cannot be sent: names that are integers move to the front of a message")


@lru_cache(4096)
def _verb(kind: str, name: str) -> bytes:
    checkName(kind, name)
    if _BARE.fullmatch(name):
        return b"],%b:" % name.encode()
    return b"],%b:" % encodeValue(name)


@lru_cache(4096)
def _target(name: str) -> bytes:
    if not isinstance(name, str):
        raise TypeError(f"the name of an interface is a str, not {name!r}")
    return encodeValue(name)


def encodeList(values: list[Any]) -> bytes:
    """
    Write what a message has to say: arguments, results, an error.

    @raise ValueError: It cannot be sent, or no peer of ours would read it; TypeError alike.
    """
    return encodeValue(values, maxDepth=DEEPEST)


def callText(id: int, interface: str, method: str, args: bytes) -> bytes:
    """A call; the arguments are a list that was encoded already, in the other functions too."""
    return b"{call:[%d,%b%b%b}" % (id, _target(interface), _verb("call", method), args)


def eventText(id: int, interface: str, event: str, args: bytes) -> bytes:
    """An event."""
    return b"{event:[%d,%b%b%b}" % (id, _target(interface), _verb("event", event), args)


def eventTexts(first: int, step: int, interface: str, event: str, all: Sequence[bytes]) -> list[bytes]:
    """
    The same event several times.

    @param first: The number of the first; C{step} is between two.
    """
    middle = b",%b%b" % (_target(interface), _verb("event", event))
    return [b"{event:[%d%b%b}" % (id, middle, args) for id, args in zip(count(first, step), all, strict=False)]


def inspectText(id: int, interface: str) -> bytes:
    """A question for the methods of an interface."""
    return b"{inspect:[%d,%b]}" % (id, _target(interface))


def pingText(id: int) -> bytes:
    """A question for a sign of life."""
    return b"{ping:[%d]}" % id


def pongText(id: int) -> bytes:
    """The sign of life."""
    return b"{pong:[%d]}" % id


def successText(id: int, results: bytes) -> bytes:
    """The answer to a call or an inspect."""
    return b"{callback:[%d],ok:%b}" % (id, results)


def failureText(id: int, error: bytes) -> bytes:
    """The other answer."""
    return b"{callback:[%d],error:%b}" % (id, error)


def handshakeRequest(application: str, version: str | None, strategy: str | None, credentials: Any) -> bytes:
    """A client's first message."""
    header = [0, application] if version is None else [0, application, version]
    text = b"{handshake:" + encodeValue(header)
    if strategy is None:
        return text + b"}"
    return text[:-1] + _verb("handshake", strategy) + encodeValue(credentials) + b"}"


def handshakeSuccess(result: Any) -> bytes:
    """A server's first message: the id of a new session, or how much was received in one that is restored."""
    return b"{handshake:[0],ok:%b}" % encodeValue(result)


def handshakeFailure(id: int, error: Sequence[Any]) -> bytes:
    """Nobody gets in."""
    return b"{handshake:[%d],error:%b}" % (id, encodeValue(list(error)))


SECRET = "..."
"""What is shown instead."""


def withoutSecrets(message: Message) -> Message:
    """A message as it may be logged: of a handshake neither the credentials nor the id of the session."""
    if "handshake" not in message:
        return message
    header = message["handshake"]
    # What asks for something names its strategy as it likes.
    shown = ("handshake",) if isinstance(header, list) and len(header) > 1 else ("handshake", "error")
    return {key: value if key in shown else SECRET for key, value in message.items()}
