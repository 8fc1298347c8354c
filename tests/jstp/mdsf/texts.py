"""
Values and texts for property tests.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from jetjstp.jstp.mdsf import UNDEFINED

__all__ = ["anyValue", "deterministic", "deterministicAndMany", "plainValue", "soup", "spelled"]

deterministic = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
"""The same examples each time."""

deterministicAndMany = settings(deterministic, max_examples=400)
"""For cheap examples of which few are interesting."""

anyText = st.text(
    st.one_of(st.sampled_from("abAB1_$ ./\\'\"[]{}:,é𝄞\u2028\u2029\0\n\r\t\v\x7f\ufeff"), st.characters(codec="utf-8")),
    max_size=8,
)
"""Without lone surrogates."""

anyName = st.one_of(st.sampled_from(["a", "b", "$_1", "if", "1", "__proto__", "é", "a b", ""]), anyText)

floats = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.5, 1.0, 1e21, 1e-7, 123456789.125, 5e-324])
)

plainValue = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.integers(-9, 99) | floats | anyText,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anyName, inner, max_size=4),
    max_leaves=12,
)
"""What JSON can say, and every peer."""

anyValue = st.recursive(
    plainValue | st.just(UNDEFINED),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(anyName, inner.filter(lambda value: value is not UNDEFINED), max_size=4)
    ),
    max_leaves=12,
)
"""What MDSF can say and reads as the same."""

_PIECES = [
    *("{", "}", "[", "]", ":", ",", "{a:", "'b':", "[", ",", "]", "}", " ", "\t", "\n", "\r\n", "\f", "\xa0", "\ufeff"),
    *("a", "e5", "x10", "_", "$a", "undefined", "null", "true", "false", "NaN", "Infinity", "nul", "é", "\\u0061"),
    *("0", "00", "01", "-0", "-0.0", "0.0", "-0e0", "0.5", ".5", "5.", "-", "+", "+5", "--5", "-1", "1", "42", "1e3"),
    *("9007199254740991", "9007199254740992", "8999999999999999", "9999999999999999", "99999999999999999", "1_0"),
    *("1e400", "1e-400", "1e99", "1E+5", "1.0", "0x10", "0xffffffffffffffff", "0b11", "0o17", "1.5.5", "0.1e1"),
    *("''", '""', "'a'", '"a"', "'\"'", '"\'"', "'\\'", "'\\n\\u00e9'", "'\\ud83d\\udc9a'", "'\\ud800'", "'\\x41'"),
    *("'\\u{41}'", "'\\0'", "'\\1'", "'\\\n'", "'\t'", "'\n'", "'\u2028'", "'\\\u2028'", "'\\/'", "'é𝄞'", "'\0'", "'"),
    *('"', "//", "/*", "*/", "/", "#", "\0", "\\"),
]

soup = st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)
"""Pieces of MDSF in any order, most of which is none."""

_ESCAPED = {"\0": "\\0", "\n": "\\n", "\r": "\\r", "\v": "\\v", "\\": "\\\\"}


def _spelledString(draw: st.DrawFn, text: str) -> str:
    quotation = draw(st.sampled_from("'\""))
    pieces = []
    for character in text:
        ways = [f"\\u{{{ord(character):x}}}"]
        if ord(character) < 0x10000:
            ways.append(f"\\u{ord(character):04X}")
        if ord(character) < 0x100:
            ways.append(f"\\x{ord(character):02x}")
        if character in _ESCAPED:
            ways[:0] = [_ESCAPED[character]] * (character != "\0")
        else:
            ways[:0] = [character if character != quotation else "\\" + character] * 8
        pieces.append(draw(st.sampled_from(ways)))
    return quotation + "".join(pieces) + quotation


def _spelledNumber(draw: st.DrawFn, number: float) -> str:
    text = repr(number)
    if isinstance(number, int):
        sign, digits = ("-", -number) if number < 0 else ("", number)
        text = draw(st.sampled_from([text] * 6 + [f"{sign}{digits:#x}", f"{sign}0B{digits:b}", f"{sign}{digits:#o}"]))
    elif text.endswith(".0"):
        text = draw(st.sampled_from([text, text[:-1], text + "e0"]))
    if not text.startswith("-"):
        text = draw(st.sampled_from(["", "", "", "+"])) + text
    return text


@st.composite
def spelled(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> tuple[Any, str]:
    """A value, and one of the many ways to write it."""
    blank = st.sampled_from([""] * 12 + [" ", "\n", "\t\r", "/**/", "//\n", "\u3000", " /* ] */ // }\u2028"])

    def spell(value: Any) -> str:
        if value is None or isinstance(value, bool):
            text = {None: "null", True: "true", False: "false"}[value]
        elif value is UNDEFINED:
            text = "undefined"
        elif isinstance(value, str):
            text = _spelledString(draw, value)
        elif isinstance(value, list):
            text = "["
            for number, item in enumerate(value, 1):
                elided = item is UNDEFINED and draw(st.booleans())
                text += draw(blank) if elided else spell(item)
                text += "," if elided or number < len(value) else draw(st.sampled_from(["", "", ","]))
            text += draw(blank) + "]"
        elif isinstance(value, dict):
            members = []
            for key, member in value.items():
                bare = key.isascii() and key.isidentifier() and draw(st.booleans())
                name = key if bare else _spelledString(draw, key)
                members.append(f"{draw(blank)}{name}{draw(blank)}:{spell(member)}")
            text = f"{{{','.join(members)}{draw(st.sampled_from(['', '', ','])) * bool(members)}{draw(blank)}}}"
        else:
            text = _spelledNumber(draw, value)
        return draw(blank) + text + draw(blank)

    value = draw(values)
    return value, spell(value)
