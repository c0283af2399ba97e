"""Profiles, signed-in browsers and connected applications: list, change and end a person's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from auth.accounts.keys import NOT_FRESH
from auth.accounts.step_up import is_fresh
from auth.credentials import browser_sessions
from auth.credentials.people import job_title, person_name
from auth.credentials.tokens import revoke_all
from auth.events import Event, record
from auth.origin import Origin
from auth.session import ViewerSession
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType
from db.core.people import Profile
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

MAX_LISTED = 100
"""The number of browsers or applications listed, at most, the latest used first."""

ABOUT = "SELECT full_name, job_title FROM profiles WHERE id = $1"
SESSIONS = """
SELECT id, host(ip_address) AS address, coalesce(user_agent, '') AS agent, created_at, last_used_at
FROM sessions
WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now()
    AND last_used_at > now() - $2::interval
ORDER BY last_used_at DESC, id LIMIT $3
"""
END = """
UPDATE sessions SET ended_at = now()
WHERE id = $1 AND user_id = $2 AND ended_at IS NULL RETURNING id
"""
APPLICATIONS = """
WITH signed_in AS (
    SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > now()
),
living AS (
    SELECT client_id, scope, created_at, confined_to, confined_project
    FROM oauth_access_tokens AS t
    WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
        AND (t.session_id IS NULL OR t.session_id IN (SELECT id FROM signed_in))
    UNION ALL
    SELECT client_id, scope, created_at, confined_to, confined_project
    FROM oauth_refresh_tokens AS t
    WHERE user_id = $1 AND revoked_at IS NULL AND rotated_at IS NULL AND expires_at > now()
        AND (t.session_id IS NULL OR t.session_id IN (SELECT id FROM signed_in))
    UNION ALL
    SELECT client_id, scope, created_at, confined_to, confined_project
    FROM oauth_consents WHERE user_id = $1
),
used AS (
    SELECT client_id, max(last_used_at) AS last_used_at FROM oauth_access_tokens
    WHERE user_id = $1 AND client_id IN (SELECT client_id FROM living) GROUP BY client_id
)
SELECT c.client_id, c.client_name AS name, min(l.created_at) AS since, u.last_used_at,
    bool_or(l.scope IS NULL) AS everything, array_agg(DISTINCT l.scope) AS scopes,
    CASE WHEN bool_and(l.confined_to IS NOT NULL) THEN array_agg(DISTINCT o.name) END AS places,
    CASE WHEN bool_and(l.confined_project IS NOT NULL)
        THEN array_remove(array_agg(DISTINCT p.name), NULL) END AS projects
FROM living l JOIN oauth_clients c USING (client_id) LEFT JOIN used u USING (client_id)
    LEFT JOIN organizations o ON o.id = l.confined_to
    LEFT JOIN projects p ON p.id = l.confined_project
WHERE c.disabled_at IS NULL
GROUP BY c.client_id, c.client_name, u.last_used_at
ORDER BY u.last_used_at DESC NULLS LAST, c.client_name, c.client_id LIMIT $2
"""
"""Applications with consent, also those without a live token: consent yields another."""
CLIENT = "SELECT id FROM oauth_clients WHERE client_id = $1"


class About(NamedTuple):
    """A person's own profile: full name and job title."""

    full_name: str | None
    job_title: str | None


@dataclass(frozen=True)
class Browser:
    """A browser that is signed in: from where, and since when."""

    id: UUID
    address: str | None
    agent: str
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True)
class Application:
    """An application that may act for the person; `scopes` None means all that they may do.

    `places` are the names of the only organizations that it reaches, `projects` of the only
    projects; None for all.
    """

    client_id: str
    name: str
    since: datetime
    last_used_at: datetime | None
    scopes: frozenset[str] | None
    places: Sequence[str] | None
    projects: Sequence[str] | None


async def profile(database: Database, id: UUID) -> About:
    """Return the person's profile."""
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(ABOUT, id)
    return About(*row) if row else About(None, None)


async def change_profile(
    database: Database, viewer: Viewer, full_name: str, title: str, origin: Origin
) -> None:
    """Change the person's name or job title. Raises INVALID with the field at fault."""
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    values = {"full_name": person_name(full_name), "job_title": job_title(title)}
    async with ViewerSession(database, viewer, origin).transaction() as transaction:
        transaction.change(await transaction.find(Profile, viewer.id), None, **values)


