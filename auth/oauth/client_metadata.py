"""The client metadata of a registration (RFC 7591, section 2), validated."""

import json
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from authlib.oauth2.rfc7591 import InvalidClientMetadataError, InvalidRedirectURIError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from auth.credentials.public_keys import public_key
from auth.oauth.clients import (
    DEVICE_CODE,
    FOR_OPERATORS,
    GRANT_TYPES,
    JWKS,
    JWKS_URI,
    POST_LOGOUT,
    PRIVATE_KEY,
    is_app,
    is_loopback,
    is_redirect_uri,
)
from auth.oauth.registry import Registration, is_client_name
from auth.policy.scope_names import OPEN_SCOPES, OPENID_SCOPES
from db.problem import Problem

MAX_BYTES = 64 * 1024
MAX_URIS = 20
MAX_CONTACTS = MAX_KEYS = 10
MAX_TEXT_LENGTH = 200
MAX_URI_LENGTH = 2000

OPEN_GRANT_TYPES = tuple(name for name in GRANT_TYPES if name not in FOR_OPERATORS)
"""Grants of self-registered applications: for people who consent, never for themselves."""
REFRESHABLE_GRANTS = ("authorization_code", DEVICE_CODE)
"""The grant types that a refresh token can come from."""


def _one_line(value: str) -> str:
    if not is_client_name(value):
        raise ValueError(f"one line of 1 to {MAX_TEXT_LENGTH} characters")
    return value


def _web_page(value: str) -> str:
    form = rf"https?://[\x21-\x7e]{{1,{MAX_URI_LENGTH}}}"
    parts = urlsplit(value)  # raises ValueError
    if not re.fullmatch(form, value) or not parts.hostname or "@" in parts.netloc:
        raise ValueError("the address of a page on the web")
    return value


def _redirect_uri(value: str) -> str:
    if not is_redirect_uri(value):
        raise ValueError("https, this computer or a scheme of an app of its own, and no fragment")
    return value


def _https(value: str) -> str:
    if not _web_page(value).startswith("https://"):
        raise ValueError("an https address")
    return value


def _public_keys(value: dict[str, Any]) -> dict[str, Any]:
    keys = value.get("keys")
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise ValueError(f"a JSON Web Key Set of 1 to {MAX_KEYS} keys")
    try:
        for key in keys:
            public_key(key)
    except Exception:  # noqa: BLE001 (a stranger has made it, to whatever end)
        raise ValueError("public keys of the types EC, OKP and RSA (2048 to 4096 bits)") from None
    return {"keys": keys}


Https = Annotated[str, AfterValidator(_https)]
Keys = Annotated[dict[str, Any], AfterValidator(_public_keys)]
Line = Annotated[str, AfterValidator(_one_line)]
Page = Annotated[str, AfterValidator(_web_page)]
Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
RedirectUri = Annotated[str, AfterValidator(_redirect_uri)]


REFUSED: dict[str, tuple[Any, ...]] = {
    "authorization_details_types": ([],),
    "default_acr_values": ([],),
    "default_max_age": (),
    "id_token_encrypted_response_alg": (),
    "userinfo_encrypted_response_alg": (),
    "userinfo_signed_response_alg": (),
    "require_signed_request_object": (False,),
    "software_statement": (),
    "subject_type": ("public",),
    "tls_client_certificate_bound_access_tokens": (False,),
}
"""Members that ask for a protection there is not, each with the values that ask for none."""


