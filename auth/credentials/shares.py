"""Identify whoever has the address of a share: nobody, who reads one object.

The key of a share, `rqh_`, has the form of a token (`auth.credentials.tokens`). It is the end of
the address, and is sent to the API as a bearer token. The key of a share with a password opens
nothing by itself: a pass has to follow it, which whoever gives the password receives. A pass is a
time and a signature; it ends with the time, and with a change of the password.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import UUID

from auth.credentials.tokens import is_token
from auth.secret import digest, keyed_digest
from auth.settings import AuthSettings
from auth.viewer import Place, Role, Shared, Viewer
from db.pool import NOBODY, Database, Lent

PREFIX = "rqh_"
PATH = "/s/"
"""The path of the addresses, before the key."""
PASS_LIFETIME = timedelta(hours=12)
SEPARATOR = "."
"""The character between a key and a pass."""
SIGNED = "pass of a share"

OPEN = """
SELECT s.id, s.organization_id, s.project_id, s.document_id, s.baseline_id,
    s.assessment_id, s.name, s.password_hash, s.expires_at
FROM shares s
JOIN organizations o ON o.id = s.organization_id
LEFT JOIN projects p ON p.id = s.project_id
WHERE s.{by} = $1 AND s.expires_at > now() AND s.revoked_at IS NULL AND s.deleted_at IS NULL
    AND o.sharing_allowed AND o.deleted_at IS NULL AND p.deleted_at IS NULL
"""


@dataclass(frozen=True)
class Opening:
    """The grant by which a share opens an object: the role, and the kind of scope that it is.

    The rows that the object holds are of the past if they are `held` by it.
    """

    key: str
    role: Role
    held: bool = False


OPENINGS = {
    "document_id": Opening("document_id", Role.GUEST),
    # Beneath a baseline's own ID there is nothing; its rows are open to guests in its past.
    "baseline_id": Opening("baseline_id", Role.VIEWER, held=True),
    "assessment_id": Opening("assessment_id", Role.GUEST),
}
"""The way in which each kind of object is opened, by the column of the share that names it."""


@dataclass(frozen=True)
class OpenShare:
    """A share that has not ended, and whoever has its address, once the password is given."""

    viewer: Viewer
    password_hash: str | None


async def find(database: Database, key: str) -> OpenShare | None:
    """Return the share with this key; None when it is unknown, expired or revoked."""
    if not is_token(key, PREFIX):
        return None
    async with database.auth.lend(NOBODY) as lent:
        return await _read(lent, "key_hash", digest(key))


async def identify(database: Database, settings: AuthSettings, text: str) -> Viewer | None:
    """Return the viewer of a key, with a pass behind it where there is a password."""
    key, _, pass_ = text.partition(SEPARATOR)
    found = await find(database, key)
    return unlocked(settings, found, pass_) if found else None


async def identify_again(database: Database, viewer: Viewer) -> Viewer | None:
    """Return the viewer of a share that was identified before; None when it has ended since."""
    assert viewer.shared is not None  # noqa: S101 (the caller asks for it)
    async with database.auth.lend(NOBODY) as lent:
        found = await _read(lent, "id", viewer.id)
    if found is None or found.viewer.shared != viewer.shared:
        return None  # it has ended, or has another password
    return _until(found.viewer, viewer.expires_at)


def unlocked(settings: AuthSettings, share: OpenShare, pass_: str) -> Viewer | None:
    """Return the viewer of a share; None unless the pass is valid, where there is a password."""
    if share.password_hash is None:
        return share.viewer
    time, _, _ = pass_.partition(SEPARATOR)
    try:
        until = datetime.fromtimestamp(int(time, 16), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    valid = hmac.compare_digest(pass_.encode(), _pass(settings, share, until).encode())
    return _until(share.viewer, until) if valid else None


def new_pass(settings: AuthSettings, share: OpenShare) -> tuple[str, datetime]:
    """Return a pass for a share whose password was given, and the time at which it ends."""
    until = (datetime.now(UTC) + PASS_LIFETIME).replace(microsecond=0)
    return _pass(settings, share, until), until


def _pass(settings: AuthSettings, share: OpenShare, until: datetime) -> str:
    assert share.viewer.shared is not None  # noqa: S101 (it is made with it)
    time = f"{int(until.timestamp()):x}"
    text = f"{share.viewer.id} {share.viewer.shared.password} {time}"
    return f"{time}{SEPARATOR}{keyed_digest(settings, SIGNED, text).hex()}"


async def _read(lent: Lent, by: str, value: object) -> OpenShare | None:
    row = await lent.fetchrow(OPEN.format(by=by), value)
    return OpenShare(_viewer(row), row["password_hash"]) if row else None


def _viewer(row: Mapping[str, Any]) -> Viewer:
    column, opening = next((c, o) for c, o in OPENINGS.items() if row[c] is not None)
    id: UUID = row[column]
    place = Place(opening.key, row["organization_id"], row["project_id"])
    past = {row["project_id"]: Role.GUEST} if opening.held else {}
    password = sha256((row["password_hash"] or "").encode()).hexdigest()
    return Viewer(
        row["id"],
        grants=MappingProxyType({id: opening.role}),
        session_id=str(row["id"]),
        expires_at=row["expires_at"],
        places=MappingProxyType({id: place}),
        public_tenants=frozenset({row["organization_id"]}),
        shared=Shared(
            id,
            row["organization_id"],
            row["project_id"] or id,
            row["name"],
            MappingProxyType(past),
            password,
        ),
    )


def _until(viewer: Viewer, time: datetime | None) -> Viewer | None:
    """Return the viewer until this time, or until the share ends; None when one is over."""
    ends = min(end for end in (viewer.expires_at, time) if end is not None)
    return replace(viewer, expires_at=ends) if ends > datetime.now(UTC) else None
