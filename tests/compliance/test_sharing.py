"""Reports are shared by addresses that open one assessment to whoever has them."""

from typing import Any

import pytest

from auth.accounts import erasure
from auth.accounts.mail import Outbox
from graph.compliance import archive
from tests.compliance.assessing import DELETE, FINDING
from tests.platform.sharing import CREATE, PASSWORD, REVOKE, UPDATE, expire, share, visitors
from tests.world import Refused

SHARED = f"""{{ shared {{ object {{ __typename id ... on Assessment {{
    status score documentName
    organization {{ id }} complianceDocument {{ id }} user {{ id }} createdBy {{ id }}
    findingTasks: tasks {{ totalCount }} shares {{ totalCount }} history {{ totalCount }}
    viewerCan {{ update delete }}
    frameworks {{ nodes {{ frameworkRevision framework {{ code }} revision {{ name }} }} }}
    results {{ partial findings {{ {FINDING} }} }} }} }} }} }}"""
ONE = "query ($id: UUID!) { assessment(id: $id) { id } }"
REACHED = """query ($organization: UUID!, $document: UUID!) {
    assessments { totalCount } organization(id: $organization) { id }
    complianceDocument(id: $document) { id } }"""
LIST = """query ($id: UUID!) { assessment(id: $id) { shares { totalCount
    nodes { id name viewCount objectId objectType project { id } } } } }"""
CAN = """query ($id: UUID!) { assessment(id: $id) { viewerCan { create(type: SHARE) } } }"""
VIEWS = """query ($id: UUID!) { share(id: $id) { viewCount views { nodes { userAgent } } } }"""
LEFT = "SELECT count(*) FROM shares WHERE organization_id = $1"
DELETE_DOCUMENT = """mutation ($id: UUID!) { complianceDocumentDelete(id: $id,
    expectedVersion: $version) { __typename } }""".replace(
    "($id: UUID!)", "($id: UUID!, $version: BigInt!)"
)
VERSION = "SELECT version FROM compliance_documents WHERE id = $1"


@pytest.fixture
async def browser(app):
    """Yield a browser of somebody without an account."""
    async with visitors(app) as visit:
        yield visit()


