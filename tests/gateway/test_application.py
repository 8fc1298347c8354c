"""Tests for what clients of JSTP can ask a bus for."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from jetjstp import jstp
from jetjstp.gateway.application import BusApplication
from jetjstp.interfaces import Identity
from jetjstp.jet.pathrules import PathRules
from tests.gateway.setting import ADA, BusClient, BusTestCase, Policy, PolicyTestCase


def added(path: str, value: Any, **more: Any) -> dict[str, Any]:
    """An element as it is told of first."""
    return {"path": path, "event": "add", "value": value, **more}


class MethodTests(BusTestCase):
    """Each method, and how it fails."""

    def test_methods(self) -> None:
        """The interface C{jet} has nine methods."""
        connecting = self.memory.connectAndInspect("jet", None, ["jet"])
        _, proxies = self.successResultOf(connecting)
        names = {"info", "get", "set", "invoke", "add", "remove", "change", "fetch", "unfetch"}
        self.assertEqual(set(proxies["jet"].methods), names)

    def test_info(self) -> None:
        """C{info} tells of the daemon."""
        self.assertEqual(self.client().call("info")["name"], "jetjstp")

    def test_get(self) -> None:
        """C{get} finds what its expression asks for, everything without one."""
        self.owner(a=1, b={"c": [1, None]})
        client = self.client()
        self.assertEqual(client.call("get"), [added("a", 1), added("b", {"c": [1, None]})])
        self.assertEqual(client.call("get", {"path": {"equals": "b"}}), [added("b", {"c": [1, None]})])

    def test_set(self) -> None:
        """C{set} is answered by the owner; its options are passed on."""
        owner = self.owner(a=1)
        client = self.client()
        setting = client.begin("set", "a", 2, {"valueAsResult": True, "timeout": 1})
        self.memory.flush()
        [request] = owner.take()
        self.assertEqual((request["method"], request["params"]), ("a", {"value": 2, "valueAsResult": True}))
        owner.send({"id": request["id"], "result": {"x": 2}})
        self.memory.flush()
        self.assertEqual(self.successResultOf(setting), {"x": 2})

    def test_invoke(self) -> None:
        """C{invoke} is Jet's call; without arguments the owner gets an empty list."""
        owner = self.peer()
        owner.send({"method": "add", "params": {"path": "m"}})
        client = self.client()
        for args, received in [
            ((), []),
            (([1, "b"],), [1, "b"]),
            (({"a": 1},), {"a": 1}),
            ((None, {"timeout": 2}), []),
        ]:
            calling = client.begin("invoke", "m", *args)
            self.memory.flush()
            [request] = owner.take()
            self.assertEqual((request["method"], request["params"]), ("m", received))
            owner.send({"id": request["id"], "result": None})
            self.memory.flush()
            self.assertEqual(self.successResultOf(calling), None)

    def test_timeout(self) -> None:
        """An owner that does not answer in time is an error of its own, with what was asked."""
        self.owner(a=1)
        setting = self.client().begin("set", "a", 2, {"timeout": 0.5})
        self.memory.flush()
        self.advance(0.6)
        error = self.failureResultOf(setting, jstp.RemoteError).value
        self.assertEqual(error.toList(), [-32001, "Response Timeout", {"path": "a", "value": 2, "timeout": 0.5}])

    def test_ownersError(self) -> None:
        """What an owner answers as its error arrives with its code, its message and its data."""
        owner = self.owner(a=1)
        client = self.client()
        for given, expected in [
            ({"code": 12345, "message": "no", "data": [1]}, [12345, "no", [1]]),
            ({"code": 7}, [7]),
            ("text", [-32603, "Internal error", "text"]),
            ({"code": 0}, [-32603, "Internal error", {"code": 0}]),
            ({"code": -1, "message": "x"}, [-32603, "Internal error", {"code": -1, "message": "x"}]),
        ]:
            setting = client.begin("set", "a", 2)
            self.memory.flush()
            [request] = owner.take()
            owner.send({"id": request["id"], "error": given})
            self.memory.flush()
            self.assertEqual(self.failureResultOf(setting, jstp.RemoteError).value.toList(), expected)

    def test_loneSurrogate(self) -> None:
        """Answers with lone surrogates, which are JSON, arrive, also together with what MDSF cannot say."""
        owner = self.owner(a="\ud800")
        client = self.client()
        self.assertEqual(client.call("get"), [added("a", "\ufffd")])
        setting = client.begin("set", "a", 2)
        self.memory.flush()
        [request] = owner.take()
        owner.send({"id": request["id"], "error": {"code": 5, "message": "\udfff", "data": "\ud800"}})
        self.memory.flush()
        self.assertEqual(self.failureResultOf(setting, jstp.RemoteError).value.toList(), [5, "\ufffd", "\ufffd"])
        owner.sendText('{"method":"add","params":{"path":"b","value":[1e999]}}')
        self.assertIn("a number is out of range", client.fail("get")[2]["message"])
        client.call("fetch", "f", {"sort": {"byPath": True, "from": 1, "to": 10}})
        self.change(owner, "a", ["\udfff"])
        why = "a number is out of range for JSTP"
        changes: list[Any] = [{"path": "a", "index": 1, "omitted": why}, {"path": "b", "index": 2, "omitted": why}]
        self.assertEqual(
            client.take(),
            [
                ("notification", "f", {"n": 2, "changes": changes}),
                ("notification", "f", {"n": 2, "changes": [{"path": "a", "index": 1, "value": ["\ufffd"]}]}),
            ],
        )

    def test_refused(self) -> None:
        """Errors of the daemon have Jet's code, message and data."""
        self.owner(a=1)
        client = self.client()
        cases: list[tuple[Any, Any]] = [
            (("set", "x", 1), {"pathNotExists": "x"}),
            (("set", 5, 1), {"wrongType": "path", "got": {"path": 5, "value": 1}}),
            (("invoke", "a"), {"wrongKind": "a"}),
            (("add", {"path": "a", "value": 1}), {"pathAlreadyExists": "a"}),
            (("add", {"path": "$daemon/x", "value": 1}), {"noAccess": "$daemon/x"}),
            (("remove", "a"), {"foreignPath": "a"}),
            (("change", "a", 2), {"foreignPath": "a"}),
            (("get", {"path": {"equals": 5}}), None),
            (("fetch", True, {}), None),
        ]
        for call, data in cases:
            code, message, given = client.fail(*call)
            self.assertEqual((code, message), (-32602, "Invalid params"))
            if data is not None:
                self.assertEqual(given, data)

    def test_nonsense(self) -> None:
        """Arguments that are of no use are refused before the daemon sees them, and it is said which."""
        client = self.client()
        undefined = jstp.UNDEFINED
        cases: list[tuple[Any, Any]] = [
            (("change", "a", undefined), {"missingParam": "value"}),
            (
                ("change", "a", [undefined, 1]),
                {"wrongType": "value", "reason": "value[0] is undefined, which is not JSON"},
            ),
            (("get", 5), {"wrongType": "expression", "reason": "an object, or nothing for everything"}),
            (
                ("set", "a", 1, {"timout": 1}),
                {"wrongType": "options", "reason": "an object with timeout, valueAsResult"},
            ),
            (("invoke", "a", [], 5), {"wrongType": "options", "reason": "an object with timeout"}),
        ]
        for call, data in cases:
            self.assertEqual(client.fail(*call), [-32602, "Invalid params", data])
        self.assertEqual(client.fail("change", "a")[0], 17)

    def test_owns(self) -> None:
        """A client adds, changes and removes states and methods, as any peer."""
        peer = self.peer()
        peer.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
        client = self.client()
        self.assertIs(client.call("add", {"path": "s", "value": {"a": 1}}), True)
        self.assertIs(client.call("add", {"path": "m"}), True)
        self.assertIs(client.call("change", "s", None), True)
        self.assertIs(client.call("remove", "s"), True)
        self.assertEqual(
            [message["params"] for message in peer.take()[1:]],
            [
                added("s", {"a": 1}),
                {"path": "m", "event": "add"},
                {"path": "s", "event": "change", "value": None},
                {"path": "s", "event": "remove", "value": None},
            ],
        )

    def test_fetch(self) -> None:
        """C{fetch} is answered with its id, then come what is there and what happens."""
        owner = self.owner(a=1)
        client = self.client()
        order: list[Any] = []
        client.begin("fetch", "f", {"path": {"startsWith": "a"}}).addCallback(order.append)
        client.told = order
        self.memory.flush()
        self.change(owner, "a", 2)
        owner.send({"method": "add", "params": {"path": "b", "value": 1}})
        owner.send({"method": "remove", "params": {"path": "a"}})
        self.memory.flush()
        self.assertEqual(
            order,
            [
                "f",
                ("notification", "f", added("a", 1)),
                ("notification", "f", {"path": "a", "event": "change", "value": 2}),
                ("notification", "f", {"path": "a", "event": "remove", "value": 2}),
            ],
        )

    def test_fetchIds(self) -> None:
        """Ids are strings or numbers; without one, a fetch gets its own."""
        self.owner(a=1)
        client = self.client()
        self.assertEqual(client.call("fetch", 1, {}), 1)
        self.assertEqual(client.call("fetch", "1", {}), "1")
        begun = [client.begin("fetch", None, {}), client.begin("fetch")]
        self.memory.flush()
        self.assertEqual([self.successResultOf(each) for each in begun], ["fetch-1", "fetch-2"])
        self.assertEqual([event[1] for event in client.take()], [1, "1", "fetch-1", "fetch-2"])

    def test_unfetch(self) -> None:
        """After C{unfetch} nothing more is told; one may end a fetch that is not there."""
        owner = self.owner(a=1)
        client = self.client()
        client.call("fetch", 1.0, {})
        client.take()
        self.assertIs(client.call("unfetch", 1), True)
        self.assertIs(client.call("unfetch", "x"), True)
        self.change(owner, "a", 2)
        self.assertEqual(client.take(), [])

    def test_sorted(self) -> None:
        """A sorted fetch tells of windows."""
        owner = self.owner(a=3, b=1)
        client = self.client()
        client.call("fetch", "f", {"sort": {"byValue": "number", "from": 1, "to": 1}})
        self.change(owner, "b", 5)
        self.assertEqual(
            client.take(),
            [
                ("notification", "f", {"n": 1, "changes": [{"path": "b", "index": 1, "value": 1}]}),
                ("notification", "f", {"n": 1, "changes": [{"path": "a", "index": 1, "value": 3}]}),
            ],
        )

    def test_simple(self) -> None:
        """On a daemon in simple mode there is one fetch, whose id is the daemon's."""
        self.daemonOptions = {"fetchMode": "simple"}
        self.setUp()
        self.owner(a=1)
        client = self.client()
        self.assertEqual(client.call("fetch", "f", {}), "fetch_all")
        self.assertEqual(client.take(), [("notification", "fetch_all", added("a", 1))])

    def test_simpleAgain(self) -> None:
        """Its end is remembered whatever it is called by: it does not begin anew with the session."""
        self.daemonOptions = {"fetchMode": "simple"}
        self.setUp()
        self.owner(a=1)
        client = self.client()
        for id in ("fetch_all", "x"):
            client.call("fetch", "x")
            client.call("unfetch", id)
        [guest] = self.bus._guests.values()
        self.assertEqual((list(guest.memory.fetches()), guest.memory.size), ([], 0))
        client.call("fetch", "x")
        self.assertEqual(client.take()[-1], ("notification", "fetch_all", added("a", 1)))
        link = guest._link
        assert link is not None and guest._receiver is not None
        guest._receiver.client.dropped = True
        link.abort()
        self.advance(1)
        self.assertEqual(client.take(), [("restarted", "fetch_all"), ("notification", "fetch_all", added("a", 1))])

    def test_values(self) -> None:
        """Values are what they were, both ways, whatever JSON can say and MDSF reads otherwise."""
        values = [
            "\u2028\u2029 \0 '\"\\/",
            0.1,
            -0.0,
            2**53,
            {"": None, "__proto__": {"a": 1}},
            [[]],
            "馬",
            1e300,
            True,
        ]
        owner = self.owner(a=0)
        client = self.client()
        client.call("fetch", "f", {})
        client.take()
        for value in values:
            self.change(owner, "a", value)
            self.assertEqual(client.take(), [("notification", "f", {"path": "a", "event": "change", "value": value})])
        client.call("add", {"path": "b", "value": values})
        self.assertEqual(client.call("get", {"path": {"equals": "b"}}), [added("b", values)])

    def test_omitted(self) -> None:
        """A value that cannot be said is left out, with the reason; nobody's connection suffers from it."""
        owner = self.peer()
        owner.sendText('{"method":"add","params":{"path":"a","value":1e999}}')
        client = self.client()
        client.call("fetch", "f", {})
        client.call("fetch", "s", {"sort": {}})
        reason = "a number is out of range for JSTP"
        self.assertEqual(
            client.take(),
            [
                ("notification", "f", {"path": "a", "event": "add", "omitted": reason}),
                ("notification", "s", {"n": 1, "changes": [{"path": "a", "index": 1, "omitted": reason}]}),
            ],
        )
        self.assertEqual(
            client.fail("get", {}),
            [-32603, "Internal error", {"message": f"the result cannot be passed on: {reason}"}],
        )
        self.assertEqual(client.call("info")["name"], "jetjstp")

    def test_expressionBytes(self) -> None:
        """The expressions of a session are stored with it, so there is a limit for all of them."""
        self.busOptions = {"expressionBytes": 100}
        self.setUp()
        client = self.client()
        long = {"path": {"startsWith": "x" * 50}}
        client.call("fetch", "f", long)
        client.call("fetch", "f", long)
        self.assertEqual(client.fail("fetch", "g", long)[2], {"limitExceeded": "expressionBytes", "limit": 100})
        client.call("unfetch", "f")
        client.call("fetch", "g", long)

    def test_expressionBytesAtOnce(self) -> None:
        """It holds for fetches that are not answered yet, too."""
        self.busOptions = {"expressionBytes": 110}
        self.setUp()
        client = self.client()
        asking = [client.begin("fetch", id, {"path": {"startsWith": "x" * 30}}) for id in "abcd"]
        asking.append(client.begin("fetch", "a", {"path": {"startsWith": "x" * 20}}))
        self.memory.flush()
        self.assertEqual([self.successResultOf(each) for each in (asking[0], asking[4])], ["a", "a"])
        for each in asking[1:4]:
            error = self.failureResultOf(each, jstp.RemoteError).value
            self.assertEqual(error.info[0], {"limitExceeded": "expressionBytes", "limit": 110})
        [guest] = self.bus._guests.values()
        self.assertEqual(guest.memory.size, 49)
        client.fail("fetch", "b", {"path": {"equals": 5}})
        self.assertEqual(guest.memory.size, 49)
        client.call("fetch", "b", {"path": {"equals": "5"}})

    def test_notServed(self) -> None:
        """At a server that was not given to C{serve} every method says so."""
        memory = self.memory
        self.memory = type(memory)(lambda clock: jstp.net.createServer([self.bus.application], reactor=clock))
        self.assertEqual(
            self.client().fail("info"), [-32603, "Internal error", {"message": "this server does not serve the bus"}]
        )

    def test_peers(self) -> None:
        """A session is a peer of the daemon, until it is over."""
        client = self.client(host="192.0.2.7")
        [peer] = self.daemon.peers
        self.assertEqual((peer.address, peer.user), ("192.0.2.7", None))
        client.lose()
        self.assertEqual(self.daemon.peers, [peer])
        self.advance(3601)
        self.memory.flush()
        self.assertEqual(self.daemon.peers, [])

    def test_close(self) -> None:
        """After C{close} there are no sessions on the bus, and their methods say so."""
        client = self.client()
        self.successResultOf(self.bus.close())
        self.assertEqual(self.daemon.peers, [])
        self.assertEqual(client.fail("info")[0], -32603)
        self.client()
        self.assertEqual(self.daemon.peers, [])
        self.memory.stop()
        self.successResultOf(self.daemon.close())

    def test_listensAnew(self) -> None:
        """When a daemon listens anew, sessions that it has let go of begin anew, too; after C{close} none does."""
        client = self.client()
        client.call("add", {"path": "a", "value": 1})
        client.call("fetch", "f", {})
        client.take()
        for count in (1, 0):
            self.successResultOf(self.daemon.close())
            self.assertEqual((self.daemon.peers, client.fail("info")[0]), ([], -32603))
            if not count:
                self.bus.close()
            self.place = self.makePlace()
            told = client.take()
            self.assertEqual(told, [("restarted", "f"), ("notification", "f", added("a", 1))] * count)
            self.assertEqual(len(self.daemon.peers), count)

    def test_closedDaemon(self) -> None:
        """A daemon that is closed lets go of sessions, which do not come back by themselves."""
        client = self.client()
        self.successResultOf(self.daemon.close())
        self.advance(10)
        self.assertEqual(self.daemon.peers, [])
        self.assertEqual(client.fail("info"), [-32603, "Internal error", {"message": "the daemon is closed"}])

    def test_arguments(self) -> None:
        """What cannot be meant is refused: milliseconds, no numbers, a policy that knows nobody."""
        self.assertRaises(ValueError, BusApplication, self.daemon, grace=15 * 86400.0)
        self.assertRaises(ValueError, BusApplication, self.daemon, awayBytes=0)
        self.assertRaises(TypeError, BusApplication, self.daemon, expressionBytes="1")
        self.assertRaises(TypeError, BusApplication, self.daemon, object())


