"""Listening on free ports of the loopback interface."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IListeningPort

ANY_PORT = "tcp:0:interface=127.0.0.1"
"""The description of an endpoint on a free port."""


def portNumber(port: IListeningPort) -> int:
    """The number that the system chose."""
    return cast(IPv4Address, port.getHost()).port


def listenOnLoopback(reactor: Any, factory: Any) -> IListeningPort:
    """Serve a factory on a free port."""
    return cast(IListeningPort, reactor.listenTCP(0, factory, interface="127.0.0.1"))
