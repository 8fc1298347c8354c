"""
How families of peers differ: what they are sent, and how they put what they ask.

A dialect turns decisions of the core into JSON text; values go through as the text that they came in. The core itself
thinks as node-jet 2 does: its rules, its access lists, its errors. A dialect that differs translates.

Only this module, and one for each other dialect, know how messages to peers look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from jetjstp.jet.jsontext import quote
from jetjstp.jet.requests import Access

__all__ = ["NODE_JET_2", "Channel", "Dialect"]

Pack = Callable[[bytes], bytes]


class Dialect(Protocol):
    """How one family of peers speaks, and wants to be spoken to."""

    success: bytes
    """The result of a service that has nothing to say."""

    fetchedAll: bytes
    """The result of C{fetch} in simple mode."""

    announcesFirst: bool
    """Whether the initial state of a fetch comes before the answer to it."""

    fetchesMethods: bool
    """Whether fetches tell of methods."""

    fetchesBeforeLogin: bool
    """Whether a peer that fetches may log in. Its fetches then follow its rights."""

    valueComesLater: bool
    """Whether a C{change} makes a state of what was added without a value, instead of being refused."""

    services: Mapping[str, str]
    """Services that have another name elsewhere, and that name."""

    def features(self, simple: bool) -> bytes:
        """The C{features} of C{info}."""

    def loggedIn(self, auth: bytes) -> bytes:
        """The result of C{authenticate}, given the user's auth object."""

    def access(self, access: Access | None) -> Access | None:
        """
        The C{access} of an element that was added, as the core knows it.

        @raise JetError: It is malformed.
        """

    def rule(self, members: dict[str, bytes]) -> dict[str, bytes]:
        """
        The members of a C{fetch} or C{get}, as the core knows them.

        @raise JetError: They are malformed.
        """

    def ownerResult(self, request: bytes, result: bytes) -> bytes:
        """What an owner answered to a request of a peer that speaks another dialect, as the core knows it."""

    def ownerError(self, error: bytes) -> bytes:
        """Likewise, an error."""

    def result(self, id: bytes, result: bytes) -> bytes:
        """A response."""

    def error(self, id: bytes | None, error: bytes) -> bytes:
        """An error response, given the core's error; C{id} is L{None} where none could be read."""

    def routedSet(self, id: bytes | None, path: str, value: bytes | None, valueAsResult: bytes | None) -> bytes:
        """
        A C{set} for the owner of an element.

        @param id: L{None} if nobody waits for the answer.
        @param value: As the requester wrote it, L{None} if it did not; C{valueAsResult} alike.
        """

    def routedCall(self, id: bytes | None, path: str, args: bytes | None) -> bytes:
        """A C{call} for the owner of an element."""

    def prefix(self, id: bytes) -> bytes:
        """How a notification of a fetch begins; it goes on with a body."""

    suffix: bytes
    """How it ends."""

    def added(self, path: str, value: bytes | None, fetchOnly: bool) -> bytes:
        """The body of C{add}; a method has no value."""

    def changed(self, path: str, value: bytes | None) -> bytes:
        """The body of C{change}."""

    def removed(self, path: str, value: bytes | None) -> bytes:
        """The body of C{remove}."""

    def found(self, path: str, value: bytes | None, fetchOnly: bool) -> bytes:
        """One entry of the answer to C{get}."""

    def entry(self, path: str, value: bytes | None, index: int, fetchOnly: bool) -> bytes:
        """One entry of a sorted window; C{index} counts from 1."""

    def window(self, entries: list[bytes], count: int) -> bytes:
        """The body of a sorted notification: what differs, and how many entries the window has now."""


