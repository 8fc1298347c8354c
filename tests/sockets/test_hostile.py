"""
Peers that do everything wrong, on real sockets, against a daemon in another
process: it goes on serving the others, and its memory stays bounded.

Nothing here depends on how fast anything is: what is compared is what was done.
"""

from __future__ import annotations

import random
import resource
import socket
import time
from collections.abc import Callable

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from jetjstp.framing import LengthPrefixed
from tests.links.frames import clientFrame
from tests.links.upgrading import upgradeRequest
from tests.sockets.blockingpeers import PATIENCE, BlockingPeer, WebSocketPeer
from tests.sockets.childdaemon import raiseFileLimit, sharedDaemon

MEBIBYTE = 1024 * 1024

HALF_OPEN = 2000

CHANGES = 100_000

PORTION = 10_000

VALUE = "x" * 900
"""Part of each changed value: a hundred thousand of them are more than a daemon may keep."""

BOUND = 60 * MEBIBYTE
"""What news for peers that do not read may take: a fraction of what it would be if everything was kept."""

CEILING = 160 * MEBIBYTE
"""What the daemon may have grown by after whatever was done to it: one peer may reach the hard limit of 64 MiB."""


class HostileTestCase(SynchronousTestCase):
    """A daemon, and two good peers that are served all the time."""

    def setUp(self) -> None:
        # One daemon has to bear all of it.
        self.daemon = sharedDaemon()
        self.good = self.connect(), self.connectWebSocket()
        self.memoryBefore = self.daemon.memory()
        self.addCleanup(self.assertUnharmed)

    def assertUnharmed(self) -> None:
        """Afterwards it is as before."""
        self.assertServed()
        self.assertLess(self.daemon.memory() - self.memoryBefore, CEILING)
        self.assertEqual(self.daemon.errors(), "")

    def connect(self, receiveBuffer: int | None = None) -> BlockingPeer:
        """Connect a peer over TCP."""
        peer = BlockingPeer(self.daemon.ports[0], receiveBuffer=receiveBuffer)
        self.addCleanup(peer.close)
        return peer

    def connectWebSocket(self, receiveBuffer: int | None = None) -> WebSocketPeer:
        """Connect a peer over WebSocket."""
        peer = WebSocketPeer(self.daemon.ports[1], receiveBuffer=receiveBuffer)
        self.addCleanup(peer.close)
        return peer

    def connectSocket(self, number: int) -> socket.socket:
        """Connect to a port of the daemon, without saying anything."""
        plain = socket.create_connection(("127.0.0.1", self.daemon.ports[number]), 20)
        self.addCleanup(plain.close)
        return plain

    def assertServed(self) -> None:
        """The good peers are answered."""
        for peer in self.good:
            self.assertEqual(peer.ask("echo", a="ä"), {"id": "asked", "result": {"a": "ä"}})

    def assertEnds(self, plain: socket.socket) -> bytes:
        """The daemon ends this connection; what it said before."""
        received = b""
        try:
            while data := plain.recv(65536):
                received += data
        except ConnectionError:
            return received
        return received

    def sendUntilEnded(self, plain: socket.socket, data: bytes, most: int) -> None:
        """Send the same again and again, until the daemon ends the connection; it may not take more than so much."""
        sent = 0
        try:
            while True:
                plain.sendall(data)
                sent += len(data)
                self.assertLess(sent, most)
        except ConnectionError:
            self.assertLess(sent, most)


