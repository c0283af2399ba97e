"""Parameters that control how a person is asked: `prompt`, `max_age`, `login_hint` and the like.

Every parameter of OAuth and OpenID Connect (Core, section 3.1.2.1) that changes who is asked, how,
or what is granted is obeyed or refused. Others are ignored (RFC 6749, section 3.1).

A request with `prompt=login` is answered after a proof that is younger than the request. Its first
time stands, signed, in the address that the person returns to after the proof.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import urlencode
from uuid import UUID

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error

from auth.accounts.step_up import PROOF_LIFETIME
from auth.oauth.clients import EXCHANGE
from auth.oauth.confinement import TYPES
from auth.oauth.id_tokens import LEVELS, reached
from auth.oauth.requests import OAuthRequest, Pairs
from auth.secret import keyed_digest
from auth.settings import AuthSettings

BEGAN = "began"
"""Our own parameter: the time of the first request, in microseconds, and our signature."""
BEGAN_LASTS = timedelta(hours=1)
MAX_AGE = 10**9
"""Seconds: more digits than any `max_age` needs."""

DETAILS = "authorization_details"
MEMBERS = {"type", "identifier"}
PROMPTS = ("none", "login", "consent", "select_account")
RESPONSE_MODES = ("query",)
DISPLAYS = ("page", "popup", "touch")
"""One page for all of them, which fits any size."""

ONE_OF = {"response_mode": RESPONSE_MODES, "display": DISPLAYS}
"""Parameters of which some values are obeyed, and the others refused."""
REFUSED = {
    "request": "request_not_supported",
    "registration": "registration_not_supported",
    "claims": "invalid_request",
    "grant_id": "invalid_request",
    "grant_management_action": "invalid_request",
}
"""Parameters that would change the question or the granted rights, with the error of each.

