"""
Tests for set and call on their whole way to the owner and back: section 7 of
the protocol page.
"""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.routing import DEFAULT_TIMEOUT
from jetjstp.testing import MemoryDaemon, MemoryPeer
from tests.jet.asking import ask
from tests.jet.conversations import SURROGATE, Talk, anyJson, deterministicAndFew, same, taken

USERS = {"joe": {"password": "1", "auth": {"fetchGroups": [], "setGroups": [], "callGroups": []}}}

OWNER_GONE = {
    "code": -32603,
    "message": "Internal error",
    "data": {"message": "peer shuts down", "reason": "peer shuts down"},
}

NO_TIMEOUTS: list[Any] = [None, 0, -1, -0.5, 0.0, "7", "", True, False, [], [7], {}]
"""What counts as no timeout."""


def expired(params: Any) -> dict[str, Any]:
    """The error of a request that was not answered in time."""
    return {"code": -32001, "message": "Response Timeout", "data": params}


class CallingTestCase(SynchronousTestCase):
    """A daemon with an owner of a state and a method, and a peer."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon(users=USERS)
        self.owner = self.memory.connect()
        self.peer = self.memory.connect()
        ask(self.owner, "add", path="s", value=1)
        ask(self.owner, "add", path="m")

    def request(self, method: str, id: Any = 1, peer: MemoryPeer | None = None, **params: Any) -> dict[str, Any]:
        """Send a set or call; returns what the owner was asked."""
        self.owner.take()
        (peer or self.peer).send({"id": id, "method": method, "params": params})
        (routed,) = self.owner.take()
        self.assertIsInstance(routed, dict)
        return dict(routed)

    def call(self, id: Any = 1, **params: Any) -> Any:
        """Send a call; returns the id that the owner got."""
        return self.request("call", id, path="m", **params)["id"]

    def advance(self, seconds: float) -> None:
        self.memory.clock.advance(seconds)

    def assertAnswered(self, answer: dict[str, Any], peer: MemoryPeer | None = None) -> None:
        """The peer has got this answer to request 1, and nothing else."""
        (got,) = (peer or self.peer).take()
        self.assertTrue(same(got, {"id": 1, **answer}), got)


class ThereTests(CallingTestCase):
    """The way to the owner, sections 7.1 and 7.2."""

    def test_set(self) -> None:
        """Of a set, the owner gets value and valueAsResult as far as they were given, and nothing else."""
        for params in (
            {"value": 5},
            {"value": None},
            {"value": False, "valueAsResult": True},
            {"valueAsResult": 0},
            {"valueAsResult": None, "value": {"a": [1.0]}},
            {},
        ):
            routed = self.request("set", path="s", timeout=3, other=1, args=[1], **params)
            self.assertEqual(routed.keys(), {"id", "method", "params"})
            self.assertEqual(routed["method"], "s")
            self.assertTrue(same(routed["params"], params))

    @given(anyJson)
    @deterministicAndFew
    def test_call(self, args: Any) -> None:
        """Of a call, the owner gets the arguments, whatever they are."""
        routed = self.request("call", path="m", args=args, value=1, timeout=3)
        self.assertEqual(routed.keys(), {"id", "method", "params"})
        self.assertTrue(same(routed["params"], args))
        self.owner.send({"id": routed["id"], "result": None})

    def test_noArguments(self) -> None:
        """A call without arguments reaches the owner with an empty list."""
        self.assertEqual(self.request("call", path="m")["params"], [])

    def test_verbatim(self) -> None:
        """Values and arguments pass as the text that they are."""
        talk = Talk()
        owner, peer = talk.connect(), talk.connect()
        talk.sendText(
            owner, '{"method":"add","params":{"path":"s","value":1}}', '{"method":"add","params":{"path":"m"}}'
        )
        talk.sendText(peer, '{"method":"set","params":{"path":"s","value": [1.50, "\\u0041",  1e400]}}')
        talk.sendText(peer, '{"method":"call","params":{"path":"m","args":{"a" : 12345678901234567890 }}}')
        self.assertEqual(
            owner.frames,
            [
                b'{"method":"s","params":{"value":[1.50, "\\u0041",  1e400]}}',
                b'{"method":"m","params":{"a" : 12345678901234567890 }}',
            ],
        )

    def test_ids(self) -> None:
        """The owner gets texts as ids, another each time, that do not say what the requester's are."""
        ids = [self.call(id) for id in (1, 1, "1", "secret", -1.5, "")]
        self.assertEqual(len(set(ids)), len(ids))
        for id in ids:
            self.assertIsInstance(id, str)
            self.assertNotIn("secret", id)

    def test_notification(self) -> None:
        """A request without id reaches the owner without one; whatever it says, nothing is answered."""
        for message in (
            {"method": "set", "params": {"path": "s", "value": 5}},
            {"id": None, "method": "call", "params": {"path": "m"}},
        ):
            self.peer.send(message)
            (routed,) = self.owner.take()
            self.assertNotIn("id", routed)
            self.owner.send({"result": 1}, {"id": None, "result": 1})
        self.advance(100)
        self.assertEqual(self.peer.take(), [])

    def test_oneself(self) -> None:
        """A peer may set and call what is its own."""
        self.owner.send({"id": "x", "method": "set", "params": {"path": "s", "value": 5}})
        (routed,) = self.owner.take()
        self.owner.send({"id": routed["id"], "result": True})
        self.assertEqual(self.owner.take(), [{"id": "x", "result": True}])

    def test_checks(self) -> None:
        """Errors are found in the order: no such path, no access, fetchOnly, wrong kind."""
        access: dict[str, Any] = {"setGroups": [], "callGroups": []}
        kinds: dict[str, dict[str, Any]] = {"state": {"value": 1}, "method": {}}
        for kind, value in kinds.items():
            ask(self.owner, "add", path=f"{kind}/closed", access=access, fetchOnly=True, **value)
            ask(self.owner, "add", path=f"{kind}/fetchOnly", fetchOnly=True, **value)
            ask(self.owner, "add", path=f"{kind}/open", **value)
        self.owner.take()
        for method in ("set", "call"):
            other = "method" if method == "set" else "state"
            for path, error in (
                ("nowhere", "pathNotExists"),
                ("state/closed", "noAccess"),
                ("method/closed", "noAccess"),
                ("state/fetchOnly", "fetchOnly"),
                ("method/fetchOnly", "fetchOnly"),
                (f"{other}/open", "wrongKind"),
            ):
                answer = {"error": {"code": -32602, "message": "Invalid params", "data": {error: path}}}
                self.assertEqual(ask(self.peer, method, path=path, value=1), answer)
            self.assertEqual(self.owner.take(), [])

    def test_fetchOnly(self) -> None:
        """What is fetchOnly is so for its owner, too."""
        ask(self.owner, "add", path="f", value=1, fetchOnly=1)
        self.assertEqual(ask(self.owner, "set", path="f", value=2)["error"]["data"], {"fetchOnly": "f"})