class UserTests(PolicyTestCase):
    """Who may do what."""

    def setUp(self) -> None:
        super().setUp()
        owner = self.peer()
        access = {"fetchGroups": ["staff"], "setGroups": ["staff"]}
        owner.send({"method": "add", "params": {"path": "a", "value": 1, "access": access}})

    def logIn(self, user: str) -> BusClient:
        """The client of a user."""
        return self.client(connectPolicy=jstp.SimpleConnectPolicy(user, "secret"))

    def test_groups(self) -> None:
        """Groups of elements hold for users who have logged in at the server."""
        self.assertEqual([each["path"] for each in self.logIn("ada").call("get")], ["a"])
        for client in (self.logIn("bob"), self.client()):
            self.assertEqual(client.call("get"), [])
            self.assertEqual(client.fail("set", "a", 2), [-32602, "Invalid params", {"noAccess": "a"}])
        self.assertEqual([peer.user for peer in self.daemon.peers], [None, "ada", None, None])

    def test_wait(self) -> None:
        """What is asked before it is known who it is waits for that."""
        self.policy.waiting = []
        client = self.logIn("ada")
        asking = client.begin("get")
        self.memory.flush()
        self.assertNoResult(asking)
        self.policy.waiting[0].callback(ADA)
        self.memory.flush()
        self.assertEqual(len(self.successResultOf(asking)), 1)

    def test_lostMeanwhile(self) -> None:
        """Who is lost before it is known who it is is asked for again when it is back."""
        waiting: list[Deferred[Any]] = []
        self.policy.waiting = waiting
        client = self.logIn("ada")
        client.lose()
        waiting[0].callback(None)
        self.policy.waiting = None
        client.comeBack()
        self.assertEqual(len(client.call("get")), 1)

    def test_comesAndGoes(self) -> None:
        """What was asked before it is known who it is is lost with the connection, and does not pile up."""
        waiting: list[Deferred[Any]] = []
        self.policy.waiting = waiting
        client = self.logIn("ada")
        for _ in range(5):
            asking = [client.begin("change", "a", "x" * 1000) for _ in range(100)]
            self.memory.flush()
            client.lose()
            client.comeBack()
            self.memory.flush()
            for each in asking:
                self.failureResultOf(each, jstp.CallbackLost)
        [guest] = self.bus._guests.values()
        self.assertEqual((guest._outgoing, guest._pending), ([], {}))
        waiting[0].callback(ADA)
        self.assertEqual(len(client.call("get")), 1)

    def test_unknown(self) -> None:
        """The session of a user who does not exist is ended."""
        client = BusClient(self, connectPolicy=jstp.SimpleConnectPolicy("eve", "secret"))
        self.failureResultOf(self.memory.connect("jet", client.client), jstp.NoHandshakeResponse)
        self.assertEqual(list(self.memory.server.getClients()), [])

    def test_broken(self) -> None:
        """If the policy fails, what was asked fails, and it is tried again."""
        self.policy.isBroken = True
        client = self.logIn("ada")
        asking = client.begin("get")
        self.memory.flush()
        self.advance(1)
        self.assertEqual(self.failureResultOf(asking, jstp.RemoteError).value.code, -32603)
        self.policy.isBroken = False
        self.advance(1)
        self.assertEqual(len(client.call("get")), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_recheck(self) -> None:
        """Sessions of users whose rights have changed, or who are gone, are ended; all others stay."""
        ada, bob, eve, nobody = self.logIn("ada"), self.logIn("bob"), self.logIn("ada"), self.client()
        self.assertEqual(self.bus.recheck(), 0)
        eve.lose()
        self.policy.users["ada"] = Identity("ada", frozenset(["guests"]))
        self.assertEqual(self.bus.recheck(), 2)
        self.memory.flush()
        self.assertEqual([each.connection.isConnected for each in (ada, bob, nobody)], [False, True, True])
        returning = jstp.net.reconnect(eve.connection, self.memory.endpoint(), reactor=self.memory.clock)
        self.memory.flush()
        self.successResultOf(returning)  # with a new session
        self.assertEqual(eve.call("get"), [])
        del self.policy.users["bob"]
        self.assertEqual(self.bus.recheck(), 1)
        self.memory.flush()
        self.assertFalse(bob.connection.isConnected)

    def test_recheckFails(self) -> None:
        """A policy that fails ends nobody's session."""
        ada = self.logIn("ada")
        self.policy.isBroken = True
        self.assertEqual(self.bus.recheck(), 0)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(ada.call("get")), 1)

    def test_recheckWhileAsked(self) -> None:
        """What the policy was asked before its users changed is asked again."""
        waiting: list[Deferred[Any]] = []
        self.policy.waiting = waiting
        ada = self.logIn("ada")
        self.policy.users["ada"] = Identity("ada", frozenset(["guests"]))
        self.bus.recheck()
        asked, again = waiting
        self.policy.waiting = None
        asked.callback(ADA)
        again.callback(self.policy.users["ada"])
        self.assertEqual(ada.call("get"), [])
        self.assertEqual([peer.user for peer in self.daemon.peers], [None, "ada"])

    def test_recheckTwice(self) -> None:
        """Of two questions for the same user only the answer to the later one counts."""
        ada = self.logIn("ada")
        waiting: list[Deferred[Any]] = []
        self.policy.waiting = waiting
        self.bus.recheck()
        self.bus.recheck()
        waiting[0].callback(None)
        waiting[1].callback(ADA)
        self.memory.flush()
        self.policy.waiting = None
        self.assertEqual(len(ada.call("get")), 1)


