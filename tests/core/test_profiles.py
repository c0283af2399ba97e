"""The viewer's own profile: names, locale, time zone, preferences, avatar and organizations."""

import asyncio
import base64
import json
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.audit.personal import digest_of
from db.problem import Problem
from graph.core.preferences import SCHEMA, require_preferences
from tests.core.images import GIF, PNG
from tests.core.keys import make_key
from tests.world import Refused

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: ProfileUpdateInput!) {
    profileUpdate(id: $id, expectedVersion: $version, input: $input) { merged profile { version
        fullName firstName lastName jobTitle locale timeZone phoneNumber preferences } } }"""
PROFILE = """query ($id: ID!) { node(id: $id) { ... on Profile { version fullName firstName lastName
    locale timeZone phoneNumber preferences avatarUrl currentOrganizationId personalOrganizationId
    history { nodes { version changedFields changes { field old new } } } } } }"""
AVATAR = """mutation ($content: String!) { avatarUpdate(content: $content) {
    profile { version avatarUrl } } }"""
SWITCH = """mutation ($id: UUID) { currentOrganizationUpdate(organizationId: $id) {
    profile { version currentOrganizationId } } }"""
PERSONAL = """mutation { personalOrganizationCreate {
    organization { id name type owner { id } memberCount } } }"""
VIEWER = """{ viewer { currentOrganization { id } personalOrganization { id type }
    profile { currentOrganizationId personalOrganizationId } } }"""
LEAVE = """mutation ($id: UUID!) { organizationMemberRemove(id: $id, expectedVersion: 1) {
    organizationMember { id } } }"""


@pytest.fixture
def me(world):
    return world.people["editor"]


async def test_a_person_sets_what_others_address_them_by(world, me):
    input = {
        "firstName": "Ada",
        "lastName": "King",
        "locale": "de-AT",
        "timeZone": "Europe/Vienna",
        "phoneNumber": "+43 1 234567",
    }
    answer = await world.ask("editor", UPDATE, id=me, version=1, input=input)
    assert answer["profile"].items() >= input.items()
    seen = await world.ask("viewer", PROFILE, id=me)
    assert seen.items() >= (input | {"phoneNumber": None}).items()
    assert (await world.ask("editor", PROFILE, id=me))["phoneNumber"] == "+43 1 234567"


async def test_a_phone_number_is_encrypted_and_in_no_event(world, me):
    await world.ask("editor", UPDATE, id=me, version=1, input={"phoneNumber": "+43 1 7654321"})
    row = await world.superuser.fetchrow("SELECT * FROM profiles WHERE id = $1", me)
    assert b"7654321" not in row["contact"]
    (event,) = await world.records(me)
    assert "7654321" not in str(dict(event))
    assert row["contact"].hex() not in str(dict(event))
    await world.ask("editor", UPDATE, id=me, version=2, input={"phoneNumber": None})
    assert await world.superuser.fetchval("SELECT contact FROM profiles WHERE id = $1", me) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeZone", "Europe/Atlantis"),
        ("locale", "deutsch!"),
        ("phoneNumber", "call me"),
        ("preferences", {"theme": "mauve"}),
        ("preferences", {"pageSize": True}),
        ("preferencesPatch", {"firstDayOfWeek": 8}),
        ("preferences", {"mine": "x" * 40_000}),
    ],
)
async def test_what_is_no_value_of_a_field_is_refused_there(world, me, field, value):
    with pytest.raises(Refused) as refused:
        await world.ask("editor", UPDATE, id=me, version=1, input={field: value})
    assert (refused.value.code, refused.value.field[:2]) == ("INVALID", ["input", field])


async def test_preferences_have_a_schema_and_room_for_a_front_end_s_own(world, me):
    schema = (await world.ask("editor", "{ viewer { preferencesSchema } }"))["preferencesSchema"]
    assert schema["properties"]["theme"]["enum"] == ["system", "light", "dark"]
    wanted = {"theme": "dark", "pageSize": 25, "my-app": {"columns": [1, 2]}}
    await world.ask("editor", UPDATE, id=me, version=1, input={"preferences": wanted})
    patch = {"theme": None, "density": "compact"}
    answer = await world.ask("editor", UPDATE, id=me, version=2, input={"preferencesPatch": patch})
    del wanted["theme"]
    assert answer["profile"]["preferences"] == wanted | {"density": "compact"}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from([*SCHEMA["properties"], "other"]),
        st.none() | st.booleans() | st.integers(-5, 120) | st.sampled_from(["dark", "iso", "x"]),
    )
)
def test_preferences_are_taken_where_their_json_schema_takes_them(values):
    def fits(key, value):
        rule = SCHEMA["properties"].get(key)
        if rule is None:
            return True
        if "enum" in rule:
            return value in rule["enum"]
        if rule["type"] == "boolean":
            return value is True or value is False
        return type(value) is int and rule["minimum"] <= value <= rule["maximum"]

    expected = all(fits(key, value) for key, value in values.items())
    if expected:
        require_preferences(values, "preferences")
        return
    with pytest.raises(Problem) as refused:
        require_preferences(values, "preferences")
    assert list(refused.value.field)[:2] == ["input", "preferences"]


async def test_personal_values_stand_beside_their_event_and_prove_to_be_its_own(world, me):
    await world.ask("editor", UPDATE, id=me, version=1, input={"fullName": "Ada Canary"})
    (event,) = await world.records(me)
    assert event["changed_fields"] == ["full_name"]
    assert "Canary" not in str(dict(event))
    beside = await world.superuser.fetchrow(
        "SELECT * FROM audit_personal_data WHERE event_id = $1", event["id"]
    )
    assert json.loads(beside["data"])["new"] == {"full_name": "Ada Canary"}
    assert (beside["subject_id"], beside["actor_id"]) == (me, me)
    digest = json.loads(event["details"])["personal_data"]
    assert digest == digest_of(beside["salt"], beside["data"])


async def test_the_history_of_a_profile_has_its_personal_values_for_its_person(world, me):
    await world.ask("editor", UPDATE, id=me, version=1, input={"firstName": "Ada"})
    await world.ask("editor", UPDATE, id=me, version=2, input={"firstName": "Grace"})
    mine = (await world.ask("editor", PROFILE, id=me))["history"]["nodes"]
    assert [entry["changes"] for entry in mine] == [
        [{"field": "firstName", "old": "Ada", "new": "Grace"}],
        [{"field": "firstName", "old": None, "new": "Ada"}],
    ]
    assert (await world.ask("owner", PROFILE, id=me))["history"]["nodes"] == []


async def test_a_stale_change_of_a_profile_is_merged_by_its_personal_values(world, me):
    await world.ask("editor", UPDATE, id=me, version=1, input={"fullName": "Ada"})
    answer = await world.ask("editor", UPDATE, id=me, version=1, input={"jobTitle": "Countess"})
    assert answer["merged"] is True
    assert answer["profile"]["fullName"] == "Ada"
    with pytest.raises(Refused) as refused:
        await world.ask("editor", UPDATE, id=me, version=1, input={"fullName": "Eve"})
    [conflict] = refused.value.errors[0]["extensions"]["conflicts"]
    assert (conflict["base"], conflict["current"]) == (f"editor {world.name}", "Ada")


async def test_an_avatar_is_stored_shown_to_colleagues_and_removed(world, me):
    content = base64.b64encode(PNG).decode()
    first = await world.ask("editor", AVATAR, content=content)
    url = (await world.ask("viewer", PROFILE, id=me))["avatarUrl"]
    answer = await world.client.get(url)
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    old = await world.superuser.fetchval("SELECT avatar_id FROM profiles WHERE id = $1", me)
    second = await world.ask("editor", AVATAR, content=base64.b64encode(GIF).decode())
    assert second["profile"]["version"] == first["profile"]["version"] + 1
    removals = "SELECT count(*) FROM file_removals WHERE file_id = $1"
    assert await world.superuser.fetchval(removals, old) == 1
    gone = "mutation { avatarRemove { profile { avatarUrl } } }"
    assert await world.ask("editor", gone) == {"profile": {"avatarUrl": None}}


@pytest.mark.parametrize(
    "content", ["not base64!", base64.b64encode(b"<svg/>").decode(), "A" * 400_000, ""]
)
async def test_only_a_small_image_is_an_avatar(world, content):
    with pytest.raises(Refused) as refused:
        await world.ask("editor", AVATAR, content=content)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["content"])


async def test_a_person_switches_between_their_organizations(world, other_world):
    answer = await world.ask("editor", SWITCH, id=world.organization)
    assert answer["profile"]["currentOrganizationId"] == str(world.organization)
    viewer = await world.ask("editor", VIEWER)
    assert viewer["currentOrganization"] == {"id": str(world.organization)}
    assert (await world.ask("viewer", PROFILE, id=world.people["editor"]))[
        "currentOrganizationId"
    ] is None
    for strange in (other_world.organization, uuid4()):
        assert await world.code("editor", SWITCH, id=strange) == "NOT_FOUND"
    await world.ask("editor", LEAVE, id=world.members["editor"])
    assert (await world.ask("editor", VIEWER))["currentOrganization"] is None
    answer = await world.ask("editor", SWITCH, id=None)
    assert answer["profile"]["currentOrganizationId"] is None


async def test_a_person_has_one_personal_organization_whoever_asks_at_once(world):
    answers = await asyncio.gather(*(world.ask("outsider", PERSONAL) for _ in range(4)))
    (organization,) = {json.dumps(answer["organization"]) for answer in answers}
    made = json.loads(organization)
    assert (made["type"], made["memberCount"]) == ("PERSONAL", 1)
    assert made["owner"] == {"id": str(world.people["outsider"])}
    viewer = await world.ask("outsider", VIEWER)
    assert viewer["personalOrganization"] == {"id": made["id"], "type": "PERSONAL"}
    assert viewer["currentOrganization"] == {"id": made["id"]}
    count = "SELECT count(*) FROM organizations WHERE owner_id = $1"
    assert await world.superuser.fetchval(count, world.people["outsider"]) == 1


async def test_a_service_account_has_no_personal_organization(world):
    await make_key(world, "admin", role="ADMIN")
    assert await world.code("robot", PERSONAL) == "FORBIDDEN"
