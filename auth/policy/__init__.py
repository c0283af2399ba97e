"""Who may do what. Nothing outside these tables grants access to a row.

One sentence explains inheritance: a role granted at a scope holds for everything beneath it. A
row's scopes are the columns it has: organization, project, document, or itself when it is one.
`allows` reads the tables in Python, `permitted` reads them in SQL; both mean the same.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, any_, bindparam, exists, false, or_
from sqlalchemy.dialects.postgresql import ARRAY

from auth.policy import core, requirements
from auth.policy.rule import ACTIONS, Action, Rule
from auth.viewer import Role, Viewer
from db.base import SCOPES, Entity, Part, Readable
from db.problem import Problem

PRODUCTS = {"organizations": core.RULES, "requirements": requirements.RULES}
"""The rules of each product, by the name its token scopes begin with."""

RULES: dict[type[Entity], Rule] = {
    model: rule for rules in PRODUCTS.values() for model, rule in rules.items()
}
PURGE = Role.OWNER
"""Who removes for good what is in the trash: this role at the organization, of whatever entity."""

PRODUCT_OF = {model: product for product, rules in PRODUCTS.items() for model in rules}


def allows(viewer: Viewer, action: Action, model: Readable, row: Any) -> bool:
    """Whether the viewer may take this action on a row they can read, or are about to create.

    `row` is anything with the scope columns of `model` as attributes.
    """
    if viewer.id is None or not in_token_scope(viewer, action, model):
        return False
    rule = RULES[entity_of(model)]
    if rule.inside and row.organization_id not in viewer.organizations:
        return False
    if rule.own and action in rule.own_actions and getattr(row, rule.own) == viewer.id:
        return True
    least = rule.least(action)
    if least is Role.ANYONE:
        return True
    held = [viewer.grants.get(getattr(row, key), Role.ANYONE) for key in model.scope_keys()]
    return any(role >= least or (action == "read" and role is rule.also_read) for role in held)


@cache
def permitted(action: Action, model: Readable) -> ColumnElement[bool]:
    """The rows for which `allows` is true, as SQL, built once; `parameters` supplies who asks."""
    rule = RULES[entity_of(model)]
    least = rule.least(action)
    ways: list[ColumnElement[bool]] = []
    if rule.own and action in rule.own_actions:
        ways.append(getattr(model, rule.own) == bindparam("viewer_id", type_=Uuid))
    if rule.seen_with and action == "read":
        other, key = rule.seen_with
        names_it = getattr(other, key) == model.id
        ways.append(exists().where(names_it, permitted("read", other), live(other)))
    roles = [] if least is Role.NOBODY else [least.name]
    if rule.also_read and action == "read":
        roles.append(f"{rule.also_read.name}_EXACTLY")
    for name in roles:
        scopes = bindparam(name, type_=ARRAY(Uuid))
        ways.extend(getattr(model, key) == any_(scopes) for key in model.scope_keys())
    if not rule.inside:
        return or_(false(), *ways)
    organizations = bindparam("organizations", type_=ARRAY(Uuid))
    return and_(getattr(model, SCOPES[0]) == any_(organizations), or_(false(), *ways))


def entity_of(model: Readable) -> type[Entity]:
    """Whose line in the table holds for rows of this model: a part's is that of the whole."""
    return model.whole if issubclass(model, Part) else model


@cache
def live(model: type[Entity]) -> ColumnElement[bool]:
    """Rows that are not deleted."""
    return model.deleted_at.is_(None)


def parameters(viewer: Viewer) -> dict[str, Any]:
    """Values for what `permitted` binds. UNAUTHENTICATED for who is not signed in."""
    require_signed_in(viewer)
    values: dict[str, Any] = {role.name: viewer.scopes_with(role) for role in Role}
    for role in (Role.BILLING,):
        values[f"{role.name}_EXACTLY"] = [s for s, held in viewer.grants.items() if held is role]
    return values | {"viewer_id": viewer.id, "organizations": list(viewer.organizations)}


def scope_for(action: Action, product: str) -> str:
    """The scope that a token needs for this action on rows of this product."""
    return f"{product}:{'read' if action == 'read' else 'write'}"


def reaches(viewer: Viewer, scope: str) -> bool:
    """Whether the viewer's token, if they came with one that is narrowed, has this scope.

    A `write` scope includes that for reading, and `admin` every other.
    """
    if viewer.scopes is None:
        return True
    return not viewer.scopes.isdisjoint({"admin", scope, scope.replace(":read", ":write")})


def in_token_scope(viewer: Viewer, action: Action, model: Readable) -> bool:
    """Whether the viewer's token reaches this action."""
    return reaches(viewer, scope_for(action, PRODUCT_OF[entity_of(model)]))


def require_signed_in(viewer: Viewer) -> None:
    """UNAUTHENTICATED unless someone is signed in."""
    if viewer.id is None:
        raise Problem("UNAUTHENTICATED", "Sign in first.")


def require_token_scope(viewer: Viewer, action: Action, model: Readable) -> None:
    """FORBIDDEN, naming the scope, when the viewer's token does not reach this action."""
    require_one_scope(viewer, [scope_for(action, PRODUCT_OF[entity_of(model)])])


def require_one_scope(viewer: Viewer, scopes: Sequence[str]) -> None:
    """FORBIDDEN, naming these scopes, when the viewer's token has none of them."""
    if not any(reaches(viewer, scope) for scope in scopes):
        message = f"The token lacks the scope {' or '.join(scopes)}."
        raise Problem("FORBIDDEN", message, scope=" ".join(scopes))


def require_purge(viewer: Viewer, organization_id: UUID, model: type[Entity]) -> None:
    """FORBIDDEN unless the viewer owns the organization."""
    require_token_scope(viewer, "delete", model)
    if viewer.grants.get(organization_id) is not PURGE:
        raise Problem("FORBIDDEN", "Only owners of an organization purge what is in its trash.")


def printed() -> str:
    """The whole policy as a table for people to review."""
    lines = [f"{'':<24}" + "".join(f"{action:<10}" for action in ACTIONS) + "also"]
    lines += [f"{model.__name__:<24}{rule}" for model, rule in RULES.items()]
    lines.append(f"Purging takes {PURGE.name} at the organization.")
    return "\n".join(line.rstrip() for line in lines) + "\n"
