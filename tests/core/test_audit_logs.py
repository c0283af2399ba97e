"""The audit log, read by administrators: its filters, what it shows, and to whom."""

from uuid import uuid4

import pytest

LOGS = """query ($id: UUID!, $filter: AuditEventFilterInput) { organization(id: $id) {
    auditLogs(first: 50, filter: $filter) { totalCount nodes {
        id createdAt action eventType severity riskLevel threatIndicators complianceCategory
        soc2Control resourceType entityType entityId version projectId documentId
        actor { id } user { id } ipAddress sourceSystem correlationId outcome changedFields
        changes { field old new } entity { id } } } } }"""
OF_PROJECT = """query ($id: UUID!) { project(id: $id) { auditLogs { nodes { entityId } } } }"""
RENAME = """mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1,
    input: {name: "Renamed"}) { requirement { version } } }"""
ROLE = """mutation ($id: UUID!, $role: OrganizationRole!) { organizationMemberUpdate(id: $id,
    expectedVersion: 1, input: {role: $role}) { organizationMember { id } } }"""

FOUND = """mutation ($slug: String!) { organizationCreate(input: {name: "Founded", slug: $slug}) {
    organization { id } } }"""


async def logs(world, person="admin", organization=None, **filter):
    id = organization or world.organization
    found = await world.ask(person, LOGS, id=id, filter=filter or None)
    nodes = found["auditLogs"]["nodes"]
    assert found["auditLogs"]["totalCount"] == len(nodes)
    return nodes


async def test_a_change_is_shown_with_who_made_it_and_its_values(world):
    await world.ask("editor", RENAME, id=world.requirement)
    (event,) = await logs(world, entityId={"eq": world.requirement})
    assert (event["action"], event["eventType"], event["outcome"]) == (
        "update",
        "UPDATE",
        "SUCCESS",
    )
    assert (event["entityType"], event["version"]) == ("Requirement", 2)
    assert event["changes"] == [
        {"field": "name", "old": f"Requirement {world.name}", "new": "Renamed"}
    ]
    assert event["actor"] == {"id": str(world.people["editor"])}
    assert event["entity"] == {"id": str(world.requirement)}
    assert (event["soc2Control"], event["complianceCategory"], event["riskLevel"]) == (
        "PI1.3",
        "processing_integrity",
        "low",
    )


