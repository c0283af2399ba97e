"""The schema documents the scopes that a token needs, and they are the ones required."""

from datetime import timedelta

import pytest
from graphql import GraphQLList, GraphQLNonNull, get_named_type, is_leaf_type

from auth.credentials import tokens
from auth.policy.scope_names import SCOPES
from graph.schema import schema
from tests.policy.attempts import ATTEMPTS, attempt, name_of, prepare

CORE = schema._schema
FREE = {"viewer", "shared"}
"""Root fields that lead to no rows."""
ROOTS = [
    (root, name)
    for root in (CORE.query_type, CORE.mutation_type)
    for name in root.fields
    if name not in FREE
]
UUID = "00000000-0000-7000-8000-000000000000"


def needed(root, name):
    """Return the scopes of which the field documents that one is needed."""
    field = root.fields[name]
    (directive,) = field.extensions["strawberry-definition"].directives
    assert all(len(together) == 1 for together in directive.scopes)
    scopes = [scope for (scope,) in directive.scopes]
    assert field.description.endswith(f"Token scope: {' or '.join(scopes)}.")
    assert set(scopes) <= set(SCOPES)
    return scopes


def value_of(type_):
    """Return any value of the type."""
    if isinstance(type_, GraphQLNonNull):
        return value_of(type_.of_type)
    if isinstance(type_, GraphQLList):
        return f"[{value_of(type_.of_type)}]"
    if hasattr(type_, "fields"):
        fields = type_.fields.items()
        if type_.is_one_of:
            fields = [next(iter(fields))]
        members = [
            f"{name}: {value_of(field.type)}"
            for name, field in fields
            if type_.is_one_of or isinstance(field.type, GraphQLNonNull)
        ]
        return "{" + ", ".join(members) + "}"
    if hasattr(type_, "values"):
        return next(iter(type_.values))
    known = {"UUID": f'"{UUID}"', "Boolean": "false", "BigInt": "1", "Int": "1"}
    known |= {"Float": "1.0", "Date": '"2020-01-01"', "DateTime": '"2020-01-01T00:00:00Z"'}
    return known.get(type_.name, '"x"')


def question(root, name):
    """Return a valid operation of this field alone."""
    field = root.fields[name]
    given = [
        f"{argument}: {value_of(of.type)}"
        for argument, of in field.args.items()
        if isinstance(of.type, GraphQLNonNull)
    ]
    arguments = f"({', '.join(given)})" if given else ""
    below = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    kind = "mutation" if root is CORE.mutation_type else "query"
    return f"{kind} {{ {name}{arguments}{below} }}"


@pytest.fixture
def with_scopes(tidy):
    """Send the owner's further requests with a token of these scopes."""

    async def with_scopes(scope):
        life = timedelta(minutes=5)
        tidy.tokens["narrowed"] = await tokens.issue(
            tidy.database, tidy.email("owner"), life, scope
        )

    return with_scopes


def missing_scope(answer):
    errors = answer.json().get("errors") or [{"extensions": {"code": None}}]
    return errors[0]["extensions"].get("scope")


@pytest.mark.slow
@pytest.mark.parametrize(("root", "name"), ROOTS, ids=str)
async def test_a_root_field_asks_for_the_scope_it_says(tidy, with_scopes, root, name):
    scopes = needed(root, name)
    others = [scope for scope in SCOPES if scope != "admin" and not reached_by(scope, scopes)]
    for scope in ("", " ".join(others)):
        await with_scopes(scope)
        answer = await tidy.post("narrowed", question(root, name))
        assert missing_scope(answer) == " ".join(scopes), answer.text
        assert answer.status_code == 403
        challenge = answer.headers["www-authenticate"]
        assert f'error="insufficient_scope", scope="{" ".join(scopes)}"' in challenge
    for scope in (*scopes, "admin"):
        await with_scopes(scope)
        answer = await tidy.post("narrowed", question(root, name))
        assert missing_scope(answer) is None, answer.text


def reached_by(scope, wanted):
    """Return whether this scope includes one of those wanted."""
    return scope in wanted or scope.replace(":write", ":read") in wanted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "action"), ATTEMPTS, ids=lambda part: getattr(part, "__name__", part)
)
async def test_no_more_is_needed_than_the_scope_that_is_said(tidy, with_scopes, model, action):
    if action == "read":
        scopes = needed(CORE.query_type, "node")
    else:
        scopes = needed(CORE.mutation_type, name_of(model, action))
    version = await prepare(tidy, model, action)
    await with_scopes(scopes[0] if action != "read" else " ".join(scopes))
    answer = await attempt(tidy, "narrowed", model, action, tidy.rows[model].id, version)
    assert missing_scope(answer) is None, answer.text
    await prepare(tidy, model, "read")


PROJECT = """mutation ($input: BaselineCreateInput!) {
    baselineCreate(input: $input) { baseline { contentHash } } }"""


async def test_a_project_is_frozen_with_the_scope_of_what_is_in_it(tidy, with_scopes):
    await with_scopes("requirements:write")
    values = {"projectId": str(tidy.project), "name": "By token"}
    answer = await tidy.post("narrowed", PROJECT, input=values)
    assert answer.json()["data"]["baselineCreate"]["baseline"]["contentHash"]


def test_every_field_that_leads_to_rows_says_so():
    from graph.kit.node import NODES  # noqa: PLC0415

    rows = {type_.__name__ for type_ in NODES.values()} | {"Node"}
    rows |= {f"{name}Connection" for name in rows}
    silent = [
        f"{type_.name}.{name}"
        for type_ in CORE.type_map.values()
        if hasattr(type_, "fields") and not type_.name.endswith(("Connection", "Edge"))
        for name, field in type_.fields.items()
        if get_named_type(field.type).name in rows
        if "Token scope: " not in (field.description or "")
    ]
    assert not silent
