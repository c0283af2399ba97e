"""The registry of presence: the clients in each document, of this node and of the others."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from graph.kit.presence import Client, Lease, Place, Present

Entries = dict[tuple[UUID, Client], Present]
"""By node and client: a client that reconnects at another node is in two entries for a moment."""


class PresenceRegistry:
    """The clients of each node. Only that node changes them for good."""

    def __init__(self) -> None:
        self._documents: dict[UUID, Entries] = defaultdict(dict)

    def put(self, node: UUID, present: Present) -> bool:
        """Store the state of a node's client; return whether it has changed."""
        entries, key = self._documents[present.client.document_id], (node, present.client)
        news = entries.get(key) != present
        entries[key] = present
        return news

    def drop(self, node: UUID, client: Client) -> bool:
        """Remove a node's client; return whether it was known."""
        entries = self._documents.get(client.document_id, {})
        news = entries.pop((node, client), None) is not None
        if not entries:
            self._documents.pop(client.document_id, None)
        return news

    def of_node(self, node: UUID) -> list[Present]:
        """Return all clients of a node."""
        return [
            present
            for entries in self._documents.values()
            for (at, _), present in entries.items()
            if at == node
        ]

    def find(self, client: Client) -> tuple[UUID, Present] | None:
        """Return the node at which a client was last; None when it is at none."""
        found = [
            (node, present)
            for (node, one), present in self._documents.get(client.document_id, {}).items()
            if one == client
        ]
        return max(found, key=lambda at: at[1].since, default=None)

    def get(self, node: UUID, client: Client) -> Present | None:
        """Return the state of a node's client."""
        return self._documents.get(client.document_id, {}).get((node, client))

    def occupants(self, document_id: UUID) -> list[Present]:
        """Return the people present in a document, each client once, earliest first."""
        newest: dict[Client, Present] = {}
        for present in self._documents.get(document_id, {}).values():
            known = newest.get(present.client)
            if known is None or known.since < present.since:
                newest[present.client] = present
        return sorted(newest.values(), key=lambda one: (one.since, one.client))

    def shown(self, document_id: UUID, now: datetime) -> tuple[Present, ...]:
        """Return the people present in a document, with the leases in force."""
        occupants = self.occupants(document_id)
        held = defaultdict[Client, set[Lease]](set)
        for lease, holder in _held(occupants, now).values():
            held[holder.client].add(lease)
        return tuple(present.only(held[present.client]) for present in occupants)

    def lease(self, document_id: UUID, place: Place, now: datetime) -> tuple[Lease, Present] | None:
        """Return the lease in force of a field, and its holder."""
        return _held(self.occupants(document_id), now).get(place)

    def expire(self, now: datetime) -> Iterator[UUID]:
        """Remove expired leases; yield the documents in which there were some."""
        for document_id, entries in list(self._documents.items()):
            lapsed = {
                key: present.only({lease for lease in present.leases if lease.until > now})
                for key, present in entries.items()
                if any(lease.until <= now for lease in present.leases)
            }
            entries.update(lapsed)
            if lapsed:
                yield document_id


def _held(occupants: list[Present], now: datetime) -> dict[Place, tuple[Lease, Present]]:
    """Return the lease in force of each field, and its holder.

    Two nodes may grant leases of the same field at the same moment. Every node then resolves that
    alike: the earlier lease is in force.
    """
    held: dict[Place, tuple[Lease, Present]] = {}
    for present in occupants:
        for lease in present.leases:
            if lease.until > now:
                other = held.get(lease.place)
                if other is None or _rank(lease, present) < _rank(*other):
                    held[lease.place] = lease, present
    return held


def _rank(lease: Lease, present: Present) -> tuple[datetime, Client]:
    return lease.taken, present.client
