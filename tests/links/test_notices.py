"""
Tests for L{jetjstp.links.notices}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import Logger, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.notices import INTERVAL, RareNotice


class RareNoticeTests(SynchronousTestCase):
    """Log lines that are not written too often."""

    def test_rate(self) -> None:
        """There is one line in an interval, and the next one counts those that were left out."""
        clock = Clock()
        notice = RareNotice(Logger(), clock)
        with capturedLogs() as events:
            for number in range(3):
                notice.warn("a stranger said {number}", number=number)
            clock.advance(INTERVAL)
            notice.warn("a stranger said {number}", number=3)
            clock.advance(INTERVAL)
            notice.warn("a stranger said {number}", number=4)
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                "a stranger said 0",
                "a stranger said 3 (2 more like it were not logged)",
                "a stranger said 4",
            ],
        )

    def test_fields(self) -> None:
        """Lines of fields are counted in the same way, and more than one may be let through."""
        clock = Clock()
        notice = RareNotice(Logger(), clock, 2)
        with capturedLogs() as events:
            for number in range(5):
                notice.tell("dropped", peer=number)
            clock.advance(INTERVAL)
            notice.tell("dropped", peer=5)
        self.assertEqual(
            [formatEvent(event) for event in events],
            ["dropped: peer=0", "dropped: peer=1", "dropped: peer=5 suppressed=3"],
        )
        self.assertEqual(events[-1]["suppressed"], 3)
