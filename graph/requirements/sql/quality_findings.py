"""Conditions on what the analysis has found, and the present content of analyzed requirements."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, any_, bindparam, func, select

from auth.session import ViewerSession
from auth.session.product_query import CONTENT_VERSION, FINDING_KEYS, readable
from db.requirements.requirements import Requirement

_ROWS = readable(Requirement, "id", "document_id", "project_id", CONTENT_VERSION)
CONTENTS = select(*_ROWS.c).where(_ROWS.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))))


def has_any_of(model: Any, keys: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a finding has one of these keys; an index serves it."""
    bound = bindparam(None, list(keys), type_=ARRAY(Text), unique=True)
    condition: ColumnElement[bool] = model.__table__.c[FINDING_KEYS].bool_op("&&")(bound)
    return condition


def has_findings(model: Any) -> ColumnElement[bool]:
    """Return the condition that there is a finding."""
    condition: ColumnElement[bool] = func.cardinality(model.__table__.c[FINDING_KEYS]) > 0
    return condition


async def present_contents(session: ViewerSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return what an analysis of each requirement would now be of; one statement."""
    found = await session.query(CONTENTS, {"ids": list(ids)})
    return {
        row["id"]: f"{row['content_version']} {row['document_id']} {row['project_id']}"
        for row in found
    }
