"""The pages of access reviews, and those of the audit log."""

import csv
import json
from base64 import b64encode
from hashlib import sha256
from io import BytesIO, StringIO

import pytest
from pypdf import PdfReader

from graph.platform.audit.exporting import EXPORT
from tests.core.reviewing_access import AccessReviewing
from tests.pages.forms import Browser
from tests.platform.jobs.kinds import worker

ITEMS = """query ($id: UUID!) { accessReview(id: $id) { state report { contentHash }
    items(first: 100) { nodes { id userId decision comment kind grantVersion } } } }"""
RENAME = """mutation ($id: UUID!) { requirementUpdate(id: $id, expectedVersion: 1,
    input: {name: "<b>Stop</b>"}) { requirement { version } } }"""
RAISE = """mutation ($id: UUID!, $role: OrganizationRole!, $version: BigInt!) {
    organizationMemberUpdate(id: $id, expectedVersion: $version, input: {role: $role}) {
        organizationMember { version } } }"""
RAISING = """query ($id: UUID!) { organization(id: $id) {
    auditLogs(first: 1, filter: {threatIndicators: {hasAny: ["rights_raised"]}}) {
        nodes { correlationId ipAddress } } } }"""

DOWNLOADS = """query ($id: UUID!) { organization(id: $id) {
    auditLogs(first: 10, filter: {eventType: {eq: EXPORT}}) {
        nodes { description soc2Control details actor { id } } } } }"""


@pytest.fixture
def browser_of(world, settings):
    """Return a function that signs a person in."""
    return lambda person: Browser.of(world, settings, person)


async def test_reviewers_decide_grant_by_grant_and_download_the_report(world, browser_of):
    owner, admin = await browser_of("owner"), await browser_of("admin")
    await owner.open("/access-reviews")
    await owner.open(f"/access-reviews/new?organization={world.organization}")
    new = owner.form("/access-reviews/new") | {
        "name": "<i>Access</i>",
        "object": str(world.organization),
        "reviewer": [str(world.people[name]) for name in ("owner", "admin")],
    }
    await owner.post("/access-reviews/new", new | {"dueDate": "yesterday"})
    assert (owner.page.status_code, "<i>" in owner.page.text) == (400, False)
    await owner.post("/access-reviews/new", new | {"dueDate": "2100-01-31"})
    there = owner.page.headers["location"]
    assert "&lt;i&gt;Access&lt;/i&gt;" in await owner.open(there)
    id = there.split("&id=")[1][:36]

    found = {}
    for item in (await world.ask("owner", ITEMS, id=id))["items"]["nodes"]:
        found[item["userId"], item["kind"]] = item
    mine, editor, viewer = (
        found[str(world.people[name]), "MEMBERSHIP"] for name in ("admin", "editor", "viewer")
    )
    changed = {"id": world.members["viewer"], "version": 1, "role": "EDITOR"}
    await world.ask("owner", RAISE, **changed)
    decide = "/access-reviews/review/decide"
    await admin.open(f"{there}&only=PENDING")
    with pytest.raises(AssertionError):  # nobody confirms themselves
        admin.form(decide, item=mine["id"], verdict="CONFIRM")
    assert "the role is now <strong>editor</strong>" in admin.page.text
    await admin.send(decide, {"item": viewer["id"], "verdict": "CONFIRM"}, comment="Needed")
    assert "The access has been confirmed" in admin.page.text
    await admin.send(decide, {"item": editor["id"], "verdict": "REVOKE"})
    assert "The access has been revoked" in admin.page.text
    again = admin.form(decide, verdict="REVOKE") | {"item": editor["id"]}
    await admin.post(decide, again)
    assert (admin.page.status_code, admin.refusal) == (
        400,
        "The grant was revoked, which is final.",
    )
    decided = await world.ask("owner", ITEMS, id=id)
    decisions = {one["id"]: (one["decision"], one["comment"]) for one in decided["items"]["nodes"]}
    assert decisions[viewer["id"]] == ("CONFIRMED", "Needed")
    assert decisions[editor["id"]] == ("REVOKED", None)

    report = f"/access-reviews/review/report?organization={world.organization}&id={id}"
    await admin.open(report)
    assert admin.page.status_code == 404
    await admin.open(there)
    assert "/access-reviews/review/close" not in admin.page.text  # the author and owners close it
    await owner.open(there)
    assert "has a report" in await owner.send("/access-reviews/review/close")
    content = await admin.open(report)
    closed = await world.ask("owner", ITEMS, id=id)
    assert sha256(content.encode()).hexdigest() == closed["report"]["contentHash"]
    assert json.loads(content)["review"]["id"] == id
    assert "attachment" in admin.page.headers["content-disposition"]


