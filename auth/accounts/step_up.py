"""Step-up authentication: a fresh proof of who it is before sensitive changes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session as OrmSession

from auth.accounts import second_factor, second_proof
from auth.accounts.mail import Outbox
from auth.accounts.password_change import prove_password
from auth.accounts.second_proof import Given
from auth.accounts.sign_in import PASSWORD, password_and
from auth.credentials.credential_lock import CredentialEnded
from auth.events import Event, record
from auth.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType
from db.core.sessions import Session
from db.pool import NOBODY, Database
from db.traits import ResourceType

PROOF_LIFETIME = timedelta(minutes=15)
"""The time for which a proof is fresh."""

FRESH = """
SELECT proved_at > now() - $2::interval FROM sessions WHERE id = $1 AND ended_at IS NULL
"""
PROVED = """
UPDATE sessions SET proved_at = now(), methods = $2 WHERE id = $1 AND ended_at IS NULL RETURNING id
"""


async def is_fresh(database: Database, viewer: Viewer) -> bool:
    """Return whether the person has proved who they are in this session within 15 minutes."""
    if viewer.session_id is None or viewer.client_id is not None:
        return False
    async with database.auth.lend(NOBODY) as lent:
        return bool(await lent.fetchval(FRESH, UUID(viewer.session_id), PROOF_LIFETIME))


class LastProof(NamedTuple):
    """The last proof in a session: its time, None without one, the current time, and its methods.

    Both times are by the clock of the database.
    """

    at: datetime | None
    now: datetime
    methods: Sequence[str] = ()


def last_proof(session: OrmSession, viewer: Viewer) -> LastProof:
    """Return the last proof in this session."""
    if viewer.session_id is None or viewer.client_id is not None:
        return LastProof(None, session.scalars(select(func.now())).one())
    mine = (Session.id == UUID(viewer.session_id), Session.ended_at.is_(None))
    proof = select(Session.proved_at, Session.methods).where(*mine).subquery()
    now = select(func.now().label("now")).subquery()
    statement = select(proof.c.proved_at, now.c.now, proof.c.methods).join_from(
        now, proof, true(), isouter=True
    )
    proved_at, moment, methods = session.execute(statement).one()
    return LastProof(proved_at, moment, methods or ())


async def prove(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    viewer: Viewer,
    password: str,
    given: Given,
    origin: Origin,
) -> None:
    """Verify a passkey, or the password again and, where a second factor is on, a code.

    Raises INVALID with the field at fault, RATE_LIMITED with `retryAfter` seconds, CredentialEnded
    and BUSY.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    methods: tuple[str, ...]
    if given.passkey.text:
        methods = (await second_proof.prove(database, settings, outbox, viewer.id, given, origin),)
    else:
        await prove_password(database, settings, viewer, password, origin)
        methods = PASSWORD.methods
        if await second_factor.state(database, viewer.id):
            method = await second_proof.prove(database, settings, outbox, viewer.id, given, origin)
            methods = password_and(method).methods
    await note_proof(database, viewer, methods, origin)


async def note_proof(
    database: Database, viewer: Viewer, methods: Sequence[str], origin: Origin
) -> None:
    """Note that the person has just proved by these methods who they are.

    Raises CredentialEnded.
    """
    assert viewer.session_id  # noqa: S101 (the page asks who it is first)
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
        if await lent.fetchval(PROVED, session_id, list(methods)) is None:
            raise CredentialEnded
        await record(lent, event, origin)
