"""What is printed, for programs and for people."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis.strategies import characters, text
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.cli.output import Output, printable

anything = text(characters(exclude_categories=()))
"""Lone surrogates included: JSON may have them."""


class OutputTests(SynchronousTestCase):
    """The two outputs."""

    def make(self, **options: bool | int) -> Output:
        """An output that is kept."""
        self.out, self.err = io.BytesIO(), io.StringIO()
        self.out.fileno = lambda: 99  # type: ignore[method-assign]
        return Output(self.out, self.err, **options)  # type: ignore[arg-type]

    @given(anything)
    def test_values(self, value: str) -> None:
        """A value is one line of JSON in UTF-8, whatever is in it."""
        self.make().value({"a": value})
        written = self.out.getvalue().decode("utf-8")
        self.assertEqual(written.count("\n"), 1)
        self.assertEqual(json.loads(written), {"a": value})

    @given(anything)
    def test_peopleSeeWhatIsPrintable(self, value: str) -> None:
        """For people everything is printable, and still JSON of the same value."""
        self.make(forPeople=True, columns=100_000).value(value)
        [line, end] = self.out.getvalue().decode("utf-8").split("\n")
        self.assertEqual((line.isprintable(), end), (True, ""))
        self.assertEqual(json.loads(line), value)

    def test_printable(self) -> None:
        """What is not printable becomes an escape of JSON."""
        self.assertEqual(
            printable("a\n\x1b\x7f\x9bä\U0001f600\u202e\U000e0001"), "a\\n\\u001b\\u007f\\u009bä😀\\u202e\\udb40\\udc01"
        )

    def test_table(self) -> None:
        """Columns are aligned, and lines are cut to the width."""
        self.make(forPeople=True, columns=12).table([("a", "bb", "c"), ("aaaa", "", "long\x1b long")])
        self.assertEqual(self.out.getvalue().decode("utf-8"), "a     bb  c\naaaa      l…\n")
        self.make().table([])
        self.assertEqual(self.out.getvalue(), b"")

    def test_wideCharacters(self) -> None:
        """Columns are those of the terminal, on which characters have different widths."""
        self.make(forPeople=True, columns=12).table([("日本", "x"), ("e\u0301", "日本語日本語")])
        self.assertEqual(self.out.getvalue().decode("utf-8"), "日本  x\ne\u0301     日本…\n")

    @given(anything)
    def test_jsonOnTerminal(self, value: str) -> None:
        """JSON on a terminal is printable, too."""
        self.make(isTerminal=True).value(value)
        [line, end] = self.out.getvalue().decode("utf-8").split("\n")
        self.assertEqual((line.isprintable(), end, json.loads(line)), (True, "", value))

    def test_talk(self) -> None:
        """Talk goes to the other output, and not at all if that is not wanted; complaints always do."""
        for isQuiet, expected in ((False, "jetctl: hello\njetctl: bad\n"), (True, "jetctl: bad\n")):
            output = self.make(isQuiet=isQuiet)
            output.say("hello")
            output.complain("bad")
            self.assertEqual((self.out.getvalue(), self.err.getvalue()), (b"", expected))

    def test_progress(self) -> None:
        """Progress is shown on a terminal only, in place of what was there, and makes room for what comes."""
        output = self.make(errIsTerminal=True, columns=8)
        output.progress("half of it")
        output.say("x")
        self.assertEqual(self.err.getvalue(), "\rhalf o…\x1b[K\r\x1b[Kjetctl: x\n")
        for output in (self.make(), self.make(errIsTerminal=True, isQuiet=True)):
            output.progress("half")
            output.endProgress()
            self.assertEqual(self.err.getvalue(), "")

    def test_colours(self) -> None:
        """Colours are there if they are wanted."""
        self.assertEqual(self.make(isColoured=True).coloured("+", "green"), "\x1b[32m+\x1b[0m")
        self.assertEqual(self.make().coloured("+", "green"), "+")

    def test_closed(self) -> None:
        """Without any output nothing is written, and nothing is wrong."""
        output = Output(None, None)
        output.value(1)
        output.complain("x")
        self.assertEqual(output.descriptor, None)
