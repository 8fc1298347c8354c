"""Tests of L{jetjstp.jstp.versions}."""

from __future__ import annotations

import itertools
import time
from typing import Any

import nodesemver
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.versions import (
    Version,
    checkRange,
    choose,
    isVersion,
    latest,
    parseApp,
    parseVersion,
    splitName,
)

VERSIONS = [
    "0.0.3",
    "0.0.4",
    "0.1.0",
    "0.2.3",
    "1.0.0",
    "1.1.0",
    "1.1.5",
    "1.2.3-alpha.7",
    "1.2.3-beta",
    "1.2.3",
    "1.10.0",
    "2.0.0-rc.1",
    "2.0.0",
    "2.1.0",
    "3.0.0-beta.1",
]

CHOSEN_BY_NPM: dict[str, str | None] = {
    "*": "2.1.0",
    "x": "2.1.0",
    "X.x": "2.1.0",
    "1": "1.10.0",
    "1.x": "1.10.0",
    "1.2.*": "1.2.3",
    "1.X.X": "1.10.0",
    ">=1.0.0": "2.1.0",
    "> 1.0.0 < 1.10.0": "1.2.3",
    ">1": "2.1.0",
    ">1.1": "2.1.0",
    "<=1.1": "1.1.5",
    "<1.1": "1.0.0",
    "<2.0.0": "1.10.0",
    "=1.1.0": "1.1.0",
    "= 1.1": "1.1.5",
    "^1.2.0": "1.10.0",
    "^0.2.0": "0.2.3",
    "^0.0.3": "0.0.3",
    "^0.1": "0.1.0",
    "^0": "0.2.3",
    "^ 1.1.0": "1.10.0",
    "~1.1": "1.1.5",
    "~ 1.1.0": "1.1.5",
    "~>1.1": "1.1.5",
    "~0.0.3": "0.0.4",
    "~1.2.3-alpha.1": "1.2.3",
    "^1.2.3-alpha.1": "1.10.0",
    ">=1.2.3-alpha.1 <1.2.3": "1.2.3-beta",
    ">1.2.3-alpha.7 <2.0.0": "1.10.0",
    "^3.0.0-beta.0": "3.0.0-beta.1",
    "^3.0.0-beta.2": None,
    ">=2.0.0-rc.0": "2.1.0",
    "<3.0.0": "2.1.0",
    "1.0.0 - 1.1.3": "1.1.0",
    "1.0 - 1.1": "1.1.5",
    "1.x - 2.x": "2.1.0",
    "0.0.3 || 0.1.0": "0.1.0",
    "^4.0.0 || ~0.2.1": "0.2.3",
    "||": "2.1.0",
    "1.1.0||": "2.1.0",
    "1.1.0 1.1.5": None,
    " 1.1.0 ": "1.1.0",
    "1.1.0\n": "1.1.0",
    "\u00a01.1.0\ufeff": "1.1.0",
    ">x": None,
    "<*": None,
    ">=*": "2.1.0",
    "*1.0.0": "1.0.0",
    "^0.0.3--a": "0.0.3",
    ">=9007199254740991.0.0": None,
    "v1": "1.10.0",
    ">=v1.1.0 <v2": "1.10.0",
}
"""What C{semver} 6.3.2 for Node chooses of L{VERSIONS}."""

NO_RANGES = [
    "not a range",
    "latest",
    "01.0.0",
    "1.0.0.0",
    "!1.0.0",
    "1.0.0 -",
    "**",
    "9007199254740992.0.0",
    "^9007199254740991.0.0",
    "1.0.0 \x1c||2",
    "1.0.0\x85",
    "\u0661.0.0",
    "^",
    "~",
    ">=",
    "==1.1.0",
    "V1",
    "1.1.0 || nonsense",
    "1.0.0 || " * 30 + "1.0.0",
    "1" * 257,
]
"""What that library (the last two: ours, because of their length) takes for no range."""

NO_VERSIONS: list[Any] = [
    "",
    "1",
    "1.0",
    "1.0.0.0",
    "01.0.0",
    "1.0.0-01",
    "1.0.0-",
    "=1.0.0",
    " 1.0.0",
    "1.0.0\n",
    "^1.0.0",
    "latest",
    "9007199254740992.0.0",
    "1.0.0-" + "a" * 260,
    "\u0661.0.0",
    None,
    1,
]

RECORDED = ["1.0.0", "1.1.0", "1.1.5", "2.0.0", "3.0.0-beta.1"]

