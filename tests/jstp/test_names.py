"""Tests of the names of L{jetjstp.jstp}."""

from __future__ import annotations

import pickle
from importlib import import_module

from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jstp


class NamesTests(SynchronousTestCase):
    """What applications import."""

    def test_all(self) -> None:
        """Every public name is there, and is told by C{dir}."""
        for name in jstp.__all__:
            self.assertIsNotNone(getattr(jstp, name))
            self.assertIn(name, dir(jstp))

    def test_modules(self) -> None:
        """The transports are modules with the functions of the npm package."""
        for module in (jstp.net, jstp.ws):
            for name in ("connect", "connectAndInspect", "createServer", "reconnect"):
                self.assertTrue(callable(getattr(module, name)))
        self.assertIs(jstp.mdsf, import_module("jetjstp.jstp.mdsf"))

    def test_unknown(self) -> None:
        """Any other name is an error that says so."""
        error = self.assertRaises(AttributeError, getattr, jstp, "createSever")
        self.assertIn("createSever", str(error))

    def test_hints(self) -> None:
        """Who looks for a name in the wrong place is told the right one."""
        for name, word in (("createServer", "net.createServer"), ("parse", "mdsf"), ("tls", "tls:host:port")):
            self.assertIn(word, str(self.assertRaises(AttributeError, getattr, jstp, name)))

    def test_pickled(self) -> None:
        """What is made of public names survives pickling."""
        self.assertIs(pickle.loads(pickle.dumps(jstp.UNDEFINED)), jstp.UNDEFINED)
        self.assertEqual(pickle.loads(pickle.dumps(jstp.Results(1, "two"))), jstp.Results(1, "two"))
