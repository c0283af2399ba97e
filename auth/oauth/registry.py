"""Register applications, change their registrations, and end them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.credentials.tokens import REGISTRATION, SECRET_OF_CLIENT, new_token
from auth.events import Event, record
from auth.oauth.clients import (
    FOR_OPERATORS,
    FORMER_SECRET_LIFETIME,
    GRANT_TYPES,
    JWKS,
    JWKS_URI,
    POST_LOGOUT,
    PRIVATE_KEY,
    is_redirect_uri,
)
from auth.origin import Origin
from auth.policy.scope_names import OPENID_SCOPES, SCOPES
from auth.secret import digest
from db.change import AuditEventType
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.text import as_strict_name
from db.traits import ResourceType

MAX_NAME_LENGTH = 200
"""Characters in the name of an application, at most."""

REGISTER = """
INSERT INTO oauth_clients (id, client_id, client_name, client_secret, redirect_uris, grant_types,
    response_types, scope, is_public, token_endpoint_auth_method, is_first_party,
    is_resource_server, require_pushed_authorization_requests, metadata, is_self_registered,
    registration_token, dpop_bound_access_tokens)
VALUES ($1, $2, $3, $4, to_jsonb($5::text[]), to_jsonb($6::text[]), to_jsonb($7::text[]), $8, $9,
    $10, $11, $12, $13, $14, $15, $16, $17)
RETURNING created_at
"""
SEEN = """
SELECT client_name, redirect_uris FROM oauth_clients
WHERE id = $1 AND disabled_at IS NULL FOR NO KEY UPDATE
"""
CHANGE = """
UPDATE oauth_clients SET client_name = $2, redirect_uris = to_jsonb($3::text[]),
    grant_types = to_jsonb($4::text[]), response_types = to_jsonb($5::text[]), scope = $6,
    token_endpoint_auth_method = $7, require_pushed_authorization_requests = $8, metadata = $9,
    dpop_bound_access_tokens = $10, updated_at = clock_timestamp()
WHERE id = $1
"""
ASK_ANEW = """
DELETE FROM oauth_consents WHERE client_id = (SELECT client_id FROM oauth_clients WHERE id = $1)
"""
DISABLE = """
UPDATE oauth_clients SET disabled_at = now(), updated_at = now()
WHERE client_id = $1 AND disabled_at IS NULL RETURNING id
"""
OF_OPERATOR = "managed_by IS NULL AND NOT is_self_registered AND client_id LIKE 'rqc-%'"
LIST = f"""
SELECT client_id, client_name, scope, created_at, disabled_at IS NOT NULL AS is_disabled
FROM oauth_clients WHERE {OF_OPERATOR}
ORDER BY created_at, client_id
"""  # noqa: S608 (ours)
ROTATE = f"""
UPDATE oauth_clients SET client_secret = $2,
    former_secret = CASE WHEN $3::interval > '0' THEN client_secret END,
    former_secret_expires_at = CASE WHEN $3::interval > '0' THEN now() + $3::interval END
WHERE client_id = $1 AND disabled_at IS NULL AND client_secret IS NOT NULL AND {OF_OPERATOR}
RETURNING id, former_secret_expires_at
"""  # noqa: S608 (ours)
REVOKE_FORMER = f"""
UPDATE oauth_clients SET former_secret = NULL, former_secret_expires_at = NULL
WHERE client_id = $1 AND former_secret_expires_at > now() AND {OF_OPERATOR} RETURNING id
"""  # noqa: S608 (ours)
REMOVE = """
UPDATE oauth_clients SET disabled_at = now(), updated_at = now(), registration_token = NULL,
    metadata = '{}'
