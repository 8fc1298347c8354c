"""
The TOML file of C{--config}: how it is read, and how a mistake in it is told.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable
from typing import Any

from jetjstp.links.listeners import reasonOf

__all__ = ["ConfigError", "nearest", "readConfig"]

LARGEST = 1024 * 1024
"""Bytes of a file; what is larger is no file of options."""


class ConfigError(ValueError):
    """The file is of no use; the message is one line that says what and where."""


def readConfig(path: str) -> dict[str, Any]:
    """
    Read a file.

    @raise ConfigError: It cannot be read, or is no TOML; then with the line.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # a ValueError for a name with a zero in it
        reason = error.strerror if isinstance(error, OSError) and error.strerror else reasonOf(error)
        raise ConfigError(f"the file cannot be read: {reason}; name one that is there and readable") from None
    if len(content) > LARGEST:
        raise ConfigError(f"the file has more than {LARGEST} bytes, so it is no file of options; name another one")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"the file is not UTF-8 (at line {line}), which TOML is written in") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the file is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError("the file is nested too deeply") from None


def nearest(name: str, known: Iterable[str], form: str = "{!r}") -> str:
    """What may have been meant, as the end of a message; empty if nothing comes near."""
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {form.format(close[0])}?" if close else ""
