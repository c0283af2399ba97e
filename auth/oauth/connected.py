"""Applications that members of an organization have connected, and that may reach it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from auth.policy.scope_names import OPENID_SCOPES
from db.pool import NOBODY, Database

MAX_LISTED = 500

LIST = """
WITH people AS (
    SELECT m.user_id FROM organization_members m JOIN profiles p ON p.id = m.user_id
    WHERE m.organization_id = $1 AND m.deleted_at IS NULL AND m.status = 'active'
        AND p.service_of IS NULL
),
living AS (
    SELECT client_id, user_id, scope, confined_to, created_at, last_used_at
    FROM oauth_access_tokens
    WHERE user_id IN (SELECT user_id FROM people) AND revoked_at IS NULL AND expires_at > now()
    UNION ALL
    SELECT client_id, user_id, scope, confined_to, created_at, last_used_at
    FROM oauth_refresh_tokens
    WHERE user_id IN (SELECT user_id FROM people) AND revoked_at IS NULL
        AND rotated_at IS NULL AND expires_at > now()
    UNION ALL
    SELECT client_id, user_id, scope, confined_to, created_at, NULL
    FROM oauth_consents WHERE user_id IN (SELECT user_id FROM people)
)
SELECT c.client_id, c.client_name AS name, c.is_self_registered AS is_unverified,
    count(DISTINCT l.user_id)::int AS people, min(l.created_at) AS since,
    max(l.last_used_at) AS last_used_at, array_agg(DISTINCT l.scope) AS scopes,
    bool_or(o.allowed_clients IS NULL OR ctx.allows_client(c.client_id, o.id, o.allowed_clients))
        AS is_allowed
FROM living l JOIN oauth_clients c USING (client_id) JOIN organizations o ON o.id = $1
WHERE c.disabled_at IS NULL AND NOT c.is_first_party
    AND (l.confined_to IS NULL OR l.confined_to = $1)
    AND (l.scope IS NULL OR NOT string_to_array(l.scope, ' ') <@ $2::text[])
GROUP BY c.client_id, c.client_name, c.is_self_registered
ORDER BY people DESC, c.client_name, c.client_id LIMIT $3
"""


@dataclass(frozen=True)
class ConnectedApplication:
    """An application with live consents or tokens of members; `scopes` None means everything.

    `is_allowed` is whether the owners let it reach the organization.
    """

    client_id: str
    name: str
    is_unverified: bool
    people: int
    since: datetime
    last_used_at: datetime | None
    scopes: frozenset[str] | None
    is_allowed: bool


async def of_organization(
    database: Database, organization_id: UUID
) -> Sequence[ConnectedApplication]:
    """Return the applications of its members, those of most people first.

    Applications that only identify people, and those of the gateway, are left out.
    """
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(LIST, organization_id, list(OPENID_SCOPES), MAX_LISTED)
    return [ConnectedApplication(**{**row, "scopes": _together(row["scopes"])}) for row in rows]


def _together(scopes: Sequence[Any]) -> frozenset[str] | None:
    return None if None in scopes else frozenset(" ".join(scopes).split()) - {*OPENID_SCOPES}
