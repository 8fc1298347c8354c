"""
Tests for L{jetjstp.jet.bus}, the core by itself: no reactor, no links, the time
is what the test says.
"""

from __future__ import annotations

import json
from typing import Any, cast

from msgspec import Raw
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import Identity
from jetjstp.jet import bus as busModule
from jetjstp.jet.access import Groups, Protected, Right, mayAccess
from jetjstp.jet.bus import Bus
from jetjstp.jet.clients import Client
from jetjstp.jet.effects import Authenticate, Drop, Effect, PauseReading, ResumeReading
from jetjstp.jet.errors import InvalidParams
from jetjstp.jet.fetching import ValueFetch
from jetjstp.jet.limits import Limits
from jetjstp.jet.requests import Add
from jetjstp.jet.services import OTHERS, SERVICES
from jetjstp.jet.slices import STRIDE
from jetjstp.testing import MemoryDaemon
from tests.jet.asking import ask, events


class Outlet:
    """A link of some kind, whose frames show the kind."""

    def __init__(self, kind: str = "test", address: str = "192.0.2.9") -> None:
        self.kind = kind
        self.address = address

    def pack(self, message: bytes) -> bytes:
        """See L{jetjstp.jet.clients.Outlet}."""
        return self.kind.encode("ascii") + b" " + message


class BusTestCase(SynchronousTestCase):
    """A bus, and clients of it."""

    def setUp(self) -> None:
        self.bus = Bus("test", "1.2.3")
        self.now = 100.0

    def connect(self, kind: str = "test") -> Client:
        """A new client."""
        return self.bus.connected(Outlet(kind))

    def send(self, client: Client, *messages: Any) -> None:
        """Let the bus receive messages, and do all work that there is then."""
        self.bus.receive(client, [json.dumps(message).encode("ascii") for message in messages], self.now)
        self.work()

    def work(self) -> None:
        """Do all work that there is."""
        while self.bus.working:
            self.bus.work()

    def request(self, client: Client, method: str, number: int | None = None, /, **params: Any) -> None:
        """Let the bus receive one request; one without a number is a notification."""
        self.send(client, {"id": number, "method": method, "params": params})

    def written(self, client: Client) -> list[Any]:
        """What is in the outbox, which is empty afterwards; the client is dirty, once, if there is something."""
        self.assertEqual(self.bus.dirty.count(client), int(bool(client.frames)))
        messages = [json.loads(frame.partition(b" ")[2]) for frame in client.frames]
        client.frames.clear()
        if messages:
            self.bus.dirty.remove(client)
        return messages

    def effects(self) -> list[Effect]:
        """What is to be done outside."""
        effects = list(self.bus.effects)
        self.bus.effects.clear()
        return effects


