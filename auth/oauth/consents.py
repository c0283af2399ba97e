"""Consents of people, so that an application asks them once, and their withdrawal."""

from uuid import UUID

from authlib.oauth2.rfc6749 import InvalidRequestError
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth.oauth.clients import Client, is_app, is_loopback
from db.core.oauth import OAuthAccessToken, OAuthClient, OAuthConsent


def is_asked(
    session: Session, client: Client, person: UUID, scope: str, redirect_uri: str, issuer: str
) -> bool:
    """Return whether the person must be asked for consent.

    Any program may listen on loopback or register an app's scheme, in the name of any client:
    there, people are asked each time (RFC 8252, section 8.6), and their consent is not stored.
    """
    if client.row.is_first_party and redirect_uri.startswith(f"{issuer}/"):
        return False
    if not is_kept(redirect_uri):
        return True
    if client.row.is_first_party:
        return False
    statement = select(OAuthConsent.scope).where(
        OAuthConsent.user_id == person, OAuthConsent.client_id == client.client_id
    )
    agreed = session.scalar(statement)
    return agreed is None or not set(scope.split()) <= set(agreed.split())


def confinement(session: Session, client: Client, person: UUID | None) -> UUID | None:
    """Return the only organization that the person's consent is for; None for all of them."""
    statement = select(OAuthConsent.confined_to).where(
        OAuthConsent.user_id == person, OAuthConsent.client_id == client.client_id
    )
    return session.scalar(statement)


def is_first(session: Session, client: Client, person: UUID) -> bool:
    """Return whether the person has no consent and no live token with this application."""
    agreed = select(OAuthConsent.id).where(
        OAuthConsent.user_id == person, OAuthConsent.client_id == client.client_id
    )
    if session.scalar(agreed):
        return False
    living = select(OAuthAccessToken.id).where(
        OAuthAccessToken.user_id == person,
        OAuthAccessToken.client_id == client.client_id,
        OAuthAccessToken.revoked_at.is_(None),
    )
    return session.scalar(living.limit(1)) is None


def is_kept(redirect_uri: str) -> bool:
    """Return whether only one application can receive the answers at this address."""
    return not (is_loopback(redirect_uri) or is_app(redirect_uri))


def first_of(session: Session, client: Client) -> None:
    """Record a consent to the application, and lock its registration.

    Raises InvalidRequestError when it has changed since it was read, for that is not what the
    person has seen. Until the end of the transaction it cannot change.
    """
    statement = (
        update(OAuthClient)
        .where(OAuthClient.id == client.row.id, OAuthClient.updated_at == client.row.updated_at)
        .values(consented_at=func.coalesce(OAuthClient.consented_at, func.now()))
        .returning(OAuthClient.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(statement) is None:
        raise InvalidRequestError("The application has just been changed.")


def keep(
    session: Session, client: Client, person: UUID, scope: str, confined_to: UUID | None
) -> None:
    """Store the person's consent to these scopes, in one organization or in all.

    Scopes that they consented to before there are kept beside them.
    """
    statement = select(OAuthConsent.scope).where(
        OAuthConsent.user_id == person,
        OAuthConsent.client_id == client.client_id,
        OAuthConsent.confined_to.is_not_distinct_from(confined_to),
    )
    before = session.scalar(statement) or ""
    values = {
        "scope": " ".join(sorted({*before.split(), *scope.split()})),
        "confined_to": confined_to,
    }
    session.execute(
        insert(OAuthConsent)
        .values(user_id=person, client_id=client.client_id, **values)
        .on_conflict_do_update(
            index_elements=["user_id", "client_id"], set_={**values, "updated_at": func.now()}
        )
    )
