"""Tests of L{jetjstp.smokesignal.createNode}: what can be given, and what is refused."""

from __future__ import annotations

import math
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp import smokesignal
from jetjstp.smokesignal import createNode
from jetjstp.smokesignal.checking import checkSeeds
from jetjstp.testing import MemoryNetwork


class NamesTests(SynchronousTestCase):
    """The public names."""

    def test_all(self) -> None:
        """Each public name is there, and found by C{dir}."""
        for name in smokesignal.__all__:
            self.assertIsNotNone(getattr(smokesignal, name))
            self.assertIn(name, dir(smokesignal))

    def test_unknown(self) -> None:
        """A name that is not there is an error that names it."""
        with self.assertRaises(AttributeError) as caught:
            smokesignal.createnode  # noqa: B018
        self.assertIn("createnode", str(caught.exception))


class OptionsTests(SynchronousTestCase):
    """Options of all kinds."""

    def make(self, **options: Any) -> smokesignal.Node:
        """Make a node in memory."""
        network = MemoryNetwork()
        return createNode(**{"address": "10.0.0.1", "network": network, "reactor": network.clock, **options})

    def assertWrong(self, kind: type[Exception], message: str, **options: Any) -> None:
        """The options are refused, with an error that begins like that."""
        with self.assertRaises(kind) as caught:
            self.make(**options)
        self.assertEqual(str(caught.exception)[: len(message)], message)

    def test_defaults(self) -> None:
        """Only the address is needed; the id has twelve characters and is another one each time."""
        nodes = [self.make() for _ in range(2)]
        self.assertEqual((nodes[0].address, nodes[0].port, nodes[0].isRunning), ("10.0.0.1", 0, False))
        self.assertNotEqual(nodes[0].id, nodes[1].id)
        self.assertEqual(len(nodes[0].id), 12)
        self.assertIs(nodes[0].peers, nodes[0].peerlist)

    def test_all(self) -> None:
        """Everything can be given at once."""
        node = self.make(
            port=8495,
            seeds=[{"address": "10.0.0.2", "port": 8495}, ("10.0.0.3", 8495)],
            minPeerNo=1,
            maxPeerNo=math.inf,
            pingTimeout=2,
            logger=None,
            dialect="0.2",
            interface="",
            dialPolicy=lambda address, port, why: True,
            limits=smokesignal.Limits(line=1000),
            tickInterval=5.0,
        )
        self.assertEqual(node.port, 8495)

    def test_globalReactor(self) -> None:
        """Without a reactor it is the global one, and nothing happens before the start."""
        self.assertFalse(createNode(address="127.0.0.1").isRunning)

    def test_optionsObject(self) -> None:
        """The seeds' options object is refused with the keywords."""
        options: Any = {"address": "10.0.0.1", "port": 1}
        with self.assertRaises(TypeError) as caught:
            createNode(options)
        self.assertIn("createNode(address=..., port=..., seeds=[...])", str(caught.exception))

    def test_address(self) -> None:
        """The address is an IP address that others can dial; if it is missing, the error tells how to find it."""
        with self.assertRaises(TypeError) as caught:
            createNode(port=8495)
        self.assertIn('smokesignal.localIp("192.168.2.0/24")', str(caught.exception))
        self.assertWrong(TypeError, "address must be a string", address=17)
        self.assertWrong(ValueError, "address: 'localhost' is no IP address", address="localhost")
        self.assertWrong(ValueError, "address: '10.0.0.0/8' is no IP address", address="10.0.0.0/8")
        self.assertWrong(ValueError, "address: nobody can dial 0.0.0.0", address="0.0.0.0")
        self.assertWrong(ValueError, "address: 224.0.0.1 is an address of many", address="224.0.0.1")
        self.assertEqual(self.make(address="2001:DB8:0::1").address, "2001:db8::1")

    def test_port(self) -> None:
        """The port is a number from 0 to 65535."""
        self.assertWrong(TypeError, "port must be a number, not '80'; did you mean 80?", port="80")
        self.assertWrong(TypeError, "port must be a number", port=True)
        self.assertWrong(ValueError, "port: 65536 is no port", port=65536)
        self.assertWrong(ValueError, "port: -1 is no port", port=-1)

    def test_numbers(self) -> None:
        """The numbers of peers are whole, positive and in order."""
        self.assertWrong(TypeError, "minPeerNo must be a whole number", minPeerNo=1.5)
        self.assertWrong(ValueError, "minPeerNo: 0 is out of range", minPeerNo=0)
        self.assertWrong(TypeError, "maxPeerNo must be a whole number or math.inf", maxPeerNo="5")
        self.assertWrong(ValueError, "maxPeerNo: 2 is less than minPeerNo, 3", maxPeerNo=2)

    def test_milliseconds(self) -> None:
        """Milliseconds are told from seconds."""
        self.assertWrong(ValueError, "pingTimeout: 3000 is out of range; seconds; did you mean 3.0?", pingTimeout=3000)
        self.assertWrong(ValueError, "pingTimeout: 0 is out of range", pingTimeout=0)
        self.assertWrong(TypeError, "pingTimeout: '3' is not a number", pingTimeout="3")
        self.assertWrong(
            ValueError, "tickInterval: 10000 is out of range; seconds; did you mean 10.0?", tickInterval=10000
        )

    def test_dialect(self) -> None:
        """There are three dialects, and numbers are none."""
        self.assertWrong(ValueError, 'dialect must be "both", "0.1" or "0.2", not \'0.3\'', dialect="0.3")
        self.assertWrong(ValueError, 'dialect must be "both", "0.1" or "0.2", with quotes, not 0.2', dialect=0.2)

    def test_others(self) -> None:
        """What is of another kind is named."""
        self.assertWrong(TypeError, "logger must have methods", logger=17)
        self.assertWrong(TypeError, "dialPolicy must be a function", dialPolicy="yes")
        self.assertWrong(TypeError, "limits must be smokesignal.Limits", limits={"line": 1})
        self.assertWrong(TypeError, "network must have listen and connect, not 'tcp'", network="tcp")
        self.assertWrong(TypeError, "interface must be an IP address", interface=0)
        self.assertWrong(ValueError, "interface: 'eth0' is no IP address", interface="eth0")
        self.assertWrong(TypeError, "tlsOptions are a dict", tlsOptions=True)
        self.assertWrong(
            ValueError, "tlsOptions has no cert; it has certificate, key, trustRoot", tlsOptions={"cert": 1}
        )
        self.assertWrong(ValueError, "tlsOptions needs trustRoot", tlsOptions={"certificate": "x"})