class OutboxTests(BusTestCase):
    """Answers and notifications."""

    def test_answers(self) -> None:
        """Answers are in the outbox in order; the client is dirty once."""
        client = self.connect()
        self.send(client, {"id": 1, "method": "echo"}, {"id": 2, "method": "echo", "params": []})
        self.assertEqual(self.bus.dirty, [client])
        self.assertEqual(client.frames[0], b'test {"id":1,"result":true}')
        self.assertEqual(self.written(client), [{"id": 1, "result": True}, {"id": 2, "result": []}])
        self.assertEqual(self.effects(), [])

    def test_info(self) -> None:
        """The info object is made once, from what the bus was given."""
        client = self.connect()
        self.request(client, "info", 1)
        features = b'{"batches":true,"authentication":true,"fetch":"full"}'
        info = b'{"name":"test","version":"1.2.3","protocolVersion":"1.1.0","features":%b}' % features
        self.assertEqual(client.frames, [b'test {"id":1,"result":%b}' % info])

    def test_sharedFrames(self) -> None:
        """A change is one frame for all fetches with the same id over the same kind of link: the very same bytes."""
        owner = self.connect()
        same, other, elsewhere = [self.connect() for _ in range(3)], self.connect(), self.connect("else")
        self.request(owner, "add", path="a", value=1)
        for client in [*same, elsewhere]:
            self.request(client, "fetch", id="f")
        self.request(other, "fetch", id="g")
        for client in [*same, other, elsewhere]:
            self.written(client)
        for method in ("change", "remove"):
            self.request(owner, method, path="a", value=2)
            (frame,) = same[0].frames
            for client in same[1:]:
                self.assertIs(client.frames[0], frame)
            self.assertEqual(elsewhere.frames[0], frame.replace(b"test", b"else"))
            self.assertEqual(other.frames[0], frame.replace(b'"f"', b'"g"'))
            for client in [*same, other, elsewhere]:
                self.written(client)

    def test_valuesAsTheyCame(self) -> None:
        """Values go through as text, unread."""
        owner, reader = self.connect(), self.connect()
        self.request(reader, "fetch", id="f")
        self.written(reader)
        value = b'{ "b" : 1.0e+2, "a":[\\u00e4 ] }'.replace(b"\\u00e4", b'"\\u00e4"')
        self.bus.receive(owner, [b'{"method":"add","params":{"path":"a","value":' + value + b"}}"], self.now)
        self.assertIn(value, reader.frames[0])

    def test_several(self) -> None:
        """Fetches of one peer are told in the order in which they were set up."""
        owner, reader = self.connect(), self.connect()
        ids = ["c", "a", 2, "b", 1]
        for id in ids:
            self.request(reader, "fetch", id=id)
        self.written(reader)
        self.request(owner, "add", path="x", value=1)
        self.assertEqual([message["method"] for message in self.written(reader)], ids)
        self.request(owner, "change", path="x", value=2)
        self.assertEqual([message["method"] for message in self.written(reader)], ids)

    def test_beforeTheAnswer(self) -> None:
        """Who fetches what it adds, changes and removes itself is told before it is answered."""
        client = self.connect()
        self.request(client, "fetch", id="f")
        for method in ("add", "change", "remove"):
            self.send(client, {"id": 1, "method": method, "params": {"path": "a", "value": 1}})
            notification, answer = self.written(client)
            self.assertEqual(notification["params"]["event"], method)
            self.assertEqual(answer, {"id": 1, "result": True})


