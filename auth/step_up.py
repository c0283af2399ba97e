"""Proving again that it is them, before people change how they sign in or give much away."""

from uuid import UUID

from auth import second_factor
from auth.events import Event, record
from auth.holding import SignedOut
from auth.mail import Outbox
from auth.password_change import prove_password
from auth.session.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType, ResourceType
from db.pool import NOBODY, Database

FRESH = """
SELECT proved_at > now() - interval '15 minutes' FROM sessions WHERE id = $1 AND ended_at IS NULL
"""
PROVED = """
UPDATE sessions SET proved_at = now() WHERE id = $1 AND ended_at IS NULL RETURNING id
"""


async def is_fresh(database: Database, viewer: Viewer) -> bool:
    """Whether the person has shown password and code in this session within 15 minutes."""
    if viewer.session_id is None or viewer.client_id is not None:
        return False
    async with database.auth.lend(NOBODY) as lent:
        return bool(await lent.fetchval(FRESH, UUID(viewer.session_id)))


async def prove(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    viewer: Viewer,
    password: str,
    code: str,
    origin: Origin,
) -> None:
    """Show the password again and, where a second factor is on, a code.

    Raises INVALID with the field at fault, RATE_LIMITED with `retryAfter` seconds, SignedOut and
    BUSY.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    assert viewer.session_id  # noqa: S101
    await prove_password(database, settings, viewer, password, origin)
    if await second_factor.state(database, viewer.id):
        await second_factor.prove(database, settings, outbox, viewer.id, code, origin)
    session_id = UUID(viewer.session_id)
    event = Event(
        entity_type="Session",
        entity_id=session_id,
        action="step_up",
        type=AuditEventType.LOGIN,
        description="Proved again that it is them.",
        resource=ResourceType.SESSION,
        actor_id=viewer.id,
        user_id=viewer.id,
        session_id=session_id,
    )
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        if await lent.fetchval(PROVED, session_id) is None:
            raise SignedOut
        await record(lent, event, origin)
