"""Registered applications: what they may ask for, and where answers to them may be sent."""

import hmac
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from uuid_utils.compat import uuid7

from auth.events import Event, record
from auth.oauth.scopes import SCOPES
from auth.secret import digest
from auth.session.origin import Origin
from auth.tokens import SECRET_OF_CLIENT, new_token
from db.change import AuditEventType, ResourceType
from db.core.oauth import OAuthClient
from db.pool import NOBODY, Database
from db.problem import Problem

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?(/.*)?")
APP_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""A scheme of an app of its own: a domain's name, backwards (RFC 8252, section 7.1)."""

REGISTER = """
INSERT INTO oauth_clients (id, client_id, client_name, client_secret, redirect_uris, grant_types,
    response_types, scope, is_public, token_endpoint_auth_method, is_first_party,
    is_resource_server, require_pushed_authorization_requests)
VALUES ($1, $2, $3, $4, to_jsonb($5::text[]), to_jsonb($6::text[]), to_jsonb($7::text[]), $8, $9,
    $10, $11, $12, $13)
"""
DISABLE = """
UPDATE oauth_clients SET disabled_at = now(), updated_at = now()
WHERE client_id = $1 AND disabled_at IS NULL RETURNING id
"""


@dataclass(frozen=True)
class Client:
    """An application as Authlib asks about it."""

    row: OAuthClient

    @property
    def client_id(self) -> str:
        """Its public name."""
        return self.row.client_id

    def get_client_id(self) -> str:
        """Its public name."""
        return self.row.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Where answers go when the request does not say, if there is only one place."""
        uris = self.row.redirect_uris
        return uris[0] if len(uris) == 1 else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Whether answers may go there: exactly as registered, on loopback from any port."""
        if not is_redirect_uri(redirect_uri):
            return False
        wanted = without_port(redirect_uri)
        return any(
            uri == redirect_uri or (wanted is not None and wanted == without_port(uri))
            for uri in self.row.redirect_uris
        )

    def check_client_secret(self, secret: str) -> bool:
        """Whether this is the secret, in the same time for every wrong one."""
        kept = self.row.client_secret or ""
        given = digest(secret.encode(errors="replace").decode()).hex()
        return bool(kept) and hmac.compare_digest(kept, given)

    def check_endpoint_auth_method(self, method: str, _: str) -> bool:
        """A secret may stand in the header or in the form; who has none sends none."""
        return (method == "none") is self.row.is_public

    def check_response_type(self, response_type: str) -> bool:
        """Whether it may ask people for codes."""
        return response_type in self.row.response_types

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it may get tokens in this way."""
        return grant_type in self.row.grant_types

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scopes it gets for this request, its own when none are named; None is a refusal."""
        own = self.row.scope.split()
        wanted = list(dict.fromkeys(scope.split(" "))) if scope else own
        return " ".join(wanted) if wanted and set(wanted) <= set(own) & set(SCOPES) else None


@dataclass(frozen=True)
class Registered:
    """A new application, and its secret, which is shown this once."""

    client_id: str
    secret: str | None


async def register(
    database: Database,
    name: str,
    redirect_uris: tuple[str, ...] = (),
    *,
    scope: str = " ".join(SCOPES),
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token"),
    public: bool = False,
    first_party: bool = False,
    resource_server: bool = False,
    require_pushed: bool = False,
    origin: Origin | None = None,
) -> Registered:
    """Register an application. Raises INVALID with the field at fault."""
    if not re.fullmatch(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}", name) or not name.strip():
        raise Problem("INVALID", "A name has 1 to 200 characters.", field=("name",))
    if wrong := [uri for uri in redirect_uris if not is_redirect_uri(uri)]:
        raise Problem("INVALID", f"{wrong[0]!r} is no redirect URI.", field=("redirectUris",))
    if not set(scope.split()) <= set(SCOPES):
        raise Problem("INVALID", f"The scopes are {', '.join(SCOPES)}.", field=("scope",))
    if not set(grant_types) <= set(GRANT_TYPES) or (public and "client_credentials" in grant_types):
        raise Problem("INVALID", "It cannot get tokens in this way.", field=("grantTypes",))
    asks_people = "authorization_code" in grant_types
    if asks_people and not redirect_uris:
        raise Problem("INVALID", "It needs a redirect URI.", field=("redirectUris",))
    id, client_id = uuid7(), f"rqc-{uuid7().hex}"
    secret = None if public else new_token(SECRET_OF_CLIENT)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lent.execute(
            REGISTER,
            id,
            client_id,
            name,
            digest(secret).hex() if secret else None,
            list(redirect_uris),
            list(grant_types),
            ["code"] if asks_people else [],
            scope,
            public,
            "none" if public else "client_secret_basic",
            first_party,
            resource_server,
            require_pushed,
        )
        event = Event(
            entity_type="OAuthClient",
            entity_id=id,
            action="register",
            type=AuditEventType.ADMINISTRATION,
            description="Application registered.",
            resource=ResourceType.OAUTH_CLIENT,
            client_id=client_id,
            details={"name": name, "scope": scope, "redirect_uris": list(redirect_uris)},
        )
        await record(lent, event, origin or Origin(source="cli"))
    return Registered(client_id, secret)


async def disable(database: Database, client_id: str, origin: Origin | None = None) -> bool:
    """End an application and, from the next request on, all its tokens; False without one."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await lent.fetchval(DISABLE, client_id)
        if id:
            event = Event(
                entity_type="OAuthClient",
                entity_id=id,
                action="disable",
                type=AuditEventType.ADMINISTRATION,
                description="Application disabled, and with it its tokens.",
                resource=ResourceType.OAUTH_CLIENT,
                client_id=client_id,
            )
            await record(lent, event, origin or Origin(source="cli"))
    return id is not None


def is_redirect_uri(uri: str) -> bool:
    """Whether answers may ever be sent there: https, this computer, or an app's own scheme.

    No fragment, no user, no wild card, nothing that a header could not hold.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,2000}", uri) or re.search(r"[#\\\"<>{}|^`]", uri):
        return False
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 (raises)
    except ValueError:
        return False
    if "@" in parts.netloc or "*" in parts.netloc:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    return LOOPBACK.fullmatch(uri) is not None or is_app(uri)


def is_loopback(uri: str) -> bool:
    """Whether it leads to a program on the person's own computer, whichever that is."""
    return LOOPBACK.fullmatch(uri) is not None


def is_app(uri: str) -> bool:
    """Whether it leads to whatever app on the device has taken this scheme."""
    return APP_SCHEME.fullmatch(uri.partition(":")[0]) is not None


def without_port(uri: str) -> tuple[str, str | None] | None:
    """Host and path on loopback, where a port is only known at run time (RFC 8252, 7.3)."""
    found = LOOPBACK.fullmatch(uri)
    return (found[1], found[2]) if found else None
