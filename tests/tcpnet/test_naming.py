"""
Tests for L{jetjstp.tcpnet.naming}, with what the original's functions said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis.strategies import text
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.tcpnet.naming import checkUuid, dials, isUuid, newUuid, readSettings, serviceType

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "tcpnet"

uuids = text("0123456789ABCDEF", min_size=1, max_size=63)


def linesOf(name: str) -> Iterator[dict[str, Any]]:
    """The lines of a file of vectors."""
    for line in (VECTORS / name).read_text("utf-8").splitlines():
        yield json.loads(line)


class DialRuleTests(SynchronousTestCase):
    """Who dials."""

    def test_vectors(self) -> None:
        """Between nodes we decide as the original does; what is no node is none for us."""
        seen = 0
        for line in linesOf("dial-rule.jsonl"):
            seen += 1
            if "remoteDials" not in line:
                self.assertFalse(isUuid(line["remote"]), line)
                continue
            self.assertEqual(dials(line["self"], line["remote"]), line["selfDials"], line)
            self.assertEqual(dials(line["remote"], line["self"]), line["remoteDials"], line)
        self.assertEqual(seen, 31)

    @given(uuids, uuids)
    def test_exactlyOne(self, one: str, other: str) -> None:
        """Of two different nodes exactly one dials, of two equal ones none."""
        self.assertEqual(dials(one, other) + dials(other, one), int(one != other))

    @given(uuids, uuids, uuids)
    def test_order(self, one: str, two: str, three: str) -> None:
        """The rule is an order: there is always a node that dials all others."""
        if dials(one, two) and dials(two, three):
            self.assertTrue(dials(one, three))


class ServiceTypeTests(SynchronousTestCase):
    """Names of services."""

    def test_vectors(self) -> None:
        """Names become types as in the original, except those that DNS-SD does not allow."""
        refused = []
        for line in linesOf("service-type.jsonl"):
            try:
                type = serviceType(line["name"])
            except ValueError:
                if "error" not in line:
                    refused.append(line["name"])
            else:
                self.assertEqual(type, line.get("type"), line)
        self.assertEqual(refused, ["12345", "-a", "a-", "a--b"])

    def test_messages(self) -> None:
        """The error names the name, and what is wrong with it."""
        error = self.assertRaises(ValueError, serviceType, "sixteen-letters-")
        self.assertEqual(
            str(error), "service name must be 1 to 15 characters of a-z, A-Z, 0-9 and '-', not 'sixteen-letters-'"
        )
        error = self.assertRaises(ValueError, serviceType, "a--b")
        self.assertIn("DNS-SD", str(error))


class SettingsTests(SynchronousTestCase):
    """The first argument of a service."""

    def assertTypeError(self, settings: Any, message: str) -> None:
        """The settings are refused with just that message."""
        self.assertEqual(str(self.assertRaises(TypeError, readSettings, settings)), message)

    def test_wrongTypes(self) -> None:
        """Wrong types are refused with the messages of the original."""
        for settings in (None, 5, ["a"], object(), b"a"):
            self.assertTypeError(settings, "first argument must be a string or an object")
        for settings in ({}, {"name": 5}, {"name": None, "uuid": "AA"}):
            self.assertTypeError(settings, "service name must be a string type")
        for uuid in (5, b"AA", False):
            self.assertTypeError({"name": "a", "uuid": uuid}, "service uuid must be a string type")
        for digits in ("", "xyz", "AA BB", "AA\n"):
            self.assertTypeError({"name": "a", "uuid": digits}, "service uuid must be a hex string")

    def test_read(self) -> None:
        """A name alone will do; a uuid becomes upper case; the settings of the caller stay as they are."""
        self.assertEqual(readSettings("my-cluster"), ("my-cluster", "_my-cluster._tcp", None))
        given = {"name": "_x", "uuid": "aa01"}
        self.assertEqual(readSettings(given), ("_x", "_x._tcp", "AA01"))
        self.assertEqual(given, {"name": "_x", "uuid": "aa01"})

    def test_longUuid(self) -> None:
        """A uuid has 63 digits at most."""
        self.assertEqual(checkUuid("a" * 63), "A" * 63)
        self.assertIn("at most 63", str(self.assertRaises(ValueError, checkUuid, "a" * 64)))

    def test_newUuid(self) -> None:
        """Made uuids have 52 digits, and are not the same."""
        made = {newUuid() for _ in range(100)}
        self.assertEqual(len(made), 100)
        for uuid in made:
            self.assertEqual(len(uuid), 52)
            self.assertTrue(isUuid(uuid))
