"""
Servers that are killed at any moment, with sessions that another one goes on
with.
"""

from __future__ import annotations

from typing import Any

from tests.jstp.clientends import StreamClient
from tests.jstp.clusters import DurabilityTestCase
from tests.jstp.slowstorage import SlowStorage


class KilledTests(DurabilityTestCase):
    """C{"always"}: a server is killed, and the client goes on with another one."""

    def converse(self, steps: int) -> tuple[bool, StreamClient, SlowStorage]:
        """
        A client tells of four events, and the server is killed after some half steps of its storage.

        @return: Whether it got that far; the client; the storage.
        """
        slow = SlowStorage(self.storage)
        server = self.serve("one", slow, isWatched=False)
        client = StreamClient(server.factory)
        client.say("{handshake:[0,'app']}", "{event:[1,'e'],say:[1]}", "{event:[2,'e'],say:[2]}")
        isFurther = True
        for step in range(steps):
            isFurther = slow.halfStep()
            if step == 6:
                client.say("{event:[3,'e'],say:[3]}", "{event:[4,'e'],say:[4]}")
        return isFurther, client, slow

    def goOn(self, client: StreamClient) -> tuple[list[Any], list[int]]:
        """
        The client has lost its server, and goes to another one.

        @return: What the application was told, and the numbers of all events that the client got.
        """
        texts = [client.next() for _ in range(len(client.texts))]
        other = StreamClient(self.serve("two").factory)
        received = 0
        if not texts:
            other.open()
        else:
            events = texts[1:]
            other.say(f"{{handshake:[0,'app'],session:['{texts[0]['ok']}',{len(events)}]}}")
            received = other.next()["ok"]
        other.say(*(f"{{event:[{number},'e'],say:[{number}]}}" for number in range(received + 1, 5)))
        texts = texts[1:] + [other.next() for _ in range(len(other.texts))]
        return [argument for _, argument in self.heard], [message["event"][0] for message in texts]

    def test_anywhere(self) -> None:
        """Nothing arrives twice; only what was recorded, and not worked on yet, is lost."""
        for steps in range(100):
            isFurther, client, slow = self.converse(steps)
            heard, numbers = self.goOn(client)
            self.assertEqual(heard, sorted(set(heard)), f"after {steps}")
            if not slow.hasRecorded:
                self.assertEqual(heard, [1, 2, 3, 4], f"after {steps}")
            self.assertEqual(numbers, [-number for number in range(1, len(numbers) + 1)], f"after {steps}")
            self.tearDown()
            self.setUp()
            if not isFurther:
                self.assertGreater(steps, 8)
                return
        self.fail("it goes on for ever")

    def test_calls(self) -> None:
        """A call that was recorded as received is not run again; the client learns that its answer is lost."""
        slow = SlowStorage(self.storage)
        client = StreamClient(self.serve("one", slow, isWatched=False).factory)
        client.say("{handshake:[0,'app']}")
        slow.finish()
        id = client.next()["ok"]
        client.say("{call:[1,'i'],same:[5]}")
        slow.do()
        other = StreamClient(self.serve("two").factory)
        self.assertEqual(other.restore(id)["ok"], 1)
        self.assertEqual(other.ask("{call:[2,'i'],same:[6]}"), {"callback": [2], "ok": [6]})
