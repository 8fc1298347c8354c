"""Clients of npm's package on our server."""

from __future__ import annotations

import sys
from typing import Any

from jetjstp.jstp.logins import JstpLogins
from jetjstp.logins import LoginAttempts
from jetjstp.policies.users import UsersPolicy
from tests.policies.test_passwords import cheapHash

from .jstprunning import JstpTestCase
from .running import Expected

DESCRIPTIONS = [
    "None", "True", "False", "0", "1", "-1", "0.5", "-1.25e-07", "1e+21", "9007199254740991",
    "''", "'text'", "'it\\'s \"quoted\" \\\\ here'", "'line\\nbreak\\r\\t\\x00\\u2028\\u2029'",
    "'žluťoučký 馬 \U0001f40e'",
    "[]", "[1, [2, [3, []]]]", "[undefined, 1]", "{}",
    "{'5': 'five', 'a': 1, 'b c': {'d': [None]}, '$e_': 'x', 'é': 2}", "[{'constructor': 1}]",
]  # fmt: skip

EXPECTED: Expected = {
    "values": [("wrong", []), ("descriptions", DESCRIPTIONS), ("large", 700000)],
    "results": [
        ("none", []),
        ("null", [None]),
        ("many", [1, "two", [3]]),
        ("coroutine", [5]),
        ("remote error", [50, "with info", [{"a": 1}, 2]]),
        ("standard error", [17, "Bad field"]),
        ("broken", [16, "Internal API error"]),
        ("no interface", [12, "Interface not found"]),
        ("no method", [14, "Method not found"]),
        ("inherited", [14, "Method not found"]),
        ("too many", [17, "Invalid signature"]),
        ("too few", [17, "Invalid signature"]),
    ],
    "out of order": [("order", [[1], [20], [40]]), ("many", True)],
    "proxies": [
        ("methods", ["callMe", "inspectMe", "pingMe", "tellMe", "drop"]),
        ("call", [3]),
        ("event", [[1, {"two": [3]}]]),
        ("no interface", [12, "Interface not found"]),
    ],
    "server calls": [
        ("sum", [7]),
        ("fail", [70, "not here", ["info"]]),
        ("later", ["later"]),
        ("nothing", [14, "Method not found"]),
        ("inspect", [["fail", "later", "sum"]]),
        ("ping", ["ponged"]),
        ("event", [[1, ["two"]]]),
    ],
    "login": [
        ("who", ["user", "1.0.0"]),
        ("wrong", [11, "Authentication failed"]),
        ("locked", [11, "Account locked"]),
        ("remote", [99, "Come back later", [{"after": 5}]]),
        ("application", [10, "Application not found"]),
        ("anonymous", [None, "1.0.0"]),
    ],
    "versions": [
        ("vapp", ["2.0.0"]),
        ("vapp@1", ["1.1.5"]),
        ("vapp@~1.1.0", ["1.1.5"]),
        ("vapp@1.0.0", ["1.0.0"]),
        ("vapp@>=2 <3", ["2.0.0"]),
        ("none", [10, "Application not found"]),
    ],
    "heartbeat": [("both sides", True)],
    "resumed": [
        ("dropped", [-1]),
        ("calls", [[0], [1], [2]]),
        ("events", [1, 2, 3, "while away"]),
        ("lost", [-1]),
        ("remembered", ["a"]),
    ],
    "moved": [("remembered", ["b"]), ("alive", [1])],
}


class NpmClientTests(JstpTestCase):
    """What programs with npm's client see."""

    async def see(self, transport: str, *scenarios: str) -> None:
        """Run scenarios, all if none are named."""
        settings: dict[str, Any] = {
            "transport": "net" if transport == "unix" else transport,
            "args": await self.startOurs(transport),
            "scenarios": scenarios or list(EXPECTED),
        }
        expected = {name: EXPECTED[name] for name in scenarios or EXPECTED}
        await self.assertSees("jstpclient.js", settings, expected)
        # One method fails by mistake, and its server tells whoever looks after it.
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), "results" in expected)

    async def test_tcp(self) -> None:
        """Everything works over TCP."""
        await self.see("net")

    async def test_webSocket(self) -> None:
        """Everything works over WebSocket."""
        await self.see("ws")

    async def test_tls(self) -> None:
        """Values, refusals and restored sessions over TLS."""
        await self.see("tls", "values", "login", "resumed", "moved")

    async def test_unix(self) -> None:
        """Values, refusals and restored sessions over a UNIX socket."""
        await self.see("unix", "values", "login", "resumed", "moved")

    if sys.platform == "win32":
        test_unix.skip = "there are no UNIX sockets"  # type: ignore[attr-defined]


USERS: dict[str, Any] = {
    "joe": {"password": "s3cret", "auth": {}},
    "hashed": {"password": cheapHash("s3cret")},
    "pump": {"certificate": "pump-1", "auth": {}},
}


class NpmUsersTests(JstpTestCase):
    """Programs with npm's client on a server that has the users of a policy."""

    async def see(self, transport: str) -> None:
        """Log in, and be refused: by the password, the user, and after too many attempts unseen."""
        attempts = LoginAttempts(3)
        policy = JstpLogins(UsersPolicy(USERS), attempts=attempts)
        settings: dict[str, Any] = {
            "transport": transport,
            "args": await self.startOurs(transport, policy),
            "scenarios": ["users"],
            "attempts": [["joe", "?"], ["ann", "s3cret"], ["pump", "null"], ["joe", "s3cret"]],
        }
        unseen = "too many failed logins from this address, try again in a minute"
        seen: list[tuple[str, Any]] = [
            ("who", "joe"),
            ("who", "hashed"),
            ("anonymous", None),
            *[("refused", [11, "Authentication failed"])] * 3,
            ("refused", [11, unseen]),
        ]
        await self.assertSees("jstpclient.js", settings, {"users": seen})

    async def test_tcp(self) -> None:
        """Users come in over TCP, others do not."""
        await self.see("net")

    async def test_webSocket(self) -> None:
        """Users come in over WebSocket, others do not."""
        await self.see("ws")
