"""The SQL that summarizes documents: what the view document_summary counts, under the policy."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import ColumnElement, Select, Subquery, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement

IDS = any_(bindparam("documents", type_=ARRAY(Uuid)))


async def summaries(session: ViewerSession, documents: Sequence[UUID]) -> Mapping[UUID, Record]:
    """Return the summaries of these documents, as far as the viewer can read them, by ID.

    A record holds `block_count`, `requirement_count` and `updated_at`, the time of the last change
    of the document, its blocks and its requirements. One statement.
    """
    found = await session.query(_statement(), {"documents": list(documents)})
    return {record["id"]: record for record in found}


def _statement() -> Select[Any]:
    documents = readable(Document, "id", "updated_at")
    blocks = _parts(readable(Block, "document_id", "updated_at"), "blocks_of")
    requirements = _parts(readable(Requirement, "document_id", "updated_at"), "requirements_of")
    source = documents
    joined: Any = source
    for part in (blocks, requirements):
        joined = joined.outerjoin(part, part.c.document_id == documents.c.id)
    number: ColumnElement[Any] = func.coalesce(blocks.c.number, 0).label("block_count")
    return (
        select(
            documents.c.id,
            number,
            func.coalesce(requirements.c.number, 0).label("requirement_count"),
            func.greatest(
                documents.c.updated_at, blocks.c.updated_at, requirements.c.updated_at
            ).label("updated_at"),
        )
        .select_from(joined)
        .where(documents.c.id == IDS)
    )


def _parts(rows: Any, name: str) -> Subquery:
    return (
        select(
            rows.c.document_id,
            func.count().label("number"),
            func.max(rows.c.updated_at).label("updated_at"),
        )
        .where(rows.c.document_id == IDS)
        .group_by(rows.c.document_id)
        .subquery(name)
    )
