"""
Applications as a command line names them: C{MODULE:OBJECT}.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Coroutine, Iterable
from importlib import import_module
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from jetjstp.jstp.applications import Application
from jetjstp.services.configfile import nearest

__all__ = ["LoadFailed", "loadApplications"]

FORM = "write MODULE:OBJECT, such as chat.server:application"

MOST = 1000
"""Applications of one object. What gives more gives them for ever."""


class LoadFailed(Exception):
    """
    There are no applications there; the message is one line that names the module, the object and the cause.

    @ivar failure: What was raised by the code of others, for the log; L{None} if nothing was.
    """

    def __init__(self, message: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure


def loadApplications(description: str) -> list[Application]:
    """
    Import applications.

    @param description: A module and the name of what is in it: an application, an iterable of them, or what gives
        these when it is called without arguments. The module is also looked for in the working directory, behind all
        other places.
    @raise LoadFailed: There is no such thing.
    """
    module, _, name = description.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        raise LoadFailed(f"{description!r} names no module and no object in it; {FORM}")
    found: Any = _import(module)
    for part in name.split("."):
        holder, found = found, getattr(found, part, None)
        if found is None:
            hint = nearest(part, [each for each in dir(holder) if not each.startswith("_")])
            raise LoadFailed(f"{module!r} has no object {name!r}{hint or f'; {FORM}'}")
    return _applicationsOf(description, found)


def _import(module: str) -> Any:
    here = os.getcwd()
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
            raise LoadFailed(
                f"there is no module {error.name!r}; it is looked for as Python does (PYTHONPATH, what is installed), "
                f"and in {here}"
            ) from None
        raise LoadFailed(f"module {module!r} cannot be imported: {_causeOf(error)}", Failure()) from None


def _applicationsOf(description: str, found: Any) -> list[Application]:
    try:
        if not isinstance(found, Application) and callable(found):
            found = found()
        if isinstance(found, Deferred | Coroutine):
            if isinstance(found, Coroutine):
                found.close()
            raise LoadFailed(f"{description} gives its applications only later; they are needed at once")
        if isinstance(found, Application):
            return [found]
        if isinstance(found, Iterable) and not isinstance(found, str | bytes | dict):
            applications: list[Application] = []
            for each in found:
                if not isinstance(each, Application):
                    raise LoadFailed(f"{description} has {_kindOf(each)} among its applications")
                if len(applications) == MOST:
                    raise LoadFailed(f"{description} gives more than {MOST} applications")
                applications.append(each)
            return applications
    except LoadFailed:
        raise
    except (Exception, SystemExit) as error:
        raise LoadFailed(f"{description} gives no applications: {_causeOf(error)}", Failure()) from None
    raise LoadFailed(
        f"{description} is {_kindOf(found)}; it must be a jstp.Application, an iterable of them, or a function "
        "without arguments that gives these"
    )


def _kindOf(found: object) -> str:
    return "None" if found is None else f"an object of type {type(found).__name__}"


def _causeOf(error: BaseException) -> str:
    """What was raised, in one line, with the place of other people's code where it was."""
    text = " ".join(str(error).split())
    cause = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<frozen")
    ]
    if isinstance(error, SyntaxError) or not frames:
        return cause
    return f"{cause} ({frames[-1].filename}, line {frames[-1].lineno})"
