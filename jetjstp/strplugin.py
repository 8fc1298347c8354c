"""
Things that are chosen by name on a command line, C{NAME:ARGUMENT}, and found
through L{twisted.plugin}: see the factory interfaces of L{jetjstp.interfaces}.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any, Protocol, cast

from twisted.internet.interfaces import IReactorTime
from twisted.plugin import getPlugins
from zope.interface.interface import InterfaceClass

__all__ = ["describeChoices", "makeFromString"]


class Factory(Protocol):
    """What the factory interfaces have in common."""

    name: str
    help: str

    def make(self, argument: str, reactor: IReactorTime) -> Any:
        """Make the thing; C{ValueError} if the argument is of no use."""


def makeFromString(interface: InterfaceClass, description: str, reactor: IReactorTime) -> Any:
    """
    Make what a description asks for.

    @param interface: The interface of the factories to choose from, such as L{IAuthPolicyFactory}.
    @param description: The name of a factory and what it is to be given, separated by a colon. Or something that has
        its own colon, a URL: of the C{schemes} that a factory has, if it has any, and is given as a whole.
    @raise ValueError: Nobody has that name, or the argument is of no use; the message names the thing and the remedy.
    """
    name, _, argument = description.partition(":")
    factories = _factories(interface)
    for factory in factories.values():
        if name in getattr(factory, "schemes", ()):
            return factory.make(description, reactor)
    if name not in factories:
        known = ", ".join(factories) or "none"
        raise ValueError(f"there is no {name!r} to choose; known are: {known}")
    return factories[name].make(argument, reactor)


def describeChoices(interface: InterfaceClass) -> str:
    """What there is to choose from, by name, with the help of each: text for a terminal."""
    return "\n".join(
        f"{name}\n{textwrap.indent(factory.help, '    ')}\n" for name, factory in _factories(interface).items()
    )


def _factories(interface: InterfaceClass) -> dict[str, Factory]:
    found = cast(Iterable[Factory], getPlugins(cast(Any, interface)))
    return {factory.name: factory for factory in sorted(found, key=lambda factory: factory.name)}
