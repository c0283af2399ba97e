"""Purging: removing for good what has been in the trash for as long as its organization wants."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.policy import require_purge
from auth.session import Transaction
from auth.session.purge import MOST_TOPS, Top, due, named
from db.core.organizations import Organization
from db.problem import Problem
from graph.kit.context import Info
from graph.kit.mutations import writing


@strawberry.type(description="How many rows of an entity.")
class EntityCount:
    type: str = strawberry.field(description="The entity, as the record of changes names it.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(description="What was removed for good, or would be.")
class PurgePayload:
    dry_run: bool = strawberry.field(description="Whether nothing was removed.")
    purged: list[EntityCount] = strawberry.field(
        description="The rows with all that was beneath them and hung on them, by entity."
    )
    total: int = strawberry.field(description="How many rows these are.")
    remaining: int = strawberry.field(
        description="How much of what was asked for is left in the trash, for further calls."
    )


def _says(text: str) -> Any:
    return strawberry.argument(description=text)


Ids = Annotated[
    list[UUID] | None, _says(f"These rows of the trash, of any type, up to {MOST_TOPS}.")
]
OrganizationId = Annotated[
    UUID | None,
    _says(f"Instead of ids: all that may be purged in it, the {MOST_TOPS} first deleted first."),
]
DryRun = Annotated[bool, _says("Only say what would go.")]


async def purge(
    info: Info, ids: Ids = None, organization_id: OrganizationId = None, dry_run: DryRun = False
) -> PurgePayload | None:
    if (ids is None) == (organization_id is None):
        raise Problem("INVALID", "Give either ids or an organization.", field=["ids"])
    async with writing(info, None) as transaction:
        if organization_id is not None:
            tops, asked = await _due(transaction, organization_id)
        else:
            tops = await _named(transaction, ids or [])
            asked = len(tops)
        done = await transaction.purge(tops, dry_run=dry_run)
    return PurgePayload(
        dry_run=dry_run,
        purged=[EntityCount(type=type_, count=count) for type_, count in done.counts.items()],
        total=sum(done.counts.values()),
        remaining=asked - done.tops,
    )


async def _named(transaction: Transaction, ids: Sequence[UUID]) -> list[Top]:
    """The rows with these ids; NOT_FOUND, FORBIDDEN, or INVALID for what is to be kept longer."""
    if len(ids) > MOST_TOPS:
        raise Problem("INVALID", f"At most {MOST_TOPS} ids.", field=["ids"])
    found = {top.id: top for top in await transaction.trashed(named(transaction.viewer, ids))}
    for place, id in enumerate(ids):
        if id not in found:
            message = "There is nothing with this id in the trash."
            raise Problem("NOT_FOUND", message, field=["ids", place])
        at = found[id].purgeable_at
        if at is None or at > transaction.now:
            message = "The organization still wants this kept; purgeableAt says until when."
            told = at.isoformat() if at else None
            raise Problem("INVALID", message, field=["ids", place], purgeableAt=told)
    return list(found.values())


async def _due(transaction: Transaction, organization_id: UUID) -> tuple[list[Top], int]:
    """What may be purged in an organization, as much as one call takes; and how much there is."""
    organization = await _organization(transaction, organization_id)
    require_purge(transaction.viewer, organization.id, Organization)
    days = organization.trash_retention_days
    if days is None:
        return [], 0
    until = transaction.now - timedelta(days=days)
    first, number = due(transaction.viewer, organization.id, until)
    return await transaction.trashed(first), await transaction.count_trashed(number)


async def _organization(transaction: Transaction, id: UUID) -> Organization:
    for deleted in (False, True):
        where = Organization.id == id
        if rows := await transaction.find_all(Organization, where, deleted=deleted, lock=False):
            return rows[0]
    raise Problem("NOT_FOUND", "There is no such Organization.", field=["organization_id"])


@strawberry.type
class Mutation:
    purge = strawberry.mutation(
        purge,
        description="Remove for good what was deleted, with all that is beneath it and hangs"
        " on it, once its organization's trashRetentionDays are over; for its owners. The record of"
        " changes stays.",
    )