small = st.integers(0, 3).map(str)
numbers = st.tuples(small, small, small).map(".".join)
prereleases = st.lists(st.sampled_from(["0", "1", "10", "a", "b", "a-1", "0a"]), max_size=3).map(
    lambda parts: "-" + ".".join(parts) if parts else ""
)
builds = st.sampled_from(["", "", "", "+x"])
versions = st.tuples(numbers, prereleases, builds).map("".join)
partial = st.lists(st.sampled_from(["0", "1", "2", "x", "*"]), min_size=1, max_size=3).map(".".join)
operands = versions | partial
comparators = st.tuples(st.sampled_from(["", "=", "<", "<=", ">", ">=", "^", "~", "~>"]), operands).map("".join)
conjunctions = st.lists(comparators, min_size=1, max_size=3).map(" ".join) | st.tuples(operands, operands).map(
    " - ".join
)
ranges = st.lists(conjunctions, min_size=1, max_size=3).map(" || ".join)


def byBruteForce(registered: list[str], requested: str) -> str | None:
    """What the rules say, by trying each version on its own and comparing any two."""
    best = None
    for version in registered:
        isIn = nodesemver.satisfies(version, requested, loose=False)
        if isIn and (best is None or nodesemver.compare(version, best, loose=False) > 0):
            best = version
    return best


class ParseVersionTests(SynchronousTestCase):
    """L{parseVersion}."""

    def test_parts(self) -> None:
        """The numbers are there, whatever else the text holds."""
        self.assertEqual(parseVersion("1.20.3"), Version(1, 20, 3))
        self.assertEqual(parseVersion("v1.20.3+build.01")[:4], (1, 20, 3, True))
        self.assertEqual(parseVersion("3.0.0-beta.1")[:4], (3, 0, 0, False))

    def test_order(self) -> None:
        """Versions compare as semantic versions do."""
        inOrder = [
            "0.9.9",
            "1.0.0-1",
            "1.0.0-10",
            "1.0.0--",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-rc.2",
            "1.0.0-rc.11",
            "1.0.0",
            "1.9.0",
            "1.10.0",
            "9007199254740991.0.0",
        ]
        for lower, higher in itertools.combinations(map(parseVersion, inOrder), 2):
            self.assertLess(lower, higher)

    def test_buildsAreEqual(self) -> None:
        """What follows a plus sign makes no difference."""
        self.assertEqual(parseVersion("1.0.0-a+1"), parseVersion("1.0.0-a+2"))

    def test_refused(self) -> None:
        """What is no exact version is refused, by name."""
        for text in NO_VERSIONS:
            error = self.assertRaises(ValueError, parseVersion, text)
            self.assertIn(repr(text)[:70], str(error))
            self.assertLess(len(str(error)), 150)

    def test_isVersion(self) -> None:
        """Exact versions are told from ranges and from anything else."""
        for text in [*VERSIONS, "v1.0.0", "1.0.0+x"]:
            self.assertTrue(isVersion(text), text)
        for text in [text for text in NO_VERSIONS if isinstance(text, str)]:
            self.assertFalse(isVersion(text), text)

    @given(st.lists(versions, min_size=2, max_size=2))
    def test_orderIsThatOfNpm(self, pair: list[str]) -> None:
        """Any two versions compare as npm compares them."""
        one, other = map(parseVersion, pair)
        self.assertEqual((one > other) - (one < other), nodesemver.compare(*pair, loose=False))


class CheckRangeTests(SynchronousTestCase):
    """L{checkRange}."""

    def test_ranges(self) -> None:
        """Ranges pass, and exact versions are ranges, too."""
        for text in [*CHOSEN_BY_NPM, *VERSIONS, "v1.0.0", ""]:
            checkRange(text)

    def test_refused(self) -> None:
        """What is no range is refused, by name, shortened if it is long."""
        for text in [*NO_RANGES, None, 1]:
            error = self.assertRaises(ValueError, checkRange, text)
            self.assertIn(repr(text)[:70], str(error))
            self.assertLess(len(str(error)), 150)


