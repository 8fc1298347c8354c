"""Tests of L{jetjstp.strplugin}, and of the plugins that it finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import strplugin
from jetjstp.interfaces import IAuthPolicyFactory
from jetjstp.policies.users import UsersPolicy
from jetjstp.policies.usersfile import UsersFileFactory
from jetjstp.strplugin import describeChoices, makeFromString


class Choice:
    """A factory that remembers what it was asked for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.schemes: tuple[str, ...] = ()
        self.help = f"what {name} is\nin two lines"

    def make(self, argument: str, reactor: IReactorTime) -> Any:
        """Tell the argument and the reactor."""
        if argument == "wrong":
            raise ValueError("wrong is not right")
        return (self.name, argument, reactor)


class MakeFromStringTests(SynchronousTestCase):
    """L{makeFromString} and L{describeChoices}, with plugins of our own."""

    def setUp(self) -> None:
        """Two factories are there."""
        self.patch(strplugin, "getPlugins", lambda interface: iter([Choice("second"), Choice("first")]))

    def test_make(self) -> None:
        """The factory of the name gets everything behind the first colon."""
        clock = Clock()
        for description, argument in (("first:a:b=c", "a:b=c"), ("first:", ""), ("first", "")):
            self.assertEqual(makeFromString(IAuthPolicyFactory, description, clock), ("first", argument, clock))

    def test_schemes(self) -> None:
        """A URL goes as a whole to the factory that has its scheme."""
        choice = Choice("second")
        choice.schemes = ("seconds",)
        self.patch(strplugin, "getPlugins", lambda interface: iter([choice, Choice("first")]))
        clock = Clock()
        made = makeFromString(IAuthPolicyFactory, "seconds://host/1", clock)
        self.assertEqual(made, ("second", "seconds://host/1", clock))

    def test_unknown(self) -> None:
        """A name that nobody has is told, with those that there are, but not what follows it."""
        error = str(self.assertRaises(ValueError, makeFromString, IAuthPolicyFactory, "firts:s3cret", Clock()))
        self.assertIn("'firts'", error)
        self.assertIn("first, second", error)
        self.assertNotIn("s3cret", error)

    def test_wrongArgument(self) -> None:
        """What the factory says of its argument is what is said."""
        error = self.assertRaises(ValueError, makeFromString, IAuthPolicyFactory, "second:wrong", Clock())
        self.assertEqual(str(error), "wrong is not right")

    def test_describe(self) -> None:
        """The description lists all, by name, each with its help."""
        self.assertEqual(
            describeChoices(IAuthPolicyFactory),
            "first\n    what first is\n    in two lines\n\nsecond\n    what second is\n    in two lines\n",
        )

    def test_none(self) -> None:
        """Where there is nothing to choose from, the error says so."""
        self.patch(strplugin, "getPlugins", lambda interface: iter([]))
        error = str(self.assertRaises(ValueError, makeFromString, IAuthPolicyFactory, "x", Clock()))
        self.assertIn("none", error)
        self.assertEqual(describeChoices(IAuthPolicyFactory), "")


class PluginTests(SynchronousTestCase):
    """What Twisted's plugin search finds of ours."""

    def test_users(self) -> None:
        """The users file is found by its name, and described."""
        path = Path(self.mktemp())
        path.write_text(json.dumps({}))
        self.assertIsInstance(makeFromString(IAuthPolicyFactory, f"users:{path}", Clock()), UsersPolicy)
        self.assertIn("users:FILE", describeChoices(IAuthPolicyFactory))

    def test_once(self) -> None:
        """There is one factory of each name."""
        names = [factory.name for factory in getPlugins(IAuthPolicyFactory)]
        self.assertEqual(names.count(UsersFileFactory.name), 1)

    def test_command(self) -> None:
        """The command is found, and names the module that makes it."""
        [command] = [maker for maker in getPlugins(IServiceMaker) if maker.tapname == "jet"]
        self.assertEqual(getattr(command, "module", None), "jetjstp.services.jetcommand")