async def test_administrators_of_a_project_review_their_project(world, browser_of):
    whole = await AccessReviewing.begin(world)
    browser = await browser_of("project_admin")
    await browser.open(f"/access-reviews/new?organization={world.organization}")
    assert f"Project {world.name}" in browser.page.text
    assert f'<option value="{world.organization}">' not in browser.page.text
    new = browser.form("/access-reviews/new") | {
        "name": "Project access",
        "object": str(world.project),
        "dueDate": "2100-01-31",
        "reviewer": str(world.people["project_admin"]),
    }
    refused = await browser.post("/access-reviews/new", new | {"object": str(world.organization)})
    assert refused.status_code == 403
    there = (await browser.post("/access-reviews/new", new)).headers["location"]
    assert "Project access" in await browser.open(there)
    await browser.open("/access-reviews")
    assert "Access 2026" not in browser.page.text
    await browser.open(f"/access-reviews/review?organization={world.organization}&id={whole.id}")
    assert browser.page.status_code == 404
    await browser.open(there)
    assert "Cancel the access review" in browser.page.text
    assert "has been cancelled" in await browser.send("/access-reviews/review/cancel")


WRONG = (
    "from=2000",
    "to=9999-12-31",
    *(f"{name}=x" for name in ("person", "project", "document", "correlation", "after")),
    *(f"{name}=none" for name in ("risk", "severity", "kind")),
)


async def test_administrators_filter_and_export_the_audit_log(world, app, browser_of):
    await world.ask("editor", RENAME, id=world.requirement)
    await world.ask("owner", RAISE, id=world.members["viewer"], version=1, role="ADMIN")
    found = await world.ask("owner", RAISING, id=world.organization)
    (raising,) = found["auditLogs"]["nodes"]
    admin = await browser_of("admin")
    text = await admin.open("/audit")
    assert "&lt;b&gt;Stop&lt;/b&gt;" in text
    assert "rights_raised" in text
    base = f"/audit?organization={world.organization}"
    editor, owner = world.people["editor"], world.people["owner"]
    for filters, shown, raised in (
        (f"person={editor}&action=update&kind=REQUIREMENT", True, False),
        (f"object={world.requirement}", True, False),
        (f"person={owner}&risk=high", False, True),
        ("to=2000-01-01", False, False),
        ("from=2000-01-01", True, True),
        (f"project={world.project}&severity=LOW", True, False),
        (f"document={world.document}", True, False),
        ("control=CC6.3", False, True),
        (f"correlation={raising['correlationId']}", False, True),
        (f"address={raising['ipAddress']}&action=update", True, True),
        ("address=203.0.113.9", False, False),
    ):
        text = await admin.open(f"{base}&{filters}")
        assert ("&lt;b&gt;Stop" in text, "rights_raised" in text) == (shown, raised), filters
    for wrong in WRONG:
        await admin.open(f"{base}&{wrong}")
        assert (admin.page.status_code, bool(admin.refusal)) == (400, True), wrong

    await admin.open(f"{base}&object={world.requirement}")
    assert "has been started" in await admin.send("/audit/export")
    await worker(world.database, EXPORT, storage=app.state.storage).run_due()
    assert ".zip" in await admin.open(base)
    assert "There are no alerts" in await admin.open(base.replace("/audit?", "/audit/alerts?"))
    await world.superuser.execute(
        "INSERT INTO audit_alerts (organization_id, indicator, level, event_id, event_at,"
        " event_count, actor_id) SELECT organization_id, 'rights_raised', 'high', id, created_at,"
        " 1, actor_id FROM audit_logs WHERE organization_id = $1 AND entity_id = $2"
        " AND action = 'update'",
        world.organization,
        world.members["viewer"],
    )
    text = await admin.open(base.replace("/audit?", "/audit/alerts?"))
    event = text.split("&amp;event=")[1][:36]
    assert "rights_raised" in await admin.open(f"{base}&event={event}")
    alerts = base.replace("/audit?", "/audit/alerts?")
    assert f"&amp;event={event}" in await admin.open("/audit/alerts"), "of the only organization"
    await admin.open(f"{alerts}&only=open")
    form = admin.form("/audit/alerts/acknowledge")
    text = await admin.send("/audit/alerts/acknowledge", note="<b>Agreed</b>")
    assert "The alert has been acknowledged." in text
    assert "There are no alerts" in text, "the page still shows only those that are not"
    assert "&lt;b&gt;Agreed&lt;/b&gt;" in await admin.open(alerts)
    assert "/audit/alerts/acknowledge" not in admin.page.text
    await admin.post("/audit/alerts/acknowledge", form | {"version": "2", "note": "Again"})
    assert admin.refusal == "The alert has been acknowledged already."


