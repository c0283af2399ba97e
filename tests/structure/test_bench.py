"""The bench queries the rows that it has written, and detects answers that differ."""

from types import SimpleNamespace

import httpx
import orjson
import pytest

from bench import results
from bench.peers import compare, operations, rows

ANSWER = {"data": {"project": {"documents": [{"id": "1", "updatedAt": "2025-06-01T00:00:00.5Z"}]}}}
PAGED = {
    "data": {
        "project": {
            "documents": {"nodes": [{"id": "1", "updatedAt": "2025-06-01T00:00:00.500999Z"}]}
        }
    },
    "extensions": {"cost": {"asked": 1}},
}


@pytest.mark.parametrize("n", [0, 1, 255, 10_010_000])
async def test_an_id_is_the_same_in_python_and_in_sql(superuser, n):
    async with superuser.transaction():
        await superuser.execute(rows.IDENTITY)
        assert str(await superuser.fetchval("SELECT pg_temp.id('block', $1)", n)) == rows.identity(
            "block", n
        )
        await superuser.execute("DROP FUNCTION pg_temp.id(text, bigint)")


def test_pages_and_forms_of_time_are_no_difference():
    assert operations.comparable(PAGED) == operations.comparable(ANSWER)


@pytest.mark.parametrize("other", ["2", None])
async def test_answers_that_differ_end_the_run(monkeypatch, other):
    changed = {"data": {"project": {"documents": [{"id": other}]}}}
    answers = {
        "http://one": {"data": {"project": {"documents": [{"id": "1"}]}}},
        "http://two": changed,
    }

    async def post(_, address, **__):
        return httpx.Response(200, content=orjson.dumps(answers[address]))

    monkeypatch.setattr(httpx.AsyncClient, "post", post)
    servers = [
        SimpleNamespace(name=name, address=f"http://{name}", headers={}, queries=operations.LISTS)
        for name in ("one", "two")
    ]
    with pytest.raises(compare.DifferentAnswersError):
        await compare.compared(servers, rows.Rows(200), "q2")


def test_a_section_of_the_results_replaces_the_one_with_its_title(monkeypatch, tmp_path):
    file = tmp_path / "RESULTS.md"
    file.write_text("# Results\n\nAbout.\n\n## One\n\nold\n\n## Two\n\nkept\n")
    monkeypatch.setattr(results, "RESULTS", file)
    results.keep("One", "new")
    results.keep("Three", "added")
    expected = "# Results\n\nAbout.\n\n## One\n\nnew\n\n## Two\n\nkept\n\n## Three\n\nadded\n"
    assert file.read_text() == expected
