"""A returned file becomes a change set: merged, with conflicts, and nothing overwritten."""

from dataclasses import replace
from random import Random
from uuid import UUID

import pytest

from db.requirements.requirements import RequirementStatus
from graph.requirements.exchange.model.draft import DraftRequirement
from tests.requirements.import_files import lift
from tests.requirements.originals import Kept
from tests.requirements.transferring import EXPORT, IMPORT, Transfers
from tests.storage.uploading import Uploading

ROWS = 500
EDITS = 200
FIELDS = ("Name", "Description", "Status")
HEADER = "Requirement ID," + ",".join(FIELDS)
STATES = ("in_review", "approved", "rejected")
APPLY = """mutation ($id: UUID!, $version: BigInt!) {
    changeSetApply(id: $id, expectedVersion: $version) { changeSet { state } } }"""
REPORT = """query ($job: UUID!) { job(id: $job) { status error importReport {
    dryRun conflicts notes counts { kind created updated unchanged }
    changeSet { id version items(first: 500) { totalCount nodes {
        id version entityId action conflicts { field current proposed } } } } } } }"""
RESOLVE = """mutation ($item: UUID!, $version: BigInt!, $field: String!) { changeSetResolve(
    itemId: $item, expectedVersion: $version, resolutions: [{ field: $field, keep: PROPOSED }]) {
        changeSet { version } } }"""
