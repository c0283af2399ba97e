"""The operations in docs/properties.md run, and find what they are written about."""

import re
from pathlib import Path

from tests.requirements.test_properties import CREATE

DOCUMENT = (Path(__file__).parents[2] / "docs" / "properties.md").read_text()


async def test_every_operation_runs_on_a_tenant(world):
    due = {"documentId": world.document, "name": "due", "propertyType": "DATE"}
    made = (await world.ask("admin", CREATE, input=due))["property"]
    column = """mutation ($input: ColumnCreateInput!) { columnCreate(input: $input) {
        column { id } } }"""
    await world.ask("editor", column, input={"blockId": world.block, "propertyId": made["id"]})
    for operation in re.findall(r"```graphql\n(.*?)```", DOCUMENT, re.DOTALL):
        names = re.findall(r"\$(\w+): UUID!", operation)
        variables = {name: getattr(world, name) for name in names}
        answer = await world.answer("admin", operation, **variables)
        assert "errors" not in answer
        assert '"nodes": []' not in str(answer["data"]).replace("'", '"')


def test_the_table_of_types_is_that_of_the_code():
    from graph.requirements.definitions import ALLOWED  # noqa: PLC0415 (after the schema)

    rows = re.findall(r"^\| `([A-Z_]+)` \| .* \| (.*?)\s?\|$", DOCUMENT, re.MULTILINE)
    told = {type: set(re.findall(r"`(\w+)`", options)) for type, options in rows}
    assert told == {type.name: set(options) for type, options in ALLOWED.items()}
