"""Unsorted fetchers of node-jet peers."""

from __future__ import annotations

from .running import Expected, NodeTestCase, differs

EXPECTED: Expected = {
    "path rules": [
        ("all", "alpha alpha/beta Alphabet gamma/alpha beta Äpfel/GROSS"),
        ("no rule", "alpha alpha/beta Alphabet gamma/alpha beta Äpfel/GROSS"),
        ("equals", "alpha"),
        ("equalsNot", "alpha/beta Alphabet gamma/alpha beta Äpfel/GROSS"),
        ("startsWith", "alpha alpha/beta"),
        ("startsNotWith", "Alphabet gamma/alpha beta Äpfel/GROSS"),
        ("endsWith", differs("alpha gamma/alpha", "alpha gamma/alpha beta")),
        ("endsNotWith", differs("alpha/beta Alphabet beta Äpfel/GROSS", "alpha/beta Alphabet Äpfel/GROSS")),
        ("contains", "alpha/beta Alphabet beta"),
        ("containsNot", "alpha gamma/alpha Äpfel/GROSS"),
        ("containsOneOf", "alpha/beta Alphabet gamma/alpha beta"),
        ("containsAllOf", "alpha/beta"),
        ("equalsOneOf", "alpha beta"),
        ("equalsNotOneOf", "alpha/beta Alphabet gamma/alpha Äpfel/GROSS"),
        ("equalsOneOf nothing", ""),
        ("containsAllOf nothing", "alpha alpha/beta Alphabet gamma/alpha beta Äpfel/GROSS"),
        ("two predicates", "alpha/beta"),
        ("three predicates", "alpha/beta Alphabet"),
        ("the empty start", "alpha alpha/beta Alphabet gamma/alpha beta Äpfel/GROSS"),
        ("an unknown predicate", "beta"),
    ],
    "path rules without case": [
        ("equals", "alpha"),
        ("equalsNot", "alpha/beta Alphabet gamma/ALPHA beta Äpfel/GROSS"),
        ("startsWith", "alpha alpha/beta Alphabet"),
        ("endsWith", differs("alpha gamma/ALPHA", "alpha gamma/ALPHA beta")),
        ("contains", "alpha/beta Alphabet beta"),
        ("containsOneOf", "alpha/beta Alphabet gamma/ALPHA beta"),
        ("equalsOneOf", "alpha beta"),
        ("umlaut", "Äpfel/GROSS"),
        ("with an expression", "alpha/beta Alphabet"),
    ],
    "value rules": [
        ("equals number", "n5"),
        ("equals string", "s5"),
        ("equals boolean", "yes"),
        ("equalsNot", "n1 n9 s5 abc yes no nil obj arr"),
        ("equals an object", ""),
        ("lessThan and number", "n1 n5"),
        ("greaterThan and number", "n5 n9"),
        ("between", "n5"),
        ("greaterThan string", "abc"),
        ("isType number", "n1 n5 n9"),
        ("isType string", "s5 abc"),
        ("isType boolean", "yes no"),
        ("isType object", "nil obj arr"),
        ("with a path", "n5 n9"),
    ],
    "values of different types do not compare": [
        ("lessThan", differs("n5", "n5 s5 yes nil")),
        ("greaterThan", differs("s5", "n5 s5")),
    ],
    "key rules": [
        ("equals", "joe"),
        ("equalsNot", "jim eve list empty"),
        ("lessThan", "jim"),
        ("greaterThan", "eve"),
        ("isType", "eve"),
        ("value with three arguments", "jim"),
        ("two keys", "jim"),
        ("a boolean", "jim"),
        ("an index", "jim"),
        ("an index first", "list"),
        ("with a path", "joe"),
        ("two operators", "jim"),
        ("the documented expression", "jim"),
    ],
    "unknown operators": [
        ("value", {"message": "Invalid params", "code": -32602, "data": "unknown generator sounds"}),
        ("key", {"message": "Invalid params", "code": -32602, "data": "unknown generator sounds"}),
    ],
    "path rules live": [
        ("some", ["add a/1 1", "add a/2 2", "change a/1 10", "remove a/2 2", "add a/2 2", "add a/m"]),
        (
            "all",
            [
                "add a/1 1",
                "add b/1 1",
                "add a/2 2",
                "change a/1 10",
                "change b/1 11",
                "remove a/2 2",
                "add a/2 2",
                "add a/m",
            ],
        ),
    ],
    "value rules live": [
        (
            "value",
            [
                "add a 11",
                "change a 12",
                "remove a 3",
                "add a 20",
                'remove a "on"',
                "add b 50",
                "change b 51",
                "remove b 51",
            ],
        ),
        ("path and value", ['add a "on"', 'change a "on"', 'remove a "off"', 'add a "on"', 'remove a "on"']),
    ],
    "key rules live": [
        (
            "events",
            [
                'add persons/1 {"age":18}',
                'change persons/1 {"age":18,"name":"Eve"}',
                'remove persons/1 {"name":"Eve"}',
                'add persons/1 {"age":50}',
                'remove persons/1 {"age":50}',
            ],
        ),
    ],
    "flags of fetch-only states": [
        ("events", ["add r 1 fetchOnly", "remove r -1", "add r 2 fetchOnly", "change r 3", "remove r 3"]),
    ],
    "unfetch and fetch again": [
        ("isFetching", False),
        ("isFetching", True),
        ("unfetch", True),
        ("isFetching", False),
        ("events", ["add s 1"]),
        ("fetch", True),
        ("events", ["add s 1", "add s 2", "change s 3"]),
        ("own unfetch", True),
        ("again", True),
        ("count", 3),
    ],
    "unfetch before fetch": [
        ("unfetch",),
        ("isFetching", False),
    ],
    "the same fetcher twice": [
        ("again", True),
        ("events", ["add s/1 1", "add s/1 1", "change s/1 2", "add s/2 1"]),
    ],
    "unfetch inside the callback": [
        ("events", ["add s 1", "remove s 1"]),
    ],
    "several fetchers of a peer": [
        ("order", ["first add", "second add", "third add", "first change", "second change", "third change"]),
    ],
    "a fetch as notification": [
        ("fetch",),
        ("events", ["add s 1", "change s 2"]),
    ],
    "everything before the connection is up": [
        ("set", True),
        ("events", ["add s 1", "change s 2"]),
    ],
    "many peers at once": [
        ("notifications each", []),
        ("last", True),
    ],
    "a thousand states": [
        ("count", 2000),
        ("in order", True),
        ("values", True),
    ],
}


class FetchingTests(NodeTestCase):
    """node-jet fetchers on the daemon."""

    async def test_tcp(self) -> None:
        """Over TCP, fetchers find, follow and forget what their rules say."""
        place = await self.startDaemon()
        await self.assertSees("fetching.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, fetchers find, follow and forget what their rules say."""
        place = await self.startDaemon()
        await self.assertSees("fetching.js", place.webSocket, EXPECTED)