class ClientMetadata(BaseModel):
    """The members that are stored. Of the addresses in it, only `jwks_uri` is ever fetched.

    Others are ignored (RFC 7591, section 2), but for those in REFUSED.
    """

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    client_name: Line | None = None
    token_endpoint_auth_method: Method = "client_secret_basic"  # noqa: S105 (a method)
    grant_types: list[str] = ["authorization_code"]
    response_types: list[Literal["code"]] | None = Field(default=None, validate_default=True)
    application_type: Literal["web", "native"] | None = None
    redirect_uris: list[RedirectUri] = Field([], max_length=MAX_URIS, validate_default=True)
    scope: str = " ".join(OPEN_SCOPES)
    require_pushed_authorization_requests: bool = False
    dpop_bound_access_tokens: bool = False
    post_logout_redirect_uris: list[RedirectUri] | None = Field(default=None, max_length=MAX_URIS)
    id_token_signed_response_alg: Literal["RS256"] | None = None
    require_auth_time: bool | None = None
    jwks: Keys | None = None
    jwks_uri: Https | None = Field(default=None, validate_default=True)
    token_endpoint_auth_signing_alg: Literal["ES256", "Ed25519", "PS256", "RS256"] | None = None
    client_uri: Page | None = None
    logo_uri: Page | None = None
    policy_uri: Page | None = None
    tos_uri: Page | None = None
    contacts: list[Line] | None = Field(default=None, max_length=MAX_CONTACTS)
    software_id: Line | None = None
    software_version: Line | None = None

    @field_validator("grant_types")
    @classmethod
    def _are_open(cls, value: list[str]) -> list[str]:
        known = set(value) <= set(OPEN_GRANT_TYPES)
        if not known or not set(value) & set(REFRESHABLE_GRANTS):
            raise ValueError(
                f"some of {', '.join(OPEN_GRANT_TYPES)}, and not a refresh_token alone"
            )
        return list(dict.fromkeys(value))

    @field_validator("response_types")
    @classmethod
    def _fit(cls, value: list[str] | None, info: ValidationInfo) -> list[str]:
        expected = ["code"] if "authorization_code" in info.data.get("grant_types", ()) else []
        if value is not None and list(dict.fromkeys(value)) != expected:
            raise ValueError("code with the grant type authorization_code, and only with it")
        return expected

    @field_validator("redirect_uris")
    @classmethod
    def _lead_there(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if not value and "authorization_code" in info.data.get("grant_types", ()):
            raise ValueError("at least one")
        if info.data.get("application_type") == "web" and any(map(_is_native, value)):
            raise ValueError("an application of the type web has https addresses")
        return list(dict.fromkeys(value))

    @field_validator("jwks_uri")
    @classmethod
    def _is_needed(cls, value: str | None, info: ValidationInfo) -> str | None:
        method, keys = info.data.get("token_endpoint_auth_method"), info.data.get("jwks")
        if method == PRIVATE_KEY and (value is None) == (keys is None):
            raise ValueError(f"token_endpoint_auth_method {PRIVATE_KEY} needs it, or else jwks")
        return value

    @field_validator("scope")
    @classmethod
    def _are_known(cls, value: str) -> str:
        known = (*OPEN_SCOPES, *OPENID_SCOPES)
        if not value or not set(value.split(" ")) <= set(known):
            raise ValueError(f"some of {' '.join(known)}, with single spaces between")
        return " ".join(dict.fromkeys(value.split(" ")))

    def registration(self) -> Registration:
        """Return the registration that is stored."""
        kind = "native" if any(map(_is_native, self.redirect_uris)) else "web"
        ignored = () if self.token_endpoint_auth_method == PRIVATE_KEY else (JWKS, JWKS_URI)
        rest = self.model_dump(include={*WITHOUT_COLUMN} - {*ignored}, exclude_none=True)
        return Registration(
            name=self.client_name or UNNAMED,
            redirect_uris=tuple(self.redirect_uris),
            scope=self.scope,
            grant_types=tuple(self.grant_types),
            auth_method=self.token_endpoint_auth_method,
            require_pushed=self.require_pushed_authorization_requests,
            dpop=self.dpop_bound_access_tokens,
            metadata={"application_type": kind, **rest},
        )


WITHOUT_COLUMN = (
    "application_type",
    POST_LOGOUT,
    "id_token_signed_response_alg",
    "require_auth_time",
    JWKS,
    JWKS_URI,
    "token_endpoint_auth_signing_alg",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "software_id",
    "software_version",
)
"""Members without a column of their own."""
UNNAMED = "Unnamed application"


def members_of(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON object, each once. Raises InvalidClientMetadataError.

    Null means the same as leaving a member out (RFC 7592, section 2.2).
    """
    try:
        found = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):  # of which UnicodeDecodeError is one
        raise InvalidClientMetadataError("The body is no JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise InvalidClientMetadataError("The body is no JSON object.")
    return {name: value for name, value in found.items() if value is not None}


def checked(members: dict[str, Any]) -> ClientMetadata:
    """Return the metadata. Raises InvalidRedirectURIError and InvalidClientMetadataError."""
    for name, harmless in REFUSED.items():
        if name in members and members[name] not in harmless:
            raise InvalidClientMetadataError(f"{name} is not supported.")
    try:
        return ClientMetadata.model_validate(members)
    except ValidationError as error:
        at = [str(found["loc"][0]) for found in error.errors(include_input=False)]
        if "redirect_uris" in at:
            raise InvalidRedirectURIError(_wrong(error, "redirect_uris")) from None
        raise InvalidClientMetadataError(_wrong(error, at[0])) from None


def keys_of(jwks: bytes | None, jwks_uri: str | None) -> dict[str, Any]:
    """Return the members of these keys; none for neither. Raises INVALID."""
    try:
        if jwks is not None:
            return {JWKS: _public_keys(members_of(jwks))}
        return {JWKS_URI: _https(jwks_uri)} if jwks_uri is not None else {}
    except (InvalidClientMetadataError, ValueError) as error:
        raise Problem("INVALID", f"The keys are not valid: {error}.", field=("jwks",)) from None


def _wrong(error: ValidationError, member: str) -> str:
    """Return the error of this member, without the value that was sent."""
    found = next(e for e in error.errors(include_input=False) if e["loc"][0] == member)
    message = found["msg"].removeprefix("Value error, ")
    return re.sub(r'[^\x20-\x7e]|["\\]', "", f"{member}: {message}.")


def _is_native(uri: str) -> bool:
    return is_loopback(uri) or is_app(uri)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member stands there twice")
    return found


def _no_number(_: str) -> None:
    raise ValueError("JSON has no such number")
