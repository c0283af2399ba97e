"""The quality of requirements: analyzed after changes, found, counted, and set by project."""

import asyncio
from uuid import UUID

from uuid_utils.compat import uuid7

from graph.platform.jobs import Kind
from graph.requirements.quality import job
from tests.platform.jobs.kinds import enqueued, row, worker
from tests.requirements.bulk import CREATE

QUALITY = """quality { score analyzedAt isStale isTruncated earsPattern findings { rule severity
    span { start end } text reason duplicates { similarity requirement { name } } } }"""
READ = f"query ($id: UUID!) {{ requirement(id: $id) {{ version updatedAt aiAnalysis {QUALITY} }} }}"
LIST = f"""query ($id: UUID!, $filter: RequirementFilterInput) {{ document(id: $id) {{
    requirements(filter: $filter, orderBy: [{{by: POSITION}}]) {{ nodes {{ id name {QUALITY} }} }}
}} }}"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        merged requirement { version } } }"""
SET = """mutation ($id: UUID!, $version: BigInt!, $input: ProjectQualityInput!) {
    projectQualityUpdate(id: $id, expectedVersion: $version, input: $input) {
        project { version quality { language rules { rule isEnabled severity } } } } }"""
STATISTICS = """query ($id: UUID!, $by: RequirementGroup!, $filter: RequirementFilterInput) {
    document(id: $id) { requirementStatistics(groupBy: [{by: $by}], filter: $filter) {
        totalCount groups(sort: KEY) { keys { value } count } } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { id } } }"""


async def work(world):
    """Do what workers do, but for the documents of other tests."""
    await worker(world.database, job.FORGET).run_due()
    await job.analyze_document(world.database, world.document)


async def written(world, *texts, **more):
    """Create requirements with these descriptions; return their IDs."""
    items = [
        {"documentId": world.document, "name": f"Q{n}", "description": text, **more}
        for n, text in enumerate(texts, start=1)
    ]
    made = await world.ask("editor", CREATE, items=items)
    return [one["requirement"]["id"] for one in made["results"]]


async def rules(world, id):
    read = await world.ask("viewer", READ, id=id)
    return [one["rule"] for one in read["quality"]["findings"]]


async def named(world, **filter):
    found = await world.ask("viewer", LIST, id=world.document, filter=filter)
    return [one["name"] for one in found["requirements"]["nodes"] if one["name"][0] == "Q"]


async def test_a_requirement_is_analyzed_after_each_change_without_a_version(world):
    (id,) = await written(world, "The shuttle shall stop quickly.")
    before = await world.ask("viewer", READ, id=id)
    assert before["quality"] == {
        "score": None,
        "analyzedAt": None,
        "isStale": True,
        "isTruncated": False,
        "earsPattern": None,
        "findings": [],
    }
    await work(world)
    read = await world.ask("viewer", READ, id=id)
    quality = read["quality"]
    assert quality["analyzedAt"] is not None
    assert (quality["score"], quality["isStale"], quality["earsPattern"]) == (
        90,
        False,
        "UBIQUITOUS",
    )
    assert quality["findings"] == [
        {
            "rule": "UNQUANTIFIED_TERM",
            "severity": "MEDIUM",
            "span": {"start": 23, "end": 30},
            "text": "quickly",
            "reason": "The term needs a value, a unit and a tolerance to be verified.",
            "duplicates": [],
        }
    ]
    assert (read["version"], read["updatedAt"]) == (before["version"], before["updatedAt"])
    assert len(await world.records(id)) == 1, "no event of it"
    text = {"description": "The shuttle shall stop within 12 m, etc."}
    changed = await world.ask("editor", UPDATE, id=id, version=1, input=text)
    assert changed == {"merged": False, "requirement": {"version": 2}}
    stale = (await world.ask("viewer", READ, id=id))["quality"]
    assert (stale["isStale"], stale["findings"]) == (True, quality["findings"])
    await work(world)
    assert await rules(world, id) == ["OPEN_ENDED_LIST"]
    await world.ask("editor", UPDATE, id=id, version=2, input={"status": "APPROVED"})
    fresh = (await world.ask("viewer", READ, id=id))["quality"]
    assert not fresh["isStale"], "its content is the same"
    past = READ.replace("(id: $id)", "(id: $id, atVersion: 2)")
    assert await world.ask("viewer", past, id=id) | {"updatedAt": None} == {
        "version": 2,
        "updatedAt": None,
        "aiAnalysis": {},
        "quality": None,
    }


