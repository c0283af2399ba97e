"""Rows of any type, by their IDs, for what may be about a row of any type: links, assignments."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from auth.session import Transaction
from db.base import Entity
from db.requirements.requirements import Requirement


async def find_any(
    transaction: Transaction,
    models: Collection[type[Entity]],
    ids: Collection[UUID],
    to_create: type[Entity],
) -> Mapping[UUID, Any]:
    """Return the readable rows with these IDs, whichever of the models they are of; not locked.

    One statement for each model, until all are found. `to_create` is the model of what is about to
    be created for them.
    """
    found: dict[UUID, Entity] = {}
    for model in sorted(models, key=lambda model: model is not Requirement):  # most often they are
        if wanted := set(ids) - found.keys():
            found |= await transaction.find_by_id(model, wanted, lock=False, to_create=to_create)
    return found