class EffectTests(BusTestCase):
    """What is to be done outside."""

    def login(self, client: Client, id: int = 1) -> Authenticate:
        """Ask for a login; the effect."""
        self.send(client, {"id": id, "method": "authenticate", "params": {"user": "joe", "password": "x"}})
        (effect, *rest) = self.effects()
        self.assertEqual(rest, [])
        assert isinstance(effect, Authenticate)
        return effect

    def test_passwordsAreNotShown(self) -> None:
        """What a login looks like in logs and tracebacks names the user, not the password."""
        effect = Authenticate(self.connect(), Raw(b"1"), "joe", "s3cret")
        for text in (repr(effect), str(effect), f"{[effect]}"):
            self.assertIn("user='joe'", text)
            self.assertNotIn("s3cret", text)

    def test_authenticate(self) -> None:
        """A login is asked for; with its success the client has an identity and is answered as was said."""
        client = self.connect()
        effect = self.login(client)
        self.assertEqual((effect.client, effect.user, effect.password), (client, "joe", "x"))
        self.assertEqual(self.written(client), [])
        joe = Identity("joe")
        self.bus.admission.authenticated(client, effect.id, joe, b'{"a":1}')
        self.assertIs(client.identity, joe)
        self.assertEqual(self.written(client), [{"id": 1, "result": {"a": 1}}])

    def test_refused(self) -> None:
        """A refusal is answered with the error that was given, and changes nothing."""
        client = self.connect()
        client.identity = Identity("ann")
        effect = self.login(client)
        self.bus.admission.refused(client, effect.id, InvalidParams("no"), self.now)
        self.assertEqual(self.written(client)[0]["error"]["data"], "no")
        self.assertEqual(client.identity.name, "ann")

    def test_reading(self) -> None:
        """Who has to wait is not read from until it is done, and told so once."""
        client = self.connect()
        effect = self.login(client)
        for _ in range(2):
            self.send(client, {"id": 2, "method": "echo"})
        self.assertEqual(self.effects(), [PauseReading(client)])
        self.bus.admission.authenticated(client, effect.id, None, b"true")
        self.work()
        self.assertEqual(self.effects(), [ResumeReading(client)])
        self.assertEqual([message["id"] for message in self.written(client)], [1, 2, 2])

    def test_severalLogins(self) -> None:
        """Logins that come together are asked for one after the other."""
        client = self.connect()
        request = {"method": "authenticate", "params": {"user": "joe", "password": "x"}}
        self.send(client, {"id": 1, **request}, {"id": 2, **request}, {"id": 3, "method": "echo"})
        first, pause = self.effects()
        assert isinstance(first, Authenticate)
        self.assertEqual(pause, PauseReading(client))
        self.bus.admission.refused(client, first.id, None, self.now)
        self.work()
        (second,) = self.effects()
        assert isinstance(second, Authenticate)
        self.bus.admission.authenticated(client, second.id, None, b"true")
        self.work()
        self.assertEqual(self.effects(), [ResumeReading(client)])
        self.assertEqual([message["id"] for message in self.written(client)], [1, 2, 3])

    def test_drop(self) -> None:
        """A client that has to go is named with the reason, and whether what it was sent may still arrive."""
        self.bus = Bus("test", "1", limits=Limits(failedLogins=1, highWater=1, hardLimit=100))
        client = self.connect()
        effect = self.login(client)
        self.bus.admission.refused(client, effect.id, InvalidParams("no"), self.now)
        self.assertEqual(self.effects(), [Drop(client, "too many failed logins", False)])
        other = self.connect()
        self.bus.blocked(other)
        self.request(other, "echo", 1, text="x" * 100)
        self.request(other, "echo", 1, text="x" * 100)
        self.assertEqual(self.effects(), [Drop(other, "it does not read what it asked for", True)])


class LossTests(BusTestCase):
    """Clients that are gone."""

    def test_nothingMore(self) -> None:
        """Whatever comes for a client that is gone, nothing happens."""
        client, other = self.connect(), self.connect()
        self.send(client, {"id": 1, "method": "authenticate", "params": {"user": "joe", "password": "x"}})
        (effect,) = self.effects()
        assert isinstance(effect, Authenticate)
        self.bus.lost(client, self.now)
        self.bus.lost(client, self.now)
        self.bus.admission.authenticated(client, effect.id, Identity("joe"), b"true")
        self.bus.admission.refused(client, effect.id, InvalidParams("no"), self.now)
        self.bus.admission.refused(client, effect.id, None, self.now)
        self.send(client, {"id": 1, "method": "add", "params": {"path": "a"}})
        self.bus.drained(client)
        self.bus.blocked(client)
        self.request(other, "add", 5, path="b", value=1)
        self.work()
        self.assertEqual((client.frames, self.effects(), len(self.bus.elements)), ([], [], 1))
        self.assertIsNone(client.identity)
        self.assertEqual(self.written(other), [{"id": 5, "result": True}])

    def test_whatItLeaves(self) -> None:
        """Its requests are forgotten, those to it are answered, its states go, its fetches end."""
        client, other = self.connect(), self.connect()
        self.request(client, "add", path="a", value=1)
        self.request(other, "add", path="b", value=1)
        self.request(other, "fetch", id="f")
        self.request(client, "fetch", id="f")
        self.written(other)
        self.send(client, {"id": 1, "method": "set", "params": {"path": "b", "value": 1}})
        (routed,) = self.written(other)
        self.send(other, {"id": 2, "method": "set", "params": {"path": "a", "value": 1}})
        self.bus.lost(client, self.now)
        self.work()
        failed, removed = self.written(other)
        self.assertEqual((failed["id"], failed["error"]["code"]), (2, -32603))
        self.assertEqual(removed["params"], {"path": "a", "event": "remove", "value": 1})
        self.send(other, {"id": routed["id"], "result": True})
        self.request(other, "change", path="b", value=2)
        self.assertEqual((len(self.written(other)), client.frames, self.bus.deadline()), (1, [], None))


