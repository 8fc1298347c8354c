"""
What one client may ask of a server: calls, answers that it does not read,
silence.
"""

from __future__ import annotations

from jetjstp.jstp import Limits
from tests.jstp.servers import ServerTestCase


class LoadTests(ServerTestCase):
    """What one client may ask for."""

    def test_runningCalls(self) -> None:
        """Who has too many calls running is not read from until one is answered; others are not concerned."""
        self.restart(limits=Limits(runningCalls=2))
        client, _, _ = self.connect()
        other, _, _ = self.connect()
        client.say(*(f"{{call:[{number},'calc'],slow:[{number}00]}}" for number in (1, 2, 3, 4)), "{ping:[5]}")
        client.say("{ping:[6]}")
        self.assertTrue(client.transport.paused)
        self.assertEqual(client.rest(), [])
        self.assertEqual(other.ask("{ping:[1]}"), {"pong": [1]})
        self.memory.advance(0.15)
        self.assertEqual([text[:12] for text in client.rest()], ["{callback:[1"])
        self.memory.advance(0.1)
        self.assertEqual([text[:12] for text in client.rest()], ["{callback:[2"])
        self.memory.advance(1)
        rest = [text[:12] for text in client.rest()]
        self.assertEqual(rest, ["{callback:[3", "{pong:[5]}", "{pong:[6]}", "{callback:[4"])
        self.assertFalse(client.transport.paused)

    def test_slowReader(self) -> None:
        """Who does not read is not read from; with too much unsent it is lost, and its session is kept."""
        self.restart(limits=Limits(unsent=300_000))
        client, id, _ = self.connect()
        client.stopReading()
        echo = "{call:[%d,'calc'],echo:['" + "x" * 100_000 + "']}"
        client.say(*(echo % number for number in (1, 2, 3)))
        self.assertTrue(client.transport.paused)
        connection = self.memory.last
        for _ in range(3):
            connection.emitRemoteEvent("e", "a", ["x" * 90_000])
        self.assertTrue(client.connected)
        connection.emitRemoteEvent("e", "a", ["x" * 90_000])
        self.assertFalse(client.connected)
        client = self.memory.connect()
        client.restore(id)
        self.assertEqual(len(client.rest()), 4)

    def test_heartbeat(self) -> None:
        """Who is silent for two and a half heartbeats is lost, and can come back."""
        self.restart(heartbeatInterval=1)
        client, id, _ = self.connect()
        self.memory.advance(2.4)
        self.assertEqual(client.rest(), ["{ping:[-1]}", "{ping:[-2]}"])
        self.memory.advance(0.2)
        self.assertFalse(client.connected)
        client = self.memory.connect()
        self.assertEqual(client.restore(id)["ok"], 0)
