"""The one door: whoever makes a request is found here, from an access token or a session cookie."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from uuid import UUID

from starlette.requests import HTTPConnection

from auth import cookies, dpop, grants, refused_keys, tokens
from auth.dpop import ALGORITHMS, InvalidProof, Proof
from auth.secret import digest, is_secret
from auth.session.origin import Origin
from auth.settings import AuthSettings
from auth.viewer import ANONYMOUS, Viewer
from db.pool import NOBODY, Database
from db.problem import Problem

BEARER, DPOP = "Bearer", "DPoP"
NONCE = "DPoP-Nonce"
"""The header with the nonce that the next proof is to hold (RFC 9449, section 8.2)."""
CHALLENGES = (BEARER, f'{DPOP} algs="{" ".join(ALGORITHMS)}"')
"""What whoever shows no credential is told to show (RFC 6750, section 3; RFC 9449, section 7.1)."""

METADATA_OF_API = "/.well-known/oauth-protected-resource/graphql"
"""Where applications learn who gives out tokens for the API (RFC 9728, section 3)."""

KINDS = (tokens.PREFIX, *tokens.KEYS)
"""How what is shown may begin."""

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


class InvalidToken(Problem):
    """UNAUTHENTICATED: what was shown is no good token. `headers` belong to its HTTP answer."""

    def __init__(
        self,
        message: str = "The access token is not valid, or is no longer.",
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
    """A token as somebody shows it: in the headers of a request, or of what opens a connection.

    `proofs` are the headers `DPoP`, `method` and `url` what was asked of which address, as people
    and clients know it: for a WebSocket those of its handshake.
    """

    scheme: str
    token: str
    proofs: Sequence[str]
    method: str
    url: str


async def identify(
    connection: HTTPConnection, database: Database, settings: AuthSettings
) -> Viewer:
    """Who makes this request; ANONYMOUS without credentials, or with a session that is over.

    A header `Authorization` wins over a cookie. Raises InvalidToken when it holds anything but one
    good token: a client that shows a token must hear that it no longer works. A nonce for the next
    proof is left in the state of the request, for the answer.
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
        viewer, nonce = await identify_shown(shown, database, settings, origin_of(connection))
        if nonce:
            connection.state.dpop_nonce = nonce
        return viewer
    secret = cookies.read(connection, settings, cookies.SESSION)
    return await identify_session(secret, database, settings)


async def identify_shown(
    shown: Shown, database: Database, settings: AuthSettings, origin: Origin
) -> tuple[Viewer, str | None]:
    """Whose token this is, and the nonce for their next proof, if they use any.

    A proof that goes with the token is used up. Raises InvalidToken, and RATE_LIMITED with
    `retryAfter` for keys that do not work, when there were too many from this network.
    """
    scheme, proof = shown.scheme.lower(), None
    try:
        if scheme == DPOP.lower():
            proof = dpop.verify(shown.proofs, shown.method, shown.url, settings, shown.token)
        text = shown.token if scheme in (BEARER.lower(), DPOP.lower()) else ""
        viewer = await identify_token(text, database, api_of(settings), proof)
    except InvalidProof as refused:
        raise invalid_proof(refused) from None
    except InvalidToken:
        await refused_keys.refused(database, settings, shown.token, origin)
        raise
    return viewer, proof.nonce if proof else None


async def identify_token(
    token: str, database: Database, audience: str = "", proof: Proof | None = None
) -> Viewer:
    """Whom an access token or a key acts as. Raises InvalidToken and InvalidProof.

    A token that is for certain resources alone must be for `audience`, and one that is bound to a
    key be shown with a `proof` of it, which is then used up. A client that acts for itself has no
    person, and so no roles. A mistyped token is found out by its check sum, without a read.
    """
    scheme, key = (DPOP, proof.thumbprint) if proof else (BEARER, None)
    kind = next((kind for kind in KINDS if tokens.is_token(token, kind)), None)
    if kind is None:
        raise InvalidToken(scheme=scheme)
    async with database.auth.lend(NOBODY) as lent:
        if kind == tokens.PREFIX:
            viewer = await grants.of_token(lent, digest(token).hex(), audience, key)
        else:
            viewer = await grants.of_key(lent, kind, digest(token))
        if viewer is None:
            raise InvalidToken(scheme=scheme)
        if viewer.key != key:
            message = "The access token is bound to a key: show it with a proof, as DPoP."
            if proof:
                message = "The access token is not bound to the key of the proof."
            raise InvalidToken(message, scheme=DPOP)
        if proof:
            await dpop.remember(lent, proof)
    return viewer


async def identify_session(secret: str, database: Database, settings: AuthSettings) -> Viewer:
    """The person signed in with this cookie, or ANONYMOUS."""
    if not is_secret(secret):
        return ANONYMOUS
    idle = timedelta(hours=settings.session_idle_hours)
    async with database.auth.lend(NOBODY) as lent:
        return await grants.of_session(lent, digest(secret), idle) or ANONYMOUS


async def identify_again(
    viewer: Viewer, database: Database, settings: AuthSettings
) -> Viewer | None:
    """The same viewer with the roles of now; None when the session or the token is over.

    Whoever stays connected is looked at so, without the secret they have shown once.
    """
    if viewer.session_id is None:
        return viewer
    idle = timedelta(hours=settings.session_idle_hours)
    async with database.auth.lend(NOBODY) as lent:
        return await grants.of_credential(lent, UUID(viewer.session_id), idle)


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


def challenge(scheme: str, error: str, description: str = "", **more: str) -> str:
    """What to show instead, and why (RFC 6750, section 3; RFC 9449, section 7.1).

    Bearer tokens that are mistyped, unknown, expired or revoked have one answer, without a word.
    """
    members = {"error": error}
    if scheme == DPOP:
        members |= {"error_description": description} if description else {}
        more |= {"algs": " ".join(ALGORITHMS)}
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in (members | more).items())


def invalid_proof(refused: InvalidProof) -> InvalidToken:
    """The refusal of a proof, as the API gives it."""
    error, nonce = refused.error, refused.nonce
    return InvalidToken(refused.description, scheme=DPOP, error=error, nonce=nonce)