class SeedsTests(SynchronousTestCase):
    """L{checkSeeds}."""

    def test_forms(self) -> None:
        """A seed is a dict or a pair, with an address in any spelling or a name; what is twice there counts once."""
        seeds = checkSeeds(
            [
                {"address": "192.168.2.100", "port": 13},
                ("192.168.2.100", 13),
                ("2001:DB8::0:1", 13),
                ["seed.example.org", 13],
            ]
        )
        self.assertEqual(seeds, [("192.168.2.100", 13), ("2001:db8::1", 13), ("seed.example.org", 13)])
        self.assertEqual(seeds[0].address, "192.168.2.100")

    def test_wrong(self) -> None:
        """What is no seed is named."""
        for seeds, kind, words in (
            ("10.0.0.1:80", TypeError, "seeds must be a list"),
            ({"address": "10.0.0.1", "port": 80}, TypeError, "seeds must be a list"),
            (None, TypeError, "seeds must be a list"),
            (["10.0.0.1:80"], TypeError, "seed '10.0.0.1:80' must be"),
            ([{"address": "10.0.0.1"}], ValueError, "must have address and port, and nothing else"),
            ([("10.0.0.1", "80")], TypeError, "the port of seed ('10.0.0.1', '80') must be a number"),
            ([("10.0.0.1", 0)], ValueError, "is no port"),
            ([(None, 80)], TypeError, "must be a string"),
            ([("", 80)], ValueError, "neither an IP address nor the name of a host"),
            ([("http://seed", 80)], ValueError, "neither an IP address nor the name of a host"),
        ):
            with self.assertRaises(kind) as caught:
                checkSeeds(seeds)
            self.assertIn(words, str(caught.exception))
