"""Applications that an organization manages: its owners register them, for partners or servers.

What such an application does for itself it does as a service account of the organization, so that
roles, row level security and the record of changes know it like any other member.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from auth import service_accounts
from auth.oauth.registry import Registration
from auth.oauth.scopes import SCOPES
from auth.secret import digest
from auth.session import Transaction
from auth.tokens import SECRET_OF_CLIENT, new_token
from db.core.clients import OrganizationClient
from db.core.organizations import Organization, UserRoleType
from db.problem import Problem


def client_id(id: UUID) -> str:
    """By what the application of this id names itself in requests (RFC 6749, section 2.2)."""
    return f"rqc-{id.hex}"  # as `ctx.keep_client` writes it


async def create(
    transaction: Transaction,
    organization_id: UUID,
    values: dict[str, Any],
    service_account_id: UUID | None,
    role: UserRoleType | None,
) -> tuple[OrganizationClient, str | None]:
    """A new application, and its secret, if it keeps one.

    It acts for itself as this service account, or as a new one of its name in this role. Raises
    NOT_FOUND, INVALID with the field at fault, and FORBIDDEN for all but owners.
    """
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
        organization_id=organization.id, service_account_id=service_account_id, **values
    )
    _require_valid(row)
    transaction.add(row)
    secret = None if row.is_public else new_token(SECRET_OF_CLIENT)
    await _know(transaction, row, secret)
    return row, secret


async def update(
    transaction: Transaction,
    id: UUID,
    expected_version: int,
    values: dict[str, Any],
    *,
    force: bool = False,
) -> OrganizationClient:
    """Register it with something else, or disable it: from the next request on.

    Raises NOT_FOUND, FORBIDDEN, CONFLICT, and INVALID with the field at fault.
    """
    row = await transaction.find(OrganizationClient, id)
    await transaction.update(row, expected_version, values, force=force)
    _require_valid(row)
    return row


async def rotate(
    transaction: Transaction, id: UUID, expected_version: int
) -> tuple[OrganizationClient, str]:
    """Another secret. The one before is good no more: it may be in the wrong hands.

    Raises NOT_FOUND, FORBIDDEN, CONFLICT, and INVALID for a public application.
    """
    row = await transaction.find(OrganizationClient, id)
    if row.is_public:
        raise Problem("INVALID", "A public application has no secret.", field=["id"])
    # Never merged: of two who rotate at once, one would hold a secret that is good no more.
    transaction.change(row, expected_version, secret_version=row.secret_version + 1)
    secret = new_token(SECRET_OF_CLIENT)
    await _know(transaction, row, secret)
    return row, secret


async def _know(transaction: Transaction, row: OrganizationClient, secret: str | None) -> None:
    await transaction.know_client(row.id, digest(secret).hex() if secret else None)


def _require_valid(row: OrganizationClient) -> None:
    row.redirect_uris, row.scopes = _once(row.redirect_uris), _once(row.scopes)
    if not row.scopes or not set(row.scopes) <= set(SCOPES):
        raise Problem("INVALID", f"Choose at least one of {', '.join(SCOPES)}.", field=["scopes"])
    grants = ("authorization_code",) if row.redirect_uris else ()
    Registration(
        name=row.name, redirect_uris=tuple(row.redirect_uris), grant_types=grants
    ).require_valid()


def _once(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))
