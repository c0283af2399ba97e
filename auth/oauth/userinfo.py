"""The user information of OpenID Connect (Core, section 5.3): what an application may know.

It is served to access tokens with the scope `openid`; `profile` and `email` add their claims.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth.credentials.identify import (
    CHALLENGES,
    DPOP,
    NONCE,
    InvalidToken,
    Shown,
    challenge,
    identify_shown,
    origin_of,
)
from auth.policy.scope_names import EMAIL, IDENTITY, PROFILE
from auth.settings import AuthSettings
from db.pool import NOBODY, Database

READ = """
SELECT email, full_name, first_name, last_name, locale, time_zone, updated_at
FROM profiles WHERE id = $1
"""
OF_PROFILE = {
    "name": "full_name",
    "given_name": "first_name",
    "family_name": "last_name",
    "locale": "locale",
    "zoneinfo": "time_zone",
}
"""Claims of the scope `profile`, with their columns (Core, section 5.1)."""
CLAIMS = ("sub", *OF_PROFILE, "updated_at", "email", "email_verified")


class UserInfo:
    """The endpoint, for one database and one set of settings."""

    def __init__(self, database: Database, settings: AuthSettings) -> None:
        self._database, self._settings = database, settings

    async def __call__(self, request: Request) -> Response:
        """Return the claims about the person of the token (RFC 6750, section 3, for errors)."""
        headers = request.headers.getlist("authorization")
        if len(headers) != 1:
            return _refused(*CHALLENGES)
        scheme, _, token = headers[0].partition(" ")
        shown = Shown(
            scheme,
            token.strip(" "),
            request.headers.getlist("dpop"),
            request.method,
            self._settings.url + request.url.path,
        )
        try:
            viewer, nonce = await identify_shown(
                shown, self._database, self._settings, origin_of(request)
            )
        except InvalidToken as invalid:
            return Response(status_code=401, headers=invalid.headers)
        kept = {NONCE: nonce} if nonce else {}
        scopes = viewer.scopes or frozenset()
        if viewer.id is None or viewer.is_service or IDENTITY not in scopes:
            scheme = DPOP if viewer.key else "Bearer"
            refusal = challenge(scheme, "insufficient_scope", scope=IDENTITY)
            return Response(status_code=403, headers={"WWW-Authenticate": refusal, **kept})
        async with self._database.auth.lend(NOBODY) as lent:
            row = await lent.fetchrow(READ, viewer.id)
        assert row is not None  # noqa: S101 (people are never deleted from the table)
        return JSONResponse({"sub": str(viewer.id), **_claims(row, scopes)}, headers=kept)


def _claims(row: Mapping[str, Any], scopes: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if PROFILE in scopes:
        named = {claim: row[column] for claim, column in OF_PROFILE.items()}
        found |= {claim: value for claim, value in named.items() if value is not None}
        found["updated_at"] = int(row["updated_at"].timestamp())
    if EMAIL in scopes:
        # An address is confirmed before there is an account, and before it is changed.
        found |= {"email": row["email"], "email_verified": True}
    return found


def _refused(*challenges: str) -> Response:
    response = Response(status_code=401)
    for one in challenges:
        response.headers.append("WWW-Authenticate", one)
    return response
