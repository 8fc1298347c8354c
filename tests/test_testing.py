"""
Tests for L{jetjstp.testing}, which is public: what others rely on in their own
tests.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IPushProducer, IStreamServerEndpoint, ITransport
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from jetjstp import smokesignal
from jetjstp.framing import LengthPrefixed
from jetjstp.jet.daemon import Daemon
from jetjstp.jet.limits import Limits
from jetjstp.jstp import Application as JstpApplication
from jetjstp.jstp import SimpleSessionStorageProvider
from jetjstp.jstp import net as jstpNet
from jetjstp.testing import BUFFER, MemoryDaemon, MemoryEndpoint, MemoryNetwork, MemoryServer


class DaemonTests(SynchronousTestCase):
    """A daemon and peers in memory."""

    def test_docstring(self) -> None:
        """The example of the module's docstring works."""
        daemon = MemoryDaemon()
        owner, reader = daemon.connect(), daemon.connect()
        owner.send({"id": 1, "method": "add", "params": {"path": "a", "value": 1}})
        reader.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
        self.assertEqual(
            reader.take(),
            [{"id": 1, "result": True}, {"method": "f", "params": {"path": "a", "event": "add", "value": 1}}],
        )

    def test_options(self) -> None:
        """Options go to the daemon; the real one is at hand, and so is its clock."""
        memory = MemoryDaemon(name="kitchen", limits=Limits(message=100))
        peer = memory.connect()
        peer.send({"id": 1, "method": "info"})
        self.assertEqual(peer.take()[0]["result"]["name"], "kitchen")
        self.assertIsInstance(memory.daemon, Daemon)
        self.assertIsInstance(memory.clock, Clock)

    def test_time(self) -> None:
        """Time passes only when the clock is advanced."""
        memory = MemoryDaemon()
        owner, peer = memory.connect(), memory.connect()
        owner.send({"method": "add", "params": {"path": "m"}})
        peer.send({"id": 1, "method": "call", "params": {"path": "m", "timeout": 3}})
        memory.clock.advance(2.9)
        self.assertEqual(peer.take(), [])
        memory.clock.advance(0.1)
        self.assertEqual(peer.take()[0]["error"]["code"], -32001)

    def test_host(self) -> None:
        """A peer is from the host that it says, and none is the same as another one."""
        memory = MemoryDaemon()
        memory.connect("198.51.100.1")
        memory.connect()
        memory.connect()
        peers = memory.daemon.peers
        self.assertEqual([peer.address for peer in peers], ["198.51.100.1", "192.0.2.2", "192.0.2.2"])
        self.assertEqual(len({peer.id for peer in peers}), 3)

    def test_closed(self) -> None:
        """When the daemon closes, peers notice, and new ones find nobody."""
        memory = MemoryDaemon()
        peer = memory.connect()
        self.successResultOf(memory.daemon.close())
        self.assertFalse(peer.connected)
        self.assertRaises(ConnectionRefusedError, memory.connect)


class PeerTests(SynchronousTestCase):
    """What a peer by hand can do."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon()
        self.peer = self.memory.connect()

    def test_send(self) -> None:
        """Messages are frames of their own, and are answered before the call returns."""
        self.peer.send({"id": 1, "method": "echo", "params": "ä"}, {"id": 2, "method": "echo", "params": [1]})
        answers = [{"id": 1, "result": "ä"}, {"id": 2, "result": [1]}]
        self.assertEqual(self.peer.received, answers)
        self.assertEqual(self.peer.take(), answers)
        self.assertEqual(self.peer.take(), [])

    def test_longIntegers(self) -> None:
        """An integer too long for Python's reader does not harm who sends it."""
        self.peer.sendText('{"id":1,"method":"echo","params":[1%s,2]}' % ("0" * 5000))
        (answer,) = self.peer.take()
        self.assertEqual(answer["result"][1], 2)
        self.assertTrue(self.peer.connected)

    def test_sendText(self) -> None:
        """Any text can be sent as a frame, JSON or not."""
        self.peer.sendText('{"id":1,"method":"echo"}')
        self.peer.sendText(b"\xff")
        self.assertEqual([message.get("id") for message in self.peer.take()], [1, None])

    def test_sendBytes(self) -> None:
        """Any bytes can be sent, however they are cut."""
        frame = LengthPrefixed.pack(b'{"id":1,"method":"echo"}')
        for index in range(len(frame)):
            self.assertEqual(self.peer.take(), [])
            self.peer.sendBytes(frame[index : index + 1])
        self.assertEqual(self.peer.take(), [{"id": 1, "result": True}])

    def test_disconnect(self) -> None:
        """A peer that disconnects is gone; what it sends afterwards is not heard."""
        self.peer.disconnect()
        self.assertFalse(self.peer.connected)
        self.assertEqual(self.memory.daemon.peers, [])
        self.peer.send({"id": 1, "method": "info"})
        self.peer.disconnect()
        self.assertEqual(self.peer.take(), [])

    def test_dropped(self) -> None:
        """A peer that the daemon drops notices it."""
        self.peer.sendBytes(b"\xff" * 4)
        self.assertFalse(self.peer.connected)

    def test_stopReading(self) -> None:
        """What a peer does not read stays in the transport; it gets everything when it reads again, in order."""
        self.peer.stopReading()
        for number in range(20):
            self.peer.send({"id": number, "method": "echo", "params": "x" * 20_000})
        self.assertEqual(self.peer.take(), [])
        self.assertLess(len(self.peer.transport.unread), BUFFER + 21_000)
        self.peer.startReading()
        self.assertEqual([message["id"] for message in self.peer.take()], list(range(20)))
        self.peer.send({"id": 20, "method": "echo"})
        self.assertEqual(self.peer.take(), [{"id": 20, "result": True}])

    def test_pausedDaemon(self) -> None:
        """While the daemon does not read, what a peer sends is kept, and heard later."""
        self.peer.transport.pauseProducing()
        self.peer.send({"id": 1, "method": "echo"})
        self.peer.send({"id": 2, "method": "echo"})
        self.assertEqual(self.peer.take(), [])
        self.peer.transport.resumeProducing()
        self.assertEqual([message["id"] for message in self.peer.take()], [1, 2])


