"""Closing and erasing the viewer's own account."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from auth.accounts import access, closing, erasure
from auth.accounts.mail import Outbox
from db.problem import Problem
from graph.core.sessions import PROOF
from graph.kit.context import Info
from graph.kit.fields import described
from graph.kit.mutations import mutation

Email = Annotated[
    str,
    strawberry.argument(description="The email address of the viewer, as a confirmation."),
]


@strawberry.type(description="The number of rows that an erasure has removed or anonymized.")
class ErasedRows:
    table: str = described("The name of the table.")
    count: int = described("The number of rows.")


@strawberry.type(description="The result of closing the account of the viewer.")
class AccountClosePayload:
    user_id: UUID = described("The ID of the user.")
    closed_at: datetime = described("The date and time when the account was closed.")


@strawberry.type(description="The result of erasing the account of the viewer.")
class AccountErasePayload:
    user_id: UUID = described("The ID of the user, which remains.")
    rows: list[ErasedRows] = strawberry.field(
        description="The numbers of rows that were removed or anonymized, by table.",
        metadata={"largest_page": 20},
    )


async def account_close(info: Info, email: Email) -> AccountClosePayload | None:
    person, outbox = await _confirmed(info, email)
    closed_at = await closing.close(info.context.session, outbox)
    return AccountClosePayload(user_id=person, closed_at=closed_at)


async def account_erase(info: Info, email: Email) -> AccountErasePayload | None:
    person, outbox = await _confirmed(info, email)
    erased = await erasure.erase_own(info.context.session, outbox)
    rows = [ErasedRows(table=name, count=count) for name, count in sorted(erased.counts.items())]
    return AccountErasePayload(user_id=person, rows=rows)


async def _confirmed(info: Info, email: str) -> tuple[UUID, Outbox]:
    """Return the viewer's ID, once they have proved that it is them and named their address."""
    session, outbox = info.context.session, info.context.outbox
    await access.require_proof(session.database, session.viewer)
    if outbox is None or session.viewer.id is None:
        raise Problem("BUSY", "The gateway does not manage accounts here.")
    if email.strip().lower() != (session.viewer.email or "").lower():
        message = "This is not the email address of the viewer."
        raise Problem("INVALID", message, field=["email"])
    return session.viewer.id, outbox


@strawberry.type
class Mutation:
    account_close = mutation(
        account_close,
        AccountClosePayload,
        "Close the account of the viewer: memberships, sessions and tokens end. Organizations"
        f" without other members are deleted. What the viewer has written stays. {PROOF}",
        scope="admin",
    )
    account_erase = mutation(
        account_erase,
        AccountErasePayload,
        "Close the account of the viewer and erase their personal data permanently. Organizations"
        f" without other members are purged. What the viewer has written stays, without a name."
        f" {PROOF}",
        scope="admin",
    )
