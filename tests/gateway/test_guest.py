"""Tests for sessions that lose their connection, or their server, or the patience of the daemon."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.task import Clock

from jetjstp import jet, jstp
from jetjstp.causes import Cause
from jetjstp.gateway import jsontomdsf
from jetjstp.gateway.application import BusApplication
from jetjstp.gateway.guest import contentOf
from jetjstp.interfaces import Identity
from jetjstp.jet.elements import Element
from jetjstp.jet.requests import Access
from jetjstp.jstp.server import Server
from jetjstp.storage.memory import SimpleSessionStorageProvider
from tests.gateway.setting import BusClient, BusTestCase
from tests.jstp.clientends import StreamClient


def changed(id: str, path: str, value: Any) -> tuple[Any, ...]:
    """How a change is told."""
    return ("notification", id, {"path": path, "event": "change", "value": value})


def added(id: str, path: str, value: Any) -> tuple[Any, ...]:
    """How an element is told of first."""
    return ("notification", id, {"path": path, "event": "add", "value": value})


class AwayTests(BusTestCase):
    """What a client that was away is told."""

    def setUp(self) -> None:
        super().setUp()
        self.states = self.owner(a=1, b=1)
        self.reader = self.client()

    def fetch(self, **expression: Any) -> None:
        """Begin the one fetch."""
        self.reader.call("fetch", "f", expression)
        self.reader.take()

    def test_everything(self) -> None:
        """Everything that it has missed, once and in order, and then what comes next."""
        self.fetch()
        self.reader.lose()
        self.change(self.states, "a", 2)
        self.states.send({"method": "remove", "params": {"path": "b"}})
        self.change(self.states, "a", 3)
        self.reader.comeBack()
        self.change(self.states, "a", 4)
        self.assertEqual(
            self.reader.take(),
            [
                changed("f", "a", 2),
                ("notification", "f", {"path": "b", "event": "remove", "value": 1}),
                changed("f", "a", 3),
                changed("f", "a", 4),
            ],
        )

    def test_coalesced(self) -> None:
        """With C{coalesce} only the newest of each state, in the order of last changes."""
        self.fetch(coalesce=True)
        self.reader.lose()
        for value in range(2, 100):
            self.change(self.states, "a", value)
            self.change(self.states, "b", -value)
        self.change(self.states, "a", 100)
        self.reader.comeBack()
        self.assertEqual(self.reader.take(), [changed("f", "b", -99), changed("f", "a", 100)])

    def test_highWater(self) -> None:
        """Without C{coalesce}, changes are merged above the high-water mark, and never if it is false."""
        for coalesce, expected in [({}, 4), ({"coalesce": False}, 20)]:
            self.daemonOptions = {"limits": jet.Limits(highWater=3 * 10_000)}
            self.setUp()
            self.fetch(**coalesce)
            self.reader.lose()
            for value in range(20):
                self.change(self.states, "a", f"{value:>10000}")
            self.reader.comeBack()
            told = self.reader.take()
            self.assertEqual(told[-1], changed("f", "a", f"{19:>10000}"))
            self.assertEqual(len(told), expected)

    def test_sorted(self) -> None:
        """A sorted fetch that merges tells one difference."""
        self.fetch(sort={"byValue": "number"}, coalesce=True)
        self.reader.lose()
        for value in range(2, 100):
            self.change(self.states, "a", value)
        self.reader.comeBack()
        [(_, _, window)] = self.reader.take()
        self.assertEqual(
            window,
            {"n": 2, "changes": [{"path": "b", "index": 1, "value": 1}, {"path": "a", "index": 2, "value": 99}]},
        )

    def test_snapshotInterrupted(self) -> None:
        """An initial state that was not sent to its end goes on when the client is back."""
        many = self.owner(**{f"x{number}": "y" * 1000 for number in range(3000)})
        fetching = self.reader.begin("fetch", "f", {"path": {"startsWith": "x"}})
        self.memory.clock.advance(0)
        self.reader.lose()
        self.change(many, "x2999", "new")
        self.reader.comeBack()
        for _ in range(100):
            self.memory.flush()
        self.assertEqual(self.successResultOf(fetching), "f")
        told = self.reader.take()
        values = {notification["path"]: notification["value"] for _, _, notification in told}
        self.assertEqual(len(values), 3000)
        self.assertEqual(values["x2999"], "new")
        self.assertEqual(sum(notification["event"] == "add" for _, _, notification in told), 3000)

    def test_unacknowledged(self) -> None:
        """A client that does not acknowledge is sent no more than a session can keep; the rest is merged."""
        self.serverOptions = {"limits": jstp.Limits(bufferMessages=80)}
        self.setUp()
        self.fetch(coalesce=True)
        self.reader.link.pauseReading()
        for value in range(1000):
            self.change(self.states, "a", value)
            self.memory.clock.advance(0)
        [served] = self.memory.server.getClientsArray()
        assert served.session is not None
        self.assertLess(served.session.buffered, 12)
        self.reader.link.resumeReading()
        told = self.reader.take()
        self.assertLess(len(told), 20)
        self.assertEqual(told[-1], changed("f", "a", 999))

    def test_comesAndGoes(self) -> None:
        """What a client asks that acknowledges nothing of what it is sent does not pile up while it comes and goes."""
        self.owner(**{f"x{number}": "y" * 1000 for number in range(3000)})
        [known] = self.bus._guests
        client = StreamClient(self.memory.server.factory)
        session = client.open("jet")
        client.say("{call:[1,'jet'],fetch:['f',{}]}")
        self.memory.flush()
        guest = next(guest for connection, guest in self.bus._guests.items() if connection is not known)
        for number in range(2, 1002, 200):
            client.say(*(f"{{call:[{each},'jet'],change:['x0',0]}}" for each in range(number, number + 200)))
            self.memory.clock.advance(0)
            client.transport.abortConnection()
            client = StreamClient(self.memory.server.factory)
            self.assertEqual(client.restore(session, 0, "jet")["ok"], number + 199)
            self.memory.clock.advance(0)
        self.assertLess(len(guest._outgoing), 10)
        self.assertLess(len(guest._pending), 250)

    def test_hardLimit(self) -> None:
        """If too much waits, nothing more is held: on its return the fetch begins anew, and that is told."""
        self.daemonOptions = {"limits": jet.Limits(highWater=10_000, hardLimit=100_000)}
        self.setUp()
        self.fetch(coalesce=False)
        self.reader.lose()
        for value in range(20):
            self.change(self.states, "a", f"{value:>10000}")
        self.assertEqual(len(self.daemon.peers), 1)
        self.reader.comeBack()
        self.assertEqual(self.reader.take(), [("restarted", "f"), added("f", "a", f"{19:>10000}"), added("f", "b", 1)])
        self.change(self.states, "b", 2)
        self.assertEqual(self.reader.take(), [changed("f", "b", 2)])

    def test_pool(self) -> None:
        """What waits for all who are away is bounded; who has most waiting has to begin anew."""
        self.busOptions = {"awayBytes": 100_000}
        self.setUp()
        small, large, there = self.reader, self.client(), self.client()
        for client, path in [(small, "a"), (large, "b"), (there, "b")]:
            client.call("fetch", "f", {"path": {"equals": path}})
            client.take()
        small.lose()
        large.lose()
        self.change(self.states, "a", "x")
        for value in range(11):
            self.change(self.states, "b", f"{value:>10000}")
        self.assertEqual(len(self.daemon.peers), 3)
        self.assertLess(self.bus.pool.size, 2000)
        small.comeBack()
        self.assertEqual(self.bus.pool.size, 0)
        large.comeBack()
        self.assertEqual(small.take(), [changed("f", "a", "x")])
        self.assertEqual(large.take(), [("restarted", "f"), added("f", "b", f"{10:>10000}")])
        self.assertEqual(len(there.take()), 11)

    def test_tooMuchAtOnce(self) -> None:
        """What was sent and not acknowledged counts, too."""
        self.busOptions = {"awayBytes": 10_000}
        self.setUp()
        self.fetch()
        self.change(self.states, "a", "x" * 20_000)
        self.reader.lose()
        self.assertEqual(len(self.daemon.peers), 1)
        self.reader.comeBack()
        self.assertEqual(
            self.reader.take()[-3:], [("restarted", "f"), added("f", "a", "x" * 20_000), added("f", "b", 1)]
        )

    def test_slow(self) -> None:
        """A client that is connected and far too slow is told that its fetches begin anew, too."""
        self.daemonOptions = {"limits": jet.Limits(highWater=10_000, hardLimit=100_000)}
        self.setUp()
        self.fetch(coalesce=False)
        self.reader.link.pauseReading()
        for value in range(80):
            self.change(self.states, "a", f"{value:>10000}")
            self.memory.clock.advance(0)
        self.advance(1)
        self.reader.link.resumeReading()
        told = self.reader.take()
        restarted = told.index(("restarted", "f"))
        self.assertEqual(told[restarted + 1 :], [added("f", "a", f"{79:>10000}"), added("f", "b", 1)])
        values = [notification["value"] for _, _, notification in told[:restarted]]
        self.assertEqual(values, [f"{value:>10000}" for value in range(len(values))])

    def test_tooLong(self) -> None:
        """A value that is too long is left out; a window that is too long even so ends its fetch."""
        self.patch(jsontomdsf, "LONGEST", 300)
        self.fetch()
        self.change(self.states, "a", "x" * 300)
        omitted = {"path": "a", "event": "change", "omitted": "too long for JSTP"}
        self.assertEqual(self.reader.take(), [("notification", "f", omitted)])
        self.reader.call("fetch", "s", {"sort": {"byPath": True}})
        self.reader.take()
        many = self.owner(**{f"path{number}": "" for number in range(10)})
        self.reader.lose()
        self.reader.comeBack()
        self.reader.call("unfetch", "f")
        self.reader.call("fetch", "s", {"sort": {"byPath": True}})
        error = [-32603, "Internal error", {"message": "too long for JSTP"}]
        self.assertEqual(self.reader.take()[-1], ("fetchEnded", "s", error))
        self.change(many, "path1", 2)
        self.assertEqual(self.reader.take(), [])
        [served] = self.memory.server.getClientsArray()
        self.assertEqual(dict(served.session or {}), {})

    def test_transportReplaced(self) -> None:
        """A client that comes back before its loss was noticed misses nothing, either."""
        self.fetch()
        self.reader.comeBack()
        self.change(self.states, "a", 2)
        self.assertEqual(self.reader.take(), [changed("f", "a", 2)])
        self.assertEqual(len(self.daemon.peers), 2)

    def test_olderCopy(self) -> None:
        """A client that comes with an older copy of its session lacks what it had acknowledged: fetches begin anew."""
        self.fetch()
        assert self.reader.connection.session is not None
        copy = self.reader.connection.session.toString()
        self.change(self.states, "a", 2)
        self.reader.take()
        pinging = self.reader.connection.ping()
        [served] = self.memory.server.getClientsArray()
        asking = served.ping()
        self.memory.flush()
        self.successResultOf(pinging)
        self.successResultOf(asking)
        self.reader.lose()
        again = BusClient(self, session=jstp.Session.fromString(copy)).connect()
        self.assertEqual(again.take(), [("restarted", "f"), added("f", "a", 2), added("f", "b", 1)])

    def test_answers(self) -> None:
        """Requests whose connection is lost are lost to the client, and leave nothing behind."""
        asking = self.reader.begin("set", "a", 2)
        self.memory.flush()
        self.reader.lose()
        self.reader.comeBack()
        self.memory.flush()
        self.failureResultOf(asking, jstp.CallbackLost)
        self.advance(10)
        self.assertEqual(self.reader.call("info")["name"], "jetjstp")

    def test_oneEncoding(self) -> None:
        """What several are sent as one notification is made once, be they connected or away."""
        readers = [self.client() for _ in range(3)]
        for reader in readers:
            reader.call("fetch", "f", {})
        made: list[bytes] = []
        guests = list(self.bus._guests.values())
        [channel] = {
            fetch.channel for guest in guests if guest._receiver for fetch in guest._receiver.client.fetches.values()
        }
        pack = channel.pack

        def counted(message: bytes) -> bytes:
            made.append(message)
            return pack(message)

        channel.pack = counted
        self.change(self.states, "a", 2)
        readers[0].lose()
        readers[1].lose()
        self.change(self.states, "a", 3)
        self.assertLessEqual(len(made), 3)
        self.memory.flush()
        for reader in readers[:2]:
            reader.comeBack()
        for reader in readers:
            self.assertEqual(reader.take()[-2:], [changed("f", "a", 2), changed("f", "a", 3)])


class OwnerTests(BusTestCase):
    """What becomes of the elements of a client that is away."""

    def setUp(self) -> None:
        super().setUp()
        self.watcher = self.peer()
        self.watcher.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
        self.owning = self.client()
        self.owning.call("add", {"path": "s", "value": 1, "timeout": 2.5})
        self.owning.call("add", {"path": "m"})
        self.owning.call("add", {"path": "r", "value": 1, "fetchOnly": True})
        self.owning.call("change", "s", 2)
        self.watcher.take()

    def told(self) -> list[tuple[str, str]]:
        """What the watcher was told: events and paths."""
        return [(message["params"]["event"], message["params"]["path"]) for message in self.watcher.take()]

    def test_short(self) -> None:
        """For 15 seconds nobody notices anything."""
        self.owning.lose()
        self.advance(14.9)
        self.owning.comeBack()
        self.advance(100)
        self.assertEqual(self.told(), [])

    def test_long(self) -> None:
        """Then they go, and come back as they were when their owner is back."""
        self.owning.lose()
        self.advance(15)
        self.assertEqual(self.told(), [("remove", "s"), ("remove", "m"), ("remove", "r")])
        self.owning.comeBack()
        self.memory.flush()
        told = [message["params"] for message in self.watcher.take()]
        self.assertEqual(
            told,
            [
                {"path": "s", "event": "add", "value": 2},
                {"path": "m", "event": "add"},
                {"path": "r", "event": "add", "value": 1, "fetchOnly": True},
            ],
        )
        self.assertEqual(self.owning.take(), [])
        self.assertIs(self.owning.call("change", "s", 3), True)
        [state] = [element for element in self.bus._daemon._server.bus.elements.snapshot() if element.path == "s"]
        self.assertEqual(state.timeout, 2.5)

    def test_content(self) -> None:
        """What is added again is just as it was."""
        access = Access(fetchGroups=["a", "b"], callGroups=[])
        for element, content in [
            (Element("s", b"[1e999]", None), {"path": "s", "value": [float("inf")]}),  # type: ignore[arg-type]
            (
                Element("m\u2028", None, None, True, access, 0.5),  # type: ignore[arg-type]
                {
                    "path": "m\u2028",
                    "fetchOnly": True,
                    "access": {"fetchGroups": ["a", "b"], "callGroups": []},
                    "timeout": 0.5,
                },
            ),
        ]:
            self.assertEqual(json.loads(contentOf(element)), content)

    def test_taken(self) -> None:
        """Whose path is taken by then is told so, for each of them."""
        self.owning.lose()
        self.advance(15)
        self.owner(s="mine")
        self.owning.comeBack()
        self.assertEqual(
            self.owning.take(), [("notAdded", "s", [-32602, "Invalid params", {"pathAlreadyExists": "s"}])]
        )

    def test_tooMuch(self) -> None:
        """What is kept for owners that are away counts, too; if it is too much, they are told that it is lost."""
        self.busOptions = {"awayBytes": 1000}
        self.setUp()
        self.owning.call("add", {"path": "t", "value": "x" * 1000})
        self.owning.lose()
        self.advance(14)
        self.assertEqual(self.told(), [("add", "t")])
        self.advance(1)
        self.memory.flush()
        self.assertEqual(len(self.told()), 4)
        self.assertEqual((len(self.daemon.peers), self.bus.pool.size), (1, 0))
        self.owning.comeBack()
        self.assertEqual(self.owning.take(), [("elementsLost",)])

    def test_letGoTwice(self) -> None:
        """What was not added again yet when the daemon lets go once more is added later."""
        self.owning.lose()
        self.advance(15)
        [guest] = self.bus._guests.values()
        guest.returned()
        assert guest._receiver is not None
        server = self.daemon._server
        server.bus.drop(guest._receiver.client, Cause.FAULT, "a test")
        server.driver.settle()
        self.advance(2)
        self.assertEqual(self.told()[3:], [("add", "s"), ("add", "m"), ("add", "r")])

    def test_many(self) -> None:
        """Elements that were not removed yet when their owner is back stay."""
        for number in range(1000):
            self.owning.begin("add", {"path": f"x{number}", "value": number})
        self.memory.flush()
        self.watcher.take()
        self.owning.lose()
        guest = next(iter(self.bus._guests.values()))
        guest._withdraw()
        guest._isWithdrawn = False
        self.owning.comeBack()
        self.memory.flush()
        there = {element["path"] for element in self.owning.call("get")}
        self.assertEqual(len(there), 1003)
        self.assertEqual(self.owning.take(), [])

    def test_requestsWhileAway(self) -> None:
        """A request for an owner that is away waits for it; one that has timed out does not reach it."""
        asked: list[Any] = []
        owning = self.client({"set": lambda connection, path, value: asked.append(value)})
        owning.call("add", {"path": "t", "value": 1})
        owning.lose()
        self.watcher.send({"id": 2, "method": "set", "params": {"path": "t", "value": 2, "timeout": 1}})
        self.watcher.send({"id": 3, "method": "set", "params": {"path": "t", "value": 3}})
        self.advance(1.5)
        owning.comeBack()
        self.memory.flush()
        answers = {message["id"]: message for message in self.watcher.take() if "id" in message}
        self.assertEqual(answers[2]["error"]["code"], -32001)
        self.assertEqual(answers[3]["result"], True)
        self.assertEqual(asked, [3])


class ServersTests(BusTestCase):
    """One bus at two servers, with one storage."""

    def makeServer(self, clock: Clock) -> Server:
        self.serverOptions = {"sessionStorageProvider": SimpleSessionStorageProvider(reactor=clock)}
        return super().makeServer(clock)

    def test_moved(self) -> None:
        """A session that comes to the other server takes along what it owns, and begins anew."""
        client = self.client()
        client.call("add", {"path": "a", "value": 1})
        client.call("fetch", "f", {})
        client.take()
        session = client.connection.session
        assert session is not None
        client.lose()
        other = jstp.net.createServer([self.bus.application], reactor=self.memory.clock, **self.serverOptions)
        self.bus.serve(other)
        moved = StreamClient(other.factory)
        self.assertIn("ok", moved.restore(session.id, session.receivedCount, "jet"))
        self.memory.flush()
        restarted, told = moved.rest()
        self.assertTrue(restarted.endswith('restarted:["f"]}'), restarted)
        self.assertIn('notification:["f",{"path":"a","event":"add","value":1}]', told)
        self.assertEqual(len(self.daemon.peers), 1)


class StorageTests(BusTestCase):
    """Sessions that come from a storage."""

    def makeServer(self, clock: Clock) -> Server:
        if not hasattr(self, "storage"):
            self.storage = SimpleSessionStorageProvider(reactor=clock)
            self.users: dict[str, Identity] = {"ada": Identity("ada")}
        self.daemon = jet.Daemon(reactor=clock)
        self.place = self.makePlace()
        self.bus = BusApplication(self.daemon, self, reactor=clock)  # type: ignore[arg-type]
        server = jstp.net.createServer(
            [self.bus.application],
            authPolicy=lambda connection, application, strategy, given: given[0],
            sessionStorageProvider=self.storage,
            reactor=clock,
        )
        self.bus.serve(server)
        return server

    def identify(self, user: str) -> Any:
        """As a policy."""
        from jetjstp.interfaces import UnknownUser

        if user not in self.users:
            raise UnknownUser(user)
        return succeed(self.users[user])

    def restart(self) -> None:
        """Another server, and another daemon, with the same storage."""
        self.bus.close()
        self.memory.stop()
        self.memory.start()

    def test_restarted(self) -> None:
        """Fetches are set up again, and their client is told, since what happened meanwhile is not known."""
        self.owner(a=1)
        reader = self.client()
        reader.call("fetch", "f", {"path": {"equals": "a"}})
        reader.call("fetch", 2, {"path": {"startsWith": "a"}, "coalesce": True})
        reader.call("fetch", "gone", {})
        reader.call("unfetch", "gone")
        reader.take()
        self.restart()
        owner = self.owner(a=5)
        reader.comeBack()
        self.assertEqual(
            reader.take(),
            [("restarted", "f"), ("restarted", 2), added("f", "a", 5), added(2, "a", 5)],  # type: ignore[arg-type]
        )
        self.change(owner, "a", 6)
        self.assertEqual(len(reader.take()), 2)

    def test_elementsLost(self) -> None:
        """An owner is told once that its elements are lost; who owned nothing any more is told nothing."""
        owner, other = self.client(), self.client()
        owner.call("add", {"path": "a", "value": 1})
        other.call("add", {"path": "b", "value": 1})
        other.call("remove", "b")
        self.restart()
        owner.comeBack()
        other.comeBack()
        self.assertEqual(owner.take(), [("elementsLost",)])
        self.assertEqual(other.take(), [])
        self.restart()
        owner.comeBack()
        self.assertEqual(owner.take(), [])

    def test_sessionData(self) -> None:
        """What is stored is small and plain: an expression for each fetch."""
        reader = self.client()
        reader.call("fetch", "f", {"path": {"equals": "a"}})
        [served] = self.memory.server.getClientsArray()
        assert served.session is not None
        stored = dict(json.loads(served.session.toString())["storage"])
        self.assertEqual(stored, {'jet.fetch:"f"': {"path": {"equals": "a"}}})

    def test_userGone(self) -> None:
        """The session of a user who does not exist any more is ended."""
        reader = self.client(connectPolicy=jstp.SimpleConnectPolicy("ada", "x"))
        reader.call("fetch", "f", {})
        self.restart()
        del self.users["ada"]
        returning = jstp.net.reconnect(reader.connection, self.memory.endpoint(), reactor=self.memory.clock)
        self.memory.flush()
        returning.addErrback(lambda failure: None)
        self.assertFalse(reader.connection.isConnected)
        self.assertEqual(reader.take(), [])

    def test_notAgain(self) -> None:
        """A fetch that cannot be set up again is told to have ended, and forgotten."""
        reader = self.client()
        reader.call("fetch", "f", {"path": {"equals": "a"}})
        [served] = self.memory.server.getClientsArray()
        assert served.session is not None
        served.session['jet.fetch:"f"'] = {"path": {"equals": 5}}
        self.restart()
        reader.comeBack()
        self.memory.flush()
        told = reader.take()
        self.assertEqual(told[0], ("restarted", "f"))
        self.assertEqual((told[1][:2], told[1][2][0]), (("fetchEnded", "f"), -32602))
        self.restart()
        reader.comeBack()
        self.assertEqual(reader.take(), [])
