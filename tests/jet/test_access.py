"""
Tests for L{jetjstp.jet.access}, and for where it matters: the table of the
protocol page, section 10.3, and its effects.
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.access import RESERVED, Right, mayAccess
from jetjstp.jet.requests import Access
from jetjstp.testing import MemoryDaemon, MemoryPeer
from tests.jet.asking import add, ask, events

RIGHTS = (Right.FETCH, Right.SET, Right.CALL)

GROUPS: list[tuple[str, ...]] = [(), ("a",), ("b",), ("a", "b"), ("c", "b")]


class User(NamedTuple):
    """Who asks."""

    fetchGroups: frozenset[str] = frozenset()
    setGroups: frozenset[str] = frozenset()
    callGroups: frozenset[str] = frozenset()


class Thing(NamedTuple):
    """An element, as far as access goes."""

    access: Access | None


def user(right: Right, groups: tuple[str, ...]) -> User:
    """Who has groups for one right."""
    return User(**{right.value: frozenset(groups)})


def access(right: Right, groups: tuple[str, ...] | None) -> Access:
    """A list of groups for one right."""
    return structs.replace(Access(), **{right.value: None if groups is None else list(groups)})


class TableTests(SynchronousTestCase):
    """The table, line by line."""

    def test_open(self) -> None:
        """Without access rules everybody may do everything, whoever it is."""
        for right, groups in product(RIGHTS, GROUPS):
            self.assertTrue(mayAccess(None, right, "p", Thing(None)))
            self.assertTrue(mayAccess(user(right, groups), right, "p", Thing(None)))

    def test_unauthenticated(self) -> None:
        """With any access rules, even empty ones, who has not logged in may do nothing."""
        for right in RIGHTS:
            self.assertFalse(mayAccess(None, right, "p", Thing(Access())))
            for groups in GROUPS:
                for other in RIGHTS:
                    self.assertFalse(mayAccess(None, right, "p", Thing(access(other, groups))))

    def test_noList(self) -> None:
        """A list that is not given lets in everybody who has logged in."""
        for right, groups in product(RIGHTS, GROUPS):
            self.assertTrue(mayAccess(user(right, groups), right, "p", Thing(Access())))

    def test_lists(self) -> None:
        """A list lets in whoever shares a name with it; an empty one nobody."""
        for right, wanted, given in product(RIGHTS, GROUPS, GROUPS):
            expected = bool(set(wanted) & set(given))
            self.assertIs(mayAccess(user(right, given), right, "p", Thing(access(right, wanted))), expected)

    def test_eachRightItsList(self) -> None:
        """The groups for one right say nothing about another, on either side."""
        for right, other in product(RIGHTS, RIGHTS):
            if right is not other:
                self.assertFalse(mayAccess(user(other, ("a",)), right, "p", Thing(access(right, ("a",)))))
                self.assertTrue(mayAccess(user(right, ()), right, "p", Thing(access(other, ("a",)))))

    def test_add(self) -> None:
        """Everybody may add anything, except under the daemon's own name."""
        for who in (None, User(), user(Right.SET, ("a",))):
            for path in ("", "a", "$daemon", "$daemonic/a", "x/$daemon/", "$DAEMON/a", "daemon/"):
                self.assertTrue(mayAccess(who, Right.ADD, path, None), path)
            for path in ("$daemon/", "$daemon/a", RESERVED + "b"):
                self.assertFalse(mayAccess(who, Right.ADD, path, None), path)


USERS = {
    "all": {"password": "1", "auth": {"fetchGroups": ["g"], "setGroups": ["g"], "callGroups": ["g"]}},
    "fetch": {"password": "1", "auth": {"fetchGroups": ["g"], "setGroups": [], "callGroups": []}},
    "set": {"password": "1", "auth": {"fetchGroups": ["g"], "setGroups": ["g"]}},
    "call": {"password": "1", "auth": {"fetchGroups": ["g"], "callGroups": ["g"]}},
    "none": {"password": "1", "auth": {}},
}

LISTS = {"fetchGroups": ["g"], "setGroups": ["g"], "callGroups": ["g"]}


