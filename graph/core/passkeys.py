"""The viewer's passkeys: list and remove them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from auth.accounts import access
from auth.accounts.passkeys import stored
from db.problem import Problem
from graph.core.people import Viewer
from graph.kit.context import Info
from graph.kit.fields import described, extend_type
from graph.kit.mutations import mutation

PROOF = "Requires a recent authentication in a session, or a token with the scope `admin`."


@strawberry.type(description="A passkey by which the viewer can sign in.")
class Passkey:
    id: UUID = described("The ID of the passkey.")
    name: str = described("The name that the viewer has given it.")
    is_backup_eligible: bool = described(
        "Whether its authenticator can synchronize it to other devices."
    )
    is_backed_up: bool = described("Whether it was synchronized when it was last used.")
    created_at: datetime = described("The date and time when the passkey was added.")
    last_used_at: datetime | None = described(
        "The date and time when the passkey was last used; null if it was not used yet."
    )


@strawberry.type(description="The result of removing a passkey.")
class PasskeyRemovePayload:
    id: UUID = described("The ID of the passkey that was removed.")


async def _passkeys(info: Info) -> list[Passkey]:
    session = info.context.session
    access.require_everything(session.viewer)
    assert session.viewer.id  # noqa: S101 (a person asks)
    return [
        Passkey(
            id=one.id,
            name=one.name,
            is_backup_eligible=one.is_backup_eligible,
            is_backed_up=one.is_backed_up,
            created_at=one.created_at,
            last_used_at=one.last_used_at,
        )
        for one in await stored.of_person(session.database, session.viewer.id)
    ]


extend_type(
    Viewer,
    passkeys=strawberry.field(
        _passkeys,
        description="The passkeys by which the viewer can sign in, the oldest first, at most"
        f" {stored.MAX_PASSKEYS}. A token needs the scope `admin`.",
        metadata={"largest_page": stored.MAX_PASSKEYS},
    ),
)


async def passkey_remove(
    info: Info,
    id: Annotated[UUID, strawberry.argument(description="The ID of the passkey.")],
) -> PasskeyRemovePayload | None:
    session, outbox = info.context.session, info.context.outbox
    await access.require_proof(session.database, session.viewer)
    if outbox is None:
        raise Problem("BUSY", "The gateway does not manage passkeys here.")
    await stored.remove(session.database, outbox, session.viewer, id, session.origin)
    return PasskeyRemovePayload(id=id)


@strawberry.type
class Mutation:
    passkey_remove = mutation(
        passkey_remove,
        PasskeyRemovePayload,
        "Remove a passkey of the viewer, who cannot sign in with it any more. Without another"
        f" second factor, recovery codes are deleted as well. Sessions go on. {PROOF}",
        scope="admin",
    )
