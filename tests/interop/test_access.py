"""Users and access groups, as node-jet peers see them."""

from __future__ import annotations

from .running import Expected, NodeTestCase, differs

USERS = {
    "john": {
        "password": "john's",
        "auth": {"fetchGroups": ["users", "public"], "setGroups": ["users"], "callGroups": ["users", "public"]},
    },
    "bob": {
        "password": "bob's",
        "auth": {"fetchGroups": ["public"], "setGroups": [], "callGroups": ["public"]},
    },
    "eve": {"password": "eve's", "auth": {}},
    "root": {
        "password": "root's",
        "auth": {
            "fetchGroups": ["users", "public", "admin"],
            "setGroups": ["users", "public", "admin"],
            "callGroups": ["users", "public", "admin"],
        },
    },
}

EXPECTED: Expected = {
    "logging in": [
        ("same peer", True),
        ("access", {"fetchGroups": ["users", "public"], "setGroups": ["users"], "callGroups": ["users", "public"]}),
        ("connected", True),
        ("no access",),
        ("features", True),
    ],
    "logins that fail": [
        ("user", "InvalidUser"),
        ("password", "InvalidPassword"),
        ("operations", "InvalidPassword"),
        ("inherited name", differs("InvalidUser", "InvalidPassword")),
    ],
    "what each sees": [
        ("nobody", ["add open 0"]),
        ("nobody gets the same", ["add open 0"]),
        (
            "bob",
            [
                "add open 0",
                "add closed 0",
                "add public 0 fetchOnly",
                "add read only 0 fetchOnly",
                "add call public",
                "add call users fetchOnly",
            ],
        ),
        (
            "bob gets the same",
            [
                "add open 0",
                "add closed 0",
                "add public 0 fetchOnly",
                "add read only 0 fetchOnly",
                "add call public",
                "add call users fetchOnly",
            ],
        ),
        (
            "john",
            [
                "add open 0",
                "add closed 0",
                "add public 0",
                "add read only 0 fetchOnly",
                "add users 0 fetchOnly",
                "add call public",
                "add call users",
            ],
        ),
        (
            "john gets the same",
            [
                "add open 0",
                "add closed 0",
                "add public 0",
                "add read only 0 fetchOnly",
                "add users 0 fetchOnly",
                "add call public",
                "add call users",
            ],
        ),
        (
            "root",
            [
                "add open 0",
                "add closed 0",
                "add public 0",
                "add read only 0 fetchOnly",
                "add users 0",
                "add call public",
                "add call users",
                "add call hidden",
            ],
        ),
        (
            "root gets the same",
            [
                "add open 0",
                "add closed 0",
                "add public 0",
                "add read only 0 fetchOnly",
                "add users 0",
                "add call public",
                "add call users",
                "add call hidden",
            ],
        ),
        ("the owner", ["add open 0"]),
    ],
    "sorted": [
        ("bob", ["call public", "call users!", "closed", "open", "public!", "read only!"]),
    ],
    "what each may set": [
        (
            "nobody",
            {
                "open": True,
                "closed": "jet.Unauthorized",
                "public": "jet.Unauthorized",
                "read only": "jet.Unauthorized",
                "users": "jet.Unauthorized",
                "nobody": "jet.Unauthorized",
                "nothing": "jet.NotFound",
            },
        ),
        (
            "bob",
            {
                "open": True,
                "closed": True,
                "public": "jet.Unauthorized",
                "read only": "jet.FetchOnly",
                "users": "jet.Unauthorized",
                "nobody": "jet.Unauthorized",
                "nothing": "jet.NotFound",
            },
        ),
        (
            "john",
            {
                "open": True,
                "closed": True,
                "public": True,
                "read only": "jet.FetchOnly",
                "users": "jet.Unauthorized",
                "nobody": "jet.Unauthorized",
                "nothing": "jet.NotFound",
            },
        ),
        (
            "owner",
            {
                "open": True,
                "closed": "jet.Unauthorized",
                "public": "jet.Unauthorized",
                "read only": "jet.Unauthorized",
                "users": "jet.Unauthorized",
                "nobody": "jet.Unauthorized",
                "nothing": "jet.NotFound",
            },
        ),
    ],
    "what each may call": [
        (
            "nobody",
            {"call public": "jet.Unauthorized", "call users": "jet.Unauthorized", "call hidden": "jet.Unauthorized"},
        ),
        ("bob", {"call public": {}, "call users": "jet.Unauthorized", "call hidden": "jet.Unauthorized"}),
        ("john", {"call public": {}, "call users": {}, "call hidden": {}}),
        (
            "owner",
            {"call public": "jet.Unauthorized", "call users": "jet.Unauthorized", "call hidden": "jet.Unauthorized"},
        ),
        ("handled", [["bob"], ["john"], ["john"], ["john"]]),
    ],
    "the errors": [
        ("set", "Unauthorized"),
        ("call", "Unauthorized"),
    ],
    "live": [
        ("set", True),
        (
            "bob",
            [
                "add public 0 fetchOnly",
                "add open 0",
                "change public 1",
                "change open 1",
                "change public 2",
                "remove public 2",
            ],
        ),
        (
            "john",
            [
                "add public 0",
                "add users 0",
                "add open 0",
                "change public 1",
                "change users 1",
                "change open 1",
                "change public 2",
                "remove public 2",
            ],
        ),
        ("nobody", ["add open 0", "change open 1"]),
    ],
    "another identity": [
        ("as bob", "Unauthorized"),
        ("wrong password", "InvalidPassword"),
        ("still bob", ["add call public", "add call users fetchOnly"]),
        ("auth", {"fetchGroups": ["users", "public"], "setGroups": ["users"], "callGroups": ["users", "public"]}),
        ("as john", True),
        ("while fetching", {"message": "Invalid params", "code": -32602, "data": {"alreadyFetching": True}}),
    ],
    "a user without lists": [
        ("access", {}),
        ("sees", differs(["add open 0", "add closed 0"], "failed")),
    ],
    "elements of users": [
        ("add", True),
        ("set", True),
        ("others", "Unauthorized"),
        ("others get", []),
        ("john gets", [{"path": "private", "event": "add", "value": 2}]),
    ],
}


class AccessTests(NodeTestCase):
    """node-jet peers with and without users."""

    async def test_tcp(self) -> None:
        """Over TCP, each user sees, sets and calls what his groups allow."""
        place = await self.startDaemon(users=USERS)
        await self.assertSees("access.js", place.tcp, EXPECTED)

    async def test_webSocket(self) -> None:
        """Over WebSocket, each user sees, sets and calls what his groups allow."""
        place = await self.startDaemon(users=USERS)
        await self.assertSees("access.js", place.webSocket, EXPECTED)
