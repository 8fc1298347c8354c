"""Tests for L{jetjstp.jet.pathrules}, and for what path rules do to peers."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet
from jetjstp.interfaces import Identity
from jetjstp.jet import pathrules
from jetjstp.jet.access import RESERVED, Right, mayAccess
from jetjstp.jet.pathrules import RIGHTS, PathRights, PathRules, RulesChange
from jetjstp.jet.requests import Access
from jetjstp.policies.users import UsersPolicy
from jetjstp.testing import MemoryDaemon, MemoryPeer
from tests.jet.asking import add, ask, events
from tests.jet.conversations import deterministic
from tests.jet.test_access import Thing


def user(name: str, fetch: str = "", set: str = "", call: str = "") -> Identity:
    """Somebody with groups, which are written with spaces between."""
    return Identity(name, frozenset(fetch.split()), frozenset(set.split()), frozenset(call.split()))


def everywhere(name: str, groups: str) -> Identity:
    """Somebody with the same groups for everything."""
    return user(name, groups, groups, groups)


def naively(pattern: str, path: str, name: str | None) -> bool:
    """Whether a pattern fits, by trying whatever a star may stand for."""
    if "{user}" in pattern and not name:
        return False
    pieces = [piece.replace("{user}", name or "") for piece in pattern.split("*")]

    def fits(index: int, rest: str) -> bool:
        if not rest.startswith(pieces[index]):
            return False
        rest = rest[len(pieces[index]) :]
        if index == len(pieces) - 1:
            return not rest
        return any(fits(index + 1, rest[skipped:]) for skipped in range(len(rest) + 1))

    return fits(0, path)


texts = st.text(alphabet="ab/*.\n", max_size=6)
patterns = st.lists(st.sampled_from(["a", "b", "/", "*", "{user}", ".", "(", "\\"]), max_size=6).map("".join)


class MatchingTests(SynchronousTestCase):
    """What a pattern fits."""

    def fits(self, pattern: str, path: str, name: str = "joe") -> bool:
        """Whether a pattern that is the only one fits."""
        return PathRules({"g": {"set": [pattern]}}).may(user(name, set="g"), Right.SET, path, None)

    def test_examples(self) -> None:
        """A star stands for anything, a slash too; everything else for itself."""
        for pattern, path, expected in (
            ("*", "", True),
            ("*", "a/b", True),
            ("a", "a", True),
            ("a", "ab", False),
            ("a/*", "a/", True),
            ("a/*", "a/b/c", True),
            ("a/*", "a", False),
            ("*/a", "x/y/a", True),
            ("*/a", "x/y/ab", False),
            ("a*b*c", "abc", True),
            ("a*b*c", "a-b-b-c", True),
            ("a*b*c", "a-c-b", False),
            ("a*a", "a", False),
            ("a**b", "ab", True),
            ("a.b", "aXb", False),
            ("a.*", "a.b", True),
            ("[ab]?", "[ab]?", True),
            ("[ab]?", "ax", False),
            ("", "", True),
            ("", "a", False),
            ("*", "a\nb", True),
            ("a*z", "a\nz", True),
            ("A*", "ab", False),
        ):
            self.assertIs(self.fits(pattern, path), expected, (pattern, path))

    def test_user(self) -> None:
        """C{{user}} is the name of the user and nothing else; a star in a name stands for itself."""
        self.assertTrue(self.fits("home/{user}/*", "home/joe/x"))
        self.assertFalse(self.fits("home/{user}/*", "home/ann/x"))
        self.assertTrue(self.fits("{user}-{user}", "joe-joe"))
        self.assertTrue(self.fits("home/{user}/*", "home/*/x", "*"))
        self.assertFalse(self.fits("home/{user}/*", "home/ann/x", "*"))
        self.assertFalse(self.fits("home/{user}/*", "home/{user}/x"))
        self.assertTrue(self.fits("home/{user}/*", "home/{user}/x", "{user}"))

    def test_nobodysName(self) -> None:
        """Who has no name, or an empty one, gets nothing from a pattern with C{{user}}."""
        rules = PathRules({"*": {"set": ["home/{user}/*"]}})
        for who in (None, user("")):
            self.assertFalse(rules.may(who, Right.SET, "home//x", None))

    @given(st.lists(patterns, max_size=4), texts, st.sampled_from(["", "a", "*", "b/a"]))
    @deterministic
    def test_model(self, several: list[str], path: str, name: str) -> None:
        """Any number of patterns together fit what one of them fits when everything is tried."""
        rules = PathRules({"g": {"set": several}})
        expected = any(naively(pattern, path, name) for pattern in several)
        self.assertIs(rules.may(user(name, set="g"), Right.SET, path, None), expected)

    def test_hostilePaths(self) -> None:
        """No path takes long, whatever the patterns: to try everything here would take longer than there is time."""
        rules = PathRules({"g": {"set": ["*" + "a*" * 30 + "b", "*a" * 30 + "*b*c"]}})
        self.assertFalse(rules.may(user("joe", set="g"), Right.SET, "a" * 4096, None))


class RulesTests(SynchronousTestCase):
    """Who has which rights by the rules."""

    def test_without(self) -> None:
        """Without rules the function that decides is the one that knows none: nothing gets slower."""
        cases: list[dict[str, Any]] = [{}, {"staff": {}}]
        for groups in cases:
            rules = PathRules(groups)
            self.assertIs(rules.may, mayAccess)
            self.assertEqual(rules.rightsOf(user("joe", "staff")), PathRights({}))

    def test_unmentioned(self) -> None:
        """A right that no group mentions is as it is without rules; one that is mentioned is only where it is given."""
        rules = PathRules({"staff": {"set": ["s/*"]}, "others": {"call": []}})
        for who in (None, user("joe"), everywhere("joe", "staff"), everywhere("joe", "others")):
            inStaff = who is not None and "staff" in who.setGroups
            self.assertTrue(rules.may(who, Right.FETCH, "x", None))
            self.assertTrue(rules.may(who, Right.ADD, "x", None))
            self.assertFalse(rules.may(who, Right.CALL, "x", None))
            self.assertFalse(rules.may(who, Right.SET, "x", None))
            self.assertIs(rules.may(who, Right.SET, "s/x", None), inStaff)

    def test_everybody(self) -> None:
        """The group C{*} is everybody's, logged in or not, besides the groups that one has."""
        rules = PathRules({"*": {"set": ["free/*"]}, "staff": {"set": ["s/*"]}})
        for who, paths in ((None, "free/x"), (user("joe"), "free/x"), (user("joe", set="staff"), "free/x s/x")):
            allowed = [path for path in ("free/x", "s/x", "x") if rules.may(who, Right.SET, path, None)]
            self.assertEqual(allowed, paths.split())

    def test_listsOfGroups(self) -> None:
        """Each right looks at its own list of groups; to add, all three count."""
        everything = {name: [f"{name}/*"] for name in RIGHTS}
        rules = PathRules({"g": everything})
        for who, expected in (
            (user("joe", fetch="g"), {"fetch", "add"}),
            (user("joe", set="g"), {"set", "add"}),
            (user("joe", call="g"), {"call", "add"}),
            (user("joe"), set()),
        ):
            allowed = {name for name, right in RIGHTS.items() if rules.may(who, right, f"{name}/x", None)}
            self.assertEqual(allowed, expected)

    def test_union(self) -> None:
        """The rules of several groups add up; groups that have none add nothing."""
        rules = PathRules({"a": {"fetch": ["a/*"]}, "b": {"fetch": ["b", "*/c"]}})
        who = user("joe", "a b unknown")
        allowed = [path for path in ("a/x", "b", "x/c", "c", "bb") if rules.may(who, Right.FETCH, path, None)]
        self.assertEqual(allowed, ["a/x", "b", "x/c"])

    def test_elementsToo(self) -> None:
        """What an element says holds besides: rules never open what its groups close."""
        rules = PathRules({"*": {"fetch": ["*"], "set": ["*"]}, "staff": {"fetch": ["*"]}})
        thing = Thing(Access(["staff"], ["boss"], None))
        for who in (None, user("joe"), user("joe", "staff", "staff"), everywhere("joe", "boss staff")):
            for right in (Right.FETCH, Right.SET, Right.CALL):
                self.assertIs(rules.may(who, right, "p", thing), mayAccess(who, right, "p", thing))

    def test_reserved(self) -> None:
        """Nobody may add what is the daemon's own, whatever the rules say; a rule for it is a mistake."""
        rules = PathRules({"*": {"add": ["*"]}})
        self.assertTrue(rules.may(None, Right.ADD, "a", None))
        self.assertFalse(rules.may(user("joe"), Right.ADD, RESERVED + "a", None))
        error = self.assertRaises(ValueError, PathRules, {"staff": {"add": ["a", RESERVED + "*"]}})
        self.assertIn("group 'staff'", str(error))

    def test_change(self) -> None:
        """A change of rules is one for those who are given something else: compared by what it comes to for them."""
        rules: dict[str, Any] = {"a": {"fetch": ["x/*"], "set": ["home/joe/*"]}, "b": {"fetch": ["y"]}}
        old = PathRules(rules)
        joe, ann, other = everywhere("joe", "a"), everywhere("ann", "a"), everywhere("joe", "b")
        for groups, expected in (
            (rules, []),
            ({**rules, "c": {"fetch": ["z"]}}, []),
            ({**rules, "a": {"fetch": ["x/*"], "set": ["home/{user}/*"]}}, [ann]),
            ({**rules, "b": {"fetch": ["z"]}}, [other]),
            ({**rules, "a": {"fetch": ["x/*", "y"], "set": ["home/joe/*"]}}, [joe, ann]),
            ({**rules, "b": {"fetch": ["y"], "call": []}}, [joe, ann, other, None]),
            ({**rules, "*": {"fetch": ["q"]}}, [joe, ann, other, None]),
            ({**rules, "*": {"fetch": []}}, []),
        ):
            for change in (RulesChange(old, PathRules(groups)), RulesChange(PathRules(groups), old)):
                users = [joe, ann, other, None]
                self.assertEqual([each for each in users if change.concerns(each)], expected, groups)
        for one, two in ((None, old), (old, None)):
            self.assertTrue(RulesChange(one, two).concerns(joe))
        for one, two in ((None, None), (None, PathRules({})), (PathRules({}), None)):
            self.assertFalse(RulesChange(one, two).concerns(joe))

    @given(st.data())
    def test_changeIsExact(self, data: st.DataObject) -> None:
        """Whoever has other rights is concerned, and nobody else."""
        patterns = st.lists(st.sampled_from(["a/{user}", "a/joe", "a/ann", "*"]), max_size=2)
        rights = st.dictionaries(st.sampled_from(["fetch", "set"]), patterns)
        tables = st.dictionaries(st.sampled_from(["a", "b", "*"]), rights)
        old, new = PathRules(data.draw(tables)), PathRules(data.draw(tables))
        change = RulesChange(old, new)
        for each in (None, user("joe", "a"), user("ann", "a"), user("joe", "a b"), user("joe", "a", set="b")):
            self.assertEqual(change.concerns(each), old.rightsOf(each) != new.rightsOf(each))

    def test_equalRights(self) -> None:
        """Rights are equal if the same patterns give them, in whatever order and from whichever groups."""
        one = PathRules({"a": {"set": ["x", "{user}/*"]}, "b": {"set": ["y"]}})
        two = PathRules({"b": {"set": ["{user}/*", "y", "x"]}, "c": {"set": ["z"]}})
        self.assertEqual(one.rightsOf(user("joe", set="a b")), two.rightsOf(user("joe", set="b")))
        self.assertNotEqual(one.rightsOf(user("joe", set="a")), two.rightsOf(user("joe", set="b")))
        self.assertNotEqual(one.rightsOf(user("joe", set="a")), one.rightsOf(user("ann", set="a")))
        self.assertNotEqual(one.rightsOf(None), PathRights({}))
        self.assertFalse(one.rightsOf(None) == 1)

    def test_bound(self) -> None:
        """Only so many users are remembered; who is forgotten has the same rights."""
        self.patch(pathrules, "KNOWN", 3)
        rules = PathRules({"g": {"set": ["{user}"]}})
        for name in "abcdeabcde":
            self.assertTrue(rules.may(user(name, set="g"), Right.SET, name, None))
            self.assertLessEqual(len(rules._known), 3)

    def test_mistakes(self) -> None:
        """Whatever is wrong is told with the group and the member."""
        for groups, words in (
            ([], ["groups must be an object", "list"]),
            ({1: {}}, ["name of a group", "int"]),
            ({"staff": ["a"]}, ["'staff'", "list"]),
            ({"staff": {"sett": ["a"]}}, ["'staff'", "'sett'", "add, set, call, fetch"]),
            ({"staff": {"set": "a/*"}}, ["'staff'", "'set'", "list of patterns"]),
            ({"staff": {"set": None}}, ["'staff'", "'set'", "null"]),
            ({"staff": {"set": ["a", 1]}}, ["'staff'", "'set'", "pattern", "int"]),
        ):
            error = str(self.assertRaises(ValueError, PathRules, groups))
            for word in words:
                self.assertIn(word, error)

    def test_copied(self) -> None:
        """What happens later to what was given changes nothing."""
        groups = {"g": {"set": ["a"]}}
        rules = PathRules(groups)
        groups["g"]["set"].append("b")
        self.assertFalse(rules.may(user("joe", set="g"), Right.SET, "b", None))

    def test_public(self) -> None:
        """The class has a public name, for policies of others."""
        self.assertIs(jet.PathRules, PathRules)


