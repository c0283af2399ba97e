"""Workers outside of the gateway hold leases, and write nothing without one."""

import pytest

from tests.compliance.assessing import CLAIM, COMPLETE, EXTEND, FAIL, POLICY
from tests.core.keys import make_key
from tests.world import Refused

QUOTE = "Access follows least privilege and is granted after approval by the manager."


def finding(framework, requirement="CC6.1", status="met", quote=QUOTE, page=1, **more):
    evidence = [{"page": page, "quote": quote}] if quote else []
    return {
        "framework": framework["code"],
        "requirement": requirement,
        "status": status,
        "evidence": evidence,
    } | more


FOUND = """mutation ($slug: String!) { organizationCreate(input: {name: "Other", slug: $slug}) {
    organization { id } } }"""


@pytest.fixture
async def pending(assessing):
    """Return an assessment that is pending, and its framework; no other one is."""
    await assessing.work()
    framework = await assessing.framework()
    document = await assessing.document()
    await assessing.compliance.extracted()
    made = await assessing.create(document, [framework])
    return made, framework


async def test_a_worker_claims_fetches_extends_and_completes(assessing, pending):
    made, framework = pending
    (claimed,) = await assessing.claim(worker="outside", leaseSeconds=60)
    assert (claimed["id"], claimed["attempt"]) == (made["id"], 1)
    assert claimed["frameworks"][0]["code"] == framework["code"]
    assert claimed["frameworks"][0]["definition"]["requirements"][3]["id"] == "CC6.1"
    answer = await assessing.compliance.outside.get(claimed["document"]["url"])
    assert answer.content == POLICY
    assert await assessing.claim() == []
    held = {"id": made["id"], "lease": claimed["leaseId"]}
    await assessing.world.ask(
        "owner", EXTEND, **held, seconds=120, progress=0.5, found=[finding(framework)]
    )
    shown = await assessing.show(made["id"])
    assert (shown["status"], shown["progress"]) == ("PROCESSING", 0.5)
    assert shown["results"]["partial"] is True
    assert shown["results"]["findings"][0]["evidence"] == []  # nothing is verified yet
    results = {
        "summary": "Good.",
        "by": "us",
        "findings": [
            finding(framework, more="kept"),
            finding(framework, "CC7.4", quote="An incident response plan exists."),
            finding(framework, "A1.2", "not_applicable", None),
            finding(framework, "ZZ.9"),
        ],
    }
    done = await assessing.world.ask("owner", COMPLETE, **held, results=results)
    assert done == {"status": "COMPLETED"}
    shown = await assessing.show(made["id"])
    found = {each["requirement"]: each for each in shown["results"]["findings"]}
    assert len(found) == 10
    assert found["CC6.1"]["evidence"] == [{"page": 1, "quote": QUOTE}]
    assert (found["CC7.4"]["status"], found["CC7.4"]["rejectedQuotes"]) == ("MISSING", 1)
    assert found["A1.2"]["status"] == "NOT_APPLICABLE"
    assert found["CC8.1"]["status"] == "MISSING"
    assert (shown["results"]["summary"], shown["modelName"]) == ("Good.", "test")
    stored = await assessing.world.superuser.fetchval(
        "SELECT results FROM assessments WHERE id = $1", made["id"]
    )
    assert '"by": "us"' in str(stored) or stored["by"] == "us"
    assert len(await assessing.events()) == 1


async def test_only_who_holds_the_lease_writes(assessing, pending):
    made, framework = pending
    (claimed,) = await assessing.claim()
    held = {"id": made["id"], "lease": claimed["leaseId"]}
    results = {"findings": [finding(framework)]}
    wrong = held | {"lease": made["id"]}
    tried = (
        (COMPLETE, {"results": results}),
        (FAIL, {"final": True}),
        (EXTEND, {"seconds": 60}),
    )
    for mutation, more in tried:
        assert await assessing.world.code("owner", mutation, **wrong, **more) == "NOT_FOUND"
        # An editor administers no organization: the right lease is of no use to them.
        assert await assessing.world.code("editor", mutation, **held, **more) == "NOT_FOUND"
        assert await assessing.world.code("outsider", mutation, **held, **more) == "NOT_FOUND"
    await assessing.world.ask("owner", COMPLETE, **held, results=results)
    for mutation, more in tried:
        assert await assessing.world.code("owner", mutation, **held, **more) == "NOT_FOUND"
    assert len(await assessing.events()) == 1


