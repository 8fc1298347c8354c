"""
The ids of nodes and packets.
"""

from __future__ import annotations

from random import Random
from re import compile

__all__ = ["MOST_PACKET_ID", "isNodeId", "newId"]

MOST_PACKET_ID = 256
"""Characters of a packet id; they are remembered."""

_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LENGTH = 12

# A dash would move the fields of the packet ids.
_isNodeId = compile("[ -,.-~]{1,64}").fullmatch


def newId(random: Random) -> str:
    """Make the id of a node, or the part of a packet id that is random."""
    return "".join(random.choices(_CHARACTERS, k=_LENGTH))


def isNodeId(value: object) -> bool:
    """Whether we take it for an id; real nodes make 2 to 12 letters and digits, and take anything."""
    return isinstance(value, str) and _isNodeId(value) is not None
