"""
The core does on the wire what real nodes did, except for their defects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.smokesignal.errors import DialFailed
from tests.smokesignal.recordings import Line, Recording, Replay, bytesOf, masked, recordings

VERSIONS = {version: recordings(version) for version in ("0.1.0", "0.2.2")}

OTHERWISE = ("half-rejected-when-filled", "peer-request-between-peers")
"""Scenarios that bind us, but for a part."""


def packetIdOf(line: Line) -> str | None:
    """What identifies the packet of a line, if it is one."""
    raw = str(line["raw"])
    return raw.split('"id":"')[1].split('"')[0] if '"id":"' in raw and raw.count("-") > 1 else None


def never(line: Line) -> bool:
    """Leave nothing out."""
    return False


class RecordingTests(SynchronousTestCase):
    """Recorded scenarios that bind us, apart from what is optional or marked as defect in them."""

    def compare(self, recording: Recording, leaveOut: Callable[[Line], bool] = never) -> Replay:
        """Play a recording and compare all that the node said and told."""
        replay = Replay(recording).run()
        # What the node did with lines for which both is fine, or to which it reacted wrongly, is not compared.
        free = {packetIdOf(line) for line in recording.lines if line.get("optional") or line.get("defect")} - {None}
        said: dict[str, list[str]] = defaultdict(list)
        news: list[str] = []
        ends = set()
        skipNews = False
        for line in recording.lines:
            if line.get("defect") or leaveOut(line):
                continue
            if line.get("optional"):
                skipNews = line["dir"] == "to_node" and "broadcast" in line["raw"]
            elif line["dir"] == "from_node" and packetIdOf(line) not in free:
                said[line["conn"]].append(masked(bytesOf(line)))
            elif line["dir"] == "node" and line["raw"].split()[0] in ("EVENT", "ADD", "REMOVE", "BDATA", "BCHAT"):
                if skipNews:
                    skipNews = False
                else:
                    news.append(line["raw"])
            elif line["raw"] == "closed by node":
                ends.add(line["conn"])
        own = f'"data":{{"id":"{replay.node.id}","remoteAddress":"127.0.0.1","remotePort":47001}}}}]'
        ours = {
            name: [
                line
                for line, raw in ((masked(raw), raw.decode()) for raw in lines)
                if packetIdOf({"raw": raw}) not in free
                # Version 0.1.0 fails to ask its peers for more peers.
                and not (replay.version == "0.1.0" and own in line)
            ]
            for name, lines in replay.said.items()
        }
        name = f"{recording.start['version']} {recording.start['scenario']}"
        self.assertEqual({conn: lines for conn, lines in ours.items() if lines}, dict(said), name)
        self.assertEqual(replay.news, news, name)
        self.assertEqual(ends - set(replay.ended) - self.endedByScript(recording), set(), name)
        return replay

    def endedByScript(self, recording: Recording) -> set[str]:
        """Connections of which the node only confirmed the end."""
        return {line["conn"] for line in recording.lines if str(line["raw"]).endswith("by us")}

    def both(self, name: str, leaveOut: Callable[[Line], bool] = never) -> list[Replay]:
        """Compare a scenario of both versions."""
        return [self.compare(scenarios[name], leaveOut) for scenarios in VERSIONS.values()]

    def test_matching(self) -> None:
        """All scenarios that are marked as binding, but those with a random outcome, happen literally."""
        count = 0
        for scenarios in VERSIONS.values():
            for name, recording in scenarios.items():
                if recording.start["status"] != "match" or name in OTHERWISE:
                    continue
                self.compare(recording)
                count += 1
        self.assertEqual(count, 36)

    def test_outgoingConnectionsEnd(self) -> None:
        """Who connects and says nothing is closed after 5 s, and who does not answer our handshake, too."""
        for replay in self.both("accept-timeouts"):
            self.assertEqual({name: round(time, 1) for name, time in replay.ended.items()}, {"c1": 5.2, "s1": 10.2})

    def test_emptyChunk(self) -> None:
        """Wrong hashes and odd ids are dropped or forwarded as recorded, but an empty chunk is a packet."""
        for scenarios in VERSIONS.values():
            recording = scenarios["broadcast-bad-hash-and-falsy"]
            (line,) = (line for line in recording.lines if line.get("defect"))
            (passedOn,) = (raw for raw in Replay(recording).run().said["c2"] if b"-f3-" in raw)
            self.assertEqual(passedOn, bytesOf(line))
            # The application hears of it, which is the only difference.
            replay = Replay(recording).run(lambda line: bool(line.get("defect")))
            self.compare(Recording(recording.start, [line for line in recording.lines if not line.get("defect")]))
            self.assertNotIn("BDATA ", replay.news)

    def test_halfOfTheRequests(self) -> None:
        """A node that has enough peers dials about half of those who ask, and passes the others on."""
        for scenarios in VERSIONS.values():
            recording = scenarios["half-rejected-when-filled"]
            requests = [line for line in recording.lines if line["dir"] == "to_node" and "peer request" in line["raw"]]
            # The script listens all the time, and answers each handshake.
            accepts = [{**requests[0], "conn": f"s{n}", "dir": "event", "raw": "accepted"} for n in range(1, 13)]
            lines = [line for line in recording.lines if not line["conn"].startswith("s")]
            replay = Replay(Recording(recording.start, [*lines, *({**line, "t": 0.0} for line in accepts)]))
            for line in lines:
                before = len(replay.said)
                replay.play(line)
                if line in requests and len(replay.said) > before:
                    (name,) = list(replay.said)[before:]
                    ack = f'["smoke","handshake ack",{{"id":"{name}"}}]\n'
                    replay.play({**line, "conn": name, "raw": ack})
            dialled = sum(name.startswith("s") for name in replay.said)
            passedOn = [raw for raw in replay.said["c2"] if b"peer request" in raw]
            self.assertEqual(dialled + len(passedOn), 12)
            self.assertTrue(2 <= dialled <= 10, dialled)

    def test_requestsBetweenPeers(self) -> None:
        """Requests are accepted or passed on as recorded; those that nobody can dial are not passed on either."""
        for scenarios in VERSIONS.values():
            start, lines = scenarios["peer-request-between-peers"]
            useless = ('"localhost"', '"remotePort":"')
            useful = [line for line in lines if not any(text in str(line["raw"]) for text in useless)]
            self.compare(Recording(start, useful))
            replay = Replay(Recording(start, lines)).run()
            self.assertEqual(replay.said, Replay(Recording(start, useful)).run().said)
            self.assertEqual(replay.node.counters.badLines, {"value": 1, "type": 1})

    def test_netsplit(self) -> None:
        """A seed that does not answer is told of once, and so is its return; after that it is left alone."""
        for scenarios in VERSIONS.values():
            replay = Replay(scenarios["netsplit"]).run()
            self.assertEqual(
                [news for news in replay.news if "netsplit" in news], ["EVENT netsplit", "EVENT netsplit resolved"]
            )
            self.assertEqual(len(replay.said["s1"]), 1)
            self.assertNotIn("s2", replay.said)
            pings = [masked(raw) for raw in replay.said["c1"] if b'"ping"' in raw]
            recorded = [
                masked(bytesOf(line))
                for line in scenarios["netsplit"].lines
                if line["dir"] == "from_node" and '"ping"' in line["raw"]
            ]
            # Ours have an id that was made anew: the recorded pong at 30 s is for another one.
            self.assertEqual(pings, recorded)

    def test_messagesToOnePeer(self) -> None:
        """They are sent, nested, and read in every form that there is."""
        old = Replay(VERSIONS["0.1.0"]["direct"]).run()
        self.assertEqual(
            old.said["c1"][1:],
            [
                b'["smoke","event",["hi","x",{"a":1}]]\n',
                b'["smoke","event",["hi"]]\n',
                b'["smoke","event",["hi",["x"]]]\n',
            ],
        )
        self.assertEqual(old.news[3:], ['PHI ["x",1]', 'PHI ["x",1]', "PHI []"])
        new = Replay(VERSIONS["0.2.2"]["direct"]).run()
        self.assertEqual(new.said["c1"][1:], [b'["smoke","direct","aGVsbG8="]\n'])
        self.assertEqual(new.news[3:], ["PDATA hello", "PDATA hello world", "PDATA \ufffd\ufffd"])


class DefectTests(SynchronousTestCase):
    """Recorded scenarios in which real nodes did what we must not do."""

    def both(self, name: str) -> list[Replay]:
        """Play a scenario of both versions."""
        return [Replay(scenarios[name]).run() for scenarios in VERSIONS.values()]

    def test_secondHandshake(self) -> None:
        """A second handshake on one connection is ignored."""
        for replay in self.both("second-handshake-same-connection"):
            self.assertEqual(replay.news[:3], ["EVENT connect", "EVENT new peer peera", "ADD peera"])
            self.assertEqual(replay.news[3:], ["EVENT disconnect", "REMOVE peera"])
            self.assertEqual(replay.node.counters.badLines["late"], 1)

    def test_simultaneousOpen(self) -> None:
        """A second link that was dialled from the other side is kept, without any event."""
        for replay in self.both("simultaneous-open"):
            self.assertNotIn("s1", replay.ended)
            self.assertEqual(replay.news, ["EVENT connect", "EVENT new peer peera", "ADD peera"])
            self.assertEqual(len(replay.node.peers), 1)

    def test_failedDial(self) -> None:
        """Who asked for a peer is told that nobody listens there."""
        for replay in self.both("add-peer-refused"):
            self.assertIsInstance(replay.failures[0], DialFailed)

    def test_poisonedId(self) -> None:
        """A forged packet does not keep the true one from being delivered and forwarded."""
        for replay in self.both("poisoned-id"):
            self.assertEqual(replay.node.counters.badHashes, 1)
            self.assertEqual(replay.node.counters.delivered, 1)
            self.assertEqual(sum(b"peerz-u1" in raw for raw in replay.said["c2"]), 1)

    def test_otherPayloads(self) -> None:
        """Lists and strings are delivered and forwarded, whatever ends real nodes is not."""
        for replay in self.both("other-dialect"):
            passedOn = [raw for raw in replay.said["c2"] if b"broadcast" in raw]
            self.assertEqual(len(passedOn), 1)
            self.assertIn(b"-o1-", passedOn[0])
            self.assertEqual(replay.node.counters.dropped["payload"], 3)

    def test_askingForMore(self) -> None:
        """A node with too few peers asks for more at each tick, which 0.1.0 does not."""
        for replay in self.both("under-filled-requests"):
            self.assertEqual(sum(b"peer request" in raw for raw in replay.said["c1"]), 1)

    def test_stars(self) -> None:
        """Stars in a name match nothing."""
        for replay in self.both("wildcard-lines"):
            self.assertEqual(replay.news, [])
            self.assertEqual(replay.node.counters.badLines["unknown"], 2)

    def test_stop(self) -> None:
        """Stopping ends all links, and leaves no time to wait for."""
        for replay in self.both("stop-with-peers"):
            self.assertEqual(set(replay.ended), {"c1", "c2"})
            self.assertEqual(replay.news[-3:], ["REMOVE peera", "EVENT disconnect", "REMOVE peerb"])
            self.assertIsNone(replay.node.deadline())

    def test_oneLine(self) -> None:
        """No single line does any harm: it is counted, and ends a connection that has not shaken hands."""
        for scenarios in VERSIONS.values():
            for name in scenarios:
                if not name.startswith("one-line-"):
                    continue
                replay = Replay(scenarios[name]).run()
                counters = replay.node.counters
                odd = counters.badLines.total() + counters.dropped.total() + counters.delivered
                self.assertTrue(odd or name == "one-line-event-noarg", name)
                hasNoPeer = name.endswith(("-null-handshake", "-null-peer-request", "-null-pong", "-null-ack"))
                self.assertEqual(bool(replay.ended), hasNoPeer, name)
                self.assertEqual(replay.node.counters.dials["peer request"], 0, name)

    def test_oneLineEvents(self) -> None:
        """Events named error, and those without arguments, are delivered like others."""
        for scenarios in VERSIONS.values():
            self.assertEqual(Replay(scenarios["one-line-event-noarg"]).run().news[-1], "PHI []")
            self.assertEqual(Replay(scenarios["one-line-error-event"]).run().node.counters.delivered, 1)