async def test_a_silent_worker_is_replaced_and_three_of_them_are_enough(assessing, pending):
    made, _ = pending
    leases = []
    for attempt in (1, 2, 3):
        (claimed,) = await assessing.claim()
        assert claimed["attempt"] == attempt
        leases.append(claimed["leaseId"])
        await assessing.world.superuser.execute(
            "UPDATE assessments SET claimed_until = now() - interval '1 second' WHERE id = $1",
            made["id"],
        )
        late = {"id": made["id"], "lease": claimed["leaseId"], "results": {"findings": []}}
        assert await assessing.world.code("owner", COMPLETE, **late) == "NOT_FOUND"
    assert await assessing.claim() == []
    shown = await assessing.show(made["id"])
    assert (shown["status"], shown["attempts"]) == ("FAILED", 3)
    assert "did not finish" in shown["errorMessage"]
    assert len(set(leases)) == 3
    assert await assessing.events() == []


async def test_a_failure_is_tried_again_unless_it_is_final_and_is_not_billed(assessing, pending):
    made, _ = pending
    (claimed,) = await assessing.claim()
    held = {"id": made["id"], "lease": claimed["leaseId"]}
    again = await assessing.world.ask("owner", FAIL, **held, final=False)
    assert again == {"status": "PENDING"}
    (claimed,) = await assessing.claim()
    held["lease"] = claimed["leaseId"]
    ended = await assessing.world.ask("owner", FAIL, **held, final=True)
    assert ended == {"status": "FAILED"}
    assert (await assessing.show(made["id"]))["errorMessage"] == "It broke."
    assert await assessing.events() == []


@pytest.mark.parametrize(
    ("results", "field"),
    [
        ([], ["results"]),
        ({}, ["results", "findings"]),
        ({"findings": [{"framework": "SOC2"}]}, ["results", "findings", 0, "requirement"]),
        (
            {"findings": [{"framework": "A", "requirement": "B", "status": "great"}]},
            ["results", "findings", 0, "status"],
        ),
        ({"findings": [], "summary": 1}, ["results", "summary"]),
    ],
)
async def test_results_of_another_form_are_refused_with_the_place(assessing, results, field):
    variables = {"id": assessing.world.document, "lease": assessing.world.document}
    with pytest.raises(Refused) as refused:
        await assessing.world.ask("owner", COMPLETE, **variables, results=results)
    assert (refused.value.code, refused.value.field) == ("INVALID", field)


async def test_a_key_of_workers_runs_assessments_of_its_organization_alone(assessing, pending):
    world = assessing.world
    await make_key(world, "compliance:work", role="ADMIN")
    (claimed,) = await assessing.claim("robot")
    assert claimed["id"] == pending[0]["id"]
    assert await world.code("robot", "{ assessments { nodes { id } } }") == "FORBIDDEN"
    for person in ("editor", "outsider", "billing"):
        assert await world.code(person, CLAIM, input={}) == "FORBIDDEN"


async def test_an_administrator_of_another_organization_reaches_no_assessment(assessing, pending):
    world, (made, _) = assessing.world, pending
    await world.ask("outsider", FOUND, slug=f"other-{world.name}".lower())
    assert await assessing.claim("outsider", first=20) == []
    (claimed,) = await assessing.claim()
    held = {"id": made["id"], "lease": claimed["leaseId"]}
    for mutation, more in (
        (EXTEND, {"seconds": 60}),
        (COMPLETE, {"results": {"findings": []}}),
        (FAIL, {"final": True}),
    ):
        assert await world.code("outsider", mutation, **held, **more) == "NOT_FOUND"
    assert (await assessing.show(made["id"]))["status"] == "PROCESSING"
