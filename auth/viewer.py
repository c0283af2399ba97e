"""The viewer of a request: an identity, the roles granted to it, and the scopes of its token."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from db.pool import Context


class Role(IntEnum):
    """A role at a scope. A role granted at a scope holds for everything beneath it.

    BILLING and MEMBER are granted at organizations only. MEMBER alone reads the organization and
    its people; projects open by their visibility, or by a role granted at them. GUEST is granted by
    the address of a share alone, and reads what is written in one object. PARTICIPANT is what a
    token for one project has at its organization: the organization itself, and the definitions of
    properties. ANYONE and NOBODY are never granted: as the least role of a rule they mean every
    signed-in person, and no one.
    """

    ANYONE = 0
    BILLING = 1
    PARTICIPANT = 2
    MEMBER = 3
    GUEST = 4
    VIEWER = 5
    EDITOR = 6
    ADMIN = 7
    OWNER = 8
    NOBODY = 9


class Place(NamedTuple):
    """The place of a scope: the column that names it, and the scopes above it, if known."""

    key: str
    organization_id: UUID | None = None
    project_id: UUID | None = None


PROJECT = Place("project_id")
T = TypeVar("T")


@dataclass(frozen=True)
class Shared:
    """The object that the address of a share opens, read-only, to whoever has it.

    A past that the object holds, such as that of a baseline, opens with `past_grants`; there the
    present opens the object itself alone. `password` is the digest of its password's hash. Row
    level security opens `wall` to reading, as it opens a public project: the project of the object,
    or the object itself if it is in none.
    """

    object_id: UUID
    organization_id: UUID
    wall: UUID
    name: str = field(compare=False)
    past_grants: Mapping[UUID, Role] = field(default_factory=lambda: MappingProxyType({}))
    password: str = ""


@dataclass(frozen=True)
class Viewer:
    """The identity behind a request; `id` is None for the anonymous.

    `grants` holds the highest role at each organization, project or document. `organizations` are
    the tenants of which the viewer is a member, `public_projects` the readable projects of other
    tenants: together they are the context of row level security. `places` gives the kinds of the
    scopes of `grants` are; one that it leaves out may be of any. `scopes` is None for a person's
    own session; a token's scopes only narrow what the grants allow. `key` is the thumbprint of the
    key that the token is bound to, and whose proof came with it.
    """

    id: UUID | None
    email: str | None = None
    grants: Mapping[UUID, Role] = field(default_factory=lambda: MappingProxyType({}))
    organizations: frozenset[UUID] = frozenset()
    public_projects: frozenset[UUID] = frozenset()
    scopes: frozenset[str] | None = None
    session_id: str | None = None
    client_id: str | None = None
    is_service: bool = False
    """True for a service account: a server, which does not sign in."""
    confined_to: UUID | None = None
    """The only organization that the token reaches, of those that its person belongs to."""
    confined_project: UUID | None = None
    """The only project of that organization that the token reaches, if it is for one."""
    actors: tuple[str, ...] = ()
    """The client IDs of agents that act for the person by an exchanged token, the current first."""
    key: str | None = None
    expires_at: datetime | None = None
    """The time at which the session or the token expires, if known."""
    until: datetime | None = field(default=None, compare=False)
    """The time at which the first of the grants expires, if any does."""
    places: Mapping[UUID, Place] = field(
        default_factory=lambda: MappingProxyType({}), compare=False
    )
    public_tenants: frozenset[UUID] = field(default=frozenset(), compare=False)
    """The organizations of `public_projects`."""
    _derived: dict[Hashable, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    by_visibility: frozenset[UUID] = field(default=frozenset(), compare=False)
    """Projects at which the viewer holds a grant by their visibility alone."""
    shared: Shared | None = None
    """The object of a share, whose ID is then the viewer's own: nobody, who reads one object."""

    def scopes_with(self, least: Role) -> list[UUID]:
        """Return the scopes at which the viewer holds this role or a higher one."""
        return [scope for scope, role in self.grants.items() if role >= least]

    def granted(self, scope: UUID, role: Role) -> "Viewer":
        """Return the viewer with one more grant, at an organization they create or join."""
        return replace(
            self,
            grants={**self.grants, scope: role},
            organizations=self.organizations | {scope},
            places={**self.places, scope: Place("organization_id")},
        )

    def within(self, holder: UUID | None) -> "Viewer | None":
        """Return the viewer of a past that the object `holder` holds; None when it is closed.

        The past of the record, which no object holds, is closed to whoever has a share.
        """
        if self.shared is None:
            return self
        grants = self.shared.past_grants
        return replace(self, grants=grants, places={}) if self.shared.object_id == holder else None

    def derived(self, derive: Callable[["Viewer"], T]) -> T:
        """Return the result of `derive` for this viewer, computed once for all statements."""
        if derive not in self._derived:
            self._derived[derive] = derive(self)
        found: T = self._derived[derive]
        return found

    @cached_property
    def context(self) -> Context:
        """Return the context of row level security for this viewer."""
        if self.shared is not None:
            return Context(self.id, frozenset(), frozenset({self.shared.wall}))
        return Context(self.id, self.organizations, self.public_projects, self.confined_project)


ANONYMOUS = Viewer(None)
