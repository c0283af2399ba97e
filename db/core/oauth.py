"""OAuth 2.0: registered clients, and the codes and tokens issued to them.

No secret is stored. `oauth_clients.client_secret`, `.former_secret` and `.registration_token`,
`oauth_authorization_codes.code`, `oauth_access_tokens.token_hash`, `oauth_refresh_tokens.token` and
`oauth_pushed_requests.request_uri` hold SHA-256 digests as 64 lower-case hexadecimal digits, and so
do the two codes of `oauth_device_codes`, the short one under a key. What one consent has led to
shares a `grant_id`, so that a code or refresh token used twice ends all of it (RFC 9700, sections
4.2.4 and 4.14.2).
"""

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY, INET
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from db.base import Base
from db.constraints import (
    check,
    digest,
    json_arrays,
    json_objects,
    later,
    not_blank,
    positive,
    thumbprint,
    unique,
)
from db.fields import flag, identity, json_list, json_object, secret, word, words
from db.text import StrictName


class Identified(Base, kw_only=True):
    """A row outside the tenant tree, with an id and the time of its making."""

    __abstract__ = True

    id: Mapped[UUID] = identity(sort_order=-10)
    created_at: Mapped[datetime] = mapped_column(
        init=False, server_default=func.now(), sort_order=90
    )


class OAuthClient(Identified, kw_only=True):
    """An application that may ask people for access. A public one has neither secret nor key."""

    __tablename__ = "oauth_clients"

    client_id: Mapped[str]
    client_name: Mapped[StrictName]
    client_secret: Mapped[str | None] = mapped_column(default=None)
    former_secret: Mapped[str | None] = mapped_column(default=None)
    """The one before, which is good as well until `former_secret_expires_at`."""
    former_secret_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    redirect_uris: Mapped[list[Any]] = json_list()
    grant_types: Mapped[list[Any]] = json_list()
    response_types: Mapped[list[Any]] = json_list()
    scope: Mapped[str] = word("")
    is_public: Mapped[bool] = flag(default=False)
    is_first_party: Mapped[bool] = flag(default=False)
    """True for the gateway's own applications, which need no consent."""
    is_resource_server: Mapped[bool] = flag(default=False)
    """True if it may introspect the tokens of other clients (RFC 7662)."""
    require_pushed_authorization_requests: Mapped[bool] = flag(default=False)
    """Asks people in requests alone that it has pushed (RFC 9126, section 6)."""
    dpop_bound_access_tokens: Mapped[bool] = flag(default=False)
    """True if it is issued only tokens that are bound to a key of its own (RFC 9449, 5.2)."""
    token_endpoint_auth_method: Mapped[str] = word("client_secret_basic")
    metadata_: Mapped[dict[str, Any]] = json_object("metadata")
    """Whatever else the client registered (RFC 7591, section 2)."""
    owner_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("profiles.id"), index=True, default=None
    )
    managed_by: Mapped[UUID | None] = mapped_column(default=None)
    """The organization whose owners see and change it, as the `OrganizationClient` of this id."""
    service_account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("profiles.id"), index=True, default=None
    )
    """The account as which it acts for itself; null if it may not."""
    is_self_registered: Mapped[bool] = flag(default=False)
    """True if it registered itself (RFC 7591): its name is unverified."""
    document_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    """The time until which the document at its client ID is fresh; null if it is no address."""
    registration_token: Mapped[str | None] = mapped_column(default=None)
    """With it the client reads and changes its registration (RFC 7592)."""
    consented_at: Mapped[datetime | None] = mapped_column(default=None)
    """The time at which a user first allowed it to act in their name."""
    updated_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("client_id"),
        *not_blank("client_name"),
        digest("client_secret"),
        check(
            "client_secret",
            "fits_type",
            "(client_secret IS NULL)"
            " = (is_public OR token_endpoint_auth_method = 'private_key_jwt')"
            " AND NOT (is_public AND token_endpoint_auth_method = 'private_key_jwt')",
            "Confidential clients have a secret or a key, public ones have none.",
        ),
        digest("former_secret"),
        check(
            "former_secret",
            "expires",
            "former_secret IS NULL OR (former_secret_expires_at IS NOT NULL AND NOT is_public)",
            "A former secret is a confidential client's, and expires.",
        ),
        digest("registration_token"),
        check(
            "is_self_registered",
            "unprivileged",
            "NOT is_self_registered OR NOT (is_first_party OR is_resource_server"
            " OR grant_types @> '[\"client_credentials\"]')",
            "Applications that registered themselves act for people, who are asked.",
        ),
        *json_arrays("redirect_uris", "grant_types", "response_types"),
        *json_objects("metadata"),
        Index(None, "created_at", postgresql_where=text("is_self_registered")),
    )


