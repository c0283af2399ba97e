"""Dynamic registration: applications register themselves (RFC 7591) and manage it (RFC 7592).

Authlib's endpoints for this are not used: they fail on wrong types, and trust any address. The
registration access token stays the same after a change: the response with another might be lost,
and with it all access to the registration.
"""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc7591 import InvalidClientMetadataError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth.credentials.identify import origin_of
from auth.credentials.tokens import REGISTRATION, is_token
from auth.oauth import metadata, registry
from auth.oauth.client_metadata import MAX_BYTES, checked, members_of
from auth.oauth.clients import is_kept_as
from auth.oauth.limits import Limits, admit_registration
from auth.oauth.requests import is_clean
from auth.origin import Origin
from auth.settings import AuthSettings
from auth.web.forms import BodyTooLarge, read_body
from db.pool import NOBODY, Database

FIND = """
SELECT id, client_id, client_name, client_secret, redirect_uris, grant_types, response_types, scope,
    token_endpoint_auth_method, require_pushed_authorization_requests, dpop_bound_access_tokens,
    metadata, created_at, registration_token
FROM oauth_clients WHERE client_id = $1 AND is_self_registered AND disabled_at IS NULL
"""

COLUMNS = (
    "client_name",
    "redirect_uris",
    "grant_types",
    "response_types",
    "token_endpoint_auth_method",
    "require_pushed_authorization_requests",
    "dpop_bound_access_tokens",
    "scope",
)
"""Members of a registration that are columns of the same name."""
READ_ONLY_MEMBERS = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)
"""Members of responses that nobody may change (RFC 7592, section 2.2)."""


REGISTERING = "register"
"""The name under which registrations are counted: no application has it."""


class NoSuchToken(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """The registration access token is missing, or not this application's.

    The answer is the same for existing and for unknown applications.
    """

    error = "invalid_token"
    description = "The registration access token is not valid for this client."
    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        """Return the headers of its answer (RFC 6750, section 3)."""
        return [*super().get_headers(), ("WWW-Authenticate", 'Bearer error="invalid_token"')]


class Registrations:
    """The endpoints, for one database and one set of settings."""

    def __init__(self, database: Database, settings: AuthSettings) -> None:
        self._database, self._settings = database, settings

    async def create(self, request: Request) -> Response:
        """Register the application that the body describes, where registration is open."""
        if self._settings.registering_clients != "open":
            raise AccessDeniedError("An operator registers applications.", status_code=403)
        origin = origin_of(request)
        await self._limits(REGISTERING, origin).admit()
        registration = checked(await _members(request)).registration()
        await admit_registration(self._database, self._settings, origin.ip_address)
        made = await registry.add(self._database, registration, self_registered=True, origin=origin)
        row = await self._find(made.client_id)
        assert row  # noqa: S101 (it has just been made)
        assert made.registration_token  # noqa: S101
        answer = self._described(row, made.registration_token)
        if made.secret:
            answer |= {"client_secret": made.secret, "client_secret_expires_at": 0}
        return JSONResponse(answer, 201)

    async def manage(self, request: Request) -> Response:
        """Read, change or end a registration, for the holder of its token."""
        client_id, origin = request.path_params["client_id"], origin_of(request)
        token = _token(request)
        limits = self._limits(client_id, origin, token)
        await limits.admit()
        row = await self._find(client_id)
        if row is None or not token or not is_kept_as(token, row["registration_token"]):
            await limits.failed()
            raise NoSuchToken
        match request.method:
            case "GET":
                return JSONResponse(self._described(row, token))
            case "PUT":
                return await self._change(row, await _members(request), token, origin)
            case _:
                await registry.remove(self._database, row["id"], client_id, origin)
                return Response(status_code=204)

    async def _change(
        self, row: Mapping[str, Any], members: dict[str, Any], token: str, origin: Origin
    ) -> Response:
        """Replace the registration by the body; nothing of the former one stays.

        Its authentication method cannot change: a stolen token must not open a registration to
        everybody.
        """
        method = row["token_endpoint_auth_method"]
        if members.get("client_id") != row["client_id"]:
            raise InvalidRequestError("client_id is this application's.")
        if told := [name for name in READ_ONLY_MEMBERS if name in members]:
            raise InvalidRequestError(f"{told[0]} is only answered.")
        secret = members.get("client_secret")
        if secret is not None and not is_kept_as(str(secret), row["client_secret"]):
            raise InvalidRequestError("client_secret is another.")
        requested = checked({"token_endpoint_auth_method": method, **members})
        registration = requested.registration()
        if (registration.is_public, registration.has_secret) != (
            method == "none",
            row["client_secret"] is not None,
        ):
            raise InvalidClientMetadataError("token_endpoint_auth_method: register anew.")
        async with self._database.auth.lend(NOBODY) as lent, lent.transaction():
            await registry.change(lent, row["id"], row["client_id"], registration, origin)
        changed = await self._find(row["client_id"])
        if changed is None:  # ended in between
            raise NoSuchToken
        return JSONResponse(self._described(changed, token))

    def _described(self, row: Mapping[str, Any], token: str) -> dict[str, Any]:
        """Return the registration (RFC 7591, section 3.2.1), without its unstored secret."""
        return {
            **row["metadata"],
            "client_id": row["client_id"],
            "client_id_issued_at": int(row["created_at"].timestamp()),
            **{name: row[name] for name in COLUMNS},
            "registration_access_token": token,
            "registration_client_uri": self._address(row["client_id"]),
        }

    def _address(self, client_id: str) -> str:
        return f"{self._settings.url}{metadata.REGISTER}/{client_id}"

    async def _find(self, client_id: str) -> Mapping[str, Any] | None:
        if not is_clean(client_id) or not client_id.isascii():
            return None
        async with self._database.auth.lend(NOBODY) as lent:
            return await lent.fetchrow(FIND, client_id)

    def _limits(self, client_id: str, origin: Origin, token: str | None = None) -> Limits:
        ip, token = origin.ip_address, token or ""
        return Limits(self._database, self._settings, client_id, ip, token)


def _token(request: Request) -> str | None:
    """Return the registration access token, when there is one of valid form."""
    headers = request.headers.getlist("authorization")
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    return token if scheme.lower() == "bearer" and is_token(token, REGISTRATION) else None


async def _members(request: Request) -> dict[str, Any]:
    """Return the members of the body. Raises InvalidClientMetadataError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidClientMetadataError("The body is application/json.")
    try:
        return members_of(await read_body(request, MAX_BYTES))
    except BodyTooLarge as problem:
        raise InvalidClientMetadataError(problem.message, status_code=413) from None
