"""Identify the viewer of every request, from an access token, a key or a session cookie."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import structlog
from starlette.requests import HTTPConnection

from auth.credentials import cookies, dpop, grants, invalid_keys, shares, tokens
from auth.credentials.dpop import ALGORITHMS, InvalidProof, Proof
from auth.credentials.viewer_cache import UNCACHED, ViewerCache
from auth.origin import Origin
from auth.secret import digest, is_secret
from auth.settings import AuthSettings
from auth.viewer import ANONYMOUS, Viewer
from db.pool import NOBODY, Database
from db.problem import Problem

log = structlog.get_logger(__name__)

BEARER, DPOP = "Bearer", "DPoP"
NONCE = "DPoP-Nonce"
"""The header with the nonce that the next proof must hold (RFC 9449, section 8.2)."""
CHALLENGES = (BEARER, f'{DPOP} algs="{" ".join(ALGORITHMS)}"')
"""The challenges to a request without credentials (RFC 6750, section 3; RFC 9449, section 7.1)."""

METADATA_OF_API = "/.well-known/oauth-protected-resource/graphql"
"""The path of the metadata that names the authorization server (RFC 9728, section 3)."""

KINDS = (tokens.PREFIX, *tokens.KEYS)
"""The prefixes of the accepted tokens and keys."""

MAX_AGENT_LENGTH = 500

OWNERS = """
SELECT m.organization_id, u.email
FROM projects p
JOIN organization_members m ON m.organization_id = p.organization_id AND m.role = 'owner'
JOIN profiles u ON u.id = m.user_id
WHERE (p.id::text = $1 OR p.slug = $1) AND p.deleted_at IS NULL
    AND m.deleted_at IS NULL AND m.status = 'active'
ORDER BY m.created_at, m.id
"""


class InvalidToken(Problem):
    """UNAUTHENTICATED: the token is not valid. `headers` belong to the HTTP answer."""

    def __init__(
        self,
        message: str = "The access token is invalid, expired or revoked.",
        *,
        scheme: str = BEARER,
        error: str = "invalid_token",
        nonce: str | None = None,
    ) -> None:
        super().__init__("UNAUTHENTICATED", message)
        self.headers = {"WWW-Authenticate": challenge(scheme, error, message)}
        if nonce:
            self.headers[NONCE] = nonce


@dataclass(frozen=True)
class Shown:
    """A token with the headers of its request, or of the message that opens a connection.

    `proofs` are the headers `DPoP`; `method` and `url` those of the request, the address as clients
    know it: for a WebSocket those of its handshake.
    """

    scheme: str
    token: str
    proofs: Sequence[str]
    method: str
    url: str


def recall(authorization: str, audience: str, viewers: ViewerCache) -> Viewer | None:
    """Return the viewer of this header `Authorization`, if the cache holds one.

    Return None for everything else, such as a token that goes with a proof; `identify` decides
    then.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme != BEARER and scheme.lower() != BEARER.lower():
        return None
    viewer = viewers.get((digest(token.strip(" ")), audience, None))
    return viewer if viewer is not None and viewer.key is None else None


async def identify(
    connection: HTTPConnection,
    database: Database,
    settings: AuthSettings,
    viewers: ViewerCache = UNCACHED,
) -> Viewer:
    """Return the viewer of this request; ANONYMOUS without credentials, or with an ended session.

    A header `Authorization` takes precedence over a cookie. Raises InvalidToken when it holds
    anything but one valid token, so that a client learns that its token no longer works. A nonce
    for the next proof is stored in the state of the request, for the answer.
    """
    headers = connection.headers.getlist("authorization")
    if len(headers) > 1:
        raise InvalidToken
    if headers:
        scheme, _, token = headers[0].partition(" ")
        shown = Shown(
            scheme,
            token.strip(" "),
            connection.headers.getlist("dpop"),
            connection.scope.get("method", "GET"),
            settings.url + connection.scope["path"],
        )
        origin = origin_of(connection)
        viewer, nonce = await identify_shown(shown, database, settings, origin, viewers)
        if nonce:
            connection.state.dpop_nonce = nonce
        return viewer
    secret = cookies.read(connection, settings, cookies.SESSION)
    return await identify_session(secret, database, settings, viewers)


async def identify_shown(
    shown: Shown,
    database: Database,
    settings: AuthSettings,
    origin: Origin,
    viewers: ViewerCache = UNCACHED,
) -> tuple[Viewer, str | None]:
    """Return the viewer of this token, and the nonce for their next proof, if they use any.

    A proof that goes with the token is recorded as used. Raises InvalidToken, and RATE_LIMITED with
    `retryAfter` for invalid keys, when there were too many from this network.
    """
    scheme, proof = shown.scheme.lower(), None
    try:
        if scheme == DPOP.lower():
            proof = dpop.verify(shown.proofs, shown.method, shown.url, settings, shown.token)
        text = shown.token if scheme in (BEARER.lower(), DPOP.lower()) else ""
        if text.startswith(shares.PREFIX) and proof is None:
            return await _identify_share(text, database, settings, viewers), None
        viewer = await identify_token(text, database, api_of(settings), proof, viewers)
    except InvalidProof as refused:
        raise invalid_proof(refused) from None
    except InvalidToken:
        await invalid_keys.refused(database, settings, shown.token, origin)
        raise
    return viewer, proof.nonce if proof else None


