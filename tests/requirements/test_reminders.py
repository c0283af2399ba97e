"""Reminders: once for each assignment, assignee and due date, of what they can see."""

from datetime import UTC, datetime, timedelta

import pytest

from graph.requirements.reminders import KINDS
from tests.platform.jobs.kinds import worker
from tests.requirements.test_assignments import DELETE, UPDATE, assign

NOW = datetime.now(UTC)
TOLD = """{ viewer { notifications(filter: {type: {eq: ASSIGNMENT}}) { nodes {
    title message metadata actor { id } entity { id } project { id } } } } }"""
JOBS = """query ($who: UUID!) { jobs(filter: {kind: {eq: "assignments.remind"},
    userId: {eq: $who}}) { nodes { status result } } }"""


def soon(**more):
    return (NOW + timedelta(hours=3) + timedelta(**more)).isoformat()


@pytest.fixture
def remind(world):
    """Return a function that does what workers do each minute."""

    async def remind():
        one = worker(world.database, *KINDS)
        await one.schedule()
        await world.superuser.execute(
            "UPDATE jobs SET run_at = now() WHERE kind = 'assignments.find_due'"
        )
        await one.run_due()

    return remind


async def reminders(world, person="viewer"):
    """Return what the person was reminded of, the newest first."""
    told = (await world.ask(person, TOLD))["notifications"]["nodes"]
    return [one for one in told if one["metadata"]["event"] == "due"]


async def change(world, made, version=1, **input):
    await world.ask("editor", UPDATE, id=made["id"], version=version, input=input)


async def test_an_assignee_is_reminded_once_before_the_due_date(world, remind):
    await assign(world, dueDate=soon(), comment="Please.", role="REVIEWER")
    await assign(world, dueDate=soon(days=5), entityId=world.project)
    for _ in range(2):
        await remind()
    assert await reminders(world) == [
        {
            "title": "Your review of a requirement is due soon.",
            "message": "Please.",
            "metadata": {
                "event": "due",
                "entityType": "REQUIREMENT",
                "entityId": str(world.requirement),
            },
            "actor": None,
            "entity": {"id": str(world.requirement)},
            "project": {"id": str(world.project)},
        }
    ]
    jobs = (await world.ask("owner", JOBS, who=world.people["viewer"]))["nodes"]
    assert jobs == [{"status": "SUCCEEDED", "result": {"reminded": True}}]
    counted = "SELECT coalesce(sum(used), 0) FROM usage_counters WHERE organization_id = $1"
    assert await world.superuser.fetchval(counted, world.organization) == 2, "the assignments"


@pytest.mark.slow
async def test_another_due_date_or_assignee_is_another_reminder(world, remind):
    made = await assign(world, dueDate=soon())
    await remind()
    await change(world, made, dueDate=soon(hours=1))
    await remind()
    assert len(await reminders(world)) == 2
    await change(world, made, version=2, dueDate=soon())  # of which they were reminded
    await remind()
    assert len(await reminders(world)) == 2
    await world.superuser.execute(  # as a merge of people would, which the API does not offer
        "UPDATE assignments SET assignee_id = $1 WHERE entity_id = $2",
        world.people["member"],
        world.requirement,
    )
    await remind()
    assert len(await reminders(world)) == 2
    assert await reminders(world, "member") == [], "they cannot see the private project"


async def test_what_is_done_deleted_or_hidden_is_not_reminded_of(world, remind):
    done = await assign(world, dueDate=soon())
    await change(world, done, status="APPROVED")
    deleted = await assign(world, dueDate=soon(), assigneeId=world.people["admin"])
    await world.ask("editor", DELETE, id=deleted["id"])
    await assign(world, dueDate=soon(), assigneeId=world.people["project_viewer"])
    await world.superuser.execute(
        "UPDATE project_members SET deleted_at = now() WHERE user_id = $1",
        world.people["project_viewer"],
    )
    await assign(world, dueDate=soon(), assigneeId=world.people["document_editor"])
    await world.superuser.execute(
        "UPDATE organization_members SET status = 'suspended' WHERE user_id = $1",
        world.people["document_editor"],
    )
    await remind()
    for person in ("viewer", "admin", "project_viewer"):
        assert await reminders(world, person) == [], person
    await change(world, done, version=2, status="IN_REVIEW")
    await remind()
    assert len(await reminders(world)) == 1, "it is open again"


async def test_a_reminder_that_was_overtaken_by_a_change_says_nothing(world):
    """The due date moves between the search for what is due and the run of the reminder."""
    made = await assign(world, dueDate=soon())
    find, sending = worker(world.database, KINDS[1]), worker(world.database, KINDS[0])
    await find.schedule()
    await world.superuser.execute(
        "UPDATE jobs SET run_at = now() WHERE kind = 'assignments.find_due'"
    )
    await find.run_due()
    await change(world, made, dueDate=soon(days=9))
    await sending.run_due()
    assert await reminders(world) == []
    jobs = (await world.ask("owner", JOBS, who=world.people["viewer"]))["nodes"]
    assert jobs == [{"status": "SUCCEEDED", "result": {"reminded": False}}]
