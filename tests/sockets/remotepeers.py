"""
Four peers that own a state each, in a process that can be run elsewhere: with
a network of its own, whose cable is then pulled.

Run as a program with the host, the TCP port and the WebSocket port; it writes a
line when all peers are there, and ends with its input.
"""

from __future__ import annotations

import sys
import threading

from tests.sockets.blockingpeers import BlockingPeer, WebSocketPeer

__all__ = ["STATES", "TICKER"]

STATES = ("remote/idle tcp", "remote/idle websocket", "remote/busy tcp", "remote/busy websocket")
"""Whose peers are idle, and whose are told of changes all the time."""

TICKER = "ticker"
"""The state that changes."""


def live(peer: BlockingPeer) -> None:
    """Read what comes, and answer pings, as long as anything comes."""
    peer.socket.settimeout(None)
    while True:
        try:
            peer.receive()
        except OSError:
            return


def main(host: str, port: str, webSocketPort: str) -> None:
    """Be such peers."""
    for state in STATES:
        isWebSocket = "websocket" in state
        kind = WebSocketPeer if isWebSocket else BlockingPeer
        peer = kind(int(webSocketPort if isWebSocket else port), host)
        peer.ask("add", path=state, value=1)
        if "busy" in state:
            peer.ask("fetch", id="f", path={"equals": TICKER})
        threading.Thread(target=live, args=(peer,), daemon=True).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
