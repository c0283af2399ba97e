"""The descendants of a row, which are hidden with it when it is deleted."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, Select, Uuid, bindparam, literal, select, union_all
from sqlalchemy.orm import aliased

from auth.policy import ENTITIES, RULES, live, permitted
from auth.session.ancestry import SCOPE_MODELS, nests, parents
from auth.session.visibility import not_hidden
from db.base import SCOPES, Entity

ITSELF = -1
"""The place of the row itself, which is no place in `among`."""


def key_beneath(model: type[Entity], ancestor: type[Entity]) -> str | None:
    """Return the column by which rows of this model name an ancestor; None when there is none.

    Deleting a row of a model that no other names so hides nothing else.
    """
    above = {key: scope for key, scope in SCOPE_MODELS.items() if hasattr(model, key)}
    above |= parents(model)
    return next((key for key, parent in above.items() if parent is ancestor), None)


@cache
def hides_in_place(entity_type: str) -> bool:
    """Return whether deleting a row of this entity hides others and takes nobody's rights away.

    Of an organization or a project that is deleted, everybody's rights are read again.
    """
    model = ENTITIES.get(entity_type)
    if model is None or model.traits.scope_key in SCOPES[:2]:
        return False
    return any(key_beneath(other, model) for other in RULES)


def beneath(
    ancestor: type[Entity], among: Sequence[type[Entity]], limit: int, only: UUID | None = None
) -> Select[*tuple[Any, ...]]:
    """Return a statement of place in `among`, id and version of the rows beneath one, and its own.

    They are those that its deletion hides, or would: a row that was deleted by itself, or with
    something between them, is left out. Of each model at most `limit`, or `only` that with this id.
    Binds `ancestor`, its id.
    """
    top = bindparam("ancestor", type_=Uuid)
    within = select(_within(ancestor, top).c.id) if nests(ancestor) else None
    arms = [_arm(ITSELF, ancestor).where(ancestor.id == top)]
    for place, model in enumerate(among):
        key = getattr(model, key_beneath(model, ancestor) or "")
        found = _arm(place, model).where(live(model), permitted("read", model))
        if only:
            found = found.where(model.id == only)
        if within is not None:
            found = found.where(key.in_(within))
        else:
            found = found.where(key == top, *not_hidden(model, ancestor))
        arms.append(select(found.limit(limit).subquery()))
    rows = union_all(*arms).subquery()
    return select(rows).order_by(rows.c.place, rows.c.id)


def _arm(place: int, model: type[Entity]) -> Select[*tuple[Any, ...]]:
    return select(
        literal(place).label("place"), model.id.label("id"), model.version.label("version")
    )


def _within(model: type[Entity], top: Any) -> CTE:
    """Return the row, and the live ones of its model within it."""
    first, below = aliased(model), aliased(model)
    inside = select(first.id).where(first.id == top).cte("inside", recursive=True)
    nested = getattr(below, nests(model) or "") == inside.c.id
    return inside.union(select(below.id).where(nested, below.deleted_at.is_(None)))
