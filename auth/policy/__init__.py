"""The policy: the role for each action. Nothing outside these tables grants access to a row.

One sentence explains inheritance: a role granted at a scope holds for everything beneath it. A
row's scopes are the columns it has: organization, project, document, or itself when it is one.
`allows` reads the tables in Python, `permitted` reads them in SQL; both mean the same.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    false,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.policy import compliance, core, delivery, requirements, shaped
from auth.policy.grant_lists import INSIDE, ONLY_PROJECT, PUBLIC, TOKEN_SCOPES, GrantLists
from auth.policy.rule import ACTIONS, Action, Product, Rule
from auth.policy.shaped import PUBLIC_PROJECTS, WORKING, Columns, Shape, Way, project_key
from auth.viewer import Role, Viewer
from db.base import SCOPES, Entity, Part, Readable
from db.problem import Problem

PRODUCTS: dict[str, Product] = {
    "organizations": core.PRODUCT,
    "requirements": requirements.PRODUCT,
    "compliance": compliance.PRODUCT,
    "delivery": delivery.PRODUCT,
}
"""Every product, by the prefix of its token scopes."""

RULES: dict[type[Entity], Rule] = {
    model: rule for product in PRODUCTS.values() for model, rule in product.rules.items()
}
ENTITIES = {model.__name__: model for model in RULES}
"""Every entity, by its name in the record and the feed."""

PURGE = Role.OWNER
"""The role at the organization that may purge the trash, for every entity."""

PRODUCT_OF = {model: name for name, product in PRODUCTS.items() for model in product.rules}


def allows(viewer: Viewer, action: Action, model: Readable, row: Any) -> bool:
    """Return whether the viewer may take this action on a row they can read, or will create.

    `row` is anything with the scope columns of `model` as attributes.
    """
    writes_by_share = viewer.shared is not None and action != "read"
    if viewer.id is None or writes_by_share or not in_token_scope(viewer, action, model):
        return False
    rule = rule_of(model)
    if rule.inside and row.organization_id not in viewer.organizations:
        return False
    if rule.own and action in rule.own_actions and _is_own(viewer, rule.own, model, row):
        return rule.reads_own or allows(viewer, "read", model, row)
    least = rule.least(action)
    if least is Role.ANYONE:
        return True
    held = [viewer.grants.get(getattr(row, key), Role.ANYONE) for key in model.scope_keys()]
    if rule.inside and not (is_insider(viewer, row.organization_id) or max(held) >= WORKING):
        return False
    also = rule.also_read if action == "read" else None
    by_role = any(role >= least or role is also for role in held)
    return by_role or (action == "read" and _reads_unplaced(viewer, rule, row))


def _reads_unplaced(viewer: Viewer, rule: Rule, row: Any) -> bool:
    """Return whether the viewer's role at the organization reads rows that are in no project."""
    if not rule.unplaced or row.project_id is not None:
        return False
    return viewer.grants.get(row.organization_id, Role.ANYONE) >= rule.unplaced


def is_insider(viewer: Viewer, organization_id: UUID | None) -> bool:
    """Return whether the viewer is a member of the organization, with more than its billing."""
    return viewer.grants.get(organization_id, Role.ANYONE) >= INSIDE  # type: ignore[arg-type]


def _is_own(viewer: Viewer, own: str, model: Readable, row: Any) -> bool:
    """Return whether a row belongs to the viewer, where their token reaches it."""
    if getattr(row, own) != viewer.id:
        return False
    if viewer.confined_project is None or not shaped.is_of_tenant(model):
        return True
    within = shaped.own_within(rule_of(model), model)
    return within is not None and getattr(row, within) == viewer.confined_project