def userOf(*groups: str) -> dict[str, Any]:
    """A user of a table, with the same groups for everything."""
    lists = {name: list(groups) for name in ("fetchGroups", "setGroups", "callGroups")}
    return {"password": "1", "auth": lists}


class EffectTests(SynchronousTestCase):
    """What rules do, peer by peer."""

    def start(self, groups: dict[str, Any], **users: dict[str, Any]) -> None:
        """Start a daemon with such rules."""
        users = users or {"joe": userOf("staff"), "ann": userOf("staff", "boss")}
        self.memory = MemoryDaemon(policy=UsersPolicy(users, groups=groups))

    def login(self, name: str | None) -> MemoryPeer:
        """A peer, who has logged in if it has a name."""
        peer = self.memory.connect()
        if name is not None:
            self.assertIn("result", ask(peer, "authenticate", user=name, password="1"))
        return peer

    def assertRefused(self, answer: Any, path: str) -> None:
        """The answer is that there is no access."""
        self.assertEqual(answer, {"error": {"code": -32602, "message": "Invalid params", "data": {"noAccess": path}}})

    def test_add(self) -> None:
        """Elements are added where a rule permits it, and refused elsewhere; the owner changes and removes them."""
        self.start({"staff": {"add": ["home/{user}/*"]}})
        for name, path, isAllowed in (
            ("joe", "home/joe/a", True),
            ("joe", "home/ann/a", False),
            ("joe", "a", False),
            (None, "home/joe/b", False),
        ):
            peer = self.login(name)
            answer = ask(peer, "add", path=path, value=1)
            if isAllowed:
                self.assertEqual(answer, {"result": True})
                self.assertEqual(ask(peer, "change", path=path, value=2), {"result": True})
                self.assertEqual(ask(peer, "remove", path=path), {"result": True})
            else:
                self.assertRefused(answer, path)

    def test_addTellsNothing(self) -> None:
        """Where a peer may not add, it does not learn what is there."""
        self.start({"boss": {"add": ["*"], "fetch": ["*"]}, "staff": {"add": ["home/{user}/*"]}})
        add(self.login("ann"), "home/joe/a", "b/a")
        joe = self.login("joe")
        for path in ("b/a", "b/b"):
            self.assertRefused(ask(joe, "add", path=path, value=1), path)
        error = ask(joe, "add", path="home/joe/a", value=1)["error"]
        self.assertEqual(error["data"], {"pathAlreadyExists": "home/joe/a"})

    def test_setAndCall(self) -> None:
        """Requests reach the owner where a rule permits them."""
        self.start({"staff": {"set": ["s/*"], "call": ["m/*"]}})
        owner = self.login(None)
        add(owner, "s/1", "t")
        for path in ("m/1", "n"):
            ask(owner, "add", path=path)
        joe, nobody = self.login("joe"), self.login(None)
        for method, mine, foreign in (("set", "s/1", "t"), ("call", "m/1", "n")):
            self.assertIsNone(ask(joe, method, path=mine, value=1, args=[]))
            self.assertEqual(len(owner.take()), 1)
            self.assertRefused(ask(joe, method, path=foreign, value=1, args=[]), foreign)
            self.assertRefused(ask(nobody, method, path=mine, value=1, args=[]), mine)
            self.assertEqual(owner.take(), [])

    def test_fetch(self) -> None:
        """What may not be fetched is invisible, at the beginning and later, in any kind of fetch."""
        self.start({"*": {"fetch": ["free/*"]}, "staff": {"fetch": ["staff/*"]}})
        owner = self.login(None)
        add(owner, "free/1", "staff/1", "boss/1")
        joe, nobody = self.login("joe"), self.login(None)
        fetches: list[dict[str, Any]] = [{}, {"path": {"contains": "1"}}, {"value": {"equals": 0}}]
        for peer, paths in ((joe, ["free/1", "staff/1"]), (nobody, ["free/1"])):
            self.assertEqual([entry["path"] for entry in ask(peer, "get")["result"]], paths)
            for number, rule in enumerate(fetches):
                peer.take()
                ask(peer, "fetch", id=number, **rule)
                self.assertEqual([path for _, path, _ in events(peer)], paths)
                ask(peer, "unfetch", id=number)
            ask(peer, "fetch", id="live")
            peer.take()
        add(owner, "free/2", "staff/2", "boss/2")
        ask(owner, "change", path="boss/1", value=2)
        ask(owner, "change", path="free/1", value=2)
        self.assertEqual(events(joe), [("add", "free/2", 0), ("add", "staff/2", 0), ("change", "free/1", 2)])
        self.assertEqual(events(nobody), [("add", "free/2", 0), ("change", "free/1", 2)])

    def test_sorted(self) -> None:
        """A sorted window has no place for what may not be fetched."""
        self.start({"*": {"fetch": ["b*"]}})
        owner = self.login(None)
        add(owner, "a", "b1", "c", "b2")
        peer = self.login(None)
        ask(peer, "fetch", id="f", sort={"from": 1, "to": 10})
        (window,) = peer.take()
        self.assertEqual([change["path"] for change in window["params"]["changes"]], ["b1", "b2"])

    def test_fetchOnly(self) -> None:
        """What may be seen and not set is announced as such."""
        self.start({"staff": {"set": ["s/*"]}})
        add(self.login(None), "s/1", "t")
        flags = {entry["path"]: entry.get("fetchOnly") for entry in ask(self.login("joe"), "get")["result"]}
        self.assertEqual(flags, {"s/1": None, "t": True})

    def test_nodeJet3(self) -> None:
        """A peer of node-jet 3 gets its own error, and its running fetches follow a login."""
        self.start({"staff": {"fetch": ["*"], "add": ["s/*"]}})
        ann = self.login("ann")
        add(ann, "s/1")
        peer = self.memory.connect()
        peer.send({"id": "1", "method": "info", "params": {}})
        peer.take()
        error = ask(peer, "add", path="x", value=1)["error"]
        self.assertEqual((error["name"], error["message"]), ("jet.invalid params", "Missing authorization"))
        ask(peer, "fetch", id="f", path={"startsWith": "s"})
        self.assertEqual(events(peer), [])
        ask(peer, "authenticate", user="joe", password="1")
        self.assertEqual(events(peer), [("Add", "s/1", 0)])
        ask(peer, "authenticate", user="ann", password="1")
        self.assertEqual(events(peer), [])

    def test_handshakeHook(self) -> None:
        """Groups that a handshake hook gives are subject to the rules like any others."""
        self.start({"staff": {"set": ["s/*"]}})
        bus = self.memory.daemon._server.bus
        identity = user("", set="staff")
        self.assertTrue(bus.may(identity, Right.SET, "s/1", None))
        self.assertFalse(bus.may(identity, Right.SET, "t", None))

    def test_readable(self) -> None:
        """Rules may come from JSON as they are."""
        text = '{"staff": {"add": ["home/{user}/*"], "fetch": ["*"]}, "*": {"fetch": ["public/*"]}}'
        rules = PathRules(json.loads(text))
        self.assertTrue(rules.may(user("joe", "staff"), Right.ADD, "home/joe/x", None))
