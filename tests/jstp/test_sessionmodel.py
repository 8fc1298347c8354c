"""
Two conversations without any transport, driven at random: what arrives is what
was sent, however often the transport is lost, and sessions are stored and read.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.exchange import Exchange
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.mdsf import decodeMessage, encodeValue
from jetjstp.jstp.messages import Rejected
from jetjstp.jstp.session import Session

sides = st.sampled_from([0, 1])


class Talker:
    """One side, and what the model knows of it."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.session = Session("id", None, "app")
        self.exchange = self.makeExchange()
        self.wire: list[bytes] = []
        self.sent: list[int] = []
        self.received: list[int] = []
        self.waiting: set[int] = set()
        self.answers: dict[int, str] = {}
        self.unanswered: list[tuple[Exchange, int]] = []

    def makeExchange(self) -> Exchange:
        """A conversation for the session as it is."""
        return Exchange(self.session, self.step, self, Limits())

    def called(self, exchange: Exchange, id: int, interface: Any, method: Any, args: Any) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        self.received.append(args[0])
        self.unanswered.append((exchange, id))

    def inspected(self, exchange: Exchange, id: int, interface: Any) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        exchange.succeed(id, ["m"])

    def told(self, interface: Any, event: str, args: list[Any]) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        self.received.append(args[0])

    def answered(self, number: int, outcome: str) -> None:
        """A call has come to its end; there is only one."""
        assert number in self.waiting, number
        self.waiting.remove(number)
        self.answers[number] = outcome

    def write(self) -> None:
        """Put the outbox on the wire."""
        self.wire += self.exchange.outbox
        self.exchange.outbox.clear()


class SessionMachine(RuleBasedStateMachine):
    """A client and a server."""

    def __init__(self) -> None:
        super().__init__()
        self.talkers = Talker(1), Talker(-1)
        self.isConnected = True
        self.number = 0
        for talker in self.talkers:
            talker.exchange.begin()

    def nextNumber(self, talker: Talker) -> int:
        """What the next message says."""
        self.number += 1
        talker.sent.append(self.number)
        return self.number

    @rule(side=sides)
    def emit(self, side: int) -> None:
        """Tell of an event, connected or not."""
        talker = self.talkers[side]
        talker.exchange.emit("i", "e", encodeValue([self.nextNumber(talker)]))
        talker.write()

    @rule(side=sides)
    def call(self, side: int) -> None:
        """Call something, connected or not."""
        talker = self.talkers[side]
        number = self.nextNumber(talker)
        talker.waiting.add(number)
        talker.exchange.call(
            "i", "m", [number], lambda error, _: talker.answered(number, "error" if error else "answer")
        )
        talker.write()

    @rule(side=sides, isPing=st.booleans())
    def ask(self, side: int, isPing: bool) -> None:
        """Ping or inspect: messages that have numbers, too."""
        talker = self.talkers[side]
        self.number += 1
        number = self.number
        talker.waiting.add(number)

        def answered(error: Exception | None, _: list[Any]) -> None:
            talker.answered(number, "error" if error else "answer")

        if isPing:
            talker.exchange.ping(answered)
        else:
            talker.exchange.inspect("i", answered)
        talker.write()

    @rule(side=sides, which=st.integers(0, 5))
    def answer(self, side: int, which: int) -> None:
        """Answer a call that was received, in any order, maybe on another connection, or on none."""
        talker = self.talkers[side]
        if talker.unanswered:
            exchange, id = talker.unanswered.pop(which % len(talker.unanswered))
            exchange.succeed(id, [1])
            talker.write()

    @precondition(lambda self: self.isConnected)
    @rule(side=sides, count=st.integers(1, 5))
    def deliver(self, side: int, count: int) -> None:
        """Some of what one side has written arrives."""
        source, target = self.talkers[side], self.talkers[1 - side]
        texts, source.wire = source.wire[:count], source.wire[count:]
        for text in texts:
            try:
                target.exchange.receive(decodeMessage(text))
            except Rejected as error:
                assert not error.isFatal
                assert text.startswith(b"{callback:"), text
        target.write()

    @precondition(lambda self: self.isConnected)
    @rule()
    def lose(self) -> None:
        """The connection is lost, with all that is under way."""
        self.isConnected = False
        for talker in self.talkers:
            talker.exchange.suspend()
            talker.wire.clear()

    @precondition(lambda self: not self.isConnected)
    @rule()
    def restore(self) -> None:
        """The session is restored."""
        client, server = self.talkers
        counts = client.session.receivedCount, server.session.receivedCount
        self.isConnected = True
        for talker, count in ((server, counts[0]), (client, counts[1])):
            restored, lost = talker.exchange.resume(count)
            assert restored.missing == restored.excess == 0
            talker.write()
            for answered in lost:
                answered(ValueError("lost"), [])

    @precondition(lambda self: not self.isConnected)
    @rule(side=sides)
    def store(self, side: int) -> None:
        """A session is stored and read again by somebody who knows nothing of the calls that wait."""
        talker = self.talkers[side]
        talker.session = Session.fromString(talker.session.toString())
        for answered in talker.exchange.abandon():
            answered(ValueError("lost"), [])
        talker.exchange = talker.makeExchange()

    @invariant()
    def arrivesOnceInOrder(self) -> None:
        """What has arrived is the beginning of what was sent."""
        for a, b in (self.talkers, self.talkers[::-1]):
            assert b.received == a.sent[: len(b.received)]

    @invariant()
    def bufferIsKnown(self) -> None:
        """What has not arrived is kept."""
        for a, b in (self.talkers, self.talkers[::-1]):
            missing = set(a.sent) - set(b.received)
            kept = b"".join(a.session.texts)
            assert all(b"[%d]}" % number in kept for number in missing)
            assert a.session.bufferBytes == len(kept)

    def teardown(self) -> None:
        """In the end, with a connection that holds, everything arrives and every call has come to its end."""
        if not self.isConnected:
            self.restore()
        for _ in range(3):
            for side in (0, 1):
                self.deliver(side, 10**6)
                while self.talkers[1 - side].unanswered:
                    self.answer(1 - side, 0)
        for a, b in (self.talkers, self.talkers[::-1]):
            assert b.received == a.sent
            assert not a.waiting, a.waiting


class SessionModelTests(SynchronousTestCase):
    """The machine above."""

    def test_model(self) -> None:
        """Nothing is lost and nothing is there twice, whatever happens in whatever order."""
        machine: Any = SessionMachine.TestCase()
        machine.settings = settings(max_examples=100, stateful_step_count=50, deadline=None, derandomize=True)
        machine.runTest()
