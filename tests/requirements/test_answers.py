"""A write answers with the row as PostgreSQL stores it, which is how everybody reads it next."""

import pytest

FIELDS = "id version name tags properties position createdAt updatedAt updatedBy { fullName }"
READ = f"query ($id: UUID!) {{ requirement(id: $id) {{ {FIELDS} }} }}"
CREATE = f"""mutation ($input: RequirementCreateInput!) {{
  requirementCreate(input: $input) {{ requirement {{ {FIELDS} }} }} }}"""
UPDATE = f"""mutation ($id: UUID!, $input: RequirementUpdateInput!) {{
  requirementUpdate(id: $id, expectedVersion: 1, input: $input) {{
    requirement {{ {FIELDS} }} }} }}"""
UPDATES = f"""mutation ($items: [RequirementsUpdateItemInput!]!) {{
  requirementsUpdate(items: $items) {{ results {{ requirement {{ {FIELDS} }} }} }} }}"""
SENT = {"name": "N", "tags": ["b", "a"], "properties": {"bb": 1.0, "a": 10**18, "c": [1e-7, {}]}}


async def test_a_created_row_is_answered_as_it_is_read(world):
    sent = {"documentId": world.document, "blockId": world.block, **SENT}
    row = (await world.ask("editor", CREATE, input=sent))["requirement"]
    assert await world.ask("editor", READ, id=row["id"]) == row
    assert list(row["properties"]) == ["a", "c", "bb"]  # in the order of jsonb


@pytest.mark.parametrize("many", [False, True])
async def test_a_changed_row_is_answered_as_it_is_read(world, many):
    if many:
        items = [{"id": world.requirement, "expectedVersion": 1, "input": SENT}]
        answer = (await world.ask("editor", UPDATES, items=items))["results"][0]
    else:
        answer = await world.ask("editor", UPDATE, id=world.requirement, input=SENT)
    assert answer["requirement"]["version"] == 2
    assert await world.ask("editor", READ, id=world.requirement) == answer["requirement"]
