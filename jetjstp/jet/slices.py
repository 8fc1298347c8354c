"""
Work that takes longer than others should wait, done a little at a time.

A job is a generator: each step does some tenths of a millisecond of work and
yields L{STEP}, or L{BLOCKED} if its client takes no more for the time being.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import Protocol

__all__ = ["BLOCKED", "STEP", "STRIDE", "Job", "Slices", "Waiting"]

STEP = False
BLOCKED = True

STRIDE = 128
"""Elements, messages or entries that one step of a job looks at: some tenths of a millisecond."""

Job = Generator[bool, None, None]


class Waiting(Protocol):
    """Where jobs wait that may not go on."""

    parked: list[Job]


class Slices:
    """The jobs of a core, each in turn."""

    def __init__(self, failed: Callable[[Waiting], None]) -> None:
        """
        @param failed: Called with the owner of a job that raises, while the exception is the current one.
        """
        self._failed = failed
        self._jobs: deque[tuple[Waiting, Job]] = deque()

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def start(self, owner: Waiting, job: Job) -> None:
        """Do the first step now, the rest, if any, when its turn comes: what is small is done at once."""
        self._step(owner, job)

    def step(self) -> None:
        """Do one step of the next job."""
        self._step(*self._jobs.popleft())

    def _step(self, owner: Waiting, job: Job) -> None:
        try:
            blocked = next(job)
        except StopIteration:
            return
        except Exception:
            self._failed(owner)
            return
        if blocked:
            owner.parked.append(job)
        else:
            self._jobs.append((owner, job))

    def resume(self, owner: Waiting) -> None:
        """What waits for C{owner} may go on."""
        for job in owner.parked:
            self._jobs.append((owner, job))
        owner.parked.clear()
