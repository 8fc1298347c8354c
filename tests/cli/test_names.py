"""The public names of C{jetjstp.jet}, which are imported when they are used: a command starts fast."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet

ROOT = Path(__file__).resolve().parent.parent.parent


class NamesTests(SynchronousTestCase):
    """What C{jetjstp.jet} has."""

    def test_complete(self) -> None:
        """Each public name is there, the same each time, listed, and is what type checkers take it for."""
        self.assertEqual(set(jet.__all__) - set(dir(jet)), set())
        homes = {}
        for node in ast.walk(ast.parse(Path(jet.__file__).read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("jetjstp.jet."):
                homes.update({alias.name: node.module for alias in node.names})
        self.assertEqual(sorted(homes), jet.__all__)
        for name, home in homes.items():
            found = getattr(jet, name)
            self.assertIs(found, getattr(jet, name))
            self.assertEqual(found.__module__, home)

    def test_star(self) -> None:
        """All of them can be imported at once."""
        names: dict[str, object] = {}
        exec("from jetjstp.jet import *", names)
        self.assertEqual(set(jet.__all__) - set(names), set())

    def test_unknown(self) -> None:
        """Another name is an error that names it and the module."""
        error = self.assertRaises(AttributeError, getattr, jet, "Pear")
        self.assertEqual(str(error), "module 'jetjstp.jet' has no attribute 'Pear'")
        self.assertRaises(ImportError, exec, "from jetjstp.jet import Pear")

    def test_pickled(self) -> None:
        """What is made of them can be pickled."""
        limits = jet.Limits()
        self.assertEqual(pickle.loads(pickle.dumps(limits)), limits)

    def test_light(self) -> None:
        """The package alone loads neither Twisted's reactor nor Autobahn, and an error class no daemon."""
        code = "import sys; from jetjstp import jet; jet.NotFound; print(*sys.modules)"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        printed = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
        heavy = {"autobahn", "twisted.internet.reactor", "jetjstp.jet.daemon", "jetjstp.jet.peer"}
        self.assertEqual(heavy & set(printed.split()), set())
