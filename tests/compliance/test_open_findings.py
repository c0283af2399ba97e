"""Open findings by day are those of the newest assessment of each document and its frameworks."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from uuid_utils.compat import uuid7

from tests.world import Refused

NUMBER, LAST = 600, 30
SEVERITIES = ("critical", "high", "medium", "low")
OPEN = """query ($id: UUID!, $last: Int!) { organization(id: $id) {
    openFindings(last: $last) { day critical high medium low } } }"""
DOCUMENT = """
INSERT INTO compliance_documents (id, organization_id, user_id, name, media_type, size, status,
    sha256) VALUES ($1, $2, $3, 'Policy.txt', 'text/plain', 5, 'ready', sha256(''))
"""
COMPLETED = """
INSERT INTO assessments (id, organization_id, user_id, compliance_document_id, document_name,
    status, started_at, completed_at, severity_counts)
VALUES ($1, $2, $3, $4, 'Policy.txt', 'completed', $5, $5, $6::jsonb)
"""
LINK = """
INSERT INTO assessment_frameworks (organization_id, assessment_id, framework_id, revision_id,
    framework_revision)
SELECT $1, $2, r.framework_id, r.id, r.revision FROM framework_revisions AS r
WHERE r.framework_id = $3
"""


async def test_600_assessments_are_added_up_by_day(assessing):
    world, chance = assessing.world, Random(7)
    own = (world.organization, world.people["member"])
    frameworks = [(await assessing.framework(name))["id"] for name in ("SOC2", "GDPR")]
    documents = [uuid7() for _ in range(20)]
    await world.superuser.executemany(DOCUMENT, [(id, *own) for id in documents])
    now = datetime.now(UTC)
    runs = []
    for _ in range(NUMBER):
        counts = {each: chance.randrange(4) for each in SEVERITIES if chance.random() < 0.8}
        at = now - timedelta(minutes=chance.randrange(60 * 24 * 40))
        against = frozenset(chance.sample(frameworks, chance.randrange(1, 3)))
        runs.append((uuid7(), chance.choice(documents), against, at, counts))
    rows = [
        (id, *own, document, at, str(counts).replace("'", '"'))
        for id, document, _, at, counts in runs
    ]
    await world.superuser.executemany(COMPLETED, rows)
    links = [(own[0], id, each) for id, _, against, _, _ in runs for each in against]
    await world.superuser.executemany(LINK, links)

    def expected(day):
        newest = {}
        for _, document, against, at, counts in sorted(runs, key=lambda run: run[3]):
            if at.date() <= day:
                newest[document, against] = counts
        return {each: sum(c.get(each, 0) for c in newest.values()) for each in SEVERITIES}

    async def found(by):
        answer = await world.ask(by, OPEN, id=world.organization, last=LAST)
        return answer["openFindings"]

    days = await found("viewer")
    assert [day.pop("day") for day in days] == [
        (now.date() - timedelta(days=back)).isoformat() for back in reversed(range(LAST))
    ]
    for back, day in enumerate(reversed(days)):
        assert day == expected(now.date() - timedelta(days=back)), back
    await world.superuser.execute(
        "UPDATE compliance_documents SET deleted_at = now() WHERE id = $1", documents[0]
    )
    runs = [run for run in runs if run[1] != documents[0]]
    last = (await found("viewer"))[-1]
    assert {each: last[each] for each in SEVERITIES} == expected(now.date())


@pytest.mark.parametrize("last", [0, 367])
async def test_the_number_of_days_is_bounded(world, last):
    with pytest.raises(Refused) as refused:
        await world.ask("member", OPEN, id=world.organization, last=last)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["last"])


async def test_others_see_no_findings(assessing):
    await assessing.assessed()
    asked = {"id": assessing.world.organization, "last": 1}
    assert await assessing.world.code("outsider", OPEN, **asked) == "NOT_FOUND"
    (day,) = (await assessing.world.ask("billing", OPEN, **asked))["openFindings"]
    assert {day[each] for each in SEVERITIES} == {0}  # this role reads no assessments
