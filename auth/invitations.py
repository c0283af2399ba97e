"""Invitations, as seen by the invited: found by their token before there is any membership."""

from typing import NamedTuple
from uuid import UUID

from auth.viewer import Viewer
from db.pool import NOBODY, Database
from db.problem import Problem

FIND = """
SELECT i.id, i.organization_id
FROM organization_invitations i JOIN organizations o ON o.id = i.organization_id
WHERE i.token = $1 AND lower(i.email) = lower($2) AND i.status = 'pending'
  AND i.expires_at > now() AND i.deleted_at IS NULL AND o.deleted_at IS NULL
"""


class Invited(NamedTuple):
    """The invitation that someone holds, and where it leads."""

    id: UUID
    organization_id: UUID


async def invitation_for(database: Database, viewer: Viewer, token: UUID) -> Invited:
    """The open invitation with this token for the viewer's own address, or NOT_FOUND.

    Read by the authentication role: row level security hides the organization until they join.
    """
    if viewer.email is None:
        raise Problem("UNAUTHENTICATED", "Sign in first.")
    async with database.auth.lend(NOBODY) as connection:
        row = await connection.fetchrow(FIND, token, viewer.email)
    if row is None:
        raise Problem("NOT_FOUND", "There is no such invitation for you.", field=["token"])
    return Invited(*row)