@cache
def permitted(action: Action, model: Readable) -> ColumnElement[bool]:
    """Return the criterion for the rows for which `allows` is true, built once.

    `parameters` supplies the values of the viewer.
    """
    rule = rule_of(model)
    least = rule.least(action)
    if rule.is_open and action == "read":
        return true()
    ways: list[ColumnElement[bool]] = []
    if rule.own and action in rule.own_actions:
        within = or_(shaped.ONLY.is_(None), shaped.is_own_within(rule, model, model))
        ways.append(and_(shaped.is_own(rule, model), within))
        if not rule.reads_own:
            ways = [and_(*ways, permitted("read", model))]
    own = [*ways]
    roles = [] if least is Role.NOBODY else [least.name]
    if rule.also_read and action == "read":
        roles.append(f"{rule.also_read.name}_EXACTLY")
    for name in roles:
        scopes = bindparam(name, type_=ARRAY(Uuid))
        ways.extend(getattr(model, key) == any_(scopes) for key in model.scope_keys())
    if rule.unplaced and action == "read":
        members = bindparam(rule.unplaced.name, type_=ARRAY(Uuid))
        organization, in_project = (getattr(model, key) for key in SCOPES[:2])
        ways.append(and_(in_project.is_(None), organization == any_(members)))
    if roles and least <= Role.VIEWER and (project := project_key(model)):
        # The context of a share has its project, too, which does not open all of it.
        reads_public = bindparam(PUBLIC, type_=Integer) > 0
        ways.append(and_(reads_public, getattr(model, project) == any_(PUBLIC_PROJECTS)))
    if rule.seen_with and action == "read":  # last, as it is looked up for each row
        other, key = rule.seen_with
        names_it = getattr(other, key) == model.id
        seen = exists().where(names_it, permitted("read", other), live(other))
        ways.append(seen.correlate(model.__table__))
    if not rule.inside:
        return or_(false(), *ways)
    organization, by_role = getattr(model, SCOPES[0]), ways[len(own) :]
    working = bindparam(WORKING.name, type_=ARRAY(Uuid))
    insider = or_(
        organization == any_(bindparam("insiders", type_=ARRAY(Uuid))),
        *(getattr(model, key) == any_(working) for key in model.scope_keys()),
    )
    return and_(
        organization == any_(bindparam("organizations", type_=ARRAY(Uuid))),
        or_(false(), *own, *([and_(insider, or_(*by_role))] if by_role else ())),
    )


@cache
def deciding_columns(model: Readable) -> tuple[str, ...]:
    """Return the columns of a row by which `allows` decides, and which place rows beneath it."""
    rule = rule_of(model)
    own = own_columns(model)
    inside = SCOPES[:1] if rule.inside else ()
    return tuple(dict.fromkeys((*model.scope_keys(), *own, *inside)))


def permitted_to(model: Readable, columns: Columns, shape: Shape) -> ColumnElement[bool]:
    """Return the criterion for reading, for viewers whose grants have this shape.

    It is true for the rows for which `allows` is. `grant_lists` supplies the values of the viewer;
    the shape is that of `lists_of` the model.
    """
    return shaped.permitted_to(RULES, rule_of(model), model, columns, shape)


@cache
def lists_of(model: Readable) -> tuple[str, ...]:
    """Return the names of the lists whose sizes decide the form of `permitted_to`."""
    return tuple(dict.fromkeys(shaped.lists_of(RULES, rule_of(model), model)))


def ways_to(model: Readable) -> tuple[Way, ...] | None:
    """Return the ways by which roles open rows of the model; None where others open some, too."""
    rule = rule_of(model)
    others = rule.own or rule.seen_with or rule.inside or rule.unplaced or rule.is_open
    return None if others else shaped.ways(model, rule)


def rule_of(model: Readable) -> Rule:
    """Return the line of the policy for rows of this model."""
    if issubclass(model, Part):
        return core.PARTS.get(model) or RULES[model.whole]
    return RULES[model]


def owner_of(model: Readable, row: Any) -> UUID | None:
    """Return the person whom a row belongs to by the policy; None where it belongs to nobody."""
    key = rule_of(model).own
    return getattr(row, key) if key else None


def own_columns(model: Readable) -> tuple[str, ...]:
    """Return the columns by which a row is the viewer's own; empty where rows belong to nobody."""
    rule = rule_of(model)
    if rule.own is None:
        return ()
    within = shaped.own_within(rule, model)
    return (rule.own, within) if within else (rule.own,)


def entity_of(model: Readable) -> type[Entity]:
    """Return the entity that rows of this model belong to: for a part, that of the whole."""
    return model.whole if issubclass(model, Part) else model


def restorable(model: type[Entity]) -> tuple[ColumnElement[bool], ...]:
    """Return the criteria of rows that the viewer may restore: may delete, and the model's rule.

    Only an owner can restore an owner.
    """
    return (permitted("delete", model), *core.RESTORED.get(model, ()))


