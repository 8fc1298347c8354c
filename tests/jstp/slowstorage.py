"""
A session storage that does nothing before the test lets it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from jetjstp.jstp import Session, SimpleSessionStorageProvider

__all__ = ["SlowStorage"]


class SlowStorage:
    """
    What is asked of it waits until the test lets it be done, and then until it lets it be answered.

    @ivar inner: Where it is done; several may share it.
    @ivar asked: The names of all that was ever asked.
    @ivar waiting: The names of what was asked, and neither done nor answered.
    @ivar failure: What the next request fails with.
    """

    def __init__(self, inner: SimpleSessionStorageProvider) -> None:
        self.inner = inner
        self.failure: Exception | None = None
        self.asked: list[str] = []
        self._requests: list[tuple[str, Callable[[], Any], Deferred[Any]]] = []
        self._answers: list[tuple[Deferred[Any], Any]] = []

    @property
    def waiting(self) -> list[str]:
        """What was asked."""
        return [name for name, _, _ in self._requests]

    @property
    def hasRecorded(self) -> bool:
        """Whether something is recorded, and the server does not know yet."""
        return bool(self._answers) and self._answers[0][1] is None

    def _ask(self, name: str, *args: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self.asked.append(name)
        self._requests.append((name, lambda: getattr(self.inner, name)(*args), answer))
        return answer

    def get(self, id: str) -> Deferred[Any]:
        """See L{jetjstp.interfaces.IFencedSessionStorage}, here and below."""
        return self._ask("get", id)

    def set(self, id: str, session: Session) -> Deferred[Any]:
        return self._ask("set", id, session)

    def take(self, id: str, server: str) -> Deferred[Any]:
        return self._ask("take", id, server)

    def record(self, id: str, epoch: int, entries: Any) -> Deferred[Any]:
        return self._ask("record", id, epoch, entries)

    def release(self, id: str, epoch: int) -> Deferred[Any]:
        return self._ask("release", id, epoch)

    def delete(self, id: str, epoch: int) -> Deferred[Any]:
        return self._ask("delete", id, epoch)

    def do(self) -> None:
        """Do what was asked first, without telling."""
        _, request, answer = self._requests.pop(0)
        failure, self.failure = self.failure, None
        try:
            if failure is not None:
                raise failure
            self._answers.append((answer, request()))
        except Exception as error:
            self._answers.append((answer, error))

    def tell(self) -> None:
        """Answer what was done first."""
        answer, result = self._answers.pop(0)
        if isinstance(result, Exception):
            answer.errback(result)
        else:
            answer.callback(result)

    def step(self) -> str:
        """Do the next, and answer it; returns its name."""
        name = self.waiting[0]
        self.do()
        self.tell()
        return name

    def halfStep(self) -> bool:
        """Answer what is done, or do the next; returns whether there was anything left."""
        if self._answers:
            self.tell()
        elif self._requests:
            self.do()
        else:
            return False
        return True

    def finish(self) -> None:
        """Do and answer all, and what comes of that."""
        while self.halfStep():
            pass
