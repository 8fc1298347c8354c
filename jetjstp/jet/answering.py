"""
Between the requests of other peers and the handlers of the application.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.jet.asking import Invoke
from jetjstp.jet.content import AS_REQUESTED, Content, Method, SetResult, State
from jetjstp.jet.jsontext import valueOf
from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jet.owning import Owning
from jetjstp.jet.peererrors import BaseError, bodyOf
from jetjstp.rarefailures import logRarely

__all__ = ["Answering"]


class Answering:
    """Calls handlers, and gives the core what they say, at once or later."""

    _log = Logger()

    def __init__(self, owning: Owning, settle: Callable[[], None]) -> None:
        """
        @param settle: To be called after each input to the core.
        """
        self._owning = owning
        self._settle = settle

    def invoke(self, request: Invoke) -> None:
        """Have the handler of what is set or called answer."""
        content: Content = request.content.content
        version = content._version if isinstance(content, State) else 0
        try:
            argument = valueOf(request.argument)
            if isinstance(content, Method):
                result = content._call(argument)
            else:
                assert content._handler is not None
                result = content._handler(argument)
            if result is not None and isinstance(result, Coroutine):
                result = ensureDeferred(result)
            if isinstance(result, Deferred):
                result.addCallback(self._succeeded, request, argument, version)
                result.addErrback(self._failed, request)
            else:
                self._succeeded(result, request, argument, version)
        except Exception:
            self._failed(Failure(), request)

    def _succeeded(self, result: Any, request: Invoke, argument: Any, version: int) -> None:
        content: Content = request.content.content
        if isinstance(content, State):
            self._accepted(content, _setResult(content, result), request, argument, version)
        else:
            self._owning.returned(request, encodeJson(result, f"the result of {content.path!r}"))
        self._settle()

    def _accepted(self, state: State, result: SetResult, request: Invoke, argument: Any, version: int) -> None:
        value, dontNotify = result
        if value is AS_REQUESTED:
            if dontNotify and state._version != version:
                # The handler has given the state a value of its own, and told it.
                self._owning.accepted(request, None, False)
                return
            value, encoded = argument, request.argument
        else:
            encoded = encodeJson(value, f"the new value of {state.path!r}")
        state._note(value, encoded)
        self._owning.accepted(request, encoded, not dontNotify)
        if state._owned is not None and state._owned is not request.content:
            # It was removed and added again meanwhile: what is there now has the value of before.
            self._owning.change(state._owned, encoded)

    def _failed(self, failure: Failure, request: Invoke) -> None:
        if not failure.check(BaseError):
            handler = request.content.content._handler
            logRarely(self._log, handler, "the handler of {path!r} failed", failure, path=request.path)
        error = failure.value or RuntimeError("it failed without saying why")
        self._owning.failed(request, bodyOf(error, request.path))
        self._settle()


def _setResult(state: State, result: Any) -> SetResult:
    if result is None:
        return SetResult()
    if isinstance(result, SetResult):
        return result
    if isinstance(result, Mapping) and result.keys() <= {"value", "dontNotify"}:
        return SetResult(result.get("value", AS_REQUESTED), bool(result.get("dontNotify", False)))
    raise TypeError(
        f"the set handler of {state.path!r} returned {result!r:.80}; what it may return is None, jet.SetResult(value), "
        "or a dict with the keys value and dontNotify"
    )
