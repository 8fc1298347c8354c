"""
Who may see and use what, in the dialect of node-jet 3: groups that read and write, and logins while fetching.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from jetjstp.interfaces import Identity
from tests.jet.conversations import Talk, taken
from tests.jet.nodejet3 import GREETING, DialectTestCase, done, failed, refused, told


class AccessTests(DialectTestCase):
    """Groups that may read and write."""

    def _rights(self, access: Any, user: str | None, path: str = "s") -> str:
        """Which of fetch, set and call a user has."""
        self.assertEqual(self.ask(self.three, "add", path=path, value=1, access=access), [done("a")])
        self.ask(self.three, "add", path="m", access=access)
        other = self.memory.connect()
        if user is not None:
            self.ask(other, "authenticate", user=user, password="pw")
        rights = "fetch " if len(self.ask(other, "get")[0]["result"]) == 2 else ""
        for method, target in (("set", path), ("call", "m")):
            other.send({"id": "a", "method": method, "params": {"path": target}})
            rights += "" if other.take() else method + " "
        self.ask(self.three, "remove", path=path)
        self.ask(self.three, "remove", path="m")
        return rights.strip()

    def test_groups(self) -> None:
        """A named group is those who are in it, C{all} every user, and no name everybody."""
        for access, nobody, guest, root in (
            ({"read": "admin", "write": "admin"}, "", "", "fetch set call"),
            ({"read": "", "write": "admin"}, "fetch", "fetch", "fetch set call"),
            ({"read": "admin", "write": ""}, "set call", "set call", "fetch set call"),
            ({"read": "all", "write": "admin"}, "", "fetch", "fetch set call"),
            ({"write": "all"}, "fetch", "fetch set call", "fetch set call"),
            ({"read": "guests"}, "set call", "fetch set call", "set call"),
            ({"read": "", "write": None}, *["fetch set call"] * 3),
            ({"read": "nobody", "write": "nobody"}, "", "", ""),
            # node-jet 2's lists mean what they always do
            ({"fetchGroups": ["admin"], "setGroups": []}, "", "call", "fetch call"),
        ):
            for user, rights in ((None, nobody), ("guest", guest), ("root", root)):
                self.assertEqual(self._rights(access, user), rights, f"{access} {user}")

    def test_malformed(self) -> None:
        """A group that is no name is refused, and nothing added."""
        self.assertEqual(
            self.ask(self.three, "add", path="s", value=1, access={"read": ["admin"]}),
            [refused("a", "access.read must be the name of a group")],
        )
        self.assertEqual(self.ask(self.three, "get"), [{"id": "a", "result": []}])

    def test_notForOthers(self) -> None:
        """For peers of node-jet 2, read and write are members that nobody knows: whoever logs in has all rights."""
        self.ask(self.two, "add", path="s", value=1, access={"read": 5, "write": "admin"})
        self.assertEqual(self.ask(self.three, "get"), [{"id": "a", "result": []}])
        self.ask(self.three, "authenticate", user="guest", password="pw")
        self.assertEqual(self.ask(self.three, "get"), [{"id": "a", "result": [{"path": "s", "value": 1}]}])

    def test_loginWhileFetching(self) -> None:
        """What a login makes visible is added to running fetches, what it hides removed, before it is answered."""
        self.ask(self.two, "add", path="open", value=1)
        self.ask(self.two, "add", path="a", value={"n": 1}, access={"fetchGroups": ["admin"]})
        self.ask(self.two, "add", path="g", value={"n": 2}, access={"fetchGroups": ["guests"]})
        value = {"n": {"operator": "lessThan", "value": 5}}
        self.ask(self.three, "fetch", id="f", path={"containsNot": "x"})
        self.ask(self.three, "fetch", id="v", path={"equalsOneOf": ["a", "g"]}, value=value)
        self.assertEqual(
            self.ask(self.three, "authenticate", user="root", password="pw"),
            [told("f", "Add", "a", {"n": 1}), told("v", "Add", "a", {"n": 1}), done("a")],
        )
        self.assertEqual(
            self.ask(self.three, "authenticate", user="guest", password="pw"),
            [
                *(told("f", "Remove", "a"), told("f", "Add", "g", {"n": 2})),
                *(told("v", "Remove", "a"), told("v", "Add", "g", {"n": 2})),
                done("a"),
            ],
        )
        self.two.send(*({"method": "change", "params": {"path": path, "value": {"n": 9}}} for path in ("a", "g")))
        self.assertEqual(self.three.take(), [told("f", "Change", "g", {"n": 9}), told("v", "Remove", "g")])
        self.assertEqual(
            self.ask(self.three, "authenticate", user="guest", password="wrong"),
            [failed("a", -32602, "invalid params", "invalid credentials", "")],
        )

    def test_loginOfNodeJet2(self) -> None:
        """Peers of node-jet 2 may still not log in while they fetch."""
        self.ask(self.two, "fetch", id="f")
        error = self.ask(self.two, "authenticate", user="root", password="pw")[0]["error"]
        self.assertEqual(error["data"], {"alreadyFetching": True})

    def test_loginAmongMany(self) -> None:
        """With many elements that takes slices; the answer waits for it, and so does what the peer asks next."""
        many = 1000
        for number in range(many):
            path = f"{number}"
            self.two.send({"method": "add", "params": {"path": path, "value": 0, "access": {}}})
        self.ask(self.three, "fetch", id="f", path={"startsWith": ""})
        self.three.send(
            {"id": "l", "method": "authenticate", "params": {"user": "root", "password": "pw"}},
            {"id": "g", "method": "get", "params": {"path": {"equals": "0"}}},
        )
        self.memory.clock.pump([0] * 100)
        got = self.three.take()
        self.assertEqual(len(got), many + 2)
        self.assertEqual(got[0], told("f", "Add", "0", 0))
        self.assertEqual(got[-2:], [done("l"), {"id": "g", "result": [{"path": "0", "value": 0}]}])

    def test_leavingWhileLoggingIn(self) -> None:
        """A peer that leaves before that is done is told nothing more, and nothing goes on for it."""
        talk = Talk()
        owner, client = talk.connect(), talk.connect()
        talk.send(client, GREETING, {"id": "2", "method": "fetch", "params": {"id": "f"}})
        for number in range(1000):
            talk.send(owner, {"method": "add", "params": {"path": f"{number}", "value": 0, "access": {}}})
        talk.finish()
        talk.bus.admission.authenticated(client, Raw(b'"3"'), Identity("root"), b"{}")
        self.assertTrue(talk.bus.working)
        taken(client)
        talk.bus.lost(client, talk.now)
        talk.finish()
        self.assertEqual(taken(client), [])
