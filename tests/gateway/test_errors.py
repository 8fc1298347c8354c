"""Tests for errors on their way between Jet and JSTP."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jstp
from jetjstp.gateway.errors import jetErrorOf, jstpErrorOf


class ErrorTests(SynchronousTestCase):
    """What an error becomes."""

    def test_unsayable(self) -> None:
        """An error that MDSF cannot say is an internal one."""
        error = jstpErrorOf(b'{"code":5,"message":"x","data":1e999}')
        self.assertEqual(error.code, -32603)
        self.assertIn("out of range", str(error.info))

    def test_messages(self) -> None:
        """A message that is none is left out."""
        self.assertEqual(jstpErrorOf(b'{"code":5,"message":[1]}').toList(), [5])
        self.assertEqual(jstpErrorOf(b'{"code":true}').toList(), [-32603, "Internal error", {"code": True}])

    def test_back(self) -> None:
        """Whatever an owner fails with is an error object with code, message and data."""
        for error in (
            jstp.RemoteError(5, "x", [jstp.UNDEFINED]),
            jstp.RemoteError(5, "x", [float("nan")]),
            jstp.RemoteError(14, "x", [1]),
            jstp.RemoteError.fromList([[1], {"a": 1}]),
            jstp.RemoteError.fromList([]),
            jstp.ConnectionNotOpen("closed"),
            jstp.CallbackLost(),
        ):
            found = json.loads(jetErrorOf(error, "a/b"))
            self.assertEqual(found.keys(), {"code", "message", "data"})
            self.assertIs(type(found["code"]), int)
            self.assertIs(type(found["message"]), str)
