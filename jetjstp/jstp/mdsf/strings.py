"""
Quoted strings, read and written.
"""

from __future__ import annotations

import re

from jetjstp.jstp.mdsf.errors import MDSFSyntaxError

__all__ = ["UNICODE_ESCAPE", "codePointOf", "hasSurrogates", "joinSurrogates", "quote", "readString"]

_ORDINARY = {"'": re.compile(r"[^'\\\n\r]*+"), '"': re.compile(r'[^"\\\n\r]*+')}

UNICODE_ESCAPE = re.compile(r"\\u(?:([0-9a-fA-F]{4})|\{([0-9a-fA-F]+)\})")

_ESCAPE = re.compile(
    rf"""
    {UNICODE_ESCAPE.pattern}
  | \\x ([0-9a-fA-F]{{2}})
  | \\  ( \r\n | [\n\r\u2028\u2029] )   # a line that goes on
  | \\  ( 0 (?![0-9]) | [^0-7xu] )
    """,
    re.VERBOSE,
)
_LEADING_ZEROS = re.compile("0*+")
_NAMED = {"0": "\0", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

_surrogate = re.compile("[\ud800-\udfff]").search


def hasSurrogates(text: str) -> bool:
    """Whether there are halves of UTF-16 pairs in a text, which no encoding can say."""
    return not text.isascii() and _surrogate(text) is not None


def joinSurrogates(text: str) -> str:
    """Make two halves that belong together one character, and lone ones U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def codePointOf(escape: re.Match[str]) -> int:
    """
    The number in a match of L{UNICODE_ESCAPE}.

    @raise MDSFSyntaxError: There is no such character.
    """
    if escape[1]:
        return int(escape[1], 16)
    digits = escape[2]
    start = _LEADING_ZEROS.match(digits)
    significant = digits[start.end() :] if start else digits
    code = int(significant or "0", 16) if len(significant) <= 6 else 0x110000
    if code > 0x10FFFF:
        raise MDSFSyntaxError("there is no such character", escape.start())
    return code


def readString(text: str, position: int) -> tuple[str, int]:
    """
    Read the string that begins with the quote at a position.

    @return: The string, without lone surrogates if there are none in the text; and the position behind it.
    @raise MDSFSyntaxError: It has no end, or an escape in it is not known.
    """
    quotation = text[position]
    ordinary = _ORDINARY[quotation].match
    start = position + 1
    pieces: list[str] = []
    surrogates = False
    while True:
        run = ordinary(text, start)
        assert run is not None  # it matches nothing, too
        end = run.end()
        if text.startswith(quotation, end):
            if not pieces:
                return run[0], end + 1
            pieces.append(run[0])
            string = "".join(pieces)
            return joinSurrogates(string) if surrogates else string, end + 1
        if not text.startswith("\\", end):
            raise MDSFSyntaxError("a string without an end", position)
        pieces.append(run[0])
        escape = _ESCAPE.match(text, end)
        if escape is None:
            raise MDSFSyntaxError("an unknown escape in a string", end)
        if escape[5]:
            pieces.append(_NAMED.get(escape[5], escape[5]))
        elif not escape[4]:
            code = int(escape[3], 16) if escape[3] else codePointOf(escape)
            surrogates = surrogates or 0xD800 <= code <= 0xDFFF
            pieces.append(chr(code))
        start = escape.end()


_UNSAFE = re.compile("[\\\\'\"\0-\x1f\u2028\u2029\ud800-\udfff]")
_WRITTEN = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(unsafe: re.Match[str]) -> str:
    character = unsafe[0]
    return _WRITTEN.get(character) or f"\\u{ord(character):04x}"


def quote(string: str) -> str:
    """
    Write a string, in single quotes.

    U+2028 and U+2029 are escaped, though they need not: there are parsers that take them for the end of a line. So are
    lone surrogates, which cannot be encoded.
    """
    return f"'{_UNSAFE.sub(_escape, string)}'"
