"""
What a bus asks to be done outside.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Raw, UnsetType

from jetjstp.jet.clients import Client

__all__ = ["Authenticate", "Drop", "Effect", "PauseReading", "ResumeReading"]


class Authenticate(NamedTuple):
    """Ask the policy; C{Admission.authenticated}, C{Admission.refused} or C{Admission.refusedUnseen} is to follow."""

    client: Client
    id: Raw | UnsetType
    user: str
    password: str

    def __repr__(self) -> str:
        """Passwords are not for logs and tracebacks."""
        return f"Authenticate(client={self.client!r}, id={self.id!r}, user={self.user!r}, password=...)"


class Drop(NamedTuple):
    """
    End the connection of a client. C{Bus.lost} is to follow.

    @ivar atOnce: Whether what is in its outbox is lost, too: it would never be read.
    """

    client: Client
    reason: str
    atOnce: bool


class PauseReading(NamedTuple):
    """The client has more to be worked on than it may ask for at a time."""

    client: Client


class ResumeReading(NamedTuple):
    """It may ask for more."""

    client: Client


Effect = Authenticate | Drop | PauseReading | ResumeReading
