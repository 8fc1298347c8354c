"""Sorted fetchers of node-jet peers."""

from __future__ import annotations

from .running import Expected, NodeTestCase, differs

EXPECTED: Expected = {
    "by path": [
        ("ascending", ["C=1 a=3 a10=5 a9=6 b=2 ä=4"]),
        ("descending", ["ä=4 b=2 a9=6 a10=5 a=3 C=1"]),
        ("no direction", ["C=1 a=3 a10=5 a9=6 b=2 ä=4"]),
        ("first two", ["C=1 a=3"]),
        ("from the third", ["a10=5 a9=6"]),
        ("only from", ["a=3 a10=5 a9=6 b=2 ä=4"]),
        ("beyond the end", [""]),
        ("one place", ["a=3"]),
        ("with a path rule", ["a=3 a10=5 a9=6"]),
        ("with a value rule", ["a10=5 a9=6 ä=4"]),
        ("nothing matches", [""]),
    ],
    "by value": [
        ("numbers", ["n1=1 n2=2 n3=3 n10=10"]),
        ("numbers descending", ["n10=10 n3=3 n2=2 n1=1"]),
        ("highest two", ["n10=10 n3=3"]),
        ("strings", ['s10="10" S="Text" s="text"']),
        ("booleans", ["no=false yes=true"]),
    ],
    "by key": [
        ("number", ["persons/2 persons/4 persons/3 persons/1"]),
        ("string", ["persons/4 persons/3 persons/1 other persons/2"]),
        ("two arguments", ["persons/2 other"]),
        ("the youngest", ["persons/2 persons/4"]),
        ("an expression", ["persons/1 persons/3 persons/2 persons/4"]),
    ],
    "entries of an array": [
        ("entries", [[{"path": "s/2", "value": 20, "fetchOnly": True, "index": 2}, {"path": "s/m", "index": 3}]]),
    ],
    "live array": [
        (
            "windows",
            [
                "c=30 b=40 a=50",
                "a=10 c=30 b=40",
                "a=10 c=30 b=41",
                "a=10 c=30 b=41",
                "a=10 d=20 c=30",
                "a=10 d=20 b=41",
                "d=20 b=41 c=98",
                "d=20 c=98 e=99",
                "b=1 d=20 c=98",
            ],
        ),
    ],
    "live window in the middle": [
        ("windows", ["b=2 c=3", "a=1.5 b=2", "a=1.5 c=3", "c=3 d=4", "d=4 b=10", "b=10", ""]),
    ],
    "a window that shrinks and grows": [
        ("windows", ["a=1 b=2 c=3", "b=2 c=3", differs("a=1 b=2 c=3", "a=1 b=2 ?")]),
    ],
    "jumps across a window": [
        ("windows", ["b=2 c=3 d=4", differs("c=3 a=3.5 d=4", "b=2 a=3.5 d=4"), "b=2 c=3 d=4", "c=3 d=4 e=5"]),
    ],
    "equal keys": [
        ("ascending", ["c=1 a=1 b=1", "c=1 b=1 a=2", "c=1 b=1 a=1"]),
        ("descending", ["c=1 a=1 b=1", "a=2 c=1 b=1", "a=1 c=1 b=1"]),
    ],
    "differences": [
        (
            "notifications",
            ["3: 1 a=1, 2 b=2, 3 c=3", "3: 2 b=2.5", "3: 1 b=0, 2 a=1", "4: 2 d=0.5!, 3 a=1, 4 c=3", "3: 3 c=3", "2: "],
        ),
    ],
    "differences without a range": [
        ("notifications", ["10: 1 sa=0, 2 sb=1, 3 sc=2, 4 sd=3, 5 se=4, 6 sf=5, 7 sg=6, 8 sh=7, 9 si=8, 10 sj=9"]),
    ],
    "differences within a range": [
        ("notifications", ["2: 2 c=3, 3 b=2", "2: 2 c=30", "2: 2 b=2, 3 a=10"]),
    ],
    "unfetch and fetch again": [
        ("unfetch", True),
        ("notifications", ["2: 1 a=1, 2 b=2", "2: 1 b=2, 2 a=3", "2: 1 a=0, 2 b=2"]),
    ],
    "the owner leaves": [
        ("last", "d=4"),
    ],
    "the youngest persons": [
        ("ages", [71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90]),
        ("never out of order", True),
        ("never with holes", True),
    ],
}


class SortingTests(NodeTestCase):
    """Sorted node-jet fetchers on the daemon."""

    async def test_tcp(self) -> None:
        """Over TCP, sorted fetchers show the window that they ask for, never stale, never with holes."""
        place = await self.startDaemon()
        await self.assertSees("sorting.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, sorted fetchers show the window that they ask for, never stale, never with holes."""
        place = await self.startDaemon()
        await self.assertSees("sorting.js", place.webSocket, EXPECTED)