def require_everything(viewer: Viewer) -> None:
    """Raise FORBIDDEN unless a person asks, or a program that may do all they may."""
    if viewer.id is None:
        raise Problem("UNAUTHENTICATED", "Sign in first.")
    if viewer.is_service or viewer.shared is not None:
        raise Problem("FORBIDDEN", "Only a person has sessions and applications.")
    if viewer.scopes is not None and "admin" not in viewer.scopes:
        raise Problem("FORBIDDEN", "The token lacks the scope admin.", scope="admin")
    if viewer.confined_to is not None:
        raise Problem("FORBIDDEN", "A token for one organization does not reach the account.")


async def require_proof(database: Database, viewer: Viewer) -> None:
    """Raise as `require_everything` does, and FORBIDDEN in a session without a fresh proof."""
    require_everything(viewer)
    if viewer.scopes is None and viewer.client_id is None and not await is_fresh(database, viewer):
        raise Problem("FORBIDDEN", NOT_FRESH, prove="/prove")


async def browsers(database: Database, settings: AuthSettings, viewer: Viewer) -> Sequence[Browser]:
    """Return the person's signed-in browsers, the latest used first."""
    idle = timedelta(hours=settings.session_idle_hours)
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(SESSIONS, viewer.id, idle, MAX_LISTED)
    return [Browser(**row) for row in rows]


async def end_browser(database: Database, viewer: Viewer, id: str, origin: Origin) -> bool:
    """Sign one of the person's browsers out; return False when it is signed out already."""
    try:
        session = UUID(id)
    except ValueError:
        raise Problem("NOT_FOUND", "There is no such browser.") from None
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        ended = await lent.fetchval(END, session, viewer.id) is not None
        if ended:
            await _ended(lent, viewer, session, "session_end", "Signed a browser out.", origin)
    return ended


async def end_other_browsers(database: Database, viewer: Viewer, origin: Origin) -> int:
    """Sign all browsers of the person out but this one; return their number."""
    assert viewer.id  # noqa: S101
    kept = UUID(viewer.session_id) if viewer.session_id else None
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        ended = await browser_sessions.end_all(lent, viewer.id, kept)
        what = "Signed all other browsers out."
        await _ended(lent, viewer, kept or viewer.id, "sessions_end", what, origin)
    return ended


async def applications(database: Database, viewer: Viewer) -> Sequence[Application]:
    """Return the applications that may act for the person, the latest used first."""
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(APPLICATIONS, viewer.id, MAX_LISTED)
    return [
        Application(
            row["client_id"],
            row["name"],
            row["since"],
            row["last_used_at"],
            None if row["everything"] else frozenset(" ".join(row["scopes"]).split()),
            row["places"],
            row["projects"],
        )
        for row in rows
    ]


async def disconnect(database: Database, viewer: Viewer, client_id: str, origin: Origin) -> None:
    """End every token, code and consent that this application has from the person.

    Raises NOT_FOUND.
    """
    assert viewer.id  # noqa: S101
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        known = "\0" not in client_id and client_id.isascii()
        id = await lent.fetchval(CLIENT, client_id) if known else None
        if id is None:
            raise Problem("NOT_FOUND", "There is no such application.")
        await revoke_all(lent, viewer.id, client_id)
        event = Event(
            entity_type="OAuthClient",
            entity_id=id,
            action="disconnect",
            type=AuditEventType.PERMISSION_CHANGE,
            description="Disconnected an application.",
            resource=ResourceType.OAUTH_CLIENT,
            actor_id=viewer.id,
            user_id=viewer.id,
            session_id=_session(viewer),
            client_id=client_id,
        )
        await record(lent, event, origin)


async def _ended(
    connection: Lent, viewer: Viewer, id: UUID, action: str, what: str, origin: Origin
) -> None:
    event = Event(
        entity_type="Session",
        entity_id=id,
        action=action,
        type=AuditEventType.LOGOUT,
        description=what,
        resource=ResourceType.SESSION,
        actor_id=viewer.id,
        user_id=viewer.id,
        session_id=_session(viewer),
    )
    await record(connection, event, origin)


def _session(viewer: Viewer) -> UUID | None:
    return UUID(viewer.session_id) if viewer.session_id else None
