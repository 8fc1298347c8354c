"""
JSON as JavaScript writes it, which is what hashes are made of (protocol page,
section 4).

The C encoder of L{json} writes the same, except for floats, large integers,
keys that look like array indexes, and surrogates without a partner. L{Reader}
notices when one of these is about, and only then L{write} is called, which
writes everything right, in Python.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import md5
from json.encoder import encode_basestring
from math import isfinite
from re import ASCII, compile
from typing import Any, cast

__all__ = ["Reader", "digest", "encode", "hexMd5", "numberText", "write"]

SAFE = 2**53
"""Above this, not every integer is a double."""

SAFE_DIGITS = 15
"""Integers with as many digits are certainly below L{SAFE}."""

LAST_INDEX = 2**32 - 2
"""The largest array index of JavaScript."""

_isIndex = compile("(?:0|[1-9][0-9]{0,9})", ASCII).fullmatch
_loneSurrogate = compile("[\ud800-\udfff]")

_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False)
_md5 = md5(usedforsecurity=False)
_copyMd5 = _md5.copy


def _makeFast() -> Callable[[Any], str]:
    # JSONEncoder makes a new one each time, which takes three times as long as a small event.
    make = cast(Any, json.encoder).c_make_encoder
    if make is None:
        return _encoder.encode
    chunks = make(None, _encoder.default, encode_basestring, None, ":", ",", False, False, False)
    join = "".join

    def encodeFast(value: Any) -> str:
        return join(chunks(value, 0))

    return encodeFast


_fast = _makeFast()


class Reader:
    """
    Reads JSON texts, and tells whether the C encoder can write what was read.

    @ivar isPlain: Whether it can, of the last text.
    """

    __slots__ = ("_decode", "_scan", "isPlain")

    def __init__(self) -> None:
        self.isPlain = True
        decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=self._float,
            parse_int=self._int,
            parse_constant=_refuseConstant,
        )
        self._decode = decoder.decode
        self._scan = cast(Any, decoder).scan_once

    def read(self, text: str) -> Any:
        """
        Read a text. Numbers that are too large for a double become L{None}, as they do for everybody who gets what we
        forward; integers beyond 2**53 become floats.

        @raise ValueError: It is no JSON.
        @raise RecursionError: It is nested too deeply.
        """
        self.isPlain = True
        try:
            value, end = self._scan(text, 0)
        except StopIteration:
            end = -1
        # White space around it, or garbage.
        return value if end == len(text) else self._decode(text)

    def normal(self, value: Any) -> str:
        """Write what was read last, or a part of it, in normal form."""
        return _fast(value) if self.isPlain else write(value)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for key, _ in pairs:
            if key[:1].isdigit():
                self.isPlain = False
                break
        return dict(pairs)

    def _float(self, text: str) -> float | None:
        self.isPlain = False
        number = float(text)
        return number if isfinite(number) else None

    def _int(self, text: str) -> float | int | None:
        return int(text) if len(text) <= SAFE_DIGITS else self._large(text)

    def _large(self, text: str) -> float | int | None:
        self.isPlain = False
        # Not int() first: its cost is quadratic, and it refuses thousands of digits.
        number = float(text)
        if not isfinite(number):
            return None
        return int(number) if abs(number) <= SAFE else number


def _refuseConstant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def encode(text: str) -> bytes:
    """A text in normal form as bytes. What the C encoder wrote may hold surrogates without a partner."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        # In JSON they are inside of strings only. Two that are partners become the character that they stand for.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return _loneSurrogate.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def digest(normal: str) -> str:
    """The hash of a value, by its normal form."""
    return hexMd5(encode(normal))


def hexMd5(data: bytes) -> str:
    """The MD5 of bytes, as it stands in packet ids. It proves nothing but that they were not damaged by accident."""
    # A copy costs half of what a new one does that is not used for security.
    hash = _copyMd5()
    hash.update(data)
    return hash.hexdigest()


def numberText(number: float) -> str:
    """
    A number as JavaScript writes it.

    C{repr} has the same digits, only the layout differs.
    """
    if isinstance(number, int):
        if -SAFE <= number <= SAFE:
            return str(number)
        try:
            number = float(number)
        except OverflowError:
            return "null"
    if not isfinite(number):
        return "null"
    if number == 0:
        return "0"
    sign, digits, point = _digitsOf(number)
    if 0 < point <= 21:
        if len(digits) <= point:
            return sign + digits + "0" * (point - len(digits))
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    exponent = point - 1
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if exponent > 0 else '-'}{abs(exponent)}"


def _digitsOf(number: float) -> tuple[str, str, int]:
    """The sign, the digits, and where among them the point belongs."""
    text = repr(number)
    sign = ""
    if text[0] == "-":
        sign, text = "-", text[1:]
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return sign, stripped.rstrip("0"), point


def write(value: object, strict: bool = False) -> str:
    """
    Write a value in normal form.

    Surrogates without a partner are left to L{encode}.

    @param strict: Refuse numbers that are not finite, instead of writing them as C{null}.
    @raise TypeError: Something is no JSON value, or a key no string.
    @raise ValueError: A number is not finite.
    @raise RecursionError: The value is nested too deeply, or contains itself.
    """
    parts: list[str] = []
    _write(value, parts, strict)
    return "".join(parts)


def _write(value: object, parts: list[str], strict: bool) -> None:
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, int | float):
        if strict and not isfinite(value):
            raise ValueError(f"{value!r} is not a JSON number")
        parts.append(numberText(value))
    elif isinstance(value, list | tuple):
        separator = "["
        for element in value:
            parts.append(separator)
            separator = ","
            _write(element, parts, strict)
        parts.append("]" if separator == "," else "[]")
    elif isinstance(value, Mapping):
        _writeObject(value, parts, strict)
    else:
        raise TypeError(f"{type(value).__name__} is not a JSON value")


def _writeObject(value: Mapping[Any, object], parts: list[str], strict: bool) -> None:
    indexes: list[tuple[int, str]] = []
    others: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"a key of a JSON object is a string, not {key!r}")
        if _isIndex(key) and int(key) <= LAST_INDEX:
            indexes.append((int(key), key))
        else:
            others.append(key)
    indexes.sort()
    separator = "{"
    for key in (*(key for _, key in indexes), *others):
        parts.append(f"{separator}{encode_basestring(key)}:")
        separator = ","
        _write(value[key], parts, strict)
    parts.append("}" if separator == "," else "{}")