OpenID Connect Core, sections 3.1.2.6 and 5.5.
"""


class Unsupported(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """A parameter that is not supported; ignoring it would grant something else."""

    def __init__(self, error: str, name: str) -> None:
        super().__init__(f"{name} is not supported.")
        self.error = error


class LoginRequired(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """Signing in or a fresh proof is required, and no page may be shown."""

    error = "login_required"


class ConsentRequired(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """Consent is required, and no page may be shown."""

    error = "consent_required"


class UnmetAuthenticationRequirements(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """The person has not signed in by what `acr_values` requests (RFC 9470, section 5)."""

    error = "unmet_authentication_requirements"
    description = "acr_values: the person has not signed in by any of these."


class Interaction(NamedTuple):
    """The requested interaction: which pages, whose account, and how fresh and strong a proof."""

    prompts: frozenset[str]
    max_age: int | None
    login_hint: str | None
    levels: frozenset[str] = frozenset()
    """The values of `acr` of which one must be reached; none allows any."""

    @property
    def is_silent(self) -> bool:
        """Return whether no page may be shown."""
        return "none" in self.prompts

    @property
    def must_ask(self) -> bool:
        """Return whether the person is asked although they have consented before."""
        return bool(self.prompts - {"none"})

    @property
    def needs_proof(self) -> bool:
        """Return whether it limits the age of the proof."""
        return "login" in self.prompts or self.max_age is not None

    def is_for(self, email: str | None) -> bool:
        """Return whether the account of this address fits `login_hint`."""
        return self.login_hint is None or _folded(self.login_hint) == _folded(email or "")

    def is_reached(self, methods: Collection[str]) -> bool:
        """Return whether these methods reach one of the levels."""
        return not self.levels or not self.levels.isdisjoint(reached(methods))

    @staticmethod
    def is_recent(began: datetime, now: datetime) -> bool:
        """Return whether a request of this first time may still be answered after its proof."""
        return now - BEGAN_LASTS < began

    def is_proved(
        self, proved_at: datetime | None, now: datetime, began: datetime | None, *, fully: bool
    ) -> bool:
        """Return whether a proof of this time is fresh enough: within PROOF_LIFETIME if `fully`."""
        if proved_at is None:
            return False
        age = now - proved_at
        if fully and age >= PROOF_LIFETIME:
            return False
        if began is not None and proved_at >= began:  # the request itself has led to the proof
            return True
        old = self.max_age is not None and age > timedelta(seconds=self.max_age)
        return "login" not in self.prompts and not old


def read(oauth_request: OAuthRequest) -> Interaction:
    """Return the interaction. Raises OAuth2Error for unsupported and invalid parameters."""
    form = oauth_request.form
    for name, error in REFUSED.items():
        if name in form:
            raise Unsupported(error, name)
    for name, values in ONE_OF.items():
        if form.get(name, values[0]) not in values:
            raise InvalidRequestError(f"{name} must be {' or '.join(values)}.")
    prompts = frozenset(form.get("prompt", "").split())
    if not prompts <= frozenset(PROMPTS) or ("none" in prompts and len(prompts) > 1):
        raise InvalidRequestError(f"prompt must be none, or some of {' '.join(PROMPTS[1:])}.")
    levels = frozenset(form.get("acr_values", "").split())
    if levels and not levels & frozenset(LEVELS):
        raise UnmetAuthenticationRequirements
    return Interaction(prompts, _seconds(form.get("max_age")), form.get("login_hint"), levels)


class Requested(NamedTuple):
    """The organization or project that `authorization_details` name."""

    type: str
    id: UUID


def requested(oauth_request: OAuthRequest) -> Requested | None:
    """Return the only place that is requested; None without one. Raises Unsupported."""
    text = oauth_request.form.get(DETAILS)
    if text is None:
        return None
    try:
        (detail,) = json.loads(text)
        named = UUID(detail["identifier"]) if detail.keys() == MEMBERS else None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        named = None
    if named is None or detail["type"] not in TYPES:
        raise refused()
    return Requested(detail["type"], named)


def refused() -> Unsupported:
    """Return the error for `authorization_details` that cannot be granted (RFC 9396, section 5)."""
    return Unsupported("invalid_authorization_details", DETAILS)


def refuse_details(oauth_request: OAuthRequest) -> None:
    """Raise Unsupported for `authorization_details` (RFC 9396) at the token endpoint.

    An exchange may have them.
    """
    if DETAILS in oauth_request.form and oauth_request.form.get("grant_type") != EXCHANGE:
        raise refused()


def sign_began(settings: AuthSettings, browser: str, query: str, began: datetime) -> str:
    """Return the value of the parameter `began` for this request in this browser."""
    moment = str(int(began.timestamp() * 1_000_000))
    return f"{moment}-{_signature(settings, browser, query, moment)}"


def take_began(settings: AuthSettings, browser: str, pairs: Pairs) -> tuple[Pairs, datetime | None]:
    """Return the request without `began`, and its time; None when the signature is not ours."""
    values = [value for name, value in pairs if name == BEGAN]
    rest = [pair for pair in pairs if pair[0] != BEGAN]
    moment, _, signature = (values[0] if len(values) == 1 else "").partition("-")
    expected = _signature(settings, browser, urlencode(rest), moment)
    if not (moment.isascii() and moment.isdigit()) or not hmac.compare_digest(
        signature.encode(errors="replace"), expected.encode()
    ):
        return rest, None
    return rest, datetime.fromtimestamp(int(moment) / 1_000_000).astimezone()


def _signature(settings: AuthSettings, browser: str, query: str, moment: str) -> str:
    of = f"{browser}\0{moment}\0{query}"
    return urlsafe_b64encode(keyed_digest(settings, "authorize began", of)[:24]).decode()


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) > MAX_AGE:
        raise InvalidRequestError("max_age must be a number of seconds.")
    return int(text)


def _folded(email: str) -> str:
    return normalize("NFC", email).strip().casefold()
