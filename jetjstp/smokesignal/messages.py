"""
Lines that are no packets: what is written, and what has to be in those that
are read (protocol page, section 5).
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from typing import Any, NamedTuple

from jetjstp.errors import RemoteProtocolError
from jetjstp.smokesignal.addresses import isAddress, portOf
from jetjstp.smokesignal.ids import MOST_PACKET_ID, isNodeId
from jetjstp.smokesignal.normal import encode, write

__all__ = [
    "MessageError",
    "Ping",
    "Pong",
    "Request",
    "agentOf",
    "chunkOf",
    "chunkText",
    "eventOf",
    "lineOf",
    "nodeIdOf",
    "pingOf",
    "pongOf",
    "requestOf",
]

_isBase64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}", re.ASCII).fullmatch
_MOST_AGENT = 200


class MessageError(RemoteProtocolError):
    """
    A message whose name is known has data that it cannot have.

    @ivar isTyped: Whether all members are there and of the right type, and just their values are no use.
    """

    def __init__(self, text: str, isTyped: bool = False) -> None:
        super().__init__(text)
        self.isTyped = isTyped


class Request(NamedTuple):
    """Somebody wants to be dialled, and become a peer."""

    id: str
    address: str
    port: int


class Ping(NamedTuple):
    """Somebody wants to know whether the target can be reached through the overlay."""

    address: str
    port: int
    targetAddress: str
    targetPort: int


class Pong(NamedTuple):
    """The target says that it can."""

    id: str
    address: str
    port: int
    respondsTo: str


def lineOf(*parts: object) -> bytes:
    """The line of a message of the namespace, from the rest of its name and its data."""
    return encode(write(("smoke", *parts))) + b"\n"


def nodeIdOf(data: object) -> str:
    """The id in a handshake or an ack."""
    id = _members(data).get("id")
    if not isNodeId(id):
        raise MessageError("no id")
    return str(id)


def agentOf(data: object) -> str | None:
    """What a node that has shaken hands says to be, if it says so."""
    agent = _members(data).get("agent")
    return agent[:_MOST_AGENT] if isinstance(agent, str) else None


def requestOf(data: object) -> Request:
    """A peer request, bare or out of its packet."""
    members = _members(data)
    id = members.get("id")
    if not isNodeId(id):
        raise MessageError("no id")
    address, port = _target(members, "remoteAddress", "remotePort")
    return Request(str(id), address, port)


def pingOf(data: object) -> Ping:
    """A ping, out of its packet."""
    members = _members(data)
    return Ping(*_target(members, "remoteAddress", "remotePort"), *_target(members, "targetAddress", "targetPort"))


def pongOf(data: object) -> Pong:
    """A pong."""
    members = _members(data)
    id, respondsTo = members.get("id"), members.get("respondsTo")
    if not isNodeId(id) or not isinstance(respondsTo, str) or len(respondsTo) > MOST_PACKET_ID:
        raise MessageError("no id")
    return Pong(str(id), *_target(members, "remoteAddress", "remotePort"), respondsTo)


def eventOf(elements: list[Any]) -> list[Any]:
    """
    The name and the arguments of an event to one peer, from all elements of its line.

    There are two forms: our own with a list as the third element, and the flat one, which real nodes send.
    """
    data = elements[2] if len(elements) == 3 and isinstance(elements[2], list) else elements[2:]
    if not data or not isinstance(data[0], str):
        raise MessageError("no event name")
    return list(data)


def chunkOf(data: object) -> bytes:
    """The bytes of a chunk: base64 in either alphabet, with or without padding."""
    if not isinstance(data, str) or _isBase64(data) is None:
        raise MessageError("not base64")
    text = data.rstrip("=")
    if len(text) % 4 == 1:
        raise MessageError("not base64")
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    return a2b_base64(text + "=" * (-len(text) % 4))


def chunkText(chunk: bytes) -> str:
    """A chunk as it is written."""
    return b2a_base64(chunk, newline=False).decode("ascii")


def _members(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise MessageError("not an object")
    return data


def _target(members: dict[str, Any], addressName: str, portName: str) -> tuple[str, int]:
    address, port = members.get(addressName), members.get(portName)
    if not isinstance(address, str) or isinstance(port, bool) or not isinstance(port, int | float):
        raise MessageError(f"no {addressName} or {portName}")
    number = portOf(port)
    if number is None or not isAddress(address):
        raise MessageError(f"nobody can be dialled at {addressName}, {portName}", True)
    return address, number
