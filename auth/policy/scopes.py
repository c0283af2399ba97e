"""The scopes of a row: the places in the tenant tree whose roles hold for it."""

from typing import Any
from uuid import UUID

from db.base import Entity

STANDS_FOR = {"service_of": "organization_id"}
"""Columns that place a row in a scope under another name."""


def scopes_beneath(model: type[Entity], row: Any) -> dict[str, UUID]:
    """Return the scope columns of a row to be created directly beneath this one."""
    above = [key for key in model.scope_keys() if key != "id"]
    scopes = {STANDS_FOR.get(key, key): getattr(row, key) for key in above}
    if model.traits.scope_key:
        scopes[model.traits.scope_key] = row.id
    return scopes
