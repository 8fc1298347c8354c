"""
What npm's server does wrong in the recordings, and ours does not: the same is
sent to it, and each time it goes on serving others.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import mdsf
from jetjstp.rarefailures import OF_PROCESS
from tests.jstp.clientends import StreamClient
from tests.jstp.recordings import Line, Scenario, same, scenarios
from tests.jstp.replaying import Replay, makeTests

IN = "{handshake:[0],ok:'ID'}"
NO = "{handshake:[0],error:[11]}"
CLOSED = "closed"

OURS: dict[str, list[str] | dict[int, list[str]]] = {
    "d-handshake-null": [CLOSED],
    "d-handshake-ok-to-server": [CLOSED],
    "d-handshake-error-to-server": [CLOSED],
    "d-session-null": [NO, CLOSED],
    "d-native-silent-parse": [CLOSED],
    "d-native-deep-nesting": [CLOSED],
    "d-call-null": [IN, CLOSED],
    "d-kind-inherited": [IN],
    "d-event-inherited": [IN],
    "d-call-inherited-apply": [IN, "{callback:[1],error:[12]}"],
    "d-call-inherited-method": [IN, "{callback:[1],error:[14]}"],
    "d-call-inherited-setprototype": [IN, "{callback:[1],error:[12]}", "{pong:[2]}"],
    "d-inspect-inherited": [IN, "{callback:[1],error:[12]}", "{callback:[2],error:[12]}"],
    "d-args-string": [IN, "{callback:[1],error:[17]}"],
    "d-args-array-like": [IN, "{callback:[1],error:[17]}"],
    "d-method-throws": [IN, "{callback:[1],error:[16]}"],
    "d-async-method-throws": [IN, "{callback:[1],error:[16]}"],
    "d-event-handler-throws": [IN],
    "d-callback-ok-not-a-list": [IN, "{ping:[-1]}", "{callback:[1],ok:['ponged']}", "{call:[-2,'client'],x:[]}"],
    "d-callback-error-not-a-list": [IN, "{call:[-1,'client'],x:[]}"],
    "d-standard-error-text-lost": [
        IN,
        "{callback:[1],error:[11,'Account locked']}",
        "{callback:[2],error:[17,'Bad field','name']}",
    ],
    "d-auth-error-text-lost": ["{handshake:[0],error:[11,'Account locked']}", CLOSED],
    "d-callback-twice": [IN, "{callback:[1],ok:[1]}"],
    "d-numeric-method-name": [IN, "{callback:[1],error:[14]}"],
    "d-line-separator": [IN, "{callback:[1],ok:['a\\u2028b']}"],
    "d-nan": [IN, "{callback:[1],error:[16]}"],
    "d-undefined-argument": [IN, "{call:[-1,'client'],two:[1,undefined]}"],
    "d-good-then-bad": [IN, "{pong:[1]}", CLOSED],
    "d-connect-listener-emits": [IN, "{event:[-1,'hello'],welcome:[]}"],
    "d-pipelined-slow-auth": [IN, "{callback:[1],ok:[42]}"],
    "d-two-handshakes-slow-auth": [IN, CLOSED],
    "d-after-failed-handshake": ["{handshake:[0],error:[10]}", CLOSED],
    "d-after-timeout": [CLOSED],
    "d-oversize-keeps-reading": [IN, CLOSED],
    "d-received-count-goes-back": {1: [IN, "{pong:[5]}", "{pong:[2]}"], 2: ["{handshake:[0],ok:5}"]},
    "d-received-count-nan": {1: [IN, CLOSED], 2: ["{handshake:[0],ok:0}"]},
    "d-huge-acknowledgement": [IN, "{pong:[1]}"],
    "d-huge-received-count": {1: [IN], 2: ["{handshake:[0],ok:0}"]},
    "d-restored-ids-repeat": {
        1: [IN, *(f"{{event:[-{i},'e'],a:[{i}]}}" for i in (1, 2, 3))],
        2: ["{handshake:[0],ok:0}", *(f"{{event:[-{i},'e'],a:[{i}]}}" for i in (4, 5, 6))],
    },
    "d-restored-ids-positive": {
        1: [IN],
        2: ["{handshake:[0],ok:0}", *(f"{{event:[-{i},'e'],a:[{i}]}}" for i in (1, 2, 3))],
    },
    "d-restored-not-a-client": {1: [IN], 2: ["{handshake:[0],ok:0}", "{event:[-1,'news'],item:[1]}"]},
    "d-restore-while-connected": {
        1: [IN, "{pong:[1]}", CLOSED],
        2: ["{handshake:[0],ok:1}", "{callback:[2],ok:[42]}", "{pong:[3]}"],
    },
    "d-restore-other-application": {1: [IN], 2: [NO, CLOSED]},
    "d-restore-other-application-storage": [NO, CLOSED],
    "d-restore-bad-received-count": {
        1: [IN, "{event:[-1,'e'],a:[1]}"],
        **{conn: [NO, CLOSED] for conn in (2, 3, 4, 5)},
    },
    "d-unbounded-buffer": [IN, *(f"{{event:[-{i + 1},'e'],a:[{i}]}}" for i in range(1000))],
}
"""What each connection is sent by ours, and whether it is closed then."""

LOGGED = ("d-method-throws", "d-async-method-throws", "d-event-handler-throws", "d-nan")
"""There is a failure in the log."""

INVALID = ["error", 16, "a callback has neither a list ok nor a list error", None]


class DefectReplay(Replay):
    """
    Does what the clients and the program did; what the server did in the recording is left out.

    @ivar got: What ours has sent, by connection.
    """

    def __init__(self, case: SynchronousTestCase, scenario: Scenario, clock: Clock) -> None:
        super().__init__(case, scenario, clock)
        self.got: dict[Any, list[str]] = {}
        self._sessions: dict[Any, str] = {}

    def run(self) -> None:
        """Do all; what came of it is in C{got}."""
        for line in self.scenario.lines:
            self.do(line)
            self.collect()

    def do(self, line: Line) -> None:
        """Do one line."""
        client = self.clients.get(line.get("conn"))
        if line["dir"] == "<":
            recorded = mdsf.parse(line["raw"].rstrip("\0")).get("ok")
            if isinstance(recorded, str) and line.get("conn") in self._sessions:
                self.ids.bind(recorded, self._sessions[line.get("conn")])
        elif line["dir"] == ">":
            assert client is not None
            if client.connected:
                super().do(line)
        elif line.get("event") == "opened":
            self.open(line.get("conn"))
            if self.scenario.name == "d-after-timeout":
                self.memory.advance(3.1)
        elif line.get("event") in ("closed", "nothing received"):
            self.memory.advance(line.get("waited_ms", 300) / 1000)
            self.collect()
            if line.get("by") == "client" and client is not None and client.connected:
                client.disconnect()
                del self.clients[line.get("conn")]
        elif "server_does" in line:
            super().do(line)

    def collect(self) -> None:
        """Look at what came."""
        for conn, client in self.clients.items():
            got = self.got.setdefault(conn, [])
            for text in client.rest():
                id = mdsf.parse(text).get("ok")
                if text.startswith("{handshake") and isinstance(id, str):
                    self._sessions[conn] = id
                    text = text.replace(id, "ID")
                got.append(text)
            if not client.connected and got[-1:] != [CLOSED]:
                got.append(CLOSED)


class ServerDefectTests(SynchronousTestCase):
    """Each recorded defect."""

    def replay(self, scenario: Scenario) -> None:
        """Replay one."""
        # The same methods fail in other tests, too.
        self.patch(OF_PROCESS, "_counts", WeakKeyDictionary())
        clock = Clock()
        replay = DefectReplay(self, scenario, clock)
        replay.run()
        expected = OURS[scenario.name]
        for conn, wanted in (expected if isinstance(expected, dict) else {None: expected}).items():
            got = replay.got[conn]
            self.assertEqual(len(got), len(wanted), f"{got[:10]} instead of {wanted[:10]}")
            for one, other in zip(got, wanted, strict=True):
                isSame = one == other or (CLOSED not in (one, other) and same(mdsf.parse(one), mdsf.parse(other)))
                self.assertTrue(isSame, f"{got[:10]} instead of {wanted[:10]}")
        if "callback" in scenario.name and "not-a-list" in scenario.name:
            self.assertEqual(replay.saw, [INVALID])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), scenario.name in LOGGED)
        # Somebody else is served as if nothing had happened.
        client = replay.memory.connect()
        client.open()
        client.rest()
        self.assertEqual(client.ask("{call:[1,'calc'],answer:[]}"), {"callback": [1], "ok": [42]})
        self.successResultOf(replay.memory.close())
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_all(self) -> None:
        """No scenario is left out."""
        self.assertEqual(list(OURS), [scenario.name for scenario in scenarios("server-defects.jsonl")])


makeTests(ServerDefectTests, "server-defects.jsonl")


class WireTests(SynchronousTestCase):
    """What values cannot show."""

    def ask(self, client: StreamClient, text: str) -> str:
        """The text of the answer."""
        client.say(text)
        (answer,) = client.rest()
        return answer

    def test_lineSeparators(self) -> None:
        """U+2028 and U+2029 are escaped, for peers whose parser ends lines there."""
        replay = Replay(self, Scenario("", "", {}), Clock())
        client = replay.memory.connect()
        client.open()
        answer = self.ask(client, "{call:[1,'calc'],echo:['a\\u2028b\u2029']}")
        self.assertIn("a\\u2028b\\u2029", answer)

    def test_undefinedArgument(self) -> None:
        """An undefined at the end of the arguments is written out: the reference counts them."""
        replay = Replay(self, Scenario("", "", {}), Clock())
        client = replay.memory.connect()
        client.open()
        replay.memory.last.callMethod("client", "two", [1, mdsf.UNDEFINED])
        self.assertTrue(client.rest()[0].endswith("[1,undefined]}"))