class StreamTests(HostileTestCase):
    """Over TCP."""

    def test_garbage(self) -> None:
        """Random bytes end at most the connection that they came over."""
        generator = random.Random(5)
        for number in range(100):
            plain = self.connectSocket(0)
            plain.sendall(generator.randbytes(number * 10))
            if number % 2:
                plain.close()
            self.assertServed()

    def test_lengths(self) -> None:
        """Frames of length zero are nothing, one that announces too much ends the connection before it has come."""
        peer = self.connect()
        peer.socket.sendall(bytes(400_000))
        self.assertEqual(peer.ask("echo")["result"], {})
        for length in (10_000_001, 2**31, 2**32 - 1):
            plain = self.connectSocket(0)
            plain.sendall(length.to_bytes(4, "big"))
            self.assertEqual(self.assertEnds(plain), b"")
            self.assertServed()

    def test_badMessages(self) -> None:
        """Each bad message is answered with its error, and the next good one as if nothing had happened."""
        peer = self.connect()
        for text, code in (
            (b"{", -32700),
            (b"\xff\xfe", -32700),
            (b"[" * 1_000_000, -32700),
            (b'{"a":' * 1_000_000, -32700),
            (b'"' + b'\\"' * 1_000_000, -32700),
            (b'{"id":1,"method":"echo","params":"\xed\xa0\x80"}', -32700),
            (b'{"id":1}', -32600),
            (b'{"id":1,"method":7}', -32600),
            (b'{"id":1,"method":"__import__"}', -32601),
            (b'{"id":1,"method":"add","params":{"path":5}}', -32602),
            (b'{"id":1,"method":"get","params":{"valueField":{"a)+b(":{"between":1}}}}', -32602),
        ):
            peer.socket.sendall(LengthPrefixed.pack(text))
            self.assertEqual(peer.receive()["error"]["code"], code, text[:40])
            self.assertServed()

    def test_bytewise(self) -> None:
        """A message that comes byte by byte is a message."""
        peer = self.connect()
        for byte in LengthPrefixed.pack(b'{"id":1,"method":"echo","params":"%b"}' % (b"x" * 2000)):
            peer.socket.sendall(bytes([byte]))
        self.assertEqual(peer.receive(), {"id": 1, "result": "x" * 2000})

    def test_halfOpen(self) -> None:
        """Thousands of connections that have begun a frame, and do not go on, are in nobody's way."""
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        if raiseFileLimit(HALF_OPEN + 500) < HALF_OPEN + 500:
            raise SkipTest(f"this process may not have {HALF_OPEN} connections")
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        connections = []
        for number in range(HALF_OPEN):
            plain = self.connectSocket(number % 2)
            connections.append(plain)
            plain.sendall(b"\0\0" if number % 2 == 0 else upgradeRequest()[:40])
            if number % 100 == 0:
                self.assertServed()
        self.assertServed()
        for plain in connections:
            plain.close()
        self.assertServed()

    def test_leavingInTheMiddle(self) -> None:
        """Peers that leave in the middle of everything leave nothing behind."""
        for number in range(100):
            peer = self.connect()
            peer.send(
                {"id": 1, "method": "add", "params": {"path": f"short/{number}", "value": 1}},
                {"id": 2, "method": "fetch", "params": {"id": "f"}},
                {"id": 3, "method": "set", "params": {"path": f"short/{number}", "value": 2}},
            )
            peer.socket.sendall(b"\0\0\0\x99{")
            peer.close()
        end = time.monotonic() + PATIENCE
        while self.good[0].ask("get", path={"startsWith": "short/"})["result"]:
            self.assertLess(time.monotonic(), end)


