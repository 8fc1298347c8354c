"""
Tests for L{jetjstp.jet.figures}: what a daemon tells of itself in numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.causes import Cause
from jetjstp.figure import Figure
from jetjstp.framing import LengthPrefixed
from jetjstp.interfaces import Identity, MessageLink
from jetjstp.jet.limits import Limits
from jetjstp.testing import BUFFER, MemoryDaemon, MemoryPeer
from tests.jet.asking import add, ask
from tests.jet.nodejet3 import GREETING

USERS = {"ann": {"password": "s3cret"}}


class FiguresTestCase(SynchronousTestCase):
    """A daemon whose figures are looked at."""

    def setUp(self) -> None:
        self.start()

    def start(self, **options: Any) -> None:
        """A new daemon."""
        self.memory = MemoryDaemon(**options)
        self.daemon = self.memory.daemon

    def values(self, name: str) -> dict[str, int]:
        """The values of a figure that are not zero, by their label."""
        figures = [figure for figure in self.daemon.figures() if figure.name == f"jet_{name}"]
        self.assertNotEqual(figures, [], f"there is no figure {name}")
        return {"".join(word for _, word in figure.labels): figure.value for figure in figures if figure.value}

    def value(self, name: str) -> int:
        """The value of a figure without labels."""
        return self.values(name).get("", 0)

    def owner(self, *paths: str) -> MemoryPeer:
        """A peer with states."""
        owner = self.memory.connect()
        add(owner, *paths)
        return owner


class ContentTests(FiguresTestCase):
    """What there is."""

    def test_nothing(self) -> None:
        """A new daemon has all figures, each of them zero."""
        figures = self.daemon.figures()
        self.assertEqual({figure.value for figure in figures}, {0})
        self.assertEqual(len({(figure.name, figure.labels) for figure in figures}), len(figures))

    def test_form(self) -> None:
        """Figures of one name agree in everything but the value and the words of their labels."""
        known: dict[str, Figure] = {}
        for figure in self.daemon.figures():
            same = known.setdefault(figure.name, figure)
            self.assertEqual((figure.help, figure.kind), (same.help, same.kind))
            self.assertEqual([name for name, _ in figure.labels], [name for name, _ in same.labels])
            self.assertTrue(figure.help.endswith("."))

    def test_peers(self) -> None:
        """Peers are counted as long as they are there, connections for good."""
        first = self.memory.connect()
        self.memory.connect()
        self.assertEqual(self.values("peers"), {"stream": 2})
        first.disconnect()
        self.assertEqual(self.values("peers"), {"stream": 1})
        self.assertEqual(self.values("connections_opened"), {"stream": 2})

    def test_otherLinks(self) -> None:
        """Peers over links of the embedding application's own are told apart from those of listeners."""

        class Link:
            kind = "mine"
            address = "here"
            blocked = False

            def pack(self, message: bytes) -> bytes:
                return message

        link: MessageLink = Link()  # type: ignore[assignment]
        self.daemon._server.receiverOf(None)().linkOpened(link)
        self.assertEqual(self.values("peers"), {"other": 1})

    def test_elements(self) -> None:
        """States and methods are counted until they are removed or their owner is lost; a state that changes is one."""
        owner = self.owner("a", "b")
        ask(owner, "add", path="m")
        self.assertEqual(self.values("elements"), {"state": 2, "method": 1})
        owner.send({"method": "change", "params": {"path": "a", "value": 5}})
        ask(owner, "remove", path="a")
        self.assertEqual(self.values("elements"), {"state": 1, "method": 1})
        owner.disconnect()
        self.memory.flush()
        self.assertEqual(self.values("elements"), {})

    def test_methodBecomesState(self) -> None:
        """What a peer of node-jet 3 adds without a value is a state from its first value on."""
        owner = self.memory.connect()
        owner.send(GREETING)
        ask(owner, "add", path="x")
        self.assertEqual(self.values("elements"), {"method": 1})
        ask(owner, "change", path="x", value=1)
        self.assertEqual(self.values("elements"), {"state": 1})

    def test_fetches(self) -> None:
        """Standing fetches are counted, also those of one id once."""
        peer = self.memory.connect()
        for id in ("a", "b", "b"):
            ask(peer, "fetch", id=id)
        self.assertEqual(self.value("fetches"), 2)
        ask(peer, "unfetch", id="a")
        self.assertEqual(self.value("fetches"), 1)
        peer.disconnect()
        self.memory.flush()
        self.assertEqual(self.value("fetches"), 0)

    def test_traffic(self) -> None:
        """Messages and bytes are counted in both directions."""
        peer = self.memory.connect()
        request = b'{"id":1,"method":"echo","params":[1]}'
        peer.sendText(request)
        self.assertEqual(self.values("messages_received"), {"stream": 1})
        self.assertEqual(self.values("messages_sent"), {"stream": 1})
        self.assertEqual(self.values("received_bytes"), {"stream": len(LengthPrefixed.pack(request))})
        self.assertEqual(self.values("sent_bytes"), {"stream": len(LengthPrefixed.pack(b'{"id":1,"result":[1]}'))})

    def test_refusedConnections(self) -> None:
        """A connection above the limit is refused."""
        self.start(limits=Limits(connections=1))
        self.memory.connect()
        with capturedLogs():
            self.assertRaises(ConnectionRefusedError, self.memory.connect)
        self.assertEqual(self.values("connections_refused"), {"full": 1})


