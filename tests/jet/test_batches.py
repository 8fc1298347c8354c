"""
Tests for L{jetjstp.jet.batches}.
"""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet import batches
from jetjstp.jet.batches import PIECE, Batch, objectsOf
from jetjstp.jet.jsontext import UNREADABLE, itemsOf, tooDeep
from tests.jet.conversations import Talk, anyJson, deterministic, spellAll, taken

DEPTH = 6


def membersOf(text: bytes, depth: int = 100) -> list[bytes]:
    """All members of a batch that are objects."""
    batch = Batch(text, depth)
    for _ in batch.survey():
        pass
    members = []
    while batch:
        members += batch.take()
    return members


@st.composite
def arrays(draw: st.DrawFn) -> str:
    """Arrays, a quarter of them broken at a random place."""
    values = draw(st.lists(st.sampled_from([{}, 1, "],[", {"a": [{}, {"b": ',{"'}]}]) | anyJson, max_size=8))
    text = spellAll(values, draw(st.integers(0, 2**10)))
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(["", ",", "]", "[", "{", "}", '"', "\\", " ", "x"])) + text[at + 1 :]
    return text


class BatchTests(SynchronousTestCase):
    """Arrays that are cut into pieces."""

    @given(arrays(), st.integers(1, 20))
    @example("[1,]", 1)
    @example("[,1]", 1)
    @example("[1,,1]", 1)
    @example("[1],[1]", 1)
    @example("1],[1", 1)
    @example("[1],2,[1]", 1)
    @example('["a","b]', 1)
    @example('["\\",",{}]', 1)
    @example('["\\ud800",{"a":"\\ud800"},{}]', 1)
    @example("[]", 1)
    @example("[ ]", 1)
    @example("[", 1)
    @deterministic
    def test_asTheWhole(self, text: str, length: int) -> None:
        """Wherever it is cut, a batch has the same members as the whole has; and what is no JSON array is refused."""
        data = text.encode("utf-8")
        expected: list[bytes] | None
        try:
            expected = None if tooDeep(data, DEPTH) or not itemsOf(data) else objectsOf(data)
            isArray = not tooDeep(data, DEPTH)
        except UNREADABLE:
            isArray = False
        with patch.object(batches, "PIECE", length):
            if not isArray:
                self.assertRaises(UNREADABLE, membersOf, data, DEPTH)
            else:
                members = membersOf(data, DEPTH)
                self.assertEqual(list(map(json.loads, members)), list(map(json.loads, expected or [])))

    def test_pieces(self) -> None:
        """A long array is cut about every C{PIECE} bytes, whatever its members are."""
        for member in (b"{}", b"1", b'"a,b"', b'{"a":[1,2]}', b"[[]]", b'{"a":[' + b"1," * 3000 + b'"\\",\\\\"]}'):
            count = 40 * PIECE // len(member)
            batch = Batch(b"[" + b",".join([member] * count) + b"]", 200)
            for _ in batch.survey():
                pass
            pieces = 0
            while batch:
                self.assertLess(len(batch.take()), PIECE)
                pieces += 1
            self.assertGreater(pieces, 25)

    def test_longMember(self) -> None:
        """A long member is looked through in steps, too; it is taken as a whole, and not with all that follows."""
        long = json.dumps({"a": [{"b": "x"}] * 50_000}).encode()
        batch = Batch(b"[" + long + b",{}" * 50_000 + b"]", 200)
        self.assertGreater(sum(1 for _ in batch.survey()), 30)
        first = batch.take()
        self.assertEqual(first[0], long)
        self.assertLess(len(first), PIECE)


