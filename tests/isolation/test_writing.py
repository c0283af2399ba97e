"""No mutation changes a row that its viewer cannot see, or reveals that it exists."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
    is_required_argument,
    is_required_input_field,
)

from tests.isolation.questions import SCHEMA, TYPES, is_node
from tests.isolation.world import OF_EVERYBODY
from tests.writes import watched_writes

pytestmark = pytest.mark.exhaustive

MUTATIONS = SCHEMA.mutation_type.fields
TABLES = {type_name: table for table, type_name in TYPES.items()}

NAMED = {
    "organizationId": "organizations",
    "projectId": "projects",
    "documentId": "documents",
    "blockId": "blocks",
    "parentId": "blocks",
    "requirementId": "requirements",
    "testCaseId": "test_req",
    "documentIds": "documents",
    "executedById": "profiles",
    "entityId": "requirements",
    "assigneeId": "profiles",
    "userId": "profiles",
    "serviceAccountId": "profiles",
    "token": "organization_invitations",
    "leaseId": "jobs",
    "endpointId": "webhook_endpoints",
    "itemId": "change_set_items",
    "itemIds": "change_set_items",
    "threadId": "comment_threads",
    "mentions": "profiles",
    "entityIds": "requirements",
    "addEntityIds": "requirements",
    "removeItemIds": "review_items",
    "removeReviewerIds": "reviewers",
    "reviewerIds": "profiles",
    "complianceDocumentId": "compliance_documents",
    "assessmentId": "assessments",
}
"""The table of the IDs in an argument of this name; others take the mutation's own type."""

CHOSEN = {"clientId", "frameworkIds", "resourceId"}
"""IDs that clients choose: that are no row's, of rows that nobody hides, or of what an event of
security concerns, which is stored as it is told and never looked up."""
EITHER = {("importStart", "fileId")}
"""Optional members of inputs of which one must be given."""
FILTERS = {"filter"}
"""Arguments whose IDs select rows: one that is hidden selects none, and is no error."""

ANY_TYPE = {
    ("purge", ("ids",)): "requirements",
    ("identityRemove", ("id",)): "profile_identities",
    ("passkeyRemove", ("id",)): "passkeys",
    ("deviceRemove", ("id",)): "devices",
    **{(name, ("id",)): "jobs" for name in ("jobExtend", "jobComplete", "jobFail")},
    **{
        (name, ("id",)): "assessments"
        for name in ("assessmentExtend", "assessmentComplete", "assessmentFail")
    },
    ("changeSetEdit", ("id",)): "change_sets",
    ("reviewEdit", ("id",)): "reviews",
    ("accessReviewCreate", ("input", "objectId")): "projects",
    ("accessReviewDecide", ("id",)): "access_reviews",
    ("accessReviewDecide", ("decisions", "itemId")): "access_review_items",
    ("reviewVerdictsSubmit", ("id",)): "reviews",
    ("reviewVerdictsSubmit", ("verdicts", "itemId")): "review_items",
    **{
        ("changeSetEdit", ("items", "traceLinkCreate", end)): "requirements"
        for end in ("sourceId", "targetId")
    },
}
"""The table to use for IDs of any type, which has rows in every place, and of rows that the answer
does not show."""

SAID = {
    "slug": "a-slug",
    "domain": "harbour.example",
    "email": "somebody@test.example",
    "url": "http://127.0.0.1:9999/",
    "since": "2026-01-01T00:00:00Z",
    "dueDate": "2099-01-01T00:00:00Z",
    "until": "2099-01-01",
    "required": True,
    **dict.fromkeys(("kind", "kinds"), "external.text"),
    "results": {"findings": []},
}
WITHOUT_IDS = {
    "organizationCreate",
    "personalTokenCreate",
    "jobsClaim",
    "assessmentsClaim",
    "accountClose",
    "accountErase",
    "applicationDisconnect",
    "avatarRemove",
    "avatarUpdate",
    "notificationPreferencesUpdate",
    "personalOrganizationCreate",
    "sessionsEnd",
}