class RequestTests(FiguresTestCase):
    """Sets and calls, by what became of them."""

    def setUp(self) -> None:
        super().setUp()
        self.provider = self.owner("a")
        self.requester = self.memory.connect()

    def request(self, method: str = "set", path: str = "a", **params: Any) -> Any:
        """Ask for something; what the owner got."""
        self.requester.send({"id": 7, "method": method, "params": {"path": path, **params}})
        return self.provider.take()[-1] if self.provider.received else None

    def test_answered(self) -> None:
        """A request waits until its owner answers; with what kind of answer matters."""
        for answer, outcome in (({"result": True}, "answered"), ({"error": {"code": 1, "message": "no"}}, "error")):
            routed = self.request(value=1)
            self.assertEqual(self.value("pending_requests"), 1)
            self.provider.send({"id": routed["id"], **answer})
            self.assertEqual(self.value("pending_requests"), 0)
            self.assertEqual(self.values("requests").pop(outcome), 1)
        self.assertEqual(self.values("requests"), {"answered": 1, "error": 1})

    def test_nullError(self) -> None:
        """An error that is null is none."""
        routed = self.request(value=1)
        self.provider.send({"id": routed["id"], "result": 1, "error": None})
        self.assertEqual(self.values("requests"), {"answered": 1})

    def test_vainAnswers(self) -> None:
        """Answers that nobody waits for are not counted."""
        self.provider.send({"id": "r99", "result": 1}, {"id": 5, "error": {}})
        self.assertEqual(self.values("requests"), {})

    def test_timeout(self) -> None:
        """A request that is not answered in time has timed out; the answer afterwards changes nothing."""
        routed = self.request(value=1)
        self.memory.clock.advance(6)
        self.provider.send({"id": routed["id"], "result": 1})
        self.assertEqual((self.values("requests"), self.value("pending_requests")), ({"timeout": 1}, 0))

    def test_lostOwner(self) -> None:
        """A request whose owner leaves is lost with it."""
        self.request(value=1)
        self.provider.disconnect()
        self.assertEqual((self.values("requests"), self.value("pending_requests")), ({"owner_lost": 1}, 0))

    def test_lostRequester(self) -> None:
        """A request whose requester leaves waits no longer."""
        self.request(value=1)
        self.requester.disconnect()
        self.assertEqual((self.values("requests"), self.value("pending_requests")), ({"requester_lost": 1}, 0))

    def test_ownRequest(self) -> None:
        """A peer that leaves a request to itself open has one end of it only."""
        self.provider.send({"id": 1, "method": "set", "params": {"path": "a", "value": 1}})
        self.provider.disconnect()
        self.assertEqual((self.values("requests"), self.value("pending_requests")), ({"requester_lost": 1}, 0))

    def test_notification(self) -> None:
        """A request without an id is passed on, and nobody waits for it."""
        self.requester.send({"method": "set", "params": {"path": "a", "value": 1}})
        self.assertEqual((self.values("requests"), self.value("pending_requests")), ({"no_answer": 1}, 0))

    def test_refused(self) -> None:
        """What the daemon does not pass on is refused, for whatever reason."""
        ask(self.provider, "add", path="fixed", value=1, fetchOnly=True)
        ask(self.provider, "add", path="closed", value=1, access={"setGroups": ["staff"]})
        for method, path in (("set", "nowhere"), ("call", "a"), ("set", "fixed"), ("set", "closed")):
            self.request(method, path)
        self.assertEqual(self.values("requests"), {"refused": 4})

    def test_pendingLimit(self) -> None:
        """A request too many is refused, those before it wait."""
        self.start(limits=Limits(pendingPerPeer=2))
        self.provider, self.requester = self.owner("a"), self.memory.connect()
        for _ in range(3):
            self.request(value=1)
        self.assertEqual((self.values("requests"), self.value("pending_requests")), ({"refused": 1}, 2))

    def test_otherServices(self) -> None:
        """What is asked of the daemon itself is not among them, whether it is refused or not."""
        ask(self.requester, "remove", path="a")
        ask(self.requester, "info")
        ask(self.requester, "get", path=5)
        self.assertEqual(self.values("requests"), {})

    def test_batch(self) -> None:
        """A batch is one message, and as many requests as are in it."""
        before = self.values("messages_received")["stream"]
        self.requester.send([{"id": each, "method": "set", "params": {"path": "a", "value": 1}} for each in range(3)])
        self.assertEqual(self.value("pending_requests"), 3)
        self.assertEqual(self.values("messages_received")["stream"], before + 1)


