"""
Clients made by hand, byte by byte: the other ends of connections to a server.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock

from jetjstp.framing import NulTerminated
from jetjstp.jstp import mdsf
from jetjstp.testing import MemoryPeer
from tests.links.frames import clientFrame
from tests.links.upgrading import upgradeRequest

__all__ = ["StreamClient", "WebSocketClient"]


class StreamClient(MemoryPeer):
    """
    A client over a stream of bytes.

    @ivar texts: The messages that came and were not taken yet, in order.
    @ivar closeCode: The code of the close frame that came; always L{None} here.
    """

    closeCode: int | None = None

    def __init__(self, factory: IProtocolFactory, host: str = "192.0.2.2", port: int = 10_001) -> None:
        self.texts: list[bytes] = []
        self._terminated = NulTerminated(2**31)
        super().__init__(factory, host, port)

    def _takeAll(self) -> None:
        data = bytes(self.transport.unread)
        self.transport.unread.clear()
        self.heard(data)

    def heard(self, data: bytes) -> None:
        """Bytes came."""
        self.texts += self._terminated.feed(data)

    def say(self, *texts: str) -> None:
        """Send messages, all in one piece."""
        self.sendBytes("".join(text + "\0" for text in texts).encode("utf-8"))

    def sendRecorded(self, data: bytes, isBinary: bool = False) -> None:
        """Send what was recorded as one write."""
        self.sendBytes(data)

    def next(self) -> Any:
        """The value of the next message that came."""
        return mdsf.parse(self.texts.pop(0).decode("utf-8"))

    def rest(self) -> list[str]:
        """All messages that were not taken yet."""
        texts, self.texts = self.texts, []
        return [text.decode("utf-8") for text in texts]

    def open(self, application: str = "app") -> str:
        """Come in anonymously; returns the id of the session."""
        self.say(f"{{handshake:[0,'{application}']}}")
        id = self.next()["ok"]
        assert isinstance(id, str), id
        return id

    def restore(self, id: str, received: int = 0, application: str = "app") -> Any:
        """Ask for a session; returns the whole answer."""
        self.say(f"{{handshake:[0,'{application}'],session:['{id}',{received}]}}")
        return self.next()

    def ask(self, text: str) -> Any:
        """Send a message; returns the next that comes."""
        self.say(text)
        return self.next()


class WebSocketClient(StreamClient):
    """
    The same over WebSocket.

    @ivar head: The answer to the request to upgrade.
    @ivar frames: For each frame that came: whether it is final, its opcode, its length.
    @ivar answersClose: Whether a close frame is answered.
    """

    def __init__(self, factory: IProtocolFactory, clock: Clock, head: bytes | None = None) -> None:
        """
        @param clock: A close frame is answered in the next turn.
        """
        self.head = b""
        self._clock = clock
        self.answersClose = True
        self.frames: list[tuple[bool, int, int]] = []
        self._data = b""
        self._message = b""
        super().__init__(factory)
        self.sendBytes(head or upgradeRequest(Sec_WebSocket_Protocol="metarhia-jstp"))

    def heard(self, data: bytes) -> None:
        """Bytes came."""
        self._data += data
        if not self.head:
            head, separator, rest = self._data.partition(b"\r\n\r\n")
            if not separator:
                return
            self.head, self._data = head + separator, rest
        while len(self._data) >= 2:
            length, start = self._data[1], 2
            if length >= 126:
                start = 4 if length == 126 else 10
                length = int.from_bytes(self._data[2:start], "big")
            if len(self._data) < start + length:
                return
            first, payload = self._data[0], self._data[start : start + length]
            self._data = self._data[start + length :]
            self._frame(first >= 0x80, first & 0x0F, payload)

    def _frame(self, isFinal: bool, opcode: int, payload: bytes) -> None:
        self.frames.append((isFinal, opcode, len(payload)))
        if opcode in (0, 1):
            self._message += payload
            if isFinal:
                self.texts.append(self._message)
                self._message = b""
        elif opcode == 8:
            self.closeCode = int.from_bytes(payload[:2], "big")
            if self.answersClose:
                self._clock.callLater(0, self.sendBytes, clientFrame(payload, opcode=8))
        else:
            raise AssertionError(f"unexpected frame with opcode {opcode}")

    def say(self, *texts: str) -> None:
        """Send messages, each in a frame of its own, in one piece."""
        self.sendBytes(b"".join(clientFrame(text.encode("utf-8")) for text in texts))

    def sendRecorded(self, data: bytes, isBinary: bool = False) -> None:
        """Send what was recorded as one message."""
        self.sendBytes(clientFrame(data, opcode=2 if isBinary else 1, mask=bytes(4)))

    def leave(self, code: int = 1000) -> None:
        """Close, as WebSockets do."""
        self.answersClose = False
        self.sendBytes(clientFrame(code.to_bytes(2, "big"), opcode=8))
