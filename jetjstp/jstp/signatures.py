"""
What programs hand over to be called: whether it can be called as we do.
"""

from __future__ import annotations

import inspect
from typing import Any

from jetjstp.jstp.limits import Limits

__all__ = ["checkLimits", "checkTakes"]


def checkTakes(what: str, function: Any, *names: str) -> None:
    """
    Refuse a function that cannot be called with what it will be called with. Functions that do not tell are let
    through.

    @param what: What it is to the program, for the message.
    @param names: What it will be given, by position.
    @raise TypeError: It is a class, or takes other arguments.
    """
    if isinstance(function, type):
        raise TypeError(f"{what} is the class {function.__name__} itself; give an instance of it")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*names)
    except TypeError as error:
        raise TypeError(
            f"{what} is called with ({', '.join(names)}), and returns what it has to say: no callback is given to it. "
            f"This one does not take that: {error}"
        ) from None


def checkLimits(limits: object) -> Limits:
    """
    @return: The limits, or the default ones for L{None}.
    @raise TypeError: They are something else.
    """
    if limits is None:
        return Limits()
    if not isinstance(limits, Limits):
        raise TypeError(f"limits must be jstp.Limits(...), not {type(limits).__name__}")
    return limits
