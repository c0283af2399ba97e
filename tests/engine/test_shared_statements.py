"""Documents that read the same columns of the same rows share the statements that are compiled."""

from auth.session import compiled

ONE = """query One($id: UUID!) { document(id: $id) { requirements(first: 3) { nodes {
    version name owner: createdBy { firstName } } } } }"""
OTHER = """query Other($id: UUID!) { document(id: $id) { requirements(first: 9) {
    pageInfo { hasNextPage } nodes { version name changed: createdBy { firstName } } } } }"""
WIDER = ONE.replace("version name", "version name description")


async def test_documents_with_the_same_selections_share_statements(world, monkeypatch):
    made = []

    class Counted(compiled.Compiled):
        def __init__(self, statement, **more):
            made.append(statement)
            super().__init__(statement, **more)

    monkeypatch.setattr(compiled, "Compiled", Counted)
    await world.ask("editor", ONE, id=world.document)
    assert made
    made.clear()
    other = await world.ask("editor", OTHER, id=world.document)
    assert made == []
    assert other["requirements"]["nodes"][0]["version"] == 1
    wider = await world.ask("editor", WIDER, id=world.document)
    assert len(made) == 1
    assert "description" in wider["requirements"]["nodes"][0]
