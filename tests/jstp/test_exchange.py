"""Tests of L{jetjstp.jstp.exchange}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.errors import BufferFull, InvalidAnswer, RemoteError
from jetjstp.jstp.exchange import LONGEST, Exchange
from jetjstp.jstp.limits import Limits
from jetjstp.jstp.mdsf import UNDEFINED, decodeMessage
from jetjstp.jstp.messages import Rejected
from jetjstp.jstp.results import EncodedResults
from jetjstp.jstp.session import Session


class ExchangeTestCase(SynchronousTestCase):
    """Has a client's conversation, and notes what its partner is told."""

    step = 1
    limits = Limits(bufferMessages=4, bufferBytes=200)

    def setUp(self) -> None:
        """A conversation that is open."""
        self.told_: list[Any] = []
        self.answers: list[Any] = []
        self.session = Session("id")
        self.exchange = Exchange(self.session, self.step, self, self.limits)
        self.exchange.begin()

    def called(self, exchange: Exchange, id: int, interface: Any, method: Any, args: Any) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        self.told_.append(("call", id, interface, method, args))

    def inspected(self, exchange: Exchange, id: int, interface: Any) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        self.told_.append(("inspect", id, interface))

    def told(self, interface: Any, event: str, args: list[Any]) -> None:
        """See L{jetjstp.jstp.exchange.Partner}."""
        self.told_.append(("event", interface, event, args))

    def answered(self, error: Exception | None, results: list[Any]) -> None:
        """A call has come to its end."""
        self.answers.append(results if error is None else error)

    def receive(self, *texts: str) -> None:
        """Messages come."""
        for text in texts:
            self.exchange.receive(decodeMessage(text))

    def rejected(self, text: str) -> bool:
        """A message is rejected; whether fatally."""
        with self.assertRaises(Rejected) as caught:
            self.receive(text)
        return bool(caught.exception.isFatal)

    def written(self) -> list[str]:
        """What is to be sent."""
        texts = [text.decode() for text in self.exchange.outbox]
        self.exchange.outbox.clear()
        return texts


class SendingTests(ExchangeTestCase):
    """What is sent."""

    def test_messages(self) -> None:
        """All that has a number takes the next one."""
        self.exchange.call("i", "m", [1], self.answered)
        self.exchange.emit("i", "e", b"[2]")
        self.exchange.inspect("i", self.answered)
        self.exchange.ping(self.answered)
        sent = ['{call:[1,"i"],m:[1]}', '{event:[2,"i"],e:[2]}', '{inspect:[3,"i"]}', "{ping:[4]}"]
        self.assertEqual(self.written(), sent)
        self.assertEqual([text.decode() for text in self.session.texts], sent)

    def test_answers(self) -> None:
        """Answers have the number of what they answer, and are not kept."""
        self.receive("{call:[-1,'i'],m:[]}", "{ping:[-2]}")
        self.exchange.succeed(-1, [])
        self.exchange.fail(-3, [12])
        self.assertEqual(self.written(), ["{pong:[-2]}", "{callback:[-1],ok:[]}", "{callback:[-3],error:[12]}"])
        self.assertEqual(self.session.buffered, 0)

    def test_unsendable(self) -> None:
        """What cannot be sent takes no number, and nobody waits for it."""
        for interface, method, args in (("i", "5", []), ("i", "call", []), ("i", "m", [object()]), (5, "m", [])):
            with self.assertRaises((TypeError, ValueError)):
                self.exchange.call(interface, method, args, self.answered)  # type: ignore[arg-type]
        self.exchange.ping(self.answered)
        self.assertEqual(self.written(), ["{ping:[1]}"])
        self.exchange.giveUp()

    def test_valueThatSends(self) -> None:
        """A value whose conversion sends something itself does not get in the way of its own message."""
        exchange = self.exchange

        class Meddling:
            def toMdsf(self, key: str) -> str:
                exchange.emit("i", "e", b"[]")
                return "converted"

        exchange.call("i", "m", [Meddling()], self.answered)
        self.assertEqual(self.written(), ['{event:[1,"i"],e:[]}', "{call:[2,\"i\"],m:['converted']}"])

    def test_away(self) -> None:
        """Without a transport messages are only kept, and answers are lost."""
        self.exchange.suspend()
        self.exchange.emit("i", "e", b"[]")
        self.exchange.succeed(-1, [])
        self.exchange.fail(-2, [16])
        self.receive("{ping:[-3]}")
        self.assertEqual(self.written(), [])
        self.assertEqual(self.session.buffered, 1)

    def test_full(self) -> None:
        """A client that is away takes no more messages than its buffer can hold."""
        self.exchange.suspend()
        for _ in range(4):
            self.exchange.emit("i", "e", b"[]")
        for send in (
            lambda: self.exchange.emit("i", "e", b"[]"),
            lambda: self.exchange.ping(self.answered),
            lambda: self.exchange.call("i", "m", [], self.answered),
        ):
            self.assertRaises(BufferFull, send)
        self.assertEqual((self.session.buffered, self.exchange.giveUp()), (4, []))

    def test_fullBytes(self) -> None:
        """The size of the messages counts, too."""
        self.exchange.suspend()
        self.exchange.emit("i", "e", b'["' + b"a" * 200 + b'"]')
        self.assertRaises(BufferFull, self.exchange.emit, "i", "e", b"[]")


