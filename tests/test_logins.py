"""
Tests for L{jetjstp.logins}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import logins
from jetjstp.interfaces import WrongPassword
from jetjstp.logins import WINDOW, FailedLogins, LoginAttempts, TooManyLogins
from jetjstp.rarefailures import FULL
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


class LoginAttemptsTests(SynchronousTestCase):
    """Tests for L{LoginAttempts}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.checking: list[Deferred[str]] = []

    def start(self, limit: int) -> None:
        """Begin with a limit."""
        self.attempts = LoginAttempts(limit, self.clock)

    def run_(self, address: str = "a") -> Deferred[str]:
        """Somebody wants to log in."""

        def check(*args: str) -> Deferred[str]:
            self.assertEqual(args, ("joe", "pw"))
            self.checking.append(Deferred())
            return self.checking[-1]

        return self.attempts.run(address, check, "joe", "pw")

    def assertRefused(self, login: Deferred[str]) -> None:
        """A login was not looked at."""
        failure = self.failureResultOf(login, TooManyLogins)
        self.assertEqual(failure.value.limit, self.attempts.limit)
        self.assertIn("try again", failure.getErrorMessage())

    def fail_(self, index: int) -> None:
        """A login is found to be wrong."""
        self.checking[index].errback(WrongPassword("wrong"))

    def test_outcomes(self) -> None:
        """The outcome of a check is that of the login, whatever it is."""
        self.start(5)
        right, wrong, broken = self.run_(), self.run_(), self.run_()
        self.checking[0].callback("joe")
        self.fail_(1)
        self.checking[2].errback(KeyError("away"))
        self.assertEqual(self.successResultOf(right), "joe")
        self.failureResultOf(wrong, WrongPassword)
        self.failureResultOf(broken, KeyError)

    def test_atOnce(self) -> None:
        """A check may give its outcome at once, or raise."""
        self.start(2)
        self.assertEqual(self.successResultOf(self.attempts.run("a", lambda: "joe")), "joe")

        def raises() -> str:
            raise WrongPassword("wrong")

        for _ in range(2):
            self.failureResultOf(self.attempts.run("a", raises), WrongPassword)
        self.assertRefused(self.attempts.run("a", lambda: "joe"))

    def test_failures(self) -> None:
        """After so many failures of an address its logins are refused unseen for a minute, those of others are not."""
        self.start(2)
        for index in range(2):
            login = self.run_()
            self.fail_(index)
            self.failureResultOf(login, WrongPassword)
        self.assertRefused(self.run_())
        self.assertEqual(len(self.checking), 2)
        self.run_("b")
        self.assertEqual(len(self.checking), 3)
        self.clock.advance(WINDOW)
        self.run_()
        self.assertEqual(len(self.checking), 4)

    def test_onlyWrongOnesCount(self) -> None:
        """What succeeds, and what cannot be checked, does not count."""
        self.start(1)
        for index in range(6):
            login = self.run_()
            if index % 2:
                self.checking[index].callback("joe")
                self.successResultOf(login)
            else:
                self.checking[index].errback(KeyError("away"))
                self.failureResultOf(login, KeyError)

    def test_atATime(self) -> None:
        """Of many at a time no more are checked than may fail; the rest waits, and is refused if they do."""
        self.start(3)
        logins = [self.run_() for _ in range(10)]
        self.assertEqual(len(self.checking), 3)
        for index in range(3):
            self.fail_(index)
            self.failureResultOf(logins[index], WrongPassword)
        for login in logins[3:]:
            self.assertRefused(login)
        self.assertEqual(len(self.checking), 3)

    def test_manyRightOnes(self) -> None:
        """Of many right ones at a time each is checked in its turn: nobody is refused for being in company."""
        self.start(3)
        logins = [self.run_() for _ in range(10)]
        for index in range(10):
            self.assertEqual(len(self.checking), min(10, index + 3))
            self.checking[index].callback("joe")
            self.assertEqual(self.successResultOf(logins[index]), "joe")

    def test_mixed(self) -> None:
        """With every failure one less is checked at a time."""
        self.start(3)
        for _ in range(10):
            self.run_().addErrback(lambda failure: failure.trap(WrongPassword, TooManyLogins))
        self.fail_(0)
        self.assertEqual(len(self.checking), 3)
        self.checking[1].callback("joe")
        self.assertEqual(len(self.checking), 4)
        self.fail_(2)
        self.checking[3].callback("joe")
        self.assertEqual(len(self.checking), 5)
        self.fail_(4)
        self.assertEqual(len(self.checking), 5)
        self.assertRefused(self.run_())

    def test_manyAtOnce(self) -> None:
        """Any number that waited may be checked at once, without growing the stack."""
        self.start(1)
        self.run_()
        outcomes: list[str] = []
        for _ in range(900):
            self.attempts.run("a", lambda: "joe").addCallback(outcomes.append)
        self.checking[0].callback("joe")
        self.assertEqual(len(outcomes), 900)

    def test_gone(self) -> None:
        """A login that is cancelled is not checked if it waited, and counts if it was being checked."""
        self.start(1)
        first, second, third = self.run_(), self.run_(), self.run_()
        second.cancel()
        self.failureResultOf(second, CancelledError)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.fail_(0)
        self.assertRefused(third)
        self.assertEqual(len(self.checking), 1)
        self.clock.advance(WINDOW)
        self.run_()
        self.assertEqual(len(self.checking), 2)

    def test_goneAndBroken(self) -> None:
        """A check that fails by a fault after who wanted it has left is logged, for nobody else hears of it."""
        self.start(1)
        login = self.run_()
        login.cancel()
        self.failureResultOf(login, CancelledError)
        self.checking[0].errback(KeyError("away"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_manyGoneAndBroken(self) -> None:
        """Who comes and leaves while the users are out of reach does not fill the log."""
        self.start(1)

        def check() -> Deferred[str]:
            self.checking.append(Deferred())
            return self.checking[-1]

        for _ in range(20):
            login: Deferred[str] = self.attempts.run("a", check)
            login.cancel()
            self.failureResultOf(login, CancelledError)
            self.checking.pop().errback(KeyError("away"))
        self.assertLessEqual(len(self.flushLoggedErrors(KeyError)), FULL)

    def test_neverDecided(self) -> None:
        """A check that takes more than a minute keeps nobody out any more; what comes of it is still told."""
        self.start(1)
        first, second = self.run_(), self.run_()
        self.clock.advance(WINDOW)
        third = self.run_()
        self.assertEqual(len(self.checking), 2)
        self.checking[0].callback("joe")
        self.assertEqual(self.successResultOf(first), "joe")
        self.assertNoResult(third)
        self.checking[1].callback("joe")
        self.assertEqual(self.successResultOf(second), "joe")
        self.checking[2].callback("joe")
        self.assertEqual(self.successResultOf(third), "joe")

    def test_boundOfWaiting(self) -> None:
        """So many may wait; more are refused at once."""
        self.patch(logins, "WAITING", 2)
        self.start(1)
        waiting = [self.run_() for _ in range(3)]
        self.assertRefused(self.run_())
        for index in range(3):
            self.checking[index].callback("joe")
            self.successResultOf(waiting[index])

    def test_nothingIsLeft(self) -> None:
        """Nothing is kept of an address at which nothing failed and nothing goes on."""
        self.start(2)
        outcomes = [self.run_(address) for address in "abcabc"]
        for checking in self.checking:
            checking.callback("joe")
        self.assertEqual(len(list(map(self.successResultOf, outcomes))), 6)
        self.assertEqual(self.attempts._addresses, {})
        self.assertEqual(self.attempts._failures._failures, {})

    def test_limit(self) -> None:
        """The limit is a positive number."""
        for limit in (0, -1):
            self.assertRaises(ValueError, LoginAttempts, limit, self.clock)