class SlowReaderTests(HostileTestCase):
    """Subscribers that never read."""

    def test_neverReads(self) -> None:
        """
        While an owner changes a state a hundred thousand times, subscribers that do not read cost the daemon a
        bounded amount of memory, others follow every change; when they read again they come to the newest value.
        """
        owner = self.connect()
        owner.ask("add", path="a", value=[-1, VALUE])
        slow = [self.connect(receiveBuffer=4096), self.connectWebSocket(receiveBuffer=4096)]
        for peer in slow:
            peer.send({"id": 1, "method": "fetch", "params": {"id": "f", "path": {"equals": "a"}}})
        follower = self.connect()
        follower.ask("fetch", id="f", path={"equals": "a"}, coalesce=False)
        follower.receive()
        for start in range(0, CHANGES, PORTION):
            text = '{"method":"change","params":{"path":"a","value":[%d,"' + VALUE + '"]}}'
            frames = (LengthPrefixed.pack((text % number).encode("ascii")) for number in range(start, start + PORTION))
            owner.socket.sendall(b"".join(frames))
            owner.ask("echo")
            for number in range(start, start + PORTION):
                self.assertEqual(follower.receive()["params"]["value"][0], number)
            self.assertServed()
            self.assertLess(self.daemon.memory() - self.memoryBefore, BOUND)
        for peer in slow:
            seen, number = 0, -1
            while number != CHANGES - 1:
                message = peer.receive()
                if "params" in message:
                    self.assertGreaterEqual(message["params"]["value"][0], number)
                    number = message["params"]["value"][0]
                    seen += 1
            self.assertLess(seen, CHANGES // 4)
            self.assertEqual(peer.ask("echo")["result"], {})

    def test_neverReadsAnswers(self) -> None:
        """Who asks for more and more and reads no answer is not read from, or dropped, and nobody is concerned."""
        for connect in (self.connect, self.connectWebSocket):
            peer = connect(receiveBuffer=4096)
            peer.socket.settimeout(1)
            request = peer._frame(b'{"id":1,"method":"echo","params":"%b"}' % (b"x" * 100_000))
            try:
                for _ in range(3000):
                    peer.socket.sendall(request)
            except (ConnectionError, TimeoutError):
                self.assertServed()
            else:
                self.fail("it has taken three hundred megabytes")
            peer.close()


class WebSocketTests(HostileTestCase):
    """Over WebSocket."""

    def test_endlessHead(self) -> None:
        """An upgrade request that does not end is ended by the daemon, be it one long line or many."""
        for piece in (b"x" * 1000, b"X-Header: x\r\n" * 80):
            plain = self.connectSocket(1)
            plain.sendall(b"GET / HTTP/1.1\r\nX-First: ")
            self.sendUntilEnded(plain, piece, 20 * MEBIBYTE)
            self.assertServed()

    def test_garbage(self) -> None:
        """What is no upgrade request is answered with an HTTP error, or not at all, and the connection ends."""
        generator = random.Random(6)
        for number in range(50):
            plain = self.connectSocket(1)
            plain.sendall(generator.randbytes(100) + b"\r\n\r\n")
            received = self.assertEnds(plain)
            self.assertIn(received[:9], (b"", b"HTTP/1.1 "))
            if number % 10 == 0:
                self.assertServed()
        for request in (b"GET / HTTP/1.0\r\n\r\n", upgradeRequest(Sec_WebSocket_Key=None), upgradeRequest(Host="evil")):
            plain = self.connectSocket(1)
            plain.sendall(request)
            self.assertIn(self.assertEnds(plain)[:10], (b"HTTP/1.1 4", b"HTTP/1.1 5"))
        self.assertServed()

    def test_fragments(self) -> None:
        """A message may come in many fragments of one byte; too many of them, or endlessly many empty ones, may not."""
        text = b'{"id":1,"method":"echo","params":"%b"}' % (b"x" * 500)
        peer = self.connectWebSocket()
        for index, byte in enumerate(text):
            peer.sendFrame(bytes([byte]), opcode=0 if index else 1, fin=index == len(text) - 1)
        self.assertEqual(peer.receive(), {"id": 1, "result": "x" * 500})
        for payload in (b" ", b""):
            peer = self.connectWebSocket()
            peer.sendFrame(payload, fin=False)
            self.sendUntilEnded(peer.socket, clientFrame(payload, opcode=0, fin=False) * 1000, 20 * MEBIBYTE)
            self.assertServed()

    def test_pings(self) -> None:
        """A flood of pings by a peer that does not read the pongs is stopped."""
        peer = self.connectWebSocket(receiveBuffer=4096)
        self.sendUntilEnded(peer.socket, clientFrame(b"x" * 125, opcode=9) * 100, 50 * MEBIBYTE)
        peer = self.connectWebSocket()
        for _ in range(50):
            peer.sendFrame(b"are you there", opcode=9)
        for _ in range(50):
            self.assertEqual(peer.receiveFrame(), (10, b"are you there"))

    def test_closeThatNeverFinishes(self) -> None:
        """Who begins to close and stays, or does not answer a close, is cut off."""
        begins, ignores = self.connectWebSocket(), self.connectWebSocket()
        begins.sendFrame((1000).to_bytes(2, "big"), opcode=8)
        ignores.sendFrame(b"\xff")
        self.assertEqual(begins.closeCode(), 1000)
        self.assertEqual(ignores.closeCode(), 1007)
        self.assertServed()
        for peer in (begins, ignores):
            peer.end()

    def closedWith(self, code: int, misbehave: Callable[[WebSocketPeer], None]) -> None:
        """Something that a peer does ends its connection with this code."""
        peer = self.connectWebSocket()
        misbehave(peer)
        self.assertEqual(peer.closeCode(), code)
        self.assertServed()

    def test_notText(self) -> None:
        """Text that is not UTF-8 ends the connection with 1007, however it comes."""

        def inFragments(peer: WebSocketPeer) -> None:
            peer.sendFrame(b'{"id":1,"method":"\xc3', fin=False)
            peer.sendFrame(b'x"}', opcode=0)

        for text in (b"\xff", b"x" * 10_000 + b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
            self.closedWith(1007, lambda peer, text=text: peer.sendFrame(text))  # type: ignore[misc]
        self.closedWith(1007, inFragments)
        peer = self.connectWebSocket()
        peer.sendFrame(b"\xff", opcode=2)
        self.assertEqual(peer.receive()["error"]["code"], -32700)

    def test_brokenRules(self) -> None:
        """Frames without a mask, of unknown kinds, with reserved bits or out of order end the connection with 1002."""
        good = b'{"id":1,"method":"info"}'
        for form in (
            {"mask": None},
            {"opcode": 3},
            {"opcode": 15},
            {"rsv": 4},
            {"rsv": 1},
            {"opcode": 0},
            {"opcode": 9, "fin": False},
            {"lengthForm": 126},
            {"lengthForm": 127},
        ):
            self.closedWith(1002, lambda peer, form=form: peer.sendFrame(good, **form))  # type: ignore[misc]

    def test_tooLong(self) -> None:
        """A message that is too long ends the connection with 1009, in one frame or many, before all of it has come."""

        def inFragments(peer: WebSocketPeer) -> None:
            peer.sendFrame(b" " * 9_700_000, fin=False)
            peer.sendFrame(b" " * 400_000, fin=False, opcode=0)

        def announced(length: int) -> Callable[[WebSocketPeer], None]:
            return lambda peer: peer.socket.sendall(b"\x81\xff" + length.to_bytes(8, "big") + b"mask")

        self.closedWith(1009, inFragments)
        self.closedWith(1009, announced(10_000_001))
        self.closedWith(1009, announced(2**62))
