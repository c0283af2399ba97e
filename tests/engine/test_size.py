"""The size of an answer is bounded by what was read, or counted."""

import pytest

from db.problem import Problem
from graph.settings import Settings
from tests.engine.both import Both
from tests.world import World

SEVERAL = " ".join(f"d{i}: description" for i in range(20))
QUERIES = {
    "columns": f"{{ document(id: $id) {{ requirements {{ nodes {{ {SEVERAL} }} }} }} }}",
    "rows that rows name": f"""{{ document(id: $id) {{ requirements {{ nodes {{
        project {{ id {SEVERAL} }} }} }} }} }}""",
    "one row": f"{{ document(id: $id) {{ {SEVERAL} }} }}",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
async def test_a_text_that_is_selected_many_times_counts_each_time(
    settings: Settings, world: World, query: str
):
    text = "long " * 400
    for table, id in (
        ("requirements", world.requirement),
        ("projects", world.project),
        ("documents", world.document),
    ):
        statement = f"UPDATE {table} SET description = $1 WHERE id = $2"
        await world.superuser.execute(statement, text, id)
    query = f"query ($id: UUID!) {query}"
    engine, core = await Both(settings).of(world, "owner", query, id=world.document)
    assert engine.text == core.text
    assert len(engine.text) > 20 * len(text)
    small = Both(settings.model_copy(update={"max_answer_bytes": 10_000}))
    with pytest.raises(Problem, match="answer"):
        await small.of(world, "owner", query, id=world.document)
