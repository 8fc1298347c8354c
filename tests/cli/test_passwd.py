"""Users files: C{jetctl passwd}."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path
from typing import Any

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.cli import passwd
from jetjstp.cli.exitcodes import CommandFailed
from jetjstp.cli.jetctl import JetctlOptions
from jetjstp.cli.output import Output
from jetjstp.policies.passwords import ScryptHash
from jetjstp.policies.usersfile import loadUsers


class PasswdTests(SynchronousTestCase):
    """The command, without a process."""

    def setUp(self) -> None:
        """A folder, and a password that costs nothing to ask for."""
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.file = self.folder / "users.json"
        self.patch(passwd, "_newPassword", lambda user: f"secret of {user}")
        self.said = io.StringIO()

    def run_(self, *arguments: str, file: str | None = None) -> str:
        """Run it; what it printed."""
        options = JetctlOptions()
        options.parseOptions(["passwd", file or str(self.file), *arguments])
        out = io.BytesIO()
        options.subOptions.runHere(Output(out, self.said))
        return out.getvalue().decode()

    def assertFails(self, *words: str) -> None:
        """It fails with a message that has the words, and the file is as before."""
        before = self.file.read_bytes() if self.file.exists() else None
        error = self.assertRaises(CommandFailed, self.run_, "ann")
        for word in (str(self.file), *words):
            self.assertIn(word, str(error))
        self.assertEqual(self.file.read_bytes() if self.file.exists() else None, before)

    def assertPassword(self, user: dict[str, Any], password: str) -> None:
        """A user has that password."""
        self.assertTrue(ScryptHash.parse(user["password"]).verify(password))

    def test_hint(self) -> None:
        """Who has passwords in plain text in a file is told of the command."""
        self.file.write_text('{"ann": {"password": "x", "auth": {}}}')
        with capturedLogs() as events:
            loadUsers(self.file)
        self.assertIn("'jetctl passwd FILE USER'", str(formatEvent(events[0])))

    def test_new(self) -> None:
        """A new file can be read by its owner only, and holds nothing but the hash."""
        self.run_("ann", "--set-groups", "staff, admin")
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        users = loadUsers(self.file)
        self.assertPassword(users["ann"], "secret of ann")
        self.assertEqual(users["ann"]["auth"], {"fetchGroups": [], "setGroups": ["staff", "admin"], "callGroups": []})
        self.assertNotIn("secret of", self.file.read_text())
        self.assertEqual([each.name for each in self.folder.iterdir()], ["users.json"])
        self.assertIn("ann is added", self.said.getvalue())

    def test_change(self) -> None:
        """A known user keeps the groups that are not given; others, and the mode of the file, stay as they are."""
        joe = {"password": "plain", "auth": {"fetchGroups": ["x"]}}
        self.file.write_text(json.dumps({"ann": {"password": "old", "auth": {"fetchGroups": ["y"]}}, "joe": joe}))
        self.file.chmod(0o640)
        self.run_("ann", "--call-groups", "z")
        users = json.loads(self.file.read_text())
        self.assertPassword(users["ann"], "secret of ann")
        self.assertEqual(users["ann"]["auth"], {"fetchGroups": ["y"], "setGroups": [], "callGroups": ["z"]})
        self.assertEqual(users["joe"], joe)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o640)
        self.assertIn("ann has a new password", self.said.getvalue())

    def test_wrapped(self) -> None:
        """The table may be the value of C{users}, and stays there; a user may be called that, too."""
        self.file.write_text('{"users": {"ann": {"password": "old"}}}')
        self.run_("joe")
        self.assertEqual(list(json.loads(self.file.read_text())["users"]), ["ann", "joe"])
        self.file.write_text('{"users": {"password": "old"}}')
        self.run_("joe")
        self.assertEqual(list(json.loads(self.file.read_text())), ["users", "joe"])

    def test_groups(self) -> None:
        """Groups and their rules beside the users, and what users have besides a password, stay as they are."""
        groups = {"staff": {"add": ["home/{user}/*"]}, "*": {"fetch": ["public/*"]}}
        pump = {"certificate": "pump-1", "auth": {"fetchGroups": ["staff"]}}
        self.file.write_text(json.dumps({"groups": groups, "users": {"pump": pump}}))
        self.run_("ann", "--fetch-groups", "staff")
        self.run_("pump")
        content = json.loads(self.file.read_text())
        self.assertEqual(list(content), ["groups", "users"])
        self.assertEqual(content["groups"], groups)
        self.assertEqual(list(content["users"]), ["pump", "ann"])
        self.assertPassword(content["users"]["pump"], "secret of pump")
        self.assertEqual({**content["users"]["pump"], "password": 0}, {**pump, "password": 0})
        self.run_("ann", "--delete")
        self.assertEqual(json.loads(self.file.read_text())["groups"], groups)

    def test_userWithCertificateNamedUsers(self) -> None:
        """A user called users who has a certificate is no table of users."""
        self.file.write_text('{"users": {"certificate": "x"}}')
        self.run_("joe")
        self.assertEqual(list(json.loads(self.file.read_text())), ["users", "joe"])

    def test_link(self) -> None:
        """A symbolic link stays one: what it points to is replaced."""
        link = self.folder / "link.json"
        link.symlink_to("users.json")
        self.run_("ann", file=str(link))
        self.assertTrue(link.is_symlink())
        self.assertEqual(list(loadUsers(self.file)), ["ann"])

    def test_delete(self) -> None:
        """A user is removed; one that is not there is an error."""
        self.run_("ann")
        self.run_("joe")
        self.run_("ann", "--delete")
        self.assertEqual(list(loadUsers(self.file)), ["joe"])
        self.assertIn("'ann'", str(self.assertRaises(CommandFailed, self.run_, "ann", "--delete")))

    def test_mistakes(self) -> None:
        """A file that is no users file is left alone."""
        for content, words in (
            ("[1]", "no users file"),
            ("{", "not JSON"),
            ('[joe]\npassword = "x"', "not JSON"),
            ('{"joe": {"pasword": "x"}}', "pasword"),
            ('{"users": {}, "groups": {"staff": {"ad": []}}}', "group 'staff': unknown right 'ad'"),
        ):
            self.file.write_text(content)
            self.assertFails(words)
        self.file.write_bytes(b"\xff")
        self.assertFails("not JSON")

    def test_cannotBeWritten(self) -> None:
        """A folder that is not there, or a file that is a folder, is named."""
        self.file = self.folder / "nowhere" / "users.json"
        self.assertFails("cannot be written")
        self.file = self.folder
        self.assertRaises(CommandFailed, self.run_, "ann")

    def test_interruptedWrite(self) -> None:
        """If the new file cannot be finished the old one stays, and nothing else."""
        self.run_("ann")
        before = self.file.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        error = self.assertRaises(CommandFailed, self.run_, "joe")
        self.assertIn("No space left", str(error))
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual([each.name for each in self.folder.iterdir()], ["users.json"])

    def test_printed(self) -> None:
        """With a dash for the file the hash is printed as a string for JSON or TOML."""
        self.assertPassword({"password": json.loads(self.run_("ann", file="-"))}, "secret of ann")
