"""Exports of what was imported from ReqIF: the same file, in which only edits differ."""

import io
import re
import zipfile
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from graph.requirements.exchange.files.nodes import elements, in_utf8
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.importing import ImportOptions, read
from tests.requirements.foreign import foreign_files
from tests.requirements.import_files import archive, lift
from tests.requirements.originals import Edits, Kept, plain
from tests.requirements.transferring import Transfers
from tests.storage.uploading import Uploading

QUICK = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    phases=[Phase.generate],
)


def objects(data):
    """Return the bytes of each object of a file."""
    text = in_utf8(data)
    found = elements(text, {"SPEC-OBJECT"}).all("SPEC-OBJECT")
    return {each.identifier: text[each.start : each.end] for each in found}


@QUICK
@given(
    file=foreign_files(),
    seed=st.integers(0, 10**6),
    number=st.sampled_from([1, 10, 100]),
    kinds=st.sampled_from(["tnsp", "tnspamdrl"]),
)
def test_an_edited_import_is_written_back_with_exactly_the_edits(file, seed, number, kinds):
    data = file.data
    kept = Kept(data)
    assert kept.written(kept.draft) == data
    edits = Edits(kept, Random(seed))
    draft = edits.make(number, kinds)
    written = kept.written(draft)
    assert plain(read(Source("again.reqif", written), ImportOptions())) == plain(draft)
    before, after = objects(data), objects(written)
    still = {part.external_id for document in draft.documents for part in document.parts}
    assert before.keys() - still == before.keys() - after.keys()
    for name in before.keys() - edits.edited if kinds == "tnsp" else ():
        assert after[name] == before[name], name
    assert re.findall(rb"<t:view.*?</t:view>", in_utf8(written)) == [
        b'<t:view t:of="s0"><![CDATA[<kept>]]></t:view>'
    ]


RENAME = """mutation ($id: UUID!, $version: BigInt!) { requirementUpdate(
    id: $id, expectedVersion: $version, input: { name: "Load of the cabin" }) {
        requirement { id } } }"""
BEGIN = """mutation ($project: UUID!) { changeSetCreate(
    input: { projectId: $project, name: "Names" }) { changeSet { id } } }"""
PROPOSE = """mutation ($id: UUID!, $requirement: UUID!, $version: BigInt!) { changeSetEdit(
    id: $id, items: [{ requirementUpdate: {
        id: $requirement, expectedVersion: $version, input: { name: "Proposed" } } }]) {
            changeSet { id } } }"""
OTHER = re.compile(r"\b(spec|h|r|l)-(\w)")
PLAN = b"\x89PNG of the plan"


def two_files():
    """Return an archive of two files, of which the first refers to an attachment."""
    first = lift().replace("<xhtml:b>eight", '<xhtml:object data="plan.png"/><xhtml:b>eight')
    first = first.replace("</REQ-IF>", "<TOOL-EXTENSIONS><view/></TOOL-EXTENSIONS></REQ-IF>")
    second = OTHER.sub(r"\1-other-\2", lift()).replace(">Lift<", ">Other<")
    second = second.replace("Lift spec", "Other spec")
    files = {"lift.reqif": first, "other.reqif": second, "plan.png": PLAN, "secret.png": b"secret"}
    return archive(**files), first


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        return {name: found.read(name) for name in found.namelist()}


async def test_an_export_is_the_imported_file_with_what_was_edited(world, client, app):
    transfers = Transfers(Uploading(world, app.state.storage, client))
    data, first = two_files()
    assert (await transfers.imported("lift.reqifz", data))["error"] is None
    await world.superuser.execute(
        "UPDATE documents SET deleted_at = now() WHERE id = $1", world.document
    )
    assert await transfers.exported("REQIF") == data
    find = "SELECT id, version, document_id FROM requirements WHERE external_id = 'r-load'"
    row = await world.superuser.fetchrow(f"{find} AND organization_id = $1", world.organization)
    await world.ask("editor", RENAME, id=row["id"], version=row["version"])
    files, before = members(await transfers.exported("REQIF")), members(data)
    assert {name for name in before if files[name] != before[name]} == {"lift.reqif"}
    edited = re.sub(' LAST-CHANGE="[^"]*"', "", files["lift.reqif"].decode())
    assert edited == first.replace('THE-VALUE="Load"', 'THE-VALUE="Load of the cabin"')
    whole = await transfers.exported("REQIF")
    again = await transfers.imported("again.reqifz", whole)
    assert (again["error"], again["importReport"]["objects"]) == (None, [])

    begun = await world.ask("editor", BEGIN, project=world.project)
    change_set = begun["changeSet"]["id"]
    now = await world.superuser.fetchval(
        "SELECT version FROM requirements WHERE id = $1", row["id"]
    )
    await world.ask("editor", PROPOSE, id=change_set, requirement=row["id"], version=now)
    proposed = members(await transfers.exported("REQIF", by="editor", changeSetId=change_set))
    assert b'THE-VALUE="Proposed"' in proposed["lift.reqif"]
    assert b'THE-VALUE="Load of the cabin"' not in proposed["lift.reqif"]
    assert proposed["other.reqif"] == before["other.reqif"]

    part = await transfers.exported("REQIF", documentId=row["document_id"])
    files = members(part)
    assert files.keys() == {"lift.reqif", "other.reqif", "plan.png"}, "no attachment of the other"
    assert b"TOOL-EXT" not in files["lift.reqif"]
    assert b"r-load" in files["lift.reqif"]
    assert b"r-loose" not in part
    assert not objects(files["other.reqif"])
    assert b"Other spec" not in files["other.reqif"]
