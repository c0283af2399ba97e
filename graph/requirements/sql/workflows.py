"""The workflows of projects."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from auth.session import Transaction
from auth.session.product_query import existing
from db.requirements.workflows import Workflow

_ROWS = existing(Workflow)
OF_PROJECTS = select(*_ROWS.c).where(
    _ROWS.c.project_id == any_(bindparam("project_ids", type_=ARRAY(Uuid)))
)


async def workflows_of(
    transaction: Transaction, project_ids: Collection[UUID]
) -> Mapping[UUID, Any]:
    """Return the workflows of these projects, by the project's ID; one statement."""
    rows = await transaction.rules(OF_PROJECTS, {"project_ids": list(project_ids)})
    return {row.project_id: row for row in rows}
