"""Drafts in the database: created, updated, unchanged, restored, refused and recorded rows."""

import asyncio
from contextlib import contextmanager

import pytest

from auth.session.write.unit_of_work import UnitOfWork
from db.problem import Problem
from graph.requirements.exchange import (
    ImportOptions,
    Source,
    import_source,
    parse_map,
)
from graph.requirements.exchange.store.placing import placed
from graph.requirements.exchange.store.slugs import slug_of
from tests.requirements.import_files import LIFT, sample
from tests.requirements.importer import Importer

BRAKES = "ID,Name,Text,Status\nB1,Stops,It stops.,draft\nB2,Holds,It holds.,draft\n"


@pytest.fixture
def importer(world):
    return Importer(world)


def counts(result):
    return {kind: str(each) for kind, each in result.by_kind.items() if each != type(each)()}


@contextmanager
def statements():
    """Collect the statements that transactions send during the block."""
    sent, fetch = [], UnitOfWork.fetch

    async def noted(work, text, arguments):
        sent.append(text)
        return await fetch(work, text, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UnitOfWork, "fetch", noted)
        yield sent


async def test_the_number_of_rows_hardly_matters_to_the_number_of_statements(importer):
    table = "ID,Name\n" + "".join(f"R{number},x\n" for number in range(400))
    with statements() as first:
        await importer.text(table)
    with statements() as second:
        await importer.text(table)
    assert len(first) <= 12
    assert len(second) <= 6


async def test_flight_software_is_imported(importer):
    path = sample("nasa_cfs_csv/cFE_FunctionalRequirements.csv")
    result = await importer.file(path)
    assert counts(result) == {
        "documents": "1 created, 0 updated, 0 unchanged",
        "requirements": "397 created, 0 updated, 0 unchanged",
    }
    (document,) = await importer.rows("documents", "name = 'cFE_FunctionalRequirements'")
    assert document["slug"] == "cfe-functionalrequirements"
    stored = list((await importer.requirements()).values())
    assert [row["external_id"] for row in stored[:3]] == ["cES1000", "cES1001", "cES1002"]
    assert stored[0]["description"].count("\n") == 15
    assert {row["document_id"] for row in stored} == {document["id"]}


async def test_importing_again_changes_nothing_and_writes_nothing(importer):
    path = sample("nasa_cfs_csv/cf_FunctionalRequirements.csv")
    await importer.file(path)
    before = await importer.everything()
    result = await importer.file(path)
    assert counts(result) == {
        "documents": "0 created, 0 updated, 1 unchanged",
        "requirements": "0 created, 0 updated, 106 unchanged",
    }
    assert not result.changed
    assert await importer.everything() == before


@pytest.mark.parametrize(
    ("name", "blocks", "requirements"),
    [
        ("Doors_02_example_from_a_user", 3, 0),
        ("Polarion_01_anonimized_example", 43, 58),
        ("ci.eclipse.org_TC1800_E0000_S10_Reference_20210122_1256_jenkins", 0, 6),
    ],
)
async def test_public_reqif_files_are_imported_and_imported_again(
    importer, name, blocks, requirements
):
    path = sample(f"reqif/{name}/sample.reqif")
    first = await importer.file(path)
    assert (first.blocks.created, first.requirements.created) == (blocks, requirements)
    before = await importer.everything()
    second = await importer.file(path)
    assert (second.blocks.unchanged, second.requirements.unchanged) == (blocks, requirements)
    assert not second.changed
    assert await importer.everything() == before


async def test_every_row_is_recorded_once_and_by_whom(importer):
    await importer.text(BRAKES)
    records = await importer.records()
    assert [(r["entity_type"], r["action"]) for r in records] == [
        ("Document", "create"),
        ("Requirement", "create"),
        ("Requirement", "create"),
    ]
    assert {r["actor_id"] for r in records} == {importer.world.people["editor"]}
    assert {r["source_system"] for r in records} == {"test"}
    assert len({r["correlation_id"] for r in records}) == 1


