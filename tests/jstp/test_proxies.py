"""Tests of L{jetjstp.jstp.proxies}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.applications import Application
from jetjstp.jstp.errors import RemoteError
from jetjstp.jstp.results import Results
from tests.jstp.pairs import WAIT, Pair


class ProxyTests(SynchronousTestCase):
    """An interface that was inspected."""

    def setUp(self) -> None:
        """Connect, and inspect."""
        self.heard: list[Any] = []
        api: dict[str, dict[str, Any]] = {
            "i": {
                "add": lambda connection, a, b: a + b,
                "nothing": lambda connection: None,
                "many": lambda connection: Results(1, 2),
                "emit": lambda connection: "the method",
                "two words": lambda connection: "spaces",
            }
        }
        self.pair = Pair(Application("app", api, {"i": {"e": lambda connection, value: self.heard.append(value)}}))
        self.connection: Any = self.pair.connect()
        self.proxy = self.result(self.connection.inspectInterface("i"))

    def result(self, answer: Any) -> Any:
        """What is answered."""
        self.pair.wait(2 * WAIT)
        return self.successResultOf(answer)

    def test_values(self) -> None:
        """A method gives None, the value, or all of them, as many as there are."""
        self.assertEqual(self.result(self.proxy.add(1, 2)), 3)
        self.assertIsNone(self.result(self.proxy.nothing()))
        self.assertEqual(self.result(self.proxy.many()), Results(1, 2))

    def test_callback(self) -> None:
        """A callback behind the arguments is refused with a word about Deferreds."""
        for callback in (print, lambda error, result: None, self.setUp):
            if callback is not print:
                self.assertIn("Deferred", str(self.assertRaises(TypeError, self.proxy.add, 1, 2, callback)))
            else:
                self.failureResultOf(self.proxy.add(1, callback), TypeError)

    def test_takenNames(self) -> None:
        """Methods whose names are taken, or no identifiers, are called by name."""
        self.assertEqual(self.result(self.proxy.call("emit")), "the method")
        self.assertEqual(self.result(self.proxy.call("two words")), "spaces")

    def test_unknown(self) -> None:
        """What the interface does not have is no attribute, but may be called by name."""
        self.assertRaises(AttributeError, getattr, self.proxy, "no")
        answer = self.proxy.call("no")
        self.pair.settle()
        self.assertEqual(self.failureResultOf(answer, RemoteError).value.code, 14)

    def test_names(self) -> None:
        """The methods can be listed, and shown."""
        self.assertIn("add", dir(self.proxy))
        self.assertNotIn("two words", dir(self.proxy))
        self.assertEqual(repr(self.proxy), "<RemoteProxy 'i': add, emit, many, nothing, two words>")

    def test_one(self) -> None:
        """There is one for each interface and connection."""
        self.assertIs(self.result(self.connection.inspectInterface("i")), self.proxy)
        self.assertEqual(self.connection.remoteProxies, {"i": self.proxy})

    def test_notThere(self) -> None:
        """An interface that is not there gives error 12."""
        answer = self.connection.inspectInterface("no")
        self.pair.settle()
        self.assertEqual(self.failureResultOf(answer, RemoteError).value.code, 12)

    def test_emit(self) -> None:
        """Events go to the other side and to those who listen here."""
        here: list[Any] = []
        self.proxy.on("e", here.append)
        self.proxy.emit("e", 1)
        self.pair.settle()
        self.assertEqual((self.heard, here), ([1], [1]))
        self.assertRaises(ValueError, self.proxy.emit, "7", 1)

    def test_events(self) -> None:
        """Events of the other side are told to the listeners, whatever their names are."""
        told: list[Any] = []
        self.proxy.on("tick", lambda *args: told.append(args))
        self.pair.served.emitRemoteEvent("i", "tick", [1, 2])
        self.pair.served.emitRemoteEvent("other", "tick", [3])
        self.pair.settle()
        self.assertEqual(told, [(1, 2)])

    def test_errorIsAnEvent(self) -> None:
        """An event that the other side calls error is no error of ours."""
        self.pair.served.emitRemoteEvent("i", "error", ["what"])
        self.proxy.emit("error", 1)
        self.pair.settle()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_resend(self) -> None:
        """A call by name may be repeated when its answer is lost."""
        self.pair.cut()
        answer = self.proxy.call("add", 1, 2, resend=True)
        self.assertEqual(self.result(answer), 3)

    def test_survives(self) -> None:
        """A proxy is still there when the connection is back."""
        self.pair.cut()
        self.pair.wait(2 * WAIT)
        self.assertEqual(self.result(self.proxy.add(1, 2)), 3)
