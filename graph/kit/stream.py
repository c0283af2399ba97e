"""What a subscription follows, as a root field of Subscription answers it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn
from uuid import UUID

Kind = Literal["organization", "project", "document", "entity", "person", "presence"]


@dataclass(frozen=True)
class Stream:
    """The events to follow: of everything beneath a scope, of one row, or those for one person.

    Whoever follows the `presence` in a document is told no events, but who is there.

    Its reader has just been found to be allowed; whoever follows it asks the root field again when
    rights have changed. `after` is the cursor to go on from; `types`, `fields` and `actions` narrow
    what is told. It is an asynchronous iterable because graphql-core wants one; the hub pushes
    instead.
    """

    kind: Kind
    id: UUID
    organization_id: UUID | None
    after: str | None = field(default=None, compare=False)
    types: frozenset[str] | None = None
    fields: frozenset[str] | None = None
    client_id: UUID | None = field(default=None, compare=False)
    """As whom somebody is present, who by following is."""
    actions: frozenset[str] | None = None

    @property
    def key(self) -> tuple[Kind, UUID]:
        """What those who follow the same have in common."""
        return self.kind, self.id

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> NoReturn:
        raise TypeError("Streams are followed through the hub.")
