"""The jobs of bulk operations, with the rights of who started them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.core.files import StoredFile
from db.core.jobs import Job
from db.problem import Problem
from graph.kit.bulk import MAX_ITEMS
from graph.kit.storage import Stored
from graph.platform.bulk.input import Line, lines
from graph.platform.bulk.output import Output
from graph.platform.bulk.paging import AFTER, INFO, TOTAL, Paged, paged
from graph.platform.bulk.port import Content
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.recording import record_job_export
from graph.platform.jobs.run import JobFailed, Run

TIMEOUT = 3600.0
"""Seconds that one attempt may take; the next goes on where it was."""
RENEWED = 10.0
"""Seconds after which the rights of the user are read again."""
MAX_BATCH_BYTES = 200_000
"""Bytes of the lines of one call."""
EXPORTED = "The result of a query was exported to files."
IN_THREAD = 100_000
"""Bytes of a line that is parsed in a thread."""


class _Rights:
    """Reads the rights of the user of a job again from time to time."""

    def __init__(self, run: Run) -> None:
        self._run, self._read = run, time.monotonic()

    async def check(self) -> None:
        """Read the rights again where they are old. Raises JobFailed."""
        if time.monotonic() - self._read > RENEWED:
            await self._run.renew()
            self._read = time.monotonic()


async def _query(run: Run) -> Result:
    output = Output(run, "query")
    result = await _read(run, output)
    digests = [file["sha256"] for file in output.files]
    await record_job_export(run, Job, run.job.id, EXPORTED, output.lines, sha256=digests)
    return result


async def _read(run: Run, output: Output) -> Result:
    text, variables = run.payload["query"], run.payload.get("variables") or {}
    operations = run.operations
    try:
        operations.require(text, "query", ("query",))  # the schema may have changed since
        how = paged(operations.schema, text)
    except Problem as problem:
        raise JobFailed(problem.message) from None
    if how is None:
        content = await operations.query(run.session, text, variables)
        await output.write([_data(content)], {})
        return await output.end()
    return await _read_pages(run, how, variables, output)


async def _read_pages(run: Run, how: Paged, variables: Mapping[str, Any], output: Output) -> Result:
    after, rights = output.state.get("after"), _Rights(run)
    total = output.state.get("total")
    while True:
        await rights.check()
        text = how.first if total is None else how.rest
        content = await run.operations.query(run.session, text, {**variables, AFTER: after})
        page: Any = _data(content)
        for key in how.path:
            page = page and page.get(key)
        if not page:
            return await output.end()
        items = page[how.items]
        if how.node is not None:
            items = [edge[how.node] for edge in items]
        if total is None:
            total = page[TOTAL]
        after = page[INFO]["endCursor"]
        await output.write(items, {"after": after, "total": total})
        if not page[INFO]["hasNextPage"]:
            return await output.end()
        share = min(output.lines / total, 1.0) if total else 0.0
        await run.progress(min(share, 0.99), f"{output.lines:,} of {total:,} lines")


def _data(content: Content) -> Mapping[str, Any]:
    """Return the data of an answer. Raises JobFailed for an answer with errors."""
    if errors := content.get("errors"):
        path = ".".join(map(str, errors[0].get("path", ())))
        raise JobFailed(f"{errors[0]['message']}" + (f" (at {path})" if path else ""))
    data: Mapping[str, Any] = content["data"]
    return data


@dataclass(frozen=True)
class _Batch:
    """Lines that one call takes: their values, or the problem of a line that is not run."""

    lines: Sequence[Line]
    values: Sequence[Any]
    problem: Problem | None = None


def mutation_kind(model: type[StoredFile]) -> Kind:
    """Return the kind of job that runs a mutation for the lines of a file of this entity."""

    async def mutate(run: Run) -> Result:
        payload = run.payload
        id = UUID(payload["fileId"])
        rows = await run.session.rows(model, model.id == id, limit=1)
        if not rows or rows[0].sha256 is None:
            raise JobFailed("The file does not exist any more.")
        (row,) = rows
        stored = Stored(row.id, row.sha256, row.name, row.media_type)
        try:
            run.operations.require(payload["mutation"], "mutation", ("mutation",))
        except Problem as problem:
            raise JobFailed(problem.message) from None
        return await _mutate(run, stored, row.size)

    return Kind("bulk.mutation", mutate, timeout=TIMEOUT)


async def _mutate(run: Run, stored: Stored, size: int) -> Result:
    output, rights = Output(run, "mutation"), _Rights(run)
    start, number = output.state.get("offset", 0), output.state.get("line", 0)
    found = lines(run.storage, stored, size, start, number)
    async for batch in _batches(run, found):
        await rights.check()
        results = await _results(run, batch)
        last = batch.lines[-1]
        errors = sum(1 for each in results if each.get("errors"))
        await output.write(results, {"offset": last.end, "line": last.number}, errors)
        await run.progress(min(last.end / size, 0.99), f"{last.number:,} lines")
    return await output.end()


async def _batches(run: Run, found: AsyncIterator[Line]) -> AsyncIterator[_Batch]:
    """Yield the lines in batches: one each, or as many as one list of items takes."""
    most = MAX_ITEMS if run.payload.get("itemsVariable") else 1
    waiting: list[Line] = []
    values: list[Any] = []
    size = 0
    async for line in found:
        try:
            value = await _parsed(run, line)
        except Problem as problem:
            if waiting:
                yield _Batch(waiting, values)
            waiting, values, size = [], [], 0
            yield _Batch([line], [], problem)
            continue
        if waiting and (len(waiting) == most or size + len(line.content) > MAX_BATCH_BYTES):
            yield _Batch(waiting, values)
            waiting, values, size = [], [], 0
        waiting.append(line)
        values.append(value)
        size += len(line.content)
    if waiting:
        yield _Batch(waiting, values)


async def _parsed(run: Run, line: Line) -> Any:
    if len(line.content) > IN_THREAD:
        value = await asyncio.to_thread(run.operations.parsed, line.content)
    else:
        value = run.operations.parsed(line.content)
    if not isinstance(value, dict):
        raise Problem("INVALID", "The line is no object in JSON.")
    return value


async def _results(run: Run, batch: _Batch) -> list[dict[str, Any]]:
    """Return the results of a batch: one, or one for each line where it is not run as a whole."""
    if batch.problem is not None:
        error = {"message": batch.problem.message, "extensions": batch.problem.extensions}
        return [_result(batch.lines, {"errors": [error]})]
    content = await _call(run, batch.lines, batch.values)
    if "data" in content or len(batch.lines) == 1:
        return [_result(batch.lines, content)]
    return [
        _result([line], await _call(run, [line], [value]))
        for line, value in zip(batch.lines, batch.values, strict=True)
    ]


async def _call(run: Run, called: Sequence[Line], values: Sequence[Any]) -> Content:
    payload = run.payload
    variables = payload.get("variables") or {}
    if name := payload.get("itemsVariable"):
        variables = {**variables, name: [*values]}
    else:
        variables = {**variables, **values[0]}
    # What an attempt has done is not done again by the next: it has the answer of the first.
    key = f"bulk-{run.job.id}-{called[0].number}-{called[-1].number}"
    return await run.operations.mutate(run.session, payload["mutation"], variables, key)


def _result(called: Sequence[Line], content: Content) -> dict[str, Any]:
    return {"firstLine": called[0].number, "lastLine": called[-1].number, **content}


QUERY = Kind("bulk.query", _query, timeout=TIMEOUT, feature="export")
