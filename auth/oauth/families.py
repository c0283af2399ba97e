"""Codes and tokens as rows; what one consent has led to is a family, which ends together.

Whoever redeems, refreshes or revokes holds the family's lock to the end of the transaction, so that
of several at once each sees what the one before has done, in whatever process.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import DateTime, String, cast, func, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from auth.oauth.clients import Client
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

GRACE = timedelta(seconds=10)
"""For so long after an exchange the answer may have been lost on its way."""

Row = TypeVar("Row", bound=Issued)

KEYS: dict[type[Issued], InstrumentedAttribute[str]] = {
    OAuthAuthorizationCode: OAuthAuthorizationCode.code,
    OAuthAccessToken: OAuthAccessToken.token_hash,
    OAuthRefreshToken: OAuthRefreshToken.token,
    OAuthDeviceCode: OAuthDeviceCode.device_code,
}
"""The digest by which each is found."""


@dataclass
class Held(Generic[Row]):
    """A code or token that somebody has shown, as Authlib asks about it."""

    row: Row
    in_time: bool
    most: str
    """The scopes that its application is registered for now; empty narrows nothing."""

    def check_client(self, client: Client) -> bool:
        """Whether it was given to this application."""
        return self.row.client_id == client.client_id

    def get_client_id(self) -> str:
        """The application it was given to."""
        return self.row.client_id

    def get_scope(self) -> str:
        """Its scopes that its application still has, separated by spaces."""
        own, most = (self.row.scope or "").split(), self.most.split()
        return " ".join(scope for scope in own if not most or scope in most)

    def get_redirect_uri(self) -> str:
        """Of a code: what was sent with the request for it; empty for nothing."""
        return getattr(self.row, "redirect_uri", "")

    @property
    def code_challenge(self) -> str:
        """Of a code: the digest of what its application keeps."""
        return getattr(self.row, "code_challenge", "")

    @property
    def code_challenge_method(self) -> str:
        """Of a code: how the digest was made."""
        return getattr(self.row, "code_challenge_method", "")

    def is_expired(self) -> bool:
        """Whether its time is over."""
        return not self.in_time

    def is_revoked(self) -> bool:
        """Whether it has been ended, or exchanged for another."""
        row: Any = self.row
        return row.revoked_at is not None or getattr(row, "rotated_at", None) is not None


def kept(secret: str) -> str:
    """What is kept of a code or token."""
    return digest(secret.encode(errors="replace").decode()).hex()


def locked(session: Session, model: type[Row], secret: str) -> Held[Row] | None:
    """The row of this secret, with its family locked; None when there is none."""
    found = select(_lock(model.grant_id)).where(KEYS[model] == kept(secret))
    if session.execute(found).first() is None:
        return None
    return seen(session, model, secret, lock=True)


def seen(
    session: Session, model: type[Row], secret: str, *, lock: bool = False
) -> Held[Row] | None:
    """The row of this secret as it is now; None when there is none."""
    statement = (
        select(model, model.expires_at > func.now(), OAuthClient.scope)
        .join(OAuthClient, OAuthClient.client_id == model.client_id)
        .where(KEYS[model] == kept(secret))
    )
    if lock:
        statement = statement.with_for_update(of=model).execution_options(populate_existing=True)
    found = session.execute(statement).one_or_none()
    return Held(*found) if found else None


def end(session: Session, grant_id: UUID) -> bool:
    """Revoke every token of the family; False when nothing was alive any more."""
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


def unused_answer(
    session: Session, row: OAuthRefreshToken
) -> tuple[OAuthRefreshToken, OAuthAccessToken] | None:
    """What the last exchange of this token gave out, locked, if that may have been lost.

    It may when it was just now and nothing of it has been used. Whoever exchanges the token once
    more withdraws it, so that at every moment one branch of the family lives.
    """
    if row.rotated_at is None:
        return None
    statement = (
        select(OAuthRefreshToken, OAuthAccessToken)
        .join(OAuthAccessToken, OAuthAccessToken.id == OAuthRefreshToken.access_token_id)
        .where(
            OAuthRefreshToken.parent_id == row.id,
            OAuthRefreshToken.revoked_at.is_(None),
            OAuthRefreshToken.rotated_at.is_(None),
            OAuthAccessToken.last_used_at.is_(None),
            func.now() <= literal(row.rotated_at + GRACE, DateTime(timezone=True)),
        )
        .with_for_update()
    )
    found = session.execute(statement).one_or_none()
    return (found[0], found[1]) if found else None


def in_good_standing(session: Session, user_id: UUID) -> UUID | None:
    """The person, when their account is open; or the service account, while it serves."""
    statement = select(Profile.id).where(
        Profile.id == user_id,
        Profile.deleted_at.is_(None),
        Profile.status == UserStatus.ACTIVE,
        Profile.is_approved,
        func.ctx.serves(Profile.id, Profile.service_of),
    )
    return session.scalar(statement)


def _lock(grant_id: Any) -> Any:
    return func.pg_advisory_xact_lock(func.hashtextextended(cast(grant_id, String), 0))
