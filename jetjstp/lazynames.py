"""
Public names of a package that are imported when they are first asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

__all__ = ["lazyNames"]


def lazyNames(
    package: str, names: Sequence[str], homes: Mapping[str, str], others: str, hints: Mapping[str, str] | None = None
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """
    Make C{__getattr__} and C{__dir__} of a package.

    @param package: Its C{__name__}.
    @param names: Its C{__all__}.
    @param homes: The modules that have the names; for a name that is a module of the package, the module itself.
    @param others: The module of those that are not in C{homes}.
    @param hints: What to add to the error when something else is asked for.
    """
    module = sys.modules[package]

    def get(name: str) -> object:
        if name not in names:
            hint = (hints or {}).get(name, "")
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}", name=name, obj=module)
        home = homes.get(name, others)
        found = import_module(home)
        value: object = found if home == f"{package}.{name}" else getattr(found, name)
        setattr(module, name, value)
        return value

    def known() -> list[str]:
        return sorted({*vars(module), *names})

    return get, known
