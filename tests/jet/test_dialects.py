"""
Tests for L{jetjstp.jet.dialects}.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.dialects import NODE_JET_2, Channel, Dialect
from jetjstp.jet.errors import PARSE_ERROR

PATH = 'a "b"\\\n\ud800ä'

VALUE = b'{"x": [1e400, "\\ud800"]}'


class NodeJet2Tests(SynchronousTestCase):
    """What node-jet 2 and lua-jet are sent."""

    dialect: Dialect = NODE_JET_2

    def read(self, text: bytes) -> Any:
        """The JSON of a text, which has to be UTF-8."""
        return json.loads(text.decode("utf-8"))

    def test_responses(self) -> None:
        """Ids and results are the text that they came in; a service without a result of its own says true."""
        self.assertEqual(self.dialect.result(b"1.50", VALUE), b'{"id":1.50,"result":' + VALUE + b"}")
        self.assertEqual(self.dialect.success, b"true")

    def test_errors(self) -> None:
        """An error has the id of its request, or none where none could be read."""
        self.assertEqual(self.dialect.error(b'"x"', b"{}"), b'{"id":"x","error":{}}')
        parse = self.read(self.dialect.error(None, PARSE_ERROR))
        self.assertEqual(parse, {"error": {"code": -32700, "message": "Parse error", "data": {}}})

    def test_routedSet(self) -> None:
        """A set reaches the owner with the path as its method; what the requester did not give is not there."""
        self.assertEqual(
            self.read(self.dialect.routedSet(b'"r1"', PATH, VALUE, b"true")),
            {"id": "r1", "method": PATH, "params": {"value": json.loads(VALUE), "valueAsResult": True}},
        )
        self.assertEqual(self.read(self.dialect.routedSet(None, "s", None, b"0"))["params"], {"valueAsResult": 0})
        self.assertEqual(
            self.read(self.dialect.routedSet(None, "s", b"1", None)), {"method": "s", "params": {"value": 1}}
        )
        self.assertEqual(self.read(self.dialect.routedSet(None, "s", None, None))["params"], {})

    def test_routedCall(self) -> None:
        """Absent arguments reach the owner as the empty list; without an id nobody waits for the answer."""
        self.assertEqual(
            self.read(self.dialect.routedCall(b'"r1"', PATH, b'{"a":1}')),
            {"id": "r1", "method": PATH, "params": {"a": 1}},
        )
        self.assertEqual(self.read(self.dialect.routedCall(None, "m", None)), {"method": "m", "params": []})

    def test_added(self) -> None:
        """An add has the value, unless it is of a method, and the flag, if there is one."""
        state = {"path": "s", "event": "add", "value": None}
        self.assertEqual(self.read(self.dialect.added("s", b"null", False)), state)
        self.assertEqual(self.read(self.dialect.added("s", b"null", True)), {**state, "fetchOnly": True})
        method = {"path": PATH, "event": "add"}
        self.assertEqual(self.read(self.dialect.added(PATH, None, False)), method)
        self.assertEqual(self.read(self.dialect.added(PATH, None, True)), {**method, "fetchOnly": True})

    def test_changedAndRemoved(self) -> None:
        """These have the value, unless it is of a method, and never a flag."""
        self.assertEqual(self.read(self.dialect.changed(PATH, b"1")), {"path": PATH, "event": "change", "value": 1})
        self.assertEqual(self.read(self.dialect.removed("s", b"1")), {"path": "s", "event": "remove", "value": 1})
        self.assertEqual(self.read(self.dialect.removed("m", None)), {"path": "m", "event": "remove"})
        self.assertIn(VALUE, self.dialect.changed("s", VALUE))

    def test_window(self) -> None:
        """A sorted notification has the length of the window and the entries that differ, each with its position."""
        entries = [self.dialect.entry("s", b"1", 2, False), self.dialect.entry(PATH, None, 3, True)]
        expected = {
            "n": 3,
            "changes": [{"path": "s", "index": 2, "value": 1}, {"path": PATH, "index": 3, "fetchOnly": True}],
        }
        self.assertEqual(self.read(self.dialect.window(entries, 3)), expected)
        self.assertEqual(self.dialect.window([], 0), b'{"n":0,"changes":[]}')


class ChannelTests(SynchronousTestCase):
    """Notifications that look the same."""

    def test_frame(self) -> None:
        """A frame is what the link makes of the notification; the id is the text that it came in."""
        for id, expected in ((b'"f"', "f"), (b"1.0", 1.0)):
            channel = Channel(NODE_JET_2, lambda message: b"<" + message + b">", id)
            frame = channel.frameOf(NODE_JET_2.changed("s", b"1"))
            self.assertEqual((frame[:1], frame[-1:]), (b"<", b">"))
            params = {"path": "s", "event": "change", "value": 1}
            self.assertEqual(json.loads(frame[1:-1]), {"method": expected, "params": params})
            self.assertIn(b":" + id + b",", frame)