WHERE id = $1 AND disabled_at IS NULL RETURNING id
"""


def is_client_name(text: str) -> bool:
    """Return whether this is a strict name (`db.text`) of 1 to 200 characters."""
    try:
        return len(text) <= MAX_NAME_LENGTH and bool(as_strict_name(text))
    except Problem:
        return False


@dataclass(frozen=True, kw_only=True)
class Registration:
    """The registration of an application. `metadata` holds all other members."""

    name: str
    redirect_uris: tuple[str, ...] = ()
    scope: str = " ".join(SCOPES)
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    auth_method: str = "client_secret_basic"
    require_pushed: bool = False
    dpop: bool = False
    """True when its tokens must be bound to a key of its own."""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_public(self) -> bool:
        """Return whether it keeps neither a secret nor a key."""
        return self.auth_method == "none"

    @property
    def has_secret(self) -> bool:
        """Return whether it shares a secret with the gateway."""
        return not self.is_public and self.auth_method != PRIVATE_KEY

    @property
    def response_types(self) -> list[str]:
        """Return the response types that it may request."""
        return ["code"] if "authorization_code" in self.grant_types else []

    def require_valid(self) -> None:
        """Raise INVALID with the field at fault."""
        if not is_client_name(self.name):
            raise Problem("INVALID", "The name must have 1 to 200 characters.", field=("name",))
        uris = (*self.redirect_uris, *self.metadata.get(POST_LOGOUT, ()))
        if wrong := [uri for uri in uris if not is_redirect_uri(uri)]:
            raise Problem(
                "INVALID", f"{wrong[0]!r} is not a valid redirect URI.", field=("redirectUris",)
            )
        if not set(self.scope.split()) <= SCOPES.keys() | OPENID_SCOPES.keys():
            raise Problem("INVALID", f"The scopes are {', '.join(SCOPES)}.", field=("scope",))
        if not set(self.grant_types) <= set(GRANT_TYPES) or (
            self.is_public and FOR_OPERATORS & {*self.grant_types}
        ):
            raise Problem(
                "INVALID", "The application cannot use these grant types.", field=("grantTypes",)
            )
        keys = [name for name in (JWKS, JWKS_URI) if name in self.metadata]
        if len(keys) != (self.auth_method == PRIVATE_KEY):
            message = f"{PRIVATE_KEY} needs either {JWKS} or {JWKS_URI}, and nothing else does."
            raise Problem("INVALID", message, field=("jwks",))
        if self.response_types and not self.redirect_uris:
            raise Problem("INVALID", "A redirect URI is required.", field=("redirectUris",))


@dataclass(frozen=True)
class Registered:
    """A new application, and its secrets, which are shown this once.

    Only an application that has registered itself has a `registration_token`.
    """

    client_id: str
    secret: str | None
    registration_token: str | None
    issued_at: datetime


async def register(
    database: Database,
    name: str,
    redirect_uris: tuple[str, ...] = (),
    *,
    scope: str = " ".join(SCOPES),
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token"),
    public: bool = False,
    first_party: bool = False,
    resource_server: bool = False,
    require_pushed: bool = False,
    dpop: bool = False,
    post_logout_redirect_uris: tuple[str, ...] = (),
    keys: Mapping[str, Any] = MappingProxyType({}),
    origin: Origin | None = None,
) -> Registered:
    """Register an application for the operator of the gateway. Raises INVALID.

    `keys` has its public keys as `jwks`, or their address as `jwks_uri`, in place of a secret.
    """
    after = {POST_LOGOUT: [*post_logout_redirect_uris]} if post_logout_redirect_uris else {}
    registration = Registration(
        name=name,
        redirect_uris=redirect_uris,
        scope=scope,
        grant_types=grant_types,
        auth_method="none" if public else PRIVATE_KEY if keys else "client_secret_basic",
        require_pushed=require_pushed,
        dpop=dpop,
        metadata={**keys, **after},
    )
    return await add(
        database,
        registration,
        first_party=first_party,
        resource_server=resource_server,
        origin=origin or Origin(source="cli"),
    )


async def add(
    database: Database,
    registration: Registration,
    *,
    first_party: bool = False,
    resource_server: bool = False,
    self_registered: bool = False,
    origin: Origin,
) -> Registered:
    """Register an application. Raises INVALID with the field at fault."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        return await insert(
            lent,
            f"rqc-{uuid7().hex}",
            registration,
            first_party=first_party,
            resource_server=resource_server,
            self_registered=self_registered,
            origin=origin,
        )


async def insert(
    connection: Lent,
    client_id: str,
    registration: Registration,
    *,
    first_party: bool = False,
    resource_server: bool = False,
    self_registered: bool = False,
    origin: Origin,
) -> Registered:
    """Register an application of this name, in the caller's transaction. Raises INVALID.

    One that is named otherwise than by the gateway manages its registration elsewhere: it has no
    registration token.
    """
    registration.require_valid()
    id = uuid7()
    secret = new_token(SECRET_OF_CLIENT) if registration.has_secret else None
    is_ours = client_id.startswith("rqc-")
    token = new_token(REGISTRATION) if self_registered and is_ours else None
    issued_at = await connection.fetchval(
        REGISTER,
        id,
        client_id,
        registration.name,
        digest(secret).hex() if secret else None,
        list(registration.redirect_uris),
        list(registration.grant_types),
        registration.response_types,
        registration.scope,
        registration.is_public,
        registration.auth_method,
        first_party,
        resource_server,
        registration.require_pushed,
        json.dumps(dict(registration.metadata)),
        self_registered,
        digest(token).hex() if token else None,
        registration.dpop,
    )
    what = "Application registered itself." if self_registered else "Application registered."
    await note(connection, "register", id, client_id, what, origin, _details(registration))
    return Registered(client_id, secret, token, issued_at)