async def test_only_what_differs_is_written(importer):
    await importer.text(BRAKES)
    before = await importer.requirements()
    result = await importer.text(BRAKES.replace("It holds.,draft", "It holds!,approved"))
    assert counts(result) == {
        "documents": "0 created, 0 updated, 1 unchanged",
        "requirements": "0 created, 1 updated, 1 unchanged",
    }
    after = await importer.requirements()
    assert after["B1"] == before["B1"]
    assert (after["B2"]["version"], after["B2"]["status"]) == (2, "approved")
    (record,) = [r for r in await importer.records() if r["action"] == "update"]
    assert record["changed_fields"] == ["description", "status"]


async def test_what_the_file_does_not_say_stays(importer):
    await importer.text(BRAKES)
    await importer.execute(
        "UPDATE requirements SET priority = 'high', status = 'approved', tags = '{own}',"
        " properties = '{\"Own\": 1}' WHERE external_id = 'B1' AND organization_id = $1",
        importer.world.organization,
    )
    result = await importer.text("ID,Name,Colour\nB1,Stops,red\n")
    assert str(result.requirements) == (
        "0 created, 1 updated, 0 unchanged, 1 not in the file and left alone"
    )
    row = (await importer.requirements())["B1"]
    assert (row["priority"], row["status"], row["tags"]) == ("high", "approved", ["own"])
    assert row["description"] == "It stops."
    assert row["properties"] == '{"Own": 1, "Colour": "red"}'


async def test_what_the_file_says_is_empty_is_emptied(importer):
    await importer.text("ID,Name,Text,Colour\nB1,Stops,It stops.,red\n")
    await importer.text("ID,Name,Text,Colour\nB1,Stops,,\n")
    row = (await importer.requirements())["B1"]
    assert row["description"] is None
    assert row["properties"] == "{}"


async def test_new_rows_stand_where_the_file_has_them(importer):
    await importer.text("ID,Name\nA,a\nD,d\n")
    await importer.text("ID,Name\nZ,z\nA,a\nB,b\nC,c\nD,d\nE,e\n")
    assert list(await importer.requirements()) == ["Z", "A", "B", "C", "D", "E"]


def test_new_rows_are_placed_behind_the_row_before_them():
    assert placed([None, None], []) == [1.0, 2.0]
    assert placed([None, 1.0, None, None, 4.0, None], [1.0, 4.0]) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert placed([1.0, None], [1.0, 2.0]) == [1.0, 1.5]
    assert placed([5.0, None, 1.0], [1.0, 5.0]) == [5.0, 6.0, 1.0]


async def test_rows_without_an_id_are_known_by_their_name(importer):
    table = "Name,Text\nStops,one\nStops,two\nHolds,three\n"
    await importer.text(table)
    assert not (await importer.text(table)).changed
    result = await importer.text(table.replace("two", "2"))
    assert str(result.requirements) == "0 created, 1 updated, 2 unchanged"


async def test_a_dry_run_tells_the_same_and_keeps_nothing(importer):
    before = await importer.everything()
    dry = await importer.text(BRAKES, dry_run=True)
    assert await importer.everything() == before
    real = await importer.text(BRAKES)
    assert dry.dry_run
    assert dry.changed
    assert counts(dry) == counts(real)


async def test_blocks_nest_and_hold_their_requirements(importer):
    result = await importer.file(LIFT)
    assert counts(result) == {
        "documents": "2 created, 0 updated, 0 unchanged",
        "blocks": "3 created, 0 updated, 0 unchanged",
        "requirements": "5 created, 0 updated, 0 unchanged",
        "trace links": "3 created, 0 updated, 0 unchanged",
    }
    blocks = {row["external_id"]: row for row in await importer.rows("blocks", "type = 'heading'")}
    assert list(blocks) == ["h-cabin", "h-doors", "r-close"]
    assert blocks["h-cabin"]["parent_id"] is None
    assert blocks["h-doors"]["parent_id"] == blocks["h-cabin"]["id"]
    assert blocks["r-close"]["parent_id"] == blocks["h-doors"]["id"]
    requirements = await importer.requirements()
    assert requirements["r-load"]["block_id"] == blocks["h-cabin"]["id"]
    assert requirements["r-reopen"]["block_id"] == blocks["r-close"]["id"]
    assert requirements["r-loose"]["block_id"] is None
    links = await importer.rows("trace_links", order="id")
    assert [(r["source_type"], r["link_type"], r["target_type"]) for r in links] == [
        ("requirement", "refines", "requirement"),
        ("requirement", "satisfies", "requirement"),
        ("block", "relates_to", "requirement"),
    ]
    assert links[0]["source_id"] == requirements["r-reopen"]["id"]
    assert links[2]["source_id"] == blocks["h-doors"]["id"]
    assert not (await importer.file(LIFT)).changed


