"""Ending the rights of an access review, as the mutations for each kind of right end them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from auth.session import Transaction
from auth.session.ancestry import SCOPE_MODELS
from db.base import SCOPES, Entity
from db.core.access_reviews import AccessReviewItem, GrantKind
from db.core.organizations import OrganizationMember
from db.core.projects import ProjectMember, UserRole
from db.problem import Problem
from graph.core.membership import remove_member
from graph.core.projects import remove_project_member
from graph.core.roles import revoke

MODELS: Mapping[GrantKind, type[Entity]] = {
    GrantKind.MEMBERSHIP: OrganizationMember,
    GrantKind.PROJECT_MEMBERSHIP: ProjectMember,
    GrantKind.ROLE: UserRole,
}
"""The model of each kind of right."""
REFUSED = frozenset({"FORBIDDEN", "LAST_OWNER"})
"""The codes by which the rules keep a right: one above the viewer's, and that of the last owner."""


@dataclass
class Ended:
    """The rights that were ended, and the reasons for which others were not, by item."""

    items: list[AccessReviewItem] = field(default_factory=list)
    refused: dict[UUID, Problem] = field(default_factory=dict)


async def find_grants(
    transaction: Transaction, items: Sequence[AccessReviewItem], *, lock: bool
) -> dict[UUID, Any]:
    """Return the rights of these items that there still are, by the ID of the right.

    Locked ones are locked after the objects at which they are, the widest first, so that changes
    of roles take turns. At most six statements.
    """
    ids = {
        model: {item.grant_id for item in items if item.kind is kind}
        for kind, model in MODELS.items()
    }
    found: dict[UUID, Any] = {}
    for model, asked in ids.items():
        found |= await transaction.find_by_id(model, asked, lock=False)
    if lock:
        await _lock_places(transaction, found.values())
        found = {}
        for model, asked in ids.items():
            found |= await transaction.find_by_id(model, asked)
    now = transaction.now
    return {id: grant for id, grant in found.items() if not _has_expired(grant, now)}


def _has_expired(grant: Any, now: datetime) -> bool:
    ends = getattr(grant, "expires_at", None)
    return ends is not None and ends <= now


def _place_of(grant: Any) -> tuple[str, UUID]:
    """Return the column that names the object of a right, and its ID."""
    key = next(key for key in reversed(SCOPES) if getattr(grant, key, None))
    return key, getattr(grant, key)


async def _lock_places(transaction: Transaction, grants: Any) -> None:
    named = [_place_of(grant) for grant in grants]
    for key, model in SCOPE_MODELS.items():
        at = {id for column, id in named if column == key}
        await transaction.find_by_id(model, at, to_create=UserRole)


async def end_grants(
    transaction: Transaction, items: Sequence[AccessReviewItem], grants: Mapping[UUID, Any]
) -> Ended:
    """End the rights of these items, which `find_grants` has locked.

    Each keeps the rules of the mutation that ends it otherwise. The viewer's own come last, the
    membership first among them: nothing is read after one has been ended, so that all are sent
    together with what rests on them.
    """
    ended = Ended()
    places: dict[UUID, Any] = {}
    for key, model in SCOPE_MODELS.items():
        at = {id for column, id in map(_place_of, grants.values()) if column == key}
        places |= await transaction.find_by_id(model, at, lock=False, to_create=UserRole)
    for item in sorted(items, key=lambda item: _turn(transaction, item)):
        grant = grants[item.grant_id]
        try:
            await _end(transaction, grant, places)
        except Problem as problem:
            if problem.code not in REFUSED:
                raise
            ended.refused[item.id] = problem
        else:
            ended.items.append(item)
    return ended


def _turn(transaction: Transaction, item: AccessReviewItem) -> tuple[bool, bool]:
    is_own = item.user_id == transaction.viewer.id
    return is_own, is_own and item.kind is not GrantKind.MEMBERSHIP


async def _end(transaction: Transaction, grant: Any, places: Mapping[UUID, Any]) -> None:
    match grant:
        case UserRole():
            _, at = _place_of(grant)
            await revoke(transaction, grant, places[at], grant.version)
        case ProjectMember():
            await remove_project_member(transaction, grant, grant.version)
        case _:
            await remove_member(transaction, grant, grant.version)
