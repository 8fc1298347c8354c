"""
A daemon, a server of JSTP that offers its bus, peers and clients, all in memory
and on one clock.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet, jstp
from jetjstp.gateway.application import BusApplication
from jetjstp.interfaces import Identity, MessageLink, UnknownUser
from jetjstp.jet.pathrules import PathRules
from jetjstp.jstp.server import Server
from jetjstp.testing import MemoryEndpoint, MemoryPeer, MemoryServer

__all__ = ["ADA", "BusClient", "BusTestCase", "Policy", "PolicyTestCase"]

ADA = Identity("ada", frozenset(["staff"]), frozenset(["staff"]), frozenset(["staff"]))


class BusClient:
    """
    A client with everything that it was told.

    @ivar told: The events, in order: their names and arguments.
    """

    def __init__(self, setting: BusTestCase, api: Any = None, **options: Any) -> None:
        self.told: list[tuple[Any, ...]] = []
        self._setting = setting
        handlers = {name: self._listener(name) for name in EVENTS}
        application = jstp.Application("client", {"jet": api or {}}, {"jet": handlers})
        options.setdefault("reconnector", lambda connection, reconnect: None)
        self.client = jstp.Client(application=application, **options)

    def _listener(self, name: str) -> Any:
        return lambda connection, *args: self.told.append((name, *args))

    def connect(self, **options: Any) -> BusClient:
        connecting = self._setting.memory.connect("jet", self.client, **options)
        self.connection = self._setting.successResultOf(connecting)
        return self

    @property
    def link(self) -> MessageLink:
        """Its end of the transport."""
        assert self.connection.line is not None
        return self.connection.line.link

    def begin(self, method: str, *args: Any) -> Deferred[Any]:
        """Call a method of the bus."""
        return self.connection.callMethod("jet", method, args).addCallback(lambda results: results[0])

    def call(self, method: str, *args: Any) -> Any:
        """The result of a method that answers at once."""
        calling = self.begin(method, *args)
        self._setting.memory.flush()
        return self._setting.successResultOf(calling)

    def fail(self, method: str, *args: Any) -> list[Any]:
        """The error of a method that answers at once: code, message and, if there is any, data."""
        calling = self.begin(method, *args)
        self._setting.memory.flush()
        return self._setting.failureResultOf(calling, jstp.RemoteError).value.toList()  # type: ignore[no-any-return]

    def take(self) -> list[tuple[Any, ...]]:
        """What it was told since the last time."""
        self._setting.memory.flush()
        told, self.told = self.told, []
        return told

    def lose(self) -> None:
        """Its connection, at this side."""
        self.link.abort()
        self._setting.memory.flush()

    def comeBack(self) -> None:
        """Restore the session."""
        returning = jstp.net.reconnect(
            self.connection, self._setting.memory.endpoint(), reactor=self._setting.memory.clock
        )
        self._setting.memory.flush()
        self._setting.successResultOf(returning)


EVENTS = ("elementsLost", "fetchEnded", "notAdded", "notification", "restarted")


class BusTestCase(SynchronousTestCase):
    """
    Tests with all that.

    @cvar daemonOptions: For the daemon; C{busOptions} for the application, C{serverOptions} for the server.
    """

    daemonOptions: dict[str, Any] = {}
    busOptions: dict[str, Any] = {}
    serverOptions: dict[str, Any] = {}

    def setUp(self) -> None:
        self.memory = MemoryServer(self.makeServer)

    def makeServer(self, clock: Clock) -> Server:
        self.daemon = jet.Daemon(reactor=clock, **self.daemonOptions)
        self.place = self.makePlace()
        self.bus = BusApplication(self.daemon, reactor=clock, **self.busOptions)
        server = jstp.net.createServer([self.bus.application], reactor=clock, **self.serverOptions)
        self.bus.serve(server)
        return server

    def makePlace(self) -> MemoryEndpoint:
        """Where the daemon listens."""
        place = MemoryEndpoint()
        self.daemon.listen(endpoints=[place])
        return place

    def client(self, api: Any = None, *, host: str = "192.0.2.2", **options: Any) -> BusClient:
        """A client that is connected."""
        return BusClient(self, api, **options).connect(host=host)

    def peer(self) -> MemoryPeer:
        """A peer of the daemon."""
        return self.place.connect()

    def owner(self, **states: Any) -> MemoryPeer:
        """A peer that owns states."""
        peer = self.peer()
        for path, value in states.items():
            peer.send({"method": "add", "params": {"path": path, "value": value}})
        return peer

    def change(self, owner: MemoryPeer, path: str, value: Any) -> None:
        """An owner changes a state."""
        owner.send({"method": "change", "params": {"path": path, "value": value}})

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.memory.clock.advance(seconds)


class Policy:
    """
    Knows users.

    @ivar users: Their identities.
    @ivar waiting: Unless it is L{None}: who asks has to wait.
    """

    def __init__(self) -> None:
        self.users: dict[str, Identity | None] = {"ada": ADA, "bob": None}
        self.waiting: list[Deferred[Any]] | None = None
        self.pathRules: PathRules | None = None
        self.isBroken = False

    def identify(self, user: str) -> Deferred[Identity | None]:
        if self.isBroken:
            raise RuntimeError("no connection")
        if self.waiting is not None:
            self.waiting.append(Deferred())
            return self.waiting[-1]
        return succeed(self.users[user]) if user in self.users else fail(UnknownUser(user))


class PolicyTestCase(BusTestCase):
    """Tests with a policy that both sides ask."""

    def makePolicy(self) -> Policy:
        """What is asked."""
        return Policy()

    def makeServer(self, clock: Clock) -> Server:
        self.policy = self.makePolicy()
        self.daemon = jet.Daemon(policy=self.policy, reactor=clock)  # type: ignore[arg-type]
        self.place = self.makePlace()
        self.bus = BusApplication(self.daemon, self.policy, reactor=clock)  # type: ignore[arg-type]
        server = jstp.net.createServer(
            [self.bus.application], authPolicy=lambda connection, application, strategy, given: given[0], reactor=clock
        )
        self.bus.serve(server)
        return server
