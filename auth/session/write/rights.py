"""The rights that a transaction's writes rest on, read again and locked before it commits.

A request is checked against the roles that its viewer had when it began, and may wait for a lock,
or for other work, after that. So a transaction notes the rights it used and where, and queries the
database once more with the statement that writes last: the roles that the viewer has now at these
places, and whether their credential is still good. `ctx.hold_rights` locks the rows it reads (`FOR
SHARE`), so that a transaction that takes a role or ends a session either has committed before,
which shows, or waits until the writes that rest on it are committed.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, JSON, Uuid, bindparam, func, select

from auth.credentials.credential_lock import CredentialEnded
from auth.policy import (
    PURGE,
    RULES,
    allows,
    entity_of,
    own_columns,
    require_purge,
    require_token_scope,
)
from auth.policy.rule import Action
from auth.session.write.db_errors import missing
from auth.viewer import Role, Viewer
from db.base import Entity, Readable
from db.problem import Problem

RIGHTS = "rights"
HELD = func.ctx.hold_rights(
    bindparam("rights_credential", type_=Uuid),
    bindparam("rights_organizations", type_=ARRAY(Uuid)),
    bindparam("rights_places", type_=ARRAY(Uuid)),
    type_=JSON,
)
HELD_RIGHTS = select(HELD).scalar_subquery().label(RIGHTS)
"""A column with the roles that the viewer has now, locked; its value is for `Rights.verify`."""
HOLD_RIGHTS = select(HELD_RIGHTS)


class RightsLost(Problem):
    """FORBIDDEN or NOT_FOUND: a right has ended meanwhile; the whole transaction is refused."""


class Demand(NamedTuple):
    """A permission of the policy that was used: an action on rows of this model at one place."""

    action: Action
    model: Readable
    place: tuple[tuple[str, Any], ...]

    def allowed(self, viewer: Viewer) -> bool:
        """Return whether the viewer may do it; the scopes of a token were checked before."""
        row = SimpleNamespace(**dict(self.place))
        return allows(replace(viewer, scopes=None), self.action, self.model, row)


class Rights:
    """The permissions that one transaction used because of its viewer's roles."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self._given: dict[UUID, Role] = {}
        self._demands: dict[Demand, None] = {}
        self._roles: set[tuple[Role, tuple[UUID, ...]]] = set()
        self._is_held = False

    @property
    def pending(self) -> bool:
        """Return whether there is a right that `verify` has not checked yet."""
        return bool(self._demands or self._roles) or not self._is_held

    def widen(self, viewer: Viewer) -> None:
        """Continue with a viewer with further grants from the gateway, which no row holds yet."""
        before = self.viewer.grants
        self._given |= {at: r for at, r in viewer.grants.items() if before.get(at) is not r}
        self.viewer = viewer

    def require(self, action: Action, row: Entity, at: object | None = None) -> None:
        """Raise FORBIDDEN unless the viewer may take this action on the row, or at that place."""
        model = type(row)
        require_token_scope(self.viewer, action, model)
        if not allows(self.viewer, action, model, at or row):
            raise forbidden_to(action, model)
        self._note(action, model, row, at)

    def require_role(self, role: Role, *scopes: UUID) -> bool:
        """Return whether the viewer has this role, or a higher one, at one of the scopes."""
        has = _highest(self.viewer, scopes) >= role
        if has:
            self._roles.add((role, scopes))
        return has

    def require_purge(self, organization_id: UUID, model: type[Entity]) -> None:
        """Raise FORBIDDEN unless the viewer owns the organization."""
        require_purge(self.viewer, organization_id, model)
        self._roles.add((PURGE, (organization_id,)))

    def read(self, row: Entity) -> None:
        """Note that the viewer may read this row, on which a write may rest."""
        if not RULES[type(row)].seen_with:
            self._note("read", type(row), row)

    def parameters(self) -> dict[str, Any]:
        """Return the values that `HELD_RIGHTS` binds."""
        scopes = {value for demand in self._demands for _, value in demand.place}
        scopes.update(*(named for _, named in self._roles))
        places = [scope for scope in scopes if isinstance(scope, UUID)]
        credential = self.viewer.session_id
        return {
            "rights_credential": UUID(credential) if credential else None,
            "rights_organizations": [s for s in places if s in self.viewer.organizations],
            "rights_places": places,
        }

    def verify(self, found: Mapping[str, Any] | None) -> None:
        """Refuse actions that the viewer may not take any more, by the result of `HELD_RIGHTS`.

        Raises CredentialEnded, and RightsLost.
        """
        if found is None:
            raise CredentialEnded
        viewer = self._now(found)
        for demand in self._demands:
            if not demand.allowed(viewer):
                if not demand._replace(action="read").allowed(viewer):
                    problem = missing(entity_of(demand.model))
                else:
                    problem = forbidden_to(demand.action, demand.model)
                raise RightsLost(problem.code, problem.message)
        for role, scopes in self._roles:
            if _highest(viewer, scopes) < role:
                raise RightsLost("FORBIDDEN", "Your role has just been changed.")
        self._demands.clear()
        self._roles.clear()
        self._is_held = True

    def forget(self) -> None:
        """Forget all rights: the writes that rested on them have been rolled back."""
        self._demands.clear()
        self._roles.clear()
        self._is_held = False

    def _note(self, action: Action, model: Readable, row: object, at: object | None = None) -> None:
        place = {key: getattr(at or row, key) for key in model.scope_keys()}
        for key in own_columns(entity_of(model)):
            place.setdefault(key, getattr(row, key))
        self._demands[Demand(action, model, tuple(place.items()))] = None

    def _now(self, found: Mapping[str, Any]) -> Viewer:
        grants = dict(self._given)
        for scope, label in zip(found["scopes"], found["roles"], strict=True):
            id = UUID(scope)
            grants[id] = max(Role[label.upper()], grants.get(id, Role.ANYONE))
        asked = set(self.parameters()["rights_organizations"])
        members = {UUID(id) for id in found["organizations"]}
        organizations = (self.viewer.organizations - asked) | members | self._given.keys()
        return replace(self.viewer, grants=grants, organizations=frozenset(organizations))


def forbidden_to(action: Action, model: Readable) -> Problem:
    """Return the error for a row that the viewer may see, but not take this action on."""
    return Problem("FORBIDDEN", f"You may not {action} this {model.__name__}.")


def _highest(viewer: Viewer, scopes: tuple[UUID, ...]) -> Role:
    return max(viewer.grants.get(scope, Role.ANYONE) for scope in scopes)
