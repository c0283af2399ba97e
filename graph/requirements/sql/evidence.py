"""The rows of evidence: signatures and what they sign, read by the owner of the tables."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg

SIGNATURES = """
SELECT s.*, a.seq AS event_seq FROM public.signatures AS s
LEFT JOIN public.audit_seals AS a ON a.organization_id = s.organization_id AND a.event_id = (
    SELECT e.id FROM public.audit_logs AS e
    WHERE e.entity_id = s.id AND e.action = 'create' ORDER BY e.created_at LIMIT 1)
WHERE s.organization_id = $1 AND ($2::uuid[] IS NULL OR s.entity_id = ANY ($2))
ORDER BY s.signed_at, s.id
"""
OF_REVIEW = """
SELECT id FROM public.reviews WHERE organization_id = $1 AND id = $2
UNION ALL
SELECT v.id FROM public.review_verdicts AS v JOIN public.reviews AS r ON r.id = v.review_id
WHERE r.organization_id = $1 AND r.id = $2
"""
OF_BASELINE = "SELECT id FROM public.baselines WHERE organization_id = $1 AND id = $2"
REVIEW_ITEMS = """
SELECT id, content FROM public.review_items
WHERE organization_id = $1 AND id = ANY ($2) ORDER BY id
"""
BASELINES = """
SELECT id, name, content_hash FROM public.baselines
WHERE organization_id = $1 AND id = ANY ($2) ORDER BY id
"""
BASELINE_ITEMS = """
SELECT entity_type, entity_id, data::text AS canonical, content_hash FROM public.baseline_items
WHERE organization_id = $1 AND baseline_id = $2 ORDER BY entity_type, entity_id
"""


async def signatures(
    connection: asyncpg.Connection, organization_id: UUID, objects: list[UUID] | None
) -> list[Any]:
    """Return the signatures of an organization, or those of these objects, with their events."""
    return list(await connection.fetch(SIGNATURES, organization_id, objects))


async def objects_of(
    connection: asyncpg.Connection,
    organization_id: UUID,
    review: UUID | None,
    baseline: UUID | None,
) -> list[UUID] | None:
    """Return the review with its verdicts, or the baseline; None for neither."""
    if review is None and baseline is None:
        return None
    query, id = (OF_REVIEW, review) if review else (OF_BASELINE, baseline)
    return [row["id"] for row in await connection.fetch(query, organization_id, id)]


async def review_items(
    connection: asyncpg.Connection, organization_id: UUID, ids: list[UUID]
) -> list[Any]:
    """Return the copies of content of these items of reviews."""
    return list(await connection.fetch(REVIEW_ITEMS, organization_id, ids))


async def baselines(
    connection: asyncpg.Connection, organization_id: UUID, ids: list[UUID]
) -> list[Any]:
    """Return these baselines."""
    return list(await connection.fetch(BASELINES, organization_id, ids))


async def baseline_items(
    connection: asyncpg.Connection, organization_id: UUID, baseline: UUID
) -> AsyncIterator[Any]:
    """Yield the items of a baseline, in a transaction of the caller."""
    async for row in connection.cursor(BASELINE_ITEMS, organization_id, baseline):
        yield row
