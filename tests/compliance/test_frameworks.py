"""The operator keeps frameworks by the command; their revisions never change."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from graph.cli import app
from graph.commands.failure import sentence
from tests.conftest import SECRET

LIST = """query ($code: String!) { frameworks(filter: {code: {eq: $code}}) { nodes { id name active
    revision requirements { id title } revisions { nodes { id revision name
        requirements { id } } } } } }"""
PAST = """query ($id: UUID!) { framework(id: $id, asOf: "2026-01-01T00:00:00Z") { id } }"""
BY_ID = "query ($id: UUID!) { framework(id: $id) { id revision } }"


class Operator:
    """The operator at a shell, with a file of a framework."""

    def __init__(self, dsn, folder, code):
        self.file = folder / "framework.json"
        self.variables = {"DATABASE_URL": dsn, "GATEWAY_SECRET": SECRET} | {
            "GATEWAY_DATA_DIR": str(folder)
        }
        self.content = {
            "code": code,
            "name": "Rules",
            "definition": {"requirements": [{"id": "1", "title": "Backups", "text": "Back up."}]},
        }

    async def run(self, *arguments):
        """Run `gateway framework`; return its result."""
        return await asyncio.to_thread(
            CliRunner().invoke, app, ["framework", *arguments], env=self.variables
        )

    async def add(self, **changes):
        """Add the file, as it is after these changes."""
        self.content |= changes
        self.file.write_text(json.dumps(self.content))
        return await self.run("add", str(self.file))


@pytest.fixture
def code(world):
    return f"F-{world.name.upper()}"


@pytest.fixture
def operator(database_dsn, tmp_path, code):
    return Operator(database_dsn, tmp_path, code)


async def shown(world, code):
    found = await world.ask("viewer", LIST, code=code)
    return found["nodes"][0] if found["nodes"] else None


async def test_a_framework_is_added_once_and_a_change_is_a_revision(world, operator, code):
    added = await operator.add()
    assert (added.exit_code, added.stdout) == (0, f"{code}  Rules: revision 1, 1 requirements\n")
    again = await operator.add()
    assert again.stdout == added.stdout
    more = {"id": "2", "title": "Access", "text": "Control access."}
    requirements = [*operator.content["definition"]["requirements"], more]
    changed = await operator.add(name="New rules", definition={"requirements": requirements})
    assert changed.stdout == f"{code}  New rules: revision 2, 2 requirements\n"
    framework = await shown(world, code)
    assert [each["id"] for each in framework["requirements"]] == ["1", "2"]
    kept = [
        (each["revision"], each["name"], len(each["requirements"]))
        for each in framework["revisions"]["nodes"]
    ]
    assert kept == [(1, "Rules", 1), (2, "New rules", 2)]


async def test_an_assessment_shows_the_revision_that_it_was_run_against(assessing, operator, code):
    await operator.add()
    framework = await shown(assessing.world, code)
    made = await assessing.create(await assessing.document(), [framework])
    other = {"requirements": [{"id": "9", "title": "Other", "text": "Other."}]}
    await operator.add(definition=other)
    await assessing.compliance.extracted()
    await assessing.work()
    report = await assessing.show(made["id"])
    (link,) = report["frameworks"]["nodes"]
    assert (link["frameworkRevision"], link["framework"]["revision"]) == (1, 2)
    assert [each["id"] for each in link["revision"]["requirements"]] == ["1"]
    assert [each["requirement"] for each in report["results"]["findings"]] == ["1"]


async def test_a_deactivated_framework_takes_no_assessments_until_it_is_added_again(
    assessing, operator, code
):
    await operator.add()
    ended = await operator.run("deactivate", code)
    assert ended.stdout == f"{code}  Rules: revision 1, 1 requirements, not active\n"
    assert ended.stdout.strip() in (await operator.run("list")).stdout.splitlines()
    framework = await shown(assessing.world, code)
    assert framework["active"] is False
    document = await assessing.document()
    create = """mutation ($document: UUID!, $framework: UUID!) { assessmentCreate(input: {
        complianceDocumentId: $document, frameworkIds: [$framework]}) { assessment { id } } }"""
    asked = {"document": document["id"], "framework": framework["id"]}
    assert await assessing.world.code("member", create, **asked) == "INVALID"
    assert "not active" not in (await operator.add()).stdout
    assert (await shown(assessing.world, code))["active"] is True
    unknown = await operator.run("deactivate", "NONE-SUCH")
    assert unknown.exit_code == 1
    assert "There is no framework NONE-SUCH." in sentence(unknown.exception)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"code": "lower case"}, "code"),
        ({"definition": {"requirements": []}}, "definition.requirements"),
        ({"definition": {"requirements": [{"id": "1", "title": "No text"}]}}, "text"),
        (
            {"definition": {"requirements": [{"id": "1", "title": "T", "text": "T"}] * 2}},
            "two requirements have the same id",
        ),
        ({"unknown": 1}, "unknown"),
    ],
)
async def test_a_file_that_is_no_framework_is_refused_with_the_place(
    world, operator, code, changes, fault
):
    refused = await operator.add(**changes)
    assert refused.exit_code == 1
    assert fault in sentence(refused.exception)
    assert await shown(world, code) is None


async def test_a_framework_has_revisions_in_place_of_a_past(world, operator, code):
    await operator.add()
    id = (await shown(world, code))["id"]
    assert (await world.ask("viewer", BY_ID, id=id))["revision"] == 1
    answer = await world.answer("viewer", PAST, id=id)
    assert "asOf" in answer["errors"][0]["message"]
