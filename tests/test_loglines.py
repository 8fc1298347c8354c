"""Tests of L{jetjstp.loglines}."""

from __future__ import annotations

import io
import json

from twisted.logger import Logger, LogLevel, capturedLogs, eventAsText, formatEvent, jsonFileLogObserver
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.loglines import LONGEST, shown, tell


class ShownTests(SynchronousTestCase):
    """L{shown}."""

    def test_plain(self) -> None:
        """What is a plain word stands as it is."""
        for word in ("127.0.0.1", "::1", "users", "Küche", "/run/jet.sock", 12, 1.5):
            self.assertEqual(shown(word), str(word))

    def test_quoted(self) -> None:
        """What a reader could take for something else stands in quotes, and ends no line."""
        self.assertEqual(shown(""), '""')
        self.assertEqual(shown("two words"), '"two words"')
        self.assertEqual(shown('a="b"'), '"a=\\"b\\""')
        self.assertEqual(shown("a\\b"), '"a\\\\b"')
        self.assertEqual(shown("x\ndropped: peer=1"), '"x\\ndropped: peer=1"')
        self.assertEqual(shown("\x1b[2J\u2028\x00"), '"\\x1b[2J\\u2028\\x00"')
        self.assertEqual(shown("\udcff"), '"\\udcff"')

    def test_long(self) -> None:
        """A stranger's text does not become a line of any length."""
        self.assertEqual(shown("x" * (LONGEST + 1)), "x" * LONGEST + "...")


class TellTests(SynchronousTestCase):
    """L{tell}."""

    def test_line(self) -> None:
        """A line has the word and the fields, in their order; what there is nothing to say of is left out."""
        with capturedLogs() as events:
            tell(Logger(), "dropped", peer=12, address="192.0.2.7", user=None, reason="it does not read")
        [event] = events
        self.assertEqual(formatEvent(event), 'dropped: peer=12 address=192.0.2.7 reason="it does not read"')
        self.assertEqual((event["event"], event["log_level"]), ("dropped", LogLevel.info))

    def test_oneLine(self) -> None:
        """However much a value looks like an end, the text of the event is one line."""
        with capturedLogs() as events:
            tell(Logger(), "dropped", reason='x"\nstarted: {log_level} {0}', level=LogLevel.warn)
        text = eventAsText(events[0], includeTimestamp=False, includeSystem=False)
        self.assertEqual(text, 'dropped: reason="x\\"\\nstarted: {log_level} {0}"')

    def test_json(self) -> None:
        """Observers that write JSON have the values themselves."""
        with capturedLogs() as events:
            tell(Logger(), "dropped", peer=12, reason='says "no"')
        output = io.StringIO()
        jsonFileLogObserver(output, recordSeparator="")(events[0])
        found = json.loads(output.getvalue())
        self.assertEqual((found["event"], found["peer"], found["reason"]), ("dropped", 12, 'says "no"'))
