"""Values on the command line."""

from __future__ import annotations

import io

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.cli.jsonargument import parseValue, readValues


class ValueTests(SynchronousTestCase):
    """Values as arguments."""

    def test_json(self) -> None:
        """A value is JSON; integers keep all their digits."""
        for text, value in (("1", 1), ('"a"', "a"), ("null", None), (" [true] ", [True]), ("9" * 30, int("9" * 30))):
            self.assertEqual(parseValue(text, "VALUE"), value)

    def test_mistakes(self) -> None:
        """What is no JSON is named, with the place and the remedy."""
        for text, words in (
            ("pump", "'pump' is not JSON: Expecting value (at character 1)"),
            ("{a:1}", "at character 2"),
            ("", "is empty"),
            ("NaN", "no NaN"),
            ("[-Infinity]", "no -Infinity"),
            ("1e999", "too big"),
            ("[" * 100_000, "nests too deep"),
            ("x" * 100, "x…' is not"),
        ):
            error = str(self.assertRaises(UsageError, parseValue, text, "VALUE"))
            self.assertTrue(error.startswith("VALUE "), error)
            self.assertIn(words, error)

    def test_standardInput(self) -> None:
        """One dash is what is on the standard input; as text it loses its last line feed and no more."""
        self.assertEqual(readValues(["1", "-"], ["a", "b"], False, io.BytesIO(b"[2]\n")), [1, [2]])
        self.assertEqual(readValues(["-"], ["a"], True, io.BytesIO(" ä\n\n".encode())), [" ä\n"])
        self.assertEqual(readValues(["x y"], ["a"], True, None), ["x y"])

    def test_standardInputMistakes(self) -> None:
        """Two dashes, a closed input and bytes that are no text are refused."""
        for arguments, stdin, words in (
            (["-", "-"], io.BytesIO(), "only one"),
            (["-"], None, "closed"),
            (["-"], io.BytesIO(b"\xff"), "not UTF-8"),
            (["-"], io.BytesIO(b"pump"), "the standard input 'pump' is not JSON"),
        ):
            error = self.assertRaises(UsageError, readValues, arguments, ["a", "b"][: len(arguments)], False, stdin)
            self.assertIn(words, str(error))