class EffectTests(SynchronousTestCase):
    """What rights do, peer by peer."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon(users=USERS)
        self.owner = self.memory.connect()
        for params in ({"path": "s", "value": 1}, {"path": "m"}):
            self.assertEqual(ask(self.owner, "add", access=LISTS, **params), {"result": True})

    def login(self, name: str) -> MemoryPeer:
        """A peer who has logged in."""
        peer = self.memory.connect()
        self.assertIn("result", ask(peer, "authenticate", user=name, password="1"))
        return peer

    def outcome(self, peer: MemoryPeer, method: str, **params: Any) -> str:
        """What becomes of a set or call: what the owner is asked, or the name of the error."""
        self.owner.take()
        answer = ask(peer, method, **params)
        if answer is None:
            return "routed"
        self.assertEqual(self.owner.take(), [])
        (name,) = answer["error"]["data"]
        return str(name)

    def test_table(self) -> None:
        """Who may see, set and call what is protected in all three ways."""
        seen = {"all": "rw", "fetch": "ro", "set": "s", "call": "c", "none": "", "nobody": ""}
        for name, what in seen.items():
            peer = self.memory.connect() if name == "nobody" else self.login(name)
            maySet, mayCall = what in ("rw", "s"), what in ("rw", "c")
            entries = {entry["path"]: entry.get("fetchOnly", False) for entry in ask(peer, "get")["result"]}
            self.assertEqual(entries, {"s": not maySet, "m": not mayCall} if what else {}, name)
            expected = "routed" if maySet else "noAccess"
            self.assertEqual(self.outcome(peer, "set", path="s", value=2), expected, name)
            expected = "routed" if mayCall else "noAccess"
            self.assertEqual(self.outcome(peer, "call", path="m"), expected, name)

    def test_wrongKind(self) -> None:
        """The kind of an element decides which list protects it: the other service finds no way around."""
        peer = self.login("call")
        self.assertEqual(self.outcome(peer, "call", path="s", args={"value": 2}), "wrongKind")
        self.assertEqual(self.outcome(peer, "set", path="m"), "noAccess")
        peer = self.login("set")
        self.assertEqual(self.outcome(peer, "set", path="m"), "wrongKind")
        self.assertEqual(self.outcome(peer, "call", path="s"), "noAccess")

    def test_invisible(self) -> None:
        """Who has no right to fetch hears nothing, from the first to the last event, in any kind of fetch."""
        peer = self.login("none")
        rules: list[dict[str, Any]] = [{}, {"path": {"equals": "s"}}, {"value": {"isType": "number"}}]
        for number, rule in enumerate(rules):
            self.assertEqual(ask(peer, "fetch", id=number, **rule), {"result": True})
        ask(peer, "fetch", id="sorted", sort={})
        self.assertEqual(peer.take(), [{"method": "sorted", "params": {"changes": [], "n": 0}}])
        ask(self.owner, "change", path="s", value=2)
        ask(self.owner, "remove", path="s")
        ask(self.owner, "add", path="s", value=3, access=LISTS)
        self.owner.disconnect()
        self.assertEqual(peer.take(), [])

    def test_owner(self) -> None:
        """The owner may change and remove what it has added, but neither see nor set it without the right."""
        self.assertEqual(ask(self.owner, "get"), {"result": []})
        self.assertEqual(self.outcome(self.owner, "set", path="s", value=2), "noAccess")
        self.assertEqual(ask(self.owner, "change", path="s", value=2), {"result": True})
        self.assertEqual(ask(self.owner, "remove", path="s"), {"result": True})

    def test_loginLater(self) -> None:
        """Rights are looked at when they are needed: a login counts from then on, for what is there already."""
        peer = self.memory.connect()
        self.assertEqual(ask(peer, "get"), {"result": []})
        ask(peer, "authenticate", user="fetch", password="1")
        self.assertEqual(len(ask(peer, "get")["result"]), 2)
        self.assertEqual(self.outcome(peer, "set", path="s", value=2), "noAccess")
        ask(peer, "authenticate", user="all", password="1")
        self.assertEqual(self.outcome(peer, "set", path="s", value=2), "routed")

    def test_emptyAccess(self) -> None:
        """An access without lists is for everybody who has logged in, and for nobody else; null is no access."""
        ask(self.owner, "add", path="empty", value=1, access={})
        ask(self.owner, "add", path="null", value=1, access=None)
        paths = [entry["path"] for entry in ask(self.memory.connect(), "get")["result"]]
        self.assertEqual(paths, ["null"])
        paths = [entry["path"] for entry in ask(self.login("none"), "get")["result"]]
        self.assertEqual(paths, ["empty", "null"])

    def test_othersAreNotHurt(self) -> None:
        """A peer whose user lacks lists, and fetches, does not keep others from adding."""
        peer = self.login("none")
        ask(peer, "fetch", id="f")
        self.assertEqual(ask(self.owner, "add", path="new", value=1, access=LISTS), {"result": True})
        add(self.owner, "open")
        self.assertEqual(events(peer), [("add", "open", 0)])

    def test_reserved(self) -> None:
        """Paths of the daemon cannot be added by peers, whoever they are."""
        for peer in (self.owner, self.login("all")):
            for path in ("$daemon/", "$daemon/load"):
                answer = ask(peer, "add", path=path, value=1)
                error = {"code": -32602, "message": "Invalid params", "data": {"noAccess": path}}
                self.assertEqual(answer, {"error": error})
        self.assertEqual(ask(self.owner, "add", path="$daemon", value=1), {"result": True})
