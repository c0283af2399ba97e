"""Every grant of access in an organization, or at one project, as items of an access review."""

from typing import Any

from auth.session import Transaction
from db.base import SCOPES
from db.core.access_reviews import AccessReview, AccessReviewItem, GrantKind
from db.core.organizations import OrganizationMember
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.projects import ProjectMember, UserRole
from db.fields import among
from db.problem import Problem

MAX_ITEMS = 2_000
"""The most grants of one access review."""
COLUMNS = ("user_id", "id", "version", "created_at", "created_by")
"""The columns of every grant."""
ROLES = ("admin_role", "project_role", "document_role")
OBJECTS = ("Organization", "Project", "Document")
"""The types of the objects at which roles are granted, in the order of `SCOPES`."""


async def items_to_review(transaction: Transaction, review: AccessReview) -> list[AccessReviewItem]:
    """Return an item for each grant. Raises LIMIT_REACHED for too many. At most four statements.

    Suspended memberships are among them, because they can be resumed. Roles that have ended by
    themselves are not.
    """
    items: list[AccessReviewItem] = []
    if review.project_id is None:
        members = await _read(
            transaction, review, OrganizationMember, ("organization_id", "role", "last_active_at")
        )
        for *grant, at, role, used in members:
            items.append(_item(review, grant, GrantKind.MEMBERSHIP, role, (at,), used))
    members = await _read(
        transaction, review, ProjectMember, ("project_id", "role", "last_accessed_at")
    )
    for *grant, at, role, used in members:
        place = (review.organization_id, at)
        items.append(_item(review, grant, GrantKind.PROJECT_MEMBERSHIP, role, place, used))
    items += await _additional_roles(transaction, review)
    if len(items) > MAX_ITEMS:
        message = f"An access review has at most {MAX_ITEMS:,} grants. Review projects instead."
        raise Problem("LIMIT_REACHED", message, limit="grants", maximum=MAX_ITEMS)
    return items


async def _additional_roles(
    transaction: Transaction, review: AccessReview
) -> list[AccessReviewItem]:
    """Return an item for each additional role, last used when its user was last active."""
    live = UserRole.expires_at.is_(None) | (UserRole.expires_at > transaction.now)
    found = await _read(transaction, review, UserRole, (*SCOPES, *ROLES, "expires_at"), live)
    people = list({grant[0] for grant in found})
    used = dict(
        await transaction.values(
            OrganizationMember,
            ["user_id", "last_active_at"],
            OrganizationMember.organization_id == review.organization_id,
            among(OrganizationMember.user_id, people),
        )
        if people
        else []
    )
    items = []
    for one in found:
        grant, scopes = one[: len(COLUMNS)], one[len(COLUMNS) : len(COLUMNS) + len(SCOPES)]
        *roles, ends = one[len(COLUMNS) + len(SCOPES) :]
        place = [id for id in scopes if id]
        role = next(role for role in roles if role)
        item = _item(review, grant, GrantKind.ROLE, role, place, used.get(grant[0]))
        item.expires_at = ends
        items.append(item)
    return items


async def _read(
    transaction: Transaction,
    review: AccessReview,
    model: Any,
    columns: tuple[str, ...],
    *where: Any,
) -> list[Any]:
    """Return these columns of the grants of a model at the object of the review, after COLUMNS."""
    here = [model.organization_id == review.organization_id, *where]
    if review.project_id:
        here.append(model.project_id == review.project_id)
    found = await transaction.values(
        model, [*COLUMNS, *columns], *here, order=[model.user_id, model.id], limit=MAX_ITEMS + 1
    )
    return [tuple(row) for row in found]


def _item(
    review: AccessReview, grant: Any, kind: GrantKind, role: Any, place: Any, used: Any
) -> AccessReviewItem:
    user_id, id, version, created_at, created_by = grant
    return AccessReviewItem(
        organization_id=review.organization_id,
        project_id=review.project_id,
        access_review_id=review.id,
        user_id=user_id,
        kind=kind,
        grant_id=id,
        grant_version=version,
        role=OrganizationRole[role.name],
        object_type=OBJECTS[len(place) - 1],
        object_id=place[-1],
        granted_at=created_at,
        granted_by=created_by,
        last_used_at=used,
    )
