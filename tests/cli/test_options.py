"""Command lines: what they are taken for, and what is said about those that are wrong."""

from __future__ import annotations

import configparser
import os
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.cli.command import Command
from jetjstp.cli.jetctl import COMMANDS, JetctlOptions, allCommands, main

ROOT = Path(__file__).resolve().parent.parent.parent


class ParsingTestCase(SynchronousTestCase):
    """Tests that parse command lines."""

    def setUp(self) -> None:
        """No settings of whoever runs the tests."""
        self.patch(os, "environ", {})

    def parse(self, *arguments: str) -> Any:
        """The options of the command."""
        options = JetctlOptions()
        options.parseOptions(arguments)
        return options.subOptions

    def assertRefused(self, arguments: list[str], *words: str) -> None:
        """A command line is an error whose message has the words."""
        error = self.assertRaises(UsageError, self.parse, *arguments)
        for word in words:
            self.assertIn(word, str(error))


class OrderTests(ParsingTestCase):
    """Where options may stand."""

    def test_anywhere(self) -> None:
        """Options of all commands stand before the command, between the arguments, or behind them."""
        for arguments in (
            ["--timeout", "7", "--json", "set", "a", "1"],
            ["set", "--timeout=7", "-j", "a", "1"],
            ["set", "a", "--timeout", "7", "1", "--json"],
            ["--timeout", "99", "set", "a", "1", "--json", "--timeo", "7"],
        ):
            command = self.parse(*arguments)
            self.assertEqual((command.path, command["timeout"], bool(command["json"])), ("a", 7.0, True))

    def test_negativeNumbers(self) -> None:
        """Negative numbers and the standard input are arguments; behind two dashes everything is."""
        for value in ("-5", "-.5", "-1e3", "-"):
            self.assertEqual(self.parse("set", "a", value)._argument, value)
        self.assertEqual(self.parse("set", "-q", "--", "--json", "-x").path, "--json")
        self.assertRefused(["set", "a", "-x"], "-x", "'--'")

    def test_letters(self) -> None:
        """Letters may be joined, and their values follow at once or as the next argument."""
        for arguments in (["-qn3"], ["-qn", "3"], ["-q", "-n3"]):
            command = self.parse("watch", *arguments)
            self.assertEqual((command["count"], bool(command["quiet"])), (3, True))


