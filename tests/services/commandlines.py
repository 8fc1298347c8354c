"""
Command lines of our daemons, as far as they can be looked at without running one.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import cast

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.services.jetcommand import Options as JetOptions
from jetjstp.services.jstpcommand import Options as JstpOptions
from jetjstp.services.plan import Plan

__all__ = ["CommandLineTestCase", "FakeListener"]

Options = JetOptions | JstpOptions


class CommandLineTestCase(SynchronousTestCase):
    """Tests of command lines."""

    command: type[JetOptions] | type[JstpOptions] = JetOptions

    def parse(self, *arguments: str) -> Options:
        """The options of a command line."""
        options = self.command()
        options.parseOptions(arguments)
        return options

    def plan(self, *arguments: str) -> Plan:
        """What a command line wants to be run."""
        return cast(Plan, self.parse(*arguments)["plan"])

    def assertRefused(self, arguments: list[str], *words: str) -> str:
        """The command line is an error that has all of the words, in one line, which is returned."""
        with self.assertRaises(UsageError) as caught:
            self.parse(*arguments)
        message = str(caught.exception)
        for word in words:
            self.assertIn(word, message)
        self.assertNotIn("\n", message)
        return message

    def printed(self, *arguments: str) -> str:
        """What a command line prints that is done then, with success."""
        self.patch(sys, "stdout", io.StringIO())
        with self.assertRaises(SystemExit) as caught:
            self.parse(*arguments)
        self.assertEqual(caught.exception.code, 0)
        return cast(io.StringIO, sys.stdout).getvalue()

    def file(self, text: str, suffix: str = "") -> str:
        """The name of a file with this text."""
        path = Path(self.mktemp() + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return str(path)


class FakeListener:
    """A listener that has a description and nothing else."""

    def __init__(self, reactor: object, option: str, description: str, clientCa: str | None = None) -> None:
        self.option = option
        self.description = description

    def __str__(self) -> str:
        return self.description

    def renew(self) -> bool:
        """It has no certificate."""
        return False
