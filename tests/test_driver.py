"""
Tests for L{jetjstp.driver}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.driver import SLICE, STEPS, Driver
from tests.jet.asking import BusyClock


class Core:
    """
    A core whose effects are strings.

    @ivar log: What happened, in order.
    @ivar left: Steps of work that are left.
    @ivar next: The deadline.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.effects: deque[str] = deque()
        self.left = 0
        self.next: float | None = None
        self.stepping: Callable[[], None] | None = None

    @property
    def working(self) -> bool:
        """See L{jetjstp.driver.Core}."""
        return self.left > 0

    def work(self) -> None:
        """See L{jetjstp.driver.Core}."""
        self.left -= 1
        self.log.append("step")
        if self.stepping is not None:
            self.stepping()

    def deadline(self) -> float | None:
        """See L{jetjstp.driver.Core}."""
        return self.next

    def expire(self, now: float) -> None:
        """See L{jetjstp.driver.Core}."""
        self.log.append(f"expire {now:g}")
        self.next = None


class DriverTestCase(SynchronousTestCase):
    """A driver of such a core."""

    def setUp(self) -> None:
        self.useClock(Clock())

    def useClock(self, clock: Clock) -> None:
        """Make a core and its driver."""
        self.clock = clock
        self.core = Core()
        self.reactions: dict[str, Callable[[], None]] = {}
        self.driver: Driver[str] = Driver(self.core, self.perform, self.flush, clock)

    def perform(self, effect: str) -> None:
        """Perform an effect."""
        self.core.log.append(effect)
        if effect in self.reactions:
            self.reactions[effect]()
            self.core.log.append(f"{effect} done")

    def flush(self) -> None:
        """Write outboxes."""
        self.core.log.append("flush")
        if "flush" in self.reactions:
            self.reactions.pop("flush")()

    def assertLogged(self, *words: str) -> None:
        """This happened since the last time."""
        self.assertEqual(self.core.log, list(words))
        self.core.log.clear()


class EffectTests(DriverTestCase):
    """Effects and outboxes."""

    def test_order(self) -> None:
        """Effects are performed in order, then outboxes are written."""
        self.core.effects.extend("abc")
        self.driver.settle()
        self.assertLogged("a", "b", "c", "flush")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_notNested(self) -> None:
        """What an effect brings about comes after it and after those that were waiting, also if it settles itself."""

        def react() -> None:
            self.core.effects.append("c")
            self.driver.settle()

        self.reactions["a"] = react
        self.core.effects.extend("ab")
        self.driver.settle()
        self.assertLogged("a", "a done", "b", "c", "flush")

    def test_writingBringsEffects(self) -> None:
        """Effects that come up while outboxes are written are performed, and what these write is written."""
        self.reactions["flush"] = lambda: self.core.effects.append("a")
        self.driver.settle()
        self.assertLogged("flush", "a", "flush")

    def test_failure(self) -> None:
        """An effect that fails is logged by its kind alone, and the others are performed."""

        def fail() -> None:
            raise RuntimeError("for a reason")

        self.reactions["a secret"] = fail
        self.core.effects.extend(["a secret", "b"])
        with capturedLogs() as logs:
            self.driver.settle()
        self.assertLogged("a secret", "b", "flush")
        self.assertEqual(formatEvent(logs[0]), "an effect could not be performed: str")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_failedWriting(self) -> None:
        """If writing fails, the caller learns it, and the next time everything goes on."""

        def fail() -> None:
            raise RuntimeError("cannot be written")

        self.reactions["flush"] = fail
        self.assertRaises(RuntimeError, self.driver.settle)
        self.core.effects.append("a")
        self.driver.settle()
        self.assertLogged("flush", "a", "flush")

    def test_time(self) -> None:
        """The core is told the time of the clock."""
        self.clock.advance(7)
        self.assertEqual(self.driver.now(), 7)


