"""
Values on the command line: JSON, from an argument or from the standard input.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, BinaryIO, NoReturn

from twisted.python.usage import UsageError

__all__ = ["STDIN", "parseValue", "readValues"]

STDIN = "-"
"""The argument that stands for the standard input."""


MOST_DIGITS = 4000
"""Of an integer. Python has such a limit, too, and its message is for those who write Python."""

QUOTE = "text is written '\"...\"', with its quotation marks"
QUOTE_OR_STRING = f"{QUOTE}, or taken as it is with --string"


def parseValue(text: str, what: str, remedy: str = QUOTE) -> Any:
    """
    Read a JSON value.

    @param what: What it is called, for the error; C{remedy} is what to do about it.
    @raise UsageError: It is no JSON; the message says where, and how text is written.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_float, parse_int=_int)
    except RecursionError:
        raise UsageError(f"{what} nests too deep") from None
    except ValueError as error:
        shown = text if len(text) <= 60 else text[:59] + "…"
        if not text.strip():
            reason = "is empty"
        elif isinstance(error, json.JSONDecodeError):
            reason = f"is not JSON: {error.msg} (at character {error.pos + 1})"
        else:
            reason = f"is not JSON: {error}"
        raise UsageError(f"{what} {shown!r} {reason}; {remedy}") from None


def readValues(arguments: list[str], names: list[str], isLiteral: bool, stdin: BinaryIO | None) -> list[Any]:
    """
    The values of arguments; that of C{-} is read from the standard input, up to its end.

    @param isLiteral: Whether they are text and not JSON. The line feed at the end of the input is no part of it then.
    @raise UsageError: One of them is no value, or more than one is C{-}.
    """
    if arguments.count(STDIN) > 1:
        raise UsageError("only one argument can be '-': there is one standard input")
    values = []
    for argument, name in zip(arguments, names, strict=True):
        if argument == STDIN:
            argument, name = _readAll(stdin, isLiteral), "the standard input"
        values.append(argument if isLiteral else parseValue(argument, name, QUOTE_OR_STRING))
    return values


def _readAll(stdin: BinaryIO | None, isLiteral: bool) -> str:
    if stdin is None:
        raise UsageError("the standard input is closed; give the value as an argument")
    try:
        text = stdin.read().decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("the standard input is not UTF-8 text") from None
    if isLiteral:
        return text.removesuffix("\n").removesuffix("\r")
    return text


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"there is no {name} in JSON")


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} digits is too big")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"the number {text} is too big")
    return number
