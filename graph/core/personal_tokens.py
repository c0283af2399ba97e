"""Personal tokens: how people's own scripts act as they do."""

from datetime import datetime

import strawberry

from auth import keys
from db.core import keys as db
from graph.core.keys import SECRET, Key, KeyFilter, KeyOrder
from graph.core.people import Viewer
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import extend_type
from graph.kit.mutations import Id, Payload, answer, given, writing
from graph.kit.scopes import SCOPE


@strawberry.type(
    description="A key of one's own scripts: it acts as its person, within its scopes."
)
class PersonalToken(Key):
    model = db.PersonalToken


extend_type(
    Viewer,
    personal_tokens=connection(
        db.PersonalToken, PersonalToken, KeyFilter, KeyOrder, "The viewer's own, and nobody else's."
    ),
)


@strawberry.type
class PersonalTokenPayload(Payload):
    personal_token: PersonalToken


@strawberry.type
class PersonalTokenCreatePayload(Payload):
    personal_token: PersonalToken
    secret: str = strawberry.field(description=SECRET)


@strawberry.input
class PersonalTokenCreate:
    name: str
    scopes: list[str]
    expires_at: datetime = strawberry.field(description="Within a year.")


async def personal_token_create(
    info: Info, input: PersonalTokenCreate
) -> PersonalTokenCreatePayload | None:
    given(input)
    session = info.context.session
    async with writing(info) as transaction:
        token, text = await keys.new_personal_token(
            session, transaction, input.name, input.scopes, input.expires_at
        )
    keys.tell_person(session, info.context.outbox, token)
    return PersonalTokenCreatePayload(personal_token=token, secret=text)  # type: ignore[arg-type]


async def personal_token_revoke(info: Info, id: Id) -> PersonalTokenPayload | None:
    async with writing(info, None) as transaction:
        token = await keys.revoke(transaction, db.PersonalToken, id)
    return answer(PersonalTokenPayload, token)  # type: ignore[no-any-return]


@strawberry.type
class Mutation:
    personal_token_create = strawberry.mutation(
        personal_token_create,
        description="A new token of the viewer's own: in a session with a fresh proof, or with a"
        " token for everything. A mail tells of it.",
        metadata={SCOPE: "admin"},
    )
    personal_token_revoke = strawberry.mutation(
        personal_token_revoke, description="End a token from the next request on, for good."
    )
