"""
Tests for logins of peers that fetch already: while their fetches are gone through, the world goes on.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import Identity
from jetjstp.jet import fetches
from jetjstp.jet.clients import Client
from jetjstp.jet.effects import Authenticate
from jetjstp.jet.slices import STRIDE
from tests.jet.conversations import Talk, deterministicAndFew, taken
from tests.jet.nodejet3 import GREETING

ADMIN = Identity("root", frozenset({"admin"}))
GUEST = Identity("guest", frozenset({"guests"}))
USERS = {"root": ADMIN, "guest": GUEST}

MANY = 3 * STRIDE

RULES: dict[str, dict[str, Any]] = {
    "all": {},
    "low": {"value": {"": {"operator": "lessThan", "value": 5}}},
    "some": {"path": {"equalsOneOf": ["7", "200", "new"]}},
}
"""Fetches of the peer that logs in."""


def add(path: str, value: int, group: str | None) -> dict[str, Any]:
    """A request of an owner; without a group everybody sees it."""
    access = None if group is None else {"fetchGroups": [group]}
    return {"method": "add", "params": {"path": path, "value": value, "access": access}}


class View:
    """What a peer knows by what it was told; every notification has to make sense."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, int]] = {id: {} for id in RULES}
        self.answers: list[str] = []

    def hear(self, messages: list[dict[str, Any]]) -> None:
        """Take messages in."""
        for message in messages:
            if "id" in message:
                self.answers.append(message["id"])
                continue
            states, params = self.known[message["method"]], message["params"]
            event, path = params["event"], params["path"]
            assert (path in states) == (event != "Add"), (message, states.get(path))
            if event == "Remove":
                del states[path]
            else:
                states[path] = params["value"]


class RenewalTestCase(SynchronousTestCase):
    """An owner, and a peer of node-jet 3 with all kinds of fetches."""

    def begin(self, talk: Talk) -> None:
        """Connect them."""
        self.talk = talk
        self.owner, self.client = talk.connect(), talk.connect()
        self.view = View()
        talk.send(self.client, GREETING)
        taken(self.client)
        for id, rule in RULES.items():
            talk.send(self.client, {"id": f"fetch {id}", "method": "fetch", "params": {"id": id, **rule}})
        self.work()

    def login(self, user: str, id: str = "login") -> None:
        """Ask for a login; it may have to wait until an earlier one is done."""
        self.talk.send(self.client, {"id": id, "method": "authenticate", "params": {"user": user, "password": "x"}})
        self.step()

    def step(self) -> None:
        """Let in who wants to log in; the peer reads what there is."""
        bus = self.talk.bus
        while bus.effects:
            effect = bus.effects.popleft()
            if isinstance(effect, Authenticate):
                bus.admission.authenticated(effect.client, effect.id, USERS[effect.user], b"{}")
        for client in (self.client, self.owner):
            if not client.blocked:
                self.hear(client)
                bus.catchUp(client)

    def hear(self, client: Client) -> None:
        """A client takes what is in its outbox."""
        messages = taken(client)
        if client is self.client:
            self.view.hear(messages)

    def work(self, steps: int = 10**6) -> None:
        """Do some of the work."""
        self.step()
        while steps > 0 and self.talk.bus.working:
            self.talk.bus.work()
            self.step()
            steps -= 1

    def visible(self, id: str) -> dict[str, int]:
        """What a fetch has to know in the end."""
        talk = self.talk
        fresh = talk.connect()
        talk.send(fresh, GREETING)
        taken(fresh)
        fresh.identity = self.client.identity
        talk.send(fresh, {"id": "get", "method": "get", "params": RULES[id]})
        while talk.bus.working:
            talk.bus.work()
        [answer] = taken(fresh)
        talk.bus.lost(fresh, talk.now)
        return {entry["path"]: entry["value"] for entry in answer["result"]}

    def check(self) -> None:
        """Everything that the peer knows is as it is."""
        self.work()
        for id in RULES:
            self.assertEqual(self.view.known[id], self.visible(id), id)