class LoginTests(FiguresTestCase):
    """Logins, by how they went."""

    def login(self, peer: MemoryPeer, password: str = "s3cret") -> None:
        """Log in, or try to."""
        ask(peer, "authenticate", user="ann", password=password)

    def test_outcomes(self) -> None:
        """Logins are accepted or refused; those that nobody looks at are told from them."""
        self.start(users=USERS, limits=Limits(failedLoginsPerMinute=2))
        peer = self.memory.connect()
        self.login(peer)
        for _ in range(3):
            self.login(peer, "guess")
        self.assertEqual(self.values("logins"), {"accepted": 1, "refused": 2, "unseen": 1})

    def test_policyFails(self) -> None:
        """A policy that fails has refused nobody."""

        class Broken:
            def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
                return fail(RuntimeError("no"))

        self.start(policy=Broken())
        with capturedLogs():
            self.login(self.memory.connect())
        self.flushLoggedErrors(RuntimeError)
        self.assertEqual(self.values("logins"), {"failed": 1})


class DropTests(FiguresTestCase):
    """Why peers were disconnected."""

    def test_slow(self) -> None:
        """A peer that reads nothing has a backlog, and is dropped when that is too long."""
        self.start(limits=Limits(highWater=10_000, hardLimit=20_000))
        peer = self.memory.connect()
        peer.stopReading()
        peer.send({"id": 1, "method": "echo", "params": "x" * BUFFER})
        peer.send({"id": 2, "method": "echo", "params": "x" * 15_000})
        self.assertEqual(self.value("slow_peers"), 1)
        self.assertEqual(self.value("backlog_bytes"), 15_000 + 4 + len('{"id":2,"result":""}'))
        with capturedLogs():
            peer.send({"id": 3, "method": "echo", "params": "x" * 15_000})
        self.assertEqual(self.values("peers_dropped"), {"slow": 1})
        self.assertEqual((self.value("slow_peers"), self.value("backlog_bytes")), (0, 0))

    def test_catchingUp(self) -> None:
        """A peer that reads again is slow no longer."""
        peer = self.memory.connect()
        peer.stopReading()
        peer.send({"id": 1, "method": "echo", "params": "x" * BUFFER}, {"id": 2, "method": "echo", "params": "y"})
        peer.send({"id": 3, "method": "echo", "params": "z"})
        self.assertEqual(self.value("slow_peers"), 1)
        peer.startReading()
        self.memory.flush()
        self.assertEqual((self.value("slow_peers"), self.value("backlog_bytes")), (0, 0))

    def test_logins(self) -> None:
        """Who guesses passwords is dropped for that."""
        self.start(users=USERS)
        peer = self.memory.connect()
        with capturedLogs():
            for _ in range(5):
                ask(peer, "authenticate", user="ann", password="guess")
        self.assertFalse(peer.connected)
        self.assertEqual(self.values("peers_dropped"), {"login": 1})

    def test_limit(self) -> None:
        """A message that is too long ends its connection."""
        self.start(limits=Limits(message=100))
        with capturedLogs():
            self.memory.connect().sendText(b" " * 101)
        self.assertEqual(self.values("peers_dropped"), {"limit": 1})

    def test_fault(self) -> None:
        """A peer that cannot be served on by half is dropped."""
        peer = self.memory.connect()
        receiver = next(iter(self.daemon._server.receivers.values()))

        def write(frames: list[bytes]) -> None:
            raise RuntimeError("a link that fails")

        self.patch(receiver.link, "write", write)
        with capturedLogs():
            peer.send({"id": 1, "method": "info"})
        self.flushLoggedErrors(RuntimeError)
        self.assertEqual(self.values("peers_dropped"), {"fault": 1})

    def test_everyCause(self) -> None:
        """A drop is counted under its cause, once."""
        bus = self.daemon._server.bus
        for cause in Cause:
            self.memory.connect()
            client = list(self.daemon._server.receivers)[-1]
            bus.drop(client, cause, "why ever")
            bus.drop(client, cause, "once more")
        self.assertEqual(self.values("peers_dropped"), {cause.value: 1 for cause in Cause})

    def test_leaving(self) -> None:
        """Who leaves was not dropped."""
        self.memory.connect().disconnect()
        self.assertEqual(self.values("peers_dropped"), {})

    def test_waiting(self) -> None:
        """What a peer sends while it waits for a login waits, too."""
        deciding: list[Deferred[Identity | None]] = []

        class Slow:
            def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
                deciding.append(Deferred())
                return deciding[-1]

        self.start(policy=Slow())
        peer = self.memory.connect()
        ask(peer, "authenticate", user="ann", password="x")
        peer.send({"id": 1, "method": "info"}, {"id": 2, "method": "info"})
        self.assertGreater(self.value("waiting_messages"), 0)
        answer: Callable[[Any], object] = deciding[0].callback
        answer(None)
        self.memory.flush()
        self.assertEqual(self.value("waiting_messages"), 0)
