"""An assessment is followed from its creation to its results."""

import pytest

from graph.http.operation.operations import NotRun
from tests.compliance.assessing import COMPLETE, EXTEND, Assessing
from tests.compliance.uploading import Compliance

FOLLOW = """subscription ($id: UUID!) { assessmentChanged(id: $id) { kind changedFields
    entity { ... on Assessment { status progress score attempts
        results { partial findings { requirement status evidence { quote } } } } } } }"""
IN_ORGANIZATION = """subscription ($id: UUID!) { organizationChanged(id: $id) {
    kind entity { ... on Assessment { id status } } } }"""
QUOTE = "Access follows least privilege and is granted after approval by the manager."


@pytest.fixture
async def assessing(world, app):
    """Return the tenant with a queue of its own."""
    return await Assessing.alone(Compliance(world, app.state.storage, world.client))


async def test_an_assessment_is_followed_with_partial_results_to_its_end(assessing, follow):
    world, framework = assessing.world, await assessing.framework()
    document = await assessing.document()
    await assessing.compliance.extracted()
    made = await assessing.create(document, [framework])
    followers = [await follow(who, FOLLOW, id=made["id"]) for who in ("member", "viewer")]
    (all_of_it,) = [await follow("owner", IN_ORGANIZATION, id=world.organization)]
    (claimed,) = await assessing.claim()
    found = {
        "framework": framework["code"],
        "requirement": "CC6.1",
        "status": "met",
        "evidence": [{"page": 1, "quote": QUOTE}, {"page": 1, "quote": "It is invented."}],
    }
    held = {"id": made["id"], "lease": claimed["leaseId"]}

    def last(follower):
        return (follower.told[-1].get("entity") or {}) if follower.told else {}

    for follower in followers:
        await follower.until(lambda f: last(f).get("status") == "PROCESSING")
    await world.ask("owner", EXTEND, **held, seconds=60, progress=0.5, found=[found])
    for follower in followers:
        await follower.until(lambda f: last(f).get("progress") == 0.5)
        results = last(follower)["results"]
        assert results["partial"] is True
        assert [each["evidence"] for each in results["findings"]] == [[]]  # not verified yet
    await world.ask("owner", COMPLETE, **held, results={"findings": [found]})
    for follower in followers:
        await follower.until(lambda f: last(f).get("status") == "COMPLETED")
        ended = last(follower)
        assert (ended["results"]["partial"], ended["score"] > 0) == (False, True)
        quotes = [q["quote"] for each in ended["results"]["findings"] for q in each["evidence"]]
        assert quotes == [QUOTE]
    await all_of_it.until(
        lambda f: {"id": made["id"], "status": "COMPLETED"} in [e.get("entity") for e in f.told]
    )


async def test_nobody_outside_follows_an_assessment(assessing, follow):
    made = await assessing.create(await assessing.document(), [await assessing.framework()])
    for person in ("outsider", "billing"):
        with pytest.raises(NotRun):
            await follow(person, FOLLOW, id=made["id"])