NO_ERROR = {"leaseRelease", "sessionEnd"}
"""Mutations without an error for a missing row: no lease to release, no session to end."""

HIDDEN = {
    "admin": [
        ("theirs", "private"),
        ("theirs", "shared"),
        ("theirs", "deleted"),
        ("dissolved", ""),
    ],
    "member": [("ours", "private"), ("ours", "restricted"), ("theirs", "private")],
}
"""The people, and the places of rows that are hidden from them: other tenants', and their own's."""

CORRELATION = re.compile(rb'"correlationId":"[^"]*"')

Slot = tuple[str, ...]


def table_of(mutation: str, slot: Slot) -> str:
    if named := ANY_TYPE.get((mutation, slot)) or NAMED.get(slot[-1]):
        return named
    if mutation == "changeSetEdit":  # such as `items.requirementUpdate.id`
        noun = re.sub("(Create|Update|Move|Delete|Restore)$", "", slot[1])
        return TABLES[f"{noun[0].upper()}{noun[1:]}"]
    (row,) = rows_of(get_named_type(MUTATIONS[mutation].type))
    return TABLES[row.name]


def rows_of(payload: Any) -> list[Any]:
    """Return the types of the rows in a payload; those of a bulk mutation are in its results."""
    types = {name: get_named_type(field.type) for name, field in payload.fields.items()}
    if "results" in types:
        return rows_of(types["results"])
    return [type_ for type_ in types.values() if is_node(type_)]


def slots(mutation: str) -> Iterator[Slot]:
    """Yield the places of IDs in the arguments of the mutation."""
    for name, argument in MUTATIONS[mutation].args.items():
        yield from _slots_in((name,), get_named_type(argument.type), ())


def _slots_in(place: Slot, type_: Any, above: tuple[Any, ...]) -> Iterator[Slot]:
    if place[-1] in FILTERS:
        return
    if type_.name == "UUID":
        if place[-1] not in CHOSEN:
            yield place
    elif isinstance(type_, GraphQLInputObjectType) and type_ not in above:
        for member, field in type_.fields.items():
            yield from _slots_in((*place, member), get_named_type(field.type), (*above, type_))


def call(canaries: Any, mutation: str, slot: Slot, id: UUID) -> dict[str, Any]:
    """Return arguments with this ID in this place, and only required ones besides."""

    def said(place: Slot, type_: Any) -> Any:
        kind = get_named_type(type_)
        if isinstance(get_nullable_type(type_), GraphQLList):
            return [said(place, kind)]
        if place == slot:
            return str(id)
        if isinstance(kind, GraphQLInputObjectType):
            members = {
                name: said((*place, name), field.type)
                for name, field in kind.fields.items()
                if is_required_input_field(field)
                or (*place, name) == slot[: len(place) + 1]
                or (mutation, name) in EITHER
            }
            if kind.is_one_of and not members:
                enums = (item for item in kind.fields.items() if is_enum(item[1]))
                name, field = next(enums, next(iter(kind.fields.items())))
                members = {name: said((*place, name), field.type)}
            return members
        if isinstance(kind, GraphQLEnumType):
            return next(iter(kind.values))
        if kind.name == "UUID":
            made_up = place[-1] in CHOSEN
            return str(uuid4() if made_up else own(canaries, table_of(mutation, place)))
        return 1 if kind.name == "BigInt" else SAID.get(place[-1], "A text")

    arguments = MUTATIONS[mutation].args.items()
    return {
        name: said((name,), argument.type)
        for name, argument in arguments
        if is_required_argument(argument) or name == slot[0]
    }


def is_enum(field: Any) -> bool:
    return isinstance(get_named_type(field.type), GraphQLEnumType)


def own(canaries: Any, table: str) -> UUID:
    """Return a row that everybody here may change or read."""
    shared = [row for row in canaries.rows(table=table, tenant="ours") if row.zone == "shared"]
    return (shared or canaries.rows(table=table))[0].id


