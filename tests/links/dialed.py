"""
The client's side of WebSocket links in memory.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha1
from typing import Any

import txaio
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import MessageLink
from jetjstp.links.websocketclient import DialedWebSocketLink, DialingWebSocketFactory
from tests.links.receivers import Recorder

__all__ = ["DialedTestCase", "acceptance"]

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def acceptance(request: bytes, *headers: str) -> bytes:
    """What a server answers to a good request, with more headers if need be."""
    match = re.search(rb"Sec-WebSocket-Key: (\S+)", request)
    assert match is not None
    accept = b64encode(sha1(match[1] + MAGIC).digest()).decode()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class DialedTestCase(SynchronousTestCase):
    """Client links on transports in memory."""

    clock: Clock

    def setUp(self) -> None:
        self.clock = Clock()
        # Autobahn's own timers do not run on the reactor that it is given.
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]
        self.recorder = Recorder()
        self.failures: list[str] = []
        self.opened: list[MessageLink] = []

    def makeFactory(self, url: str = "ws://server.example:3000/p?q=1", **options: Any) -> DialingWebSocketFactory:
        """Make a factory for one link."""
        return DialingWebSocketFactory(
            url, lambda: self.recorder, self.failures.append, reactor=self.clock, opened=self.opened.append, **options
        )

    def connect(
        self, factory: DialingWebSocketFactory | None = None
    ) -> tuple[DialedWebSocketLink, StringTransport, bytes]:
        """Connect a link, which sends its request."""
        link = (factory or self.makeFactory()).buildProtocol(None)
        transport = StringTransport(lenient=True)
        link.makeConnection(transport)
        request = transport.value()
        transport.clear()
        return link, transport, request

    def open(self, factory: DialingWebSocketFactory | None = None) -> tuple[DialedWebSocketLink, StringTransport]:
        """Connect a link with its handshake."""
        link, transport, request = self.connect(factory)
        link.dataReceived(acceptance(request))
        self.assertEqual(self.recorder.words[-1:], ["opened"])
        return link, transport

    def lose(self, link: DialedWebSocketLink) -> None:
        """Let the connection of a link be lost."""
        link.connectionLost(Failure(ConnectionDone()))
