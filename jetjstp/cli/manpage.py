"""
The man page, made of the options.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jetjstp import __version__
from jetjstp.cli.describing import OptionText
from jetjstp.cli.options import SHARED, ToolOptions

__all__ = ["manPage"]


def manPage(
    program: ToolOptions,
    commands: Sequence[ToolOptions],
    environment: Iterable[tuple[str, str]],
    exitCodes: Iterable[tuple[int, str]],
) -> str:
    """
    The man page of a program in the language of C{man}.

    @param commands: Its commands.
    """
    name = program.commandName
    lines = [
        f'.TH {name.upper()} 1 "" "jetjstp {__version__.public()}" "User commands"',
        *(".SH NAME", rf"{name} \- {_text(program.summary)}"),
        *(".SH SYNOPSIS", f".B {name}", _text(f"[options] {program.synopsis}")),
        *(".SH DESCRIPTION", *_paragraphs(program.longdesc)),
        *(".SH OPTIONS", *_options(program.describe())),
        ".SH COMMANDS",
    ]
    for command in commands:
        lines += [f".SS {_text(command.commandName)} [options] {_text(command.synopsis)}".rstrip()]
        lines += [_sentence(command.summary), ".PP", *_paragraphs(command.longdesc)]
        lines += _options(each for each in command.describe() if each.long not in (*SHARED, "help", "version"))
        for example, does in command.examples:
            lines += [".PP", ".RS", ".nf", rf"\fB{_text(example)}\fR", ".fi", _text(does), ".RE"]
    lines.append(".SH ENVIRONMENT")
    for variable, text in environment:
        lines += [".TP", f".B {_text(variable)}", _sentence(text)]
    lines.append(".SH EXIT STATUS")
    for code, text in exitCodes:
        lines += [".TP", f".B {code}", _sentence(text)]
    lines.append(".SH EXAMPLES")
    for example, does in program.examples:
        lines += [".PP", ".nf", rf"\fB{_text(example)}\fR", ".fi", ".RS", _text(does), ".RE"]
    lines += [".SH SEE ALSO", ".BR twistd (1)"]
    return "\n".join(lines) + "\n"


def _options(options: Iterable[OptionText]) -> list[str]:
    lines: list[str] = []
    for option in options:
        heading = rf"\fB\-\-{_text(option.long)}\fR"
        if option.short:
            heading = rf"\fB\-{option.short}\fR, {heading}"
        if option.metavar is not None:
            heading += rf" \fI{_text(option.metavar)}\fR"
        lines += [".TP", heading, _sentence(option.text)]
    return lines


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        lines += [".PP", _text(" ".join(paragraph.split()))]
    return lines[1:]


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return _text(text if text.endswith((".", "?")) else f"{text}.")


def _text(text: str) -> str:
    """Text in which nothing is an instruction, and dashes stay what they are."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("^", r"\(ha")
    escaped = escaped.replace("~", r"\(ti").replace('"', r"\(dq")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
