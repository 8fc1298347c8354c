"""
The recorded WebSocket conversations with node-jet's daemon (file 12), replayed
on ours, byte by byte.
"""

from __future__ import annotations

import json
from typing import Any

import txaio
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.daemon import Daemon
from jetjstp.testing import MemoryEndpoint
from tests.jet.transcripts import Line, Scenario, Step, makeTests
from tests.links.frames import clientFrame, serverFrames

OPCODES = {"text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}

OFFERED_AUTH: dict[str, Any] = {
    "returns {fetchGroups:[users],setGroups:[users],callGroups:[]}": {
        "fetchGroups": ["users"],
        "setGroups": ["users"],
        "callGroups": [],
    },
    "returns false": False,
    "returns null": None,
}

REFUSED = b"HTTP/1.1 401"


class _Transport(StringTransportWithDisconnection):
    def abortConnection(self) -> None:
        if self.connected:
            self.loseConnection()


class WebSocketTranscriptTests(SynchronousTestCase):
    """Each scenario is a test of its own, made below."""

    def setUp(self) -> None:
        self.clock = Clock()
        # Autobahn's own timers do not run on the reactor that it is given.
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]

    def replay(self, scenario: Scenario) -> None:
        """Replay a scenario with one peer."""
        listen = scenario.start.get("listen", {})
        options: dict[str, Any] = {"wsPingInterval": listen.get("wsPingInterval", 5000) / 1000}
        if "wsGetAuthentication" in listen:
            auth = OFFERED_AUTH[listen["wsGetAuthentication"]]
            options["wsGetAuthentication"] = lambda request: auth
        endpoint = MemoryEndpoint()
        Daemon(reactor=self.clock).listen(wsEndpoints=[endpoint], **options)
        assert endpoint.factory is not None
        protocol = endpoint.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 12345))
        assert protocol is not None
        transport = _Transport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        self.addCleanup(transport.abortConnection)
        for step in scenario.steps:
            if step.line.get("event") == "closed-by-daemon":
                # Nobody in memory ends the connection when the closing handshake is done, or times out.
                self.clock.advance(10)
                self.assertFalse(transport.connected, scenario.name)
            elif step.line.get("event") == "wait":
                self.clock.pump([0.01] * round(step.line["seconds"] * 100))
            else:
                protocol.dataReceived(_bytesOf(step.line))
            self._compare(scenario, step, transport.value())
            transport.clear()

    def _compare(self, scenario: Scenario, step: Step, written: bytes) -> None:
        if any("http" in line for line in step.recorded):
            status = REFUSED if scenario.name == "ws-auth-null" else step.recorded[0]["http"][0].encode("ascii")
            self.assertTrue(written.startswith(status), f"{scenario.name}: {written!r}")
            if b" 101 " in status:
                headers = {line.lower() for line in step.recorded[0]["http"][1:]}
                got = {line.decode("ascii").lower() for line in written.split(b"\r\n")[1:] if line}
                self.assertEqual(got - {line for line in got if line.startswith("server:")}, headers)
            return
        expected = [(OPCODES[line["opcode"]], _meaning(line)) for line in step.recorded]
        frames = [(opcode, _read(opcode, payload)) for opcode, payload in serverFrames(written)]
        self.assertEqual(frames, expected, scenario.name)


def _bytesOf(line: Line) -> bytes:
    if "http" in line:
        return "\r\n".join([*line["http"], "", ""]).encode("ascii")
    opcode = OPCODES[line["opcode"]]
    mask = None if line.get("masked") is False else b"\x01\x02\x03\x04"
    if "rawHex" in line:
        payload = bytes.fromhex(line["rawHex"])
    elif "code" in line:
        payload = line["code"].to_bytes(2, "big")
    elif "text" in line:
        payload = line["text"].encode("utf-8")
    else:
        payload = json.dumps(line["msg"]).encode("utf-8")
    count = line.get("fragments", 1)
    if count == 1:
        return clientFrame(payload, opcode, mask=mask)
    size = len(payload) // count + 1
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    return b"".join(
        clientFrame(piece, opcode if number == 0 else 0, number == len(pieces) - 1, mask=mask)
        for number, piece in enumerate(pieces)
    )


def _meaning(line: Line) -> Any:
    if "code" in line:
        return line["code"]
    return line["msg"] if "msg" in line else bytes.fromhex(line.get("rawHex", ""))


def _read(opcode: int, payload: bytes) -> Any:
    if opcode == OPCODES["close"]:
        return int.from_bytes(payload[:2], "big")
    return json.loads(payload) if opcode == OPCODES["text"] else payload


makeTests(WebSocketTranscriptTests, "12*.jsonl")