async def test_requirements_are_found_and_counted_by_their_findings(world):
    await written(
        world,
        "The shuttle shall stop within 12 m.",
        "The shuttle shall have a good brake.",
        "The ramp opens fast, etc.",
        "The lamp shall always burn in red color.",
    )
    await work(world)
    for filter, expected in [
        ({"rule": {"in": ["VAGUE_TERM", "ABSOLUTE_TERM"]}}, ["Q2", "Q4"]),
        ({"severity": {"atLeast": "MEDIUM"}}, ["Q2", "Q3"]),
        ({"severity": {"atLeast": "LOW"}}, ["Q2", "Q3", "Q4"]),
        ({"rule": {"in": ["UNQUANTIFIED_TERM"]}, "severity": {"atLeast": "HIGH"}}, []),
        ({"hasFindings": False}, ["Q1"]),
        ({"hasFindings": True}, ["Q2", "Q3", "Q4"]),
    ]:
        assert await named(world, quality=[filter]) == expected, filter
    assert await named(world, **{"not": {"quality": [{"hasFindings": True}]}}) == ["Q1"]
    code = {"quality": [{"rule": {"in": []}}]}
    assert await world.code("viewer", LIST, id=world.document, filter=code) == "INVALID"
    past = LIST.replace("(id: $id)", "(id: $id, atVersion: 1)")
    some = {"quality": [{"hasFindings": True}]}
    assert await world.code("viewer", past, id=world.document, filter=some) == "INVALID"

    async def counted(by, **filter):
        mine = {"name": {"startsWith": "Q"}, **filter}
        found = await world.ask("viewer", STATISTICS, id=world.document, by=by, filter=mine)
        groups = found["requirementStatistics"]["groups"]
        return {group["keys"][0]["value"]: group["count"] for group in groups}

    assert await counted("QUALITY_RULE") == {
        "ABSOLUTE_TERM": 1,
        "MISSING_SHALL": 1,
        "OPEN_ENDED_LIST": 1,
        "UNQUANTIFIED_TERM": 1,
        "VAGUE_TERM": 1,
        None: 1,
    }
    severities = await counted("QUALITY_SEVERITY", quality=[{"hasFindings": True}])
    assert severities == {"HIGH": 1, "LOW": 1, "MEDIUM": 1}


async def test_duplicates_are_named_at_both_for_as_long_as_they_are_alike(world):
    text = "The shuttle shall stop at each pier within 12 m of its edge."
    one, other, _ = await written(
        world, text, text.replace("each", "every"), "The lamp shall burn."
    )

    async def duplicates():
        found = await world.ask("viewer", LIST, id=world.document)
        return {
            node["name"]: [
                duplicate["requirement"] and duplicate["requirement"]["name"]
                for finding in node["quality"]["findings"]
                for duplicate in finding["duplicates"]
            ]
            for node in found["requirements"]["nodes"]
            if node["name"][0] == "Q"
        }

    await work(world)
    assert await duplicates() == {"Q1": ["Q2"], "Q2": ["Q1"], "Q3": []}
    await world.ask("editor", UPDATE, id=one, version=1, input={"description": "It shall sink."})
    await work(world)
    assert await duplicates() == {"Q1": [], "Q2": [], "Q3": []}
    await world.ask("editor", UPDATE, id=one, version=2, input={"description": text})
    await work(world)
    assert (await duplicates())["Q2"] == ["Q1"]
    await world.ask("editor", DELETE, id=one, version=3)
    await work(world)
    assert await duplicates() == {"Q2": [], "Q3": []}
    stored = "SELECT ai_analysis, finding_keys FROM requirements WHERE id = $1"
    assert [*await world.superuser.fetchrow(stored, one)] == ["{}", []]
    assert "DUPLICATE" not in await rules(world, other)


