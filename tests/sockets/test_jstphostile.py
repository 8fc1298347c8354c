"""
JSTP clients that do everything wrong, on real sockets, against a server in
another process: it goes on serving the others, and its memory stays bounded.

Run as a program this is that server.
"""

from __future__ import annotations

import atexit
import random
import socket
import time
from typing import Any

from twisted.internet.interfaces import IListeningPort
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.mdsf import parse
from tests.links.frames import clientFrame
from tests.links.upgrading import upgradeRequest
from tests.sockets.childdaemon import ChildDaemon, raiseFileLimit, serveUntilInputEnds

MEBIBYTE = 1024 * 1024

PATIENCE = 20.0

BOUND = 60 * MEBIBYTE
"""What the server may grow by: one peer that does not read may leave 16 MiB, and the system keeps some of it."""

LONG = 1_000_000
"""Characters of a long result."""

HALF_OPEN = 800
"""Connections that do not finish their handshake; fewer than those of which the oldest would have to go."""


class Client:
    """A client on a blocking socket, that is in."""

    def __init__(self, port: int, receiveBuffer: int | None = None, isIn: bool = True) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receiveBuffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receiveBuffer)
        self.socket.connect(("127.0.0.1", port))
        self._pending = b""
        self._calls = 0
        self.session = ""
        if isIn:
            self.send(b"{handshake:[0,'app']}")
            self.session = self.receive()["ok"]

    def send(self, *texts: bytes) -> None:
        """Send messages in one piece."""
        self.socket.sendall(b"".join(text + b"\0" for text in texts))

    def receive(self) -> Any:
        """Wait for the next message."""
        while b"\0" not in self._pending:
            data = self.socket.recv(MEBIBYTE)
            if not data:
                raise ConnectionResetError("the server has closed the connection")
            self._pending += data
        text, _, self._pending = self._pending.partition(b"\0")
        return parse(text)

    def ask(self, text: str) -> Any:
        """Call a method that gives its argument; returns that."""
        self._calls += 1
        self.send(f"{{call:[{self._calls},'i'],echo:['{text}']}}".encode())
        answer = self.receive()
        return answer["ok"][0] if answer["callback"] == [self._calls] else answer


_servers: list[ChildDaemon] = []


def sharedServer() -> ChildDaemon:
    """A server for all tests of this process, with which it ends."""
    if not _servers or not _servers[-1].isRunning:
        _servers.append(ChildDaemon(program=__name__))
        atexit.register(_servers[-1].stop)
    return _servers[-1]


