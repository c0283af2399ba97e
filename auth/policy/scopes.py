"""The scopes of a row: where in the tenant tree roles that hold for it may have been granted."""

from typing import Any
from uuid import UUID

from db.base import Entity

NAMED_BY = {
    "organizations": "organization_id",
    "projects": "project_id",
    "documents": "document_id",
}
"""The column by which rows beneath a scope name it."""

STANDS_FOR = {"service_of": "organization_id"}
"""Columns that place a row in a scope under another name."""


def scopes_beneath(model: type[Entity], row: Any) -> dict[str, UUID]:
    """The scope columns of a row to be created directly beneath this one."""
    above = [key for key in model.scope_keys() if key != "id"]
    scopes = {STANDS_FOR.get(key, key): getattr(row, key) for key in above}
    if model.is_scope:
        scopes[NAMED_BY[model.__tablename__]] = row.id
    return scopes
