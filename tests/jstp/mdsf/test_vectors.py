"""
Replays the recorded vectors.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.framing import NulTerminated
from jetjstp.jstp.mdsf import MDSFSyntaxError, decodeMessage, encodeValue, parse, stringify
from tests.jstp.mdsf.vectors import linesOf, same, valueOf

OURS = {"{b:1,'1':2,a:3}": {"$entries": [["b", 1], ["1", 2], ["a", 3]]}}
"""JavaScript lists integer-like keys first; with us every key stays where it stood."""


class ParseVectorTests(SynchronousTestCase):
    """The texts of C{parse.jsonl}."""

    def test_complete(self) -> None:
        """All recorded texts are there."""
        self.assertEqual(len(linesOf("parse.jsonl")), 465)

    def test_values(self) -> None:
        """Each text gives the recorded value, with the members of objects in order; or it is an error."""
        for line in linesOf("parse.jsonl"):
            text = line["in"]
            want = line.get("want", line)
            if want.get("error"):
                with self.assertRaises(MDSFSyntaxError, msg=repr(text)) as caught:
                    parse(text)
                self.assertTrue(0 <= caught.exception.position <= len(text), text)
            else:
                value = valueOf(OURS.get(text, want["json"]))
                self.assertTrue(same(parse(text), value), f"{text!r} is read as {parse(text)!r}")

    def test_types(self) -> None:
        """What is recorded as a number beyond the integers of a double is read as a float."""
        for line in linesOf("parse.jsonl"):
            want = line.get("want", line).get("json")
            if isinstance(want, dict) and "$float" in want:
                self.assertIs(type(parse(line["in"])), float, line["in"])


class StringifyVectorTests(SynchronousTestCase):
    """The values of C{stringify.jsonl}."""

    def test_complete(self) -> None:
        """All recorded values are there, and those that Python has none of are known by their topics."""
        lines = linesOf("stringify.jsonl")
        self.assertEqual(len(lines), 194)
        skipped = Counter(line["topic"] for line in lines if line.get("js_only"))
        self.assertEqual(
            skipped,
            {"array-undefined": 3, "object-undefined": 2, "bytes": 1, "datetime": 1, "hook": 1, "js-only": 11},
        )

    def _values(self) -> list[tuple[dict[str, Any], str]]:
        return [
            (line, line["want"] if "want" in line else line["out"])
            for line in linesOf("stringify.jsonl")
            if not line.get("js_only")
        ]

    def test_texts(self) -> None:
        """Each value gives the recorded text, character by character."""
        for line, text in self._values():
            written = stringify(valueOf(line["value"]), line.get("replacer"), line.get("space"))
            self.assertEqual(written, text, line["value"])

    def test_readBack(self) -> None:
        """What is sent instead, which may be JSON, reads as the same value as the recorded text."""
        for line, text in self._values():
            if "space" in line or "replacer" in line:
                continue
            sent = encodeValue(valueOf(line["value"]), allowNan=True)
            got, want = parse(sent), parse(text)
            if line["value"] == {"$negzero": True}:
                want = -0.0  # JSON keeps the sign that the reference loses
            self.assertTrue(same(got, want), f"{line['value']} is sent as {sent!r}")


class MessageVectorTests(SynchronousTestCase):
    """The buffers of C{messages.jsonl}."""

    def test_messages(self) -> None:
        """Each buffer gives the recorded messages, and after them the rest or the error."""
        lines = linesOf("messages.jsonl")
        self.assertEqual(len(lines), 36)
        for line in lines:
            want = line.get("want", line)
            framing = NulTerminated(1000)
            messages: list[dict[str, Any]] = []
            failed = False
            for frame in framing.feed(line["in"].encode("utf-8")):
                try:
                    messages.append(decodeMessage(frame))
                except MDSFSyntaxError:
                    failed = True
                    break
            self.assertTrue(same(messages, valueOf(want["messages"])), line)
            self.assertEqual(failed, bool(want.get("error")), line)
            if not failed:
                self.assertEqual(framing.feed(b"\0"), [want["rest"].encode("utf-8")])
