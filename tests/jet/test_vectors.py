"""
The recorded conversations with node-jet's daemon, replayed on ours.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp import __version__
from tests.jet.transcripts import Line, Replay, Scenario, makeTests


class TranscriptTests(SynchronousTestCase):
    """Each scenario is a test of its own, made below."""

    def replay(self, scenario: Scenario) -> None:
        """Replay a scenario; where it does not bind us, only the steps that say what is wanted are compared."""
        replay = Replay(scenario)
        for number, (step, got) in enumerate(replay.run(), 1):
            binding = step.binding and (scenario.binding or "want" in step.line)
            expected: dict[str, list[Any]] = {name: [] for name in replay.peers}
            for line in step.expected:
                if "event" in line:
                    self._checkEvent(replay, line)
                else:
                    expected[line["peer"]].append(_ours(line["msg"]))
            if not binding:
                for name, messages in got.items():
                    for message, recorded in zip(messages, expected[name], strict=False):
                        replay.matches(recorded, message)
                continue
            for name, messages in got.items():
                self.assertTrue(
                    replay.matches(expected[name], messages),
                    f"{scenario.name}, step {number} {step.line}\n{name} should get {expected[name]}\n"
                    f"and got {messages}",
                )

    def _checkEvent(self, replay: Replay, line: Line) -> None:
        self.assertEqual(line["event"], "closed-by-daemon")
        self.assertFalse(replay.peers[line["peer"]].connected)


def _ours(message: Any) -> Any:
    """The one permitted deviation: our own version."""
    result = message.get("result")
    if isinstance(result, dict) and "protocolVersion" in result:
        return {**message, "result": {**result, "version": __version__.public()}}
    return message


makeTests(TranscriptTests, "0*.jsonl")
makeTests(TranscriptTests, "10*.jsonl")
