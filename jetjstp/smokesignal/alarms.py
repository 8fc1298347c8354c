"""
What is to happen later: one queue for all of a node's times.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count

__all__ = ["Alarm", "Alarms"]

_MOST_CANCELLED = 64
"""Cancelled alarms that may stay in the queue, if they are not more than the others."""


class Alarm:
    """Something that will be done, unless it is cancelled."""

    __slots__ = ("action", "serial", "time")

    def __init__(self, time: float, serial: int, action: Callable[[float], None] | None) -> None:
        self.time = time
        self.serial = serial
        self.action = action

    def __lt__(self, other: Alarm) -> bool:
        return (self.time, self.serial) < (other.time, other.serial)


class Alarms:
    """Alarms in the order of their times, those of one time in the order in which they were set."""

    __slots__ = ("_cancelled", "_heap", "_serials")

    def __init__(self) -> None:
        self._heap: list[Alarm] = []
        self._serials = count()
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def set(self, time: float, action: Callable[[float], None]) -> Alarm:
        """Have something done; the action is given the time that it is then."""
        alarm = Alarm(time, next(self._serials), action)
        heappush(self._heap, alarm)
        return alarm

    def cancel(self, alarm: Alarm | None) -> None:
        """Not any more. One that is over, or none at all, is no error."""
        if alarm is None or alarm.action is None:
            return
        alarm.action = None
        self._cancelled += 1
        if self._cancelled > max(_MOST_CANCELLED, len(self._heap) // 2):
            self._heap = [alarm for alarm in self._heap if alarm.action is not None]
            heapify(self._heap)
            self._cancelled = 0

    def deadline(self) -> float | None:
        """When the next one is due."""
        heap = self._heap
        while heap and heap[0].action is None:
            heappop(heap)
            self._cancelled -= 1
        return heap[0].time if heap else None

    def expire(self, now: float) -> None:
        """Do what is due, also what becomes due by that."""
        while True:
            deadline = self.deadline()
            if deadline is None or deadline > now:
                return
            alarm = heappop(self._heap)
            action, alarm.action = alarm.action, None
            if action is not None:
                action(now)