CREATE = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id } } }"""
DEFINE = """mutation ($input: PropertyCreateInput!) {
    propertyCreate(input: $input) { property { id } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { id } } }"""


@pytest.fixture
def transfers(world, client, app):
    return Transfers(Uploading(world, app.state.storage, client))


def table(rows):
    lines = [",".join([name, *(row[field] for field in FIELDS)]) for name, row in rows.items()]
    return "\n".join([HEADER, *lines]).encode()


def edited(rows, word, random):
    """Return rows after EDITS edits by one side."""
    found = {name: dict(row) for name, row in rows.items()}
    for name in random.sample(sorted(rows), EDITS):
        field = random.choice(FIELDS)
        found[name][field] = (
            random.choice(STATES) if field == "Status" else f"{word} {field} {name}"
        )
    return found


async def returned(transfers, export, name, content, by="editor", *, dry=False, **input):
    """Import a returned file; return its job."""
    world = transfers.world
    file = await transfers.uploaded(name, content)
    given = {"projectId": world.project, "fileId": file, "exportId": export} | input
    job = await world.ask(by, IMPORT, input=given, dryRun=dry)
    await transfers.run()
    return await world.ask(by, REPORT, job=job["jobId"])


async def exported(transfers, format, **input):
    """Export; return the ID of the job, and the content."""
    world = transfers.world
    given = {"projectId": world.project, "format": format} | input
    job = (await world.ask("viewer", EXPORT, input=given))["jobId"]
    await transfers.run()
    file = (await transfers.job(job, "viewer"))["exportedFile"]
    return job, (await transfers.place.outside.get(file["url"])).content


async def stored(world, document):
    found = await world.superuser.fetch(
        "SELECT id, external_id, name, description, status::text FROM requirements"
        " WHERE document_id = $1 AND deleted_at IS NULL",
        document,
    )
    return {
        row["external_id"]: {
            "Name": row["name"],
            "Description": row["description"],
            "Status": row["status"],
        }
        for row in found
    }


async def test_200_edits_on_either_side_are_merged_and_conflicts_are_shown(transfers):
    world, random = transfers.world, Random(7)
    base = {
        f"R{n}": {"Name": f"Name {n}", "Description": f"Text {n}", "Status": "draft"}
        for n in range(ROWS)
    }
    assert (await transfers.imported("ours.csv", table(base)))["error"] is None
    find = "SELECT id FROM documents WHERE name = 'ours' AND organization_id = $1"
    document = await world.superuser.fetchval(find, world.organization)
    onto = {"documentId": document}
    export, _ = await exported(transfers, "CSV", **onto)
    ours, theirs = edited(base, "Our", random), edited(base, "Their", random)
    assert (await transfers.imported("ours.csv", table(ours), **onto))["error"] is None

    dry = await returned(transfers, export, "back.csv", table(theirs), dry=True, **onto)
    report = dry["importReport"]
    assert (dry["error"], report["changeSet"], report["dryRun"]) == (None, None, True)
    job = await returned(transfers, export, "back.csv", table(theirs), **onto)
    report = job["importReport"]
    assert (job["error"], report["notes"]) == (None, [])
    assert await stored(world, document) == ours, "nothing is overwritten"

    clashes, merged = set(), {}
    for name in base:
        merged[name] = dict(ours[name])
        for field in FIELDS:
            if theirs[name][field] != base[name][field]:
                merged[name][field] = theirs[name][field]
                if ours[name][field] not in (base[name][field], theirs[name][field]):
                    clashes.add((name, field))
    items = report["changeSet"]["items"]
    assert items["totalCount"] == EDITS
    in_conflict = [item for item in items["nodes"] if item["conflicts"]]
    assert len(clashes) == len(in_conflict) == report["conflicts"] > 9
    version = report["changeSet"]["version"]
    apply = {"id": report["changeSet"]["id"]}
    assert await world.code("editor", APPLY, **apply, version=version) == "CONFLICT"
    for item in in_conflict:
        (conflict,) = item["conflicts"]
        answer = await world.ask(
            "editor",
            RESOLVE,
            item=item["id"],
            version=item["version"],
            field=conflict["field"],
        )
        version = answer["changeSet"]["version"]
    await world.ask("editor", APPLY, **apply, version=version)
    assert await stored(world, document) == merged


async def test_a_returned_reqif_file_proposes_its_structure_and_what_was_deleted(transfers):
    world = transfers.world
    given = {"projectId": world.project, "name": "Persons", "propertyType": "NUMBER"}
    await world.ask("owner", DEFINE, input=given)
    await transfers.imported("lift.reqif", lift().encode())
    export, content = await exported(transfers, "REQIF")
    unchanged = await returned(transfers, export, "lift.reqifz", content, proposeDeletions=True)
    assert unchanged["importReport"]["changeSet"] is None
    rows = await world.superuser.fetch(
        "SELECT id, external_id, version, document_id FROM requirements WHERE organization_id = $1"
        " AND external_id LIKE 'r-%'",
        world.organization,
    )
    row = {each["external_id"]: each for each in rows}
    gone = row["r-reopen"]
    await world.ask("editor", DELETE, id=gone["id"], version=gone["version"])
    ours = {"documentId": gone["document_id"], "name": "Ours meanwhile"}
    await world.ask("editor", CREATE, input=ours)

    theirs = Kept(content, "lift.reqifz")
    document = next(d for d in theirs.draft.documents if d.external_id == "spec-lift")
    parts = {part.external_id: part for part in document.requirements}
    for name, change in (
        ("r-reopen", {"description": "Edited by them"}),
        ("r-overload", {"block": "h-doors"}),
        ("r-load", {"properties": parts["r-load"].properties | {"Persons": "many"}}),
    ):
        for field, value in change.items():
            setattr(parts[name], field, value)
        parts[name].stored = replace(parts[name].stored, version=2)
    document.requirements.remove(parts["r-close"])
    new = DraftRequirement("New", "r-new", "h-cabin", "Theirs", stored=theirs.row())
    new.status = RequirementStatus.APPROVED
    document.requirements.append(new)
    theirs.draft.links = [
        link for link in theirs.draft.links if "r-close" not in (link.source, link.target)
    ]
    before = await stored(world, gone["document_id"])
    written = theirs.written(theirs.draft)
    job = await returned(transfers, export, "lift.reqifz", written, proposeDeletions=True)
    report = job["importReport"]
    assert (job["error"], report["conflicts"]) == (None, 1)
    assert report["notes"][-1].startswith("r-load: "), report["notes"]
    names = {each["id"]: name for name, each in row.items()}
    items = report["changeSet"]["items"]["nodes"]
    found = {names.get(UUID(item["entityId"])): item for item in items}
    actions = {name: item["action"] for name, item in found.items() if name}
    assert actions == {"r-reopen": "UPDATE", "r-overload": "UPDATE", "r-close": "DELETE"}
    assert [one["field"] for one in found["r-reopen"]["conflicts"]] == ["deletedAt"]
    assert [item["action"] for item in items if UUID(item["entityId"]) not in names][:1] == [
        "CREATE"
    ]
    assert await stored(world, gone["document_id"]) == before


async def test_an_export_of_another_project_or_tenant_is_not_found(transfers, other_project):
    world = transfers.world
    export, content = await exported(transfers, "REQIF")
    file = await transfers.uploaded("back.reqif", content)
    given = {"projectId": world.project, "fileId": file, "exportId": export}

    async def code(by, **more):
        return await world.code(by, IMPORT, input=given | more, dryRun=True)

    assert await code("owner", exportId=str(UUID(int=1))) == "NOT_FOUND"
    assert await code("outsider") == "NOT_FOUND"
    assert await code("editor", exportId=None, proposeDeletions=True) == "INVALID"
    await world.superuser.execute(
        "UPDATE exchange_files SET project_id = $2 WHERE id = $1",
        UUID(export),
        UUID(str(other_project)),
    )
    assert await code("owner") == "NOT_FOUND"
