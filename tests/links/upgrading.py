"""
WebSocket links in memory.
"""

from __future__ import annotations

from typing import Any

import txaio
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.websocket import WebSocketLink, WebSocketLinkFactory
from tests.links.frames import serverFrames
from tests.links.receivers import Recorder

__all__ = ["LIMIT", "WebSocketTestCase", "upgradeRequest"]

LIMIT = 10_000


def upgradeRequest(target: str = "/", /, **changes: str | None) -> bytes:
    """
    The head of a good request to upgrade.

    @param changes: Headers to add, to change, or (L{None}) to leave out; C{_} stands for a hyphen.
    """
    headers: dict[str, str | None] = {
        "Host": "10.0.0.1:11123",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "jet",
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"GET {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join(lines).encode("iso-8859-1") + b"\r\n\r\n"


class WebSocketTestCase(SynchronousTestCase):
    """Server links on transports in memory."""

    clock: Clock

    def setUp(self) -> None:
        self.clock = Clock()
        # Autobahn's own timers do not run on the reactor that it is given.
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]
        self.recorders: list[Recorder] = []

    def makeReceiver(self) -> Recorder:
        """Make a receiver that we can look at."""
        self.recorders.append(Recorder())
        return self.recorders[-1]

    def makeFactory(self, **options: Any) -> WebSocketLinkFactory:
        """Make a factory with a small limit, and with other options as they are by default."""
        options.setdefault("maxMessage", LIMIT)
        return WebSocketLinkFactory(self.makeReceiver, reactor=self.clock, **options)

    def connect(
        self, factory: WebSocketLinkFactory | None = None, transport: StringTransport | None = None
    ) -> tuple[WebSocketLink, StringTransport]:
        """Connect a link, without a handshake."""
        link = (factory or self.makeFactory()).buildProtocol(None)
        assert link is not None
        transport = transport or StringTransport(lenient=True)
        link.makeConnection(transport)
        return link, transport

    def upgrade(
        self, factory: WebSocketLinkFactory | None = None, **changes: str | None
    ) -> tuple[WebSocketLink, Recorder, StringTransport]:
        """Connect a link with its handshake."""
        link, transport = self.connect(factory)
        link.dataReceived(upgradeRequest(**changes))
        self.assertIn(b"101 Switching Protocols", transport.value())
        transport.clear()
        return link, self.recorders[-1], transport

    def written(self, transport: StringTransport) -> list[tuple[int, bytes]]:
        """The frames that were written since the last look."""
        frames = serverFrames(transport.value())
        transport.clear()
        return frames

    def closeCode(self, transport: StringTransport) -> int:
        """The code of the close frame that was written last."""
        opcode, payload = self.written(transport)[-1]
        self.assertEqual(opcode, 8)
        return int.from_bytes(payload[:2], "big")

    def lose(self, link: WebSocketLink) -> None:
        """Let the connection of a link be lost."""
        link.connectionLost(Failure(ConnectionDone()))
