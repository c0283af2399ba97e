"""The number of properties that an organization, a project or a document may define."""

from collections import Counter
from collections.abc import Collection
from uuid import UUID

from auth.session import Transaction
from db.base import SCOPES, Entity
from db.core.organizations import Organization
from db.core.projects import Project
from db.fields import among
from db.problem import Problem
from db.requirements.documents import Document
from db.requirements.properties import Property

MAX_PROPERTIES = 500
"""Properties that one scope defines; each write of a requirement reads those of its scopes."""
MODELS: dict[str, type[Entity]] = dict(zip(SCOPES, (Organization, Project, Document), strict=True))
"""The model that a property is created beneath, by the column that names it."""
TOO_MANY = f"There are {MAX_PROPERTIES} properties here already."


async def room(transaction: Transaction, key: str, ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many more properties each of these scopes may define.

    `key` is the column that names the scope. The scopes are locked, so that writers take turns.
    """
    if not ids:
        return {}
    await transaction.find_by_id(MODELS[key], ids, to_create=Property)
    column, narrower = getattr(Property, key), SCOPES[SCOPES.index(key) + 1 :]
    of_scope = [getattr(Property, name).is_(None) for name in narrower]
    found = await transaction.values(Property, (key,), among(column, ids), *of_scope)
    numbers = Counter(id for (id,) in found)
    return {id: MAX_PROPERTIES - numbers[id] for id in ids}


async def require_room(transaction: Transaction, row: Property) -> None:
    """Raise INVALID if the scope of this property has as many as it may."""
    key = next(name for name in reversed(SCOPES) if getattr(row, name) is not None)
    id: UUID = getattr(row, key)
    if (await room(transaction, key, [id]))[id] < 1:
        raise Problem("INVALID", TOO_MANY)