async def test_what_moved_in_the_file_moves(importer):
    await importer.file(LIFT)
    text = LIFT.read_text()
    node = '<SPEC-HIERARCHY IDENTIFIER="n-3"><OBJECT><SPEC-OBJECT-REF>r-overload'
    moved = text.replace(node, node.replace("r-overload", "r-reopen"), 1)
    inner = '<SPEC-HIERARCHY IDENTIFIER="n-6"><OBJECT><SPEC-OBJECT-REF>r-reopen'
    moved = moved.replace(inner, inner.replace("r-reopen", "r-overload"))
    result = await importer.text(moved, "lift.reqif")
    assert str(result.requirements) == "0 created, 2 updated, 3 unchanged"
    requirements = await importer.requirements()
    assert requirements["r-reopen"]["block_id"] == requirements["r-load"]["block_id"]
    assert requirements["r-overload"]["block_id"] == requirements["r-close"]["block_id"]


async def test_what_was_deleted_comes_back_with_its_identity(importer):
    await importer.file(LIFT)
    before = {row["external_id"]: row["id"] for row in await importer.rows("blocks")}
    where = " WHERE organization_id = $1 AND external_id = ANY($2)"
    for table, ids in (("blocks", ["h-cabin", "h-doors"]), ("requirements", ["r-load"])):
        await importer.execute(
            f"UPDATE {table} SET deleted_at = now(), version = version + 1{where}",
            importer.world.organization,
            ids,
        )
    result = await importer.file(LIFT)
    assert str(result.blocks) == "0 created, 0 updated, 2 restored, 1 unchanged"
    assert str(result.requirements) == "0 created, 0 updated, 1 restored, 4 unchanged"
    assert {row["external_id"]: row["id"] for row in await importer.rows("blocks")} == before
    assert await importer.rows("requirements", "deleted_at IS NOT NULL") == []
    assert not (await importer.file(LIFT)).changed


async def test_a_requirement_hidden_with_its_block_is_not_made_twice(importer):
    await importer.file(LIFT)
    await importer.execute(
        "UPDATE blocks SET deleted_at = now() WHERE organization_id = $1 AND type = 'heading'",
        importer.world.organization,
    )
    problem = await importer.refused("ID,Name\nr-load,Load\n", document="Lift specification")
    assert problem.code == "ALREADY_EXISTS"
    assert problem.message == (
        "brakes.csv: an id of the file belongs to a requirement that is hidden, because its block"
        " was deleted; restore the block first."
    )


async def test_the_document_can_be_one_that_is_there(importer, world):
    result = await importer.text(BRAKES, document_id=world.document)
    assert str(result.documents) == "0 created, 0 updated, 1 unchanged"
    assert result.names == [f"Document {world.name}"]
    assert result.requirements.absent == 1
    assert {row["document_id"] for row in (await importer.requirements()).values()} == {
        world.document
    }


async def test_a_document_elsewhere_does_not_exist(importer, other_world):
    problem = await importer.refused(BRAKES, document_id=other_world.document)
    assert (problem.code, problem.message) == ("NOT_FOUND", "There is no such Document.")


async def test_two_documents_of_one_name_leave_a_doubt(importer):
    await importer.text(BRAKES)
    await importer.execute(
        "INSERT INTO documents (organization_id, project_id, name, slug)"
        " VALUES ($1, $2, 'brakes', 'other')",
        importer.world.organization,
        importer.world.project,
    )
    problem = await importer.refused(BRAKES)
    assert problem.message == "2 documents of the project are called 'brakes'."


