"""
C{jetctl passwd}: users in a file.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from twisted.python.usage import UsageError

from jetjstp.cli.command import LocalCommand
from jetjstp.cli.exitcodes import FAILED, CommandFailed
from jetjstp.cli.holding import groups
from jetjstp.cli.output import Output
from jetjstp.cli.passwordprompt import askForPassword
from jetjstp.jet.pathrules import PathRules
from jetjstp.policies.passwords import hashPassword
from jetjstp.policies.users import checkUsers
from jetjstp.policies.usersfile import isWrapped

__all__ = ["Passwd"]

NEW_FILE_MODE = 0o600

RIGHTS = {"fetch-groups": "fetchGroups", "set-groups": "setGroups", "call-groups": "callGroups"}

TO_STDOUT = "-"


class Passwd(LocalCommand):
    """Writes hashes of passwords."""

    synopsis = "FILE USER"
    longdesc = (
        "Writes the hash (scrypt) of a new password into a users file for 'twistd jet --auth-policy users:FILE', and "
        "adds the user if there is none of that name. Asks for the password twice; without a terminal it is the first "
        "line of the standard input. The file is replaced as a whole and keeps its mode; a new one can be read by its "
        "owner only. With FILE - nothing is written, and the hash is printed.\n\n"
        "Files in JSON only: TOML is edited by hand, so that its comments stay. What else the file holds, such as "
        "groups with their rules, is kept. The daemon reads it when it starts, and when it is told to (SIGHUP)."
    )
    optParameters = [
        [
            "fetch-groups",
            None,
            None,
            "The groups of the user for fetching, with commas between; so far as given",
            partial(groups, "--fetch-groups"),
        ],
        ["set-groups", None, None, "Likewise for setting", partial(groups, "--set-groups")],
        ["call-groups", None, None, "Likewise for calling", partial(groups, "--call-groups")],
    ]
    optFlags = [["delete", None, "Remove the user"]]
    metavars = {"fetch-groups": "GROUPS", "set-groups": "GROUPS", "call-groups": "GROUPS"}
    examples = (
        (
            "jetctl passwd users.json ann --fetch-groups staff --set-groups staff",
            "Adds ann, or changes her password and groups.",
        ),
        (
            "pwgen 20 1 | tee bot.password | jetctl passwd users.json bot",
            "Gives bot a password that nobody has to type.",
        ),
        ("jetctl passwd - ann", "Prints a hash for a TOML file, in its quotation marks."),
    )

    def takeArguments(self, file: str, user: str) -> None:
        """Take a file and a user."""
        if not user:
            raise UsageError("the name of the user is empty")
        self.file, self.newUser = file, user

    def postOptions(self) -> None:
        """See L{Command.postOptions}."""
        super().postOptions()
        if self.file.lower().endswith(".toml"):
            raise UsageError(
                f"{self.file}: TOML is edited by hand; 'jetctl passwd - {self.newUser}' prints the hash to put there"
            )

    def runHere(self, output: Output) -> None:
        """See L{LocalCommand.runHere}."""
        if self.file == TO_STDOUT:
            output.line(json.dumps(hashPassword(_newPassword(self.newUser))))
            return
        path = Path(os.path.realpath(os.path.expanduser(self.file)))
        content, users = _read(path, self.file)
        isKnown = self.newUser in users
        if self["delete"]:
            if not isKnown:
                raise CommandFailed(FAILED, f"{self.file}: there is no user {self.newUser!r}")
            del users[self.newUser]
            did = "is removed"
        else:
            # Whatever is wrong with the file is better known before somebody thinks of a password.
            self._give(users, hashPassword(_newPassword(self.newUser)))
            did = "has a new password" if isKnown else "is added"
        try:
            _replace(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise CommandFailed(FAILED, f"{self.file}: cannot be written ({error.strerror})") from None
        output.say(f"{self.file}: {self.newUser} {did}; the daemon reads it when it starts, and on SIGHUP")

    def _give(self, users: dict[str, Any], password: str) -> None:
        user = users.setdefault(self.newUser, {})
        user["password"] = password
        given = {right: self[option] for option, right in RIGHTS.items() if self[option] is not None}
        if given or "auth" not in user:
            user["auth"] = {**{right: [] for right in RIGHTS.values()}, **user.get("auth", {}), **given}


def _read(path: Path, shown: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The content of a file, and the table of users in it, which may be the same."""
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        content = {}
    except OSError as error:
        raise CommandFailed(FAILED, f"{shown}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise CommandFailed(
            FAILED, f"{shown}: not JSON ({error}); correct it, or edit it by hand if it is something else"
        ) from None
    users = content["users"] if isinstance(content, dict) and isWrapped(content) else content
    try:
        checkUsers(users)
        if users is not content:
            PathRules(content.get("groups", {}))
    except (ValueError, AttributeError, TypeError) as error:
        raise CommandFailed(FAILED, f"{shown}: no users file, {error}; correct it first") from None
    return content, users


def _newPassword(user: str) -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        password = askForPassword(f"New password of {user}: ")
        if password != askForPassword("Once more: "):
            raise CommandFailed(FAILED, "the two are not the same; nothing is changed")
    else:
        line = b"" if sys.stdin is None else sys.stdin.buffer.readline()
        try:
            password = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise UsageError("the password on the standard input is not UTF-8 text") from None
    if not password:
        raise UsageError("the password is empty; nothing is changed")
    return password


def _replace(path: Path, text: str) -> None:
    """Put a file in the place of another one, or of none, at once and with the same mode and owner."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            _likeBefore(path, file.fileno())
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _likeBefore(path: Path, descriptor: int) -> None:
    try:
        before = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, NEW_FILE_MODE)
        return
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