class WorkTests(DriverTestCase):
    """Work in slices."""

    def test_allAtOnce(self) -> None:
        """Work that takes no time is done at once; outboxes are written every few steps."""
        self.core.left = 2 * STEPS + 1
        self.driver.settle()
        steps = ["step"] * STEPS
        self.assertLogged("flush", *steps, "flush", *steps, "flush", "step", "flush")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_severalTurns(self) -> None:
        """When the time of a turn is used up, the rest waits for the next one."""
        clock = BusyClock()
        self.useClock(clock)
        clock.tick = SLICE
        self.core.left = 3
        self.driver.settle()
        self.assertLogged("flush", "step", "flush")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(len(list(clock.turns())), 2)
        self.assertLogged("flush", "step", "flush", "flush", "step", "flush")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_budget(self) -> None:
        """A turn's work goes on for as long as the slice, give or take a step."""
        clock = BusyClock()
        self.useClock(clock)
        self.core.left = 1000
        self.core.stepping = lambda: clock.advance(SLICE / 10)
        self.driver.settle()
        self.assertAlmostEqual(1000 - self.core.left, 10, delta=1)

    def test_inputMeanwhile(self) -> None:
        """What comes in while work waits for its turn is settled at once, and does not make the work go on."""
        clock = BusyClock()
        self.useClock(clock)
        clock.tick = SLICE
        self.core.left = 2
        self.driver.settle()
        self.core.log.clear()
        self.core.effects.append("a")
        self.driver.settle()
        self.assertLogged("a", "flush")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        list(clock.turns())
        self.assertLogged("flush", "step", "flush")

    def test_effectsOfWork(self) -> None:
        """Effects of a step are performed before the work goes on for long."""
        self.core.left = 2 * STEPS
        self.core.stepping = lambda: self.core.effects.append("a")
        self.driver.settle()
        self.assertEqual(self.core.log.index("a"), STEPS + 1)
        self.assertEqual(self.core.log.count("a"), 2 * STEPS)


class DeadlineTests(DriverTestCase):
    """The one timer."""

    def test_expires(self) -> None:
        """When the deadline has come the core is told, once, and what it then wants is done."""
        self.core.next = 5.0
        self.driver.settle()
        self.core.log.clear()
        self.clock.advance(4.5)
        self.assertLogged()
        self.core.effects.append("a")
        self.clock.advance(0.5)
        self.assertLogged("expire 5", "a", "flush")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_oneTimer(self) -> None:
        """There is one timer: an earlier deadline replaces it, a later one leaves it as it is."""
        for deadline, due in ((5.0, 5.0), (7.0, 5.0), (3.0, 3.0), (4.0, 3.0)):
            self.core.next = deadline
            self.driver.settle()
            (call,) = self.clock.getDelayedCalls()
            self.assertEqual(call.getTime(), due)

    def test_past(self) -> None:
        """A deadline that has passed is due in the next turn, not within the call."""
        self.clock.advance(10)
        self.core.next = 5.0
        self.driver.settle()
        self.assertLogged("flush")
        self.clock.advance(0)
        self.assertLogged("expire 10", "flush")

    def test_tooEarly(self) -> None:
        """A timer whose deadline was put off finds nothing to do and is set anew."""
        self.core.next = 5.0
        self.driver.settle()
        self.core.next = 8.0

        def expire(now: float) -> None:
            self.core.log.append(f"early {now:g}")

        self.patch(self.core, "expire", expire)
        self.core.log.clear()
        self.clock.advance(5)
        self.assertLogged("early 5", "flush")
        (call,) = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime(), 8)

    def test_rest(self) -> None:
        """When nothing has a deadline any more, the timer can be taken away; before, it stays."""
        self.core.next = 5.0
        self.driver.settle()
        self.driver.rest()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.core.next = None
        self.driver.rest()
        self.driver.rest()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.core.next = 6.0
        self.driver.settle()
        self.clock.advance(6)
        self.assertIn("expire 6", self.core.log)
