"""Applications that an organization manages: its owners register them, for partners or servers.

Such an application acts for itself as a service account of the organization, so that roles, row
level security and the record of changes treat it like any other member. It outlives the session or
token that registers it, as a key does, and is governed by the rules for keys
(`auth.accounts.keys`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, func, literal

from auth.accounts import keys, owner_mail, service_accounts
from auth.accounts.mail import Outbox
from auth.credentials.tokens import SECRET_OF_CLIENT, new_token
from auth.oauth.clients import FORMER_SECRET_LIFETIME
from auth.oauth.registry import Registration
from auth.policy.scope_names import in_words
from auth.secret import digest
from auth.session import Transaction, ViewerSession
from auth.viewer import Viewer
from db.core.clients import OrganizationClient
from db.core.organizations import Organization, UserRoleType
from db.problem import Problem

REGISTERED = "registered an application"
ROTATED = "created a new secret of an application"
CHANGED = "changed an application"
ENABLED = "enabled an application again"
"""The words for each action in the mails to owners."""


def client_id(id: UUID) -> str:
    """Return the client id of the application with this id (RFC 6749, section 2.2)."""
    return f"rqc-{id.hex}"  # as `ctx.keep_client` writes it


async def create(
    session: ViewerSession,
    transaction: Transaction,
    organization_id: UUID,
    values: Mapping[str, Any],
    service_account_id: UUID | None,
    role: UserRoleType | None,
) -> tuple[OrganizationClient, str | None]:
    """Register an application; return it, with its secret if it keeps one.

    It acts for itself as this service account, or as a new one of its name in this role. Raises
    NOT_FOUND, INVALID with the field at fault, CredentialEnded, and FORBIDDEN for all but owners,
    and for those who may not issue keys.
    """
    await keys.require_may_issue(session, transaction)
    organization = await transaction.find(
        Organization, organization_id, lock=False, field=["organization_id"]
    )
    if service_account_id is not None and role is not None:
        message = "Give either an existing service account or the role of a new one."
        raise Problem("INVALID", message, field=["service_account_role"])
    if role is not None:
        account, _ = await service_accounts.create(
            transaction, organization.id, values["name"], role
        )
        await transaction.flush()
        service_account_id = account.id
    elif service_account_id is not None:
        account = await service_accounts.find(transaction, service_account_id)
        if account.service_of != organization.id:
            message = "The service account is in another organization."
            raise Problem("INVALID", message, field=["service_account_id"])
    row = OrganizationClient(
        organization_id=organization.id,
        service_account_id=service_account_id,
        **_checked(session.viewer, values),
    )
    _require_valid(row)
    transaction.add(row)
    session.show_secret()
    secret = None if row.is_public else new_token(SECRET_OF_CLIENT)
    await _know(transaction, row, secret)
    return row, secret


async def update(
    session: ViewerSession,
    transaction: Transaction,
    id: UUID,
    expected_version: int,
    values: Mapping[str, Any],
    *,
    force: bool = False,
) -> tuple[OrganizationClient, str | None]:
    """Change the registration, or disable it: from the next request on.

    Return it with the words for the mail to its owners, if its rights or addresses grow. Raises
    NOT_FOUND, FORBIDDEN, CONFLICT, CredentialEnded, and INVALID with the field at fault.
    """
    await keys.require_may_issue(session, transaction)
    row = await transaction.find(OrganizationClient, id)
    registered, was_disabled = _reach(row), row.is_disabled
    values = _checked(session.viewer, values)
    await transaction.edits.update(row, expected_version, values, force=force)
    _require_valid(row)
    if _reach(row) != registered:
        return row, CHANGED
    return row, ENABLED if was_disabled and not row.is_disabled else None


async def rotate(
    session: ViewerSession,
    transaction: Transaction,
    id: UUID,
    expected_version: int,
    *,
    revoke_former: bool = False,
) -> tuple[OrganizationClient, str]:
    """Rotate the secret and return the new one; the former stays valid a while or is revoked.

    The one before the former is revoked. Raises NOT_FOUND, FORBIDDEN, CONFLICT, CredentialEnded,
    and INVALID for a public application.
    """
    await keys.require_may_issue(session, transaction)
    row = await transaction.find(OrganizationClient, id)
    if row.is_public:
        raise Problem("INVALID", "A public application has no secret.", field=["id"])
    until = None if revoke_former else transaction.now + FORMER_SECRET_LIFETIME
    # Never merged: of two concurrent rotations, one would return a secret that soon expires.
    transaction.change(
        row,
        expected_version,
        secret_version=row.secret_version + 1,
        former_secret_expires_at=until,
    )
    session.show_secret()
    secret = new_token(SECRET_OF_CLIENT)
    await _know(transaction, row, secret)
    return row, secret


async def revoke_former_secret(transaction: Transaction, id: UUID) -> OrganizationClient:
    """Revoke the former secret, whatever version was seen; do nothing when it has expired.

    Raises NOT_FOUND and FORBIDDEN.
    """
    row = await transaction.find(OrganizationClient, id)
    transaction.change(row, None, former_secret_expires_at=None)
    return row


def former_secret_until(row: OrganizationClient) -> datetime | None:
    """Return the expiry of the former secret; None when it is not valid any more."""
    until = row.former_secret_expires_at
    return until if until and until > datetime.now(UTC) else None


def tell_owners(
    session: ViewerSession, outbox: Outbox | None, row: OrganizationClient, did: str | None
) -> None:
    """Notify every owner by mail of the viewer's action on the application, if it is worth one."""
    if did:
        told = {
            "did": did,
            "name": row.name,
            "client_id": client_id(row.id),
            "scopes": in_words(" ".join(row.scopes)),
            "uris": row.redirect_uris,
            "former_secret": None if did != ROTATED else _until(former_secret_until(row)),
        }
        organization, account = row.organization_id, row.service_account_id
        owner_mail.tell(
            session, outbox, "application_of_organization", organization, account, **told
        )


async def _know(transaction: Transaction, row: OrganizationClient, secret: str | None) -> None:
    hashed = digest(secret).hex() if secret else None
    await transaction.call(func.ctx.know_client(literal(row.id, Uuid), literal(hashed, Text)))


def _until(time: datetime | None) -> str:
    """Return the words of a mail on the former secret."""
    return f"works until {time:%Y-%m-%d %H:%M} (UTC)" if time else "does not work any more"


def _checked(viewer: Viewer, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns to set, as far as they are given. Raises INVALID and FORBIDDEN."""
    found = dict(values)
    if "scopes" in found:
        found["scopes"] = keys.checked_scopes(viewer, found["scopes"])
    if "redirect_uris" in found:
        found["redirect_uris"] = list(dict.fromkeys(found["redirect_uris"]))
    return found


def _reach(row: OrganizationClient) -> tuple[frozenset[str], frozenset[str]]:
    """Return its scopes and its redirect URIs."""
    return frozenset(row.scopes), frozenset(row.redirect_uris)


def _require_valid(row: OrganizationClient) -> None:
    grants = ("authorization_code",) if row.redirect_uris else ()
    Registration(
        name=row.name, redirect_uris=tuple(row.redirect_uris), grant_types=grants
    ).require_valid()