class HostileClientTests(SynchronousTestCase):
    """A server that others use at the same time."""

    def setUp(self) -> None:
        self.server = sharedServer()
        self.good = self.connect()
        self.memoryBefore = self.server.memory()
        self.addCleanup(self.assertUnharmed)

    def assertUnharmed(self) -> None:
        """Afterwards it is as before."""
        self.assertServed()
        self.assertLess(self.server.memory() - self.memoryBefore, BOUND)
        self.assertEqual(self.server.errors(), "")

    def assertServed(self) -> None:
        """The good client is answered."""
        self.assertEqual(self.good.ask("ä"), "ä")

    def connect(self, receiveBuffer: int | None = None, isIn: bool = True) -> Client:
        """A client."""
        client = Client(self.server.ports[0], receiveBuffer, isIn)
        self.addCleanup(client.socket.close)
        return client

    def assertEnds(self, plain: socket.socket) -> None:
        """The server ends this connection."""
        try:
            while plain.recv(MEBIBYTE):
                pass
        except ConnectionError:
            return

    def test_garbage(self) -> None:
        """Random bytes end at most the connection that they came over, in the handshake and behind it."""
        generator = random.Random(5)
        for number in range(100):
            client = self.connect(isIn=number % 2 == 0)
            client.socket.sendall(generator.randbytes(number * 10 + 1) + b"\0")
            self.assertEnds(client.socket)
            self.assertServed()

    def test_garbageOverWebSocket(self) -> None:
        """Over WebSocket, too, and before it is one."""
        generator = random.Random(6)
        for number in range(30):
            plain = socket.create_connection(("127.0.0.1", self.server.ports[1]), PATIENCE)
            self.addCleanup(plain.close)
            if number % 2:
                plain.sendall(upgradeRequest(Sec_WebSocket_Protocol="metarhia-jstp"))
                self.assertIn(b" 101 ", plain.recv(4096))
                plain.sendall(clientFrame(generator.randbytes(number), opcode=2))
                self.assertEqual(plain.recv(4), b"\x88\x02\x03\xe8")
            else:
                plain.sendall(generator.randbytes(100) + b"\r\n\r\n")
                self.assertEnds(plain)
            self.assertServed()

    def test_halfOpen(self) -> None:
        """Connections that begin a handshake and do not go on, or byte by byte, are in nobody's way."""
        raiseFileLimit(HALF_OPEN + 500)
        clients = []
        for number in range(HALF_OPEN):
            client = self.connect(isIn=False)
            client.socket.sendall(b"{handshake:[0,'app'")
            clients.append(client)
            if number % 100 == 0:
                self.assertServed()
        self.assertServed()
        self.assertEnds(clients[0].socket)

    def test_tooMuchBeforeTheHandshake(self) -> None:
        """Who has not come in may not send as long a message as others."""
        client = self.connect(isIn=False)
        sent = 0
        with self.assertRaises(ConnectionError):
            while sent < 50 * MEBIBYTE:
                client.socket.sendall(b"x" * 65536)
                sent += 65536

    def test_manyLongResults(self) -> None:
        """Who asks for thousands of long results in a few bytes and reads none does not make the server keep them."""
        client = self.connect(receiveBuffer=4096)
        client.send(*(b"{call:[%d,'i'],long:[]}" % number for number in range(1, 2001)))
        for _ in range(20):
            self.assertServed()
            time.sleep(0.01)
            self.assertLess(self.server.memory() - self.memoryBefore, BOUND)
        self.assertEqual(len(client.receive()["ok"][0]), LONG)

    def test_busyCalls(self) -> None:
        """While one client's thousands of calls keep the server busy for seconds, others are answered in between."""
        client = self.connect()
        client.send(*(b"{call:[%d,'i'],busy:[]}" % number for number in range(1, 2001)))
        client.receive()  # they have begun
        for _ in range(5):
            self.assertServed()
        # The server did the rest afterwards, so others had their turn in between.
        self.assertLess(self.good.ask("count"), 2000)
        for number in range(2, 2001):
            self.assertEqual(client.receive()["callback"], [number])

    def test_comesAndGoes(self) -> None:
        """A session that is restored again and again with much to send, and never reads, costs its buffer once."""
        client = self.connect()
        client.send(b"{call:[1,'i'],tell:[]}")
        client.receive()
        for _ in range(30):
            again = self.connect(receiveBuffer=4096, isIn=False)
            again.send(b"{handshake:[0,'app'],session:['%b',0]}" % client.session.encode())
            again.receive()
            self.assertServed()
            self.assertLess(self.server.memory() - self.memoryBefore, BOUND)


def main() -> None:
    """Be the server."""
    from twisted.internet import reactor as globalReactor

    from jetjstp import jstp

    reactor: Any = globalReactor
    done = [0]

    def busy(connection: jstp.Connection) -> None:
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
        done[0] += 1

    def echo(connection: jstp.Connection, text: str) -> Any:
        return done[0] if text == "count" else text

    def tell(connection: jstp.Connection) -> None:
        for _ in range(70):
            connection.emitRemoteEvent("i", "told", ["x" * 100_000])

    application = jstp.Application(
        "app",
        {"i": {"echo": echo, "busy": busy, "tell": tell, "long": lambda connection: "x" * LONG}},
    )
    limits = jstp.Limits(unauthenticatedPerAddress=1000)

    async def listen() -> list[IListeningPort]:
        ports = []
        for module in (jstp.net, jstp.ws):
            server = module.createServer([application], limits=limits)
            reactor.addSystemEventTrigger("before", "shutdown", server.close)
            ports.append(await server.listen("tcp:0:interface=127.0.0.1:backlog=1000"))
        return ports

    serveUntilInputEnds(listen)


if __name__ == "__main__":
    main()
