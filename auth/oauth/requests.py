"""Requests as Authlib takes them: read whole beforehand, nothing in them twice or malformed."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, OAuth2Payload, OAuth2Request
from starlette.requests import Request

from auth.dpop import Proof
from auth.pages.forms import BodyTooLarge, pairs_of, read_pairs
from db.core.oauth import OAuthPushedRequest
from db.problem import Problem

MOST_PARAMETERS = 30
LONGEST_VALUE = 4000
REPEATABLE = "resource"
"""The one parameter that may be sent several times (RFC 8707, section 2)."""

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
        """The first value of each."""
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """All values of each."""
        return self._lists

    def only(self, name: str) -> str | None:
        """The value, when it is there once and could be one."""
        values = self._lists.get(name, [])
        return values[0] if len(values) == 1 and is_clean(values[0]) else None

    def require_clean(self) -> None:
        """Raise InvalidRequestError when one stands there twice, is too long or holds controls."""
        for name, values in self._lists.items():
            if len(values) > 1 and name != REPEATABLE:
                raise InvalidRequestError("A parameter is repeated.")
            if not all(map(is_clean, values)):
                raise InvalidRequestError("A parameter is malformed.")


class Asked(OAuth2Request):  # type: ignore[misc] # Authlib has no types
    """A request to one of the endpoints. Raises InsecureTransportError when served without TLS.

    Its address is built from the issuer, never from what a proxy has made of it.
    """

    payload: Parameters
    proof: Proof | None = None
    """Of the key that the application holds, and to which is bound what it asks for."""
    pushed: OAuthPushedRequest | None = None
    """What is kept of it, when the application has pushed it."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], pairs: Pairs) -> None:
        super().__init__(method, url, headers=headers)
        self.payload = Parameters(pairs)

    @property
    def key(self) -> str | None:
        """The thumbprint of the key that the application has proved to hold."""
        return self.proof.thumbprint if self.proof else None

    @property
    def form(self) -> dict[str, str]:
        """The parameters, wherever they stood."""
        return self.payload.data

    args = form


def is_clean(value: str) -> bool:
    """Whether a parameter may hold this: no control characters, which no standard allows."""
    return len(value) <= LONGEST_VALUE and not CONTROL.search(value)


async def form_of(request: Request) -> Pairs:
    """The form that an application has sent. Raises InvalidRequestError."""
    try:
        return await read_pairs(request, MOST_PARAMETERS)
    except BodyTooLarge as problem:
        raise InvalidRequestError(problem.message, status_code=413) from None
    except Problem as problem:
        raise InvalidRequestError(problem.message) from None


def query_of(encoded: bytes) -> Pairs:
    """The parameters of a query string. Raises InvalidRequestError."""
    try:
        return pairs_of(encoded, MOST_PARAMETERS)
    except Problem:
        raise InvalidRequestError("The query is not URL-encoded UTF-8.") from None


class InvalidDpopProof(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """The proof of a key is missing or proves nothing (RFC 9449, section 5)."""

    error = "invalid_dpop_proof"


class InvalidTarget(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """The resource is none that tokens are given for (RFC 8707, section 2)."""

    error = "invalid_target"
    description = "The requested resource is unknown, malformed, or not among those authorized."


def audience(asked: Asked, api: str, granted: Sequence[str] = ()) -> list[str]:
    """The resources that a token is to be for, of those granted, or of the API alone.

    Nothing asked for is all that was granted. Raises InvalidTarget.
    """
    wanted = list(dict.fromkeys(asked.payload.datalist.get(REPEATABLE, [])))
    if not set(wanted) <= set(granted or [api]):
        raise InvalidTarget
    return wanted or list(granted)
