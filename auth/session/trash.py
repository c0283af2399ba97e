"""The trash: what a viewer can restore, of every kind, as rows of one shape.

A row is in it when it was deleted itself, nothing above it is deleted, and the viewer has the role
that restoring it asks for.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.policy import in_token_scope, permitted, require_token_scope
from auth.policy.scopes import NAMED_BY
from auth.session.visible import visible
from auth.viewer import Role, Viewer
from db.base import SCOPES, Entity
from db.core.organizations import Organization, OrganizationMember, UserRoleType
from db.core.people import Profile
from db.core.projects import Project
from db.requirements.baselines import Baseline
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement


@dataclass(frozen=True)
class Restorable:
    """What is shown as a row's name, and what restoring it asks besides the policy.

    What is not `purged` by itself goes with what it is in: a membership stays, for who joins again
    gets the same row back.
    """

    name: Any
    also: ColumnElement[bool] | None = None
    purged: bool = True


def _scopes(role: Role) -> ColumnElement[Any]:
    return any_(bindparam(role.name, type_=ARRAY(Uuid)))


_PERSON = (
    select(func.coalesce(Profile.full_name, Profile.email))
    .where(Profile.id == OrganizationMember.user_id)
    .scalar_subquery()
)
_NOT_ABOVE_ONESELF = or_(
    OrganizationMember.organization_id == _scopes(Role.OWNER),
    and_(
        OrganizationMember.organization_id == _scopes(Role.ADMIN),
        OrganizationMember.role != UserRoleType.OWNER,
    ),
)

RESTORABLE: dict[type[Entity], Restorable] = {
    Organization: Restorable(Organization.name),
    OrganizationMember: Restorable(_PERSON, also=_NOT_ABOVE_ONESELF, purged=False),
    Project: Restorable(Project.name),
    Document: Restorable(Document.name),
    Block: Restorable(Block.name),
    Requirement: Restorable(Requirement.name),
    Baseline: Restorable(Baseline.name),
}
"""Every entity that a mutation restores; who adds one adds a line here."""

Criteria = Callable[[Any], Sequence[ColumnElement[Any]]]
"""Conditions, or an order, in the columns of a model or of the union of them all."""


def page(
    among: Collection[type[Entity]],
    places: Sequence[UUID | None],
    bounds: Criteria,
    order: Criteria,
    limit: int | None,
) -> Select[tuple[Any, ...]]:
    """The first rows of every kind together, with the time from which each may be purged."""
    arms: list[Select[tuple[Any, ...]]] = [
        _of_kind(model, places).where(*bounds(model)).order_by(*order(model)).limit(limit)
        for model in among
    ]
    found = union_all(*arms).subquery("found")
    kept = case(
        (
            found.c.purged,
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
    """How many rows there are, of every kind together."""
    arms: list[Select[tuple[Any, ...]]] = [
        _of_kind(model, places).where(*bounds(model)).with_only_columns(literal_column("1"))
        for model in among
    ]
    number: Any = func.count().label("count")
    return select(number).select_from(union_all(*arms).subquery())


def kinds(
    viewer: Viewer, among: Collection[type[Entity]] | None, places: Sequence[UUID | None]
) -> list[type[Entity]]:
    """Those of these kinds (of all when None) that can be beneath all of these places.

    `places` are an organization, a project and a document, or None. FORBIDDEN when the viewer's
    token reaches none of them, or not one that was asked for.
    """
    for model in among or ():
        require_token_scope(viewer, "delete", model)
    asked = among or [model for model in RESTORABLE if in_token_scope(viewer, "delete", model)]
    if not asked:
        require_token_scope(viewer, "delete", Requirement)
    keys = [key for key, place in zip(SCOPES, places, strict=True) if place]
    return [
        model
        for model in RESTORABLE
        if model in asked and all(_column(model, key) is not None for key in keys)
    ]


def _of_kind(model: type[Entity], places: Sequence[UUID | None]) -> Select[tuple[Any, ...]]:
    kind = RESTORABLE[model]
    criteria = [*visible(model, deleted=True), permitted("delete", model)]
    if kind.also is not None:
        criteria.append(kind.also)
    within = zip(SCOPES, places, strict=True)
    criteria += [_column(model, key) == place for key, place in within if place]
    return select(
        model.id.label("id"),
        literal(model.__name__).label("type"),
        kind.name.label("name"),
        model.deleted_at.label("deleted_at"),
        model.deleted_by.label("deleted_by"),
        _column(model, SCOPES[0]).label("organization_id"),
        literal(kind.purged).label("purged"),
    ).where(*criteria)


def _column(model: type[Entity], key: str) -> Any:
    """The model's column for this scope: its own id where it is one; None where it has none."""
    if model.is_scope and NAMED_BY[model.__tablename__] == key:
        return model.id
    return getattr(model, key, None)
