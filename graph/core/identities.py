"""The viewer's identities at the identity providers of organizations: list and remove them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from auth.accounts import access
from auth.accounts.sso import identities
from graph.core.people import Viewer
from graph.kit.context import Info
from graph.kit.fields import described, extend_type
from graph.kit.mutations import mutation

PROOF = "Requires a recent authentication in a session, or a token with the scope `admin`."


@strawberry.type(
    description="An identity by which the viewer can sign in at the identity provider of an"
    " organization."
)
class Identity:
    id: UUID = described("The ID of the identity.")
    provider: str | None = described(
        "The name of the identity provider; null if the organization does not use it any more."
    )
    organization: str = described("The name of the organization of the provider.")
    issuer: str = described("The issuer of the provider.")
    email: str | None = described(
        "The email address that the provider named last; null if it has named no verified one."
    )
    created_at: datetime = described("The date and time when the identity was connected.")
    last_used_at: datetime | None = described(
        "The date and time when the viewer last signed in with it; null if they have not since it"
        " was connected."
    )


@strawberry.type(description="The result of removing an identity.")
class IdentityRemovePayload:
    id: UUID = described("The ID of the identity that was removed.")


async def _identities(info: Info) -> list[Identity]:
    session = info.context.session
    access.require_everything(session.viewer)
    assert session.viewer.id  # noqa: S101 (a person asks)
    return [
        Identity(
            id=one.id,
            provider=one.provider,
            organization=one.organization,
            issuer=one.issuer,
            email=one.email,
            created_at=one.created_at,
            last_used_at=one.last_used_at,
        )
        for one in await identities.of_person(session.database, session.viewer.id)
    ]


extend_type(
    Viewer,
    identities=strawberry.field(
        _identities,
        description="The identities by which the viewer can sign in at identity providers of"
        f" organizations, the latest connected first, at most {identities.MAX_LISTED}. A token"
        " needs the scope `admin`.",
        metadata={"largest_page": identities.MAX_LISTED},
    ),
)


async def identity_remove(
    info: Info,
    id: Annotated[UUID, strawberry.argument(description="The ID of the identity.")],
) -> IdentityRemovePayload | None:
    session = info.context.session
    await access.require_proof(session.database, session.viewer)
    assert session.viewer.id  # noqa: S101 (a person asks)
    await identities.remove(session.database, id, session.viewer.id, session.origin)
    return IdentityRemovePayload(id=id)


@strawberry.type
class Mutation:
    identity_remove = mutation(
        identity_remove,
        IdentityRemovePayload,
        "Remove an identity of the viewer, who cannot sign in with it any more. Sessions that began"
        f" with it go on. {PROOF}",
        scope="admin",
    )