class TimeoutTests(CallingTestCase):
    """How long an owner has, section 7.3."""

    def assertExpires(self, seconds: float, method: str = "call", **params: Any) -> None:
        """Check that a request is answered with a timeout after so many seconds, not before."""
        self.request(method, **params)
        self.advance(seconds - 1 / 64)
        self.assertEqual(self.peer.take(), [])
        self.advance(1 / 64)
        self.assertAnswered({"error": expired(params)})

    def test_default(self) -> None:
        """Five seconds, if nobody says otherwise."""
        self.assertEqual(DEFAULT_TIMEOUT, 5)
        self.assertExpires(5, path="m")
        self.assertExpires(5, "set", path="s", value=1)

    def test_ofTheRequest(self) -> None:
        """What the request says counts first, fractions included."""
        ask(self.owner, "add", path="slow", timeout=7)
        for seconds in (0.25, 2, 9.5, 100):
            self.assertExpires(seconds, path="m", timeout=seconds)
            self.assertExpires(seconds, path="slow", timeout=seconds)
            self.assertExpires(seconds, "set", path="s", timeout=seconds)

    def test_ofTheElement(self) -> None:
        """What the element says counts next, for set and call."""
        ask(self.owner, "add", path="slow", timeout=7)
        ask(self.owner, "add", path="quick", value=1, timeout=0.5)
        self.assertExpires(7, path="slow")
        self.assertExpires(0.5, "set", path="quick", value=2)

    def test_oddOnes(self) -> None:
        """What is no positive number counts as absent, in requests and in elements."""
        ask(self.owner, "add", path="slow", timeout=7)
        for number, odd in enumerate(NO_TIMEOUTS):
            self.assertExpires(5, path="m", timeout=odd)
            self.assertExpires(7, path="slow", timeout=odd)
            ask(self.owner, "add", path=f"odd/{number}", timeout=odd)
            self.assertExpires(5, path=f"odd/{number}")

    def test_noUpperBound(self) -> None:
        """There is no longest timeout, neither that of JavaScript nor that of a float."""
        for number, timeout in enumerate(("2147484", "1e300", "1e400", "9" * 5_000)):
            self.peer.sendText(f'{{"id":{number},"method":"call","params":{{"path":"m","timeout":{timeout}}}}}')
            (routed,) = self.owner.take()
            self.advance(2_147_000)
            self.assertEqual(self.peer.take(), [])
            self.owner.send({"id": routed["id"], "result": True})
            self.assertEqual(self.peer.take(), [{"id": number, "result": True}])

    def test_data(self) -> None:
        """The params come back exactly as they were sent, unknown members and the form of numbers included."""
        talk = Talk()
        owner, peer = talk.connect(), talk.connect()
        talk.sendText(owner, '{"method":"add","params":{"path":"m"}}')
        params = '{ "x":1.50, "path":"\\u006d", "args":[ 1e400 ], "timeout": 2.0}'
        talk.sendText(peer, '{"method":"call","id": "\\u0041", "params": ' + params + " }")
        self.assertEqual(talk.bus.deadline(), 2.0)
        talk.bus.expire(2.0)
        error = b'{"message":"Response Timeout","code":-32001,"data":' + params.encode() + b"}"
        self.assertEqual(peer.frames, [b'{"id":"\\u0041","error":' + error + b"}"])
        self.assertIsNone(talk.bus.deadline())

    def test_lateAnswer(self) -> None:
        """An answer that comes too late is dropped."""
        id = self.call(timeout=1)
        self.advance(1)
        self.assertAnswered({"error": expired({"path": "m", "timeout": 1})})
        self.owner.send({"id": id, "result": 5})
        self.assertEqual((self.peer.take(), self.owner.take()), ([], []))

    def test_answeredInTime(self) -> None:
        """What was answered does not expire."""
        id = self.call()
        self.advance(4.875)
        self.owner.send({"id": id, "result": 5})
        self.assertAnswered({"result": 5})
        self.advance(100)
        self.assertEqual(self.peer.take(), [])

    def test_ownerIsNotTold(self) -> None:
        """The owner hears nothing of a timeout."""
        self.call()
        self.advance(5)
        self.assertEqual(self.owner.take(), [])

    def test_inOrder(self) -> None:
        """A thousand requests with all kinds of timeouts expire when they are due, the earliest first."""
        timeouts = [(number * 37 % 101) / 8 for number in range(1_000)]  # 0 counts as 5
        for number, timeout in enumerate(timeouts):
            message = {"id": number, "method": "call", "params": {"path": "m"}}
            if number % 3:
                message["params"] = {"path": "m", "timeout": timeout}
            else:
                timeouts[number] = 0
            self.peer.send(message)
        due = sorted((timeout or 5.0, number) for number, timeout in enumerate(timeouts))
        passed = 0.0
        for _ in range(8 * 13):
            self.advance(1 / 8)
            passed += 1 / 8
            expected = []
            while due and due[0][0] <= passed:
                expected.append(due.pop(0)[1])
            self.assertEqual(sorted(answer["id"] for answer in self.peer.take()), expected)
        self.assertEqual(due, [])


