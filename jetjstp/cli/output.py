"""
What a command prints: aligned text for people, one JSON value a line for
programs. Data goes to the standard output, talk to the standard error output.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, TextIO

from jetjstp.cli.columns import cutTo, padded, widthOf
from jetjstp.cli.exitcodes import FAILED, CommandFailed

__all__ = ["NAME", "Output", "OutputClosed", "jsonText", "printable"]

NAME = "jetctl"

_COLOURS = {"red": "31", "green": "32", "yellow": "33"}


class OutputClosed(Exception):
    """Nobody reads the standard output any more: the reader has what it wanted."""


def jsonText(value: Any) -> str:
    """A value as JSON on one line, as short as it gets."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def printable(text: str) -> str:
    """
    A text in which nothing can steer the terminal: whatever is not printable is shown as an escape of JSON. In a text
    that is JSON this changes nothing of what it means.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1] if character != "\x7f" and ord(character) < 0x80 else _escapeAll(character)


def _escapeAll(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


class Output:
    """
    Where a command writes.

    Each line is written at once, so that whoever reads it sees it when it happens.

    @param out: The standard output; L{None} if it is closed.
    @param err: The standard error output; L{None} if it is closed.
    @param forPeople: Whether a person reads the data.
    @param isTerminal: Whether it goes to a terminal, be it for a person or not.
    @param errIsTerminal: Whether a person reads the talk, so that progress can be shown.
    @param isCapable: Whether the terminal can move its cursor.
    @param columns: The width of the terminal.
    """

    def __init__(
        self,
        out: BinaryIO | None,
        err: TextIO | None,
        *,
        forPeople: bool = False,
        isTerminal: bool = False,
        errIsTerminal: bool = False,
        isQuiet: bool = False,
        isColoured: bool = False,
        isCapable: bool = False,
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        self._out = out
        self._err = err
        self.forPeople = forPeople
        self.isQuiet = isQuiet
        self.columns = columns
        self.rows = rows
        self._isTerminal = forPeople or isTerminal
        self._isColoured = isColoured
        self._isCapable = isCapable
        self._showsProgress = errIsTerminal and not isQuiet
        self._progress = False

    @classmethod
    def ofProcess(cls, *, asJson: bool = False, isQuiet: bool = False) -> Output:
        """
        The output of this process.

        @param asJson: Whether it is for programs even on a terminal.
        """
        isTerminal = sys.stdout is not None and sys.stdout.isatty()
        isCapable = isTerminal and not asJson and os.environ.get("TERM", "dumb") != "dumb"
        size = shutil.get_terminal_size()
        return cls(
            None if sys.stdout is None else sys.stdout.buffer,
            sys.stderr,
            forPeople=isTerminal and not asJson,
            isTerminal=isTerminal,
            errIsTerminal=sys.stderr is not None and sys.stderr.isatty(),
            isQuiet=isQuiet,
            isColoured=isCapable and not os.environ.get("NO_COLOR"),
            isCapable=isCapable,
            columns=size.columns,
            rows=size.lines,
        )

    @property
    def descriptor(self) -> int | None:
        """The number of the standard output; L{None} if it is closed."""
        return None if self._out is None else self._out.fileno()

    def value(self, value: Any) -> None:
        """Print a value: JSON in any case, for people on several lines if it is long."""
        if not self.forPeople:
            self.line(self.safe(jsonText(value)))
            return
        text = json.dumps(value, ensure_ascii=False)
        if widthOf(text) > self.columns:
            text = json.dumps(value, ensure_ascii=False, indent=2)
        for line in text.split("\n"):
            self.line(printable(line))

    def textOf(self, value: Any, *, isBare: bool = False) -> str:
        """
        A value on one line, for people.

        @param isBare: Whether strings are shown without quotation marks.
        """
        return value if isBare and isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def safe(self, text: str) -> str:
        """A text that is printed as it is, unless it could steer a terminal."""
        return printable(text) if self._isTerminal else text

    def table(self, rows: Iterable[Sequence[str]], *, isCut: bool = True) -> None:
        """
        Print rows for people, their columns aligned. Columns that are empty in all rows take no room.

        @param isCut: Whether lines that are longer than the terminal is wide are cut.
        """
        shown = [[printable(cell) for cell in row] for row in rows]
        widths = [max(map(widthOf, column)) for column in zip(*(row[:-1] for row in shown), strict=True)]
        for row in shown:
            cells = [padded(cell, width) for cell, width in zip(row, widths, strict=False) if width]
            line = "  ".join([*cells, row[-1]]).rstrip()
            self.line(self.cut(line) if isCut else line)

    def cut(self, line: str) -> str:
        """A line that fits the terminal."""
        return cutTo(line, self.columns)

    def erase(self, lines: int) -> None:
        """Go back so many lines on a terminal that can do that, so that what follows is written over them."""
        if lines and self._isCapable and self._out is not None:
            self._out.write(b"\x1b[%dA\x1b[J" % lines)

    def coloured(self, text: str, colour: str) -> str:
        """A text in a colour, where colours are wanted."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._isColoured else text

    def line(self, text: str) -> None:
        """
        Write a line of data.

        @raise OutputClosed: Nobody reads it.
        @raise CommandFailed: It cannot be written.
        """
        self.endProgress()
        if self._out is None:
            return
        try:
            # A lone surrogate becomes its escape, which in JSON is the same text.
            self._out.write(text.encode("utf-8", "backslashreplace") + b"\n")
            self._out.flush()
        except BrokenPipeError:
            self.abandon()
            raise OutputClosed from None
        except OSError as error:
            self.abandon()
            raise CommandFailed(
                FAILED, f"the standard output cannot be written ({error.strerror}); see to where it goes"
            ) from None

    def abandon(self) -> None:
        """Write nothing more to the standard output; what is still buffered goes nowhere."""
        if self._out is None:
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._out.fileno())
        os.close(nowhere)
        self._out = None

    def say(self, text: str) -> None:
        """Tell what happens, unless that is not wanted."""
        if not self.isQuiet:
            self.complain(text)

    def complain(self, text: str) -> None:
        """Tell what is wrong."""
        self.endProgress()
        self._talk(f"{NAME}: {printable(text)}\n")

    def progress(self, text: str) -> None:
        """Show how far it is, on a terminal, in place of what was shown before."""
        if self._showsProgress:
            self._talk(f"\r{cutTo(printable(text), self.columns - 1)}\x1b[K")
            self._progress = True

    def endProgress(self) -> None:
        """Remove the progress that is shown, if any is."""
        if self._progress:
            self._progress = False
            self._talk("\r\x1b[K")

    def _talk(self, text: str) -> None:
        if self._err is None:
            return
        try:
            self._err.write(text)
            self._err.flush()
        except BrokenPipeError:
            # Nobody listens: that must not keep the command from its work.
            self._err = None