class NodeJet2:
    """npm node-jet 2.1.2 and lua-jet."""

    success = b"true"
    fetchedAll = b'"fetch_all"'
    announcesFirst = False
    fetchesMethods = True
    fetchesBeforeLogin = False
    valueComesLater = False
    services: Mapping[str, str] = {}
    suffix = b"}"

    def features(self, simple: bool) -> bytes:
        return b'{"batches":true,"authentication":true,"fetch":"%b"}' % (b"simple" if simple else b"full")

    def loggedIn(self, auth: bytes) -> bytes:
        return auth

    def access(self, access: Access | None) -> Access | None:
        return None if access is None else access.lists()

    def rule(self, members: dict[str, bytes]) -> dict[str, bytes]:
        return members

    def ownerResult(self, request: bytes, result: bytes) -> bytes:
        return result

    def ownerError(self, error: bytes) -> bytes:
        return error

    def result(self, id: bytes, result: bytes) -> bytes:
        return b'{"id":' + id + b',"result":' + result + b"}"

    def error(self, id: bytes | None, error: bytes) -> bytes:
        if id is None:
            return b'{"error":' + error + b"}"
        return b'{"id":' + id + b',"error":' + error + b"}"

    def routedSet(self, id: bytes | None, path: str, value: bytes | None, valueAsResult: bytes | None) -> bytes:
        if id is not None and value is not None and valueAsResult is None:  # nearly always, so all at once
            return b'{"id":%b,"method":%b,"params":{"value":%b}}' % (id, quote(path), value)
        params = b"{" if value is None else b'{"value":' + value
        if valueAsResult is not None:
            params += (b"" if value is None else b",") + b'"valueAsResult":' + valueAsResult
        return self._routed(id, path, params + b"}")

    def routedCall(self, id: bytes | None, path: str, args: bytes | None) -> bytes:
        # Owners based on node-jet ignore requests without params: the empty list works with all.
        return self._routed(id, path, b"[]" if args is None else args)

    def _routed(self, id: bytes | None, path: str, params: bytes) -> bytes:
        head = b'{"method":' if id is None else b'{"id":' + id + b',"method":'
        return head + quote(path) + b',"params":' + params + b"}"

    def prefix(self, id: bytes) -> bytes:
        return b'{"method":' + id + b',"params":'

    def added(self, path: str, value: bytes | None, fetchOnly: bool) -> bytes:
        body = b'{"path":' + quote(path) + b',"event":"add"'
        if value is not None:
            body += b',"value":' + value
        return body + (b',"fetchOnly":true}' if fetchOnly else b"}")

    def changed(self, path: str, value: bytes | None) -> bytes:
        return self._event(path, b',"event":"change"', value)

    def removed(self, path: str, value: bytes | None) -> bytes:
        return self._event(path, b',"event":"remove"', value)

    def _event(self, path: str, event: bytes, value: bytes | None) -> bytes:
        if value is None:
            return b'{"path":' + quote(path) + event + b"}"
        return b'{"path":' + quote(path) + event + b',"value":' + value + b"}"

    def found(self, path: str, value: bytes | None, fetchOnly: bool) -> bytes:
        return self.added(path, value, fetchOnly)

    def entry(self, path: str, value: bytes | None, index: int, fetchOnly: bool) -> bytes:
        entry = b'{"path":' + quote(path) + b',"index":%d' % index
        if value is not None:
            entry += b',"value":' + value
        return entry + (b',"fetchOnly":true}' if fetchOnly else b"}")

    def window(self, entries: list[bytes], count: int) -> bytes:
        return b'{"n":%d,"changes":[' % count + b",".join(entries) + b"]}"


NODE_JET_2 = NodeJet2()


class Channel:
    """
    All fetches with one id, in one dialect, over one kind of link: what one of them is sent as a change is, byte for
    byte, what all of them are sent, so it is made once.

    @ivar stamp: Which change C{frame} is about.
    @ivar kept: The last frame that was made for a client which is behind, and what it is about: they are many if they
        are away, and may well share it.
    """

    __slots__ = ("__weakref__", "dialect", "frame", "kept", "pack", "prefix", "stamp", "suffix")

    def __init__(self, dialect: Dialect, pack: Pack, id: bytes) -> None:
        self.dialect = dialect
        self.pack = pack
        self.prefix = dialect.prefix(id)
        self.suffix = dialect.suffix
        self.stamp = 0
        self.kept: tuple[object, object, bytes | None, bytes] | None = None
        self.frame = b""

    def frameOf(self, body: bytes) -> bytes:
        """The frame of a notification with the given body."""
        return self.pack(self.prefix + body + self.suffix)