class ReceivingTests(ExchangeTestCase):
    """What is received."""

    def test_kinds(self) -> None:
        """Calls, inspects and events reach the partner as they are, and are counted."""
        self.receive("{call:[-1,'i'],m:[1]}", "{inspect:[-2,'i']}", "{event:[-3,'i'],e:[2]}")
        self.assertEqual(self.told_, [("call", -1, "i", "m", [1]), ("inspect", -2, "i"), ("event", "i", "e", [2])])
        self.assertEqual(self.session.receivedCount, 3)

    def test_incomplete(self) -> None:
        """Parts that are not there are told as such."""
        self.receive("{call:[-1]}", "{inspect:[-2]}", "{call:[-3,'i'],m:null}")
        self.assertEqual(
            self.told_, [("call", -1, None, None, UNDEFINED), ("inspect", -2, None), ("call", -3, "i", "m", None)]
        )

    def test_repeatedNumbers(self) -> None:
        """A message is not dropped because its number was seen before: npm's servers repeat them."""
        self.receive("{event:[-2,'i'],e:[1]}", "{event:[-2,'i'],e:[2]}", "{event:[1,'i'],e:[3]}")
        self.assertEqual([args for *_, args in self.told_], [[1], [2], [3]])
        self.assertEqual(self.session.receivedCount, 2)

    def test_answered(self) -> None:
        """Each call gets its own answer, in whatever order they come."""
        self.exchange.call("i", "m", [], self.answered)
        self.exchange.call("i", "m", [], self.answered)
        self.receive("{callback:[2],ok:['b']}", "{callback:[1],error:[50,'no']}")
        self.assertEqual(self.answers[0], ["b"])
        self.assertIsInstance(self.answers[1], RemoteError)
        self.assertEqual(self.session.buffered, 0)

    def test_answeredTwice(self) -> None:
        """A second answer is rejected, harmlessly."""
        self.exchange.call("i", "m", [], self.answered)
        self.receive("{callback:[1],ok:[]}")
        self.assertFalse(self.rejected("{callback:[1],ok:[]}"))
        self.assertEqual(self.answers, [[]])

    def test_brokenAnswers(self) -> None:
        """An answer that is none fails its caller and is rejected, harmlessly."""
        for number, rest in enumerate((",ok:5", ",error:5", ",error:null", "", ",ok:null,error:[1]", ",huh:[]"), 1):
            self.exchange.call("i", "m", [], self.answered)
            self.assertFalse(self.rejected(f"{{callback:[{number}]{rest}}}"))
            self.assertIsInstance(self.answers[-1], InvalidAnswer)
        self.assertEqual(len(self.answers), 6)

    def test_strangeErrors(self) -> None:
        """Errors may hold anything."""
        for number, error in enumerate(("[]", "[[1]]", "[{}]", "[1,2,3]", "[NaN]", "[null,{}]"), 1):
            self.exchange.call("i", "m", [], self.answered)
            self.receive(f"{{callback:[{number}],error:{error}}}")
            self.assertIsInstance(self.answers[-1], RemoteError)

    def test_pong(self) -> None:
        """A pong answers its ping and acknowledges what was sent before; one that nobody waits for is no harm."""
        self.exchange.emit("i", "e", b"[]")
        self.exchange.ping(self.answered)
        self.receive("{pong:[2]}", "{pong:[2]}", "{pong:[1e15]}", "{pong:[-7]}")
        self.assertEqual((self.answers, self.session.buffered), ([[]], 0))

    def test_fatal(self) -> None:
        """Who sends no number, or a handshake, is not worth listening to."""
        for text in (
            "{call:null}",
            "{call:[]}",
            "{event:['1','i'],e:[]}",
            "{ping:[1.5]}",
            "{ping:[true]}",
            "{ping:[NaN]}",
            "{pong:[9007199254740993]}",
            "{callback:{},ok:[]}",
            "{handshake:[0,'app']}",
            "{handshake:[0],ok:'id'}",
        ):
            self.assertTrue(self.rejected(text), text)
        self.assertEqual(self.told_, [])

    def test_notFatal(self) -> None:
        """Other mistakes do no harm."""
        for text in ("{state:[1]}", "{__proto__:[1]}", "{'':1}", "{event:[-1,'i'],e:5}", "{event:[-2,'i']}"):
            self.assertFalse(self.rejected(text), text)
        self.assertEqual(self.told_, [])

    def test_note(self) -> None:
        """Messages can be counted before they are worked on."""
        for text in ("{call:[-4,'i'],m:[]}", "{callback:[9],ok:[]}", "{}"):
            self.exchange.note(decodeMessage(text))
        self.assertEqual((self.session.receivedCount, self.told_), (4, []))
        self.assertRaises(Rejected, self.exchange.note, decodeMessage("{ping:5}"))


