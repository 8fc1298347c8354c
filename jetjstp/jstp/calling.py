"""
Between what peers ask for and the functions of the application.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.jstp.errors import ERR_CALLBACK_LOST, ERR_INTERNAL_API_ERROR, ERR_NO_HANDSHAKE_RESPONSE, RemoteError
from jetjstp.jstp.mdsf.undefined import UNDEFINED
from jetjstp.jstp.results import EncodedResults, Results
from jetjstp.rarefailures import logRarely

__all__ = ["Failed", "Outcome", "callEventHandler", "invoke"]

_log = Logger()

_SINGLE = frozenset({str, int, float, bool, dict, list})
"""Types of results that are neither awaited nor taken apart."""

_LOCAL = frozenset({ERR_CALLBACK_LOST, ERR_NO_HANDSHAKE_RESPONSE})
"""Codes that are never sent."""


class Failed(list[Any]):
    """The error of a call, as it is sent; anything else is its results."""


Outcome = list[Any]
"""A list of results, or L{Failed}."""


def invoke(
    method: Callable[..., Any], connection: Any, args: Sequence[Any], interface: str, name: str
) -> Outcome | Deferred[Outcome]:
    """
    Call a method that a peer asks for.

    Its exceptions end here: a L{RemoteError} is the answer, any other is logged, without the arguments and not too
    often, and answered with C{ERR_INTERNAL_API_ERROR}.

    @param interface: For the log, just as C{name}.
    @return: What to answer; or a Deferred of it, which does not fail.
    """
    try:
        result = method(connection, *args)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # As Deferreds do: no method may end the connection, or the process.
        return _errorOf(Failure(error), method, interface, name)
    # The shortest way for what nearly every result is.
    if result is None:
        return []
    if type(result) in _SINGLE:
        return [result]
    if isinstance(result, Coroutine):
        result = ensureDeferred(result)
    if isinstance(result, Deferred):
        return result.addCallbacks(_resultsOf, _errorOf, errbackArgs=(method, interface, name))
    return _resultsOf(result)


def _resultsOf(value: Any) -> Outcome:
    if value is None or value is UNDEFINED:
        return []
    if isinstance(value, EncodedResults):
        return value
    return list(value) if isinstance(value, Results) else [value]


def _errorOf(failure: Failure, method: Callable[..., Any], interface: str, name: str) -> Outcome:
    error = failure.value
    if isinstance(error, RemoteError) and error.code not in _LOCAL:
        return Failed(error.toList())
    if isinstance(error, RemoteError):  # of a call that the method made itself: these are a matter of course
        _log.info("method {interface}.{name}: {error}", error=error, interface=interface, name=name)
        return Failed([ERR_INTERNAL_API_ERROR])
    logRarely(_log, method, "method {interface}.{name} failed", failure, interface=interface, name=name)
    return Failed([ERR_INTERNAL_API_ERROR])


def callEventHandler(
    handler: Callable[..., Any], connection: Any, args: Sequence[Any], interface: str, name: str
) -> None:
    """
    Tell a handler of an event. It may return anything, nobody waits for it; whatever it raises, or its Deferred or
    coroutine fails with, is logged without the arguments, and not too often.

    @param interface: For the log, just as C{name}.
    """
    try:
        result = handler(connection, *args)
        if result is None:
            return
        if isinstance(result, Coroutine):
            result = ensureDeferred(result)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _logHandler(Failure(error), handler, interface, name)
        return
    if isinstance(result, Deferred):
        result.addErrback(_logHandler, handler, interface, name)


def _logHandler(failure: Failure, handler: Callable[..., Any], interface: str, name: str) -> None:
    logRarely(_log, handler, "the handler of event {interface}.{name} failed", failure, interface=interface, name=name)