class PathRuleTests(PolicyTestCase):
    """Where users may do something, and what becomes of sessions when that changes."""

    def makePolicy(self) -> Policy:
        policy = Policy()
        policy.pathRules = PathRules({"staff": {"fetch": ["a*"], "add": ["a*"]}})
        return policy

    def logIn(self) -> BusClient:
        """A client that follows everything, and owns something."""
        client = self.client(connectPolicy=jstp.SimpleConnectPolicy("ada", "secret"))
        client.call("add", {"path": "a", "value": 1})
        client.call("fetch", "f", {})
        self.assertEqual(client.take(), [("notification", "f", added("a", 1))])
        self.assertEqual(client.fail("add", {"path": "b", "value": 1})[2], {"noAccess": "b"})
        return client

    def change(self) -> None:  # type: ignore[override]
        """Other rules hold from now on."""
        self.policy.pathRules = PathRules({"staff": {"fetch": ["*"], "add": ["b*"]}})
        self.assertEqual(self.bus.recheck(), 0)
        self.assertEqual(self.successResultOf(self.daemon.recheck()), 1)

    def test_others(self) -> None:
        """A session whose path rules are others begins anew under the new ones, and is told so."""
        client = self.logIn()
        self.change()
        asking = client.begin("add", {"path": "b", "value": 2})
        self.advance(1)
        self.memory.flush()
        self.assertIs(self.successResultOf(asking), True)
        self.assertEqual(
            client.take(),
            [
                ("restarted", "f"),
                ("notification", "f", added("b", 2)),
                ("notAdded", "a", [-32602, "Invalid params", {"noAccess": "a"}]),
            ],
        )

    def test_away(self) -> None:
        """So does one that is away, when it is back."""
        client = self.logIn()
        client.lose()
        self.change()
        client.comeBack()
        self.assertEqual(client.take(), [("elementsLost",), ("restarted", "f")])
        self.assertIs(client.call("add", {"path": "b", "value": 2}), True)