async def test_a_project_chooses_its_rules_and_is_analyzed_again(world):
    (id,) = await written(world, "The shuttle shall stop quickly, etc.")
    await work(world)
    assert await rules(world, id) == ["UNQUANTIFIED_TERM", "OPEN_ENDED_LIST"]
    input = {
        "rules": [
            {"rule": "OPEN_ENDED_LIST", "severity": "LOW"},
            {"rule": "UNQUANTIFIED_TERM", "isEnabled": False},
        ]
    }
    variables = {"id": world.project, "version": 1}
    assert await world.code("editor", SET, **variables, input=input) == "FORBIDDEN"
    assert await world.code("outsider", SET, **variables, input=input) == "NOT_FOUND"
    twice = {"rules": [input["rules"][0]] * 2}
    assert await world.code("admin", SET, **variables, input=twice) == "INVALID"
    set_ = (await world.ask("admin", SET, **variables, input=input))["project"]
    assert (set_["version"], set_["quality"]["language"]) == (2, "ENGLISH")
    told = {one["rule"]: one for one in set_["quality"]["rules"]}
    assert told["OPEN_ENDED_LIST"]["severity"] == "LOW"
    assert not told["UNQUANTIFIED_TERM"]["isEnabled"]
    await work(world)
    assert await rules(world, id) == ["OPEN_ENDED_LIST"]
    assert await named(world, quality=[{"severity": {"atLeast": "MEDIUM"}}]) == []
    variables["version"] = 2
    await world.ask("admin", SET, **variables, input={"language": "OTHER"})
    await work(world)
    assert await rules(world, id) == []
    *_, event = await world.records(world.project)
    assert event["changed_fields"] == ["quality_settings"]


async def test_a_requirement_that_somebody_writes_is_analyzed_later(world):
    (id,) = await written(world, "The shuttle shall stop quickly.")
    async with world.superuser.transaction():
        await world.superuser.execute("SELECT FROM requirements WHERE id = $1 FOR UPDATE", id)
        await asyncio.wait_for(work(world), 60)
        assert (await world.ask("viewer", READ, id=id))["quality"]["isStale"]
    await work(world)
    assert await rules(world, id) == ["UNQUANTIFIED_TERM"]


async def test_the_job_goes_on_with_other_documents_where_one_fails(world, monkeypatch):
    (id,) = await written(world, "The shuttle shall stop quickly.")
    bad = uuid7()

    async def documents(_, after, __):
        return [bad, world.document] if after == job.FIRST else []

    async def texts(database, document, most):
        if document == bad:
            raise RuntimeError
        return await read(database, document, most)

    read = job.stale_texts
    monkeypatch.setattr(job, "stale_documents", documents)
    monkeypatch.setattr(job, "stale_texts", texts)
    kind = Kind("quality.of_a_test", job.KINDS[-1].handler)
    made = await enqueued(world, kind)
    await worker(world.database, kind).run_due()
    assert (await row(world, made))["result"] == '{"analyzed": 2}'
    assert await rules(world, id) == ["UNQUANTIFIED_TERM"]


async def test_documents_with_changes_are_found_by_the_index(world):
    await written(world, "The shuttle shall stop.")
    before = UUID(int=world.document.int - 1)
    assert (await job.stale_documents(world.database, before, 1)) == [world.document]
    await work(world)
    assert world.document not in await job.stale_documents(world.database, before, 1)


async def test_a_baseline_does_not_differ_by_an_analysis(world):
    await written(world, "The shuttle shall stop quickly.")
    freeze = """mutation ($id: UUID!) { baselineCreate(input: {documentId: $id, name: "B"}) {
        baseline { id } } }"""
    made = (await world.ask("editor", freeze, id=world.document))["baseline"]["id"]
    await work(world)
    diff = "query ($id: UUID!) { baseline(id: $id) { diff { added removed changed moved } } }"
    nothing = {"added": 0, "removed": 0, "changed": 0, "moved": 0}
    assert (await world.ask("viewer", diff, id=made))["diff"] == nothing
