"""
Peers on plain blocking sockets, for tests whose daemon runs in another process.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from jetjstp.framing import LengthPrefixed
from tests.links.frames import clientFrame
from tests.links.upgrading import upgradeRequest

__all__ = ["PATIENCE", "BlockingPeer", "WebSocketPeer"]

PATIENCE = 20.0
"""Seconds after which a test gives up; all that is waited for comes within milliseconds on a machine with time."""


class BlockingPeer:
    """
    A peer over TCP.

    @param receiveBuffer: What the system is to hold for us at most, if it is to be little.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", receiveBuffer: int | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receiveBuffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receiveBuffer)
        self.socket.connect((host, port))
        self._pending = bytearray()
        self._start()

    def _start(self) -> None:
        """The connection is there."""

    def _frame(self, text: bytes) -> bytes:
        return LengthPrefixed.pack(text)

    def send(self, *messages: Any) -> None:
        """Send messages in one piece."""
        self.socket.sendall(b"".join(self._frame(json.dumps(message).encode("ascii")) for message in messages))

    def _need(self, size: int) -> None:
        """
        Receive until there are so many bytes.

        @raise ConnectionError: The connection ends before.
        """
        while len(self._pending) < size:
            data = self.socket.recv(1_000_000)
            if not data:
                raise ConnectionResetError("the daemon has closed the connection")
            self._pending += data

    def _take(self, size: int) -> bytes:
        self._need(size)
        taken = bytes(self._pending[:size])
        del self._pending[:size]
        return taken

    def receive(self) -> Any:
        """Wait for the next message."""
        return json.loads(self._take(int.from_bytes(self._take(4), "big")))

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request, and wait for the answer; all that comes before it is skipped."""
        self.send({"id": "asked", "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == "asked" and "params" not in message:
                return message

    def end(self) -> bytes:
        """Receive all there is, until the daemon has closed the connection; that may be with a reset."""
        try:
            while True:
                self._need(len(self._pending) + 1)
        except ConnectionError:
            return bytes(self._pending)

    def close(self) -> None:
        """End the connection."""
        self.socket.close()


class WebSocketPeer(BlockingPeer):
    """
    A peer over WebSocket.
    """

    def _start(self) -> None:
        self.socket.sendall(upgradeRequest(Host="localhost"))
        while b"\r\n\r\n" not in self._pending:
            self._need(len(self._pending) + 1)
        head, _, rest = self._pending.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise ConnectionRefusedError(head.decode("ascii"))
        self._pending = bytearray(rest)

    def _frame(self, text: bytes) -> bytes:
        return clientFrame(text)

    def sendFrame(self, payload: bytes, **form: Any) -> None:
        """Send a frame of any form, see L{clientFrame}."""
        self.socket.sendall(clientFrame(payload, **form))

    def receiveFrame(self) -> tuple[int, bytes]:
        """Wait for the next frame: its opcode and payload."""
        first, length = self._take(2)
        if length > 125:
            length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
        return first & 0x0F, self._take(length)

    def receive(self) -> Any:
        """Wait for the next message; pings are answered on the way."""
        while True:
            opcode, payload = self.receiveFrame()
            if opcode == 9:
                self.sendFrame(payload, opcode=10)
            elif opcode == 8:
                raise ConnectionResetError(f"closed with {int.from_bytes(payload[:2], 'big')}")
            elif opcode == 1:
                return json.loads(payload)

    def closeCode(self) -> int:
        """Skip all messages until the daemon begins to close; the code that it gives."""
        while True:
            opcode, payload = self.receiveFrame()
            if opcode == 8:
                return int.from_bytes(payload[:2], "big")