class ChooseTests(SynchronousTestCase):
    """L{choose}."""

    def test_asNpm(self) -> None:
        """Of each range, the same version is chosen as by npm, however the versions are ordered."""
        for text, chosen in CHOSEN_BY_NPM.items():
            self.assertEqual(choose(VERSIONS, text), chosen, text)
            self.assertEqual(choose(VERSIONS[::-1], text), chosen, text)

    def test_noRange(self) -> None:
        """What is no range finds nothing."""
        for text in NO_RANGES:
            self.assertIsNone(choose(VERSIONS, text), text)

    def test_nothingRequested(self) -> None:
        """Without a request, or with an empty one, it is the greatest version, though a prerelease."""
        self.assertEqual(choose(RECORDED, None), "3.0.0-beta.1")
        self.assertEqual(choose(RECORDED, ""), "3.0.0-beta.1")

    def test_exact(self) -> None:
        """An exact version is found under its text and under no other that means the same."""
        self.assertEqual(choose(RECORDED, "1.1.0"), "1.1.0")
        self.assertEqual(choose(RECORDED, "3.0.0-beta.1"), "3.0.0-beta.1")
        for text in ["v1.1.0", "1.1.0+x", "1.0.1"]:
            self.assertIsNone(choose(RECORDED, text), text)
        self.assertEqual(choose(["v1.1.0"], "v1.1.0"), "v1.1.0")
        self.assertIsNone(choose(["v1.1.0"], "1.1.0"))
        self.assertEqual(choose(["v1.1.0"], "=1.1.0"), "v1.1.0")

    def test_equalVersions(self) -> None:
        """Of versions that differ only behind a plus sign, the first one is chosen."""
        self.assertEqual(choose(["1.0.0+b", "1.0.0+a"], "1.x"), "1.0.0+b")
        self.assertEqual(latest(["1.0.0+b", "1.0.0+a"]), "1.0.0+b")

    def test_nothingThere(self) -> None:
        """Of no versions, none is chosen."""
        self.assertIsNone(choose([], None))
        self.assertIsNone(choose([], "*"))
        self.assertIsNone(latest([]))

    def test_anyIterable(self) -> None:
        """The versions may be anything that can be gone through once."""
        for text, chosen in [(None, "3.0.0-beta.1"), ("1.1.0", "1.1.0"), ("1.x", "1.1.5")]:
            self.assertEqual(choose(iter(RECORDED), text), chosen)

    @given(st.lists(versions, max_size=8), ranges)
    def test_asByBruteForce(self, registered: list[str], requested: str) -> None:
        """It is the greatest of those that each satisfy the range alone."""
        if isVersion(requested):
            expected = requested if requested in registered else None
        else:
            expected = byBruteForce(registered, requested)
        self.assertEqual(choose(registered, requested), expected)

    @given(st.text(max_size=300) | st.text("0123456789.xX*^~<>=|- va+", max_size=300))
    def test_anyText(self, requested: str) -> None:
        """Whatever a peer asks for, there is an answer."""
        self.assertIn(choose(VERSIONS, requested), [None, *VERSIONS])

    def test_hostileTexts(self) -> None:
        """Texts that make regular expressions and comparisons expensive are answered soon."""
        many = [f"{major}.{minor}.{patch}" for major in range(5) for minor in range(5) for patch in range(4)]
        pieces = [
            "1||",
            " ",
            "1 ",
            "~",
            "^ ",
            "v=",
            "<",
            ">=0 ",
            "= ",
            " v=",
            "\t~\t",
            "x.",
            "-",
            "9",
            "* ",
            "~ > ",
            "0-",
        ]
        texts = [(piece * 256)[:256] for piece in pieces] + ["1" * 10_000_000]
        start = time.process_time()
        for text in texts:
            choose(many, text)
        # It takes about 0.1 s. One that goes astray would take minutes.
        self.assertLess(time.process_time() - start, 10.0)


class NameTests(SynchronousTestCase):
    """L{splitName} and L{parseApp}."""

    def test_splitName(self) -> None:
        """A name is split at its last at sign."""
        self.assertEqual(splitName("app"), ("app", None))
        self.assertEqual(splitName("app@1.0.0"), ("app", "1.0.0"))
        self.assertEqual(splitName("a@b@^1"), ("a@b", "^1"))
        self.assertEqual(splitName("app@"), ("app", None))
        self.assertEqual(splitName("@1"), ("", "1"))

    def test_forms(self) -> None:
        """All forms of an application give its name and range."""
        self.assertEqual(parseApp("app"), ("app", None))
        self.assertEqual(parseApp("app@^1.2.0"), ("app", "^1.2.0"))
        self.assertEqual(parseApp("app@"), ("app", None))
        self.assertEqual(parseApp(("app", "1.x")), ("app", "1.x"))
        self.assertEqual(parseApp(("app", None)), ("app", None))
        self.assertEqual(parseApp({"name": "app", "version": "1.x"}), ("app", "1.x"))
        self.assertEqual(parseApp({"name": "app", "version": ""}), ("app", None))
        self.assertEqual(parseApp({"name": "app"}), ("app", None))

    def test_wrongRange(self) -> None:
        """A range that is none is refused, by name."""
        forms: list[Any] = ["app@not a range", ("app", "not a range"), {"name": "app", "version": "not a range"}]
        for app in forms:
            self.assertIn("'not a range'", str(self.assertRaises(ValueError, parseApp, app)))

    def test_emptyName(self) -> None:
        """An application has a name."""
        forms: list[Any] = ["", "@1.0.0", ("", "1.0.0"), {"name": ""}]
        for app in forms:
            self.assertIn("empty", str(self.assertRaises(ValueError, parseApp, app)))

    def test_wrongForm(self) -> None:
        """Anything else is refused, and shown."""
        forms: list[Any] = [
            None,
            5,
            b"app",
            ("app",),
            ("app", "1.x", "more"),
            {},
            {"version": "1.x"},
            {"name": "app", "range": "1.x"},
            {"name": 5},
            ("app", 1),
            (None, "1.x"),
        ]
        for app in forms:
            self.assertIn(repr(app), str(self.assertRaises(TypeError, parseApp, app)))
