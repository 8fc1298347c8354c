"""Nodes of npm's smokesignal as child processes, and what they and ours have heard."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from jetjstp import smokesignal

from .installation import SCRIPTS
from .processes import STEP_SECONDS, ChildProcess, ProcessFailed

reactor: Any = globalReactor

LOOK_SECONDS = 0.02
"""How often to look whether something has come true."""


def freePorts(count: int) -> list[int]:
    """Ports that nobody uses at the moment: npm's nodes cannot take just any."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


async def sleep(seconds: float) -> None:
    """Let time pass."""
    await deferLater(reactor, seconds, lambda: None)


async def until(isTrue: Callable[[], object], what: Callable[[], object]) -> None:
    """
    Wait until something is true.

    @param what: Says how things are, if it does not come true in time.
    """
    end = reactor.seconds() + STEP_SECONDS
    while not isTrue():
        if reactor.seconds() > end:
            raise AssertionError(f"after {STEP_SECONDS} s: {what()}")
        await sleep(LOOK_SECONDS)


class Listening(ChildProcess):
    """A child process whose lines are handed over as they come."""

    def __init__(self, heard: Callable[[list[Any]], None], command: list[str]) -> None:
        super().__init__(reactor, command)
        self._heard = heard
        self.listening = Deferred.fromCoroutine(self._listen())

    async def _listen(self) -> None:
        try:
            while True:
                await self.someLine()
                line = await self.nextLine()
                if line is None:
                    return
                self._heard(json.loads(line))
        except ProcessFailed:
            # Killed by the test, which looks for what it misses by itself.
            return

    async def someLine(self) -> None:
        """Wait for the next line, however long that takes."""
        while not self._lines and not self._ended:
            await sleep(LOOK_SECONDS)


class Theirs:
    """
    A process with nodes of npm's smokesignal.

    @ivar chunks: By node, what was broadcast to it.
    @ivar direct: By node, what was sent to it alone, with the id of the sender.
    @ivar ids: By node, its id.
    """

    def __init__(self, *options: dict[str, Any]) -> None:
        self.chunks: list[list[str]] = [[] for _ in options]
        self.direct: list[list[tuple[str, str]]] = [[] for _ in options]
        self.ids: list[str | None] = [None for _ in options]
        self._ports = [each["port"] for each in options]
        self._peers: list[Deferred[list[str]]] = []
        self._isReady = False
        self.child = Listening(
            self._heard, ["node", "--no-deprecation", str(SCRIPTS / "smokesignal.js"), json.dumps(options)]
        )

    def _heard(self, observation: list[Any]) -> None:
        match observation:
            case ["ready"]:
                self._isReady = True
            case ["listening", index, id]:
                self.ids[index] = id
            case ["data", index, text]:
                self.chunks[index].append(text)
            case ["direct", index, id, text]:
                self.direct[index].append((id, text))
            case ["peers", _, ids]:
                self._peers.pop(0).callback(ids)

    def tell(self, *command: object) -> None:
        """Give a command."""
        self.child.tell(json.dumps(command))

    async def ready(self) -> None:
        """Wait until the process takes commands."""
        await until(lambda: self._isReady, lambda: f"the process is not ready: {self.child.errors}")

    async def start(self, index: int = 0) -> None:
        """Start a node; it listens then."""
        await self.ready()
        self.tell("start", index)
        await until(lambda: self.ids[index], lambda: f"the node does not listen: {self.child.errors}")

    async def peers(self, index: int = 0) -> list[str]:
        """The ids of a node's peers."""
        answer: Deferred[list[str]] = Deferred()
        self._peers.append(answer)
        self.tell("peers", index)
        return await answer.addTimeout(STEP_SECONDS, reactor)

    def place(self, index: int = 0) -> dict[str, Any]:
        """Where a node is, as a seed."""
        return {"address": "127.0.0.1", "port": self._ports[index]}

    async def end(self) -> None:
        """Kill the process."""
        await self.child.kill()
        await self.child.listening


class Ours:
    """
    A node of ours.

    @ivar chunks: What was broadcast to it.
    @ivar told: The events of the node, with what they carry.
    """

    def __init__(self, **options: Any) -> None:
        self.node = smokesignal.createNode(address="127.0.0.1", dialect="0.2", reactor=reactor, **options)
        self.chunks: list[str] = []
        self.told: list[tuple[Any, ...]] = []
        self.node.broadcast.on("data", lambda chunk: self.chunks.append(chunk.decode()))
        for name in ("connect", "disconnect", "netsplit", "netsplit resolved", "error"):
            self._listen(name)

    def _listen(self, name: Any) -> None:
        self.node.on(name, lambda *args: self.told.append((name, *args)))

    @property
    def ids(self) -> set[str]:
        """The ids of its peers."""
        return {peer.id for peer in self.node.peerlist}
