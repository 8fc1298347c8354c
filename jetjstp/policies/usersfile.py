"""
Users in a file: C{--auth-policy users:FILE}.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.plugin import IPlugin
from zope.interface import implementer

from jetjstp.interfaces import IAuthPolicy, IAuthPolicyFactory
from jetjstp.jet.pathrules import PathRules
from jetjstp.policies.users import UsersPolicy, checkUsers

__all__ = ["UsersFile", "UsersFileFactory", "UsersFilePolicy", "isWrapped", "loadUsers", "loadUsersFile"]

_log = Logger()

EXAMPLE = '{"joe": {"password": "...", "auth": {"fetchGroups": ["staff"], "setGroups": [], "callGroups": []}}}'


GROUPS_EXAMPLE = '{"users": {...}, "groups": {"staff": {"add": ["home/{user}/*"], "fetch": ["*"]}}}'


class UsersFile(NamedTuple):
    """
    What stands in a users file, for L{UsersPolicy}.

    @ivar groups: L{None} if the file has no such member.
    """

    users: dict[str, Any]
    groups: dict[str, Any] | None

    def __repr__(self) -> str:
        """Without passwords."""
        return f"<UsersFile of {len(self.users)} users, {len(self.groups or ())} groups with rules>"


def loadUsersFile(path: str | os.PathLike[str]) -> UsersFile:
    """
    Read a users file: TOML if the name ends in C{.toml}, else JSON. It is a table of users, or an object of such a
    table, C{users}, and path rules, C{groups}. Passwords in plain text are accepted with a warning in the log.

    @raise ValueError: The file cannot be used; the message names it, the place in it, and the remedy.
    """
    path = Path(os.path.expanduser(path))
    try:
        content = _unwrap(_parse(path))
        try:
            checked = checkUsers(content.users)
        except ValueError as error:
            raise ValueError(f"{error}; a user looks like this: {EXAMPLE}") from None
        try:
            PathRules({} if content.groups is None else content.groups)
        except ValueError as error:
            raise ValueError(f"{error}; groups look like this: {GROUPS_EXAMPLE}") from None
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
    return content


def loadUsers(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The users of a file alone, without its path rules; otherwise as L{loadUsersFile}."""
    return loadUsersFile(path).users


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


def isWrapped(content: Mapping[str, Any]) -> bool:
    """Whether an object holds the table of users as its member C{users}, and is not the table itself."""
    inner = content.get("users")
    # There may also be a user whose name is "users": he has a password or a certificate, and that is no object.
    return isinstance(inner, Mapping) and not any(
        isinstance(inner.get(member), str) for member in ("password", "certificate")
    )


def _unwrap(content: object) -> UsersFile:
    if not isinstance(content, dict):
        raise ValueError(f"must hold an object of users, such as {EXAMPLE}")
    if not isWrapped(content):
        return UsersFile(content, None)
    for member in content:
        if member not in UsersFile._fields:
            raise ValueError(
                f"unknown member {member!r} beside 'users' and 'groups'; remove it, or move it into 'users'"
            )
    groups = content.get("groups")
    if groups is None and "groups" in content:
        raise ValueError(f"groups must be an object, not null; write such as {GROUPS_EXAMPLE}")
    return UsersFile(dict(content["users"]), groups)


class UsersFilePolicy(UsersPolicy):
    """
    The users and the path rules of a file.

    @param path: As for L{loadUsersFile}.
    @param reactor: As for L{UsersPolicy}.
    @raise ValueError: As from L{loadUsersFile}.
    """

    def __init__(self, path: str | os.PathLike[str], reactor: object = None) -> None:
        self.path = path
        content = loadUsersFile(path)
        super().__init__(content.users, reactor, groups=content.groups)

    def reload(self) -> None:
        """
        Read the file anew; C{Daemon.recheck} is to follow. The old users are kept if that is not possible.

        @raise ValueError: As from L{loadUsersFile}.
        """
        content = loadUsersFile(self.path)
        self.replace(content.users, content.groups)


@implementer(IPlugin, IAuthPolicyFactory)
class UsersFileFactory:
    """Makes a L{UsersFilePolicy} of C{users:FILE}."""

    name = "users"
    help = (
        f"users:FILE  the users in a file, JSON or (if it is called .toml) TOML:\n{EXAMPLE}\n"
        f"or, with rules that say where the members of groups may do something:\n{GROUPS_EXAMPLE}"
    )

    def make(self, argument: str, reactor: IReactorTime) -> IAuthPolicy:
        """See L{IAuthPolicyFactory.make}."""
        if not argument:
            raise ValueError("no users file is named: write users:FILE")
        return UsersFilePolicy(argument, reactor)
