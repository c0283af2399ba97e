"""Applications that are named by the address of their metadata (Client ID Metadata Documents).

draft-ietf-oauth-client-id-metadata-document: the `client_id` is an https URL, at which the
application publishes its registration. It is fetched when somebody is asked for access, stored like
a dynamic registration, and read again when it is no longer fresh. Nobody has verified it.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import OAuth2Error

from auth.oauth import registry
from auth.oauth.client_metadata import checked
from auth.oauth.clients import PRIVATE_KEY
from auth.oauth.fetched import Documents, NoDocumentError
from auth.oauth.limits import admit_registration
from auth.oauth.registry import Registration
from auth.origin import Origin
from auth.settings import AuthSettings
from db.pool import NOBODY, Database, Lent

MAX_ID_LENGTH = 500
URL = re.compile(r"https://[\x21-\x7e]+")
DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
METHODS = ("none", PRIVATE_KEY)
"""Authentication methods without a shared secret, which a public document could not hold."""
REFUSED = ("client_secret", "client_secret_expires_at")

FIND = """
SELECT id, client_name, redirect_uris, grant_types, scope, token_endpoint_auth_method,
    require_pushed_authorization_requests, dpop_bound_access_tokens, metadata,
    disabled_at IS NOT NULL AS is_disabled, document_expires_at > now() AS is_fresh
FROM oauth_clients WHERE client_id = $1
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('oauth client ' || $1, 0))"
KEEP = "UPDATE oauth_clients SET document_expires_at = now() + $2::interval WHERE client_id = $1"


class InvalidDocument(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """The metadata document of the client cannot be fetched, or is not valid."""

    error = "invalid_client"

    def __init__(self, why: str) -> None:
        super().__init__(f"The metadata document of the client is not valid: {why}")


def is_document_id(client_id: str) -> bool:
    """Return whether a client id is the address of a document (section 3 of the draft)."""
    if len(client_id) > MAX_ID_LENGTH or not URL.fullmatch(client_id) or "#" in client_id:
        return False
    try:
        parts = urlsplit(client_id)
        parts.port  # noqa: B018 (raises)
    except ValueError:
        return False
    named = bool(parts.hostname) and "@" not in parts.netloc
    return named and len(parts.path) > 0 and not DOTS.search(parts.path)


class ClientDocuments:
    """Reads documents of applications, for one database and one set of settings."""

    def __init__(self, database: Database, settings: AuthSettings, documents: Documents) -> None:
        self._database, self._settings, self._documents = database, settings, documents

    async def require(self, client_id: str, origin: Origin) -> None:
        """Store the registration that this client id names, unless it is stored and fresh.

        Do nothing for other client ids. Raises InvalidDocument, BUSY, and RATE_LIMITED with
        `retryAfter` seconds after many new applications from one network.
        """
        if self._settings.registering_clients == "closed" or not is_document_id(client_id):
            return
        async with self._database.auth.lend(NOBODY) as lent:
            row = await lent.fetchrow(FIND, client_id)
        if row is not None and (row["is_fresh"] or row["is_disabled"]):
            return
        if row is None:
            await admit_registration(self._database, self._settings, origin.ip_address)
        try:
            document = await self._documents.read(client_id)
        except NoDocumentError as missing:
            raise InvalidDocument(str(missing)) from None
        registration = _registration(client_id, document.content or {})
        lasts = timedelta(seconds=max(document.lasts - document.age, 1))
        async with self._database.auth.lend(NOBODY) as lent, lent.transaction():
            await lent.execute(LOCK, client_id)
            await self._store(lent, client_id, registration, origin)
            await lent.execute(KEEP, client_id, lasts)

    async def _store(
        self, connection: Lent, client_id: str, registration: Registration, origin: Origin
    ) -> None:
        row = await connection.fetchrow(FIND, client_id)
        if row is None:
            await registry.insert(
                connection, client_id, registration, self_registered=True, origin=origin
            )
        elif _stored(row) != registration and not row["is_disabled"]:
            await registry.change(connection, row["id"], client_id, registration, origin)


def _registration(client_id: str, members: Mapping[str, Any]) -> Registration:
    """Return the registration in the document. Raises InvalidDocument."""
    if members.get("client_id") != client_id:
        raise InvalidDocument("client_id is not its address.")
    if found := [name for name in REFUSED if name in members]:
        raise InvalidDocument(f"{found[0]} must not be public.")
    told = {name: value for name, value in members.items() if value is not None}
    told.setdefault("token_endpoint_auth_method", "none")
    if told["token_endpoint_auth_method"] not in METHODS:
        raise InvalidDocument(f"token_endpoint_auth_method must be {' or '.join(METHODS)}.")
    try:
        registration = checked(told).registration()
        json.dumps(dict(registration.metadata)).encode()
    except OAuth2Error as error:
        raise InvalidDocument(error.get_error_description()) from None
    return registration


def _stored(row: Mapping[str, Any]) -> Registration:
    return Registration(
        name=row["client_name"],
        redirect_uris=tuple(row["redirect_uris"]),
        scope=row["scope"],
        grant_types=tuple(row["grant_types"]),
        auth_method=row["token_endpoint_auth_method"],
        require_pushed=row["require_pushed_authorization_requests"],
        dpop=row["dpop_bound_access_tokens"],
        metadata=row["metadata"],
    )
