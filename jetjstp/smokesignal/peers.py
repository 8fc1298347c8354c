"""
The list of peers, and how many there should be (protocol page, section 7).
"""

from __future__ import annotations

from collections.abc import Iterator

from jetjstp.smokesignal.connections import Neighbour

__all__ = ["PeerTable"]


class PeerTable:
    """
    The peers, in the order in which they came.

    @ivar all: The same as a list. It is replaced, never changed.
    @ivar least: How many the node strives for.
    @ivar most: How many it may have.
    @ivar hasSpare: Whether one more is welcome: a seed is split off, and somebody may bring it back.
    """

    def __init__(self, least: int, most: float) -> None:
        self.all: list[Neighbour] = []
        self.least = least
        self.most = most
        self.hasSpare = False
        self._byId: dict[str, Neighbour] = {}

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Neighbour]:
        return iter(self.all)

    def __contains__(self, peer: object) -> bool:
        return isinstance(peer, Neighbour) and self._byId.get(peer.id) is peer

    def get(self, id: str) -> Neighbour | None:
        """The peer with that id."""
        return self._byId.get(id)

    def isFull(self) -> bool:
        """Whether whoever shakes hands now is refused."""
        return len(self.all) >= self.most + self.hasSpare

    def wouldBeFull(self, coming: int) -> bool:
        """Whether there are enough with those that are being dialled."""
        return len(self.all) + coming >= self.most

    def isFilled(self, coming: int = 0) -> bool:
        """Whether the node needs nobody."""
        return len(self.all) + coming >= self.least

    def add(self, peer: Neighbour) -> bool:
        """
        Add a peer whose id is not there.

        @return: Whether it is the only one.
        """
        self._byId[peer.id] = peer
        peer.isListed = True
        self.all = [*self.all, peer]
        return len(self.all) == 1

    def remove(self, peer: Neighbour) -> bool:
        """
        Remove a peer: this one, not whoever has its id.

        @return: Whether it was the last one.
        """
        if self._byId.get(peer.id) is peer:
            del self._byId[peer.id]
            self.all = [other for other in self.all if other is not peer]
        peer.isListed = False
        return not self.all
