"""A peer that writes its messages itself: the owner of the states that a browser follows."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure


class RawPeer(Int32StringReceiver):
    """
    A Jet peer over TCP, whose states accept every value.

    @ivar sets: The path and the value of each set.
    """

    MAX_LENGTH = 10_000_000

    def __init__(self) -> None:
        self.sets: DeferredQueue[tuple[str, Any]] = DeferredQueue()
        self._pending: dict[int, Deferred[Any]] = {}
        self._lost: Deferred[None] = Deferred()

    def request(self, method: str, **params: Any) -> Deferred[Any]:
        """Ask the daemon; fires with the whole answer."""
        number = len(self._pending) + 1
        answer = self._pending[number] = Deferred()
        self._send({"id": number, "method": method, "params": params})
        return answer

    def disconnect(self) -> Deferred[None]:
        """Leave; fires when the connection is gone."""
        assert self.transport is not None
        self.transport.loseConnection()
        return self._lost

    def _send(self, message: Any) -> None:
        self.sendString(json.dumps(message).encode())

    def stringReceived(self, string: bytes) -> None:
        """An answer to one of our requests, or a routed set: answer it, then publish the value."""
        message = json.loads(string)
        if "method" not in message:
            self._pending[message["id"]].callback(message)
            return
        path, value = message["method"], message["params"]["value"]
        self._send({"id": message["id"], "result": True})
        self._send({"method": "change", "params": {"path": path, "value": value}})
        self.sets.put((path, value))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost.callback(None)


def connectRawPeer(reactor: Any, port: int) -> Deferred[RawPeer]:
    """Connect a peer to a daemon on loopback."""
    connected: Deferred[RawPeer] = connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), RawPeer())
    return connected
