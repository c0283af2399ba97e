"""The grants of a viewer as values of statements: lists of scopes, by role and by kind of scope."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from auth.viewer import Place, Role, Viewer

INSIDE = Role.PARTICIPANT
"""The role at an organization whose holders are inside of it."""
MAX_SCOPES = 500
"""Scopes of a list, at most, for which a page of each is read; see `auth.session.select`."""
ONE = "_one"
EXACTLY = "_EXACTLY"
ORGANIZATIONS, INSIDERS, PUBLIC = "organizations", "insiders", "public"
ONLY_PROJECT = "only_project"
TOKEN_SCOPES = "token_scopes"  # noqa: S105 (a name)


class GrantLists(Mapping[str, Any]):
    """The lists of one viewer by name, each computed when it is first used.

    `ADMIN` holds every scope at which the viewer is ADMIN or more, `BILLING_EXACTLY` those at which
    they are BILLING and nothing else. `ADMIN_at_project_id` holds the projects alone, without those
    in an organization where the viewer is ADMIN anyway; scopes of an unknown kind are in the lists
    of all kinds. With `_one` behind it a name means the first of the list. Public projects of other
    tenants are in none of them: `public` counts them. `token_scopes` are those of the viewer's
    token, `*` without one. `only_project` is the project that the token is for, if it is for one.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._made: dict[str, Any] = {
            "viewer_id": viewer.id,
            ORGANIZATIONS: list(viewer.organizations),
            "tenants": list(viewer.organizations | viewer.public_tenants),
            PUBLIC: len(viewer.public_projects),
            ONLY_PROJECT: viewer.confined_project,
            TOKEN_SCOPES: ["*"] if viewer.scopes is None else sorted(viewer.scopes),
        }
        grants, public = viewer.grants.items(), viewer.public_projects
        self._grants = {s: r for s, r in grants if s not in public or r is not Role.VIEWER}
        self._shapes: dict[tuple[str, ...], tuple[int, ...]] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def shape(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Return the size class of each list, which decides the SQL that compares its scopes.

        0, 1, 2 for up to MAX_SCOPES, 3 for more.
        """
        if names not in self._shapes:
            self._shapes[names] = tuple(size_class(self._count(name)) for name in names)
        return self._shapes[names]

    def _count(self, name: str) -> int:
        value = self[name]
        if name == ONLY_PROJECT:
            return int(value is not None)
        return value if isinstance(value, int) else len(value)

    def _make(self, name: str) -> Any:
        if name.endswith(ONE):
            return self[name.removesuffix(ONE)][0]
        if name == INSIDERS:
            held = self._viewer.grants
            return [o for o in self[ORGANIZATIONS] if held.get(o, Role.ANYONE) >= INSIDE]
        role, _, key = name.partition("_at_")
        return self._scopes(role, key) if key else self._all(role)

    def _all(self, role: str) -> list[UUID]:
        least = Role[role.removesuffix(EXACTLY)]
        if role.endswith(EXACTLY):
            return [scope for scope, held in self._grants.items() if held is least]
        return [scope for scope, held in self._grants.items() if held >= least]

    def _scopes(self, role: str, key: str) -> list[UUID]:
        places, scopes = self._viewer.places, self[role]
        above: Collection[UUID] = set(scopes)
        return [scope for scope in scopes if _is_of(places.get(scope), key, above)]

    def __iter__(self) -> Any:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def _is_of(place: Place | None, key: str, above: Collection[UUID]) -> bool:
    if place is None:
        return True
    return place.key == key and not (place.organization_id in above or place.project_id in above)


def size_class(count: int) -> int:
    """Return 0 for nothing, 1 for one, 2 for a few, 3 for many."""
    return count if count < 2 else 2 if count <= MAX_SCOPES else 3  # noqa: PLR2004 (one, or several)


def name_at(role: str, key: str) -> str:
    """Return the name of the list of scopes of one kind, by the column that names them."""
    return f"{role}_at_{key}"
