"""Applications that an organization manages: its owners register them, for partners or servers.

What such an application does for itself it does as a service account of the organization, so that
roles, row level security and the record of changes know it like any other member. It outlives the
session or token that registers it, as a key does, and takes what a key takes (`auth.keys`).
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from auth import keys, owners, service_accounts
from auth.mail import Outbox
from auth.oauth.registry import Registration
from auth.oauth.scopes import in_words
from auth.secret import digest
from auth.session import Transaction, ViewerSession
from auth.tokens import SECRET_OF_CLIENT, new_token
from auth.viewer import Viewer
from db.core.clients import OrganizationClient
from db.core.organizations import Organization, UserRoleType
from db.problem import Problem

REGISTERED = "registered an application"
ROTATED = "given an application another secret"
CHANGED = "changed how an application is registered"
ENABLED = "enabled an application again"
"""What owners are told that one of them has done."""


def client_id(id: UUID) -> str:
    """By what the application of this id names itself in requests (RFC 6749, section 2.2)."""
    return f"rqc-{id.hex}"  # as `ctx.keep_client` writes it


async def create(
    session: ViewerSession,
    transaction: Transaction,
    organization_id: UUID,
    values: Mapping[str, Any],
    service_account_id: UUID | None,
    role: UserRoleType | None,
) -> tuple[OrganizationClient, str | None]:
    """A new application, and its secret, if it keeps one.

    It acts for itself as this service account, or as a new one of its name in this role. Raises
    NOT_FOUND, INVALID with the field at fault, SignedOut, and FORBIDDEN for all but owners, and for
    those who may not issue keys.
    """
    await keys.require_may_issue(session, transaction)
    organization = await transaction.find(
        Organization, organization_id, lock=False, field=["organization_id"]
    )
    if service_account_id is not None and role is not None:
        message = "It acts as one service account: an existing one or a new one."
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
            message = "It is a service account of another organization."
            raise Problem("INVALID", message, field=["service_account_id"])
    row = OrganizationClient(
        organization_id=organization.id,
        service_account_id=service_account_id,
        **_checked(session.viewer, values),
    )
    _require_valid(row)
    transaction.add(row)
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
    """Register it with something else, or disable it: from the next request on.

    With it what its owners are told, if it may do more or elsewhere. Raises NOT_FOUND, FORBIDDEN,
    CONFLICT, SignedOut, and INVALID with the field at fault.
    """
    await keys.require_may_issue(session, transaction)
    row = await transaction.find(OrganizationClient, id)
    registered, was_disabled = _reach(row), row.is_disabled
    values = _checked(session.viewer, values)
    await transaction.update(row, expected_version, values, force=force)
    _require_valid(row)
    if _reach(row) != registered:
        return row, CHANGED
    return row, ENABLED if was_disabled and not row.is_disabled else None


async def rotate(
    session: ViewerSession, transaction: Transaction, id: UUID, expected_version: int
) -> tuple[OrganizationClient, str]:
    """Another secret. The one before is good no more: it may be in the wrong hands.

    Raises NOT_FOUND, FORBIDDEN, CONFLICT, SignedOut, and INVALID for a public application.
    """
    await keys.require_may_issue(session, transaction)
    row = await transaction.find(OrganizationClient, id)
    if row.is_public:
        raise Problem("INVALID", "A public application has no secret.", field=["id"])
    # Never merged: of two who rotate at once, one would hold a secret that is good no more.
    transaction.change(row, expected_version, secret_version=row.secret_version + 1)
    secret = new_token(SECRET_OF_CLIENT)
    await _know(transaction, row, secret)
    return row, secret


def tell_owners(
    session: ViewerSession, outbox: Outbox | None, row: OrganizationClient, did: str | None
) -> None:
    """Tell every owner by mail what the viewer did to the application, if anything to be told."""
    if did:
        told = {
            "did": did,
            "name": row.name,
            "client_id": client_id(row.id),
            "scopes": in_words(" ".join(row.scopes)),
            "uris": row.redirect_uris,
        }
        organization, account = row.organization_id, row.service_account_id
        owners.tell(session, outbox, "application_of_organization", organization, account, **told)


async def _know(transaction: Transaction, row: OrganizationClient, secret: str | None) -> None:
    await transaction.know_client(row.id, digest(secret).hex() if secret else None)


def _checked(viewer: Viewer, values: Mapping[str, Any]) -> dict[str, Any]:
    """What it is to be registered with, as far as it is given. Raises INVALID and FORBIDDEN."""
    found = dict(values)
    if "scopes" in found:
        found["scopes"] = keys.checked_scopes(viewer, found["scopes"])
    if "redirect_uris" in found:
        found["redirect_uris"] = list(dict.fromkeys(found["redirect_uris"]))
    return found


def _reach(row: OrganizationClient) -> tuple[frozenset[str], frozenset[str]]:
    """What it may ask for, and where answers to it are sent."""
    return frozenset(row.scopes), frozenset(row.redirect_uris)


def _require_valid(row: OrganizationClient) -> None:
    grants = ("authorization_code",) if row.redirect_uris else ()
    Registration(
        name=row.name, redirect_uris=tuple(row.redirect_uris), grant_types=grants
    ).require_valid()
