"""
JSON5 in front of MDSF: C{pyjson5} reads what peers usually write ten times
faster than we can, but it reads JSON5.

It is asked only about texts of which every token means the same in both
formats. Left out are, among others: integers that have no double of their own,
-0, which it reads as 0; escapes that continue a line or make a lone surrogate;
and everything that only some people's programs write, such as comments and
hexadecimal numbers.
"""

from __future__ import annotations

import re
from typing import Any, Final

import pyjson5

__all__ = ["UNREAD", "parseQuickly"]

UNREAD: Final = object()
"""Instead of a value: only the exact parser can tell."""

_DEEPEST = 200
"""Levels that C{pyjson5}, which recurses, is allowed."""

_BLANK_OR_BRACKET = r"[\]\[{},:\ \t\n\r]"
_ESCAPE = r"""\\ (?: ['"\\/bfnrt] | u (?! [dD][89a-fA-F] ) [0-9a-fA-F]{4} )"""

# A word is a key or a literal. Nothing may follow a number that could be taken for a part of it.
_isCommon = re.compile(
    rf"""(?:
        {_BLANK_OR_BRACKET}*+
        (?: [A-Za-z_$] [A-Za-z0-9_$]*+
          | ' [^'\\\0-\x1f]*+ (?: {_ESCAPE} [^'\\\0-\x1f]*+ )*+ '
          | " [^"\\\0-\x1f]*+ (?: {_ESCAPE} [^"\\\0-\x1f]*+ )*+ "
          | (?: 0 | -?+ (?: [1-8][0-9]{{0,15}}+ | 9[0-9]{{0,14}}+ | 0(?=\.) ) )
            (?: \.[0-9]{{1,17}}+ )?+ (?: [eE][+-]?[0-9]{{1,2}}+ )?+ (?! [0-9A-Za-z_$.+-] )
        )
    )*+ {_BLANK_OR_BRACKET}*+""",
    re.VERBOSE,
).fullmatch

_decode = pyjson5.decode
_Refused = pyjson5.Json5DecoderException


def parseQuickly(text: str, maxDepth: int) -> Any:
    """
    Read a text without lone surrogates, if it is easy.

    @return: What the exact parser makes of it; or L{UNREAD}, which says nothing about the text.
    """
    if _isCommon(text) is None:
        return UNREAD
    try:
        return _decode(text, maxDepth if maxDepth < _DEEPEST else _DEEPEST)
    except _Refused:
        return UNREAD
