"""
What a client is sent, in its own dialect.

Only this module knows how messages to peers look. A dialect turns decisions of
the core into JSON text; values go through as the text that they came in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from jetjstp.jet.jsontext import quote

__all__ = ["NODE_JET_2", "Channel", "Dialect"]

Pack = Callable[[bytes], bytes]


class Dialect(Protocol):
    """How one family of peers wants to be spoken to."""

    success: bytes
    """The result of a service that has nothing to say."""

    def result(self, id: bytes, result: bytes) -> bytes:
        """A response."""

    def error(self, id: bytes | None, error: bytes) -> bytes:
        """An error response; without an id where none could be read."""

    def routed(self, id: bytes | None, path: str, params: bytes) -> bytes:
        """A request for the owner of an element; without an id if nobody waits for the answer."""

    def prefix(self, id: bytes) -> bytes:
        """How a notification of a fetch begins; it goes on with a body and ends with C{SUFFIX}."""

    def added(self, path: str, value: bytes | None, fetchOnly: bool) -> bytes:
        """The body of C{add}; a method has no value."""

    def changed(self, path: str, value: bytes | None) -> bytes:
        """The body of C{change}."""

    def removed(self, path: str, value: bytes | None) -> bytes:
        """The body of C{remove}."""

    def entry(self, path: str, value: bytes | None, index: int, fetchOnly: bool) -> bytes:
        """One entry of a sorted window; C{index} counts from 1."""

    def window(self, entries: list[bytes], count: int) -> bytes:
        """The body of a sorted notification: what differs, and how many entries the window has now."""


SUFFIX = b"}"


class NodeJet2:
    """npm node-jet 2.1.2 and lua-jet."""

    success = b"true"

    def result(self, id: bytes, result: bytes) -> bytes:
        return b'{"id":' + id + b',"result":' + result + b"}"

    def error(self, id: bytes | None, error: bytes) -> bytes:
        if id is None:
            return b'{"error":' + error + b"}"
        return b'{"id":' + id + b',"error":' + error + b"}"

    def routed(self, id: bytes | None, path: str, params: bytes) -> bytes:
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
    """

    __slots__ = ("__weakref__", "dialect", "frame", "pack", "prefix", "stamp")

    def __init__(self, dialect: Dialect, pack: Pack, id: bytes) -> None:
        self.dialect = dialect
        self.pack = pack
        self.prefix = dialect.prefix(id)
        self.stamp = 0
        self.frame = b""

    def frameOf(self, body: bytes) -> bytes:
        """The frame of a notification with the given body."""
        return self.pack(self.prefix + body + SUFFIX)
