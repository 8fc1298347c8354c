"""
Reads the recorded conversations in tests/vectors/jet and replays them on a
daemon in memory. Their format is described in the README beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jetjstp.testing import MemoryDaemon, MemoryPeer

VECTORS = Path(__file__).parent.parent / "vectors" / "jet"

Line = dict[str, Any]


@dataclass
class Step:
    """What happens, and what the daemon is to send to each peer then."""

    line: Line
    recorded: list[Line] = field(default_factory=list)

    @property
    def binding(self) -> bool:
        """Whether the step says what we are to send: not if it only shows a defect."""
        return "want" in self.line or not any("defect" in line for line in self.recorded)

    @property
    def expected(self) -> list[Line]:
        """What we are to send; lines that record a defect are none of it."""
        if "want" in self.line:
            wanted: list[Line] = self.line["want"]
            return wanted
        return [line for line in self.recorded if "defect" not in line]


@dataclass
class Scenario:
    """One conversation."""

    name: str
    start: Line
    steps: list[Step] = field(default_factory=list)

    @property
    def binding(self) -> bool:
        """Whether it is to be reproduced, as far as its steps are binding."""
        return bool(self.start["status"] != "optional")


def scenarios(pattern: str) -> Iterator[Scenario]:
    """The scenarios of the files that match a pattern."""
    for file in sorted(VECTORS.glob(pattern)):
        current: Scenario | None = None
        for text in file.read_text(encoding="utf-8").splitlines():
            line: Line = json.loads(text)
            if line.get("event") == "start":
                if current is not None:
                    yield current
                current = Scenario(line["scenario"], line)
            elif current is not None:
                if line.get("dir") == "<" or line.get("event") == "no-answer":
                    if line.get("dir") == "<":
                        current.steps[-1].recorded.append(line)
                else:
                    current.steps.append(Step(line))
        if current is not None:
            yield current


class Replay:
    """One scenario on a fresh daemon."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        options = scenario.start.get("daemon", {})
        self.memory = MemoryDaemon(
            users=options.get("users"),
            name=options.get("name", "node-jet"),
            fetchMode=options.get("features", {}).get("fetch", "full"),
        )
        self.peers: dict[str, MemoryPeer] = {name: self.memory.connect() for name in scenario.start["peers"]}
        self.bound: dict[str, Any] = {}

    def run(self) -> Iterator[tuple[Step, dict[str, list[Any]]]]:
        """Do each step; yields it with what each peer got."""
        for step in self.scenario.steps:
            self._do(step.line)
            yield step, {name: peer.take() for name, peer in self.peers.items()}

    def _do(self, line: Line) -> None:
        event = line.get("event")
        if event == "wait":
            self.memory.clock.pump([0.01] * round(line["seconds"] * 100))
        elif event == "connect":
            self.peers[line["peer"]] = self.memory.connect()
        elif event == "close":
            self.peers[line["peer"]].disconnect()
        elif "rawHex" in line:
            self.peers[line["peer"]].sendBytes(bytes.fromhex(line["rawHex"]))
        elif "text" in line:
            self.peers[line["peer"]].sendText(line["text"])
        else:
            self.peers[line["peer"]].send(self._fill(line["msg"]))

    def _fill(self, message: Any) -> Any:
        if isinstance(message, str):
            return self.bound.get(message, message)
        if isinstance(message, list):
            return [self._fill(item) for item in message]
        if isinstance(message, dict):
            return {name: self._fill(value) for name, value in message.items()}
        return message

    def matches(self, expected: Any, got: Any) -> bool:
        """Whether a message is as recorded; placeholders are bound on the way."""
        if isinstance(expected, str) and expected.startswith("$ROUTED"):
            return isinstance(got, str) and self.bound.setdefault(expected, got) == got
        if expected == "$ANY":
            return True
        if isinstance(expected, bool) or isinstance(got, bool):
            return expected is got
        if isinstance(expected, dict):
            return (
                isinstance(got, dict)
                and expected.keys() == got.keys()
                and all(self.matches(value, got[name]) for name, value in expected.items())
            )
        if isinstance(expected, list):
            return (
                isinstance(got, list)
                and len(expected) == len(got)
                and all(self.matches(one, other) for one, other in zip(expected, got, strict=True))
            )
        return bool(expected == got)


def makeTests(case: Any, pattern: str) -> None:
    """Give a test case, which has a method C{replay}, a test for each scenario of the files that match a pattern."""
    for scenario in scenarios(pattern):
        _makeTest(case, scenario)


def _makeTest(case: Any, scenario: Scenario) -> None:
    def test(self: Any) -> None:
        self.replay(scenario)

    words = scenario.name.split("-")
    test.__doc__ = scenario.start["title"]
    test.__name__ = "test_" + words[0] + "".join(word.capitalize() for word in words[1:])
    setattr(case, test.__name__, test)