async def test_a_specification_adopts_the_document_of_its_name(importer):
    await importer.text("ID,Name\nr-load,Load\n", document="Lift specification")
    result = await importer.file(LIFT)
    assert str(result.documents) == "1 created, 1 updated, 0 unchanged"
    assert str(result.requirements) == "4 created, 1 updated, 0 unchanged"
    assert not (await importer.file(LIFT)).changed


async def test_slugs_are_made_of_names_and_never_collide(importer):
    for document in ("Größe & Gewicht!", "größe, gewicht", "Größe & Gewicht!", "要件"):
        await importer.text("Name\na\n", document=document)
    rows = await importer.rows("documents", "name ~ 'G|g|要'", order="id")
    slugs = [row["slug"] for row in rows if row["id"] != importer.world.document]
    assert slugs == ["grosse-gewicht", "grosse-gewicht-2", "document"]
    assert slug_of("x" * 100) == "x" * 55


BROKEN = {
    "a duplicate at the end": (BRAKES + "B1,Again,x,draft\n", "brakes.csv"),
    "another encoding": ("ID,Name\nB1,a\n\0", "brakes.csv"),
    "half a file": (LIFT.read_text()[:-40], "lift.reqif"),
    "a relation without an end": (
        LIFT.read_text().replace("<TARGET><SPEC-OBJECT-REF>r-close</SPEC-OBJECT-REF></TARGET>", ""),
        "lift.reqif",
    ),
}


@pytest.mark.parametrize(("text", "name"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_file_changes_nothing(importer, text, name):
    assert (await importer.refused(text, name)).code == "INVALID"


@pytest.mark.parametrize(
    ("person", "code"),
    [
        ("viewer", "FORBIDDEN"),
        ("project_viewer", "FORBIDDEN"),
        ("member", "NOT_FOUND"),
        ("outsider", "NOT_FOUND"),
    ],
)
async def test_who_may_not_write_changes_nothing(importer, person, code):
    assert (await importer.refused(BRAKES, person=person)).code == code


async def test_two_imports_at_once_take_turns(importer):
    await importer.text("ID,Name\nB1,Stops\n")
    first, second = await asyncio.gather(importer.text(BRAKES), importer.text(BRAKES))
    assert sorted([first.changed, second.changed]) == [False, True]
    assert len(await importer.requirements()) == 2


async def test_two_first_imports_at_once_make_one_document(importer):
    answers = await asyncio.gather(
        importer.text(BRAKES), importer.text(BRAKES), return_exceptions=True
    )
    problems = [answer for answer in answers if isinstance(answer, Problem)]
    assert {problem.code for problem in problems} <= {"BUSY"}
    assert len(await importer.rows("documents", "name = 'brakes'")) == 1
    assert not (await importer.text(BRAKES)).changed


@pytest.mark.slow
async def test_progress_is_told_to_the_end(importer):
    told = []
    table = "ID,Name\n" + "".join(f"R{number},x\n" for number in range(1200))
    await import_source(
        await importer.session(),
        importer.world.project,
        Source("many.csv", table.encode()),
        ImportOptions(columns=parse_map(["ID=externalId"])),
        lambda *step: told.append(step),
    )
    assert told == [
        ("documents", 1, 1),
        ("requirements", 500, 1200),
        ("requirements", 1000, 1200),
        ("requirements", 1200, 1200),
    ]


async def test_a_file_is_found_again_by_ids_and_names_as_they_are_stored(importer):
    text = "ID,Name,Text\nSYS\u00a01,Brake\u200b,It stops.\n,Cafe\u0301,It opens.\n"
    first = await importer.text(text)
    assert counts(first)["requirements"].startswith("2 created")
    rows = await importer.rows("requirements", "(external_id = 'SYS 1' OR name = 'Caf\u00e9')")
    assert [row["name"] for row in rows] == ["Brake", "Caf\u00e9"]
    again = await importer.text(text)
    assert counts(again)["requirements"].startswith("0 created")


async def test_two_ids_of_a_file_that_look_alike_are_one(importer):
    problem = await importer.refused("ID,Name\nSYS\u00a01,One\nSYS 1,Two\n")
    assert "have the same id" in problem.message
    problem = await importer.refused("ID,Name\nA,x" + "\u030e" * 9 + "\n")
    assert "row 2 (line 2): A name has at most 4 combining marks" in problem.message
