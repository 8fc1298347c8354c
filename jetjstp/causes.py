"""
Why a connection was ended, or never came about, in a few fixed words: for
figures, which must not be made of free text.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Cause", "Refusal"]


class Cause(Enum):
    """Why we ended a connection that was open."""

    SLOW = "slow"
    """It does not read what it is sent."""

    SILENT = "silent"
    """Nothing is heard of it: no answer to a ping, no acknowledgement, no message in time."""

    LIMIT = "limit"
    """It sent more than it may: a message that is too long, too many fragments or pings."""

    PROTOCOL = "protocol"
    """It broke a rule of WebSocket, or of what is spoken over it."""

    LOGIN = "login"
    """It failed to log in too often."""

    RIGHTS = "rights"
    """Its rights are others now, or its user is gone: it is to come back."""

    FAULT = "fault"
    """Something of ours failed."""


class Refusal(Enum):
    """Why a connection was not taken."""

    FULL = "full"
    """There are as many as there may be."""

    DENIED = "denied"
    """Its WebSocket handshake was answered with 401 or 403: its origin, its subprotocol, or who it is."""

    HANDSHAKE = "handshake"
    """It ended, for whatever reason, before its handshake of TLS or WebSocket was done."""