def hidden_ids(canaries: Any, person: str, mutation: str, slot: Slot) -> Iterator[UUID]:
    table = table_of(mutation, slot)
    for tenant, zone in HIDDEN[person]:
        for row in canaries.rows(table=table, tenant=tenant):
            if zone in (row.zone, "") and not canaries.may_read(person, row):
                yield row.values["token" if slot[-1] == "token" else "id"]
    if table == "profiles":
        yield canaries.persons["their owner"].id
        yield canaries.persons["outsider"].id
    if table in ("personal_tokens", "profile_identities", "passkeys", "devices"):
        yield from (row.id for row in canaries.rows(table=table) if row.person != person)


async def ask(canaries: Any, person: str, mutation: str, arguments: dict[str, Any]) -> Any:
    types = {name: argument.type for name, argument in MUTATIONS[mutation].args.items()}
    declared = ", ".join(f"${name}: {types[name]}" for name in arguments)
    given = ", ".join(f"{name}: ${name}" for name in arguments)
    query = f"mutation ({declared}) {{ {mutation}({given}) {{ __typename }} }}"
    return await canaries.post(person, query, **arguments)


@pytest.mark.parametrize("mutation", [n for n in MUTATIONS if n not in WITHOUT_IDS | NO_ERROR])
async def test_a_hidden_row_is_answered_like_one_that_is_not_there(canaries, writes, mutation):
    for person in HIDDEN:
        await canaries.token(person)
    await writes.take()
    for person, slot in product(HIDDEN, slots(mutation)):
        answers = set()
        ids = list(hidden_ids(canaries, person, mutation, slot))
        for id in [*ids, uuid4()]:
            response = await ask(canaries, person, mutation, call(canaries, mutation, slot, id))
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] in codes(mutation, person, slot), error
            content = CORRELATION.sub(b"", response.content)  # each mutation has its own
            answers.add(content.replace(str(id).encode(), b"the id"))
        assert ids or person == "member", f"no hidden row for {slot}"
        assert len(answers) == 1, (person, slot, answers)
    assert await writes.take() == set()


def codes(mutation: str, person: str, slot: Slot) -> set[str]:
    """Return the expected codes: a member changes nothing; a neighbour is found in its document."""
    is_above = person == "member" or mutation == "organizationTransfer"  # which takes an owner
    neighbour = {"INVALID"} if slot[-1] in ("after", "before") else set()
    is_root = slot[-1] == "id" and len(slot) < 3
    others = slot[-1] == "mentions" or mutation == "accessReviewUpdate"  # of somebody else
    forbidden = {"FORBIDDEN"} if (is_above and not is_root) or others else set()
    return {"NOT_FOUND"} | neighbour | forbidden


def test_only_mutations_without_ids_are_left_out():
    assert {name for name in MUTATIONS if not list(slots(name))} == WITHOUT_IDS


WATCHED = """
SELECT c.relname::text AS name FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
WHERE t.tgname = 'watch' AND t.tgenabled = 'O'
"""
RENAME = """mutation ($id: UUID!) { requirementUpdate(
    id: $id, expectedVersion: 1, input: {name: "Seen"}) { requirement { version } } }"""


async def test_what_is_written_to_any_table_is_seen(world, superuser):
    for person in ("viewer", "editor"):
        await world.token(person)
    async with watched_writes(superuser) as writes:
        watched = {name for (name,) in await superuser.fetch(WATCHED)}
        assert watched >= set(TYPES) - OF_EVERYBODY
        assert await writes.take() == set()
        assert await world.code("viewer", RENAME, id=world.requirement) == "FORBIDDEN"
        assert await writes.take() == set()
        assert await world.code("editor", RENAME, id=world.requirement) is None
        assert {"requirements", "audit_logs"} <= await writes.take()
        assert await writes.take() == set()
    assert await superuser.fetch(WATCHED) == []
