"""Whether the page about figures tells what there is."""

from __future__ import annotations

import re
from typing import Any, cast

from docutils import nodes
from docutils.core import publish_doctree
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.causes import Cause, Refusal
from jetjstp.figure import Figure
from jetjstp.jstp import Application, net, ws
from jetjstp.metrics.figures import Figures
from jetjstp.metrics.status import INTERVAL, statesOf
from jetjstp.metrics.website import IDLE_TIMEOUT, MOST_CONNECTIONS
from jetjstp.testing import MemoryDaemon

from .sessions import ROOT

PAGE = ROOT / "docs" / "howto" / "metrics.rst"


def figures() -> list[Figure]:
    """All that a daemon and servers of both kinds have."""
    clock = Clock()
    servers = [module.createServer([Application("app", {})], reactor=clock) for module in (net, ws)]
    return Figures(MemoryDaemon().daemon, servers).read()


class MetricsPageTests(SynchronousTestCase):
    """C{docs/howto/metrics.rst}."""

    def setUp(self) -> None:
        self.text = PAGE.read_text("utf-8")
        self.page = publish_doctree(self.text, settings_overrides={"report_level": 5})

    def table(self, heading: str) -> list[list[str]]:
        """The rows of the table that has a heading in its first column."""
        for table in self.page.findall(nodes.table):
            rows = [
                [cast(Any, cell).astext().replace("\n", " ") for cell in row.children]
                for row in table.findall(nodes.row)
            ]
            if rows[0][0] == heading:
                return rows[1:]
        raise AssertionError(f"there is no table of {heading}")

    def test_table(self) -> None:
        """The table has exactly the figures that there are, in their order, with kind, labels and explanation."""
        expected: dict[str, list[str]] = {}
        for figure in figures():
            row = expected.setdefault(figure.name, [figure.name, figure.kind, "none", figure.help])
            for label, word in figure.labels:
                row[2] = f"{label}: {word}" if row[2] == "none" else f"{row[2]}, {word}"
        self.assertEqual(self.table("name"), list(expected.values()))

    def test_words(self) -> None:
        """Each cause and each reason is explained."""
        for word in (*Cause, *Refusal):
            self.assertIn(f"``{word.value}``:", self.text)

    def test_alarms(self) -> None:
        """The figures of the examples exist, with the labels and words that they are given."""
        known = figures()
        used = re.findall(r"jetjstp_(j\w+?)(_total)?(?:\{(\w+)=~?\"([^\"]+)\"\})?(?=[ [`])", self.text)
        self.assertGreater(len(used), 4)
        for name, total, label, words in used:
            same = [figure for figure in known if figure.name == name]
            self.assertNotEqual(same, [], name)
            self.assertEqual(bool(total), same[0].kind == "counter", name)
            for word in words.split("|") if words else ():
                self.assertIn(((label, word),), [figure.labels for figure in same])

    def test_states(self) -> None:
        """The states of the examples exist, with those members."""
        shown = statesOf(figures())
        rows = re.findall(r"^``\$daemon/(\S+)`` +``(.*)``$", self.text, re.MULTILINE)
        self.assertEqual(len(rows), 3)
        for path, value in rows:
            state = shown[path]
            self.assertEqual(re.findall(r'"(\w+)"', value), list(state) if isinstance(state, dict) else [])

    def test_limits(self) -> None:
        """The numbers of the page are those of the code."""
        self.assertIn(f"At most {MOST_CONNECTIONS} connections", self.text)
        self.assertIn(f"silent for {IDLE_TIMEOUT:.0f} seconds", self.text)
        self.assertEqual(INTERVAL, 1.0)
