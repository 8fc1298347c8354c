"""The man page and the completion scripts, which are made of the options."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.cli.completion import SHELLS, completionScript
from jetjstp.cli.exitcodes import EXIT_CODES
from jetjstp.cli.jetctl import COMMANDS, ENVIRONMENT, JetctlOptions, allCommands
from jetjstp.cli.manpage import manPage

FAKE = """
jetctl() { printf '%s\\n' 'rooms/big one' 'rooms/a:b' | grep -- "^${@: -1}"; }
compopt() { :; }
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
_jetctl
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""What bash does when somebody presses the tabulator, with a daemon made up."""


class ManPageTests(SynchronousTestCase):
    """C{jetctl --man}."""

    def test_complete(self) -> None:
        """Every command, option, example, variable and exit code is in it; nothing is an instruction by accident."""
        page = manPage(JetctlOptions(), allCommands(), ENVIRONMENT, EXIT_CODES)
        text = re.sub(r"\\f[BIR]|\\&", "", page).replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"')
        text = text.replace("\\e", "\\")
        for command in allCommands():
            self.assertIn(f"\n.SS {command.commandName} [options] {command.synopsis}".rstrip(), text)
            for option in command.describe():
                self.assertIn(f"--{option.long}", text)
            for example, _ in command.examples:
                self.assertIn(example, text)
        for word in [*(name for name, _ in ENVIRONMENT), *(f"\n.B {code}\n" for code, _ in EXIT_CODES)]:
            self.assertIn(word, text)
        instructions = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
        self.assertEqual(
            instructions - {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".BR", ".RS", ".RE", ".nf", ".fi"}, set()
        )


class CompletionTests(SynchronousTestCase):
    """C{jetctl --completion}."""

    def script(self, shell: str) -> str:
        """A script."""
        return completionScript(shell, JetctlOptions(), allCommands())

    def complete(self, *words: str) -> list[str]:
        """What bash offers for a command line."""
        file = Path(self.mktemp())
        file.write_text(self.script("bash") + FAKE)
        done = subprocess.run(
            ["bash", "--norc", str(file), " ".join(words), *words], capture_output=True, check=False, text=True
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.split("\n")[:-1]

    def test_everything(self) -> None:
        """Each script has all commands and all options."""
        for shell in SHELLS:
            script = self.script(shell)
            self.assertNotRegex(script, "@[A-Z]+@")
            for name, _ in COMMANDS:
                self.assertIn(name, script)
            for command in allCommands():
                for option in command.describe():
                    self.assertIn(f"--{option.long}", script)

    def test_commands(self) -> None:
        """The first word is a command, also behind options."""
        self.assertEqual(self.complete("jetctl", "p"), ["ping", "passwd"])
        self.assertEqual(self.complete("jetctl", "--url", "ws://x", "-j", "wa"), ["watch"])

    def test_options(self) -> None:
        """Options are those of the command, and of all."""
        self.assertEqual(self.complete("jetctl", "watch", "--de"), ["--descending"])
        self.assertEqual(self.complete("jetctl", "--ma"), ["--man"])
        self.assertEqual(self.complete("jetctl", "get", "--de"), [""])
        self.assertEqual(self.complete("jetctl", "get", "--ti"), ["--timeout"])

    def test_values(self) -> None:
        """Values that have a fixed list are offered."""
        self.assertEqual(self.complete("jetctl", "watch", "--initial", ""), ["yes", "no"])
        self.assertEqual(self.complete("jetctl", "--completion", "z"), ["zsh"])
        self.assertEqual(self.complete("jetctl", "bench", "f"), ["fanout"])

    def test_paths(self) -> None:
        """Paths are those that the daemon knows, quoted, colons included."""
        self.assertEqual(self.complete("jetctl", "get", "rooms/"), ["rooms/big\\ one", "rooms/a:b"])
        self.assertEqual(self.complete("jetctl", "get", "rooms/a:"), ["b"])
