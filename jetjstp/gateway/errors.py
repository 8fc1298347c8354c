"""
Errors of Jet for clients of JSTP, and the other way.

On JSTP an error is a list: the code, the message and, if there is one, the data
of the Jet error, unchanged. Its codes are those of JSON-RPC, which are below
-32000; JSTP's own are small.
"""

from __future__ import annotations

from typing import Any

from msgspec.json import encode

from jetjstp.gateway.jsontomdsf import mdsfOf, whyNot
from jetjstp.jet.errors import internalError
from jetjstp.jet.jsontext import UNREADABLE, valueOf
from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jstp.errors import (
    ERR_CALLBACK_LOST,
    ERR_INTERFACE_NOT_FOUND,
    ERR_INVALID_SIGNATURE,
    ERR_METHOD_NOT_FOUND,
    ERR_NO_HANDSHAKE_RESPONSE,
    CallbackLost,
    RemoteError,
)

__all__ = ["INTERNAL_ERROR", "INVALID_PARAMS", "jetErrorOf", "jstpErrorOf", "refusal", "trouble"]

INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

_LOCAL = (0, ERR_CALLBACK_LOST, ERR_NO_HANDSHAKE_RESPONSE)
"""Codes that mean something else, or nothing, to those who get them over JSTP."""

_NOBODY = (ERR_INTERFACE_NOT_FOUND, ERR_METHOD_NOT_FOUND, ERR_INVALID_SIGNATURE)


def refusal(data: Any) -> RemoteError:
    """What was asked for makes no sense."""
    return RemoteError(INVALID_PARAMS, "Invalid params", [data])


def trouble(message: str) -> RemoteError:
    """It is not the fault of who asks."""
    return RemoteError(INTERNAL_ERROR, "Internal error", [{"message": message}])


def jstpErrorOf(text: bytes) -> RemoteError:
    """
    The error of a Jet response. Owners may put anything there; what is no error object is the data of an internal one.

    @param text: As it was received, which is JSON.
    """
    if mdsfOf(text) is None:
        return trouble(f"the error cannot be passed on: {whyNot(text)}")
    error = valueOf(text)
    if not isinstance(error, dict):
        return RemoteError(INTERNAL_ERROR, "Internal error", [error])
    code, message = error.get("code"), error.get("message")
    if type(code) is not int or code in _LOCAL:
        return RemoteError(INTERNAL_ERROR, "Internal error", [error])
    info = [error["data"]] if "data" in error else None
    return RemoteError(code, message if isinstance(message, str) else None, info)


def jetErrorOf(error: BaseException, path: str) -> bytes:
    """
    The Jet error for who waits for an owner, given what its method, or the attempt to call it, has failed with.

    @param path: What it owns.
    """
    if isinstance(error, CallbackLost):
        return internalError(f"the owner of {path!r} lost its connection, and may have done it or not")
    if not isinstance(error, RemoteError):
        return internalError(f"the owner of {path!r} cannot be asked: {error}")
    if error.code in _NOBODY and error.info is None:
        return internalError(f"the owner of {path!r} does not take requests: {error}")
    code = error.code if type(error.code) is int else INTERNAL_ERROR
    message = error.message if isinstance(error.message, str) else str(error.message)
    try:
        data = encodeJson(_dataOf(error), "the data of an error")
    except (TypeError, *UNREADABLE):
        data = encode({"message": message})
    return b'{"message":%b,"code":%d,"data":%b}' % (encode(message), code, data)


def _dataOf(error: RemoteError) -> Any:
    if not error.info:
        # node-jet's peer dies of an internal error without data.
        return {"message": str(error)}
    return error.info[0] if len(error.info) == 1 else list(error.info)
