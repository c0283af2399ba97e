"""The one door: whoever makes a request is found here, from a bearer token or a session cookie."""

import re
from datetime import timedelta
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from auth import cookies, grants, tokens
from auth.secret import digest, is_secret
from auth.session.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import ANONYMOUS, Viewer
from db.pool import NOBODY, Database
from db.problem import Problem

CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
"""Goes with the HTTP status 401 of a Problem raised here (RFC 6750, section 3.1)."""

METADATA_OF_API = "/.well-known/oauth-protected-resource/graphql"
"""Where applications learn who gives out tokens for the API (RFC 9728, section 3)."""

LONGEST_AGENT = 500

OWNERS = """
SELECT m.organization_id, u.email
FROM projects p
JOIN organization_members m ON m.organization_id = p.organization_id AND m.role = 'owner'
JOIN profiles u ON u.id = m.user_id
WHERE (p.id::text = $1 OR p.slug = $1) AND p.deleted_at IS NULL
    AND m.deleted_at IS NULL AND m.status = 'active'
ORDER BY m.created_at, m.id
"""


async def identify(
    connection: HTTPConnection, database: Database, settings: AuthSettings
) -> Viewer:
    """Who makes this request; ANONYMOUS without credentials, or with a session that is over.

    A header `Authorization` wins over a cookie. Raises UNAUTHENTICATED when it holds anything but
    one good token: a client that shows a token must hear that it no longer works.
    """
    headers = connection.headers.getlist("authorization")
    if len(headers) > 1:
        raise invalid_token()
    if headers:
        scheme, _, token = headers[0].partition(" ")
        if scheme.lower() != "bearer":
            raise invalid_token()
        return await identify_token(token.strip(" "), database, api_of(settings))
    secret = cookies.read(connection, settings, cookies.SESSION)
    return await identify_session(secret, database, settings)


async def identify_token(token: str, database: Database, audience: str = "") -> Viewer:
    """The person who gave this access token to a client. Raises UNAUTHENTICATED.

    A token that is for certain resources alone must be for `audience`. A client that acts for
    itself has no person, and so no roles. A mistyped token is found out by its check sum, without
    a read.
    """
    if not tokens.is_token(token):
        raise invalid_token()
    async with database.auth.lend(NOBODY) as lent:
        viewer = await grants.of_token(lent, digest(token).hex(), audience)
    if viewer is None:
        raise invalid_token()
    return viewer


async def identify_session(secret: str, database: Database, settings: AuthSettings) -> Viewer:
    """The person signed in with this cookie, or ANONYMOUS."""
    if not is_secret(secret):
        return ANONYMOUS
    idle = timedelta(hours=settings.session_idle_hours)
    async with database.auth.lend(NOBODY) as lent:
        return await grants.of_session(lent, digest(secret), idle) or ANONYMOUS


async def act_for(email: str, database: Database) -> Viewer:
    """The person with this address: a command of the gateway acts in their name, with their roles.

    Raises NOT_FOUND when there is no such person in good standing.
    """
    async with database.auth.lend(NOBODY) as lent:
        viewer = await grants.of_address(lent, email)
    if viewer is None:
        raise Problem("NOT_FOUND", f"There is no active account {email}.")
    return viewer


async def act_for_owner(project: str, database: Database) -> Viewer:
    """An owner of the organization that has this project, which is named by its id or slug.

    Raises NOT_FOUND, and INVALID when several organizations have a project of this name.
    """
    async with database.auth.lend(NOBODY) as lent:
        owners = await lent.fetch(OWNERS, project)
    if not owners:
        raise Problem("NOT_FOUND", f"There is no project {project}.")
    if len({owner["organization_id"] for owner in owners}) > 1:
        raise Problem("INVALID", f"Several projects are called {project}: name one by its id.")
    return await act_for(owners[0]["email"], database)


def api_of(settings: AuthSettings) -> str:
    """The address of the API: the one resource that tokens are given for (RFC 8707)."""
    return f"{settings.url}/graphql"


def origin_of(connection: HTTPConnection) -> Origin:
    """Where a request comes from, as far as the record of changes keeps it."""
    try:
        ip = str(ip_address(connection.client.host)) if connection.client else None
    except ValueError:  # a Unix socket has no address
        ip = None
    agent = re.sub(r"[^\x20-\x7e]", "?", connection.headers.get("user-agent", ""))
    request_id = getattr(connection.state, "request_id", None)
    return Origin(request_id, ip, agent[:LONGEST_AGENT] or None)


def invalid_token() -> Problem:
    """The one answer for tokens that are mistyped, unknown, expired or revoked."""
    return Problem("UNAUTHENTICATED", "The access token is not valid, or is no longer.")