class SharedTests(ParsingTestCase):
    """The options that every command has."""

    def test_url(self) -> None:
        """The URL is that of the option, else of the environment, else this machine."""
        self.assertEqual(self.parse("ls")["url"], "jet://localhost:11122")
        self.patch(os, "environ", {"JETCTL_URL": "unix:/run/jet.sock"})
        self.assertEqual(self.parse("ls")["url"], "unix:/run/jet.sock")
        self.assertEqual(self.parse("--url", "ws://a", "ls")["url"], "ws://a")

    def test_timeout(self) -> None:
        """Timeouts are seconds, and who means milliseconds is told so."""
        self.assertEqual(self.parse("ls")["timeout"], 5.0)
        self.assertEqual(self.parse("ls", "--timeout", "0.25")["timeout"], 0.25)
        self.assertRefused(["ls", "--timeout", "5000"], "--timeout", "seconds", "did you mean 5?")
        for text in ("0", "-1", "nan", "inf", "soon"):
            self.assertRefused(["ls", f"--timeout={text}"], "--timeout", "seconds")

    def test_belongTogether(self) -> None:
        """What is of no use without something else says so."""
        self.assertRefused(["--password-file", "x", "ls"], "--password-file", "--user")
        self.assertRefused(["--cafile", "x", "ls"], "--cafile", "jets://")
        self.assertRefused(["--certificate", "x", "ls"], "--certificate", "jets://")
        self.assertRefused(["--url", "jets://h", "--key", "x", "ls"], "--key", "--certificate")
        self.assertRefused(["watch", "--descending"], "--descending", "--sort")
        self.assertRefused(["call", "a", "1", "--args", "[]"], "--args")
        self.assertRefused(["add", "a", "1", "--on-set", "x", "--accept"], "exclude")
        self.assertRefused(["add", "a", "1", "--set-groups", "x"], "--set-groups", "--accept")
        self.assertRefused(["passwd", "users.toml", "ann"], "TOML", "by hand", "jetctl passwd - ann")

    def test_passwords(self) -> None:
        """A password is never taken from the command line, not as an abbreviation of something else either."""
        for arguments in (["--password", "x", "ls"], ["ls", "--password=x"]):
            self.assertRefused(arguments, "never", "JETCTL_PASSWORD", "--password-file")

    def test_suggestions(self) -> None:
        """Mistyped options are answered with the one that is likely meant."""
        self.assertRefused(["watch", "--limt", "3"], "--limt", "did you mean --limit?")
        self.assertRefused(["--jsn", "ls"], "--jsn", "did you mean --json?")
        self.assertRefused(["ls", "--colour"], "--colour", "'jetctl ls --help'")

    def test_numbers(self) -> None:
        """Numbers of things are integers from 1 on, and the message names the option."""
        for text in ("0", "x", "1.5", "-1", "٣", "9" * 5000):
            self.assertRefused(["watch", f"--count={text}"], "--count")

    def test_groups(self) -> None:
        """Groups have commas between."""
        command = self.parse("serve", "a", "true", "--call-groups", "x, y")
        self.assertEqual(command.access(callGroups=command["call-groups"]), {"callGroups": ["x", "y"]})
        self.assertRefused(["serve", "a", "true", "--call-groups", "x,,y"], "--call-groups", "commas")


class EntryPointTests(SynchronousTestCase):
    """How it gets onto the path of whoever installs the package."""

    def test_exists(self) -> None:
        """The command of the package is the function that ends the process."""
        parser = configparser.ConfigParser()
        parser.read(ROOT / "setup.cfg")
        name, _, where = parser["options.entry_points"]["console_scripts"].strip().partition(" = ")
        module, _, function = where.partition(":")
        self.assertEqual((name, getattr(import_module(module), function)), ("jetctl", main))


class HelpTests(ParsingTestCase):
    """The help texts."""

    def test_eachCommand(self) -> None:
        """Each says what it does, how it is called, what each option is for, and has three examples that parse."""
        self.assertEqual([command.commandName for command in allCommands()], [f"jetctl {name}" for name, _ in COMMANDS])
        for command in allCommands():
            text = str(command)
            self.assertTrue(text.startswith(f"{command.commandName}: {command.summary}\n"), text)
            self.assertIn(f"\nUsage: {command.commandName} [options] {command.synopsis}".rstrip(), text)
            self.assertEqual(len(command.examples), 3, command.commandName)
            for option in command.describe():
                self.assertTrue(option.text, option)
                if option.long != "version":
                    self.assertIn(option.heading, text)

    def test_widths(self) -> None:
        """The help fits the terminal."""
        for command in [JetctlOptions(), *allCommands()]:
            for line in command.getUsage(80).splitlines():
                if not line.startswith("  $ "):
                    self.assertLessEqual(len(line), 80, line)

    def test_narrow(self) -> None:
        """On the narrowest of terminals there still is help."""
        for command in [JetctlOptions(), *allCommands()]:
            self.assertIn(command.summary, command.getUsage(1))

    def test_examplesParse(self) -> None:
        """The command lines of the examples are right."""
        for command in allCommands():
            for example, _ in command.examples:
                words = shlex.shlex(example, posix=True, punctuation_chars="|&;<>")
                words.whitespace_split = True
                commands: list[list[str]] = [[]]
                for word in words:
                    if set(word) <= set("|&;<>"):
                        commands.append([])
                    else:
                        commands[-1].append(word)
                [arguments] = [each[1:] for each in commands if each[0] == "jetctl"]
                self.assertIsInstance(self.parse(*arguments), Command, example)