class RestoringTests(ExchangeTestCase):
    """Another transport."""

    def test_resumeForgotten(self) -> None:
        """A call that the other side once had, and is not there to be sent again, has lost its answer."""
        for _ in range(3):
            self.exchange.call("i", "m", [], self.answered)
        self.receive("{callback:[2],ok:[]}")
        self.exchange.suspend()
        restored, lost = self.exchange.resume(0)
        self.assertEqual((restored.missing, len(lost), len(restored.texts)), (2, 1, 1))
        self.receive("{callback:[3],ok:[]}")

    def test_resume(self) -> None:
        """What has arrived is not sent again, and its answers are lost; the rest is, and goes on waiting."""
        for name in ("a", "b", "c"):
            self.exchange.call("i", name, [], self.answered)
        self.receive("{callback:[2],ok:['b']}")
        self.exchange.suspend()
        self.exchange.ping(self.answered)
        restored, lost = self.exchange.resume(2)
        self.assertEqual(self.written(), ['{call:[3,"i"],c:[]}', "{ping:[4]}"])
        self.assertEqual((restored.upTo, len(lost), self.answers), (2, 1, [["b"]]))
        self.receive("{callback:[3],ok:['c']}", "{pong:[4]}")
        self.assertEqual(self.answers, [["b"], ["c"], []])

    def test_lateAnswer(self) -> None:
        """The answer to a call that was given up may still come, and is not heard."""
        self.exchange.call("i", "m", [], self.answered)
        self.exchange.suspend()
        self.exchange.resume(1)
        self.assertFalse(self.rejected("{callback:[1],ok:[]}"))
        self.assertEqual(self.answers, [])

    def test_hugeCount(self) -> None:
        """A count that is too great loses every call, and nothing else happens."""
        self.exchange.call("i", "m", [], self.answered)
        self.exchange.suspend()
        restored, lost = self.exchange.resume(2**53 - 1)
        self.assertEqual((restored.upTo, len(lost), self.written()), (1, 1, []))

    def test_forget(self) -> None:
        """Who was forgotten is not told."""
        self.exchange.forget(self.exchange.call("i", "m", [], self.answered))
        self.exchange.forget(self.exchange.ping(self.answered))
        self.receive("{pong:[2]}")
        self.assertEqual((self.exchange.giveUp(), self.answers), ([], []))

    def test_newSession(self) -> None:
        """What was put into a session before it began is sent when it does."""
        exchange = Exchange(Session("id"), 1, self, Limits())
        exchange.emit("i", "e", b"[]")
        self.assertEqual(exchange.outbox, [])
        exchange.begin()
        self.assertEqual(exchange.outbox, [b'{event:[1,"i"],e:[]}'])

    def test_abandon(self) -> None:
        """Without a session nobody waits any more."""
        self.exchange.call("i", "m", [], self.answered)
        self.exchange.ping(self.answered)
        self.assertEqual(len(self.exchange.abandon()), 2)
        self.assertEqual((self.exchange.isOpen, self.written()), (False, []))


class ServerTests(ExchangeTestCase):
    """A server's side."""

    step = -1

    def test_numbers(self) -> None:
        """A server counts down, before and after a restore."""
        self.exchange.emit("i", "e", b"[]")
        self.exchange.suspend()
        self.exchange.resume(0)
        self.exchange.ping(self.answered)
        self.assertEqual(self.written(), ['{event:[-1,"i"],e:[]}', "{ping:[-2]}"])

    def test_neverFull(self) -> None:
        """A server's buffer takes what comes: who has it gives the session up."""
        self.exchange.suspend()
        for _ in range(9):
            self.exchange.emit("i", "e", b"[]")
        self.assertEqual(self.session.buffered, 9)

    def test_emitAll(self) -> None:
        """Several events of one name are as if they were told one by one."""
        self.exchange.emitAll("i", "e", [b"[1]", b"[2]"])
        self.exchange.emitAll("i", "e", [])
        self.exchange.emit("i", "e", b"[3]")
        self.exchange.emitAll("i", "e", [b"[4]"])
        self.assertEqual(self.written(), [f'{{event:[-{n},"i"],e:[{n}]}}' for n in (1, 2, 3, 4)])
        self.assertEqual((self.session.buffered, self.session.bufferBytes), (4, 4 * len('{event:[-1,"i"],e:[1]}')))
        self.exchange.suspend()
        self.exchange.emitAll("i", "e", [b"[5]"])
        self.exchange.resume(3)
        self.assertEqual(self.written(), [f'{{event:[-{n},"i"],e:[{n}]}}' for n in (4, 5)])

    def test_emitAllTooLong(self) -> None:
        """If one of them is too long, none is sent."""
        with self.assertRaises(ValueError):
            self.exchange.emitAll("i", "e", [b"[1]", b'["%b"]' % (b"x" * LONGEST)])
        self.assertEqual((self.written(), self.session.buffered), ([], 0))

    def test_encodedResults(self) -> None:
        """Results that are encoded already are sent as they are."""
        self.exchange.succeed(1, EncodedResults(b"[{a:1}]"))
        self.assertEqual(self.written(), ["{callback:[1],ok:[{a:1}]}"])
