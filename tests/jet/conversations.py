"""
What the tests of single modules share: JSON to try, and clients that have no
connection.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from jetjstp.jet.backlog import Backlog
from jetjstp.jet.bus import Bus
from jetjstp.jet.clients import Client
from jetjstp.jet.dialects import NODE_JET_2
from jetjstp.jet.limits import Limits

__all__ = [
    "SURROGATE",
    "Talk",
    "anyJson",
    "anyText",
    "deterministic",
    "deterministicAndFew",
    "jsonTexts",
    "newClient",
    "same",
    "scalars",
    "spell",
    "spellAll",
    "taken",
]

deterministic = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""For property tests: the same examples each time."""

deterministicAndFew = settings(deterministic, max_examples=40)
"""For those in which each example is a whole conversation."""

SURROGATE = "\ud800"
"""Legal in JSON, but not in UTF-8."""

anyText = st.text(
    st.one_of(st.sampled_from('abAB/."\\[]{}é𝄞İß\0\n' + SURROGATE + "\udc00"), st.characters()), max_size=8
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, -1, 2**53 + 1, 10**30, 0.0, 1.0, -0.5, 1e300, "", "0"]),
    st.floats(allow_nan=False, allow_infinity=False),
    anyText,
)

anyJson = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anyText, inner, max_size=4),
    max_leaves=10,
)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, types included: true is not 1, nor is 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def spell(text: str, escaped: int) -> str:
    """A JSON string; the bits of C{escaped} say which of its characters are escaped without need."""
    pieces = []
    for count, character in enumerate(text):
        if escaped >> count & 1:
            pieces.append("".join(f"\\u{unit:04x}" for unit in _units(character)))
        else:
            readable = not "\ud800" <= character <= "\udfff"
            pieces.append(json.dumps(character, ensure_ascii=not readable)[1:-1])
    return '"' + "".join(pieces) + '"'


def _units(character: str) -> list[int]:
    encoded = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(encoded[at : at + 2], "big") for at in range(0, len(encoded), 2)]


def spellAll(value: Any, escaped: int) -> str:
    """A JSON text of a value, as strange as the bits of C{escaped} would have it: white space and escapes."""
    space = ("", "", "\n\t ", " ")[escaped & 3]
    if isinstance(value, str):
        return spell(value, escaped)
    if isinstance(value, list):
        return "[" + space + f"{space},{space}".join(spellAll(item, escaped // 3) for item in value) + space + "]"
    if isinstance(value, dict):
        members = [
            spell(name, escaped // 5) + space + ":" + spellAll(member, escaped // 3) for name, member in value.items()
        ]
        return "{" + space + f"{space},{space}".join(members) + space + "}"
    return json.dumps(value)


jsonTexts = st.builds(
    lambda value, escaped: (value, spellAll(value, escaped)), anyJson, st.just(0) | st.integers(0, 2**16 - 1)
)
"""Values, each with a text of it."""


class Unlinked:
    """An outlet whose frames are the messages themselves."""

    kind = "none"

    def __init__(self, address: str = "192.0.2.2") -> None:
        self.address = address

    def pack(self, message: bytes) -> bytes:
        """See L{jetjstp.jet.clients.Outlet}."""
        return message


def newClient(dirty: list[Client] | None = None) -> Client:
    """A client of its own, without a bus."""
    return Client("1", Unlinked(), NODE_JET_2, [] if dirty is None else dirty, Backlog(2**30))


def taken(client: Client) -> list[Any]:
    """The messages in the outbox of a client, which is empty then."""
    messages = [json.loads(frame) for frame in client.frames]
    client.frames.clear()
    return messages


class Talk:
    """
    A bus and its clients, step by step: nothing is done that was not asked for.

    @ivar bus: The bus.
    @ivar now: The time of what follows.
    """

    def __init__(self, **limits: int) -> None:
        self.bus = Bus("test", "1", limits=Limits(**limits))
        self.now = 0.0

    def connect(self) -> Client:
        """A new client."""
        return self.bus.connected(Unlinked())

    def send(self, client: Client, *messages: object) -> None:
        """Have the bus receive messages from a client."""
        self.sendText(client, *(json.dumps(message, separators=(",", ":")) for message in messages))

    def sendText(self, client: Client, *texts: str) -> None:
        """Have the bus receive messages that are given as text."""
        self.bus.receive(client, [text.encode("utf-8") for text in texts], self.now)

    def finish(self) -> None:
        """Have the bus do all its work, and take what it would have others do as done."""
        while self.bus.working:
            self.bus.work()
        self.bus.effects.clear()
