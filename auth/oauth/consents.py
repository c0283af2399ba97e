"""Consents of people, so that an application asks them once, and their withdrawal."""

from uuid import UUID

from authlib.oauth2.rfc6749 import InvalidRequestError
from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auth.oauth.clients import Client, is_app, is_loopback
from auth.oauth.confinement import EVERYWHERE, Confinement
from db.core.oauth import OAuthAccessToken, OAuthClient, OAuthConsent


def is_asked(
    session: Session,
    client: Client,
    person: UUID,
    scope: str,
    redirect_uri: str,
    issuer: str,
    wanted: Confinement | None = None,
) -> bool:
    """Return whether the person must be asked for consent.

    Any program may listen on loopback or register an app's scheme, in the name of any client:
    there, people are asked each time (RFC 8252, section 8.6), and their consent is not stored.
    `wanted` is the only place that the application asks for, if it does.
    """
    if client.row.is_first_party and redirect_uri.startswith(f"{issuer}/"):
        return False
    if not is_kept(redirect_uri):
        return True
    if client.row.is_first_party:
        return False
    agreed = session.scalar(_consent(client, person))
    if agreed is None or not set(scope.split()) <= set(agreed.scope.split()):
        return True
    return wanted is not None and not wanted.is_within(Confinement.of(agreed))


def confinement(session: Session, client: Client, person: UUID | None) -> Confinement:
    """Return the only organization or project that the person's consent is for."""
    agreed = session.scalar(_consent(client, person))
    return Confinement.of(agreed) if agreed else EVERYWHERE


def _consent(client: Client, person: UUID | None) -> Select[OAuthConsent]:
    return select(OAuthConsent).where(
        OAuthConsent.user_id == person, OAuthConsent.client_id == client.client_id
    )


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
    session: Session, client: Client, person: UUID, scope: str, confinement: Confinement
) -> None:
    """Store the person's consent to these scopes, in one organization or project or in all.

    Scopes that they consented to before there are kept beside them.
    """
    statement = select(OAuthConsent.scope).where(
        OAuthConsent.user_id == person,
        OAuthConsent.client_id == client.client_id,
        OAuthConsent.confined_to.is_not_distinct_from(confinement.organization),
        OAuthConsent.confined_project.is_not_distinct_from(confinement.project),
    )
    before = session.scalar(statement) or ""
    values = {
        "scope": " ".join(sorted({*before.split(), *scope.split()})),
        **confinement.columns,
    }
    session.execute(
        insert(OAuthConsent)
        .values(user_id=person, client_id=client.client_id, **values)
        .on_conflict_do_update(
            index_elements=["user_id", "client_id"], set_={**values, "updated_at": func.now()}
        )
    )