async def assessed(assessing: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Assess a document of the member; return the assessment and the document."""
    document, framework = await assessing.document(), await assessing.framework()
    made = await assessing.create(document, [framework])
    await assessing.work()
    return await assessing.show(made["id"]), document


async def test_the_guest_sees_the_report_and_nothing_around_it(assessing):
    world = assessing.world
    found, document = await assessed(assessing)
    other, _ = await assessed(assessing)
    made = await share(world, "member", found["id"])
    assert (made.row["objectType"], made.row["project"]) == ("ASSESSMENT", None)
    opened = (await world.ask("guest", SHARED))["object"]
    assert opened.pop("results") == {
        "partial": False,
        "findings": found["results"]["findings"],
    }
    (link,) = opened.pop("frameworks")["nodes"]
    assert link["framework"]["code"].startswith("SOC2-")
    none = {"totalCount": 0}
    assert opened == {
        "__typename": "Assessment",
        "id": found["id"],
        "status": "COMPLETED",
        "score": found["score"],
        "documentName": "Policy.txt",
        "organization": None,
        "complianceDocument": None,
        "user": None,
        "createdBy": None,
        "findingTasks": none,
        "shares": none,
        "history": none,
        "viewerCan": {"update": False, "delete": False},
    }
    places = {"organization": world.organization, "document": document["id"]}
    answer = await world.answer("guest", REACHED, **places)
    assert answer["data"]["assessments"]["totalCount"] == 1
    assert answer["data"]["organization"] is answer["data"]["complianceDocument"] is None
    assert await world.code("guest", ONE, id=other["id"]) == "NOT_FOUND"
    assert await world.code("guest", DELETE, id=found["id"], version=1) == "FORBIDDEN"


async def test_a_share_of_a_document_opens_no_assessment(assessing):
    found, _ = await assessed(assessing)
    await share(assessing.world)
    assert await assessing.world.code("guest", ONE, id=found["id"]) == "NOT_FOUND"


async def test_the_member_who_asked_and_administrators_share_a_report(assessing):
    world = assessing.world
    found, _ = await assessed(assessing)
    input = {"objectId": found["id"], "name": "Auditor"}
    for person in ("viewer", "editor"):
        assert await world.code(person, CREATE, input=input) == "FORBIDDEN"
    for person in ("viewer", "editor", "member", "admin"):
        can = (await world.ask(person, CAN, id=found["id"]))["viewerCan"]
        assert can == {"create": person in {"member", "admin"}}
    assert await world.code("outsider", CREATE, input=input) == "NOT_FOUND"
    own = await share(world, "member", found["id"])
    by_admin = await share(world, "admin", found["id"])
    ids = {str(own.id), str(by_admin.id)}
    for person, seen in (("member", ids), ("admin", ids), ("viewer", set())):
        nodes = (await world.ask(person, LIST, id=found["id"]))["shares"]["nodes"]
        assert {each["id"] for each in nodes} == seen
    assert await world.code("viewer", REVOKE, id=own.id) == "NOT_FOUND"
    await world.ask("member", REVOKE, id=by_admin.id)
    await world.ask("admin", REVOKE, id=own.id)
    assert await world.code("guest", SHARED) == "UNAUTHENTICATED"
    of_document = await share(world)
    assert await world.code("member", REVOKE, id=of_document.id) == "NOT_FOUND"


async def test_the_page_shows_the_report_without_script_and_counts_views(assessing, browser, app):
    world = assessing.world
    found, _ = await assessed(assessing)
    made = await share(world, "member", found["id"])
    answer = await browser.get(made.path)
    page = answer.text
    assert answer.status_code == 200
    assert "<script" not in page
    assert found["id"] not in page
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "Compliance report: Policy.txt" in page
    assert f"Score: {found['score'] * 100:.0f} %" in page
    finding = next(each for each in found["results"]["findings"] if each["evidence"])
    assert finding["requirement"] in page
    assert finding["evidence"][0]["quote"].split()[0] in page
    assert (await browser.get(f"{made.path}?page=2")).status_code == 404
    await app.state.views.write()
    views = await world.ask("member", VIEWS, id=made.id)
    assert views["viewCount"] == 1
    assert len(views["views"]["nodes"]) == 1
    await assessing.plan("free")
    await world.superuser.execute(
        "UPDATE assessments SET started_at = started_at - interval '1 year',"
        " completed_at = completed_at - interval '1 year' WHERE id = $1",
        found["id"],
    )
    await archive.archive(assessing.run())
    assert finding["requirement"] in (await browser.get(made.path)).text
    await world.ask("member", REVOKE, id=made.id)
    assert (await browser.get(made.path)).status_code == 404


async def test_a_report_that_is_not_complete_shows_no_findings(assessing, browser):
    world = assessing.world
    await assessing.work()
    made = await assessing.create(await assessing.document(), [await assessing.framework()])
    shared = await share(world, "member", made["id"])
    page = (await browser.get(shared.path)).text
    assert "Pending: the report is shown here once the assessment is completed." in page
    await assessing.work()
    assert "Score: " in (await browser.get(shared.path)).text


async def test_an_expired_address_and_one_without_its_password_open_nothing(assessing, browser):
    world = assessing.world
    found, _ = await assessed(assessing)
    made = await share(world, "member", found["id"], password=PASSWORD)
    assert "Policy.txt" not in (await browser.get(made.path)).text
    assert await world.code("guest", SHARED) == "UNAUTHENTICATED"
    input = {"password": None}
    await world.ask("member", UPDATE, id=made.id, version=1, input=input)
    assert "Policy.txt" in (await browser.get(made.path)).text
    await expire(world, made)
    assert (await browser.get(made.path)).status_code == 404
    assert await world.code("guest", SHARED) == "UNAUTHENTICATED"


async def test_a_share_ends_with_its_document_and_with_its_member(assessing, browser, settings):
    world = assessing.world
    found, document = await assessed(assessing)
    made = await share(world, "member", found["id"])
    version = await world.superuser.fetchval(VERSION, document["id"])
    await world.ask("member", DELETE_DOCUMENT, id=document["id"], version=version)
    assert (await browser.get(made.path)).status_code == 404
    assert (await world.ask("guest", SHARED)) == {"object": None}
    await erasure.erase(world.database, Outbox(settings), world.email("member"))
    assert await world.superuser.fetchval(LEFT, world.organization) == 0
    with pytest.raises(Refused):
        await world.ask("guest", SHARED)