@cache
def live(model: type[Entity]) -> ColumnElement[bool]:
    """Return the criterion for rows that are not deleted."""
    return model.deleted_at.is_(None)


def parameters(viewer: Viewer) -> dict[str, Any]:
    """Return the values that `permitted` binds. Raises UNAUTHENTICATED when nobody is signed in."""
    require_signed_in(viewer)
    return viewer.derived(_parameters)


def _parameters(viewer: Viewer) -> dict[str, Any]:
    lists = grant_lists(viewer)
    names = [*(role.name for role in Role), f"{Role.BILLING.name}_EXACTLY"]
    names += ["viewer_id", "organizations", "insiders", "tenants", PUBLIC, TOKEN_SCOPES]
    names.append(ONLY_PROJECT)
    return {name: lists[name] for name in names}


def grant_lists(viewer: Viewer) -> GrantLists:
    """Return the values that `permitted` and `permitted_to` bind.

    Raises UNAUTHENTICATED as above.
    """
    require_signed_in(viewer)
    return viewer.derived(GrantLists)


def scope_for(action: Action, product: str) -> str:
    """Return the scope that a token needs for this action on rows of this product."""
    return f"{product}:{'read' if action == 'read' else 'write'}"


def reaches(viewer: Viewer, scope: str) -> bool:
    """Return whether the viewer's token, if it is narrowed to scopes, has this scope.

    A `write` scope includes that for reading, and `admin` every other.
    """
    if viewer.scopes is None:
        return True
    return not viewer.scopes.isdisjoint({"admin", scope, scope.replace(":read", ":write")})


def in_token_scope(viewer: Viewer, action: Action, model: Readable) -> bool:
    """Return whether the scopes of the viewer's token permit this action."""
    return reaches(viewer, scope_for(action, PRODUCT_OF[entity_of(model)]))


def token_reaches(model: Readable) -> ColumnElement[bool]:
    """Return the condition that the viewer's token reaches the reading of rows of this model.

    It is for conditions on rows of another product, of which the token need not reach this one.
    """
    scope = scope_for("read", PRODUCT_OF[entity_of(model)])
    enough = ["*", "admin", scope, scope.replace(":read", ":write")]
    held: Any = bindparam(TOKEN_SCOPES, type_=ARRAY(Text))
    reaches: ColumnElement[bool] = held.overlap(bindparam(None, enough, ARRAY(Text), unique=True))
    return reaches


def require_signed_in(viewer: Viewer) -> None:
    """Raise UNAUTHENTICATED unless someone is signed in."""
    if viewer.id is None:
        raise Problem("UNAUTHENTICATED", "Sign in first.")


def require_writer(viewer: Viewer) -> None:
    """Raise FORBIDDEN when the viewer has the address of a share, which is read-only."""
    if viewer.shared is not None:
        raise Problem("FORBIDDEN", "A shared address is read-only.")


def require_token_scope(viewer: Viewer, action: Action, model: Readable) -> None:
    """Raise FORBIDDEN, naming the scope, when the viewer's token does not reach this action."""
    require_one_scope(viewer, [scope_for(action, PRODUCT_OF[entity_of(model)])])


def require_one_scope(viewer: Viewer, scopes: Sequence[str]) -> None:
    """Raise FORBIDDEN, naming these scopes, when the viewer's token has none of them."""
    if not any(reaches(viewer, scope) for scope in scopes):
        message = f"The token lacks the scope {' or '.join(scopes)}."
        raise Problem("FORBIDDEN", message, scope=" ".join(scopes))


def require_purge(viewer: Viewer, organization_id: UUID, model: type[Entity]) -> None:
    """Raise FORBIDDEN unless the viewer owns the organization."""
    require_token_scope(viewer, "delete", model)
    if viewer.grants.get(organization_id) is not PURGE:
        raise Problem("FORBIDDEN", "Only owners of the organization can purge deleted objects.")


def printed() -> str:
    """Return the whole policy as a table for people to review."""
    lines = [f"{'':<24}" + "".join(f"{action:<10}" for action in ACTIONS) + "also"]
    lines += [f"{model.__name__:<24}{rule}" for model, rule in RULES.items()]
    lines += [f"{model.__name__:<24}{rule}" for model, rule in core.PARTS.items()]
    lines.append(f"Purging takes {PURGE.name} at the organization.")
    return "\n".join(line.rstrip() for line in lines) + "\n"
