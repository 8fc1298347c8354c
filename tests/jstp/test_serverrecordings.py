"""
Our server says what npm's has said.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.jstp.recordings import Scenario
from tests.jstp.replaying import Replay, makeTests


class ServerRecordingTests(SynchronousTestCase):
    """Each recorded conversation over a stream."""

    def replay(self, scenario: Scenario) -> None:
        """Replay one."""
        clock = Clock()
        replay = Replay(self, scenario, clock)
        replay.run()
        self.successResultOf(replay.memory.close())
        self.assertEqual(clock.getDelayedCalls(), [])


makeTests(ServerRecordingTests, "server.jsonl")