class Issued(Identified, kw_only=True):
    """A credential of a client, valid until it expires or is revoked."""

    __abstract__ = True

    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.client_id"))
    scope: Mapped[str | None] = mapped_column(default=None)
    """Scopes separated by spaces; null narrows nothing."""
    grant_id: Mapped[UUID] = mapped_column(
        default_factory=uuid7, server_default=func.gen_random_uuid()
    )
    resource: Mapped[list[str]] = words()
    """The addresses it is meant for (RFC 8707); none means the API."""
    jkt: Mapped[str | None] = mapped_column(default=None)
    """The thumbprint of the key that it is bound to (RFC 9449); null if it is bound to none."""
    session_id: Mapped[UUID | None] = mapped_column(default=None)
    """The session with which it ends, perhaps deleted before; null if it outlives sessions."""
    confined_to: Mapped[UUID | None] = mapped_column(default=None)
    """The only organization that it reaches, if its person has chosen one."""
    confined_project: Mapped[UUID | None] = mapped_column(default=None)
    """The only project of it that it reaches, if its person has chosen one."""
    authenticated_at: Mapped[datetime | None] = mapped_column(default=None)
    """The time at which its person had last proved who they are, when they granted it."""
    methods: Mapped[list[str]] = words()
    """The methods of that proof (RFC 8176)."""
    expires_at: Mapped[datetime]


class OAuthAuthorizationCode(Issued, kw_only=True):
    """A code waiting to be redeemed; it stays after use, so that a second use is noticed."""

    __tablename__ = "oauth_authorization_codes"

    code: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"), index=True)
    redirect_uri: Mapped[str]
    """As the client sent it; empty when it sent none and has but one."""
    code_challenge: Mapped[str]
    code_challenge_method: Mapped[str] = word("S256")
    state: Mapped[str | None] = mapped_column(default=None)
    nonce: Mapped[str | None] = mapped_column(default=None)
    """The value that the ID token repeats (OpenID Connect Core, section 3.1.2.1)."""
    used_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("code"),
        digest("code"),
        check(
            "code_challenge_method",
            "s256",
            "code_challenge_method = 'S256'",
            "The only code challenge method is S256.",
        ),
        thumbprint("jkt"),
        later("expires_at"),
        Index(None, "client_id"),
        Index(None, "grant_id"),
        Index(None, "expires_at"),
    )


class OAuthDeviceCode(Issued, kw_only=True):
    """A device that waits for somebody to allow it on another (RFC 8628).

    `user_id` is the person who decided, and `allowed` the decision. Address and user agent are the
    device's, for that person to compare.
    """

    __tablename__ = "oauth_device_codes"

    device_code: Mapped[str]
    user_code: Mapped[str]
    """A keyed digest: there are few enough codes of eight letters to try them all."""
    poll_interval: Mapped[int] = mapped_column(default=5, server_default="5")
    """Seconds between two polls, raised by each poll that comes too early."""
    polled_at: Mapped[datetime | None] = mapped_column(default=None)
    ip_address: Mapped[IPv4Address | IPv6Address | None] = mapped_column(INET, default=None)
    user_agent: Mapped[str | None] = mapped_column(default=None)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("profiles.id"), index=True, default=None
    )
    allowed: Mapped[bool | None] = mapped_column(default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    used_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("device_code"),
        digest("device_code"),
        unique("user_code"),
        digest("user_code"),
        positive("poll_interval"),
        thumbprint("jkt"),
        check(
            "allowed",
            "decided",
            "(allowed IS NULL) = (user_id IS NULL) AND (allowed IS NULL) = (decided_at IS NULL)",
            "A decision is somebody's, and has a time.",
        ),
        check(
            "used_at",
            "allowed",
            "used_at IS NULL OR allowed IS TRUE",
            "Only what was allowed is used.",
        ),
        later("expires_at"),
        Index(None, "client_id"),
        Index(None, "grant_id"),
        Index(None, "expires_at"),
    )


