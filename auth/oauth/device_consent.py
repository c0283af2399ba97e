"""Consent to devices that show a code: look up the waiting application, allow or deny it.

A code is looked up when somebody sends it by a form, never because a page was opened: no other site
can use up their attempts.
"""

from datetime import datetime
from typing import NamedTuple

from auth.accounts.mail import Outbox, mail, now
from auth.credentials import throttle
from auth.credentials.credential_lock import lock_credential
from auth.events import Event, record
from auth.oauth.confinement import (
    EVERYWHERE,
    ORGANIZATION_OF,
    PLACES,
    Confinement,
    Place,
    lists_of,
    parsed,
    places,
)
from auth.oauth.reach import Registrant, closed_to, document_host
from auth.oauth.user_codes import kept_user_code, read_user_code
from auth.origin import Origin
from auth.policy.scope_names import allows_everything, in_words
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

FIND = """
SELECT c.client_id, c.client_name, c.is_public, c.is_self_registered, o.name AS organization,
    c.managed_by, d.scope, host(d.ip_address) AS address, coalesce(d.user_agent, '') AS agent,
    d.created_at
FROM oauth_device_codes d JOIN oauth_clients c USING (client_id)
LEFT JOIN organizations o ON o.id = c.managed_by
WHERE d.user_code = $1 AND d.allowed IS NULL AND d.expires_at > now()
    AND c.disabled_at IS NULL AND c.updated_at <= d.created_at
"""
LOCK = """
SELECT d.id, d.client_id, c.client_name, d.scope
FROM oauth_device_codes d JOIN oauth_clients c USING (client_id)
WHERE d.user_code = $1 AND d.allowed IS NULL AND d.expires_at > now()
    AND c.disabled_at IS NULL AND c.updated_at <= d.created_at
FOR NO KEY UPDATE OF d
"""
DECIDE = """
UPDATE oauth_device_codes SET user_id = $2, allowed = $3, decided_at = now(), confined_to = $4,
    confined_project = $6, (authenticated_at, methods) = (
        SELECT max(proved_at), coalesce(max(methods), '{}') FROM sessions WHERE id = $5)
WHERE id = $1
"""
FIRST = """
UPDATE oauth_clients SET consented_at = now() WHERE client_id = $1 AND consented_at IS NULL
"""
DECIDED = """
SELECT FROM oauth_device_codes
WHERE user_code = $1 AND user_id = $2 AND allowed = $3 AND expires_at > now()
"""

UNKNOWN = "There is no device with this code. Check the code; it changes after ten minutes."
TOO_LATE = "This code was already used, or has expired. Request a new code on the device."


class Waiting(NamedTuple):
    """A waiting device: its application, the scopes it requests, and the origin of its request."""

    code: str
    name: str
    is_public: bool
    registrant: Registrant
    scope: str
    address: str | None
    agent: str
    asked_at: datetime


async def find(
    database: Database, settings: AuthSettings, viewer: Viewer, text: str, origin: Origin
) -> Waiting:
    """Return the device that shows this code.

    Raises INVALID when there is none, and RATE_LIMITED with `retryAfter` seconds after too many
    wrong ones of this person, or from this network.
    """
    code = read_user_code(text)
    counts = throttle.user_code_counts(settings, str(viewer.id), origin.ip_address)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "wrong codes")
        row = await lent.fetchrow(FIND, kept_user_code(settings, code)) if code else None
        if code and row:
            # Taken back, not cleared: or a code of one's own would make room for more guesses.
            await throttle.take_back(lent, counts)
            mine = row["managed_by"] in viewer.organizations
            return Waiting(
                code,
                row["client_name"],
                row["is_public"],
                Registrant(
                    row["is_self_registered"],
                    row["organization"],
                    mine,
                    document_host(row["client_id"]),
                    await closed_to(lent, row["client_id"], viewer),
                ),
                row["scope"],
                row["address"],
                row["agent"],
                row["created_at"],
            )
        event = Event(
            entity_type="OAuthDeviceCode",
            action="user_code",
            type=AuditEventType.LOGIN_FAILED,
            description="Entered the code of no device.",
            resource=ResourceType.OAUTH_CLIENT,
            severity=AuditSeverity.MEDIUM,
            actor_id=viewer.id,
            user_id=viewer.id,
        )
        await record(lent, event, origin)
    raise Problem("INVALID", UNKNOWN, field=("user_code",))


async def choices(database: Database, viewer: Viewer, registrant: Registrant) -> list[Place]:
    """Return the organizations of which the person may choose one, with their projects."""
    _, whole, grants = lists_of(viewer)
    open_ = list(viewer.organizations - registrant.closed.keys())
    async with database.auth.lend(NOBODY) as lent:
        return places(await lent.fetch(PLACES, open_, whole, grants))


async def _chosen(lent: Lent, viewer: Viewer, place: str) -> Confinement:
    """Return the place that a form names; everywhere for none. Raises FORBIDDEN."""
    if not place:
        return EVERYWHERE
    named = parsed(place)
    if named in viewer.organizations:
        return Confinement(named)
    organization = await lent.fetchval(ORGANIZATION_OF, *lists_of(viewer), named)
    if organization is None:
        raise Problem("FORBIDDEN", "You do not belong to this organization or project.")
    return Confinement(organization, named)


async def decide(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    viewer: Viewer,
    code: str,
    *,
    allowed: bool,
    proved: bool,
    place: str,
    origin: Origin,
) -> bool:
    """Let the device that shows this code have its tokens, or not; once for all.

    The person is notified by mail each time, since nobody can tell the devices of one application
    apart. `place` is the only organization or project that it is to reach; empty for all. False,
    and nothing is changed, when a fresh proof has to be `proved` first, because it may do
    everything. The same answer by the same person changes nothing. Raises CONFLICT when it comes
    too late, FORBIDDEN for
    a place of others, and CredentialEnded.
    """
    kept = kept_user_code(settings, code)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lock_credential(lent, viewer)
        row = await lent.fetchrow(LOCK, kept)
        if row is None:
            if await lent.fetchrow(DECIDED, kept, viewer.id, allowed) is None:
                raise Problem("CONFLICT", TOO_LATE)
            return True
        if allowed and allows_everything(row["scope"]) and not proved:
            return False
        reach = await _chosen(lent, viewer, place) if allowed else EVERYWHERE
        decided = (row["id"], viewer.id, allowed, reach.organization, viewer.session_id)
        await lent.execute(DECIDE, *decided, reach.project)
        if allowed:
            await lent.execute(FIRST, row["client_id"])
        event = Event(
            entity_type="OAuthDeviceCode",
            entity_id=row["id"],
            action="consent" if allowed else "deny",
            type=AuditEventType.PERMISSION_CHANGE,
            description="Application on a device "
            + ("allowed to act in somebody's name." if allowed else "refused."),
            resource=ResourceType.OAUTH_CLIENT,
            actor_id=viewer.id,
            user_id=viewer.id,
            client_id=row["client_id"],
            details={"scope": row["scope"]},
        )
        await record(lent, event, origin)
    if allowed and viewer.email:
        told = {"application": row["client_name"], "scopes": in_words(row["scope"]), "time": now()}
        outbox.tell(mail("application_connected", viewer.email, settings, **told))
    return True