class BackTests(CallingTestCase):
    """The way back, section 7.4."""

    def test_passedOn(self) -> None:
        """Results and errors of any kind are passed on as they are, also both at once, and whatever stands beside."""
        bodies: list[dict[str, Any]] = [
            {"result": None},
            {"result": False},
            {"result": 0},
            {"result": {"id": 5}},
            {"error": None},
            {"error": "text"},
            {"error": {"code": 123, "message": "no", "data": [1.0]}},
            {"result": 1, "error": {"code": -32603}},
            {"result": 1, "jsonrpc": "2.0", "foreign": {"a": [None]}},
            {"result": 1, "method": None},
            {"error": 1, "method": ""},
            {"result": SURROGATE},
            {SURROGATE: 1, "result": 1},
        ]
        for body in bodies:
            id = self.call()
            self.owner.send({"id": id, **body})
            self.assertAnswered(body)
            self.owner.send({**body, "id": self.call()})
            self.assertAnswered(body)

    @given(anyJson)
    @deterministicAndFew
    def test_anyResult(self, result: Any) -> None:
        """Any result arrives as it was sent."""
        self.owner.send({"id": self.call(), "result": result})
        self.assertAnswered({"result": result})

    def test_verbatim(self) -> None:
        """Nothing but the id is replaced, not even where the answer has the same text elsewhere."""
        talk = Talk()
        owner, peer = talk.connect(), talk.connect()
        talk.sendText(owner, '{"method":"add","params":{"path":"m"}}')
        for answer, expected in (
            ('{ "result" : 1.50 , "id": ID, "x":1e400}', '{ "result" : 1.50 , "id": 7.0, "x":1e400}'),
            ('{"result":"x","id":ID,"ID":[{"id":ID}]}', None),
            ('{"result":[ID, ID],"id":ID}', None),
            ('{"id":ID,"result":{"a":ID}}', None),
        ):
            talk.sendText(peer, '{"id":7.0,"method":"call","params":{"path":"m"}}')
            id = json.dumps(taken(owner)[0]["id"])
            talk.sendText(owner, answer.replace('"ID"', "ID").replace("ID", id))
            (frame,) = peer.frames
            if expected is not None:
                self.assertEqual(frame, expected.encode())
            (got,) = taken(peer)
            wanted = json.loads(answer.replace('"ID"', "ID").replace("ID", id))
            wanted["id"] = 7.0
            self.assertTrue(same(got, wanted))

    def test_requestersId(self) -> None:
        """The id comes back as the requester wrote it: its type, its digits, its escapes."""
        talk = Talk()
        owner, peer = talk.connect(), talk.connect()
        talk.sendText(owner, '{"method":"add","params":{"path":"m"}}')
        for id in ("0", '""', "-1.50", "1e400", '"\\u0041"', "true", '["r1"]', '{"id":"r1"}', '"r1"', '"\\ud800"'):
            talk.sendText(peer, '{"id":' + id + ',"method":"call","params":{"path":"m"}}')
            talk.send(owner, {"id": taken(owner)[0]["id"], "result": 1})
            self.assertEqual(peer.frames, [('{"id":' + id + ',"result":1}').encode()])
            peer.frames.clear()

    def test_sameIds(self) -> None:
        """Requests with the same id are all served, also while the first is pending; 7 and "7" differ."""
        routed = [self.call(id) for id in (7, 7, "7")]
        for number in (2, 0, 1):
            self.owner.send({"id": routed[number], "result": number})
        got = self.peer.take()
        expected = [{"id": "7", "result": 2}, {"id": 7, "result": 0}, {"id": 7, "result": 1}]
        self.assertTrue(same(got, expected), got)

    def test_anyOrder(self) -> None:
        """Owners may answer in any order."""
        for order in permutations(range(3)):
            routed = [self.call(id) for id in range(3)]
            for number in order:
                self.owner.send({"id": routed[number], "result": number})
            self.assertEqual(self.peer.take(), [{"id": number, "result": number} for number in order])

    def test_batch(self) -> None:
        """Owners may answer in a batch."""
        routed = [self.call(id) for id in range(3)]
        self.owner.send([{"id": id, "result": True} for id in routed] + [5, {"id": "r999", "result": 1}])
        self.assertEqual(self.peer.take(), [{"id": number, "result": True} for number in range(3)])

    def test_respelled(self) -> None:
        """An owner may write the id that it got with escapes."""
        for body in (',"result":"\\u0041"}', ',"error":{"id":"x"},"\\u0072":1}'):
            id = self.call()
            spelled = "".join(f"\\u{ord(character):04X}" for character in id)
            self.owner.sendText('{"id":"' + spelled + '"' + body)
            answer = json.loads('{"x":1' + body)
            del answer["x"]
            self.assertAnswered(answer)

    def test_otherIds(self) -> None:
        """An answer with another id, of whatever type, is to nothing."""
        id = self.call()
        odd: list[Any] = [None, 1, 0, "", True, [id], {"id": id}, id + " ", id.upper(), "m", 1.5, SURROGATE, 10**400]
        for other in odd:
            self.owner.send({"id": other, "result": "wrong"})
        self.owner.send({"result": "wrong"})
        self.owner.sendText('{"id":"\\u0072","result":"wrong"}')
        self.assertEqual((self.peer.take(), self.owner.take()), ([], []))
        self.owner.send({"id": id, "result": "right"})
        self.assertAnswered({"result": "right"})

    def test_twice(self) -> None:
        """Only the first answer counts."""
        id = self.call()
        self.owner.send({"id": id, "result": 1}, {"id": id, "result": 2}, {"id": id, "error": 3})
        self.assertAnswered({"result": 1})
        self.assertEqual(self.owner.take(), [])

    def test_spoofed(self) -> None:
        """Nobody answers for the owner, neither another owner nor the requester itself."""
        other = self.memory.connect()
        ask(other, "add", path="other")
        id = self.call()
        for liar in (other, self.peer, self.memory.connect()):
            liar.send({"id": id, "result": "wrong"})
            escaped = "".join(f"\\u{ord(character):04x}" for character in id)
            liar.sendText('{"id":"' + escaped + '","result":"wrong"}')
        self.assertEqual(self.peer.take(), [])
        self.owner.send({"id": id, "result": "right"})
        self.assertAnswered({"result": "right"})

    def test_empty(self) -> None:
        """What has neither result nor error is refused to the owner, and the request goes on waiting."""
        id = self.call()
        self.owner.send({"id": id, "method": ""})
        error = {"message": "Invalid Request", "code": -32600, "data": {"id": id, "method": ""}}
        self.assertEqual(self.owner.take(), [{"id": id, "error": error}])
        self.assertEqual(self.peer.take(), [])
        self.owner.send({"id": id, "result": "right"})
        self.assertAnswered({"result": "right"})

    def test_removedMeanwhile(self) -> None:
        """That the element is removed, even added by somebody else, does not matter to a request on its way."""
        id = self.call()
        ask(self.owner, "remove", path="m")
        ask(self.memory.connect(), "add", path="m")
        self.owner.send({"id": id, "result": "right"})
        self.assertAnswered({"result": "right"})
        self.request("set", path="s", value=5)
        ask(self.owner, "remove", path="s")
        self.advance(5)
        self.assertAnswered({"error": expired({"path": "s", "value": 5})})


