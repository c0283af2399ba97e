"""What people have agreed to, so that an application asks them once; and taking it back."""

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
    """Whether the person has to be asked.

    Any program may listen on loopback or take an app's scheme, in the name of any client: there,
    people are asked each time (RFC 8252, section 8.6), and what they say is not kept.
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


def is_first(session: Session, client: Client, person: UUID) -> bool:
    """Whether the person has not let this application do anything yet, or has taken it back."""
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
    """Whether only one application can be where this address leads."""
    return not (is_loopback(redirect_uri) or is_app(redirect_uri))


def first_of(session: Session, client: Client) -> None:
    """Note that somebody lets this application act for them.

    Raises InvalidRequestError when it has been registered with something else since it was read,
    for that is not what they have been shown. Until the end of the transaction it cannot be.
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


def keep(session: Session, client: Client, person: UUID, scope: str) -> None:
    """Remember that the person has agreed to these scopes, besides those before."""
    statement = select(OAuthConsent.scope).where(
        OAuthConsent.user_id == person, OAuthConsent.client_id == client.client_id
    )
    before = session.scalar(statement) or ""
    together = " ".join(sorted({*before.split(), *scope.split()}))
    session.execute(
        insert(OAuthConsent)
        .values(user_id=person, client_id=client.client_id, scope=together)
        .on_conflict_do_update(
            index_elements=["user_id", "client_id"],
            set_={"scope": together, "updated_at": func.now()},
        )
    )
