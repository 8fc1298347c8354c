"""
Our client on the recorded conversations of npm's: it sends the same, and the
program sees the same.
"""

from __future__ import annotations

import re

from twisted.internet.defer import CancelledError

from tests.jstp.clientrecordings import Replay, normal, scenarios
from tests.jstp.playedserver import SUBPROTOCOL, ClientTestCase
from tests.links.frames import clientFrames

# What ours does differently, on purpose, is tested below.
DIFFERENT = {
    # Without a callback there is a Deferred all the same, so the error is its failure.
    "c-call-no-callback",
    # Once the server does not know a session any more, asking again is in vain.
    "c-reconnect-refused",
}

RECORDED = scenarios("client.jsonl")


class RecordingTests(ClientTestCase):
    """The conversations over TCP; the tests are made below."""

    def replay(self, name: str) -> None:
        """Repeat a conversation."""
        replay = Replay(self)
        replay.run(RECORDED[name])
        leftover = [what for what, _ in replay.seen if what not in ("close event", "reconnectAttempt")]
        self.assertEqual(leftover, [], "the program has seen more than was recorded")

    def test_noCallback(self) -> None:
        """Everything of the call without callback is as recorded, but for the error: it is the call's failure."""
        lines = RECORDED["c-call-no-callback"]
        self.assertEqual(lines[-2]["client_saw"], "error event")
        Replay(self).run(
            [
                {**line, "client_saw": "call 1", "value": {"error": line["value"]}}
                if line.get("client_saw") == "error event"
                else line
                for line in lines
            ]
        )

    def test_refusedSession(self) -> None:
        """After the refusal that was recorded a new session is begun at once, and the program is told."""
        connection, played = self.established()
        told = self.recorded(connection, "close", "reconnectAttempt", "reconnect", "sessionLost")
        played.drop()
        self.turn(1.5)
        played = self.accept()
        lines = RECORDED["c-reconnect-refused"]
        restore = next(line for line in lines if line.get("conn") == 2 and line["dir"] == ">")
        refusal = next(line for line in lines if line.get("conn") == 2 and line["dir"] == "<")
        self.assertEqual([normal(text) for text in played.take()], [normal(restore["raw"].rstrip("\0"))])
        played.say(refusal["raw"].rstrip("\0"))
        self.assertFalse(played.isOpen)
        played = self.accept()
        self.assertEqual(played.take(), ['{handshake:[0,"app"]}'])
        played.say("{handshake:[0],ok:'another'}")
        self.assertEqual(
            [name for name, *_ in told], ["close", "reconnectAttempt", "close", "sessionLost", "reconnect"]
        )
        self.assertEqual(told[-1], ("reconnect", None))

    def test_upgrade(self) -> None:
        """The opening handshake has what npm's client sends, and the first message is a masked text frame."""
        request, answer, first = scenarios("websocket.jsonl")["cw-upgrade"]
        self.assertIn(SUBPROTOCOL, answer["http"])
        connecting = self.connectWeb("app@1.x")
        played = self.acceptWeb()
        line, *headers = request["http"].strip().split("\r\n")
        sent = played.request.decode().strip().split("\r\n")
        self.assertEqual(sent[0], line)
        for header in headers:
            pattern = re.escape(header).replace(r"\*", ".+")
            self.assertTrue(
                any(re.fullmatch(pattern, each, re.IGNORECASE) for each in sent), f"{header} is not in {sent}"
            )
        self.assertNotIn("extensions", played.request.decode().lower())
        ((opcode, mask, payload),) = clientFrames(played.sent)
        self.assertEqual((opcode, len(mask)), (0x80 | first["opcode"], 4))
        self.assertEqual(normal(payload.decode()), normal(first["raw"]))
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)


def _makeTest(name: str) -> None:
    def test(self: RecordingTests) -> None:
        self.replay(name)

    method = "test_" + re.sub("-(.)", lambda match: match[1].upper(), name.removeprefix("c-"))
    test.__name__ = method
    test.__doc__ = f"{name} goes as it was recorded."
    setattr(RecordingTests, method, test)


for _name in RECORDED:
    if _name not in DIFFERENT:
        _makeTest(_name)