class LossTests(CallingTestCase):
    """Disconnects, section 7.5."""

    def test_owner(self) -> None:
        """When the owner leaves, who waits for it is told at once, before the elements go."""
        ask(self.peer, "fetch", id="f", path={"equals": "m"})
        self.peer.take()
        self.call()
        self.owner.disconnect()
        removed = {"method": "f", "params": {"path": "m", "event": "remove"}}
        self.assertEqual(self.peer.take(), [{"id": 1, "error": OWNER_GONE}, removed])
        self.advance(100)
        self.assertEqual(self.peer.take(), [])

    def test_allOfThem(self) -> None:
        """All requests that wait for the owner are answered, in their order, and no others."""
        other = self.memory.connect()
        ask(other, "add", path="other")
        for id in range(3):
            self.call(id)
        self.peer.send({"id": "other", "method": "call", "params": {"path": "other"}})
        (routed,) = other.take()
        self.owner.disconnect()
        self.assertEqual(self.peer.take(), [{"id": id, "error": OWNER_GONE} for id in range(3)])
        other.send({"id": routed["id"], "result": True})
        self.assertEqual(self.peer.take(), [{"id": "other", "result": True}])

    def test_requester(self) -> None:
        """When the requester leaves, an answer is dropped, and nothing is left that waits."""
        leaving = self.memory.connect()
        id = self.call(peer=leaving)
        leaving.disconnect()
        self.owner.send({"id": id, "result": 1})
        self.assertEqual(self.owner.take(), [])
        self.assertEqual(leaving.take(), [])
        self.advance(100)
        self.assertEqual(self.memory.clock.getDelayedCalls(), [])

    def test_itself(self) -> None:
        """Who waits for itself may leave like anybody else."""
        self.call(peer=self.owner)
        self.owner.disconnect()
        self.assertEqual(self.owner.take(), [])
        self.advance(100)

    def test_bothWays(self) -> None:
        """Peers that wait for each other are told of each other's end."""
        ask(self.peer, "add", path="peers")
        self.call()
        self.owner.send({"id": 2, "method": "call", "params": {"path": "peers"}})
        self.peer.take()
        self.owner.disconnect()
        self.assertAnswered({"error": OWNER_GONE})
