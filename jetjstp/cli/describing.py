"""
The options of a command as data: what the help text, the man page and the
shell completion are made of.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from twisted.python.usage import Options

__all__ = ["OptionText", "describeOptions", "optionLines", "paragraphs"]


NARROWEST = 30
"""Columns that texts need at least; on a narrower terminal it is the terminal that breaks lines."""


class OptionText(NamedTuple):
    """
    An option.

    @ivar long: Its name, without the dashes.
    @ivar short: Its letter, if it has one.
    @ivar metavar: What stands for its value; L{None} if it has none.
    @ivar text: What it does.
    @ivar choices: The values that it can have, if that is a fixed list.
    @ivar completes: What its value is: C{"file"} or nothing that a shell knows.
    """

    long: str
    short: str | None
    metavar: str | None
    text: str
    choices: tuple[str, ...] = ()
    completes: str = ""

    @property
    def heading(self) -> str:
        """How it is written."""
        return f"--{self.long}" + ("" if self.metavar is None else f" {self.metavar}")


def describeOptions(
    options: Options, metavars: dict[str, str], choices: dict[str, tuple[str, ...]], files: Sequence[str] = ()
) -> list[OptionText]:
    """
    All options that something has, in the order of their names, C{--help} last.

    @param metavars: What stands for the value of an option, by the name of the option; else that name itself.
    """
    shorts = {
        long: short
        for short, long in options.synonyms.items()
        if len(short) == 1 and short != long and options._dispatch.get(long) is not None
    }
    found = []
    for name in options.longOpt:
        long = name.rstrip("=").replace("_", "-")
        metavar = (metavars.get(long) or long.upper()) if name.endswith("=") else None
        if choices.get(long):
            metavar = "|".join(choices[long])
        text = " ".join((_docOf(options, long) or "").split())
        completes = "file" if long in files else ""
        found.append(OptionText(long, shorts.get(long), metavar, text, choices.get(long, ()), completes))
    unique = {option.long: option for option in found}
    return sorted(unique.values(), key=lambda option: (option.long in ("help", "version"), option.long))


def _docOf(options: Options, long: str) -> str | None:
    key = long.replace("-", "_")
    doc = options.docs.get(long) or options.docs.get(key)
    if doc is None:
        handler = getattr(options, f"opt_{key}", None)
        doc = None if handler is None else handler.__doc__
    return doc


def optionLines(options: Sequence[OptionText], columns: int) -> list[str]:
    """The options as a list for people, their texts in a column of its own."""
    headings = [(f"-{option.short}, " if option.short else "    ") + option.heading for option in options]
    indent = min(max(map(len, headings), default=0) + 4, 30)
    lines: list[str] = []
    for heading, option in zip(headings, options, strict=True):
        text = textwrap.wrap(option.text, max(columns - indent, NARROWEST), break_on_hyphens=False)
        first = f"  {heading}".ljust(indent)
        if len(first) > indent or not text:
            lines.append(first.rstrip())
        else:
            lines.append(first + text.pop(0))
        lines += [" " * indent + each for each in text]
    return lines


def paragraphs(text: str, columns: int) -> list[str]:
    """A text, wrapped, with empty lines between its paragraphs."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        wrapped = textwrap.wrap(" ".join(paragraph.split()), max(columns, NARROWEST), break_on_hyphens=False)
        lines += [*wrapped, ""]
    return lines[:-1]
