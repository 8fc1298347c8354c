"""
Tests for how much peers may keep at a daemon: the limits C{elementBytesPerPeer} and C{elementBytes}.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.clients import Client
from jetjstp.jet.elements import WIDEST, Element
from jetjstp.jet.nodejet3 import NODE_JET_3
from jetjstp.jet.requests import EVERYBODY, GROUP, Access
from tests.jet.asking import exceeded
from tests.jet.conversations import Talk, deterministic, newClient, taken

TRUE = {"result": True}


class SizeTests(SynchronousTestCase):
    """What counts."""

    def size(self, path: str, value: bytes | None, access: Access | None = None) -> int:
        return Element(path, value, newClient(), access=access).size

    def test_pathAndValue(self) -> None:
        """The characters of the path count, wide if one of them is, and the text of the value."""
        self.assertEqual(self.size("", None), 0)
        self.assertEqual(self.size("abc", None), 3)
        self.assertEqual(self.size("abc", b'"12"'), 7)
        self.assertEqual(self.size("ab\u00e4", b"1"), 3 * WIDEST + 1)

    def test_access(self) -> None:
        """So does every group in the access lists."""
        self.assertEqual(self.size("", None, Access()), 0)
        self.assertEqual(self.size("", None, Access(["a", "bcd"], [], ["e"])), 3 * GROUP + 5)
        self.assertEqual(self.size("", None, Access(EVERYBODY)), GROUP + len("everybody"))


class LimitTests(SynchronousTestCase):
    """What is refused."""

    def start(self, **limits: int) -> None:
        self.talk = Talk(**limits)
        self.peer, self.other = self.talk.connect(), self.talk.connect()

    def ask(self, client: Client, method: str, path: str, **params: Any) -> Any:
        """Send a request; the answer without its id."""
        self.talk.send(client, {"id": 1, "method": method, "params": {"path": path, **params}})
        self.talk.finish()
        (answer,) = taken(client)
        del answer["id"]
        return answer

    def test_ofOnePeer(self) -> None:
        """A peer has as many bytes kept as it may, to the byte; what it removes or shortens makes room."""
        self.start(elementBytesPerPeer=20)
        error = exceeded("elementBytesPerPeer", 20)
        self.assertEqual(self.ask(self.peer, "add", "a", value="x" * 7), TRUE)
        self.assertEqual(self.ask(self.peer, "add", "b", value="x" * 8), error)
        self.assertEqual(self.ask(self.peer, "add", "b", value="x" * 7), TRUE)
        self.assertEqual(self.ask(self.peer, "add", "c"), error)
        self.assertEqual(self.ask(self.peer, "change", "a", value="y" * 7), TRUE)
        self.assertEqual(self.ask(self.peer, "change", "a", value="y" * 8), error)
        self.assertEqual(self.talk.bus.elements.find("a").value, b'"yyyyyyy"')  # type: ignore[union-attr]
        self.assertEqual(self.ask(self.other, "add", "c", value="x" * 7), TRUE)
        self.assertEqual(self.ask(self.peer, "change", "a", value=1), TRUE)
        self.assertEqual(self.ask(self.peer, "change", "b", value="x" * 15), TRUE)
        self.assertEqual(self.ask(self.peer, "change", "b", value="x" * 16), error)
        self.assertEqual(self.ask(self.peer, "remove", "b"), TRUE)
        self.assertEqual(self.ask(self.peer, "add", "b", value="x" * 15), TRUE)

    def test_accessLists(self) -> None:
        """Long access lists are refused as long values are."""
        self.start(elementBytesPerPeer=1000)
        groups = ["g"] * 100
        for name in ("fetchGroups", "setGroups", "callGroups"):
            answer = self.ask(self.peer, "add", "a", value=1, access={name: groups})
            self.assertEqual(answer, exceeded("elementBytesPerPeer", 1000))
        self.assertEqual(self.ask(self.peer, "add", "a", value=1, access={"setGroups": groups[:10]}), TRUE)

    def test_ofAll(self) -> None:
        """When all peers together have as much as may be kept, nobody adds until one removes something, or leaves."""
        self.start(elementBytes=20)
        error = exceeded("elementBytes", 20)
        self.assertEqual(self.ask(self.peer, "add", "a", value="x" * 7), TRUE)
        self.assertEqual(self.ask(self.other, "add", "b", value="x" * 7), TRUE)
        for client in (self.peer, self.other):
            self.assertEqual(self.ask(client, "add", "c"), error)
        self.assertEqual(self.ask(self.other, "change", "b", value="x" * 8), error)
        self.talk.bus.lost(self.peer, 0.0)
        self.talk.finish()
        self.assertEqual(self.ask(self.other, "change", "b", value="x" * 17), TRUE)

    def test_valueThatComesLater(self) -> None:
        """A method of a node-jet 3 peer that becomes a state by its first value has room for it, or stays a method."""
        self.start(elementBytesPerPeer=10)
        self.peer.dialect = NODE_JET_3
        self.ask(self.peer, "add", "a")
        answer = self.ask(self.peer, "change", "a", value="x" * 8)
        self.assertEqual(answer["error"]["data"]["details"], "limitExceeded elementBytesPerPeer")
        self.assertTrue(self.peer.elements["a"].isMethod)
        self.assertIn("result", self.ask(self.peer, "change", "a", value="x" * 7))
        self.assertEqual(self.peer.elementBytes, 10)


class _Model:
    """A bus with small limits, and beside it what each peer should have there."""

    perPeer, together = 40, 70

    def __init__(self) -> None:
        self.talk = Talk(elementBytesPerPeer=self.perPeer, elementBytes=self.together)
        self.clients = [self.talk.connect() for _ in range(3)]
        self.kept: list[dict[str, bytes | None]] = [{} for _ in range(3)]

    def of(self, number: int) -> int:
        """Bytes of one peer."""
        return sum(len(path) + len(value or b"") for path, value in self.kept[number].items())

    def fits(self, number: int, size: int) -> bool:
        """Whether a peer may have so much more."""
        everything = sum(map(self.of, range(len(self.clients))))
        return self.of(number) + size <= self.perPeer and everything + size <= self.together

    def do(self, step: str, number: int, path: str, value: object) -> bool:
        """Note what a request should do; whether it should succeed."""
        mine, text = self.kept[number], json.dumps(value).encode()
        isTaken = any(path in kept for kept in self.kept)
        if step in ("add", "method"):
            new = text if step == "add" else None
            if isTaken or not self.fits(number, len(path) + len(new or b"")):
                return False
            mine[path] = new
        elif step == "change":
            before = mine.get(path)
            grown = len(text) - len(before or b"")
            if before is None or (grown > 0 and not self.fits(number, grown)):
                return False
            mine[path] = text
        else:
            if path not in mine:
                return False
            del mine[path]
        return True

    def run(self, step: str, number: int, path: str, value: object) -> None:
        """Do one step and compare."""
        if step == "lose":
            self.talk.bus.lost(self.clients[number], 0.0)
            self.talk.finish()
            self.kept[number] = {}
            self.clients[number] = self.talk.connect()
        else:
            client = self.clients[number]
            params: dict[str, Any] = {"path": path}
            if step in ("add", "change"):
                params["value"] = value
            method = "add" if step == "method" else step
            self.talk.send(client, {"id": 1, "method": method, "params": params})
            (answer,) = taken(client)
            assert ("result" in answer) is self.do(step, number, path, value), (step, number, params, answer)
        for each, client in enumerate(self.clients):
            assert client.elementBytes == self.of(each)
        assert self.talk.bus.elements.size == sum(map(self.of, range(len(self.clients))))


class ModelTests(SynchronousTestCase):
    """The count, whatever happens."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["add", "add", "method", "change", "change", "remove", "lose"]),
                st.integers(0, 2),
                st.sampled_from(["a", "b", "cc", "ddd", "eeeeeeeeee"]),
                st.sampled_from([None, 1, "x" * 5, "x" * 20, "x" * 36]),
            ),
            min_size=10,
            max_size=50,
        )
    )
    @deterministic
    def test_exact(self, steps: list[tuple[str, int, str, object]]) -> None:
        """What counts is what is there, and a request is refused exactly if there would be too much."""
        model = _Model()
        for step in steps:
            model.run(*step)

    def test_whileItIsRemoved(self) -> None:
        """What a lost peer had counts until it is removed; who takes over one of its paths has that removed first."""
        talk = Talk()
        owner, heir = talk.connect(), talk.connect()
        for number in range(300):
            talk.send(owner, {"method": "add", "params": {"path": f"{number:03}", "value": 1}})
        talk.finish()
        self.assertEqual(talk.bus.elements.size, 1200)
        talk.bus.lost(owner, 0.0)
        self.assertEqual(talk.bus.elements.size, 1200)
        talk.send(heir, {"method": "add", "params": {"path": "299", "value": 12345}})
        self.assertEqual((talk.bus.elements.size, owner.elementBytes, heir.elementBytes), (1204, 1196, 8))
        talk.bus.work()
        self.assertLess(talk.bus.elements.size, 1204)
        talk.finish()
        self.assertEqual((talk.bus.elements.size, owner.elementBytes, heir.elementBytes), (8, 0, 8))
