"""
Tests for L{jetjstp.tcpnet.connection}, on real sockets.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

from jetjstp import tcpnet
from jetjstp.errors import LocalProtocolError
from tests.sockets.nodes import LOOPBACK, NodesTestCase, reactor


class ConnectionTests(NodesTestCase):
    """Two nodes and the connection between them."""

    async def pair(self, **options: Any) -> tuple[Any, Any]:
        """The two ends of a connection."""
        one, two = self.node("AA", **options), self.node("BB", **options)
        ends = gatherResults([self.next(one, "connection"), self.next(two, "connection")])
        await one.listen(0, LOOPBACK)
        await two.listen(0, LOOPBACK)
        first, second = await ends
        return first, second

    def collect(self, connection: Any) -> bytearray:
        """What a connection receives."""
        received = bytearray()
        connection.on("data", received.extend)
        return received

    async def test_bothWays(self) -> None:
        """Both sides may write at once."""
        first, second = await self.pair()
        self.assertTrue(first.write(b"one"))
        self.assertTrue(second.write(bytearray(b"two")))
        there, here = self.collect(second), self.collect(first)
        await self.until(lambda: (bytes(there), bytes(here)) == (b"one", b"two"))

    async def test_earlyBytes(self) -> None:
        """What comes before anybody listens is kept, in order, however much it is."""
        first, second = await self.pair()
        sent = bytes(range(256)) * 4096
        first.write(sent)
        await deferLater(reactor, 0.05)
        received = bytearray()

        def take(data: bytes) -> None:
            received.extend(data)

        second.on("data", take)

        self.assertEqual(received, b"")
        first.write(b"end")
        await self.until(lambda: len(received) == len(sent) + 3)
        self.assertEqual(received, sent + b"end")

    async def test_lostWithoutReader(self) -> None:
        """Who never listens to data hears all the same that the connection is over."""
        first, second = await self.pair()
        first.write(b"unheard")
        await deferLater(reactor, 0.02)
        closed = self.next(second, "close")
        first.end()
        await closed

    async def test_earlyBytesAtTheEnd(self) -> None:
        """What came before the end is told before it."""
        first, second = await self.pair()
        events: list[Any] = []
        first.end(b"last words")
        second.on("close", lambda: events.append("close"))
        second.on("data", events.append)
        await self.until(lambda: "close" in events)
        self.assertEqual(events, [b"last words", "close"])

    async def test_halves(self) -> None:
        """After the end of one direction the other one still works, as far as it was written."""
        first, second = await self.pair()
        heard = self.collect(first)
        big = b"x" * 3_000_000
        second.write(big)
        first.end(b"bye")
        closed = gatherResults([self.next(first, "close"), self.next(second, "close")])
        there = self.collect(second)
        await closed
        self.assertEqual((len(heard), there), (len(big), b"bye"))

    async def test_writeAfterEnd(self) -> None:
        """To write after one's own end is a mistake; after that of the other side, or of all, it is ignored."""
        first, second = await self.pair()
        first.end()
        first.end()
        self.assertRaises(LocalProtocolError, first.write, b"more")
        await self.next(second, "close")
        self.assertFalse(second.write(b"more"))

    async def test_onlyBytes(self) -> None:
        """Text is refused, with the remedy."""
        first, _ = await self.pair()
        error = self.assertRaises(TypeError, first.write, "text")
        self.assertIn("text.encode()", str(error))
        self.assertRaises(TypeError, first.write, 5)

    async def test_pause(self) -> None:
        """While paused nothing is told; afterwards all of it is."""
        first, second = await self.pair()
        received = self.collect(second)
        second.pause()
        first.write(b"a" * 500_000)
        await deferLater(reactor, 0.05)
        self.assertEqual(received, b"")
        second.resume()
        await self.until(lambda: len(received) == 500_000)

    async def test_pauseInData(self) -> None:
        """A handler of data may pause: the next piece comes after resume."""
        first, second = await self.pair()
        received: list[bytes] = []

        def take(data: bytes) -> None:
            received.append(data)
            second.pause()
            reactor.callLater(0.001, second.resume)

        second.on("data", take)

        first.write(b"b" * 300_000)
        await self.until(lambda: sum(map(len, received)) == 300_000)

    async def test_backPressure(self) -> None:
        """Above the mark write says so, and drain tells when to go on; nothing is lost."""
        first, second = await self.pair()
        second.pause()
        received = self.collect(second)
        written = 0
        while first.write(b"c" * 65536):
            written += 65536
            self.assertLess(written, 50_000_000)
        written += 65536
        drained = self.next(first, "drain")
        self.assertFalse(drained.called)
        second.resume()
        await drained
        self.assertTrue(first.write(b"d"))
        await self.until(lambda: len(received) == written + 1)

    async def test_hardLimit(self) -> None:
        """Who reads nothing and is written to beyond the hard limit is dropped, and that is an error."""
        first, second = await self.pair(limits=tcpnet.Limits(highWater=1000, hardLimit=2_000_000))
        second.on("error", lambda error: None)
        second.pause()
        failed, closed = self.next(first, "error"), self.next(first, "close")
        for _ in range(1000):
            first.write(b"e" * 65536)
        self.assertIn("hardLimit", str(await failed))
        await closed
        second.resume()

    async def test_events(self) -> None:
        """Names of events are checked, and once is once."""
        first, second = await self.pair()
        self.assertRaises(ValueError, first.on, "datum", print)
        heard: list[bytes] = []

        def take(data: bytes) -> None:
            heard.append(data)

        second.once("data", take)

        first.write(b"one")
        await self.until(lambda: heard)
        first.write(b"two")
        await deferLater(reactor, 0.02)
        self.assertEqual(heard, [b"one"])
