"""
Options that come from a command line and from a file, of which the command
line counts for more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, ClassVar, Literal, NamedTuple

from twisted.python.usage import UsageError

from jetjstp.lastwords import CommandOptions
from jetjstp.services.configfile import ConfigError, nearest, readConfig

__all__ = ["Kind", "LayeredOptions", "LimitsTable"]

Kind = Literal["text", "texts", "flag", "number", "whole"]
"""What stands behind a key of the file: C{texts} is a list of them, C{whole} a number without a fraction."""

EXPECTED: dict[Kind, tuple[Any, str]] = {
    "text": (str, "a text in quotes"),
    "texts": (list, 'a list of texts, such as ["a", "b"]'),
    "flag": (bool, "true or false"),
    "number": ((int, float), "a number"),
    "whole": (int, "a number without a fraction"),
}


class LimitsTable(NamedTuple):
    """
    A table of the file that fills a dataclass of limits.

    @ivar name: As it stands in the file.
    @ivar key: Under which the options have the limits.
    @ivar make: The dataclass.
    """

    name: str
    key: str
    make: Callable[..., Any]


class LayeredOptions(CommandOptions):
    """
    Options, all of which may stand in a file, too: C{--config}.

    What is given goes through L{give} and L{add}; that is how it is known what the command line has said.

    @cvar kinds: What the file may hold: the names of options, without the dashes in front.
    @cvar tables: The limits that it may hold.
    """

    kinds: ClassVar[dict[str, Kind]] = {}
    tables: ClassVar[tuple[LimitsTable, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.given: set[str] = set()
        self["config"] = None
        for table in self.tables:
            self[table.key] = {}

    def give(self, key: str, value: Any) -> None:
        """An option has a value."""
        self.given.add(key)
        self[key] = value

    def giveOnce(self, key: str, option: str, value: Any) -> None:
        """
        An option has a value, of which there can be one.

        @raise UsageError: There is one already.
        """
        if key in self.given:
            raise UsageError(f"{option} is given twice; there can be one, drop the other")
        self.give(key, value)

    def add(self, key: str, value: Any) -> None:
        """An option that may be repeated has one more value."""
        self.given.add(key)
        self[key] = [*self[key], value]

    def opt_config(self, path: str) -> None:
        """
        A TOML file with more options, under the same names. What is given here counts for more than what stands there.
        """
        self.giveOnce("config", "--config", path)

    def readConfig(self) -> None:
        """
        Fill in what the file has and the command line has not.

        @raise UsageError: Something is wrong with the file; the message names it and the place.
        """
        if self["config"] is None:
            return
        path: str = self["config"]
        # Read as a whole even where the command line counts: a mistake in it is to be seen now, not some other day.
        inFile = type(self)()
        try:
            inFile.take(readConfig(path))
        except ConfigError as error:
            raise UsageError(f"--config {path}: {error}") from None
        except UsageError as error:
            raise UsageError(f"--config {path}: {str(error).removeprefix('--')}") from None
        for key in inFile.given - self.given:
            self.give(key, inFile[key])
        for table in self.tables:
            self[table.key] = inFile[table.key]

    def take(self, document: Mapping[str, Any]) -> None:
        """
        Take what stands in a file.

        @raise ConfigError: A key is not known, or a value is of the wrong type.
        @raise UsageError: A value is of no use.
        """
        tables = {table.name: table for table in self.tables}
        for name, value in document.items():
            if name in tables:
                self._takeTable(tables[name], value)
            elif name in self.kinds:
                self._takeValue(name, self.kinds[name], value)
            elif isinstance(value, dict):
                known = ", ".join(f"[{each}]" for each in tables)
                raise ConfigError(f"there is no table [{name}]{nearest(name, tables, '[{}]')}; known are {known}")
            else:
                hint = nearest(name, [*self.kinds, *tables]) or f"; {self.help}, which are the keys, too"
                raise ConfigError(f"there is no key {name!r}{hint}")

    def _takeValue(self, name: str, kind: Kind, value: Any) -> None:
        types, expected = EXPECTED[kind]
        if not isinstance(value, types) or (isinstance(value, bool) and kind != "flag"):
            # Not the value: it may be a password that stands in the wrong place.
            raise ConfigError(f"{name} must be {expected}, not {_kindOf(value)}")
        take = getattr(self, "opt_" + name.replace("-", "_"))
        if kind == "texts":
            for each in value:
                if not isinstance(each, str):
                    raise ConfigError(f"{name} must be {expected}, and there is {_kindOf(each)} in it")
                take(each)
        elif kind != "flag":
            take(str(value))
        elif value:
            take()

    def _takeTable(self, table: LimitsTable, values: Any) -> None:
        if not isinstance(values, dict):
            raise ConfigError(f"{table.name} must be a table, [{table.name}], not {_kindOf(values)}")
        known = [field.name for field in fields(table.make)]  # type: ignore[arg-type]  # it is a dataclass
        for name, value in values.items():
            if name not in known:
                hint = nearest(name, known) or f"; known are {', '.join(known)}"
                raise ConfigError(f"table [{table.name}] has no key {name!r}{hint}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"{name} in table [{table.name}] must be a number, not {_kindOf(value)}")
        try:
            table.make(**values)
        except ValueError as error:
            raise ConfigError(f"table [{table.name}]: {error}") from None
        self[table.key] = values


def _kindOf(value: object) -> str:
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or a time")
