"""Keys that programs show with each request: API keys of organizations, people's personal tokens.

An API key, `rqk_live_`, acts as a service account; a personal token, `rqp_live_`, as its person.
Both have the form of access tokens (`auth.tokens`), so that searches for leaked secrets find them
and check them without asking. A key reaches no further than its scopes, and never further than
whoever made it came with.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from auth import owners
from auth.mail import Outbox, mail, now
from auth.oauth.scopes import SCOPES
from auth.people import person_name
from auth.secret import digest
from auth.session import Transaction, ViewerSession
from auth.step_up import is_fresh
from auth.tokens import API_KEY, PERSONAL, new_token
from auth.viewer import Viewer
from db.core.keys import ApiKey, Key, PersonalToken
from db.core.people import Profile
from db.problem import Problem

K = TypeVar("K", bound=Key)

LIFE = timedelta(days=90)
"""How long an API key lives unless said otherwise."""
LONGEST = timedelta(days=365)
HINT = 4
"""Characters at the end of a key by which its owner knows it again."""

NOT_FRESH = "Prove at /prove that it is you, and repeat this within 15 minutes."


async def require_may_issue(session: ViewerSession, transaction: Transaction) -> None:
    """FORBIDDEN unless a person does this, or a program that may do all they may.

    In a session it takes a fresh proof: a key outlives the session. A token takes the scope
    `admin`, or an application could go on after it was disconnected. Session or token are held to
    the end of the transaction; SignedOut when they are over.
    """
    await transaction.hold_credential()
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
    """A key of this service account, and its text, which nothing keeps.

    It expires after 90 days unless said otherwise. Raises NOT_FOUND and INVALID with the field at
    fault, SignedOut, and FORBIDDEN for those who may issue none, and for all but owners when the
    transaction sends it.
    """
    await require_may_issue(session, transaction)
    account = await transaction.find(
        Profile, service_account_id, lock=False, field=["service_account_id"]
    )
    if account.service_of is None:
        message = "There is no such service account."
        raise Problem("NOT_FOUND", message, field=["service_account_id"])
    text = new_token(API_KEY)
    key = ApiKey(
        organization_id=account.service_of,
        service_account_id=account.id,
        name=key_name(name),
        key_hash=digest(text),
        hint=text[-HINT:],
        scopes=checked_scopes(transaction.viewer, scopes),
        expires_at=checked_expiry(transaction.now, expires_at or transaction.now + LIFE),
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
    """A token of the viewer's own, and its text, which nothing keeps.

    Raises INVALID with the field at fault, SignedOut, and FORBIDDEN for a service account and for
    those who may issue none.
    """
    await require_may_issue(session, transaction)
    if transaction.viewer.is_service:
        raise Problem("FORBIDDEN", "A service account has API keys, and no tokens of its own.")
    text = new_token(PERSONAL)
    token = PersonalToken(
        user_id=transaction.person,
        name=key_name(name),
        key_hash=digest(text),
        hint=text[-HINT:],
        scopes=checked_scopes(transaction.viewer, scopes),
        expires_at=checked_expiry(transaction.now, expires_at),
    )
    transaction.add(token)
    return token, text


async def revoke(transaction: Transaction, model: type[K], id: UUID) -> K:
    """End a key, from the next request on, whatever version was seen; nothing when it is over.

    Raises NOT_FOUND, and FORBIDDEN.
    """
    key = await transaction.find(model, id)
    transaction.change(key, None, revoked_at=key.revoked_at or transaction.now)
    return key


def tell_person(session: ViewerSession, outbox: Outbox | None, token: PersonalToken) -> None:
    """Tell the person by mail that there is another token of theirs, once it is kept."""
    if outbox and session.viewer.email:
        told = mail(
            "personal_token_made",
            session.viewer.email,
            outbox.settings,
            name=token.name,
            hint=token.hint,
            time=now(),
        )
        session.when_kept(partial(outbox.tell, told))


def tell_owners(session: ViewerSession, outbox: Outbox | None, key: ApiKey) -> None:
    """Tell every owner by mail that their organization has another key, once it is kept."""
    told = {"name": key.name, "hint": key.hint}
    organization, account = key.organization_id, key.service_account_id
    owners.tell(session, outbox, "api_key_made", organization, account, **told)


def checked(transaction: Transaction, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a key is to be changed to: `name`, `scopes`, `expires_at`, as far as they are given.

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
    """What a key is called. Raises INVALID."""
    if name := person_name(text, "name"):
        return name
    raise Problem("INVALID", "A key has a name.", field=["name"])


def checked_scopes(viewer: Viewer, scopes: Iterable[str]) -> list[str]:
    """These scopes, each once, in their order. Raises INVALID for none and for unknown ones.

    FORBIDDEN for what the viewer's own token does not reach: a key never leads further.
    """
    asked = set(scopes)
    if not asked or not asked <= SCOPES.keys():
        raise Problem("INVALID", f"Choose at least one of {', '.join(SCOPES)}.", field=["scopes"])
    held = viewer.scopes
    if held is not None and "admin" not in held:
        beyond = {s for s in asked if s not in held and s.replace(":read", ":write") not in held}
        if beyond:
            lacking = min(beyond)
            raise Problem("FORBIDDEN", f"The token lacks the scope {lacking}.", scope=lacking)
    return [scope for scope in SCOPES if scope in asked]


def checked_expiry(now: datetime, expires_at: datetime) -> datetime:
    """A time to come, within a year. Raises INVALID."""
    if expires_at.tzinfo is None or not now < expires_at <= now + LONGEST + timedelta(minutes=1):
        message = "A key expires at a time to come, within a year."
        raise Problem("INVALID", message, field=["expires_at"])
    return expires_at
