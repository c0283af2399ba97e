"""Requests for Authlib: read whole beforehand, no parameter repeated or malformed."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, OAuth2Payload, OAuth2Request
from starlette.requests import Request

from auth.accounts.step_up import LastProof
from auth.credentials.dpop import Proof
from auth.oauth.confinement import EVERYWHERE, Confinement
from auth.web.forms import BodyTooLarge, pairs_of, read_pairs
from db.core.oauth import OAuthPushedRequest
from db.problem import Problem

MAX_PARAMETERS = 30
MAX_VALUE_LENGTH = 4000
REPEATABLE = "resource"
"""The one parameter that may be sent several times (RFC 8707, section 2)."""

AUDIENCE = "audience"

CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Pairs = Sequence[tuple[str, str]]


class Parameters(OAuth2Payload):  # type: ignore[misc] # Authlib has no types
    """The parameters of a request; an empty one counts as left out (RFC 6749, section 3.1)."""

    def __init__(self, pairs: Pairs) -> None:
        self._lists: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            if value:
                self._lists[name].append(value)
        self._data = {name: values[0] for name, values in self._lists.items()}

    @property
    def data(self) -> dict[str, str]:
        """Return the first value of each."""
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """Return all values of each."""
        return self._lists

    def only(self, name: str) -> str | None:
        """Return the value, when it occurs once and is valid; None otherwise."""
        values = self._lists.get(name, [])
        return values[0] if len(values) == 1 and is_clean(values[0]) else None

    def require_clean(self) -> None:
        """Raise InvalidRequestError for a parameter that is repeated, too long or malformed."""
        for name, values in self._lists.items():
            if len(values) > 1 and name != REPEATABLE:
                raise InvalidRequestError("A parameter is repeated.")
            if not all(map(is_clean, values)):
                raise InvalidRequestError("A parameter is malformed.")


class OAuthRequest(OAuth2Request):  # type: ignore[misc] # Authlib has no types
    """A request to one of the endpoints. Raises InsecureTransportError when served without TLS.

    Its address is built from the issuer, never from a proxy's headers.
    """

    payload: Parameters
    proof: Proof | None = None
    """The proof of the application's key, to which its codes and tokens are bound."""
    asserted: str | None = None
    """The application whose assertion came with it, verified."""
    pushed: OAuthPushedRequest | None = None
    """The stored request, when the application has pushed it."""
    session_id: UUID | None = None
    """The session whose end ends the tokens issued for the request."""
    confinement: Confinement = EVERYWHERE
    """The only organization or project that its person lets the application reach."""
    hinted: UUID | None = None
    """The person for whom alone the application asks, by an ID token of theirs."""
    proof_of_person: LastProof | None = None
    """The last proof by which the person who grants it has shown who they are."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], pairs: Pairs) -> None:
        super().__init__(method, url, headers=headers)
        self.payload = Parameters(pairs)

    @property
    def key(self) -> str | None:
        """Return the thumbprint of the key that the application has proved to hold."""
        return self.proof.thumbprint if self.proof else None

    @property
    def form(self) -> dict[str, str]:
        """Return the parameters, whether from the query or the form."""
        return self.payload.data

    args = form


def is_clean(value: str) -> bool:
    """Return whether a parameter may hold this: no control characters, which no standard allows."""
    return len(value) <= MAX_VALUE_LENGTH and not CONTROL.search(value)


async def form_of(request: Request) -> Pairs:
    """Return the form that an application has sent. Raises InvalidRequestError."""
    try:
        return await read_pairs(request, MAX_PARAMETERS)
    except BodyTooLarge as problem:
        raise InvalidRequestError(problem.message, status_code=413) from None
    except Problem as problem:
        raise InvalidRequestError(problem.message) from None


def query_of(encoded: bytes) -> Pairs:
    """Return the parameters of a query string. Raises InvalidRequestError."""
    try:
        return pairs_of(encoded, MAX_PARAMETERS)
    except Problem:
        raise InvalidRequestError("The query is not URL-encoded UTF-8.") from None


class InvalidDpopProof(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """The proof of a key is missing or invalid (RFC 9449, section 5)."""

    error = "invalid_dpop_proof"


class InvalidTarget(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """No tokens are issued for this resource (RFC 8707, section 2)."""

    error = "invalid_target"
    description = "The requested resource is unknown, malformed, or not among those authorized."


def audience(oauth_request: OAuthRequest, api: str, granted: Sequence[str] = ()) -> list[str]:
    """Return the resources of a token: those requested, of the granted ones or of the API alone.

    Without a request they are all that was granted. `audience`, by which some clients name a
    resource, means the same. Raises InvalidTarget.
    """
    lists = oauth_request.payload.datalist
    wanted = list(dict.fromkeys([*lists.get(REPEATABLE, []), *lists.get(AUDIENCE, [])]))
    if not set(wanted) <= set(granted or [api]):
        raise InvalidTarget
    return wanted or list(granted)
