"""
Reads the recorded conversations of npm's client, and repeats them with ours:
the test plays the server that was recorded, and does what the program did.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from jetjstp.jstp import Application, Client, Connection, RemoteError, Session, SimpleConnectPolicy, mdsf, net
from tests.jstp.playedserver import ADDRESS, SESSION, ClientTestCase, Played

__all__ = ["Replay", "normal", "scenarios"]

VECTORS = Path(__file__).parent.parent / "vectors" / "jstp"

Line = dict[str, Any]


def scenarios(file: str) -> dict[str, list[Line]]:
    """The scenarios of a file by name, each the lines behind the first."""
    found: dict[str, list[Line]] = {}
    for text in (VECTORS / file).read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        lines = found.setdefault(line["scenario"], [])
        if "about" not in line:
            lines.append(line)
    return found


def normal(message: str) -> Any:
    """A message so that equal ones compare equal: the order of its keys counts, how it is written does not."""
    return _ordered(mdsf.parse(message))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return [(name, _ordered(item)) for name, item in value.items()]
    return [_ordered(item) for item in value] if isinstance(value, list) else value


STORED = {
    "id": SESSION,
    "username": "user",
    "guaranteedDeliveredCount": 1,
    "buffer": [[2, "{event:[2,'x'],y:[]}"]],
    "receivedCount": 3,
    "latestBufferedMessageId": 2,
    "storage": [],
}


class Replay:
    """
    One scenario.

    @ivar seen: What the program was told and the recording has not asked for yet: what, and the value as recorded.
    """

    def __init__(self, test: ClientTestCase) -> None:
        self._test = test
        self._played: dict[int, Played] = {}
        self._sent: dict[int, list[str]] = {}
        self._last = 0
        self._calls = 0
        self.connection: Connection | None = None
        self.seen: list[tuple[str, Any]] = []

    def run(self, lines: list[Line]) -> None:
        """Do each step, and compare."""
        for line in lines:
            self._last = line.get("conn", self._last or 1)
            if "client_does" in line:
                ACTIONS[line["client_does"]](self)
                self._test.turn()
            elif "client_saw" in line:
                self._test.turn()
                self._check(line["client_saw"], line["value"])
            elif line["dir"] == "<":
                self._played[self._last].say(*line["raw"].split("\0")[:-1])
            elif line["dir"] == ">":
                self._compare(line["raw"].removesuffix("\0"))
            else:
                self._event(line)
        self._end()

    def _event(self, line: Line) -> None:
        test, event = self._test, line["event"]
        if event == "opened":
            if not self._isAsked():  # a range that is none is refused before anything is opened
                return
            self._played[self._last] = test.accept()
            self._sent[self._last] = []
        elif event == "closed" and line["by"] == "server":
            self._played[self._last].drop()
        elif event == "nothing received":
            test.turn(line["waited_ms"] / 1000)
            if self._last in self._played:
                test.assertEqual(self._texts(), [])

    def _isAsked(self) -> bool:
        """Whether the client tries to connect, now or as soon as it has waited."""
        for _ in range(33):
            if self._test.attempts >= self._last:
                return True
            self._test.turn(1.0)
        return False

    def _texts(self) -> list[str]:
        texts = self._sent[self._last]
        texts += self._played[self._last].take()
        return texts

    def _compare(self, expected: str) -> None:
        texts = self._texts()
        for _ in range(10):  # heartbeats
            if texts:
                break
            self._test.turn(0.02)
            texts = self._texts()
        self._test.assertNotEqual(texts, [], f"{expected} is missing")
        self._test.assertEqual(normal(texts.pop(0)), normal(expected))

    def _check(self, what: str, expected: Any) -> None:
        for _ in range(4):  # an attempt is made in a second or two
            if any(name == what for name, _ in self.seen):
                break
            self._test.turn(1.0)
        for index, (name, value) in enumerate(self.seen):
            if name == what:
                del self.seen[index]
                self._test.assertTrue(_agrees(expected, value), f"{what}: {value!r} instead of {expected!r}")
                return
        self._test.fail(f"the program has not seen {what}, but {self.seen}")

    def _end(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self._test.turn()
        for number, played in self._played.items():
            self._test.assertFalse(played.isOpen)
            self._test.assertEqual(self._sent[number] + played.take(), [], "that is too much")

    # What the program does

    def saw(self, what: str, value: Any) -> None:
        """The program is told something."""
        self.seen.append((what, value))

    def connect(self, app: Any, **options: Any) -> None:
        """Connect, and tell what comes of it."""
        try:
            connecting = self._test.connect(app, self._client(**options))
        except ValueError as error:
            self.saw("connect result", {"error": error})
            return
        connecting.addCallbacks(
            self._connected, lambda failure: self.saw("connect result", _failed(failure.value, session=None))
        )

    def _client(self, isReconnecting: bool = False, **options: Any) -> Client:
        if not isReconnecting:
            options["reconnector"] = lambda connection, reconnect: None
        application = Application(
            "client",
            {"client": {"sum": lambda connection, a, b: a + b, "fail": _fail, "slow": lambda connection, ms: "late"}},
            {"e": {"a": lambda connection, *args: self.saw("event handler e.a", list(args))}},
        )
        return Client(application=application, **options)

    def _connected(self, connection: Connection) -> None:
        self.connection = connection
        self._test.connections.append(connection)
        session = connection.session
        assert session is not None
        isNew = session.get("isOld") is None
        self.saw(
            "connect result",
            {
                "error": None,
                # npm's client forgets whose session it was.
                "username": connection.username if isNew else None,
                "session": session.id if isNew else None,
            },
        )
        connection.on("close", lambda: self.saw("close event", None))
        connection.on("messageRejected", lambda message: self.saw("messageRejected", message))
        connection.on("reconnectAttempt", lambda transport, *address: self.saw("reconnectAttempt", transport))
        connection.on("reconnect", lambda error: self.saw("reconnect", error))

    def connectAndInspect(self, *interfaces: str) -> None:
        """Connect, inspect, and tell what comes of it."""
        connecting = net.connectAndInspect("app", self._client(), interfaces, ADDRESS, 3000, reactor=self._test.reactor)
        connecting.addCallbacks(
            lambda result: self._inspected(None, result[0], list(result[1])),
            # What works is handed over, too, which npm's client does not do.
            lambda failure: self._inspected(failure.value, failure.value.connection, None),
        )

    def _inspected(self, error: Any, connection: Connection, names: list[str] | None) -> None:
        self.connection = connection
        self.saw("result", {"error": error, "connection": True, "proxies": names})

    def tells(self, what: str, result: Deferred[Any], key: str = "args") -> None:
        """Tell what comes of a call."""
        result.addCallbacks(
            lambda value: self.saw(what, {"error": None, key: value}),
            lambda failure: self.saw(what, _failed(failure.value, **{key: []})),
        )

    def call(self, what: str, interface: str, method: str, *args: Any) -> None:
        """Call a method."""
        self.tells(what, self.open.callMethod(interface, method, args))

    def callAgain(self) -> None:
        """Call the same method once more."""
        self._calls += 1
        self.call(f"call {self._calls}", "calc", "m")

    def inspect(self, interface: str) -> None:
        """Inspect an interface."""
        inspecting = self.open.inspectInterface(interface)

        def inspected(proxy: Any) -> None:
            # Members that hide methods are no reason not to list these, but in npm's client they are.
            self.saw("inspect result", {"error": None, "methods": sorted(proxy.methods - set(dir(type(proxy))))})
            proxy.on("tick", lambda *args: self.saw("proxy event tick", list(args)))

        inspecting.addCallbacks(inspected, lambda failure: self.saw("inspect result", _failed(failure.value)))

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.open.ping().addCallbacks(lambda seconds: self.saw("pong", None), lambda failure: None)

    @property
    def open(self) -> Connection:
        """The connection, which is there."""
        assert self.connection is not None
        return self.connection


def _failed(error: Any, **values: Any) -> dict[str, Any]:
    return {"error": error, "username": None, **values}


def _fail(connection: Connection) -> None:
    raise RemoteError(1, "Error: nope")  # what npm's client makes of an Error


def _agrees(expected: Any, value: Any) -> bool:
    """Whether a program sees what was recorded; errors are compared by code, text and what comes along."""
    if isinstance(value, RemoteError):
        if expected in ({"number": value.code}, None):
            return expected is not None
        code, message = expected["code"], expected["message"]
        info = None if value.info is None else list(value.info)
        # Why there is no handshake is said with more words.
        isSaid = value.message == message or code == -2
        return bool(value.code == code and isSaid and info == expected.get("info"))
    if isinstance(value, Exception):
        return isinstance(value, ValueError) and expected["code"] is None
    if isinstance(expected, dict):
        return all(name in value and _agrees(item, value[name]) for name, item in expected.items())
    return bool(expected == value)


def _restored() -> Session:
    session = Session.fromString(json.dumps(STORED))
    session["isOld"] = True
    return session


def _login() -> SimpleConnectPolicy:
    return SimpleConnectPolicy("user", "pass")


ACTIONS: dict[str, Callable[[Replay], object]] = {
    "connect('app',null)": lambda it: it.connect("app"),
    "connect('app@^1.2.0',null)": lambda it: it.connect("app@^1.2.0"),
    "connect({name:'app',version:'1.x'},null)": lambda it: it.connect({"name": "app", "version": "1.x"}),
    "connect('scope@app@1.0.0',null)": lambda it: it.connect("scope@app@1.0.0"),
    "connect('app@not a range',null)": lambda it: it.connect("app@not a range"),
    "connect('app',{connectPolicy:new SimpleConnectPolicy('user','pass')})": lambda it: it.connect(
        "app", connectPolicy=_login()
    ),
    "connect('app@2.x',{connectPolicy:new SimpleConnectPolicy('user','pass')})": lambda it: it.connect(
        "app@2.x", connectPolicy=_login()
    ),
    "connect('app',{session:Session.fromString(JSON.stringify({id:'0b2c3d4e-1111-4222-8333-444455556666',"
    "username:'user',guaranteedDeliveredCount:1,buffer:[[2,\"{event:[2,'x'],y:[]}\"]],receivedCount:3,"
    "latestBufferedMessageId:2,storage:[]}))})": lambda it: it.connect("app", session=_restored()),
    "connect('app',{reconnector: none})": lambda it: it.connect("app"),
    "connect('app',{application: client,reconnector: none})": lambda it: it.connect("app"),
    "connect('app',{heartbeatInterval:100,reconnector: none})": lambda it: it.connect("app", heartbeatInterval=0.1),
    "connect('app',{application: client})": lambda it: it.connect("app", isReconnecting=True),
    "connectAndInspect('app',{reconnector: none},['a','b'])": lambda it: it.connectAndInspect("a", "b"),
    "connectAndInspect('app',{reconnector: none},['a','b','c'])": lambda it: it.connectAndInspect("a", "b", "c"),
    "connectAndInspect('app',{reconnector: none},[])": lambda it: it.connectAndInspect(),
    "connection.callMethod('calc','divide',[84,2])": lambda it: it.call("call result", "calc", "divide", 84, 2),
    "connection.callMethod('calc','multi',[])": lambda it: it.call("call 2 result", "calc", "multi"),
    "connection.callMethod('calc','m',[])": lambda it: it.callAgain(),
    "connection.callMethod('calc','one',[])": lambda it: it.call("one", "calc", "one"),
    "connection.callMethod('calc','two',[2])": lambda it: it.call("two", "calc", "two", 2),
    "connection.inspectInterface('calc')": lambda it: it.inspect("calc"),
    "connection.inspectInterface('nope')": lambda it: it.inspect("nope"),
    # Through the proxy a single result is the value itself.
    "proxy.divide(1,2)": lambda it: it.tells(
        "proxy call", it.open.remoteProxies["calc"].divide(1, 2).addCallback(lambda value: [value])
    ),
    "proxy.emit('note','x',1)": lambda it: it.open.remoteProxies["calc"].emit("note", "x", 1),
    "connection.ping()": lambda it: it.ping(),
    "connection.emitRemoteEvent('chat','say',['hi'])": lambda it: it.open.emitRemoteEvent("chat", "say", ["hi"]),
    "connection.emitRemoteEvent('calc','while away',[3])": lambda it: it.open.emitRemoteEvent(
        "calc", "while away", [3]
    ),
    "connection.close()": lambda it: it.open.close(),
}