class OAuthAccessToken(Issued, kw_only=True):
    """A token that an application sends with each request; without a user it acts for itself."""

    __tablename__ = "oauth_access_tokens"

    token_hash: Mapped[str]
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("profiles.id"), index=True, default=None
    )
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    ancestors: Mapped[list[UUID]] = mapped_column(
        ARRAY(Uuid), default_factory=list, server_default=text("'{}'::uuid[]")
    )
    """The tokens that it was exchanged for (RFC 8693), the nearest first: it ends with any."""
    actors: Mapped[list[str]] = words()
    """The client IDs of the applications that act for the person, the current one first."""

    __table_args__ = (
        unique("token_hash"),
        digest("token_hash"),
        thumbprint("jkt"),
        later("expires_at"),
        Index(None, "client_id"),
        Index(None, "grant_id"),
        Index(None, "expires_at"),
    )


class OAuthRefreshToken(Issued, kw_only=True):
    """A token that an application exchanges, once, for the next pair of tokens.

    Several may have the same parent: tabs that shared it and exchanged it at the same moment.
    """

    __tablename__ = "oauth_refresh_tokens"

    token: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"), index=True)
    parent_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("oauth_refresh_tokens.id", ondelete="SET NULL"), index=True, default=None
    )
    """The token it was exchanged for."""
    access_token_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("oauth_access_tokens.id", ondelete="SET NULL"), index=True, default=None
    )
    """The access token that was issued with it."""
    granted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """The time at which the first token of its grant was issued."""
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    rotated_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("token"),
        digest("token"),
        thumbprint("jkt"),
        later("expires_at"),
        Index(None, "client_id"),
        Index(None, "grant_id"),
        Index(None, "expires_at"),
    )


class OAuthPushedRequest(Identified, kw_only=True):
    """A request for a code that its application has pushed (RFC 9126), for one browser, once."""

    __tablename__ = "oauth_pushed_requests"

    request_uri: Mapped[str]
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.client_id"))
    parameters: Mapped[list[Any]] = json_list()
    """Its parameters, in pairs of name and value."""
    browser: Mapped[str | None] = mapped_column(default=None)
    """The digest of the first browser's form cookie: no other browser may open the request."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        unique("request_uri"),
        digest("request_uri"),
        *json_arrays("parameters"),
        digest("browser"),
        later("expires_at"),
        Index(None, "client_id"),
        Index(None, "expires_at"),
    )


class OAuthConsent(Identified, kw_only=True):
    """The scopes that a user has granted to an application, so that consent is requested once."""

    __tablename__ = "oauth_consents"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.client_id"))
    scope: Mapped[str]
    """Every scope they have agreed to, separated by spaces."""
    confined_to: Mapped[UUID | None] = mapped_column(default=None)
    """The only organization that it reaches, if they have chosen one."""
    confined_project: Mapped[UUID | None] = mapped_column(default=None)
    """The only project of it that it reaches, if they have chosen one."""
    updated_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (unique("user_id", "client_id"), Index(None, "client_id"))


class OAuthProof(Base, kw_only=True):
    """A proof of possession that was used, kept until it could not be replayed (RFC 9449, 11.1).

    `proof` is the digest of its key and its ID. The table is unlogged: a crash of the server loses
    only proofs of the minute before.
    """

    __tablename__ = "oauth_proofs"

    proof: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]

    __table_args__ = (
        check("proof", "digest", "octet_length(proof) = 32", "This is not a digest."),
        Index(None, "expires_at"),
        {"prefixes": ["UNLOGGED"]},
    )


class OAuthSigningKey(Identified, kw_only=True):
    """A key pair that signs ID tokens, published before its first signature and after its last."""

    __tablename__ = "oauth_signing_keys"

    public_key: Mapped[dict[str, Any]] = json_object()
    """The JWK that clients verify signatures with; its `kid` is the ID of the row."""
    private_key: Mapped[bytes] = secret()
    """The private key in PKCS #8, encrypted with a key of the gateway."""
    signs_from: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    """The time at which it is published no more; null while no other key follows it."""

    __table_args__ = (
        *json_objects("public_key"),
        check(
            "private_key",
            "encrypted",
            "octet_length(private_key) BETWEEN 28 AND 8192",
            "This is not encrypted.",
        ),
    )
