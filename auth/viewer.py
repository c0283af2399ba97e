"""Who is asking: an identity, the roles granted to it, and the scopes its token narrows them to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from uuid import UUID

from db.pool import Context


class Role(IntEnum):
    """What someone is at a scope. A role granted at a scope holds for everything beneath it.

    BILLING and MEMBER are granted at organizations only. MEMBER alone reads the organization and
    its people; projects open by their visibility, or by a role granted at them. ANYONE and NOBODY
    are never granted: as the least role of a rule they mean every signed-in person, and no one.
    """

    ANYONE = 0
    BILLING = 1
    MEMBER = 2
    VIEWER = 3
    EDITOR = 4
    ADMIN = 5
    OWNER = 6
    NOBODY = 7


@dataclass(frozen=True)
class Viewer:
    """Someone making a request; `id` is None for the anonymous.

    `grants` holds the highest role at each organization, project or document. `organizations` are
    the tenants of which the viewer is a member, `public_projects` the readable projects of other
    tenants: together they are the context of row level security. `scopes` is None for a person's
    own session; a token's scopes only narrow what the grants allow. `key` is the thumbprint of the
    key that the token is bound to, and that was shown with it.
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
    """Whether this is a service account: a server, and nobody who signs in."""
    key: str | None = None
    expires_at: datetime | None = None
    """When the session or the token ends by itself, as far as is known."""
    until: datetime | None = field(default=None, compare=False)
    """When the first of the grants ends by itself, if any does."""

    def scopes_with(self, least: Role) -> list[UUID]:
        """The organizations, projects and documents at which the viewer holds this role or more."""
        return [scope for scope, role in self.grants.items() if role >= least]

    def granted(self, scope: UUID, role: Role) -> "Viewer":
        """The same viewer with one more grant, at an organization they found or are invited to."""
        return replace(
            self,
            grants={**self.grants, scope: role},
            organizations=self.organizations | {scope},
        )

    @property
    def context(self) -> Context:
        """What row level security is told about this viewer."""
        return Context(self.id, self.organizations, self.public_projects)


ANONYMOUS = Viewer(None)
