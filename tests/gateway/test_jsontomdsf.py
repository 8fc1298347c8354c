"""Tests for JSON texts as MDSF."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.gateway.jsontomdsf import LONGEST, mdsfOf, whyNot
from jetjstp.jstp.mdsf import parse

JSON: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class TextTests(SynchronousTestCase):
    """What becomes of texts."""

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(JSON, st.booleans(), st.sampled_from([None, 1]))
    def test_same(self, value: Any, isAscii: bool, indent: int | None) -> None:
        """Every value that JSON can say is read from MDSF as it was, however it is written."""
        text = json.dumps(value, ensure_ascii=isAscii, indent=indent).encode("utf-8", "surrogatepass")
        written = mdsfOf(text)
        assert written is not None
        self.assertEqual(parse(written), value)

    def test_untouched(self) -> None:
        """Nearly every text stays the very object that it was."""
        text = b'{"a":[1,-2.5e-7,"x\\u2028\\/"],"b":{"1e999":"1e9999"}}'
        self.assertIs(mdsfOf(text), text)

    def test_separators(self) -> None:
        """Two characters are escaped that some parsers take for the end of a line."""
        self.assertEqual(mdsfOf('"a\u2028\u2029\u2027"'.encode()), '"a\\u2028\\u2029\u2027"'.encode())

    def test_outOfRange(self) -> None:
        """A number that is no float has no text; one that only looks so has."""
        for number in ("1e309", "-1E+400", "1" * 310, "0." + "0" * 250 + "1e999", "9" * 260 + "e99", "1e0999"):
            text = f'{{"a":[{number}]}}'.encode()
            self.assertIsNone(mdsfOf(text), number)
            self.assertEqual(whyNot(text), "a number is out of range for JSTP")
        for number in ("1e308", "1e-999", "1" * 300, "0." + "1" * 400, "1e0100"):
            text = f'{{"a":[{number}]}}'.encode()
            self.assertIs(mdsfOf(text), text, number)
            parse(text)

    def test_tooLong(self) -> None:
        """Nor has what would be too long for a message."""
        text = b'"%b"' % (b"x" * (LONGEST - 2))
        self.assertIs(mdsfOf(text), text)
        self.assertIsNone(mdsfOf(text + b" "))
        self.assertEqual(whyNot(text + b" "), "too long for JSTP")
        self.assertIsNone(mdsfOf(b'"\xe2\x80\xa8%b"' % (b"x" * (LONGEST - 6))))

    def test_tooDeep(self) -> None:
        """Nor what nests deeper than peers read."""
        text = b"[" * 198 + b"]" * 198
        self.assertIs(mdsfOf(text), text)
        self.assertIsNone(mdsfOf(b"[%b]" % text))
        self.assertEqual(whyNot(b"[%b]" % text), "nested too deeply for JSTP")
