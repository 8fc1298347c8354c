"""
Tests for L{jetjstp.jet.logins}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet import logins
from jetjstp.jet.logins import WINDOW, FailedLogins
from tests.jet.conversations import deterministic


class FailedLoginsTests(SynchronousTestCase):
    """Tests for L{FailedLogins}."""

    def test_limit(self) -> None:
        """An address has to wait once it has failed as often as the limit says."""
        failures = FailedLogins(3)
        for _ in range(3):
            self.assertFalse(failures.exceeded("a", 5.0))
            failures.note("a", 5.0)
        self.assertTrue(failures.exceeded("a", 5.0))

    def test_addresses(self) -> None:
        """What one address does is nothing to another."""
        failures = FailedLogins(1)
        failures.note("a", 0.0)
        self.assertTrue(failures.exceeded("a", 0.0))
        self.assertFalse(failures.exceeded("b", 0.0))

    def test_minute(self) -> None:
        """A failure counts for a minute, each on its own."""
        failures = FailedLogins(2)
        failures.note("a", 0.0)
        failures.note("a", 30.0)
        self.assertTrue(failures.exceeded("a", WINDOW - 0.01))
        self.assertFalse(failures.exceeded("a", WINDOW))
        failures.note("a", WINDOW)
        self.assertTrue(failures.exceeded("a", WINDOW + 29.99))
        self.assertFalse(failures.exceeded("a", WINDOW + 30.0))

    def test_moreThanTheLimit(self) -> None:
        """Of more failures than the limit the newest count."""
        failures = FailedLogins(2)
        for now in (0.0, 10.0, 20.0, 30.0):
            failures.note("a", now)
        self.assertTrue(failures.exceeded("a", 79.99))
        self.assertFalse(failures.exceeded("a", 80.0))

    def test_bound(self) -> None:
        """Only so many addresses are remembered; who has not failed for the longest time is forgotten first."""
        self.patch(logins, "ADDRESSES", 3)
        failures = FailedLogins(1)
        for now, address in enumerate(["a", "b", "c", "a", "d", "e"]):
            failures.note(address, float(now))
        waiting = [address for address in "abcde" if failures.exceeded(address, 6.0)]
        self.assertEqual(waiting, ["a", "d", "e"])

    @given(
        st.integers(1, 3), st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.booleans()), max_size=20)
    )
    @deterministic
    def test_model(self, limit: int, steps: list[tuple[str, int, bool]]) -> None:
        """An address has to wait if, and only if, so many of its failures are younger than a minute."""
        failures = FailedLogins(limit)
        noted: list[tuple[str, float]] = []
        now = 0.0
        for address, pause, fails in steps:
            now += pause
            young = [each for each, then in noted if each == address and now - then < WINDOW]
            self.assertIs(failures.exceeded(address, now), len(young) >= limit)
            if fails:
                failures.note(address, now)
                noted.append((address, now))
