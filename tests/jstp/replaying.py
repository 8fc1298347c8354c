"""
Replays a recorded conversation on the server of the recordings.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import UNDEFINED, RemoteError, mdsf
from tests.jstp.clientends import StreamClient, WebSocketClient
from tests.jstp.recordings import Ids, Line, Scenario, describe, payload, same, scenarios
from tests.jstp.servers import MemoryServer, SeedStorage, applications, versions

__all__ = ["Replay", "expectedEvents", "makeTests"]

PATIENCE = 3.5
"""Seconds until something that was recorded must have happened."""


class Replay:
    """
    One scenario on a server of its own.

    @ivar memory: The server.
    @ivar clients: By the number of the connection.
    """

    def __init__(self, case: SynchronousTestCase, scenario: Scenario, clock: Clock, isWebSocket: bool = False) -> None:
        self.case = case
        self.scenario = scenario
        config = scenario.config
        options: dict[str, Any] = {}
        if config.get("noauth"):
            options["authPolicy"] = None
        if "heartbeat" in config:
            options["heartbeatInterval"] = config["heartbeat"] / 1000
        if "origin" in config:
            options["originCheckStrategy"] = lambda origin: origin == config["origin"]
        self.storage = SeedStorage(clock, config.get("seed"), config.get("storage") == "async")
        if "storage" in config:
            # Of the application: what is stored does not say where it belongs to, and there are several.
            options["applications"] = applications(clock, self.storage)
        self.clock = clock
        self.isWebSocket = isWebSocket
        self.memory = MemoryServer(clock, isWebSocket, **options)
        if "onConnect" in config:
            case.assertEqual(config["onConnect"], "connection.emitRemoteEvent('hello','welcome',[])")
            self.memory.server.on("connect", lambda connection: connection.emitRemoteEvent("hello", "welcome", []))
        self.clients: dict[Any, StreamClient] = {}
        self.ids = Ids()
        self.saw: list[Any] = []
        self._opened = 0.0

    def run(self) -> None:
        """Do all that was recorded, in order, and compare."""
        for line in self.scenario.lines:
            self.do(line)
        for client in self.clients.values():
            if client.connected:
                client.disconnect()
        self.case.assertEqual(self.memory.events, expectedEvents(self.scenario))

    def do(self, line: Line) -> None:
        """Do, or check, one line."""
        match line["dir"]:
            case ">" if "http" in line:
                self.clients[None] = self.memory.upgrade(line["http"].encode())
            case ">" if "frame_hex" in line:
                self.clients[None].sendBytes(bytes.fromhex(line["frame_hex"]))
            case "<" if "http" in line:
                self.expectHead(line)
            case "<" if "frames" in line:
                frames = [(each["fin"], each["opcode"], each["length"]) for each in line["frames"]]
                self.case.assertEqual(self.webSocket.frames, frames)
                self.webSocket.rest()
            case ">":
                if line.get("conn") not in self.clients:
                    self.open(line.get("conn"))
                data = self.ids.fill(payload(line))
                self.clients[line.get("conn")].sendRecorded(data, line.get("binary", False))
            case "<":
                self.expect(line)
            case _ if "event" in line:
                self.happen(line)
            case _:
                self.act(line["server_does"])

    def expect(self, line: Line) -> None:
        """The server sends this message next."""
        client = self.clients[line.get("conn")]
        self.waitFor(lambda: client.texts, line)
        got = client.next()
        wanted = mdsf.parse(line["raw"].rstrip("\0"))
        if isinstance(wanted.get("ok"), str) and isinstance(got.get("ok"), str):
            self.ids.bind(wanted["ok"], got["ok"])
            wanted["ok"] = got["ok"]
        self.case.assertTrue(same(got, wanted), f"{describe(line)}\ngot {got}")

    @property
    def webSocket(self) -> WebSocketClient:
        """The only client."""
        client = self.clients[None]
        assert isinstance(client, WebSocketClient)
        return client

    def expectHead(self, line: Line) -> None:
        """The answer to an upgrade says this, and perhaps more."""
        status, headers = _headOf(self.webSocket.head.decode())
        wantedStatus, wanted = _headOf(line["http"])
        self.case.assertEqual(status.split()[:2], wantedStatus.split()[:2])
        for name, value in wanted.items():
            if name in ("origin", "transfer-encoding", "x-websocket-reject-reason"):
                continue  # nobody needs the first, and the others belong to how the reference was made
            given = headers.get(name, "")
            if name in ("connection", "upgrade"):
                value, given = value.lower(), given.lower()
            self.case.assertIn(value, given.split(","), line)

    def waitFor(self, condition: Any, line: Line) -> None:
        """Let time pass until something has happened."""
        until = self.clock.seconds() + PATIENCE
        while not condition():
            calls = [call.getTime() for call in self.clock.getDelayedCalls()]
            if not calls or min(calls) > until:
                break
            self.clock.advance(max(0, min(calls) - self.clock.seconds()))
        else:
            return
        self.case.fail(f"this did not happen: {describe(line)}")

    def happen(self, line: Line) -> None:
        """Do, or check, what is not data."""
        client = self.clients.get(line.get("conn"))
        case = self.case
        match line["event"]:
            case "opened":
                self.open(line.get("conn"))
            case "closed" if line["by"] == "client":
                assert client is not None
                case.assertTrue(client.connected, describe(line))
                case.assertEqual(client.rest(), [])
                self.leave(client, line)
            case "closed":
                assert client is not None
                self.waitFor(lambda: not client.connected, line)
                case.assertEqual(client.rest(), [])
                if self.isWebSocket and line["close_code"] != 1006:
                    case.assertEqual(client.closeCode, line["close_code"])
            case "nothing received":
                assert client is not None
                self.memory.advance(line["waited_ms"] / 1000)
                case.assertEqual(client.rest(), [])
                case.assertTrue(client.connected)
            case "time to close":
                case.assertAlmostEqual(self.clock.seconds() - self._opened, line["ms"] / 1000)
            case "first ping after about":
                case.assertAlmostEqual(self.clock.seconds() - self._opened, line["ms"] / 1000)
            case "what the caller saw":
                value = line["value"]
                case.assertEqual(self.saw, value if isinstance(value[0], list) else [value])
            case "stored after close":
                stored = next(iter(self.storage.texts.values()))
                # Ours goes on: the reference's keys first, then the application.
                case.assertEqual(stored, line["value"][:-1] + ',"application":"app"}')
            case other:
                case.fail(f"unknown event {other}")

    def open(self, number: Any) -> None:
        """A client connects."""
        self._opened = self.clock.seconds()
        if self.scenario.name == "session-callback-lost" and self.clients:
            self.memory.advance(0.2)  # the method finishes while nobody is connected
        self.clients[number] = self.memory.upgrade() if self.isWebSocket else self.memory.connect()

    def leave(self, client: Any, line: Line) -> None:
        """A client goes."""
        if self.isWebSocket:
            client.leave(line["close_code"])
            self.case.assertEqual(client.closeCode, line["close_code"])
        else:
            client.disconnect()

    def act(self, text: str) -> None:
        """Do what the program with the server did."""
        server = self.memory.server
        if text == "server.updateConnectionsApi()":
            server.updateConnectionsApi()
        elif text == "server.updateApplications(vapp 1.2.0 and 2.0.0)":
            server.updateApplications(versions("1.2.0", "2.0.0"))
        else:
            self._send(text)

    def _send(self, text: str) -> None:
        connection = self.memory.last
        call, _, loop = text.partition(" for i in ")
        verb, _, arguments = call.partition("(")
        if call.endswith(" 1000 times"):
            loop, arguments = str(list(range(1000))), arguments.removesuffix(" 1000 times")
        for i in mdsf.parse(loop or "[0]"):
            target, name, *rest = mdsf.parse("[" + arguments.removesuffix(")").replace("[i]", f"[{i}]") + "]")
            match verb:
                case "server.broadcast":
                    self.memory.server.broadcast(target, name, *rest)
                case "connection.emitRemoteEvent":
                    connection.emitRemoteEvent(target, name, rest[0])
                case "connection.callMethod":
                    args = [1, UNDEFINED] if "undefined" in arguments else rest[0]
                    connection.callMethod(target, name, args).addCallbacks(self._answered, self._failed)
                case _:
                    self.case.fail(f"unknown: {text}")

    def _answered(self, results: list[Any]) -> None:
        self.saw.append(["ok", *results])

    def _failed(self, failure: Any) -> None:
        error = failure.value
        assert isinstance(error, RemoteError)
        self.saw.append(["error", error.code, error.message, None if error.info is None else list(error.info)])


def _headOf(text: str) -> tuple[str, dict[str, str]]:
    """The first line and the headers, with their names in lower case."""
    first, *others = text.strip().split("\r\n")
    headers = (each.partition(":") for each in others if each)
    return first, {name.lower(): value.strip() for name, _, value in headers}


def expectedEvents(scenario: Scenario) -> list[Any]:
    """
    The events of the server as they are to be: C{handshakeRequest} comes before what follows from it, and how errors
    are worded is our own.
    """
    events: list[Any] = []
    for event in scenario.events:
        match event:
            case ["handshakeRequest", _]:
                place = len(events)
                while place and events[place - 1] in ("connect", "reconnect", "restoreSession"):
                    place -= 1
                    if events[place] in ("connect", "restoreSession"):
                        break
                events.insert(place, event)
            case ["connectionError", _]:
                events.append("connectionError")
            case _:
                events.append(event)
    return events


def makeTests(case: Any, file: str, prefix: str = "") -> None:
    """Give a test case, which has a method C{replay}, a test for each scenario of a file."""
    for scenario in scenarios(file):
        if scenario.name.startswith(prefix):
            _makeTest(case, scenario)


def _makeTest(case: Any, scenario: Scenario) -> None:
    def test(self: Any) -> None:
        self.replay(scenario)

    test.__doc__ = scenario.about
    test.__name__ = scenario.testName
    setattr(case, test.__name__, test)
