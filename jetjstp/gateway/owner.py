"""
Sessions of JSTP that own states and methods: what the core has for an owner
becomes calls of the client, and its answers go back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from jetjstp.gateway.dialect import Word
from jetjstp.gateway.errors import jetErrorOf
from jetjstp.gateway.link import INTERFACE
from jetjstp.jet.clients import Client
from jetjstp.jet.jsontext import quote, truthy, valueOf
from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.errors import RemoteError
from jetjstp.jstp.mdsf import UNDEFINED

__all__ = ["OwnerCalls"]

OUTDATED = 256
"""Calls that may wait for a client which does not answer though nobody waits for the answers any more."""


class OwnerCalls:
    """The calls of one client of the core."""

    def __init__(self, connection: Connection, client: Client, post: Callable[[bytes], None]) -> None:
        """
        @param post: Sends a message to the core.
        """
        self._connection = connection
        self._client = client
        self._post = post
        self._calls: dict[bytes, Deferred[Any]] = {}

    def request(self, word: Word) -> None:
        """Call C{set(path, value)} or C{invoke(path, args)} of the client, unless nobody waits for that any more."""
        route = quote(word.route) if isinstance(word.route, str) else None
        if route is not None and route not in self._client.routes:
            return
        isCall = word.args is not UNSET
        given = word.args if isCall else word.value
        argument = UNDEFINED if given is UNSET else valueOf(given)
        calling = self._connection.callMethod(INTERFACE, "invoke" if isCall else "set", [word.path, argument])
        if route is None:
            calling.addErrback(_ignore)
            return
        self._tidy()
        self._calls[route] = calling
        calling.addCallback(resultOf, word).addErrback(_errorOf, word).addCallback(self._answer, route)

    def _answer(self, answer: bytes, route: bytes) -> None:
        if self._calls.pop(route, None) is not None:
            self._post(b'{"id":%b,%b}' % (route, answer))

    def _tidy(self) -> None:
        if len(self._calls) > OUTDATED + 2 * len(self._client.routes):
            for route in [route for route in self._calls if route not in self._client.routes]:
                self._calls.pop(route).cancel()

    def forget(self) -> None:
        """Nobody waits for any of them."""
        calls, self._calls = self._calls, {}
        for calling in calls.values():
            calling.cancel()


def _ignore(failure: Failure) -> list[Any]:
    """Nobody waits, as with every request without an id."""
    return []


def _errorOf(failure: Failure, word: Word) -> bytes:
    assert failure.value is not None
    return b'"error":' + jetErrorOf(failure.value, word.path)


def resultOf(results: list[Any], word: Word) -> bytes:
    """
    What the requester is answered.

    @raise RemoteError: It is not JSON.
    """
    what = f"what the owner of {word.path!r} answered"
    try:
        if results and results[0] is not UNDEFINED:
            return b'"result":' + encodeJson(results[0], what)
    except (TypeError, ValueError) as error:
        raise RemoteError(-32603, "Internal error", [{"message": str(error)}]) from None
    if word.args is not UNSET:
        return b'"result":null'
    isValueWanted = word.valueAsResult is not UNSET and truthy(word.valueAsResult)
    return b'"result":' + (bytes(word.value) if isValueWanted and word.value is not UNSET else b"true")