async def change(
    connection: Lent, id: UUID, client_id: str, registration: Registration, origin: Origin
) -> None:
    """Change a registration, in the caller's transaction. Raises INVALID, NOT_FOUND.

    From then on no code that was issued before is valid, and tokens reach as far as its scopes.
    People who knew it by another name or at another address must consent anew.
    """
    registration.require_valid()
    seen = await connection.fetchrow(SEEN, id)
    if seen is None:
        raise Problem("NOT_FOUND", "There is no such application.")
    uris = list(registration.redirect_uris)
    await connection.execute(
        CHANGE,
        id,
        registration.name,
        uris,
        list(registration.grant_types),
        registration.response_types,
        registration.scope,
        registration.auth_method,
        registration.require_pushed,
        json.dumps(dict(registration.metadata)),
        registration.dpop,
    )
    if (seen["client_name"], seen["redirect_uris"]) != (registration.name, uris):
        await connection.execute(ASK_ANEW, id)
    what = "Application registered with something else."
    await note(connection, "update", id, client_id, what, origin, _details(registration))


async def remove(database: Database, id: UUID, client_id: str, origin: Origin) -> None:
    """End an application with its tokens; the cleanup deletes its remaining rows."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        if await lent.fetchval(REMOVE, id):
            await lent.execute(ASK_ANEW, id)
            what = "Application ended its registration, and with it its tokens."
            await note(lent, "delete", id, client_id, what, origin)


def _details(registration: Registration) -> dict[str, Any]:
    return {
        "name": registration.name,
        "scope": registration.scope,
        "redirect_uris": list(registration.redirect_uris),
    }


async def note(
    connection: Lent,
    action: str,
    id: UUID,
    client_id: str,
    what: str,
    origin: Origin,
    details: dict[str, Any] | None = None,
) -> None:
    """Record an action on an application."""
    event = Event(
        entity_type="OAuthClient",
        entity_id=id,
        action=action,
        type=AuditEventType.ADMINISTRATION,
        description=what,
        resource=ResourceType.OAUTH_CLIENT,
        client_id=client_id,
        details=details or {},
    )
    await record(connection, event, origin)


async def disable(database: Database, client_id: str, origin: Origin | None = None) -> bool:
    """End an application and all its tokens from the next request on; return False without one."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await lent.fetchval(DISABLE, client_id)
        if id:
            await lent.execute(ASK_ANEW, id)
            what = "Application disabled, and with it its tokens."
            await note(lent, "disable", id, client_id, what, origin or Origin(source="cli"))
    return id is not None


async def listed(database: Database) -> list[Mapping[str, Any]]:
    """Return the applications that the operator has registered, the oldest first."""
    async with database.auth.lend(NOBODY) as lent:
        return list(await lent.fetch(LIST))


@dataclass(frozen=True)
class Rotated:
    """The new secret, and the expiry of the former one; None when it is revoked."""

    secret: str
    former_until: datetime | None


async def rotate(
    database: Database,
    client_id: str,
    *,
    revoke_former: bool = False,
    origin: Origin | None = None,
) -> Rotated | None:
    """Rotate the secret of an application of the operator; the one before the former is revoked.

    Return None when there is no such application, or it keeps no secret. Its tokens stay.
    """
    secret = new_token(SECRET_OF_CLIENT)
    lifetime = timedelta(0) if revoke_former else FORMER_SECRET_LIFETIME
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        row = await lent.fetchrow(ROTATE, client_id, digest(secret).hex(), lifetime)
        if row is None:
            return None
        what = "Application given another secret."
        if revoke_former:
            what = "Application given another secret, and all before revoked."
        await note(lent, "rotate", row["id"], client_id, what, origin or Origin(source="cli"))
    return Rotated(secret, row["former_secret_expires_at"])


async def revoke_former_secret(
    database: Database, client_id: str, origin: Origin | None = None
) -> bool:
    """Revoke the former secret of an application of the operator; return False without one."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await lent.fetchval(REVOKE_FORMER, client_id)
        if id:
            what = "Former secret of an application revoked."
            await note(lent, "revoke", id, client_id, what, origin or Origin(source="cli"))
    return id is not None
