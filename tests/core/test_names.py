"""Names and identifiers: normalized in every field that takes one."""

import pytest
from sqlalchemy import Text, inspect
from sqlalchemy.dialects.postgresql import ARRAY

from auth.credentials.people import address
from auth.oauth.registry import Registration
from db.audit.seal import AuditArchive
from db.compliance.frameworks import Framework
from db.core.organizations import OrganizationMember
from db.core.provisioning import ProvisionedGroup
from db.core.usage import UsageArchive
from db.delivery.features import Feature
from db.delivery.security import SecurityEvent, Vulnerability
from db.delivery.testing import FeatureTest
from db.problem import Problem
from db.requirements.documents import Block, Document
from db.requirements.exchange import ExchangeFile
from db.requirements.numbering import NumberCounter, NumberingRule
from db.requirements.properties import Property
from db.requirements.requirements import Requirement
from db.tables import MODELS
from db.text import NameText, StrictNameText, as_identifier, as_name
from tests.world import Refused

BLANK = ("\u200b", "\u3164", "\u061c", "\u202e", "\u2800", "\ufeff \u00a0", "\u0301")
PILE = "a" + "\u030e" * 150

CREATES = {
    "requirement": ("documentId", "name", "externalId", "tags"),
    "block": ("documentId", "name", "externalId", "type"),
    "document": ("projectId", "name", "externalId", "tags"),
    "project": ("organizationId", "name", "tags"),
    "baseline": ("documentId", "name"),
    "organization": (None, "name"),
}
"""The mutations that create rows: their parent and their names."""
NAMED = [(entity, name) for entity, (_, *names) in CREATES.items() for name in names]
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { name externalId version } } }"""
MANY = """mutation ($items: [RequirementCreateInput!]!) {
    requirementsCreate(items: $items, onError: CONTINUE) {
        results { requirement { name } error { code field } } } }"""
FIND = """query ($filter: RequirementFilterInput) {
    requirements(filter: $filter) { nodes { name externalId } } }"""
PERSON = """mutation ($id: UUID!, $input: ProfileUpdateInput!) {
    profileUpdate(id: $id, expectedVersion: 1, input: $input) { profile { fullName } } }"""
FREE = {
    *("description", "original_requirement", "enhanced_requirement", "comment", "default_value"),
    *("message", "result", "result_notes", "expected_results", "preconditions", "error"),
    *("reason", "quote", "anchored_text", "prefix", "suffix", "check_error", "extracted_text"),
    *("error_message", "note", "content"),
    *("blocked_reason", "error_stacktrace", "text", "approval_notes", "deployment_log"),
    *("deployment_errors", "rollback_reason", "reproduction_steps", "root_cause"),
    *("fix_description", "remediation_notes", "risk_reason", "resolution_notes"),
    *("investigation_notes", "expected_result"),
}
"""Texts of any length and form."""
CODED = {
    *("slug", "url", "thumbnail_url", "hint", "scopes", "redirect_uris", "user_agent", "key"),
    "media_type",
    *(
        "entity_type",
        "action",
        "changed_fields",
        "session_id",
        "allowed_clients",
        "client_id",
        "request_id",
    ),
    *("soc2_control", "compliance_category", "risk_level", "threat_indicators", "source_system"),
    *("key_id", "token_hash", "resource", "jkt", "code", "redirect_uri", "state"),
    *("code_challenge", "code_challenge_method", "client_secret", "former_secret"),
    *("registration_token", "nonce", "methods", "transports", "actors"),
    *("token_endpoint_auth_method", "device_code", "user_code", "request_uri", "browser", "token"),
    *("password_hash", "stripe_customer_id", "stripe_subscription_id", "price_id", "feature"),
    *(
        "payment_method_last4",
        "payment_method_brand",
        "unit_type",
        "limit_name",
        "meter",
        "kind",
        "worker",
        "traceparent",
    ),
    *("webhook_id", "event_type", "event_types", "fields", "selection", "request_body"),
    *("response_body", "disabled_reason"),
    *("provider", "external_id", "event_type", "body", "state_order", "data"),
    *("field", "path", "locale", "time_zone", "avatar_type", "pin", "content"),
    *("signer_name", "signer_email", "delimiter", "encoding", "object_type", "report"),
    *("model_name", "framework", "requirement", "results_key"),
    *("format", "fault", "indicator", "level", "archived_digest"),
    *("verification_token", "joined_domain", "issuer", "subject", "provider_session"),
}
"""Texts of a format of their own, which is checked, or that the gateway writes itself."""
NAMES = {(Property, "key"), (NumberCounter, "prefix"), (NumberingRule, "prefix")}
NAMES |= {(Framework, "code")}
NAMES |= {(model, "external_id") for model in (Document, Block, Requirement)}
NAMES |= {(model, "external_id") for model in (Feature, FeatureTest, Vulnerability)}
NAMES |= {(model, "external_id") for model in (OrganizationMember, ProvisionedGroup)}
NAMES |= {(SecurityEvent, "event_type"), (SecurityEvent, "user_agent")}
"""Names whose column is called like one of those."""
PLAIN = {(ExchangeFile, "name"), (AuditArchive, "file"), (UsageArchive, "file")}
"""Texts that are kept as they are, although their columns are called like names."""


def test_every_text_is_a_name_or_is_known_to_be_none():
    for model in MODELS:
        for attribute in inspect(model).column_attrs:
            type_ = attribute.columns[0].type
            type_ = type_.item_type if isinstance(type_, ARRAY) else type_
            if isinstance(type_, Text):
                is_name = isinstance(type_, NameText) or attribute.key == "scope"
                is_none = attribute.key in FREE | CODED and (model, attribute.key) not in NAMES
                is_none = is_none or (model, attribute.key) in PLAIN
                assert is_name != is_none, (model, attribute.key)


def test_every_name_of_every_model_is_normalised_when_it_is_set():
    for model in MODELS:
        for attribute in inspect(model).column_attrs:
            type_ = attribute.columns[0].type
            many = isinstance(type_, ARRAY)
            if not isinstance(type_.item_type if many else type_, NameText):
                continue
            row = model.__new__(model)
            inspect(model).class_manager.setup_instance(row)
            hidden = "" if isinstance(type_, StrictNameText) else "\u202e"
            text = f"{hidden} e\u0301 "
            setattr(row, attribute.key, [text] if many else text)
            assert getattr(row, attribute.key) == (["\u00e9"] if many else "\u00e9")
            with pytest.raises(Problem) as refused:
                setattr(row, attribute.key, [PILE] if many else PILE)
            assert refused.value.field == (attribute.key,)


@pytest.mark.parametrize(
    ("given", "name", "identifier"),
    [
        (" Brake\u200b\u202e ", "Brake", "Brake"),
        ("A\u030a", "\u00c5", "\u00c5"),
        ("two\r\nlines", "two lines", "two lines"),
        ("SYS\u00a01", "SYS\u00a01", "SYS 1"),
        ("ad\u200dmin", "admin", "admin"),
        (
            "\u0645\u06cc\u200c\u062e\u0648",
            "\u0645\u06cc\u200c\u062e\u0648",
            "\u0645\u06cc\u062e\u0648",
        ),
        ("\u845b\U000e0100\u57ce", "\u845b\U000e0100\u57ce", "\u845b\u57ce"),
        ("\U0001f468\u200d\U0001f467", "\U0001f468\u200d\U0001f467", "\U0001f468\U0001f467"),
        *((blank, "", "") for blank in BLANK),
    ],
)
def test_a_name_is_what_is_seen_of_it(given, name, identifier):
    assert (as_name(given), as_identifier(given)) == (name, identifier)
    assert as_name(name) == name
    assert as_identifier(identifier) == identifier


def creation(world, entity, **values):
    """Return the mutation that creates a row, and its input."""
    kind, parent = entity.capitalize(), CREATES[entity][0]
    document = f"""mutation ($input: {kind}CreateInput!) {{
        {entity}Create(input: $input) {{ {entity} {{ {" ".join(values)} }} }} }}"""
    if parent:
        values[parent] = getattr(world, parent.removesuffix("Id"))
    if entity in ("document", "project", "organization"):
        values["slug"] = f"named-{world.name}"
    return document, {"name": "Named"} | values


@pytest.mark.slow
@pytest.mark.parametrize(("entity", "field"), NAMED)
async def test_what_shows_nothing_is_no_name(world, entity, field):
    for text in (*BLANK[:3], PILE):
        value = [text] if field == "tags" else text
        document, input = creation(world, entity, **{field: value})
        with pytest.raises(Refused) as refused:
            await world.ask("owner", document, input=input)
        assert (refused.value.code, refused.value.field[:2]) == ("INVALID", ["input", field])
    value = ["\u202ex\u3164"] if field == "tags" else "\u202ex\u3164"
    document, input = creation(world, entity, **{field: value})
    made = await world.ask("owner", document, input=input)
    assert made[entity][field] == (["x"] if field == "tags" else "x")


async def test_an_item_whose_name_is_none_is_refused_by_itself(world):
    names = ("Brake\u200b", PILE, "\u3164", "Horn")
    items = [{"documentId": world.document, "name": name} for name in names]
    results = (await world.ask("editor", MANY, items=items))["results"]
    assert [r["requirement"] and r["requirement"]["name"] for r in results] == [
        *("Brake", None, None, "Horn")
    ]
    for index in (1, 2):
        error = results[index]["error"]
        assert error == {"code": "INVALID", "field": ["items", index, "name"]}


async def test_a_change_of_nothing_that_is_seen_changes_nothing(world):
    change = {"id": world.requirement, "version": 1, "input": {"name": "Caf\u00e9"}}
    await world.ask("editor", UPDATE, **change)
    again = change | {"version": 2, "input": {"name": "\u2066Cafe\u0301 "}}
    made = await world.ask("editor", UPDATE, **again)
    assert made["requirement"] == {"name": "Caf\u00e9", "externalId": None, "version": 2}
    found = await world.ask("viewer", FIND, filter={"name": {"eq": "Cafe\u0301"}})
    assert [node["name"] for node in found["nodes"]] == ["Caf\u00e9"]


async def test_two_identifiers_that_look_alike_are_one(world):
    place = {"documentId": world.document, "name": "One"}
    document, _ = creation(world, "requirement", externalId="")
    await world.ask("editor", document, input=place | {"externalId": "SYS 1"})
    for alike in ("SYS\u00a01", "SYS \u200d1", " S\u00adYS 1\ufeff"):
        code = await world.code("editor", document, input=place | {"externalId": alike})
        assert code == "ALREADY_EXISTS"


async def test_a_person_has_a_name_that_is_seen(world):
    person = {"id": world.people["editor"]}
    for text in (*BLANK[:3], PILE):
        assert await world.code("editor", PERSON, **person, input={"fullName": text}) == "INVALID"
    made = await world.ask("editor", PERSON, **person, input={"fullName": "\u202eA\u030asa"})
    assert made["profile"] == {"fullName": "\u00c5sa"}


@pytest.mark.parametrize("name", [*BLANK, PILE, "Gate\u200bway", "x\u202ey", "\u2066x"])
def test_an_application_is_not_registered_under_a_name_that_is_not_seen(name):
    with pytest.raises(Problem) as refused:
        Registration(name=name, redirect_uris=("https://app.example/",)).require_valid()
    assert refused.value.field == ("name",)


@pytest.mark.parametrize("email", ["o\u200bwner@test.example", "owner@te\u00adst.example"])
def test_an_address_holds_nothing_that_is_not_seen(email):
    with pytest.raises(Problem):
        address(email)


async def test_a_refusal_says_in_words_which_field(world):
    place = {"documentId": world.document, "name": "Stops", "externalId": "R-1"}
    document, _ = creation(world, "requirement", externalId="R-1")
    await world.ask("editor", document, input=place)
    for query, variables, message, field in (
        (document, {"input": place}, "Another row has this external id.", "externalId"),
        (
            *(document, {"input": place | {"externalId": " "}}),
            *("External id must not be blank.", "externalId"),
        ),
        (
            *(UPDATE, {"id": world.requirement, "version": 1, "input": {"name": None}}),
            *("`name` may not be null.", "name"),
        ),
    ):
        with pytest.raises(Refused) as raised:
            await world.ask("editor", query, **variables)
        (error,) = raised.value.errors
        assert (error["message"], raised.value.field) == (message, ["input", field])
