"""Purging: permanent removal of rows deleted longer ago than the retention period."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.session import Transaction
from auth.session.write.purge import MAX_TOPS, Top, due, named
from db.core.organizations import Organization
from db.problem import Problem
from graph.kit.context import Info
from graph.kit.entity_types import EntityType
from graph.kit.mutations import writing


@strawberry.type(description="The number of objects of one type.")
class EntityCount:
    entity_type: EntityType = strawberry.field(description="The type of the objects.")
    count: int = strawberry.field(description="The number of objects.")


@strawberry.type(description="The result of a purge.")
class PurgePayload:
    dry_run: bool = strawberry.field(
        description="Whether nothing was purged, because `dryRun` was set."
    )
    purged: list[EntityCount] = strawberry.field(
        description="The numbers of purged objects, including everything in them, by type."
    )
    total: int = strawberry.field(description="The number of purged objects.")
    remaining: int = strawberry.field(
        description="The number of objects that are left to be purged by further calls."
    )


def _says(text: str) -> Any:
    return strawberry.argument(description=text)


Ids = Annotated[
    list[UUID] | None, _says(f"The IDs of the deleted objects to purge, at most {MAX_TOPS}.")
]
OrganizationId = Annotated[
    UUID | None,
    _says(
        "The ID of an organization, instead of `ids`, to purge everything that can be purged in it:"
        f" the oldest {MAX_TOPS} deletions."
    ),
]
DryRun = Annotated[bool, _says("Whether to count the objects without purging them.")]


async def purge(
    info: Info, ids: Ids = None, organization_id: OrganizationId = None, dry_run: DryRun = False
) -> PurgePayload | None:
    if (ids is None) == (organization_id is None):
        raise Problem("INVALID", "Give either `ids` or `organizationId`.", field=["ids"])
    async with writing(info, None) as transaction:
        if organization_id is not None:
            tops, asked = await _due(transaction, organization_id)
        else:
            tops = await _named(transaction, ids or [])
            asked = len(tops)
        done = await transaction.purge(tops, dry_run=dry_run)
    return PurgePayload(
        dry_run=dry_run,
        purged=[
            EntityCount(entity_type=type_, count=count) for type_, count in done.counts.items()
        ],
        total=sum(done.counts.values()),
        remaining=asked - done.tops,
    )


async def _named(transaction: Transaction, ids: Sequence[UUID]) -> list[Top]:
    """Return the deleted rows with these IDs.

    Raises NOT_FOUND, FORBIDDEN, or INVALID for a row whose retention period has not ended.
    """
    if len(ids) > MAX_TOPS:
        raise Problem("INVALID", f"At most {MAX_TOPS} ids.", field=["ids"])
    found = {top.id: top for top in await transaction.trashed(named(transaction.viewer, ids))}
    for place, id in enumerate(ids):
        if id not in found:
            message = "No deleted object has this ID."
            raise Problem("NOT_FOUND", message, field=["ids", place])
        at = found[id].purgeable_at
        if at is None or at > transaction.now:
            message = (
                "The retention period of the object has not ended, or its organization is under a"
                " legal hold; see `purgeableAt`."
            )
            told = at.isoformat() if at else None
            raise Problem("INVALID", message, field=["ids", place], purgeableAt=told)
    return list(found.values())


async def _due(transaction: Transaction, organization_id: UUID) -> tuple[list[Top], int]:
    """Return what can be purged in an organization by one call, and the number of all of it."""
    organization = await _organization(transaction, organization_id)
    transaction.rights.require_purge(organization.id, Organization)
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
        description="Permanently remove deleted objects with everything in them, after the"
        " `trashRetentionDays` of their organization. Requires an owner. The audit log is kept."
        " Nothing is removed from an organization under a legal hold.",
    )
