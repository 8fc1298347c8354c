"""A provider made with our peer: python ourpeer.py PORT STATES [--ws]"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from jetjstp import jet


async def main(reactor: Any, port: str, states: str, *options: str) -> None:
    scheme = "ws" if "--ws" in options else "jet"
    peer = jet.Peer(f"{scheme}://127.0.0.1:{port}", reactor=reactor)
    await peer.connect()
    adding = []
    for number in range(int(states)):
        state = jet.State(f"bench/{number}", 0)
        state.on("set", jet.State.acceptAny)
        adding.append(peer.add(state))
    await gatherResults(adding)
    print("ready", flush=True)
    await Deferred()


if __name__ == "__main__":
    react(lambda reactor, *arguments: Deferred.fromCoroutine(main(reactor, *arguments)), sys.argv[1:])
