"""
The parser that knows all of MDSF.

It does not recurse, so no text exhausts the stack; it never goes back, so the
time that it takes is proportional to the text.
"""

from __future__ import annotations

import re
from typing import Any

from jetjstp.jstp.mdsf.errors import MDSFSyntaxError
from jetjstp.jstp.mdsf.numerals import NUMERAL, numberOf, numeralOf
from jetjstp.jstp.mdsf.strings import UNICODE_ESCAPE, codePointOf, readString
from jetjstp.jstp.mdsf.undefined import UNDEFINED

__all__ = ["parseExactly"]

_BLANK = r"""(?:
    [\t\n\v\f\r\ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]++
  | // [^\n\r\u2028\u2029]*+
  | /\* (?s:.*?) \*/
)*+"""
_NAME = r"[A-Za-z_$] [A-Za-z0-9_$]*+"
_SINGLE = r"' ( [^'\\\n\r]*+ ) '"
_DOUBLE = r'" ( [^"\\\n\r]*+ ) "'

_blanks = re.compile(_BLANK, re.VERBOSE).match
_commas = re.compile(",++").match
_name = re.compile(_NAME, re.VERBOSE).match
_asciiKey = re.compile(rf"{_NAME} (?! [^\0-\x7f] | \\ )", re.VERBOSE).match

# What most of a text consists of. What these do not match is read slowly, or refused, by the functions below.
_usualMember = re.compile(rf"(?: ({_NAME}) | {_SINGLE} | {_DOUBLE} ) {_BLANK} : {_BLANK}", re.VERBOSE).match
_usualValue = re.compile(
    rf"{_SINGLE} | {_DOUBLE} | ( -? [1-9][0-9]{{0,14}}+ (?! [.eE0-9] ) ) | ( [\[{{] ) {_BLANK}", re.VERBOSE
).match
_afterValue = re.compile(rf"{_BLANK} ( [\],}}]?+ ) {_BLANK}", re.VERBOSE).match

_INTEGER, _BRACKET = 3, 4
"""Groups of C{_usualValue}; the others are strings."""

_WORDS = {"null": None, "true": True, "false": False, "undefined": UNDEFINED}


def _skip(text: str, position: int) -> int:
    """The position behind blanks and comments."""
    blanks = _blanks(text, position)
    return blanks.end() if blanks else position


def _unexpected(text: str, position: int, wanted: str) -> MDSFSyntaxError:
    if text.startswith("/*", position):
        return MDSFSyntaxError("a comment without an end", position)
    found = ascii(text[position]) if position < len(text) else "the end of the text"
    return MDSFSyntaxError(f"{found} instead of {wanted}", position)


def _readScalar(text: str, position: int, exactIntegers: bool) -> tuple[Any, int]:
    """Read a value that is neither an array nor an object."""
    if text.startswith(("'", '"'), position):
        return readString(text, position)
    numeral = NUMERAL.match(text, position)
    if numeral is not None:
        return numberOf(numeral, exactIntegers), numeral.end()
    word = _name(text, position)
    if word is None or word[0] not in _WORDS:
        raise _unexpected(text, position, "a value")
    return _WORDS[word[0]], word.end()


def _continues(character: str) -> bool:
    """Whether an identifier may have this character in it."""
    return character in "$\u200c\u200d" or ("a" + character).isidentifier()


def _readIdentifier(text: str, position: int) -> tuple[str, int]:
    """Read an identifier that has escapes or characters beyond ASCII."""
    characters: list[str] = []
    start = position
    while start < len(text):
        end = start + 1
        character = text[start]
        if character == "\\":
            escape = UNICODE_ESCAPE.match(text, start)
            if escape is None:
                raise MDSFSyntaxError("an unknown escape in a key", start)
            character = chr(codePointOf(escape))
            end = escape.end()
            if not _continues(character):
                raise MDSFSyntaxError("an escaped character that may not stand in a bare key", start)
        elif not _continues(character):
            break
        characters.append(character)
        start = end
    if not characters or not (characters[0] == "$" or characters[0].isidentifier()):
        raise _unexpected(text, position, "a key")
    return "".join(characters), start


def _readKey(text: str, position: int) -> tuple[str, int]:
    """Read the name of a member."""
    if text.startswith(("'", '"'), position):
        return readString(text, position)
    identifier = _asciiKey(text, position)
    if identifier is not None:
        return identifier[0], identifier.end()
    if "0" <= text[position : position + 1] <= "9":
        numeral = NUMERAL.match(text, position)
        assert numeral is not None  # a digit is a number
        decimal = numeral["decimal"]
        if decimal is not None and len(decimal) <= 15:
            return decimal, numeral.end()
        return numeralOf(float(numberOf(numeral))), numeral.end()
    return _readIdentifier(text, position)


def _readMember(text: str, position: int) -> tuple[str, int]:
    """Read the name of a member and what stands between it and its value."""
    key, position = _readKey(text, position)
    position = _skip(text, position)
    if not text.startswith(":", position):
        raise _unexpected(text, position, "':'")
    return key, _skip(text, position + 1)


def parseExactly(text: str, maxDepth: int, exactIntegers: bool = False) -> Any:
    """
    Read a text without lone surrogates. The meaning of the arguments is that of L{parse<jetjstp.jstp.mdsf.parse>}.

    @raise MDSFSyntaxError: It is not MDSF, or nested too deeply.
    """
    outer: list[tuple[Any, str, str]] = []  # what is open around the innermost, with its bracket and its key
    container: Any = None  # the innermost list or dict that is open
    closing = ""  # the bracket that will close it
    key = ""  # which member of it waits for a value
    value: Any
    position = _skip(text, 0)
    while True:
        # Here a value may begin, or else a member, or the innermost container may end.
        if closing == "]":
            while (holes := _commas(text, position)) is not None:
                container += [UNDEFINED] * len(holes[0])
                position = _skip(text, holes.end())
        if closing and text.startswith(closing, position):
            value = container
            container, closing, key = outer.pop()
            position += 1
        else:
            if closing == "}":
                member = _usualMember(text, position)
                if member is not None:
                    key = member[member.lastindex or 0]
                    position = member.end()
                else:
                    key, position = _readMember(text, position)
            usual = _usualValue(text, position)
            if usual is None:
                value, position = _readScalar(text, position, exactIntegers)
            else:
                kind = usual.lastindex or 0
                value = usual[kind]
                position = usual.end()
                if kind == _BRACKET:
                    if len(outer) >= maxDepth:
                        raise MDSFSyntaxError(f"nested deeper than {maxDepth} levels", usual.start())
                    outer.append((container, closing, key))
                    container, closing = ([], "]") if value == "[" else ({}, "}")
                    continue
                if kind == _INTEGER:
                    value = int(value)
        # Here a value is complete, and perhaps with it the containers around it.
        while closing:
            if closing == "]":
                container.append(value)
            elif value is not UNDEFINED:
                container[key] = value
            after = _afterValue(text, position)
            assert after is not None  # it matches nothing, too
            position = after.end()
            if after[1] == ",":
                break
            if after[1] != closing:
                raise _unexpected(text, after.start(1), f"',' or '{closing}'")
            value = container
            container, closing, key = outer.pop()
        else:
            position = _skip(text, position)
            if position < len(text):
                raise _unexpected(text, position, "the end of the text")
            return value
