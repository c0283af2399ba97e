"""The devices of a person: list and remove them, and tell of a sign-in from a new one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth.accounts.mail import Outbox, mail, now
from auth.accounts.notify import remind
from auth.credentials import agents, grants
from auth.credentials.people import person_event
from auth.events import record
from auth.origin import Origin
from auth.session import ViewerSession
from auth.viewer import Viewer
from db.change import AuditSeverity
from db.core.notifications import NotificationType
from db.core.people import Profile
from db.pool import NOBODY, Database
from db.problem import Problem

MAX_LISTED = 100
"""The number of devices listed, at most, the latest seen first."""

LISTED = """
SELECT d.id, coalesce(d.user_agent, '') AS agent, d.network::text AS network,
    d.created_at AS first_seen_at,
    greatest(d.last_seen_at, max(s.last_used_at)) AS last_seen_at,
    count(s.id) FILTER (WHERE s.ended_at IS NULL AND s.expires_at > now()) > 0 AS is_signed_in,
    coalesce(bool_or(s.id = $2), false) AS is_current
FROM devices AS d LEFT JOIN sessions AS s ON s.user_id = d.user_id AND s.device_id = d.id
WHERE d.user_id = $1 AND d.removed_at IS NULL
GROUP BY d.id ORDER BY last_seen_at DESC, d.id LIMIT $3
"""
REMOVE = """
UPDATE devices SET removed_at = now()
WHERE id = $1 AND user_id = $2 AND removed_at IS NULL RETURNING id
"""
END = """
UPDATE sessions SET ended_at = now()
WHERE user_id = $1 AND device_id = $2 AND ended_at IS NULL RETURNING id
"""
NO_SUCH = "There is no such device."
TITLE = "Your account was used in a new browser: {}"


@dataclass(frozen=True)
class Device:
    """A browser in which the person has signed in: its network, and when it was used."""

    id: UUID
    agent: str
    network: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    is_signed_in: bool
    is_current: bool

    @property
    def name(self) -> str:
        """Return the browser and the system, in words."""
        return agents.in_words(self.agent)


async def of_viewer(database: Database, viewer: Viewer) -> Sequence[Device]:
    """Return the devices of the viewer, the latest seen first."""
    own = UUID(viewer.session_id) if viewer.session_id and viewer.client_id is None else None
    async with database.auth.lend(NOBODY) as lent:
        return [Device(**row) for row in await lent.fetch(LISTED, viewer.id, own, MAX_LISTED)]


async def remove(database: Database, viewer: Viewer, id: UUID, origin: Origin) -> int:
    """Forget a device of the viewer and end its sessions; return their number. Raises NOT_FOUND.

    The caller has asked for a fresh proof.
    """
    assert viewer.id  # noqa: S101 (the page asks who it is first)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        if await lent.fetchval(REMOVE, id, viewer.id) is None:
            raise Problem("NOT_FOUND", NO_SUCH)
        ended = len(await lent.fetch(END, viewer.id, id))
        event = person_event(
            "device_remove",
            viewer.id,
            actor_id=viewer.id,
            severity=AuditSeverity.MEDIUM,
            details={"device_id": str(id), "sessions": ended},
        )
        await record(lent, event, origin)
    return ended


def tell(database: Database, outbox: Outbox, email: str, origin: Origin) -> None:
    """Tell the owner of this address, by mail and in the app, that a new browser has signed in."""
    context = {"ip": origin.ip_address, "agent": origin.user_agent or "", "time": now()}
    outbox.tell(mail("signed_in", email, outbox.settings, **context))
    outbox.start(_notify(database, email, origin))


async def _notify(database: Database, email: str, origin: Origin) -> None:
    """Write the notification, in an organization of the person; without any there is none."""
    async with database.auth.lend(NOBODY) as lent:
        viewer = await grants.of_address(lent, email)
    if viewer is None or viewer.id is None or not viewer.organizations:
        return
    async with ViewerSession(database, viewer, origin).transaction() as transaction:
        person = await transaction.find(Profile, viewer.id, lock=False)
        usual = (person.current_organization_id, person.personal_organization_id)
        place = next((id for id in usual if id in viewer.organizations), min(viewer.organizations))
        assert place is not None  # noqa: S101 (they are a member of it)
        title = TITLE.format(agents.in_words(origin.user_agent or ""))
        remind(
            transaction,
            NotificationType.WARNING,
            "device_signed_in",
            title,
            person,
            organization_id=place,
            is_mailed=True,
        )