async def test_the_newest_event_is_first_and_pages_are_complete(world):
    for number in range(5):
        rename = RENAME.replace("Renamed", f"Name {number}").replace("1,", f"{number + 1},")
        await world.ask("editor", rename, id=world.requirement)
    query = """query ($id: UUID!, $after: String) { organization(id: $id) {
        auditLogs(first: 2, after: $after) { nodes { version } pageInfo {
            endCursor hasNextPage } } } }"""
    seen, after = [], None
    while True:
        found = await world.ask("owner", query, id=world.organization, after=after)
        page = found["auditLogs"]
        seen += [node["version"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == [6, 5, 4, 3, 2]


@pytest.mark.parametrize("person", ["editor", "member", "viewer", "billing"])
async def test_nobody_else_sees_events(world, person):
    await world.ask("editor", RENAME, id=world.requirement)
    assert await logs(world, person) == []


async def test_administrators_of_a_project_see_its_events_alone(world):
    await world.ask("editor", RENAME, id=world.requirement)
    await world.ask("owner", ROLE, id=world.members["member"], role="VIEWER")
    (event,) = await logs(world, "project_admin")
    assert event["entityId"] == str(world.requirement)
    found = await world.ask("project_admin", OF_PROJECT, id=world.project)
    assert found["auditLogs"]["nodes"] == [{"entityId": str(world.requirement)}]


async def test_events_of_other_tenants_do_not_exist(world, other_world):
    await world.ask("editor", RENAME, id=world.requirement)
    assert await logs(other_world) == []
    assert await other_world.code("owner", LOGS, id=world.organization) == "NOT_FOUND"
    assert await logs(other_world, entityId={"eq": world.requirement}) == []


async def test_a_role_that_is_raised_is_a_risk(world):
    await world.ask("owner", ROLE, id=world.members["member"], role="ADMIN")
    (event,) = await logs(world, eventType={"eq": "PERMISSION_CHANGE"})
    assert (event["threatIndicators"], event["riskLevel"]) == (["rights_raised"], "high")
    assert event["user"] == {"id": str(world.people["member"])}
    assert event["complianceCategory"] == "access_control"
    (same,) = await logs(world, threatIndicators={"hasAny": ["rights_raised"]})
    assert same["id"] == event["id"]


async def test_founding_an_organization_is_no_risk(world):
    founded = await world.ask("member", FOUND, slug=f"founded-{uuid4().hex}")
    organization = founded["organization"]["id"]
    (event,) = await logs(
        world, "member", organization=organization, eventType={"eq": "PERMISSION_CHANGE"}
    )
    assert (event["threatIndicators"], event["riskLevel"]) == ([], "medium")


async def test_a_role_that_is_lowered_is_none(world):
    await world.ask("owner", ROLE, id=world.members["editor"], role="VIEWER")
    (event,) = await logs(world, eventType={"eq": "PERMISSION_CHANGE"})
    assert (event["threatIndicators"], event["riskLevel"]) == ([], "medium")


async def test_a_mass_deletion_is_a_risk(world):
    ids = [uuid4() for _ in range(100)]
    await world.superuser.executemany(
        "INSERT INTO requirements (id, organization_id, project_id, document_id, block_id, name,"
        " position) VALUES ($1, $2, $3, $4, $5, 'One of many', $6)",
        [
            (id, world.organization, world.project, world.document, world.block, 10.0 + place)
            for place, id in enumerate(ids)
        ],
    )
    delete = """mutation ($items: [DeleteItemInput!]!) {
        requirementsDelete(items: $items) { results { index } } }"""
    items = [{"id": str(id), "expectedVersion": 1} for id in ids]
    await world.ask("editor", delete, items=items)
    found = await world.superuser.fetch(
        "SELECT threat_indicators, risk_level FROM audit_logs WHERE entity_id = ANY ($1)", ids
    )
    assert len(found) == 100
    assert {(*row["threat_indicators"], row["risk_level"]) for row in found} == {
        ("mass_deletion", "high")
    }


@pytest.mark.parametrize(
    ("filter", "number"),
    [
        ({"action": {"eq": "update"}}, 1),
        ({"severity": {"eq": "HIGH"}}, 0),
        ({"severity": {"gte": "LOW"}}, 1),
        ({"resourceType": {"in": ["REQUIREMENT", "BLOCK"]}}, 1),
        ({"soc2Control": {"eq": "CC6.3"}}, 0),
        ({"entityType": {"eq": "Requirement"}}, 1),
        ({"ipAddress": {"eq": "203.0.113.7"}}, 0),
        ({"ipAddress": {"eq": "no address"}}, 0),
        ({"not": {"ipAddress": {"eq": "no address"}}}, 1),
        ({"ipAddress": {"ne": "203.0.113.7"}}, 1),
        ({"ipAddress": {"isNull": False}}, 1),
        ({"createdAt": {"lt": "2020-01-01T00:00:00Z"}}, 0),
        ({"sourceSystem": {"eq": "api"}}, 1),
    ],
)
async def test_events_are_filtered(world, filter, number):
    await world.ask("editor", RENAME, id=world.requirement)
    assert len(await logs(world, **filter)) == number


async def test_events_are_found_by_any_form_of_their_address(world):
    await world.ask("editor", RENAME, id=world.requirement)
    (event,) = await logs(world)
    address = event["ipAddress"]
    for found in ({"eq": address}, {"in": [address, "x"]}, {"startsWith": address[:3]}):
        assert [one["id"] for one in await logs(world, ipAddress=found)] == [event["id"]]
    await world.superuser.execute(
        "INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, ip_address)"
        " VALUES ($1, gen_random_uuid(), 'Requirement', 'update', '2001:db8::7')",
        world.organization,
    )
    for text in ("2001:db8::7", "2001:DB8:0:0::0007"):
        assert len(await logs(world, ipAddress={"eq": text})) == 1


async def test_events_of_one_request_have_their_correlation_in_common(world):
    await world.ask("editor", RENAME, id=world.requirement)
    (event,) = await logs(world)
    (same,) = await logs(world, correlationId={"eq": event["correlationId"]})
    assert same["id"] == event["id"]
    assert await logs(world, correlationId={"eq": uuid4()}) == []


async def test_a_notification_is_recorded_without_its_text_for_others(world):
    """An administrator sees that there was one, but not what it says to another person."""
    await world.ask("owner", ROLE, id=world.members["member"], role="EDITOR")
    (event,) = await logs(world, entityType={"eq": "Notification"})
    assert event["user"] == {"id": str(world.people["member"])}
    assert (event["changes"], event["entity"]) == ([], None)
    await world.ask("owner", ROLE.replace("1,", "2,"), id=world.members["member"], role="ADMIN")
    own = await logs(world, "member", entityType={"eq": "Notification"})
    assert [change["field"] for change in own[0]["changes"] if change["field"] == "title"]
