"""Joining an organization by the verified domain of a confirmed e-mail address.

It happens when an account is opened and when its address is changed. Where the domain asks for it,
or no seat is free, the newcomer waits: the membership is PENDING, gives no rights and takes no
seat, until an administrator sets it to ACTIVE or removes it. Who was a member or was refused does
not join again by itself, and an open invitation is left to be answered.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from auth.accounts.domains import domain_of
from auth.accounts.notify import tell
from auth.origin import Origin
from auth.session import Transaction, ViewerSession
from auth.session.write.plan_limits import require_seat
from auth.viewer import Role, Viewer
from db.core.notifications import NotificationType
from db.core.organizations import Organization, OrganizationMember, UserRoleType
from db.core.people import UserStatus
from db.fields import among
from db.pool import NOBODY, Database
from db.problem import Problem

log = structlog.get_logger(__name__)

FIND = """
SELECT d.organization_id, d.domain, d.auto_join_role::text AS role, d.verification_required
FROM organization_domains AS d
JOIN organizations AS o ON o.id = d.organization_id AND o.deleted_at IS NULL
WHERE d.domain = $1 AND d.verified_at IS NOT NULL AND d.auto_join AND d.deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM organization_members AS m
        WHERE m.organization_id = d.organization_id AND m.user_id = $2)
    AND NOT EXISTS (SELECT FROM organization_invitations AS i
        WHERE i.organization_id = d.organization_id AND lower(i.email) = lower($3)
        AND i.status = 'pending' AND i.expires_at > now() AND i.deleted_at IS NULL)
"""
MAX_TOLD = 50
"""Administrators who are notified of a newcomer, at most."""
JOINED = "{} has joined {} by the domain {}."
WAITS = "{} asks to join {} by the domain {}."
FULL = "{} waits to join {} by the domain {}: the plan has no free seat."


class Place(NamedTuple):
    """The organization that a domain leads to, and the role there."""

    organization_id: UUID
    domain: str
    role: UserRoleType
    verification_required: bool


async def join(database: Database, person: UUID, email: str, origin: Origin) -> None:
    """Make the person a member of the organization of their address's domain, if there is one.

    The address has been confirmed, and the account is approved. A refusal is logged, and does not
    undo what the person has done.
    """
    place = await _place(database, person, email)
    if place is None:
        return
    session = ViewerSession(database, Viewer(person, email), origin)
    try:
        async with session.transaction() as transaction:
            await _add(transaction, place)
    except Problem as problem:
        log.warning(
            "not joined by domain", organization=str(place.organization_id), code=problem.code
        )


async def _place(database: Database, person: UUID, email: str) -> Place | None:
    domain = domain_of(email)
    if domain is None:
        return None
    async with database.auth.lend(NOBODY) as lent:
        return _read(await lent.fetchrow(FIND, domain, person, email))


def _read(row: Mapping[str, Any] | None) -> Place | None:
    return Place(**{**row, "role": UserRoleType(row["role"])}) if row else None


async def _add(transaction: Transaction, place: Place) -> None:
    granted = transaction.viewer.granted(place.organization_id, Role.ADMIN)
    await transaction.act_as(granted)
    organization = await transaction.find(Organization, place.organization_id)
    waits, text = place.verification_required, WAITS
    if not waits:
        text = JOINED
        try:
            require_seat(organization)
        except Problem:
            waits, text = True, FULL
    member = OrganizationMember(
        organization_id=organization.id,
        user_id=transaction.person,
        role=place.role,
        status=UserStatus.PENDING if waits else UserStatus.ACTIVE,
        joined_domain=place.domain,
    )
    transaction.add(member)
    await transaction.flush()
    title = text.format(transaction.viewer.email, organization.name, place.domain)
    administrators = await transaction.find_all(
        OrganizationMember,
        OrganizationMember.organization_id == organization.id,
        among(OrganizationMember.role, (UserRoleType.OWNER, UserRoleType.ADMIN)),
        OrganizationMember.status == UserStatus.ACTIVE,
        lock=False,
        limit=MAX_TOLD,
    )
    for administrator in administrators:
        tell(
            transaction,
            administrator.user_id,
            NotificationType.INVITATION,
            "domain_join_asked" if waits else "domain_joined",
            title,
            member,
            organization_id=organization.id,
        )
