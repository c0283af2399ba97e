"""The pages of compliance, without a script."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx
import pytest
from pydantic import SecretStr

from graph.app import create_app
from graph.compliance.reports.job import REPORT
from tests.compliance.assessing import POLICY, Assessing
from tests.compliance.uploading import Compliance
from tests.pages.forms import Browser
from tests.platform.jobs.kinds import worker
from tests.serving import served

PAGE = "/compliance/assessment"
TASKS = """query ($id: UUID!) { assessment(id: $id) { tasks { nodes {
    title status requirement assignee { id } dueDate } } } }"""


@pytest.fixture
async def assessing(world, app) -> Assessing:
    """Return the tenant with documents, frameworks and workers."""
    return await Assessing.alone(Compliance(world, app.state.storage, world.client))


@pytest.fixture
def browser_of(world, settings):
    """Return a function that signs a person in."""
    return lambda person: Browser.of(world, settings, person)


def place(world, assessment, **further: str) -> str:
    """Return the path of an assessment."""
    rest = "".join(f"&{name}={value}" for name, value in further.items())
    return f"{PAGE}?organization={world.organization}&id={assessment['id']}{rest}"


MANY_DOCUMENTS = """
INSERT INTO compliance_documents (organization_id, user_id, name, media_type, size, status, sha256)
SELECT organization_id, user_id, 'Later ' || n, media_type, size, status, sha256
FROM compliance_documents, generate_series(1, $2::int) AS n WHERE id = $1
"""
MANY_ASSESSMENTS = """
INSERT INTO assessments (organization_id, user_id, compliance_document_id, document_name)
SELECT organization_id, user_id, id, name
FROM compliance_documents, generate_series(1, $2::int) AS n WHERE id = $1
"""


async def test_a_report_shows_quotes_with_pages_and_what_is_missing(assessing, world, browser_of):
    found = await assessing.assessed(name="<b>Policy</b>.txt")
    browser = await browser_of("viewer")
    text = unescape(await browser.open(place(world, found)))
    assert "&lt;b&gt;Policy" in browser.page.text
    findings = found["results"]["findings"]
    assert {finding["status"] for finding in findings} >= {"MET", "MISSING"}
    for finding in findings:
        assert finding["title"] in text
        assert all(each["quote"] in text for each in finding["evidence"])
    assert "Page 2" in text
    assert f"{int(100 * found['score'])} %" in text
    missing = unescape(await browser.open(place(world, found, only="missing")))
    for finding in findings:
        assert (finding["title"] in missing) == (finding["status"] == "MISSING")


async def test_a_finding_becomes_a_task_that_is_done(assessing, world, browser_of):
    found = await assessing.assessed()
    finding = next(f for f in found["results"]["findings"] if f["status"] == "MISSING")
    browser = await browser_of("member")
    await browser.open(place(world, found))
    create = f"{PAGE}/task"
    new = {"title": "<i>Write</i> it", "assignee": str(world.people["editor"]), "comment": ""}
    named = {"requirement": finding["requirement"]}
    await browser.send(create, named, **new, dueDate="soon")
    assert (browser.page.status_code, "<i>" in browser.page.text) == (400, False)
    assert "&lt;i&gt;Write" in browser.page.text
    outside = new | {"assignee": str(world.people["outsider"])}
    await browser.send(create, named, **outside, dueDate="2100-01-31")
    assert browser.page.status_code == 404
    await browser.send(create, named, **new, dueDate="2100-01-31")
    assert "The task has been created" in browser.page.text
    (task,) = (await world.ask("owner", TASKS, id=found["id"]))["tasks"]["nodes"]
    assert task == {
        "title": new["title"],
        "status": "OPEN",
        "requirement": finding["requirement"],
        "assignee": {"id": new["assignee"]},
        "dueDate": "2100-01-31T23:59:59+00:00",
    }
    await browser.send(f"{PAGE}/task/done")
    assert "The task is done" in browser.page.text
    (task,) = (await world.ask("owner", TASKS, id=found["id"]))["tasks"]["nodes"]
    assert task["status"] == "DONE"


async def test_a_report_is_written_as_a_file(assessing, world, browser_of):
    found = await assessing.assessed()
    browser = await browser_of("member")
    await browser.open(place(world, found))
    await browser.send(f"{PAGE}/file", format="EXE")
    assert browser.refusal == "Choose PDF, JSON or CSV."
    await browser.open(place(world, found))
    text = await browser.send(f"{PAGE}/file", format="JSON")
    assert "The report: queued" in text
    there = str(browser.page.url)
    await worker(world.database, REPORT, storage=assessing.compliance.storage).run_due()
    assert "Policy report.json" in await browser.open(there)


async def test_a_report_is_shared_until_it_is_revoked(assessing, world, browser_of, app):
    found = await assessing.assessed()
    path = f"{PAGE}/shares?organization={world.organization}&id={found['id']}"
    owner, viewer = await browser_of("owner"), await browser_of("viewer")
    assert unescape(await owner.open(place(world, found))).count(path) == 1
    await owner.open(path)
    create = f"{PAGE}/shares/create"
    await owner.send(create, name="<i>Auditor</i>", expiresAt="2000-01-31", password="")
    assert (owner.page.status_code, "<i>" in owner.page.text) == (400, False)
    soon = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    await owner.send(create, name="<i>Auditor</i>", expiresAt=soon, password="short")
    assert owner.page.status_code == 400
    text = await owner.send(create, name="<i>Auditor</i>", expiresAt=soon, password="")
    address = re.search("<code>[^<]*(/s/[^<]+)</code>", text)[1]
    assert f"{soon} 23:59 UTC" in text
    report = await world.client.get(address)
    assert report.status_code == 200
    assert found["results"]["findings"][0]["title"] in unescape(report.text)
    text = await owner.open(path)
    assert address not in text
    assert address[-4:] in text
    await app.state.views.write()
    assert "Views: 1, the last" in await owner.open(path)
    assert "Auditor" not in await viewer.open(path)  # of those who administer or own it alone
    await viewer.send(create, name="Mine", expiresAt=soon, password="")
    assert viewer.page.status_code in (403, 404)
    await owner.open(path)
    assert "has been revoked" in await owner.send(f"{PAGE}/shares/revoke")
    assert (await world.client.get(address)).status_code == 404


async def test_two_runs_of_a_document_are_compared(assessing, world, browser_of):
    framework = await assessing.framework()
    document = await assessing.document(POLICY, name="Policy.txt")
    runs = []
    for _ in range(2):
        runs.append(await assessing.create(document, [framework]))
        await assessing.work()
    browser = await browser_of("member")
    earlier, later = runs
    assert f'value="{earlier["id"]}"' in await browser.open(place(world, later))
    compared = await browser.open(place(world, later, **{"with": earlier["id"]}))
    assert "<td>unchanged</td>" in compared
    counts = (await assessing.show(later["id"]))["severityCounts"]
    home = await browser.open(f"/compliance?organization={world.organization}")
    assert f"High: 0 at first, {counts['high']} at last" in home  # of the later one alone
    other = await assessing.assessed(name="Other.txt")
    await browser.open(place(world, later, **{"with": other["id"]}))
    assert browser.page.status_code == 400


async def test_a_member_starts_an_assessment_from_a_list_of_frameworks(
    assessing, world, browser_of
):
    framework = await assessing.framework(description="What <b>customers</b> ask for.")
    document = await assessing.document(POLICY, name="Policy.txt")
    member = await browser_of("member")
    home = await member.open(f"/compliance?organization={world.organization}")
    new = f"/compliance/new?organization={world.organization}"
    assert f'href="{new}&amp;document={document["id"]}"' in home
    text = await member.open(f"{new}&document={document['id']}")
    assert f'value="{document["id"]}" selected' in text
    assert "What &lt;b&gt;customers&lt;/b&gt; ask for." in text
    fields = {"document": document["id"]}
    await member.send("/compliance/new", **fields)
    assert member.refusal == "Select 1 to 20 frameworks."
    await member.send("/compliance/new", **fields, framework=[framework["id"], world.project])
    assert member.page.status_code == 400
    text = await member.send("/compliance/new", **fields, framework=[framework["id"]])
    assert ">pending<" in text
    assert 'data-follows="assessmentChanged:' in text
    await assessing.work()
    assert ">completed<" in await member.open(str(member.page.url))
    await assessing.plan("free")
    await world.superuser.execute(
        "UPDATE organizations SET usage_limits = '{\"assessments\": 1}' WHERE id = $1",
        world.organization,
    )
    assert "1 of 1 assessments used" in await member.open(new)
    await member.send("/compliance/new", **fields, framework=[framework["id"]])
    assert member.page.status_code == 403, member.refusal


async def test_the_dashboard_shows_the_own_assessments_usage_tasks_and_open_findings(
    assessing, world, browser_of
):
    found = await assessing.assessed(name="<b>Policy</b>.txt")
    member, owner = await browser_of("member"), await browser_of("owner")
    home = f"/compliance?organization={world.organization}"
    text = await member.open(home)
    assert "<b>Policy" not in text
    assert f"&amp;id={found['id']}" in text
    counts = found["severityCounts"]
    assert sum(counts.values()) > 0
    for severity in ("critical", "high", "medium", "low"):
        assert f"{severity.title()}: 0 at first, {counts.get(severity, 0)} at last" in text
    others = await owner.open(home)
    assert f"&amp;id={found['id']}" not in others  # the assessments of the viewer alone
    assert "assessments used this month" in others
    outsider = await browser_of("outsider")
    await outsider.open(home)
    assert outsider.page.status_code == 404


async def test_long_lists_go_on_at_the_next_page(assessing, world, browser_of):
    framework = await assessing.framework()
    document = await assessing.document(name="First.txt")
    await assessing.create(document, [framework])
    await world.superuser.execute(MANY_DOCUMENTS, document["id"], 100)
    await world.superuser.execute(MANY_ASSESSMENTS, document["id"], 20)
    member = await browser_of("member")
    text = await member.open(f"/compliance?organization={world.organization}")
    assert "Earlier assessments" in text
    assert "Further tasks" not in text
    assert "First.txt <span" not in text
    for _ in range(5):
        (further,) = re.findall(r'href="([^"]+)">Earlier documents', text)
        text = await member.open(unescape(further))
    assert "First.txt <span" in text
    assert "Earlier documents" not in text
    new = f"/compliance/new?organization={world.organization}"
    text = await member.open(new)
    assert document["id"] not in text
    (further,) = re.findall(r'href="([^"]+)">Earlier documents', text)
    assert document["id"] in await member.open(unescape(further))
    named = await member.open(f"{new}&document={document['id']}")
    assert f'<option value="{document["id"]}" selected>First.txt' in named
    await member.open(f"/compliance?organization={world.organization}&documents=x")
    assert member.page.status_code == 400


async def test_the_page_that_uploads_may_reach_the_bucket(world, settings):
    bucket = {"s3_bucket": "files", "s3_endpoint": "https://storage.example"}
    changed = settings.model_copy(
        update={**bucket, "s3_access_key": "key", "s3_secret_key": SecretStr("secret")}
    )
    async with (
        served(lambda url: create_app(changed.model_copy(update={"public_url": url}))) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        browser = await Browser.of(replace(world, client=client), changed, "member")
        await browser.open(f"/compliance?organization={world.organization}")
    policy = browser.page.headers["content-security-policy"]
    assert "connect-src 'self' https://storage.example" in policy


async def test_nobody_opens_an_assessment_of_others(assessing, world, browser_of):
    found = await assessing.assessed()
    outsider = await browser_of("outsider")
    await outsider.open(place(world, found))
    assert outsider.page.status_code == 404
    member = await browser_of("member")
    for path in (
        place(world, {"id": world.organization}),
        f"{PAGE}?organization={world.project}&id={found['id']}",
        f"{PAGE}?organization={world.organization}&id=x",
        place(world, found, job=str(world.organization)),
        place(world, found, **{"with": str(world.organization)}),
    ):
        await member.open(path)
        assert member.page.status_code == 404, path
