"""Tests of L{jetjstp.jstp.line}."""

from __future__ import annotations

from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import MessageLink
from jetjstp.jstp.line import Line


class Notes:
    """A link, or a connection, that notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.done.append((name, *args))


class LineTests(SynchronousTestCase):
    """What a line tells its connection."""

    def setUp(self) -> None:
        """A line whose link is not there yet."""
        self.link, self.connection = Notes(), Notes()
        self.line = Line(cast(Any, self.connection))

    def test_tells(self) -> None:
        """The connection is told all that the link says; messages are in the inbox."""
        line = self.line
        line.linkOpened(cast(MessageLink, self.link))
        line.messagesReceived([b"a", b"b"])
        line.linkBlocked()
        line.linkDrained()
        line.linkLost("gone")
        self.assertEqual(
            self.connection.done,
            [("lineOpened", line), ("lineReceived", line), ("lineDrained", line), ("lineLost", "gone")],
        )
        self.assertEqual(list(line.inbox), [b"a", b"b"])

    def test_detached(self) -> None:
        """Without a connection nothing is heard."""
        line = self.line
        line.linkOpened(cast(MessageLink, self.link))
        self.assertIs(line.detach(), self.connection)
        self.assertIsNone(line.detach())
        line.messagesReceived([b"a"])
        line.linkDrained()
        line.linkLost("gone")
        self.assertEqual(self.connection.done, [("lineOpened", line)])
        self.assertEqual(list(line.inbox), [])

    def test_openedTooLate(self) -> None:
        """A link that nobody wants any more when it is there is ended."""
        self.line.detach()
        self.line.linkOpened(cast(MessageLink, self.link))
        self.assertEqual(self.link.done, [("abort",)])

    def test_moves(self) -> None:
        """A line that moves to another connection takes with it what was not worked on."""
        self.line.linkOpened(cast(MessageLink, self.link))
        self.line.messagesReceived([b"a"])
        other = Notes()
        self.line.connection = cast(Any, other)
        self.line.messagesReceived([b"b"])
        self.assertEqual(other.done, [("lineReceived", self.line)])
        self.assertEqual(list(self.line.inbox), [b"a", b"b"])