class RenewalTests(RenewalTestCase):
    """What happens to single elements."""

    def setUp(self) -> None:
        """Have many elements that only admins see."""
        self.begin(Talk())
        for number in range(MANY):
            self.talk.send(self.owner, add(str(number), number % 10, "admin"))
        self.work()

    def half(self) -> None:
        """A login, of which only the first step is done."""
        self.login("root")
        self.assertTrue(self.talk.bus.working)
        self.assertIn("7", self.view.known["all"])
        self.assertNotIn("200", self.view.known["all"])

    def test_added(self) -> None:
        """What is added meanwhile is told at once, and once."""
        self.half()
        self.talk.send(self.owner, add("new", 1, "admin"), add("hidden", 1, "guests"))
        self.step()
        self.assertEqual(self.view.known["all"]["new"], 1)
        self.assertNotIn("hidden", self.view.known["all"])
        self.check()

    def test_removed(self) -> None:
        """What is removed before its turn is never told of."""
        self.half()
        self.talk.send(self.owner, *({"method": "remove", "params": {"path": path}} for path in ("7", "200")))
        self.step()
        self.assertNotIn("7", self.view.known["all"])
        self.check()

    def test_addedAgain(self) -> None:
        """What is removed and added again before its turn is told of once."""
        self.half()
        self.talk.send(self.owner, {"method": "remove", "params": {"path": "200"}}, add("200", 3, "admin"))
        self.check()
        self.assertEqual(self.view.known["low"]["200"], 3)

    def test_changed(self) -> None:
        """What changes before its turn is told with its newest value; a value rule that it has left hides it."""
        self.half()
        for path, value in (("7", 1), ("200", 9), ("201", 2)):
            self.talk.send(self.owner, {"method": "change", "params": {"path": path, "value": value}})
        self.check()
        self.assertEqual(self.view.known["all"]["200"], 9)
        self.assertNotIn("200", self.view.known["low"])

    def test_ownerLeaves(self) -> None:
        """What an owner that has left leaves behind is not told of any more; what was told is removed."""
        self.half()
        self.talk.bus.lost(self.owner, self.talk.now)
        self.check()
        self.assertEqual(self.view.known, {id: {} for id in RULES})

    def test_twoInARow(self) -> None:
        """The second login waits until the fetches follow the first one; then they follow it."""
        self.login("root", "first")
        self.login("guest", "second")
        self.talk.send(self.client, {"id": "last", "method": "get", "params": {"path": {"equals": "7"}}})
        self.assertIs(self.client.identity, ADMIN)
        self.assertEqual(self.view.answers[3:], [])
        self.check()
        self.assertIs(self.client.identity, GUEST)
        self.assertEqual(self.view.answers[3:], ["first", "second", "last"])
        self.assertEqual(self.view.known["all"], {})

    def test_sameUser(self) -> None:
        """Who logs in as who he is already is answered at once: nothing is gone through."""
        self.login("root")
        self.work()
        self.login("root", "again")
        self.assertFalse(self.talk.bus.working)
        self.assertEqual(self.view.answers[-1], "again")

    def test_behind(self) -> None:
        """Nothing more is told to a peer that reads nothing; it catches up, and is answered, when it reads again."""
        self.half()
        self.talk.bus.blocked(self.client)
        self.work()
        self.assertFalse(self.client.frames)
        self.talk.send(self.owner, {"method": "change", "params": {"path": "7", "value": 1}}, add("new", 1, None))
        self.work(10)
        self.assertEqual(self.view.answers[3:], [])
        self.talk.bus.drained(self.client)
        self.check()
        self.assertEqual(self.view.answers[3:], ["login"])

    def test_portions(self) -> None:
        """Long values are told in portions, not as many at a time as there are."""
        talk = Talk()
        owner, client = talk.connect(), talk.connect()
        talk.send(client, GREETING, {"id": "2", "method": "fetch", "params": {"id": "all"}})
        long = "x" * (fetches.PORTION // 2)
        for number in range(20):
            path = str(number)
            talk.send(owner, {"method": "add", "params": {"path": path, "value": long, "access": {}}})
        talk.finish()
        taken(client)
        talk.bus.elements.load = 0
        talk.bus.admission.authenticated(client, Raw(b'"3"'), ADMIN, b"{}")
        first = len(taken(client))
        self.assertLess(first, 5)
        self.assertGreater(talk.bus.elements.load, fetches.PORTION)
        talk.finish()
        self.assertEqual(first + len(taken(client)), 20 + 1)

    def test_shared(self) -> None:
        """Elements in a row that have the same watchers go on sharing them when one of these is gone."""
        other = self.talk.connect()
        self.talk.send(other, {"id": 1, "method": "fetch", "params": {"id": "x"}})
        self.talk.bus.admission.authenticated(other, Raw(b"2"), ADMIN, b"{}")
        self.work()
        self.login("root")
        self.work()
        taken(other)
        self.login("guest")
        self.work()
        watchers = [element.watchers for element in self.talk.bus.elements.snapshot()]
        self.assertEqual(len(watchers[0]), 1)
        self.assertLess(len({id(each) for each in watchers}), 10)

    def test_manyFetches(self) -> None:
        """Thousands of fetches with little to look at are gone through in slices, too."""
        for number in range(3 * STRIDE):
            params = {"id": f"f{number}", "path": {"equals": "none"}}
            self.talk.send(self.client, {"method": "fetch", "params": params})
        for path in map(str, range(MANY)):
            self.talk.send(self.owner, {"method": "remove", "params": {"path": path}})
        self.work()
        self.login("root")
        self.assertTrue(self.talk.bus.working)
        self.check()


class SortedTests(SynchronousTestCase):
    """Windows; no dialect asks for them where a login is possible, but whoever renews fetches need not know that."""

    def test_window(self) -> None:
        """A window follows what comes into sight and what leaves it."""
        talk = Talk()
        owner, client = talk.connect(), talk.connect()
        params = {"id": "f", "sort": {"byValue": "number", "to": 3}}
        talk.send(client, {"id": 1, "method": "fetch", "params": params})
        values = enumerate(("admin", "guests", "guests", "admin", None))
        talk.send(owner, *(add(str(value), value, group) for value, group in values))
        talk.finish()
        taken(client)
        for user, paths in ((ADMIN, ["0", "3", "4"]), (GUEST, ["1", "2", "4"])):
            window = {1: "4"}
            talk.bus.admission.authenticated(client, Raw(b"2"), user, b"{}")
            talk.finish()
            count = 1
            for message in taken(client):
                if "method" in message:
                    count = message["params"]["n"]
                    window.update({entry["index"]: entry["path"] for entry in message["params"]["changes"]})
            self.assertEqual([window[index] for index in range(1, count + 1)], paths)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 300), st.integers(0, 9), st.sampled_from(["admin", "guests", None])),
        st.tuples(st.just("change"), st.integers(0, 300), st.integers(0, 9)),
        st.tuples(st.just("remove"), st.integers(0, 300)),
        st.tuples(st.just("login"), st.sampled_from(list(USERS))),
        st.tuples(st.just("work"), st.integers(1, 4)),
        st.tuples(st.just("block")),
        st.tuples(st.just("drain")),
    ),
    max_size=40,
)


class AnythingTests(RenewalTestCase):
    """Whatever happens meanwhile."""

    @deterministicAndFew
    @given(steps)
    def test_any(self, steps: list[tuple[Any, ...]]) -> None:
        """In the end a peer knows what it may see, and each notification makes sense where it stands."""
        self.begin(Talk(highWater=500))
        groups = ("admin", "guests", None)
        for number in range(250):
            self.talk.send(self.owner, add(str(number), number % 10, groups[number % 3]))
        self.work()
        logins = 0
        for what, *details in steps:
            match what, details:
                case "add", [number, value, group]:
                    self.talk.send(self.owner, add(str(number), value, group))
                case "change", [number, value]:
                    self.talk.send(self.owner, {"method": "change", "params": {"path": str(number), "value": value}})
                case "remove", [number]:
                    self.talk.send(self.owner, {"method": "remove", "params": {"path": str(number)}})
                case "login", [user]:
                    logins += 1
                    self.login(user)
                case "work", [count]:
                    self.work(count)
                case "block", _:
                    self.talk.bus.blocked(self.client)
                case _:
                    self.talk.bus.drained(self.client)
            self.step()
        self.talk.bus.drained(self.client)
        self.check()
        self.assertEqual(self.view.answers.count("login"), logins)
