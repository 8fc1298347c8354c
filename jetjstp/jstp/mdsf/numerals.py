"""
Numbers, read from MDSF and written as JavaScript writes them.
"""

from __future__ import annotations

import re
from math import inf, isfinite, isinf, isnan

from jetjstp.jstp.mdsf.errors import MDSFSyntaxError

__all__ = ["LARGEST_INTEGER", "MOST_DIGITS", "NUMERAL", "numberOf", "numeralOf"]

LARGEST_INTEGER = 2**53 - 1
"""Up to here every integer has a double of its own, which is what other peers have."""

MOST_DIGITS = 640
"""
Digits of an integer that is read exactly. Python converts so many, whatever limit the process has set, and reading them
takes no time to speak of.
"""

NUMERAL = re.compile(
    r"""
    (?P<sign> [+-]? )
    (?:
        0 (?: [xX] (?P<hexadecimal> [0-9a-fA-F]+ ) | [oO] (?P<octal> [0-7]+ ) | [bB] (?P<binary> [01]+ ) )
      | (?P<decimal> 0 | [1-9][0-9]*+ ) (?! [.eE] )
      | (?P<floating> (?: (?: 0 | [1-9][0-9]* ) (?: \. [0-9]* )? | \. [0-9]+ ) (?: [eE] [+-]? [0-9]+ )? )
      | (?P<word> NaN | Infinity )
    )
    """,
    re.VERBOSE,
)
"""The beginning of a text that is a number. Whether it may end there is up to who asks."""

_RADIXES = {"hexadecimal": 16, "octal": 8, "binary": 2, "decimal": 10}


def _integerOf(digits: str, radix: int, exactIntegers: bool, position: int) -> int | float:
    digits = digits.lstrip("0") or "0"
    if len(digits) <= MOST_DIGITS:
        integer = int(digits, radix)
        if integer <= LARGEST_INTEGER or exactIntegers:
            return integer
        try:
            return float(integer)
        except OverflowError:
            return inf
    if exactIntegers:
        raise MDSFSyntaxError(f"an integer of more than {MOST_DIGITS} digits", position)
    return _floatOf(digits, radix)


def _floatOf(digits: str, radix: int) -> float:
    """Round an integer of very many digits, in time proportional to them."""
    if radix == 10:
        return float(digits)
    try:
        return float(int(digits, radix))  # the radix is a power of two, so this takes linear time
    except OverflowError:
        return inf


def numberOf(numeral: re.Match[str], exactIntegers: bool = False) -> int | float:
    """
    The value of a match of L{NUMERAL}.

    Integers beyond L{LARGEST_INTEGER} are rounded to the nearest float, unless they are to be exact. The negative zero
    is a float too, as there is no such integer.

    @raise MDSFSyntaxError: It is beyond the range of floats, or is to be exact and has more than L{MOST_DIGITS} digits.
    """
    kind = numeral.lastgroup or ""
    digits = numeral[kind]
    value: int | float
    if kind == "word":
        value = float(digits)
    else:
        if kind == "floating":
            value = float(digits)
        else:
            value = _integerOf(digits, _RADIXES[kind], exactIntegers, numeral.start())
        # (a float is asked first: isinf cannot take an integer that is beyond its range)
        if isinstance(value, float) and isinf(value):
            raise MDSFSyntaxError("a number beyond the range of floats", numeral.start())
    if numeral["sign"] != "-":
        return value
    return -value if value else -0.0


def numeralOf(value: float) -> str:
    """What JavaScript's C{String(value)} gives: the shortest digits that read as the same number."""
    if not value:
        return "0"
    if not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    # Python finds the same digits, but puts them differently.
    mantissa, _, exponent = float.__repr__(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or 0)
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point < count:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"