class TimeTests(BusTestCase):
    """Deadlines."""

    def pending(self, **params: Any) -> float | None:
        """How long the bus waits for the answer to a call."""
        self.bus = Bus("test", "1")
        owner, client = self.connect(), self.connect()
        timeout = {"timeout": params.pop("element")} if "element" in params else {}
        self.request(owner, "add", path="m", **timeout)
        self.assertIsNone(self.bus.deadline())
        self.send(client, {"id": 1, "method": "call", "params": {"path": "m", **params}})
        deadline = self.bus.deadline()
        if deadline is None:
            return None
        self.bus.expire(deadline - 0.001)
        self.assertEqual(self.written(client), [])
        self.bus.expire(deadline)
        (answer,) = self.written(client)
        self.assertEqual((answer["error"]["code"], answer["error"]["data"]), (-32001, {"path": "m", **params}))
        self.assertIsNone(self.bus.deadline())
        return round(deadline - self.now, 6)

    def test_timeouts(self) -> None:
        """The request says how long, else the element, else it is five seconds; only positive numbers count."""
        self.assertEqual(self.pending(), 5)
        self.assertEqual(self.pending(timeout=0.25), 0.25)
        self.assertEqual(self.pending(element=7), 7)
        self.assertEqual(self.pending(element=7, timeout=2), 2)
        values: list[Any] = [0, -1, "2", None, True, [], {}]
        for odd in values:
            self.assertEqual(self.pending(timeout=odd), 5)
            self.assertEqual(self.pending(timeout=odd, element=7), 7)
            self.assertEqual(self.pending(element=odd), 5)

    def test_notification(self) -> None:
        """Nobody waits for the answer to a notification."""
        owner, client = self.connect(), self.connect()
        self.request(owner, "add", path="m")
        self.send(client, {"method": "call", "params": {"path": "m"}})
        self.assertIsNone(self.bus.deadline())
        self.assertEqual(self.written(owner), [{"method": "m", "params": []}])


class AccessTests(BusTestCase):
    """The one place where access is decided."""

    def test_reserved(self) -> None:
        """Paths of the daemon's own cannot be added."""
        client = self.connect()
        for path in ("$daemon/", "$daemon/peers"):
            self.request(client, "add", 1, path=path)
            self.assertEqual(self.written(client)[0]["error"]["data"], {"noAccess": path})
        for path in ("$daemon", "$daemonic/", "a/$daemon/"):
            self.request(client, "add", 1, path=path)
            self.assertEqual(self.written(client), [{"id": 1, "result": True}])

    def test_decidedOutside(self) -> None:
        """Whoever makes the bus may decide otherwise, about everything."""
        asked: list[tuple[Right, str]] = []

        def may(user: Groups | None, right: Right, path: str, element: Protected | None) -> bool:
            asked.append((right, path))
            return path != "no" and mayAccess(user, right, path, element)

        self.bus = Bus("test", "1", may=may)
        client = self.connect()
        self.request(client, "add", 1, path="no")
        self.assertEqual(self.written(client)[0]["error"]["data"], {"noAccess": "no"})
        self.request(client, "add", path="yes", value=1)
        self.request(client, "fetch", id="f")
        self.request(client, "set", path="yes", value=1)
        self.assertEqual({right for right, _ in asked}, {Right.ADD, Right.FETCH, Right.SET})


