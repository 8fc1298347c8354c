"""
Our client of JSTP on a bus, on real sockets.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.trial.unittest import TestCase

from jetjstp import jet, jstp
from jetjstp.gateway.application import BusApplication

reactor: Any = globalReactor

ANY_PORT = "tcp:0:interface=127.0.0.1"


class BusSocketTests(TestCase):
    """A subscription, with the connection lost and found again."""

    timeout = 30.0

    async def check(self, module: Any, addressOf: Any) -> None:
        """Follow a state over one kind of transport."""
        daemon = jet.Daemon(reactor=reactor)
        bus = BusApplication(daemon, reactor=reactor)
        server = module.createServer([bus.application])
        bus.serve(server)
        for each in (daemon, server, bus):
            self.addCleanup(each.close)
        [place] = await daemon.listen(endpoints=[ANY_PORT])
        owner = jet.Peer(port=place.getHost().port)  # type: ignore[attr-defined]
        self.addCleanup(owner.close)
        await owner.connect()
        state = jet.State("a", 0)
        await owner.add(state)
        listening = await server.listen(ANY_PORT)

        told: DeferredQueue[Any] = DeferredQueue()
        back: list[Any] = []
        client = jstp.Client(
            application=jstp.Application(
                "reader", {}, {"jet": {"notification": lambda connection, id, what: told.put((id, what["value"]))}}
            ),
            reconnector=lambda connection, reconnect: back.append(reconnect),
        )
        connection = await module.connect("jet", client, *addressOf(listening.getHost().port))
        self.addCleanup(connection.close)
        self.assertEqual(await connection.callMethod("jet", "fetch", ["f"]), ["f"])
        self.assertEqual(await told.get(), ("f", 0))

        lost: Deferred[None] = Deferred()
        connection.once("close", lambda: lost.callback(None))
        assert connection.line is not None
        connection.line.link.abort()
        await lost
        for value in ("x" * 100_000, "\u2028", {"__proto__": [2**53]}):
            await state.setValue(value, confirm=True)
        back.pop()()
        self.assertEqual([(await told.get())[1] for _ in range(2)], ["x" * 100_000, "\u2028"])
        self.assertEqual(await told.get(), ("f", {"__proto__": [2**53]}))
        self.assertEqual(await connection.callMethod("jet", "unfetch", ["f"]), [True])

    async def test_stream(self) -> None:
        """What was missed arrives, in order, over TCP."""
        await self.check(jstp.net, lambda port: ("127.0.0.1", port))

    async def test_webSocket(self) -> None:
        """So it does over WebSocket."""
        await self.check(jstp.ws, lambda port: (None, f"ws://127.0.0.1:{port}/"))