class TransportTests(SynchronousTestCase):
    """The made-up wire behaves like Twisted's."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon()
        self.peer = self.memory.connect()
        self.transport = self.peer.transport

    def test_interfaces(self) -> None:
        """Everything is what it says it is."""
        verifyObject(ITransport, self.transport)
        endpoint = MemoryEndpoint()
        verifyObject(IStreamServerEndpoint, endpoint)
        port = self.successResultOf(endpoint.listen(cast(Any, None)))
        verifyObject(IListeningPort, port)
        self.assertRaises(RuntimeError, port.startListening)

    def test_producer(self) -> None:
        """A producer is paused once when there is more than the buffer, and resumed when all was read."""
        told: list[str] = []

        @implementer(IPushProducer)
        class Producer:
            def pauseProducing(self) -> None:
                told.append("pause")

            def resumeProducing(self) -> None:
                told.append("resume")

            def stopProducing(self) -> None:
                told.append("stop")

        self.transport.unregisterProducer()
        self.transport.registerProducer(Producer(), True)
        self.peer.stopReading()
        frame = LengthPrefixed.pack(b'"%b"' % (b"x" * BUFFER))
        self.transport.writeSequence([frame[:100], frame[100:BUFFER]])
        self.assertEqual(told, [])
        self.transport.write(frame[BUFFER:])
        self.transport.write(frame)
        self.assertEqual(told, ["pause"])
        self.peer.startReading()
        self.assertEqual(told, ["pause", "resume"])

    def test_loseConnection(self) -> None:
        """Losing a connection waits until what was written is read; aborting it does not, and throws that away."""
        for how, isOpen in (("loseConnection", True), ("abortConnection", False)):
            peer = self.memory.connect()
            peer.stopReading()
            peer.transport.write(LengthPrefixed.pack(b"1"))
            getattr(peer.transport, how)()
            self.assertEqual(peer.connected, isOpen)
            peer.startReading()
            self.assertFalse(peer.connected)
            self.assertEqual(peer.take(), [1] if isOpen else [])

    def test_afterTheEnd(self) -> None:
        """What is written after the end goes nowhere."""
        self.peer.disconnect()
        self.transport.write(LengthPrefixed.pack(b"1"))
        self.transport.stopProducing()
        self.assertEqual(self.peer.take(), [])

    def test_refused(self) -> None:
        """A factory that does not want a connection, or an endpoint where nothing listens, refuses it."""
        memory = MemoryDaemon(limits=Limits(connections=1))
        memory.connect()
        self.assertRaises(ConnectionRefusedError, memory.connect)
        self.assertRaises(ConnectionRefusedError, MemoryEndpoint().connect)

    def test_stopListening(self) -> None:
        """When the port stops listening, peers that are connected stay; the endpoint can be listened at again."""
        endpoint = MemoryEndpoint()
        daemon = Daemon(reactor=Clock())
        (port,) = self.successResultOf(daemon.listen(endpoints=[endpoint]))
        peer = endpoint.connect()
        self.successResultOf(cast(Any, port.stopListening()))
        self.assertRaises(ConnectionRefusedError, endpoint.connect)
        self.assertTrue(peer.connected)
        self.successResultOf(daemon.listen(endpoints=[endpoint]))
        self.assertTrue(endpoint.connect().connected)


class ServerTests(SynchronousTestCase):
    """A JSTP server in memory."""

    def setUp(self) -> None:
        """Start one, with a method and an event."""
        self.heard: list[Any] = []
        self.storage: list[SimpleSessionStorageProvider] = []
        self.memory = MemoryServer(self.makeServer)

    def makeServer(self, clock: Clock) -> Any:
        """As a program would."""
        if not self.storage:
            self.storage.append(SimpleSessionStorageProvider(reactor=clock))
        sums = JstpApplication(
            "sums",
            {"calc": {"add": lambda connection, a, b: a + b, "where": lambda connection: connection.remoteAddress}},
            {"calc": {"done": lambda connection: self.heard.append(connection.username)}},
        )
        return jstpNet.createServer([sums], sessionStorageProvider=self.storage[0], reactor=clock)

    def test_conversation(self) -> None:
        """Clients connect, call and are told; each from the host that the test says."""
        memory = self.memory
        connection, proxies = self.successResultOf(memory.connectAndInspect("sums", None, ["calc"], host="192.0.2.9"))
        adding, asking = proxies["calc"].add(1, 2), proxies["calc"].where()
        proxies["calc"].emit("done")
        proxies["calc"].on("news", self.heard.append)
        memory.server.broadcast("calc", "news", 5)
        self.assertNoResult(adding)
        memory.flush()
        self.assertEqual((self.successResultOf(adding), self.successResultOf(asking)), (3, "192.0.2.9"))
        self.assertEqual(self.heard, [None, 5])
        closing = connection.close()
        memory.flush()
        self.successResultOf(closing)
        memory.stop()
        self.storage[0].close()
        self.assertEqual(memory.clock.getDelayedCalls(), [])

    def test_cut(self) -> None:
        """What was lost with a connection is sent again when the client is back."""
        connection = self.successResultOf(self.memory.connect("sums"))
        adding = connection.callMethod("calc", "add", [1, 2])
        self.memory.cut()
        self.assertNoResult(adding)
        self.memory.clock.advance(2.1)
        self.assertEqual(self.successResultOf(adding), [3])

    def test_restart(self) -> None:
        """A server that is stopped refuses connections; its successor has the sessions of its storage."""
        connection = self.successResultOf(self.memory.connect("sums"))
        session = connection.session
        self.memory.stop()
        self.failureResultOf(self.memory.connect("sums"), ConnectionRefusedError)
        adding = connection.callMethod("calc", "add", [1, 2])
        self.memory.start()
        self.memory.clock.advance(2.1)
        self.assertEqual(self.successResultOf(adding), [3])
        self.assertIs(connection.session, session)


class NetworkTests(SynchronousTestCase):
    """L{MemoryNetwork}."""

    def start(self, network: MemoryNetwork, number: int) -> smokesignal.Node:
        """Start a node."""
        node = smokesignal.createNode(
            address=f"10.0.0.{number}",
            port=8495,
            seeds=[("10.0.0.1", 8495)],
            network=network,
            reactor=network.clock,
        )
        node.start()
        network.flush()
        return node

    def test_docstring(self) -> None:
        """Nodes find each other, as the documentation says."""
        network = MemoryNetwork()
        first, second = self.start(network, 1), self.start(network, 2)
        self.assertIn(second.id, first.peerlist)

    def test_separate(self) -> None:
        """Addresses that are separated lose their connections to the others, and find them again afterwards."""
        network = MemoryNetwork()
        nodes = [self.start(network, number) for number in (1, 2, 3)]
        network.separate(["10.0.0.3"])
        self.assertEqual([len(node.peerlist) for node in nodes], [1, 1, 0])
        network.clock.pump([1.0] * 60)
        self.assertEqual([len(node.peerlist) for node in nodes], [1, 1, 0])
        network.rejoin()
        network.clock.pump([1.0] * 60)
        self.assertTrue(nodes[2].peerlist)

    def test_taken(self) -> None:
        """A place is listened at once, until it is left."""
        network = MemoryNetwork()
        factory = Factory()
        port = self.successResultOf(network.listen(factory, "10.0.0.1", 0))
        place = cast(IPv4Address, port.getHost())
        self.failureResultOf(network.listen(factory, "10.0.0.1", place.port), CannotListenError)
        port.stopListening()
        self.successResultOf(network.listen(factory, "10.0.0.1", place.port))
        self.assertRaises(RuntimeError, port.startListening)
