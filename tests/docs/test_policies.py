"""Whether the examples of C{docs/howto/policies.rst} do what the page says."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import Identity
from jetjstp.jet.access import Right
from jetjstp.policies.usersfile import UsersFilePolicy
from jetjstp.testing import MemoryDaemon
from tests.jet.asking import ask

from .sessions import ROOT

PAGE = (ROOT / "docs" / "howto" / "policies.rst").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    """The code blocks of one kind."""
    found = re.findall(rf"^\.\. code-block:: {kind}\n\n((?:    .*\n|\n)+)", PAGE, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


class PoliciesTests(SynchronousTestCase):
    """The examples."""

    def policies(self, kind: str) -> list[UsersFilePolicy]:
        """The users files of one kind, read."""
        folder = Path(self.mktemp())
        folder.mkdir()
        found = []
        for number, text in enumerate(blocks(kind)):
            path = folder / f"{number}.{kind}"
            path.write_text(text)
            found.append(UsersFilePolicy(path, Clock()))
        return found

    def identity(self, policy: UsersFilePolicy, user: str) -> Identity:
        """Who somebody is."""
        identity = self.successResultOf(policy.identify(user))
        assert identity is not None
        return identity

    def test_files(self) -> None:
        """The users files can be read, and the two forms say the same of the same users."""
        (plain, ruled), (plainToml, ruledToml) = self.policies("json"), self.policies("toml")
        self.assertEqual(self.identity(plain, "joe"), self.identity(plainToml, "joe"))
        self.assertEqual(self.identity(ruled, "pump-1"), self.identity(ruledToml, "pump-1"))
        self.assertIsNone(plain.pathRules)

    def test_rules(self) -> None:
        """The rules give what the page says."""
        policy = self.policies("json")[1]
        joe, pump = self.identity(policy, "joe"), self.identity(policy, "pump-1")
        rules = policy.pathRules
        assert rules is not None
        who = {"joe": joe, "pump": pump, "nobody": None}
        expected = [
            ("public/x", Right.FETCH, "joe pump nobody"),
            ("other", Right.FETCH, "joe"),
            ("machines/pump-2/x", Right.FETCH, "joe pump"),
            ("machines/pump-1/x", Right.SET, "joe"),
            ("home/joe/x", Right.ADD, "joe"),
            ("home/ann/x", Right.ADD, ""),
            ("machines/pump-1/x", Right.ADD, "pump"),
            ("machines/pump-2/x", Right.ADD, ""),
            ("public/x", Right.ADD, ""),
            ("anything", Right.CALL, "joe pump nobody"),
        ]
        for path, right, names in expected:
            allowed = [name for name, user in who.items() if rules.may(user, right, path, None)]
            self.assertEqual(sorted(allowed), sorted(names.split()), (path, right))

    def test_ownPolicy(self) -> None:
        """The policy that the page writes works on a daemon."""
        (source,) = [block for block in blocks("python") if "class Tokens" in block]
        names: dict[str, Any] = {}
        exec(source, names)
        memory = MemoryDaemon(policy=names["Tokens"]({"joe": "t0ken"}))
        peer = memory.connect()
        for user, token, expected in (("ann", "t0ken", "invalidUser"), ("joe", "?", "invalidPassword")):
            self.assertIn(expected, ask(peer, "authenticate", user=user, password=token)["error"]["data"])
        self.assertEqual(ask(peer, "authenticate", user="joe", password="t0ken")["result"]["setGroups"], ["staff"])
        self.assertEqual(self.successResultOf(memory.daemon.recheck()), 0)
