"""
Tests for L{jetjstp.links.tuning}, without sockets.
"""

from __future__ import annotations

import socket
from typing import Any, cast

from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.settings import LinkSettings
from jetjstp.links.tuning import socketBelow, tune


class FakeConnection:
    """Remembers what is set, and refuses some of it."""

    def __init__(self, refused: int | None = None) -> None:
        self.socket = self
        self.refused = refused
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Remember it."""
        if option == self.refused:
            raise OSError
        self.options.append((level, option, value))


class TuneTests(SynchronousTestCase):
    """Setting options."""

    def tuned(self, settings: LinkSettings, refused: int | None = None) -> list[tuple[int, int, int]]:
        """What is set."""
        connection = FakeConnection(refused)
        tune(cast(Connection, connection), settings)
        return connection.options

    def test_settings(self) -> None:
        """The settings are set, fractions of seconds rounded up: no system takes them."""
        options = self.tuned(LinkSettings(keepAliveIdle=cast(int, 1.5), notSentLowWater=5000))
        self.assertIn((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), options)
        for name, value in ("TCP_KEEPIDLE", 2), ("TCP_NOTSENT_LOWAT", 5000):
            if hasattr(socket, name):
                self.assertIn((socket.IPPROTO_TCP, getattr(socket, name), value), options)

    def test_refused(self) -> None:
        """An option that the system refuses does not keep the others from being set."""
        options = self.tuned(LinkSettings())
        withoutDelay = self.tuned(LinkSettings(), refused=socket.TCP_NODELAY)
        self.assertEqual(withoutDelay, [option for option in options if option[1] != socket.TCP_NODELAY])


class SocketBelowTests(SynchronousTestCase):
    """Finding the connection."""

    def test_none(self) -> None:
        """In tests there is no socket, with wrappers or without."""
        transport: Any = StringTransport()
        self.assertIs(socketBelow(transport), None)
        wrapper: Any = ProtocolWrapper(WrappingFactory(cast(Any, None)), cast(Any, None))
        wrapper.transport = transport
        self.assertIs(socketBelow(wrapper), None)
