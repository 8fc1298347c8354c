"""Tests of L{jetjstp.smokesignal.localip}."""

from __future__ import annotations

from typing import Any

import ifaddr
from ifaddr import IP, Adapter
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.smokesignal.localip import localIp


class LocalIpTests(SynchronousTestCase):
    """L{localIp}, on a machine with three interfaces."""

    def setUp(self) -> None:
        """Make up the interfaces."""
        self.adapters = [
            Adapter("lo", "lo", [IP("127.0.0.1", 8, "lo"), IP(("::1", 0, 0), 128, "lo")]),
            Adapter("eth0", "eth0", [IP("192.168.2.17", 24, "eth0"), IP(("fe80::1", 0, 2), 64, "eth0")], index=2),
            Adapter("eth1", "eth1", [IP("10.1.2.3", 8, "eth1"), IP(("2001:db8::5", 0, 0), 64, "eth1")], index=3),
        ]
        self.patch(ifaddr, "get_adapters", lambda: self.adapters)

    def test_bits(self) -> None:
        """A subnet may be written with the number of its bits."""
        self.assertEqual(localIp("192.168.2.0/24"), "192.168.2.17")
        self.assertEqual(localIp("10.0.0.0/8"), "10.1.2.3")

    def test_mask(self) -> None:
        """A subnet may be written with its mask, behind any address that lies in it."""
        self.assertEqual(localIp("192.168.2.1/255.255.255.0"), "192.168.2.17")

    def test_one(self) -> None:
        """An address alone is a subnet of one."""
        self.assertEqual(localIp("127.0.0.1"), "127.0.0.1")

    def test_six(self) -> None:
        """IPv6 works too, without the addresses that mean nothing to other machines."""
        self.assertEqual(localIp("2001:db8::/32"), "2001:db8::5")
        with self.assertRaises(LookupError):
            localIp("fe80::/10")

    def test_none(self) -> None:
        """The error lists what the machine has, with the interfaces."""
        with self.assertRaises(LookupError) as caught:
            localIp("192.168.3.0/24")
        self.assertEqual(
            str(caught.exception),
            "this machine has no address in 192.168.3.0/24; it has: 127.0.0.1 (lo), ::1 (lo), 192.168.2.17 (eth0), "
            "10.1.2.3 (eth1), 2001:db8::5 (eth1)",
        )

    def test_nothing(self) -> None:
        """A machine without any address says so."""
        self.adapters.clear()
        with self.assertRaises(LookupError) as caught:
            localIp("0.0.0.0/0")
        self.assertIn("it has: none at all", str(caught.exception))

    def test_noSubnet(self) -> None:
        """What is no subnet is refused with both ways to write one."""
        wrong: Any
        for wrong in ("", "192.168.2/24", "eth0", "192.168.2.0/33", "192.168.2.0/255.0.255.0"):
            with self.assertRaises(ValueError) as caught:
                localIp(wrong)
            self.assertIn('write it like "192.168.2.0/24" or "192.168.2.1/255.255.255.0"', str(caught.exception))
        wrong = 24
        with self.assertRaises(TypeError):
            localIp(wrong)


class RealTests(SynchronousTestCase):
    """L{localIp}, on this machine."""

    def test_loopback(self) -> None:
        """The loopback interface is found."""
        self.assertEqual(localIp("127.0.0.0/8"), "127.0.0.1")
