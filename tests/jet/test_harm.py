"""
Ways in which one peer could harm others, or itself be harmed, that are not
about one module.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.bus import Bus
from jetjstp.jet.effects import Authenticate, Drop
from jetjstp.jet.elements import LARGE
from jetjstp.jet.errors import InvalidParams
from jetjstp.jet.limits import Limits
from jetjstp.jet.windows import LARGE as LARGE_WINDOW
from jetjstp.testing import MemoryDaemon
from tests.jet.asking import ask
from tests.jet.test_bus import Outlet


class DroppedTests(SynchronousTestCase):
    """A peer whose connection is being ended."""

    def test_pipelined(self) -> None:
        """What came in one piece with one failed login too many is not looked at, however long the link takes."""
        bus = Bus("test", "1")
        client = bus.connected(Outlet())
        login = b'{"id":1,"method":"authenticate","params":{"user":"u","password":"p"}}'
        bus.receive(client, [login] * 8 + [b'{"method":"add","params":{"path":"a","value":1}}'], 0.0)
        asked = 0
        dropped = False
        while bus.effects or bus.working:
            if not bus.effects:
                bus.work()
                continue
            effect = bus.effects.popleft()
            if isinstance(effect, Drop):
                dropped = True
            elif isinstance(effect, Authenticate):
                asked += 1
                bus.admission.refused(client, effect.id, InvalidParams(b'{"invalidPassword":true}'), 0.0)
        self.assertTrue(dropped)
        self.assertEqual(asked, bus.limits.failedLogins)
        self.assertEqual(len(bus.elements), 0)


class BoundTests(SynchronousTestCase):
    """What one request or change may cost."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon()
        self.owner = self.memory.connect()
        self.reader = self.memory.connect()

    def test_longFetchId(self) -> None:
        """A fetch id, which each notification repeats, has a greatest length."""
        longest = Limits().fetchId
        error = ask(self.reader, "fetch", id="x" * longest)["error"]
        self.assertEqual(error["data"], {"limitExceeded": "fetchId", "limit": longest})
        self.assertEqual(ask(self.reader, "fetch", id="x" * (longest - 2)), {"result": True})

    def test_hugeNumberAsFetchId(self) -> None:
        """A number beyond all numbers of JavaScript is no fetch id."""
        self.reader.sendText('{"id":1,"method":"fetch","params":{"id":1%s}}' % ("0" * 320))
        (answer,) = self.reader.take()
        self.assertEqual(answer["error"]["data"]["wrongType"], "id")

    def test_largeValues(self) -> None:
        """A large value reaches every fetch, in order with what else changes."""
        for number in range(5):
            self.reader.send({"method": "fetch", "params": {"id": number}})
        self.owner.send({"method": "add", "params": {"path": "a", "value": 0}})
        self.owner.send({"method": "add", "params": {"path": "b", "value": 0}})
        self.reader.take()
        big = "x" * (LARGE + 1)
        self.owner.send(
            {"method": "change", "params": {"path": "b", "value": 1}},
            {"method": "change", "params": {"path": "a", "value": big}},
            {"method": "change", "params": {"path": "b", "value": 2}},
        )
        got = [(message["method"], message["params"]["value"]) for message in self.reader.take()]
        self.assertEqual([value for id, value in got if id == 3], [1, big, 2])
        self.assertEqual(len(got), 15)
        self.owner.send({"method": "change", "params": {"path": "b", "value": 3}})
        self.assertEqual(len(self.reader.take()), 5)

    def test_comeAndGone(self) -> None:
        """What comes and goes while a snapshot waits for its reader is not kept."""
        for number in range(400):
            self.owner.send({"method": "add", "params": {"path": str(number), "value": "x" * 1000}})
        self.reader.stopReading()
        self.reader.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
        for _ in range(5000):
            self.owner.send(
                {"method": "add", "params": {"path": "moth", "value": 1}},
                {"method": "remove", "params": {"path": "moth"}},
            )
        (fetch,) = [fetch for client in self.memory.daemon._server.receivers for fetch in client.fetches.values()]
        self.assertLess(len(fetch.waiting or ()), 2500)
        self.reader.startReading()
        self.assertEqual(len(self.reader.take()), 401)

    def test_largeWindow(self) -> None:
        """Changes that move a large window are told together, and the client has the right window."""
        count = LARGE_WINDOW + 100
        for number in range(count):
            self.owner.send({"method": "add", "params": {"path": f"{number:05}", "value": number}})
        sort = {"byValue": "number", "from": 1, "to": 10**9}
        self.reader.send({"id": 1, "method": "fetch", "params": {"id": "f", "sort": sort}})
        _, first = self.reader.take()
        window = {entry["index"]: entry["path"] for entry in first["params"]["changes"]}
        self.owner.send(
            *({"method": "change", "params": {"path": f"{number:05}", "value": count + number}} for number in range(10))
        )
        messages = self.reader.take()
        self.assertEqual(len(messages), 1)
        for entry in messages[0]["params"]["changes"]:
            window[entry["index"]] = entry["path"]
        order = [*range(10, count), *range(10)]
        self.assertEqual([window[index + 1] for index in range(count)], [f"{number:05}" for number in order])
