"""
Tests for L{jetjstp.tcpnet.service}: nodes on real sockets that find each other in memory.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from zope.interface.verify import verifyObject

from jetjstp import tcpnet
from jetjstp.discovery import Found
from tests.sockets.nodes import LOOPBACK, NodesTestCase, reactor


class ListenTests(NodesTestCase):
    """The life of a node."""

    async def test_address(self) -> None:
        """Before listening and after closing there is no address."""
        node = self.node("AA")
        self.assertIsNone(node.address())
        listening = self.next(node, "listening")
        called: list[int] = []
        address = await node.listen(0, LOOPBACK, lambda: called.append(1))
        await listening
        self.assertEqual(called, [1])
        self.assertEqual(node.address(), address)
        self.assertEqual(address.addresses, (LOOPBACK,))
        closed = node.close()
        self.assertIsNone(node.address())
        await closed

    async def test_port(self) -> None:
        """The port may be given, and is free again at the end."""
        first = self.node("AA")
        port = (await first.listen(0, LOOPBACK)).port
        await first.close()
        self.assertEqual((await self.node("AA").listen(port, LOOPBACK)).port, port)

    async def test_hostNames(self) -> None:
        """An address may be a name; IPv6 is one, too."""
        self.assertIn((await self.node("AA").listen(0, "localhost")).addresses[0], (LOOPBACK, "::1"))
        self.assertEqual((await self.node("BB").listen(0, "::1")).addresses, ("::1",))

    async def test_defaults(self) -> None:
        """What is empty or missing means the default, as in the original."""
        address = await self.node("AA").listen(None, "")
        self.assertGreater(address.port, 0)

    def test_wrongArguments(self) -> None:
        """Wrong types are refused at once, with the messages of the original; milliseconds are no ports."""
        node = self.node("AA")
        for address in (5, b"127.0.0.1", ["a"]):
            error = self.assertRaises(TypeError, node.listen, 0, address)
            self.assertEqual(str(error), "address must be a string")
        for port in ("80", 1.5, True, False):
            error = self.assertRaises(TypeError, node.listen, port)
            self.assertEqual(str(error), "port must be a number")
        self.assertRaises(ValueError, node.listen, 65536)
        self.assertRaises(TypeError, tcpnet.tcpnet, None)

    async def test_takenPort(self) -> None:
        """A port that is taken fails the listening, which may then be tried again."""
        [first] = await self.start("AA")
        node = self.node("BB")
        await self.assertFailure(node.listen(first.address().port, LOOPBACK), CannotListenError)
        self.assertIsNone(node.address())
        await node.listen(0, LOOPBACK)
        await self.complete(first, node)

    async def test_callbackOfAFailure(self) -> None:
        """The callback of a listening that fails is not called when another one succeeds."""
        [first] = await self.start("AA")
        node = self.node("BB")
        called: list[str] = []
        await self.assertFailure(
            node.listen(first.address().port, LOOPBACK, lambda: called.append("first")), CannotListenError
        )
        await node.listen(0, LOOPBACK, lambda: called.append("second"))
        self.assertEqual(called, ["second"])

    async def test_unknownName(self) -> None:
        """A name that there is not fails the listening."""
        await self.assertFailure(self.node("AA").listen(0, "no-such-host.invalid"), OSError)

    async def test_uuidInUse(self) -> None:
        """A second node of the same uuid does not listen, and disturbs nobody."""
        first, other = await self.start("AA", "BB")
        await self.complete(first, other)
        await self.assertFailure(self.node("aa").listen(0, LOOPBACK), tcpnet.UuidInUse)
        self.assertEqual(list(other.services), ["AA"])
        self.assertEqual(len(first.connections), 1)

    async def test_twice(self) -> None:
        """A node listens once, and not again after it was closed."""
        [node] = await self.start("AA")
        self.assertRaises(tcpnet.ServiceStateError, node.listen)
        await node.close()
        error = self.assertRaises(tcpnet.ServiceStateError, node.listen)
        self.assertIn("make another one", str(error))

    async def test_closeEarly(self) -> None:
        """A node may be closed before it listens, and while it is about to."""
        node = self.node("AA")
        await node.close()
        node = self.node("AA")
        listening = node.listen(0, "localhost")
        closed = node.close()
        await self.assertFailure(listening, CancelledError)
        await closed
        self.assertEqual(self.memory.announced, {})

    async def test_cancel(self) -> None:
        """Who does not wait for the listening any more has closed the node."""
        node = self.node("AA")
        listening = node.listen(0, "localhost")
        listening.cancel()
        await self.assertFailure(listening, CancelledError)
        await node.close()
        self.assertEqual(self.memory.announced, {})

    async def test_closeInListening(self) -> None:
        """A node may be closed by a handler of listening: it connects to nobody."""
        await self.start("BB")
        node = self.node("AA", lambda connection: self.fail("connected"))
        node.on("listening", node.close)
        await node.listen(0, LOOPBACK)
        await node.close()

    async def test_listeningFirst(self) -> None:
        """There is no connection before listening, on neither side."""
        events: list[str] = []
        [first] = await self.start("AA")
        node = self.node("BB", lambda connection: events.append("connection"))
        node.on("listening", lambda: events.append("listening"))
        await node.listen(0, LOOPBACK)
        await self.complete(first, node)
        self.assertEqual(events, ["listening", "connection"])

    async def test_asService(self) -> None:
        """As a service of an application it listens when started, and closes when stopped."""
        [first] = await self.start("AA")
        node = self.node("BB")
        service = node.asService(0, LOOPBACK)
        verifyObject(IService, service)
        service.startService()
        await self.complete(first, node)
        await service.stopService()
        await self.until(lambda: not first.connections)


class MeshTests(NodesTestCase):
    """Who is connected with whom."""

    async def test_everyPairOnce(self) -> None:
        """Thirty nodes that start at once have one connection for each pair."""
        nodes = [self.node(f"{number:02X}") for number in range(30)]
        await gatherResults([node.listen(0, LOOPBACK) for node in nodes])
        await self.complete(*nodes)
        for node in nodes:
            dialled = [connection for connection in node.connections if connection.dialled]
            self.assertEqual(len(dialled), 29 - int(node.uuid, 16))
        self.assertEqual(self.errors, [])

    async def test_whoIsWho(self) -> None:
        """Who has dialled knows the other node; who was dialled does if only one can have done it."""
        one, two = await self.start("AA", "BB")
        await self.complete(one, two)
        [dialled], [accepted] = one.connections, two.connections
        self.assertEqual((dialled.dialled, dialled.remoteUuid), (True, "BB"))
        self.assertEqual((accepted.dialled, accepted.remoteUuid), (False, "AA"))
        self.assertEqual((dialled.remoteAddress, dialled.remotePort), (LOOPBACK, two.address().port))
        self.assertEqual(two.services, {"AA": one.address()})

    async def test_upAndDown(self) -> None:
        """It is told who is announced, and who is not any more."""
        [first] = await self.start("AA")
        told: list[Any] = []
        first.on("up", lambda uuid: told.append(("up", uuid)))
        first.on("down", lambda uuid: told.append(("down", uuid)))
        [second] = await self.start("BB")
        await self.complete(first, second)
        await second.close()
        await self.until(lambda: len(told) == 2)
        self.assertEqual(told, [("up", "BB"), ("down", "BB")])
        self.assertEqual(first.services, {})

    async def test_dropped(self) -> None:
        """A connection that ends while both nodes run is made again, whichever side has ended it."""
        one, two = await self.start("AA", "BB")
        await self.complete(one, two)
        for end in (lambda: one.connections[0].end(), lambda: two.connections[0].end()):
            again = gatherResults([self.next(one, "connection"), self.next(two, "connection")])
            end()
            await again
            await self.complete(one, two)

    async def test_aborted(self) -> None:
        """A connection that is torn tells both sides in its own way, and is made again."""
        one, two = await self.start("AA", "BB")
        await self.complete(one, two)
        [torn], [other] = one.connections, two.connections
        torn.on("error", self.errors.append)
        lost = gatherResults([self.next(torn, "close"), self.next(other, "error"), self.next(other, "close")])
        again = self.next(one, "connection")
        torn.abort()
        self.assertIsInstance((await lost)[1], tcpnet.ConnectionLost)
        await again
        self.assertEqual(self.errors, [])

    async def test_restartElsewhere(self) -> None:
        """A node that comes back with the same uuid on another port is connected again, with or without a goodbye."""
        [first] = await self.start("AA")
        for _ in range(2):
            [second] = await self.start("BB")
            await self.complete(first, second)
            await second.close()
            await self.until(lambda: not first.connections)

    async def test_killedAndStartedAnew(self) -> None:
        """A node that was killed, and starts anew with its port and another uuid, is connected once."""
        [first, second] = await self.start("AA", "C1")
        await self.complete(first, second)
        port = second.address().port
        await second.close()
        # Its announcement is not withdrawn: to the others it is still there.
        self.memory.show("_test._tcp", Found("C0", (LOOPBACK,), port))
        again = self.node("C2")
        await again.listen(port, LOOPBACK)
        await self.until(lambda: list(first.services) == ["C2"])
        await self.until(lambda: [each.remoteUuid for each in first.connections] == ["C2"])
        await self.until(lambda: len(again.connections) == 1)

    async def test_vanished(self) -> None:
        """Who is announced and not there is an error, once, and is found when it is there again."""
        [first] = await self.start("AA")
        with socket.socket() as taken:
            taken.bind((LOOPBACK, 0))  # and not listening: whoever dials is refused
            self.memory.show("_test._tcp", Found("BB", (LOOPBACK,), taken.getsockname()[1]))
            await self.until(lambda: self.errors)
        [error] = self.errors
        self.assertIsInstance(error, tcpnet.DialFailed)
        self.assertIn("BB", str(error))
        del self.memory.announced["_test._tcp", "BB"]
        [second] = await self.start("BB")
        self.memory.show("_test._tcp", Found("BB", (LOOPBACK, "::1"), second.address().port))
        await self.complete(first, second)
        self.assertEqual(len(self.errors), 1)

    async def test_severalAddresses(self) -> None:
        """All addresses of a node are tried, in order."""
        [second] = await self.start("BB")
        found = self.memory.announced["_test._tcp", "BB"]
        self.memory.show("_test._tcp", found._replace(addresses=("::1", "127.0.0.2", LOOPBACK)))
        [first] = await self.start("AA")
        await self.complete(first, second)
        self.assertEqual(self.errors, [])

    async def test_strangers(self) -> None:
        """What is no node, or nowhere we could go, is not dialled."""
        [first] = await self.start("AA")
        self.memory.show("_test._tcp", Found("My Printer", (LOOPBACK,), 9))
        self.memory.show("_test._tcp", Found("BB", ("203.0.113.1",), 9))
        await self.until(lambda: self.errors)
        self.assertIn("no address in a network of this host", str(self.errors[0]))
        self.assertEqual(list(first.services), ["BB"])

    async def test_accepting(self) -> None:
        """Connections beyond the limits are refused."""
        node = self.node("AA", limits=tcpnet.Limits(acceptedPerAddress=2))
        address = await node.listen(0, LOOPBACK)
        sockets = [socket.create_connection((LOOPBACK, address.port)) for _ in range(3)]
        for each in sockets:
            self.addCleanup(each.close)
            each.setblocking(False)
        await self.until(lambda: len(node.connections) == 2)
        refused: list[bool] = []

        def isRefused() -> bool:
            try:
                refused.append(sockets[2].recv(1) == b"")
            except BlockingIOError:
                return False
            except ConnectionResetError:
                refused.append(True)
            return True

        await self.until(isRefused)
        self.assertEqual((refused, len(node.connections)), ([True], 2))


class CloseTests(NodesTestCase):
    """The end of a node."""

    async def test_callbacks(self) -> None:
        """Callbacks may be coroutines, raise, and come after the end; the Deferred fires nevertheless."""
        called: list[str] = []

        async def coroutine() -> None:
            called.append("coroutine")

        def raising() -> None:
            called.append("raising")
            raise RuntimeError("raised")

        [node] = await self.start("AA")
        for callback in (raising, coroutine):
            node.close(callback)
        await node.close()
        await node.close(lambda: called.append("late"))
        self.assertEqual(called, ["raising", "coroutine", "late"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_all(self) -> None:
        """Announcement and connections are gone when it is closed; the others hear of it; the event comes, too."""
        one, two, three = await self.start("AA", "BB", "CC")
        await self.complete(one, two, three)
        ends = [self.next(connection, "close") for connection in two.connections]
        closed = self.next(two, "close")
        called: list[int] = []
        await two.close(lambda: called.append(1))
        self.assertTrue(closed.called and all(end.called for end in ends))
        self.assertEqual((two.connections, called), ((), [1]))
        await two.close()
        await self.complete(one, three)
        self.assertNotIn(("_test._tcp", "BB"), self.memory.announced)

    async def test_halfOpen(self) -> None:
        """Who keeps its half of a connection open holds the end up for five seconds, not longer."""
        node = self.node("AA")
        address = await node.listen(0, LOOPBACK)
        with socket.create_connection((LOOPBACK, address.port)):
            await self.until(lambda: node.connections)
            node.connections[0].on("error", self.errors.append)
            began = reactor.seconds()
            await node.close()
            self.assertTrue(4.5 < reactor.seconds() - began < 8)
        self.assertEqual(self.errors, [])


class Greeter(Protocol):
    """Says something, and keeps what it hears."""

    def connectionMade(self) -> None:
        self.heard = b""
        assert self.transport is not None
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data


class ProtocolFactoryTests(NodesTestCase):
    """The application's own protocols."""

    def hasHeard(self, protocol: Greeter) -> bool:
        """Whether the greeting has come."""
        return protocol.heard == b"hello"

    async def test_class(self) -> None:
        """A protocol class is enough; its protocols are the connections."""
        one, two = await self.start("AA", "BB", protocolFactory=Greeter)
        await self.complete(one, two)
        for node in (one, two):
            [protocol] = node.connections
            self.assertIsInstance(protocol, Greeter)
            await self.until(partial(self.hasHeard, protocol))

    async def test_factory(self) -> None:
        """A factory will do; what it makes is what the event carries; the other side may be without."""
        factory = Factory.forProtocol(Greeter)
        factory.noisy = False
        [one] = await self.start("AA", protocolFactory=factory)
        two = self.node("BB")
        heard = self.next(two, "connection")
        made = self.next(one, "connection")
        await two.listen(0, LOOPBACK)
        self.assertIs((await made).factory, factory)
        self.assertEqual(await self.next(await heard, "data"), b"hello")

    async def test_healsAndCloses(self) -> None:
        """A connection that such a protocol ends is made again, and closing ends it."""
        one, two = await self.start("AA", "BB", protocolFactory=Greeter)
        await self.complete(one, two)
        again = self.next(one, "connection")
        two.connections[0].transport.loseConnection()
        await again
        await one.close()
        self.assertEqual(one.connections, ())

    async def test_raising(self) -> None:
        """Protocols that raise harm their own connections only: they end, are made anew, and closing is not kept up."""

        class Raising(Protocol):
            made = 0

            def connectionMade(self) -> None:
                Raising.made += 1
                raise RuntimeError("made")

            def connectionLost(self, reason: Any = None) -> None:
                raise RuntimeError("lost")

        one, two = await self.start("AA", "BB", protocolFactory=Raising)
        while Raising.made < 4:
            await self.next(one, "connection")
        await gatherResults([one.close(), two.close()])
        self.assertEqual((one.connections, two.connections), ((), ()))
        self.assertGreaterEqual(len(self.flushLoggedErrors(RuntimeError)), 4)

    def test_wrong(self) -> None:
        """Anything else is refused."""
        self.assertRaises(TypeError, self.node, "AA", protocolFactory="Greeter")
