"""The SQL of files that were imported and exported."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Select, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.requirements.exchange import ExchangeDirection, ExchangeFile


async def imports(session: ViewerSession, project: UUID) -> list[asyncpg.Record]:
    """Return the imports of a project without their contents, the newest first."""
    return await session.query(_imports(), {"project": project})


async def contents(session: ViewerSession, ids: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
    """Return files with their contents, by their IDs."""
    records = await session.query(_contents(), {"ids": list(ids)}) if ids else []
    return {record["id"]: record for record in records}


@cache
def _imports() -> Select[Any]:
    names = ("id", "project_id", "document_ids", "direction", "format", "sha256", "created_at")
    rows = readable(ExchangeFile, *names)
    return (
        select(rows.c.id, rows.c.document_ids, rows.c.format, rows.c.sha256, rows.c.created_at)
        .where(
            rows.c.project_id == bindparam("project", type_=Uuid),
            rows.c.direction == ExchangeDirection.IMPORT,
        )
        .order_by(rows.c.created_at.desc(), rows.c.id.desc())
    )


@cache
def _contents() -> Select[Any]:
    rows = readable(ExchangeFile)
    return select(rows).where(rows.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