class LoadTests(BusTestCase):
    """What one turn may bring about."""

    def test_stride(self) -> None:
        """Of many messages a limited number is worked on before others get their turn."""
        client = self.connect()
        messages = [b'{"id":1,"method":"echo"}'] * (3 * STRIDE)
        self.bus.receive(client, messages, self.now)
        self.assertEqual(len(client.frames), STRIDE)
        self.assertTrue(self.bus.working)
        self.assertEqual(self.effects(), [PauseReading(client)])
        self.work()
        self.assertEqual(len(client.frames), 3 * STRIDE)
        self.assertEqual(self.effects(), [ResumeReading(client)])

    def test_load(self) -> None:
        """When much is to be sent, the rest of the messages waits until that was written."""
        self.patch(busModule, "LOAD", 1000)
        owner, reader = self.connect(), self.connect()
        self.request(owner, "add", path="a", value=1)
        self.request(reader, "fetch", id="f")
        self.written(reader)
        changes = [b'{"method":"change","params":{"path":"a","value":"%b"}}' % (b"x" * 300)] * 10
        self.bus.receive(owner, changes, self.now)
        self.assertLess(len(reader.frames), 5)
        while self.bus.working:
            self.bus.elements.load = 0
            self.bus.work()
        self.assertEqual(len(self.written(reader)), 10)

    def test_longOutbox(self) -> None:
        """Megabytes for a peer that reads are written little by little, in order, and all of them if it wants all."""
        memory = MemoryDaemon()
        owner, reader = memory.connect(), memory.connect()
        ask(owner, "add", path="a", value=0)
        reader.send({"method": "fetch", "params": {"id": "f", "coalesce": False}})
        reader.take()
        text = "x" * 10_000
        batch = [{"method": "change", "params": {"path": "a", "value": [n, text]}} for n in range(1000)]
        owner.send(*batch, {"method": "change", "params": {"path": "a", "value": [1000, text]}})
        self.assertEqual([value[0] for _, _, value in events(reader)], list(range(1001)))


class FaultTests(BusTestCase):
    """Mistakes of ours."""

    def test_inService(self) -> None:
        """A request that we cannot work on is answered, without a trace of where, and logged; the peer is served on."""

        def fail(*args: object) -> None:
            raise RuntimeError("at line 5")

        self.patch(self.bus, "log", Bus.log)
        for table, key, method in ((SERVICES, Add, "add"), (OTHERS, "info", "info")):
            before = cast(Any, table)[key]
            cast(Any, table)[key] = fail
            self.addCleanup(cast(Any, table).__setitem__, key, before)
            client = self.connect()
            self.request(client, method, 1, path="a")
            (answer,) = self.written(client)
            message = "the daemon could not work on this request"
            self.assertEqual(
                answer["error"], {"code": -32603, "message": "Internal error", "data": {"message": message}}
            )
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
            self.request(client, method, path="a")
            self.assertEqual((self.written(client), len(self.flushLoggedErrors(RuntimeError))), ([], 1))
            self.request(client, "echo", 2)
            self.assertEqual(self.written(client), [{"id": 2, "result": {}}])

    def test_inWork(self) -> None:
        """Where a fetch fails half-way the peer cannot be served on by half, so it is dropped; others go on."""
        owner, client, other = self.connect(), self.connect(), self.connect()
        self.request(owner, "add", path="a", value=1)

        def fail(*args: object) -> None:
            raise RuntimeError("in a rule")

        self.patch(ValueFetch, "meet", fail)
        self.request(client, "fetch", 1, id="f", value={"equals": 1})
        self.work()
        self.assertEqual(self.effects(), [Drop(client, "work for it could not be done", True)])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.bus.lost(client, self.now)
        self.request(other, "get", 1)
        self.assertEqual(len(self.written(other)[0]["result"]), 1)
