"""Keys that programs send with each request: API keys and personal tokens.

An API key, `rqk_live_`, acts as a service account; a personal token, `rqp_live_`, as its person.
Both have the form of access tokens (`auth.credentials.tokens`), so that scanners for leaked secrets
find them and verify the check sum offline. A key reaches no further than its scopes, and never
further than the credential that issued it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from auth.accounts import owner_mail
from auth.accounts.mail import Outbox, mail, now
from auth.accounts.step_up import is_fresh
from auth.credentials.people import person_name
from auth.credentials.tokens import API_KEY, PERSONAL, new_token
from auth.policy.scope_names import SCOPES
from auth.secret import digest
from auth.session import Transaction, ViewerSession
from auth.viewer import Viewer
from db.core.keys import ApiKey, Key, PersonalToken
from db.core.people import Profile
from db.problem import Problem

K = TypeVar("K", bound=Key)

DEFAULT_LIFETIME = timedelta(days=90)
"""The default lifetime of an API key."""
MAX_LIFETIME = timedelta(days=365)
HINT_LENGTH = 4
"""Characters at the end of a key that are stored, for its owner to recognise it."""

NOT_FRESH = "Prove at /prove that it is you, and repeat this within 15 minutes."


async def require_may_issue(session: ViewerSession, transaction: Transaction) -> None:
    """Raise FORBIDDEN unless a person does this, or a program that may do all they may.

    In a session this requires a fresh proof: a key outlives the session. A token must have the
    scope `admin`, or an application could go on after it was disconnected. The session or token is
    locked until the end of the transaction; raises CredentialEnded when it has ended.
    """
    await transaction.lock_credential()
    viewer = session.viewer
    if viewer.scopes is not None:
        if "admin" not in viewer.scopes:
            raise Problem("FORBIDDEN", "The token lacks the scope admin.", scope="admin")
    elif viewer.client_id is None and not await is_fresh(session.database, viewer):
        raise Problem("FORBIDDEN", NOT_FRESH, prove="/prove")


async def new_api_key(
    session: ViewerSession,
    transaction: Transaction,
    service_account_id: UUID,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None,
) -> tuple[ApiKey, str]:
    """Create a key of this service account; return its row and its text, which is not stored.

    It expires after 90 days by default. Raises NOT_FOUND and INVALID with the field at fault,
    CredentialEnded, and FORBIDDEN for those who may issue none, and for all but owners when the
    transaction sends it.
    """
    await require_may_issue(session, transaction)
    account = await transaction.find(
        Profile, service_account_id, lock=False, field=["service_account_id"]
    )
    if account.service_of is None:
        message = "There is no such service account."
        raise Problem("NOT_FOUND", message, field=["service_account_id"])
    session.show_secret()
    text = new_token(API_KEY)
    key = ApiKey(
        organization_id=account.service_of,
        service_account_id=account.id,
        name=key_name(name),
        key_hash=digest(text),
        hint=text[-HINT_LENGTH:],
        scopes=checked_scopes(transaction.viewer, scopes),
        expires_at=checked_expiry(
            transaction.now, expires_at or transaction.now + DEFAULT_LIFETIME
        ),
    )
    transaction.add(key)
    return key, text


async def new_personal_token(
    session: ViewerSession,
    transaction: Transaction,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime,
) -> tuple[PersonalToken, str]:
    """Create a personal token of the viewer; return its row and its text, which is not stored.

    Raises INVALID with the field at fault, CredentialEnded, and FORBIDDEN for a service account and
    for those who may issue none.
    """
    await require_may_issue(session, transaction)
    if transaction.viewer.confined_to is not None:
        raise Problem("FORBIDDEN", "A token for one organization cannot create personal tokens.")
    if transaction.viewer.is_service:
        raise Problem("FORBIDDEN", "A service account cannot have personal tokens.")
    session.show_secret()
    text = new_token(PERSONAL)
    token = PersonalToken(
        user_id=transaction.person,
        name=key_name(name),
        key_hash=digest(text),
        hint=text[-HINT_LENGTH:],
        scopes=checked_scopes(transaction.viewer, scopes),
        expires_at=checked_expiry(transaction.now, expires_at),
    )
    transaction.add(token)
    return token, text


async def revoke(transaction: Transaction, model: type[K], id: UUID) -> K:
    """End a key from the next request on, whatever version was seen; do nothing when it has ended.

    Raises NOT_FOUND, and FORBIDDEN.
    """
    key = await transaction.find(model, id)
    transaction.change(key, None, revoked_at=key.revoked_at or transaction.now)
    return key


def tell_person(session: ViewerSession, outbox: Outbox | None, token: PersonalToken) -> None:
    """Notify the person by mail of a new personal token, once it is committed."""
    if outbox and session.viewer.email:
        message = mail(
            "personal_token_made",
            session.viewer.email,
            outbox.settings,
            name=token.name,
            hint=token.hint,
            time=now(),
        )
        session.when_kept(partial(outbox.tell, message))


def tell_owners(session: ViewerSession, outbox: Outbox | None, key: ApiKey) -> None:
    """Notify every owner by mail of a new key of their organization, once it is committed."""
    details = {"name": key.name, "hint": key.hint}
    organization, account = key.organization_id, key.service_account_id
    owner_mail.tell(session, outbox, "api_key_made", organization, account, **details)


def checked(transaction: Transaction, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a key to change: the given ones of `name`, `scopes`, `expires_at`.

    Raises INVALID with the field at fault, and FORBIDDEN, as for a new key.
    """
    found = dict(values)
    if "name" in found:
        found["name"] = key_name(found["name"])
    if "scopes" in found:
        found["scopes"] = checked_scopes(transaction.viewer, found["scopes"])
    if "expires_at" in found:
        found["expires_at"] = checked_expiry(transaction.now, found["expires_at"])
    return found


def key_name(text: str) -> str:
    """Return the name of a key, normalised. Raises INVALID."""
    if name := person_name(text, "name"):
        return name
    raise Problem("INVALID", "The name must not be blank.", field=["name"])


def checked_scopes(viewer: Viewer, scopes: Iterable[str]) -> list[str]:
    """Return these scopes, each once, in their order. Raises INVALID for none and for unknown ones.

    Raises FORBIDDEN for a scope that the viewer's own token lacks: a key never reaches further.
    """
    requested = set(scopes)
    if not requested or not requested <= SCOPES.keys():
        raise Problem("INVALID", f"Choose at least one of {', '.join(SCOPES)}.", field=["scopes"])
    viewer_scopes = viewer.scopes
    if viewer_scopes is not None and "admin" not in viewer_scopes:
        beyond = {
            s
            for s in requested
            if s not in viewer_scopes and s.replace(":read", ":write") not in viewer_scopes
        }
        if beyond:
            lacking = min(beyond)
            raise Problem("FORBIDDEN", f"The token lacks the scope {lacking}.", scope=lacking)
    return [scope for scope in SCOPES if scope in requested]


def checked_expiry(now: datetime, expires_at: datetime) -> datetime:
    """Return the expiry when it is in the future and within a year. Raises INVALID."""
    if expires_at.tzinfo is None or not now < expires_at <= now + MAX_LIFETIME + timedelta(
        minutes=1
    ):
        message = "Must be in the future, within a year."
        raise Problem("INVALID", message, field=["expires_at"])
    return expires_at
