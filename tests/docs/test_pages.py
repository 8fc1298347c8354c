"""Whether the pages can be read, by people who see them as web pages, too."""

from __future__ import annotations

import re

from docutils.core import publish_doctree
from docutils.nodes import reference
from twisted.trial.unittest import SynchronousTestCase

from .sessions import ROOT

PAGES = sorted(
    {
        *ROOT.glob("*.rst"),
        *ROOT.glob("docs/**/*.rst"),
        ROOT / "benchmarks" / "README.rst",
        ROOT / "deploy" / "README.rst",
    }
)

QUIET = {"report_level": 5, "halt_level": 2, "syntax_highlight": "none", "file_insertion_enabled": False}
"""What is wrong is raised; nothing is printed."""


class PagesTests(SynchronousTestCase):
    """All pages."""

    def test_valid(self) -> None:
        """Every page is valid reStructuredText, and what it links to within the project is there."""
        for page in PAGES:
            tree = publish_doctree(page.read_text("utf-8"), str(page), settings_overrides=QUIET)
            for link in tree.findall(reference):
                target = str(link.get("refuri", "")).partition("#")[0]
                if target and not re.match(r"[a-z]+:", target):
                    self.assertTrue((page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}")
