"""
The dialect of clients that come over JSTP: what the core has to say to one of
them, as it passes its link.

A notification is a ready list of arguments, C{[id,{...}]}, that every
subscriber with this fetch id is sent. Everything else is an object, which only
the link reads.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, DecodeError, Raw, Struct, UnsetType
from msgspec.json import Decoder

from jetjstp.gateway.jsontomdsf import mdsfOf, whyNot
from jetjstp.jet.dialects import NodeJet2
from jetjstp.jet.jsontext import itemsOf, membersOf, quote, valueOf

__all__ = ["ENDED", "JSTP", "NOTIFICATION", "Word", "packed", "wordOf"]

NOTIFICATION = ord("[")
"""How the frame of a notification begins."""

ENDED = b"!"
"""In front of the arguments of an event: the fetch cannot go on, see L{packed}."""


class JstpDialect(NodeJet2):
    """As node-jet 2, apart from how it is put."""

    suffix = b"]"

    def prefix(self, id: bytes) -> bytes:
        return b"[" + id + b","

    def routedSet(self, id: bytes | None, path: str, value: bytes | None, valueAsResult: bytes | None) -> bytes:
        text = b'{"route":%b,"path":%b' % (id or b"null", quote(path))
        if value is not None:
            text += b',"value":' + value
        if valueAsResult is not None:
            text += b',"valueAsResult":' + valueAsResult
        return text + b"}"

    def routedCall(self, id: bytes | None, path: str, args: bytes | None) -> bytes:
        return b'{"route":%b,"path":%b,"args":%b}' % (id or b"null", quote(path), args or b"[]")


JSTP = JstpDialect()


class Word(Struct, gc=False):
    """
    What is no notification: an answer, which has C{id}, or a request for an owner, which has C{route}.

    @ivar route: The id that the core waits for; L{None} if nobody does.
    """

    id: int | None = None
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    route: str | UnsetType | None = UNSET
    path: str = ""
    value: Raw | UnsetType = UNSET
    valueAsResult: Raw | UnsetType = UNSET
    args: Raw | UnsetType = UNSET


_word = Decoder(Word).decode


def wordOf(frame: bytes) -> Word:
    """Read what is no notification."""
    try:
        return _word(frame)
    except DecodeError:  # lone surrogates, which are JSON all the same
        members = membersOf(frame) or {}
    word = Word()
    for name, text in members.items():
        setattr(word, name, valueOf(text) if name in ("id", "route", "path") else Raw(text))
    return word


def packed(message: bytes) -> bytes:
    """
    The frame of a message: for a notification, once for all that are sent it, MDSF that every client reads.

    A value that MDSF cannot say is left out, and that is said. If there is no room for that, either, which takes a
    sorted window of thousands of long paths, the frame tells that the fetch has ended.
    """
    if message[0] != NOTIFICATION:
        return message
    text = mdsfOf(message)
    if text is not None:
        return text
    why = quote(whyNot(message))
    id, body = itemsOf(message)
    text = mdsfOf(b"[%b,%b]" % (id, _withoutValues(body, why)))
    if text is not None:
        return text
    error = b'[-32603,"Internal error",{"message":%b}]' % why
    return b"%b[%b,%b]" % (ENDED, id, error)


def _withoutValues(body: bytes, why: bytes) -> bytes:
    members: Any = membersOf(body) or {}
    if "changes" in members:
        changes = [_withoutValues(entry, why) for entry in itemsOf(members["changes"])]
        members["changes"] = b"[" + b",".join(changes) + b"]"
    elif members.pop("value", None) is not None:
        members["omitted"] = why
    return b"{" + b",".join(quote(name) + b":" + value for name, value in members.items()) + b"}"
