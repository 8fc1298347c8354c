"""
Packets, and the lines that carry them.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.smokesignal.addresses import DefaultDialPolicy, isSameHost, portOf
from jetjstp.smokesignal.ids import isNodeId, newId
from jetjstp.smokesignal.messages import MessageError, chunkOf, chunkText, eventOf, requestOf
from jetjstp.smokesignal.packets import LineReader, ownPacket
from jetjstp.smokesignal.seen import SeenTable


class LineTests(SynchronousTestCase):
    """What is read of a line, and what it is forwarded as."""

    def frameOf(self, raw: bytes) -> tuple[str, bytes]:
        """The hash and the frame of a line."""
        reader = LineReader()
        reader.idOf(raw)
        line = reader.read()
        assert line is not None
        return reader.hashOf(line)

    def test_normalLinesAreKept(self) -> None:
        """What is normal already is forwarded as it came, whatever is in it."""
        values: list[object] = [
            ["chat", "x", 1.5],
            "aGk=",
            ["\u00e9\u2028", {"1": 2, "a": None}],
            ["\ud800"],
            [[], {}],
            0,
        ]
        for data in values:
            id, frame = ownPacket("broadcast", "me", data, Random(1))
            hash, again = self.frameOf(frame[:-1])
            self.assertEqual(again, frame)
            self.assertEqual(id.split("-")[2], hash)

    def test_othersAreNormalised(self) -> None:
        """White space, odd numbers and duplicate members do not survive, other members and their order do."""
        _, frame = self.frameOf(b' ["smoke", "broadcast",{"x":1.0,"data":["a", 1e2],"id":"a-b-c","id":"d-e-f"}]\r')
        self.assertEqual(frame, b'["smoke","broadcast",{"x":1,"data":["a",100],"id":"d-e-f"}]\n')
        _, frame = self.frameOf(b'["smoke","broadcast",{"id":"a-b-c","data":"x","data":"y"}]')
        self.assertEqual(frame, b'["smoke","broadcast",{"id":"a-b-c","data":"y"}]\n')

    def test_idWithoutReading(self) -> None:
        """The id of a usual line is found before the line is read."""
        reader = LineReader()
        self.assertEqual(reader.idOf(b'["smoke","ping",{"id":"a-b-c","data":garbage'), "a-b-c")
        for raw in (b'["smoke","ping",{"id":"\\u0061","data":1}]', b'["smoke","pong",{"id":"a","data":1}]', b"\xff"):
            self.assertIsNone(reader.idOf(raw))

    def test_data(self) -> None:
        """Both alphabets of base64 are read, with or without padding; nothing else is."""
        for text in ("_-8=", "_-8", "/+8=", "/+8"):
            self.assertEqual(chunkOf(text), b"\xff\xef")
        self.assertEqual(chunkOf(""), b"")
        for wrong in ("a", "a b=", "===", "\u00e9", 5, None):
            self.assertRaises(MessageError, chunkOf, wrong)
        self.assertEqual(chunkOf(chunkText(bytes(range(256)))), bytes(range(256)))

    def test_events(self) -> None:
        """Events to one peer are read nested and flat."""
        self.assertEqual(eventOf(["smoke", "event", ["hi", 1]]), ["hi", 1])
        self.assertEqual(eventOf(["smoke", "event", "hi", 1]), ["hi", 1])
        self.assertEqual(eventOf(["smoke", "event", "hi"]), ["hi"])
        values: list[object] = [[], [1], {}]
        for wrong in values:
            self.assertRaises(MessageError, eventOf, ["smoke", "event", wrong])

    def test_requests(self) -> None:
        """Only whom one can dial may ask; a float that is an integer is one in JSON."""
        request = {"id": "a", "remoteAddress": "::1", "remotePort": 80.0}
        self.assertEqual(requestOf(request), ("a", "::1", 80))
        for change in (
            {"id": "a-b"},
            {"id": 1},
            {"id": ""},
            {"id": "x" * 65},
            {"remoteAddress": "localhost"},
            {"remoteAddress": 1},
            {"remotePort": "80"},
            {"remotePort": 80.5},
            {"remotePort": True},
            {"remotePort": 0},
            {"remotePort": 65536},
        ):
            self.assertRaises(MessageError, requestOf, {**request, **change})


class TableTests(SynchronousTestCase):
    """Ids, addresses, and the table of packets."""

    def test_ids(self) -> None:
        """New ids are those of nodes, and all different."""
        ids = {newId(Random(seed)) for seed in range(100)}
        self.assertEqual(len(ids), 100)
        self.assertTrue(all(len(id) == 12 and isNodeId(id) for id in ids))

    def test_seen(self) -> None:
        """An id is remembered for a minute, and the oldest is forgotten if there are too many."""
        seen = SeenTable(2)
        self.assertFalse(seen.add("a", 0.0))
        self.assertTrue(seen.has("a", 59.9))
        self.assertFalse(seen.has("a", 60.0))
        self.assertEqual([seen.add(id, 61.0) for id in "bcd"], [False, False, True])
        self.assertEqual([seen.has(id, 61.0) for id in "bcd"], [False, True, True])
        self.assertEqual(len(seen), 2)

    def test_addresses(self) -> None:
        """Spellings of one address are one; all loopback addresses are one host; ports are whole numbers."""
        self.assertTrue(isSameHost("::ffff:10.0.0.1", "10.0.0.1"))
        self.assertTrue(isSameHost("::1", "127.0.0.5"))
        self.assertFalse(isSameHost("10.0.0.1", "10.0.0.2"))
        self.assertFalse(isSameHost("host", "host"))
        self.assertEqual([portOf(value) for value in (80, 80.0, 80.5, "80", None, -1)], [80, 80, *[None] * 4])

    def test_policy(self) -> None:
        """Addresses of nobody and of everybody are not dialled, nor is loopback from elsewhere."""
        outside, inside = DefaultDialPolicy("10.0.0.1"), DefaultDialPolicy("127.0.0.1")
        for address in ("10.1.2.3", "8.8.8.8", "2001:4860::1", "fd00::1"):
            self.assertTrue(outside(address, 80, "pong"), address)
        for address in (
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "169.254.1.1",
            "::",
            "ff02::1",
        ):
            self.assertFalse(outside(address, 80, "pong"), address)
            self.assertFalse(inside(address, 80, "pong"), address)
        for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            self.assertFalse(outside(address, 80, "pong"), address)
            self.assertTrue(inside(address, 80, "pong"), address)
        self.assertFalse(outside("fe80::1", 80, "pong"))
        self.assertFalse(outside("10.1.2.3", 0, "pong"))
