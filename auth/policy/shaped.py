"""The policy as SQL for viewers whose grants have one shape, with only the ways open to them.

It has the meaning of `auth.policy.permitted`, and is shorter: for a viewer with one organization it
compares `organization_id = $1`, which an index in the order of a list serves; a list in which they
have nothing is left out.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.policy.grant_lists import (
    EXACTLY,
    INSIDERS,
    ONE,
    ONLY_PROJECT,
    ORGANIZATIONS,
    PUBLIC,
    name_at,
)
from auth.policy.rule import Rule
from auth.policy.scopes import STANDS_FOR
from auth.viewer import Role
from db.base import SCOPES, Entity, Part, Readable

WORKING = Role.EDITOR
"""The role whose holders in a project or document count as insiders of it, in any organization."""

ONLY = bindparam(ONLY_PROJECT, type_=Uuid)
"""The only project of the viewer's token; null if it is for more."""

Columns = Any
"""The columns of a table or of an alias of it, by name."""
Shape = Mapping[str, int]
"""The size class of each list (`auth.policy.grant_lists.size_class`)."""

PUBLIC_PROJECTS = cast(select(func.ctx.projects()).scalar_subquery(), ARRAY(Uuid))
"""The public projects of other tenants, from the connection's context; they may be thousands."""


class Way(NamedTuple):
    """One way to rows: the column that holds their scope, and the list of scopes that open them."""

    key: str
    list: str


def project_key(model: Readable) -> str | None:
    """Return the column that holds the project of a row, its id for a project; None without."""
    return next((key for key in model.scope_keys() if _kind(model, key) == "project_id"), None)


def is_of_tenant(model: Readable) -> bool:
    """Return whether rows of the model belong to an organization."""
    return SCOPES[0] in model.__table__.c


def own_within(rule: Rule, model: Readable) -> str | None:
    """Return the column of the project in which rows are the viewer's own with a token for it."""
    return rule.own_within if is_of_tenant(model) and rule.own_within in model.__table__.c else None


def is_own(rule: Rule, columns: Columns) -> ColumnElement[bool]:
    """Return the criterion that a row belongs to the viewer."""
    assert rule.own  # noqa: S101 (the caller has looked)
    own: ColumnElement[bool] = getattr(columns, rule.own) == bindparam("viewer_id", type_=Uuid)
    return own


def is_own_within(rule: Rule, model: Readable, columns: Columns) -> ColumnElement[bool]:
    """Return the criterion that a token for one project reaches a row as the viewer's own."""
    if not is_of_tenant(model):
        return true()
    key = own_within(rule, model)
    if key is None:
        return false()
    within: ColumnElement[bool] = getattr(columns, key) == ONLY
    return within


@cache
def ways(model: Readable, rule: Rule) -> tuple[Way, ...]:
    """Return the ways by which roles open rows of the model for reading."""
    found = []
    for role in _roles(rule):
        found += [Way(key, name_at(role, _kind(model, key))) for key in model.scope_keys()]
    key = project_key(model)
    if key and rule.read is not Role.NOBODY and rule.read <= Role.VIEWER:
        found.append(Way(key, PUBLIC))
    return tuple(found)


@cache
def _working(model: Readable) -> tuple[Way, ...]:
    keys = model.scope_keys()
    return tuple(Way(key, name_at(WORKING.name, _kind(model, key))) for key in keys)


def lists_of(rules: Mapping[type[Entity], Rule], rule: Rule, model: Readable) -> list[str]:
    """Return the names of all lists that the policy compares for rows of the model."""
    names = [way.list for way in ways(model, rule)]
    if rule.reads_own and is_of_tenant(model):
        names.append(ONLY_PROJECT)
    if rule.inside:
        names += [ORGANIZATIONS, INSIDERS, *(way.list for way in _working(model))]
    if rule.unplaced:
        names.append(_unplaced(rule.unplaced).list)
    if rule.seen_with:
        other, _ = rule.seen_with
        names += lists_of(rules, rules[other], other)
    if issubclass(model, Part):  # read with its whole, which may have a scope of its own
        names += lists_of(rules, rules[model.whole], model.whole)
    return names


def open_by(way: Way, columns: Columns, shape: Shape) -> ColumnElement[bool] | None:
    """Return the criterion for the rows that this way opens; None when its list is empty."""
    size, column = shape[way.list], columns[way.key]
    if not size:
        return None
    opened: ColumnElement[bool]
    if way.list == PUBLIC:
        opened = column == any_(PUBLIC_PROJECTS)
    elif size == 1:
        opened = column == bindparam(way.list + ONE, type_=Uuid)
    else:
        opened = column == any_(bindparam(way.list, type_=ARRAY(Uuid)))
    return opened


def permitted_to(
    rules: Mapping[type[Entity], Rule],
    rule: Rule,
    model: Readable,
    columns: Columns,
    shape: Shape,
) -> ColumnElement[bool]:
    """Return the criterion for the rows that viewers of this shape may read, in these columns."""
    own = [*_own(rule, model, columns, shape)]
    by_role = [*_open(ways(model, rule), columns, shape)]
    if not rule.inside:
        return or_(false(), *own, *by_role, *_seen(rules, rule, columns, shape))
    organization = SCOPES[0]
    member = open_by(Way(organization, ORGANIZATIONS), columns, shape)
    if member is None:
        return false()
    insider = _open((Way(organization, INSIDERS), *_working(model)), columns, shape)
    return and_(member, or_(false(), *own, and_(or_(false(), *insider), or_(false(), *by_role))))


def _own(
    rule: Rule, model: Readable, columns: Columns, shape: Shape
) -> Iterator[ColumnElement[bool]]:
    if rule.is_open:
        yield true()
    if rule.own and "read" in rule.own_actions:
        confined = (is_own_within(rule, model, columns),) if shape.get(ONLY_PROJECT) else ()
        yield and_(is_own(rule, columns), *confined)
    if rule.unplaced:
        opened = open_by(_unplaced(rule.unplaced), columns, shape)
        if opened is not None:
            yield and_(columns.project_id.is_(None), opened)


def _seen(
    rules: Mapping[type[Entity], Rule], rule: Rule, columns: Columns, shape: Shape
) -> Iterator[ColumnElement[bool]]:
    """Yield the criterion for rows that are seen with others, which is looked up for each row."""
    if rule.seen_with:
        other, key = rule.seen_with
        named = other.__table__.c
        seen = exists().where(
            named[key] == columns.id,
            permitted_to(rules, rules[other], other, named, shape),
            named.deleted_at.is_(None),
        )
        yield seen.correlate_except(other.__table__)


def _unplaced(role: Role) -> Way:
    organization = SCOPES[0]
    return Way(organization, name_at(role.name, organization))


def _open(found: tuple[Way, ...], columns: Columns, shape: Shape) -> Iterator[ColumnElement[bool]]:
    opened = (open_by(way, columns, shape) for way in found)
    return (condition for condition in opened if condition is not None)


def _roles(rule: Rule) -> Iterator[str]:
    if rule.read is not Role.NOBODY:
        yield rule.read.name
    if rule.also_read:
        yield f"{rule.also_read.name}{EXACTLY}"


def _kind(model: Readable, key: str) -> str:
    """Return the column by which rows beneath a scope name it."""
    if key != "id" or issubclass(model, Part):
        return STANDS_FOR.get(key, key)
    return model.traits.scope_key or key
