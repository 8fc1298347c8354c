"""Tests of L{jetjstp.services.applicationloading}."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.applications import Application
from jetjstp.services.applicationloading import LoadFailed, loadApplications

one = Application("one", {})
two = Application("two", {})


class Holder:
    """Has an application inside."""

    application = one


def several() -> Iterator[Application]:
    """Give applications one by one."""
    yield one
    yield two


def none() -> None:
    """Forget to return something."""


def later() -> Deferred[Any]:
    """Give them some other time."""
    return Deferred()


async def coroutine() -> Application:
    """The same."""
    return one


def endless() -> Iterator[Application]:
    """Give applications for ever."""
    return (Application(f"a{number}", {}) for number in count())


def leaves() -> None:
    """End the process, if it can."""
    sys.exit(3)


def needsMore(argument: object) -> None:
    """Cannot be called without arguments."""


mixed = [one, "two"]
number = 5


class LoadTests(SynchronousTestCase):
    """L{loadApplications}."""

    def module(self, text: str) -> str:
        """The name of a module with this text, in a folder of the path."""
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        name = f"loaded{abs(hash(str(folder)))}"
        (folder / f"{name}.py").write_text(text)
        self.patch(sys, "path", [str(folder), *sys.path])
        self.addCleanup(sys.modules.pop, name, None)
        return name

    def assertFails(self, description: str, *words: str) -> LoadFailed:
        """There is nothing to be had there, for a reason that has all the words, in one line."""
        with self.assertRaises(LoadFailed) as caught:
            loadApplications(description)
        error: LoadFailed = caught.exception
        for word in words:
            self.assertIn(word, str(error))
        self.assertNotIn("\n", str(error))
        return error

    def test_found(self) -> None:
        """An application, an iterable of them, what a function gives, also inside of something."""
        here = __name__
        self.assertEqual(loadApplications(f"{here}:one"), [one])
        self.assertEqual(loadApplications(f"{here}:Holder.application"), [one])
        self.assertEqual(loadApplications(f"{here}:several"), [one, two])

    def test_form(self) -> None:
        """What names no module and object is told how to."""
        for description in ("", "a", "a:", ":b", "a/b.py:c", "a:b:c", "a..b:c", "a:b()"):
            self.assertFails(description, repr(description), "MODULE:OBJECT")

    def test_noModule(self) -> None:
        """A module that is not there is named, with the places where it was looked for."""
        error = self.assertFails("no_such_package.server:a", "'no_such_package'", "PYTHONPATH", str(Path.cwd()))
        self.assertIsNone(error.failure)
        self.assertFails("jetjstp.nothing:a", "'jetjstp.nothing'")

    def test_noObject(self) -> None:
        """An object that is not there is named, with the one that it resembles."""
        self.assertFails(f"{__name__}:severall", "'severall'", "did you mean 'several'?")
        self.assertFails(f"{__name__}:Holder.xyzzy", "'Holder.xyzzy'")

    def test_brokenModule(self) -> None:
        """A module that raises is named, with the place and the cause; the traceback is kept."""
        name = self.module("x = 1\nimport no_such_thing\n")
        error = self.assertFails(f"{name}:x", repr(name), "ModuleNotFoundError", "no_such_thing", f"{name}.py, line 2")
        self.assertIsNotNone(error.failure)
        self.assertFails(f"{self.module('def (')}:x", "SyntaxError")
        self.assertFails(f"{self.module('raise SystemExit(5)')}:x", "SystemExit")
        self.assertFails(f"{self.module('raise ValueError(chr(10).join(chr(97)))')}:x", "ValueError: a")

    def test_brokenFunction(self) -> None:
        """So is a function that raises, or cannot be called without arguments."""
        self.assertIsNotNone(self.assertFails(f"{__name__}:leaves", "SystemExit: 3", "line").failure)
        self.assertFails(f"{__name__}:needsMore", "needsMore", "TypeError", "argument")

    def test_somethingElse(self) -> None:
        """What is no application is told by its type."""
        here = __name__
        self.assertFails(f"{here}:number", "type int", "jstp.Application")
        self.assertFails(f"{here}:none", "None")
        self.assertFails(f"{here}:mixed", "type str", "among")
        self.assertFails(f"{here}:later", "only later")
        self.assertFails(f"{here}:coroutine", "only later")
        self.assertFails(f"{here}:endless", "more than 1000")
