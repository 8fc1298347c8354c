"""
Peers that ask and wait for the answer, with a daemon in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.task import Clock

from jetjstp.jet.daemon import Daemon
from jetjstp.testing import MemoryEndpoint, MemoryPeer

__all__ = ["BusyClock", "add", "ask", "connect", "events", "exceeded"]


def ask(peer: MemoryPeer, method: str, **params: Any) -> Any:
    """
    Send a request; what else has come stays with the peer.

    @return: The answer, without the id: C{{"result": ...}} or C{{"error": ...}}; L{None} if none came.
    """
    peer.send({"id": "asked", "method": method, "params": params})
    answers = [message for message in peer.received if message.get("id") == "asked" and "params" not in message]
    peer.received[:] = [message for message in peer.received if not any(message is answer for answer in answers)]
    assert len(answers) < 2, answers
    if not answers:
        return None
    del answers[0]["id"]
    return answers[0]


def add(peer: MemoryPeer, *paths: str, value: Any = 0) -> None:
    """Add states."""
    peer.send(*({"method": "add", "params": {"path": path, "value": value}} for path in paths))


def events(peer: MemoryPeer) -> list[tuple[str, str, Any]]:
    """What unsorted fetches told since the last call: event, path and value; other messages are skipped."""
    params = [message.get("params") for message in peer.take()]
    return [(each["event"], each["path"], each.get("value")) for each in params if isinstance(each, dict)]


def exceeded(name: str, limit: int) -> dict[str, Any]:
    """The answer to what exceeds a limit, as L{ask} gives it."""
    data = {"limitExceeded": name, "limit": limit}
    return {"error": {"code": -32602, "message": "Invalid params", "data": data}}


class BusyClock(Clock):
    """
    A clock that goes on by itself when it is looked at, as if everything took long; and that is advanced by turns.

    @ivar tick: Seconds that a look takes.
    """

    tick = 0.0

    def seconds(self) -> float:
        """The time, and a moment has passed."""
        self.rightNow += self.tick
        return self.rightNow

    def turn(self) -> bool:
        """Make the calls that are due, and no others that these bring about. Whether there were any."""
        due = [call for call in self.calls if call.getTime() <= self.rightNow]
        for call in due:
            if call in self.calls:
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)
        return bool(due)

    def turns(self, limit: int = 100_000) -> Iterator[int]:
        """Turns, until nothing is due any more."""
        for count in range(limit):
            if not self.turn():
                return
            yield count
        raise AssertionError(f"there is still work after {limit} turns")


def connect(daemon: Daemon) -> MemoryEndpoint:
    """A place where a daemon listens in memory."""
    endpoint = MemoryEndpoint()
    daemon.listen(endpoints=[endpoint])
    return endpoint