class BusTests(SynchronousTestCase):
    """Long batches at a daemon."""

    def setUp(self) -> None:
        self.talk = Talk()
        self.client = self.talk.connect()

    def echoes(self, *ids: int) -> str:
        return ",".join(f'{{"id":{id},"method":"echo","params":"{"x" * 100}"}}' for id in ids)

    def ids(self) -> list[Any]:
        return [answer["id"] for answer in taken(self.client)]

    def test_inOrder(self) -> None:
        """What stands before a long batch, in it and behind it is answered in order."""
        self.talk.sendText(
            self.client,
            self.echoes(0),
            f"[{self.echoes(*range(1, 1000))}]",
            f"[{self.echoes(1000)}]",
            self.echoes(1001),
        )
        self.talk.finish()
        self.assertEqual(self.ids(), list(range(1002)))

    def test_twoBatches(self) -> None:
        """So are two long ones, of which the second comes while the first is worked on."""
        self.talk.sendText(self.client, f"[{self.echoes(*range(1000))}]")
        self.talk.bus.work()
        self.talk.sendText(self.client, f"[{self.echoes(*range(1000, 2000))}]", self.echoes(2000))
        self.talk.finish()
        self.assertEqual(self.ids(), list(range(2001)))

    def test_fetchInside(self) -> None:
        """A fetch in a long batch is answered, with its states, before what follows it."""
        states = ",".join(f'{{"method":"add","params":{{"path":"{number}","value":1}}}}' for number in range(500))
        fetch = '{"id":"fetch","method":"fetch","params":{"id":"f"}}'
        self.talk.sendText(self.client, f"[{states},{fetch},{self.echoes(*range(200))}]")
        self.talk.finish()
        messages = taken(self.client)
        self.assertEqual(messages[0], {"id": "fetch", "result": True})
        self.assertEqual([message["params"]["path"] for message in messages[1:501]], list(map(str, range(500))))
        self.assertEqual([message["id"] for message in messages[501:]], list(range(200)))

    def test_wrongAtTheEnd(self) -> None:
        """Nothing of a batch is done if anything in it is no JSON, or nests too deeply; the next message is."""
        for wrong in ("{]", "{} {}", "", "[" * 200 + "]" * 200):
            self.talk.sendText(self.client, f"[{self.echoes(*range(1000))},{wrong}]", self.echoes(5))
            self.talk.finish()
            refusal, answer = taken(self.client)
            self.assertEqual((refusal["error"]["code"], answer["id"]), (-32700, 5))

    def test_nothingInside(self) -> None:
        """Long arrays without requests are no trouble, not even those that are nothing but white space."""
        for text in (
            f"[{' ' * 20_000}]",
            f"{' ' * 20_000}[]",
            "[" + "1," * 20_000 + "1]",
            "[" + "{}," * 20_000 + "{}]",
        ):
            self.talk.sendText(self.client, text, self.echoes(7))
            self.talk.finish()
            self.assertEqual(self.ids(), [7])

    def test_inSteps(self) -> None:
        """No step looks at much of a batch of millions."""
        self.talk.bus.receive(self.client, [b"[" + b",".join([b"{}"] * 1_000_000) + b"]"], 0.0)
        steps = 0
        while self.talk.bus.working:
            self.talk.bus.elements.load = 0
            self.talk.bus.work()
            steps += 1
            if steps == 500:
                self.talk.bus.lost(self.client, 0.0)
        self.assertGreaterEqual(steps, 500)

    def test_manySmall(self) -> None:
        """Of many small batches that hold nothing only some are taken apart at a time."""
        batch = b"[" + b"1," * 5_000 + b"1]"
        self.talk.bus.receive(self.client, [batch] * 100, 0.0)
        self.assertGreater(len(self.client.inbox), 50)
        self.assertTrue(self.talk.bus.working)

    def test_leaves(self) -> None:
        """Who leaves while its batch is looked through leaves nothing to be done."""
        self.talk.sendText(self.client, f"[{self.echoes(*range(10_000))}]")
        self.talk.bus.work()
        self.talk.bus.lost(self.client, 0.0)
        self.talk.finish()
        self.assertEqual((self.client.frames, len(self.client.inbox)), ([], 0))
