"""
Field paths: where in a value a field rule or a sort looks (protocol page,
section 8.5).

C{age}, C{name.first}, C{[0]}, C{tags[1].k}, C{['my-key']}: they are parsed, never evaluated, and
reach own members only.
"""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["BROKEN", "UNDEFINED", "Field", "lookUp", "parseField"]


class _Undefined:
    """JavaScript's undefined: the value of a method, or of a member that is not there."""

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = _Undefined()
BROKEN: Final = _Undefined()
"""A field whose chain ends before its last step, or that was looked for in something else than an object."""

Field = tuple[str, ...]
"""A parsed field path: names of members; a string of digits is an index too."""

_NAME = r"[^.\[\]]+"
_BRACKET = r"""\[(?:[0-9]+|'[^']*'|"[^"]*")\]"""
_FIELD = re.compile(rf"(?:{_NAME}|{_BRACKET})(?:\.{_NAME}|{_BRACKET})*")
_STEP = re.compile(rf"\.?({_NAME})|\[(?:([0-9]+)|'([^']*)'|\"([^\"]*)\")\]")


def parseField(text: str) -> Field:
    """
    Parse a field path.

    @raise ValueError: It is none.
    """
    if _FIELD.fullmatch(text) is None:
        raise ValueError(f"not a field path: {text!r}")
    return tuple("".join(name or "" for name in step.groups()) for step in _STEP.finditer(text))


def lookUp(field: Field, value: Any) -> Any:
    """
    Follow a field path into a value.

    @return: What is there; L{UNDEFINED} if only the last member is missing; L{BROKEN} if the chain breaks before, or
        the value is neither object nor array.
    """
    if not isinstance(value, dict | list):
        return BROKEN
    for name in field:
        if isinstance(value, dict):
            value = value.get(name, UNDEFINED)
        elif isinstance(value, list):
            value = _item(value, name)
        elif isinstance(value, str):
            value = _character(value, name)
        elif value is None or value is UNDEFINED:
            return BROKEN
        else:
            value = UNDEFINED
    return value


def _index(name: str, length: int) -> int | None:
    """An array index as JavaScript writes it: no leading zeros; the length of the text is bounded by the rule's."""
    if not (name.isascii() and name.isdigit()) or (name[0] == "0" and name != "0") or len(name) > 15:
        return None
    index = int(name)
    return index if index < length else None


def _item(value: list[Any], name: str) -> Any:
    if name == "length":
        return len(value)
    index = _index(name, len(value))
    return UNDEFINED if index is None else value[index]


def _character(value: str, name: str) -> Any:
    return len(value.encode("utf-16-le", "surrogatepass")) // 2 if name == "length" else UNDEFINED
