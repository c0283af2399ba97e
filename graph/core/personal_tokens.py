"""Personal tokens, with which people's own scripts act as they do."""

from datetime import datetime
from typing import Any

import strawberry

from auth.accounts import keys
from db.core import keys as db
from graph.core.keys import SECRET, Credential, credential_filter, credential_order
from graph.core.people import Viewer
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import Id, described, extend_type
from graph.kit.inputs import input_for
from graph.kit.mutations import Input, given, mutation, writing
from graph.kit.payloads import answer, payload_of


@strawberry.type(description="A credential of a user, for scripts that act as the user.")
class PersonalToken(Credential):
    model = db.PersonalToken


extend_type(
    Viewer,
    personal_tokens=connection(
        db.PersonalToken,
        PersonalToken,
        credential_filter(PersonalToken),
        credential_order(PersonalToken),
        "The personal tokens of the viewer.",
    ),
)


@strawberry.type(description="The result of the creation of a personal token.")
class PersonalTokenCreatePayload:
    personal_token: PersonalToken = described("The personal token.")
    secret: str = described(SECRET)


@input_for(PersonalToken, "A personal token to create.")
class PersonalTokenCreateInput:
    name: str
    scopes: list[str]
    expires_at: datetime = strawberry.field(
        description="The date and time when the token expires, within a year."
    )


async def personal_token_create(
    info: Info, input: Input[PersonalTokenCreateInput]
) -> PersonalTokenCreatePayload | None:
    given(input)
    session = info.context.session
    async with writing(info) as transaction:
        token, text = await keys.new_personal_token(
            session, transaction, input.name, input.scopes, input.expires_at
        )
    keys.tell_person(session, info.context.outbox, token)
    return PersonalTokenCreatePayload(personal_token=token, secret=text)  # type: ignore[arg-type]


async def personal_token_revoke(info: Info, id: Id) -> Any:
    async with writing(info, None) as transaction:
        token = await keys.revoke(transaction, db.PersonalToken, id)
    return answer(payload_of(PersonalToken), token)


@strawberry.type
class Mutation:
    personal_token_create = mutation(
        personal_token_create,
        PersonalTokenCreatePayload,
        "Create a personal token of the viewer. Requires a recent authentication in a session, or a"
        " token with the scope `admin`. The viewer is notified by email.",
        scope="admin",
    )
    personal_token_revoke = mutation(
        personal_token_revoke,
        payload_of(PersonalToken),
        "Revoke a personal token permanently. The next request with it is refused.",
    )
