"""Codes and tokens as rows; those of one consent are a family, which ends together.

Redeeming, refreshing and revoking hold the family's lock to the end of the transaction, so that of
several at once each sees the effects of the one before, in whatever process.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import DateTime, String, cast, exists, func, literal, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from auth.oauth.clients import Client
from auth.policy.scope_names import OPENID_SCOPES
from auth.secret import digest
from db.core.oauth import (
    Issued,
    OAuthAccessToken,
    OAuthAuthorizationCode,
    OAuthClient,
    OAuthDeviceCode,
    OAuthRefreshToken,
)
from db.core.people import Profile, UserStatus
from db.core.sessions import Session as SignedIn

GRACE = timedelta(seconds=10)
"""The time after an exchange in which others may still arrive with the same token."""

Row = TypeVar("Row", bound=Issued)

KEYS: dict[type[Issued], InstrumentedAttribute[str]] = {
    OAuthAuthorizationCode: OAuthAuthorizationCode.code,
    OAuthAccessToken: OAuthAccessToken.token_hash,
    OAuthRefreshToken: OAuthRefreshToken.token,
    OAuthDeviceCode: OAuthDeviceCode.device_code,
}
"""The column with the digest of each."""


@dataclass
class Held(Generic[Row]):
    """A code or token in a request, with the methods that Authlib calls."""

    row: Row
    in_time: bool
    most: str
    """The scopes that its application is registered for now; empty narrows nothing."""

    def check_client(self, client: Client) -> bool:
        """Return whether it was given to this application."""
        return self.row.client_id == client.client_id

    def get_client_id(self) -> str:
        """Return the application it was given to."""
        return self.row.client_id

    def get_scope(self) -> str:
        """Return its scopes that its application still has, separated by spaces."""
        own, most = (self.row.scope or "").split(), [*self.most.split(), *OPENID_SCOPES]
        if not self.most:
            return " ".join(own)
        return " ".join(scope for scope in own if scope in most)

    def get_redirect_uri(self) -> str:
        """Return, of a code, the redirect URI sent with the request for it; empty for none."""
        return getattr(self.row, "redirect_uri", "")

    @property
    def code_challenge(self) -> str:
        """Return, of a code, the challenge: the digest of its application's verifier."""
        return getattr(self.row, "code_challenge", "")

    @property
    def code_challenge_method(self) -> str:
        """Return, of a code, the method of the challenge."""
        return getattr(self.row, "code_challenge_method", "")

    def is_expired(self) -> bool:
        """Return whether it has expired."""
        return not self.in_time

    def is_revoked(self) -> bool:
        """Return whether it has been revoked, or exchanged for another."""
        row: Any = self.row
        return row.revoked_at is not None or getattr(row, "rotated_at", None) is not None


def digest_of(secret: str) -> str:
    """Return the digest that is stored in place of a code or token."""
    return digest(secret.encode(errors="replace").decode()).hex()


def locked(session: Session, model: type[Row], secret: str) -> Held[Row] | None:
    """Return the row of this secret, with its family locked; None when there is none."""
    found = select(_lock(model.grant_id)).where(KEYS[model] == digest_of(secret))
    if session.execute(found).first() is None:
        return None
    return seen(session, model, secret, lock=True)


def seen(
    session: Session, model: type[Row], secret: str, *, lock: bool = False
) -> Held[Row] | None:
    """Return the row of this secret as it is now; None when there is none."""
    ended_with_session = model.session_id.is_not(None) & ~_session_goes_on(model)
    statement = (
        select(
            model,
            (model.expires_at > func.now()) & ~ended_with_session & _delegation_holds(model),
            OAuthClient.scope,
        )
        .join(OAuthClient, OAuthClient.client_id == model.client_id)
        .where(KEYS[model] == digest_of(secret))
    )
    if lock:
        statement = statement.with_for_update(of=model).execution_options(populate_existing=True)
    found = session.execute(statement).one_or_none()
    return Held(*found) if found else None


def end(session: Session, grant_id: UUID) -> bool:
    """Revoke every token of the family; return False when none was live any more."""
    ended = 0
    for model in (OAuthAccessToken, OAuthRefreshToken):
        statement = (
            update(model)
            .where(model.grant_id == grant_id, model.revoked_at.is_(None))
            .values(revoked_at=func.now())
            .returning(model.id)
        )
        ended += len(session.scalars(statement).all())
    return ended > 0


def may_repeat(session: Session, row: OAuthRefreshToken) -> bool:
    """Return whether an exchanged token may be exchanged once more, for another pair.

    It may within GRACE: tabs that share it refresh at once, or an answer was lost. It may not when
    a token issued for it has been exchanged in turn, for then the answer has arrived.
    """
    if row.rotated_at is None or row.revoked_at is not None:
        return False
    arrived = exists().where(
        OAuthRefreshToken.parent_id == row.id,
        OAuthRefreshToken.rotated_at.is_not(None) | OAuthRefreshToken.revoked_at.is_not(None),
    )
    until = literal(row.rotated_at + GRACE, DateTime(timezone=True))
    return bool(session.scalar(select((func.now() <= until) & ~arrived)))


def began(row: OAuthRefreshToken | None) -> Any:
    """Return when the grant of this refresh token was given: now, without one."""
    return literal(row.granted_at, DateTime(timezone=True)) if row else func.now()


def is_younger(session: Session, row: OAuthRefreshToken, age: timedelta) -> bool:
    """Return whether the grant of this refresh token is younger than this."""
    return bool(session.scalar(select(began(row) + age > func.now())))


def in_good_standing(session: Session, user_id: UUID) -> UUID | None:
    """Return the person when their account is open, or the service account while it serves."""
    statement = select(Profile.id).where(
        Profile.id == user_id,
        Profile.deleted_at.is_(None),
        Profile.status == UserStatus.ACTIVE,
        Profile.is_approved,
        func.ctx.serves(Profile.id, Profile.service_of),
    )
    return session.scalar(statement)


def is_person(session: Session, user_id: UUID | None) -> bool:
    """Return whether this is a person, and no service account, whose account is open."""
    person = select(Profile.id).where(Profile.id == user_id, Profile.service_of.is_(None))
    return bool(
        user_id and session.scalar(person) is not None and in_good_standing(session, user_id)
    )


def _session_goes_on(model: type[Issued]) -> Any:
    return exists().where(
        SignedIn.id == model.session_id,
        SignedIn.ended_at.is_(None),
        SignedIn.expires_at > func.now(),
    )


def _delegation_holds(model: type[Issued]) -> Any:
    """Return whether all that an exchanged token comes from still works."""
    if model is not OAuthAccessToken:
        return true()
    of = OAuthAccessToken
    return (of.ancestors == []) | func.ctx.delegation_holds(of.ancestors, of.actors)


def _lock(grant_id: Any) -> Any:
    return func.pg_advisory_xact_lock(func.hashtextextended(cast(grant_id, String), 0))
