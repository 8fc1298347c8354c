"""
Tests for L{jetjstp.jstp.proxies}, and for connecting and inspecting in one.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from jetjstp.jstp import (
    InspectError,
    RemoteError,
    RemoteProxy,
    Results,
    net,
)
from tests.jstp.playedserver import ADDRESS, SESSION, ClientTestCase, Played, SessionTestCase

ACCEPTED = f"{{handshake:[0],ok:'{SESSION}'}}"
REQUEST = '{handshake:[0,"app"]}'


class InspectTests(ClientTestCase):
    """Connecting and inspecting in one."""

    def inspect(self, *names: str, **options: Any) -> tuple[Deferred[Any], Played]:
        """Connect, and let the questions be asked."""
        connecting = net.connectAndInspect("app", None, names, ADDRESS, 3000, reactor=self.reactor, **options)
        played = self.accept()
        played.say(ACCEPTED)
        played.take()
        return connecting, played

    def test_proxies(self) -> None:
        """The result has the proxies by name; names that come twice are asked for once."""
        connecting, played = self.inspect("a", "b", "a")
        self.assertNoResult(connecting)
        played.say("{callback:[2],ok:['y']}", "{callback:[1],ok:['x']}")
        connection, proxies = self.successResultOf(connecting)
        self.connections.append(connection)
        self.assertEqual({name: set(proxy.methods) for name, proxy in proxies.items()}, {"a": {"x"}, "b": {"y"}})
        self.assertEqual(connection.remoteProxies, proxies)

    def test_some(self) -> None:
        """An interface that is not there fails all, once all are answered; the error has what can be used."""
        connecting, played = self.inspect("a", "b", "c")
        played.say("{callback:[1],error:[12]}", "{callback:[2],error:[50,'no']}")
        self.assertNoResult(connecting)
        played.say("{callback:[3],ok:['x']}")
        error = self.failureResultOf(connecting, InspectError).value
        self.connections.append(error.connection)
        self.assertEqual((error.code, error.message), (12, "Interface not found"))
        self.assertEqual({name: each.code for name, each in error.errors.items()}, {"a": 12, "b": 50})
        answer = error.proxies["c"].x()
        played.say("{callback:[4],ok:[7]}")
        self.assertEqual(self.successResultOf(answer), 7)

    def test_abandoned(self) -> None:
        """If the answers do not come in time, or nobody wants them any more, the connection is closed."""
        connecting, played = self.inspect("a", timeout=5)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.turn()
        self.assertFalse(played.isOpen)
        connecting, played = self.inspect("a", timeout=5)
        self.turn(5)
        self.failureResultOf(connecting, TimeoutError)
        self.turn()
        self.assertFalse(played.isOpen)

    def test_lost(self) -> None:
        """A connection that is lost meanwhile comes back, and is asked again."""
        connecting, played = self.inspect("a")
        played.drop()
        self.turn(1.5)
        played = self.accept()
        played.say("{handshake:[0],ok:0}")
        self.assertEqual(played.take()[1:], ['{inspect:[1,"a"]}'])
        played.say("{callback:[1],ok:[]}")
        connection, _ = self.successResultOf(connecting)
        self.connections.append(connection)


class ProxyTests(SessionTestCase):
    """Interfaces as objects."""

    def inspected(self, *methods: str) -> tuple[RemoteProxy, Played]:
        """A proxy."""
        connection, played = self.established()
        inspecting = connection.inspectInterface("chat")
        played.say(f"{{callback:[1],ok:{list(methods)}}}")
        played.take()
        return self.successResultOf(inspecting), played

    def test_results(self) -> None:
        """A call gives no value, one, or several; or fails."""
        proxy, played = self.inspected("say")
        answers: list[tuple[str, Any]] = [
            ("ok:[]", None),
            ("ok:[5]", 5),
            ("ok:[null]", None),
            ("ok:[1,2]", Results(1, 2)),
            ("ok:[[]]", []),
        ]
        for id, (answer, expected) in enumerate(answers, 2):
            saying = proxy.say("hi", [id])
            self.assertEqual(played.take(), [f'{{call:[{id},"chat"],say:["hi",[{id}]]}}'])
            played.say(f"{{callback:[{id}],{answer}}}")
            self.assertEqual(self.successResultOf(saying), expected)
        failing = proxy.say()
        played.say("{callback:[7],error:[17]}")
        self.assertEqual(self.failureResultOf(failing, RemoteError).value.code, 17)

    def test_names(self) -> None:
        """Only what was inspected is an attribute; what cannot be one is called by its name."""
        proxy, played = self.inspected("say", "on", "_private", "two words", "call")
        self.assertRaises(AttributeError, getattr, proxy, "other")
        self.assertIn("say", dir(proxy))
        self.assertNotIn("two words", dir(proxy))
        self.assertIn("chat", repr(proxy))
        answers = [proxy._private(), proxy.call("two words"), proxy.call("on", 1), proxy.call("other")]
        self.assertEqual(
            played.take(),
            [
                '{call:[2,"chat"],_private:[]}',
                '{call:[3,"chat"],"two words":[]}',
                '{call:[4,"chat"],on:[1]}',
                '{call:[5,"chat"],other:[]}',
            ],
        )
        self.failureResultOf(proxy.call("call"), ValueError)
        played.say(*(f"{{callback:[{id}],ok:[]}}" for id in (2, 3, 4, 5)))
        for answer in answers:
            self.successResultOf(answer)

    def test_again(self) -> None:
        """An interface that is inspected again is the same proxy, with the methods and listeners that it has then."""
        proxy, played = self.inspected("say")
        told: list[Any] = []
        proxy.on("said", told.append)
        inspecting = proxy.connection.inspectInterface("chat")
        played.say("{callback:[2],ok:['shout',5]}")
        self.assertIs(self.successResultOf(inspecting), proxy)
        self.assertEqual(proxy.methods, {"shout"})
        played.say("{event:[-1,'chat'],said:['x']}")
        self.assertEqual(told, ["x"])

    def test_events(self) -> None:
        """Events of the interface are told to the listeners, and those that are emitted to both sides."""
        proxy, played = self.inspected()
        told: list[Any] = []
        for name in ("said", "5", "error"):
            proxy.on(name, lambda *args, name=name: told.append((name, *args)))
        played.say("{event:[-1,'chat'],said:[1,2]}", "{event:[-2,'other'],said:[]}", "{event:[-3,'chat'],'5':[]}")
        played.say("{event:[-4,'chat'],error:['x']}", "{event:[-5,'chat'],nobody:[]}", "{event:[-6,'chat'],said:5}")
        self.assertEqual(told, [("said", 1, 2), ("5",), ("error", "x")])
        proxy.emit("said", "hello")
        self.assertEqual(played.take(), ['{event:[2,"chat"],said:["hello"]}'])
        self.assertEqual(told[3:], [("said", "hello")])
        self.assertRaises(ValueError, proxy.emit, "event")
        self.assertRaises(TypeError, proxy.emit, "said", object())
        self.assertEqual(len(told), 4)

    def test_nobodyListens(self) -> None:
        """An event of the other side that is called error is an event as any other, nothing to be logged."""
        _, played = self.inspected()
        self.logged.clear()
        played.say("{event:[-1,'chat'],error:['x']}")
        self.assertEqual(self.logged, [])

    def test_resend(self) -> None:
        """A call may be repeated with its arguments when its answer is lost."""
        proxy, played = self.inspected("say")
        saying = proxy.call("say", "hi", resend=True)
        played.drop()
        self.turn(1.5)
        played = self.accept()
        self.restore(played, 2)
        self.turn()
        self.assertEqual(played.take(), ['{call:[3,"chat"],say:["hi"]}'])
        played.say("{callback:[3],ok:['done']}")
        self.assertEqual(self.successResultOf(saying), "done")