async def test_the_soc2_report_is_downloaded_with_its_digest(world, other_world, browser_of):
    admin = await browser_of("admin")
    base = f"/audit/soc2?organization={world.organization}&from=2026-06-01&to=2027-05-31"
    content = await admin.open(base)
    assert "attachment" in admin.page.headers["content-disposition"]
    digest = b64encode(sha256(admin.page.content).digest()).decode()
    assert admin.page.headers["repr-digest"] == f"sha-256=:{digest}:"
    report = json.loads(content)
    assert report["organization"]["id"] == str(world.organization)
    assert report["report"]["from"].startswith("2026-06-01T00:00:00")
    assert report["report"]["to"].startswith("2027-06-01T00:00:00"), "the last day is in it"
    controls = {one["control"]: one for one in report["report"]["controls"]}
    rows = list(csv.DictReader(StringIO(await admin.open(f"{base}&format=csv"))))
    counts = {name: str(one["eventCount"]) for name, one in controls.items()}
    counts["CC6.7"] = "1"  # the first download
    assert {row["control"]: row["eventCount"] for row in rows} == counts
    await admin.open(f"{base}&format=pdf")
    assert admin.page.headers["content-type"] == "application/pdf"
    printed = "\n".join(
        page.extract_text() for page in PdfReader(BytesIO(admin.page.content)).pages
    )
    assert f"SOC 2 report: Organization {world.name}" in printed
    assert report["report"]["to"][:10] in printed
    assert set(controls) <= set(printed.split())
    for wrong in (f"{base}&format=exe", f"/audit/soc2?organization={world.organization}"):
        await admin.open(wrong)
        assert admin.page.status_code == 400
    for person in ("editor", "billing", "project_admin"):
        await (browser := await browser_of(person)).open(base)
        assert browser.page.status_code == 404
    await admin.open(base.replace(str(world.organization), str(other_world.organization)))
    assert admin.page.status_code == 404


async def test_a_download_of_the_soc2_report_is_an_event_with_its_digest(world, browser_of):
    admin = await browser_of("admin")
    base = f"/audit/soc2?organization={world.organization}&from=2026-06-01&to=2027-05-31"
    expected = []
    for format in ("json", "csv", "pdf"):
        await admin.open(f"{base}&format={format}")
        content = admin.page.content
        facts = {"format": format, "size": len(content), "sha256": sha256(content).hexdigest()}
        expected.append(facts | {"from": "2026-06-01T00:00:00Z", "to": "2027-06-01T00:00:00Z"})
    await admin.open(f"{base}&format=exe")
    await (await browser_of("editor")).open(base)
    found = await world.ask("owner", DOWNLOADS, id=world.organization)
    events = found["auditLogs"]["nodes"]
    assert [event["details"] for event in reversed(events)] == expected
    for event in events:
        assert event["actor"]["id"] == str(world.people["admin"])
        assert (event["soc2Control"], event["description"]) == (
            "CC6.7",
            "The SOC 2 report was downloaded.",
        )
