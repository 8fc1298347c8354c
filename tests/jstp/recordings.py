"""
Reads the recorded conversations in tests/vectors/jstp.

A scenario is a list of lines: what the client's side has sent (C{>}), what the
server's has (C{<}), and whatever else happened (C{=}).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jetjstp.jstp import mdsf

__all__ = ["Ids", "Scenario", "describe", "payload", "same", "scenarios"]

VECTORS = Path(__file__).parent.parent / "vectors" / "jstp"

Line = dict[str, Any]


@dataclass
class Scenario:
    """
    One conversation.

    @ivar about: What it shows.
    @ivar config: How the server differed from the usual one.
    @ivar lines: All that happened, in order.
    @ivar events: The events of the server, as names or as pairs of a name and its arguments.
    """

    name: str
    about: str
    config: dict[str, Any]
    lines: list[Line] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    @property
    def testName(self) -> str:
        """How its test is called."""
        first, *others = self.name.split("-")
        return "test_" + first + "".join(word.capitalize() for word in others)


def scenarios(file: str) -> Iterator[Scenario]:
    """The scenarios of a file, in order."""
    current: Scenario | None = None
    # Not splitlines: U+2028 stands in these texts.
    for text in (VECTORS / file).read_text(encoding="utf-8").strip().split("\n"):
        line: Line = json.loads(text)
        if "about" in line:
            if current is not None:
                yield current
            current = Scenario(line["scenario"], line["about"], line.get("config", {}))
        elif current is not None:
            if "server_events" in line:
                current.events = line["server_events"]
            else:
                current.lines.append(line)
    if current is not None:
        yield current


def payload(line: Line) -> bytes:
    """What was sent, as bytes."""
    if "hex" in line:
        return bytes.fromhex(line["hex"])
    if "parts" in line:
        pieces = [part if isinstance(part, str) else part["repeat"] * part["times"] for part in line["parts"]]
        return "".join(pieces).encode("utf-8")
    text: str = line["raw"]
    return text.encode("utf-8")


class Ids:
    """Session ids of a recording, and those that took their place."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}

    def bind(self, recorded: str, ours: str) -> None:
        """A session was opened."""
        self._ours[recorded] = ours

    def fill(self, data: bytes) -> bytes:
        """Replace the ids in what is sent."""
        for recorded, ours in self._ours.items():
            data = data.replace(recorded.encode(), ours.encode())
        return data


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, types and the order of keys included; 1.0 is 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool) or one is mdsf.UNDEFINED or other is mdsf.UNDEFINED:
        return one is other
    return bool(one == other)


def describe(line: Line) -> str:
    """A line for a message of a failing test, not too long."""
    return json.dumps(line, ensure_ascii=False)[:200]