async def identify_token(
    token: str,
    database: Database,
    audience: str = "",
    proof: Proof | None = None,
    viewers: ViewerCache = UNCACHED,
) -> Viewer:
    """Return the viewer that a token or a key acts as. Raises InvalidToken and InvalidProof.

    A token that is restricted to certain resources must be for `audience`, and one that is bound to
    a key must be sent with a `proof` of it, which is recorded as used. A client that acts for
    itself has no person, and so no roles. A mistyped token is detected by its check sum, without a
    read.
    """
    scheme, key = (DPOP, proof.thumbprint) if proof else (BEARER, None)
    hashed = digest(token)
    cached = hashed, audience, key
    viewer = viewers.get(cached)
    if viewer is None:
        kind = next((kind for kind in KINDS if tokens.is_token(token, kind)), None)
        if kind is None:
            raise InvalidToken(scheme=scheme)
        viewer = await viewers.read(
            cached, partial(_of_token, database, kind, hashed, audience, key)
        )
    if viewer is None:
        raise InvalidToken(scheme=scheme)
    if viewer.key != key:
        message = "The access token is bound to a key. Send it as `DPoP`, with a proof."
        if proof:
            message = "The access token is not bound to the key of the proof."
        raise InvalidToken(message, scheme=DPOP)
    if proof:
        async with database.auth.lend(NOBODY) as lent:
            await dpop.remember(lent, proof)
    return viewer


async def _identify_share(
    text: str, database: Database, settings: AuthSettings, viewers: ViewerCache
) -> Viewer:
    look_up = partial(shares.identify, database, settings, text)
    viewer = await viewers.read((digest(text), api_of(settings), None), look_up)
    if viewer is None:
        raise InvalidToken
    return viewer


async def _of_token(
    database: Database, kind: str, hashed: bytes, audience: str, key: str | None
) -> Viewer | None:
    async with database.auth.lend(NOBODY) as lent:
        if kind == tokens.PREFIX:
            return await grants.of_token(lent, hashed.hex(), audience, key)
        return await grants.of_key(lent, kind, hashed)


async def identify_session(
    secret: str,
    database: Database,
    settings: AuthSettings,
    viewers: ViewerCache = UNCACHED,
) -> Viewer:
    """Return the person signed in with this cookie, or ANONYMOUS."""
    if not is_secret(secret):
        return ANONYMOUS
    hashed = digest(secret)

    async def look_up() -> Viewer | None:
        idle = timedelta(hours=settings.session_idle_hours)
        async with database.auth.lend(NOBODY) as lent:
            return await grants.of_session(lent, hashed, idle)

    return await viewers.read(hashed, look_up) or ANONYMOUS


async def identify_again(
    viewer: Viewer, database: Database, settings: AuthSettings
) -> Viewer | None:
    """Return the viewer with their current roles; None when the session or token has ended.

    For open connections, without the secret, which was verified when they were opened.
    """
    if viewer.session_id is None:
        return viewer
    if viewer.shared is not None:
        return await shares.identify_again(database, viewer)
    idle = timedelta(hours=settings.session_idle_hours)
    async with database.auth.lend(NOBODY) as lent:
        return await grants.of_credential(lent, UUID(viewer.session_id), idle)


async def act_for(email: str, database: Database) -> Viewer:
    """Return the person with this address: a command of the gateway acts as them, with their roles.

    Raises NOT_FOUND when there is no such person in good standing.
    """
    async with database.auth.lend(NOBODY) as lent:
        viewer = await grants.of_address(lent, email)
    if viewer is None:
        raise Problem("NOT_FOUND", f"There is no active account {email}.")
    return viewer


async def act_for_owner(project: str, database: Database) -> Viewer:
    """Return an owner of the organization with this project, which is named by its id or slug.

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
    """Return the address of the API: the only resource that tokens are issued for (RFC 8707)."""
    return f"{settings.url}/graphql"


@lru_cache(maxsize=64)
def _warn_of_proxy(address: str) -> None:
    """Log, once for each address, that a private proxy is not trusted; public ones are ignored."""
    if ip_address(address).is_private:
        log.warning(
            "proxy not trusted",
            address=address,
            advice="Name it in TRUSTED_PROXIES: limits count everybody behind it as one network.",
        )


def origin_of(connection: HTTPConnection) -> Origin:
    """Return the origin of a request, as the record of changes stores it.

    An address forwarded by a trusted proxy has no port.
    """
    headers = dict(reversed(connection.scope["headers"]))
    return origin_from(connection.scope, headers, getattr(connection.state, "request_id", None))


def origin_from(
    scope: Mapping[str, Any], headers: Mapping[bytes, bytes], request_id: str | None
) -> Origin:
    """Return the origin of a request, from its scope and its headers by name."""
    host, port = scope.get("client") or (None, None)
    ip = _address(host) if host else None
    if ip and port and b"x-forwarded-for" in headers:
        _warn_of_proxy(ip)
    return Origin(request_id, ip, _agent(headers.get(b"user-agent", b"")[:MAX_AGENT_LENGTH]))


@lru_cache(maxsize=4096)
def _address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:  # a Unix socket has no address
        return None


@lru_cache(maxsize=1024)
def _agent(header: bytes) -> str | None:
    return re.sub(r"[^\x20-\x7e]", "?", header.decode("latin-1")) or None


def challenge(scheme: str, error: str, description: str = "", **more: str) -> str:
    """Return a `WWW-Authenticate` challenge (RFC 6750, section 3; RFC 9449, section 7.1).

    Bearer tokens that are mistyped, unknown, expired or revoked have the same answer.
    """
    members = {"error": error}
    if scheme == DPOP:
        members |= {"error_description": description} if description else {}
        more |= {"algs": " ".join(ALGORITHMS)}
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in (members | more).items())


def invalid_proof(refused: InvalidProof) -> InvalidToken:
    """Return the refusal of a proof, as the API sends it."""
    error, nonce = refused.error, refused.nonce
    return InvalidToken(refused.description, scheme=DPOP, error=error, nonce=nonce)
