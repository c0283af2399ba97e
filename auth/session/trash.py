"""The trash: the rows of every model that a viewer can restore, in one shape.

A row is in it when it was deleted itself, nothing above it is deleted, and the viewer has the role
that may restore it.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    case,
    func,
    literal,
    literal_column,
    select,
    union_all,
)

from auth.policy import (
    PRODUCT_OF,
    RULES,
    in_token_scope,
    require_one_scope,
    require_token_scope,
    restorable,
    scope_for,
)
from auth.session.visibility import readable_criteria
from auth.viewer import Viewer
from db.base import SCOPES, Entity
from db.core.audit import LegalHold
from db.core.organizations import Organization
from db.traits import Trash

Criteria = Callable[[Any], Sequence[ColumnElement[Any]]]
"""Conditions, or an order, in the columns of a model or of the union of them all."""


def restorable_models() -> list[type[Entity]]:
    """Return every entity that a mutation restores."""
    return [model for model in RULES if model.traits.trash]


def page(
    among: Collection[type[Entity]],
    places: Sequence[UUID | None],
    bounds: Criteria,
    order: Criteria,
    limit: int | None,
) -> Select[tuple[Any, ...]]:
    """Return a statement of the first rows of all models, with the time each may be purged.

    The time is null while the organization is under a legal hold.
    """
    arms: list[Select[tuple[Any, ...]]] = [
        _of_kind(model, places).where(*bounds(model)).order_by(*order(model)).limit(limit)
        for model in among
    ]
    found = union_all(*arms).subquery("found")
    held = select(LegalHold.id).where(LegalHold.organization_id == found.c.organization_id)
    kept = case(
        (
            found.c.purged & ~held.exists(),
            found.c.deleted_at + func.make_interval(0, 0, 0, Organization.trash_retention_days),
        )
    )
    return (
        select(
            *(column for column in found.c if column.key != "purged"), kept.label("purgeable_at")
        )
        .outerjoin(Organization, Organization.id == found.c.organization_id)
        .order_by(*order(found.c))
        .limit(limit)
    )


def counted(
    among: Collection[type[Entity]],
    places: Sequence[UUID | None],
    bounds: Criteria = lambda _: (),
) -> Select[tuple[Any, ...]]:
    """Return a statement of the number of rows of all models together."""
    arms: list[Select[tuple[Any, ...]]] = [
        _of_kind(model, places).where(*bounds(model)).with_only_columns(literal_column("1"))
        for model in among
    ]
    number: Any = func.count().label("count")
    return select(number).select_from(union_all(*arms).subquery())


def kinds(
    viewer: Viewer, among: Collection[type[Entity]] | None, places: Sequence[UUID | None]
) -> list[type[Entity]]:
    """Return those of these models (of all when None) that can be beneath all of these places.

    `places` are an organization, a project and a document, or None. Raises FORBIDDEN when the
    viewer's token reaches none of them, or not one that was requested.
    """
    for model in among or ():
        require_token_scope(viewer, "delete", model)
    models = restorable_models()
    asked = among or [model for model in models if in_token_scope(viewer, "delete", model)]
    if not asked:
        scopes = (scope_for("delete", PRODUCT_OF[model]) for model in models)
        require_one_scope(viewer, list(dict.fromkeys(scopes)))
    keys = [key for key, place in zip(SCOPES, places, strict=True) if place]
    return [
        model
        for model in models
        if model in asked and all(_column(model, key) is not None for key in keys)
    ]


def _of_kind(model: type[Entity], places: Sequence[UUID | None]) -> Select[tuple[Any, ...]]:
    traits = model.traits
    name = getattr(model, traits.named_by) if traits.named_by else literal(None, Text)
    criteria = [*readable_criteria(model, deleted=True), *restorable(model)]
    within = zip(SCOPES, places, strict=True)
    criteria += [_column(model, key) == place for key, place in within if place]
    return select(
        model.id.label("id"),
        literal(model.__name__).label("type"),
        name.label("name"),
        model.deleted_at.label("deleted_at"),
        model.deleted_by.label("deleted_by"),
        _column(model, SCOPES[0]).label("organization_id"),
        literal(traits.trash is Trash.PURGED).label("purged"),
    ).where(*criteria)


def _column(model: type[Entity], key: str) -> Any:
    """Return the model's column for this scope: its own id where it is one; None without any."""
    if model.traits.scope_key == key:
        return model.id
    return getattr(model, key, None)
