"""
Users in a file: C{--auth-policy users:FILE}.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.plugin import IPlugin
from zope.interface import implementer

from jetjstp.interfaces import IAuthPolicy, IAuthPolicyFactory
from jetjstp.policies.users import UsersPolicy, checkUsers

__all__ = ["UsersFileFactory", "loadUsers"]

_log = Logger()

EXAMPLE = '{"joe": {"password": "...", "auth": {"fetchGroups": ["staff"], "setGroups": [], "callGroups": []}}}'


def loadUsers(path: str | os.PathLike[str]) -> dict[str, Any]:
    """
    Read a table of users for L{UsersPolicy}: TOML if the name ends in C{.toml}, else JSON. The table may also be the
    value of a single member C{users}. Passwords in plain text are accepted with a warning in the log.

    @raise ValueError: The file cannot be used; the message names it, the place in it, and the remedy.
    """
    path = Path(os.path.expanduser(path))
    try:
        users = _unwrap(_parse(path))
        try:
            checked = checkUsers(users)
        except ValueError as error:
            raise ValueError(f"{error}; a user looks like this: {EXAMPLE}") from None
    except ValueError as error:
        raise ValueError(f"users file {str(path)!r}: {error}") from None
    plain = sum(isinstance(user.password, str) for user in checked.values())
    if plain:
        _log.warn(
            "users file {path}: {plain} of {all} passwords are plain text; "
            "'jetctl passwd FILE USER' stores hashes instead",
            path=str(path),
            plain=plain,
            all=len(checked),
        )
    return users


def _parse(path: Path) -> object:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"does not exist; correct the name, or create it with {EXAMPLE}") from None
    except IsADirectoryError:
        raise ValueError("is a folder; name a file in it") from None
    except PermissionError:
        raise ValueError("may not be read; permit it to the user who starts this") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror}); name another one") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text; save it as UTF-8") from None
    if path.suffix.lower() == ".toml":
        return _parseToml(text)
    return _parseJson(text)


def _parseToml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nests too deep; make it flat") from None
    except ValueError as error:
        # tomllib's messages hold nothing of the text, and end with the line.
        raise ValueError(f"not TOML: {error}; correct that line") from None


def _parseJson(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_uniqueMembers, parse_constant=_refuseConstant)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON: {error.msg} (at line {error.lineno}, column {error.colno}); "
            "correct that line, or call it .toml if it is TOML"
        ) from None
    except RecursionError:
        raise ValueError("nests too deep; make it flat") from None


def _uniqueMembers(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in members if names.count(name) > 1)
        raise ValueError(f"the member {twice!r} stands twice in one object; remove one of them")
    return members


def _refuseConstant(name: str) -> NoReturn:
    raise ValueError(f"not JSON: it has the number {name}; remove it")


def _unwrap(content: object) -> dict[str, Any]:
    """The table itself, which may stand alone or under C{users}."""
    if not isinstance(content, dict):
        raise ValueError(f"must hold an object of users, such as {EXAMPLE}")
    inner = content.get("users")
    # There may also be a user whose name is "users": he has a password, and that is no object.
    if not isinstance(inner, Mapping) or isinstance(inner.get("password"), str):
        return content
    for member in content:
        if member != "users":
            raise ValueError(f"unknown member {member!r} beside 'users'; remove it, or move it into 'users'")
    return dict(inner)


@implementer(IPlugin, IAuthPolicyFactory)
class UsersFileFactory:
    """Makes a L{UsersPolicy} of C{users:FILE}. The file is read once."""

    name = "users"
    help = f"users:FILE  the users in a file, JSON or (if it is called .toml) TOML:\n{EXAMPLE}"

    def make(self, argument: str, reactor: IReactorTime) -> IAuthPolicy:
        """See L{IAuthPolicyFactory.make}."""
        if not argument:
            raise ValueError("no users file is named: write users:FILE")
        return UsersPolicy(loadUsers(argument), reactor)
