"""The jobs that copy large documents and projects, with the rights of who started them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

from strawberry.utils.str_converters import to_camel_case

from db.core.projects import Visibility
from db.problem import Problem
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.progress import Progress
from graph.platform.jobs.run import JobFailed, Run
from graph.requirements.copying.contents import Options
from graph.requirements.copying.making import Made, copy_document, copy_project

MAX_OF_JOB = 100_000
"""The most blocks and requirements that a job copies."""
TIMEOUT = 3600.0
"""Seconds that one attempt may take."""


def payload_of_copy(id: UUID, values: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """Return the arguments of a copy, for JSON."""
    plain = {
        name: value.value if isinstance(value, Enum) else str(value) if value is not None else None
        for name, value in values.items()
    }
    return {"id": str(id), "values": plain, "options": asdict(options)}


async def _run(make: Callable[..., Awaitable[Made]], key: str, run: Run) -> Result:
    values: dict[str, Any] = dict(run.payload["values"])
    if values.get("project_id"):
        values["project_id"] = UUID(values["project_id"])
    if "visibility" in values:
        values["visibility"] = Visibility(values["visibility"])
    options = replace(Options(**run.payload["options"]), most=MAX_OF_JOB)
    try:
        async with Progress(run, 0.0, 1.0) as progress, run.completing() as transaction:
            id = UUID(run.payload["id"])
            made = await make(transaction, run.session, id, values, options, progress.show)
            await transaction.flush()
            counts = {to_camel_case(name): count for name, count in made.counts.items()}
            run.result = {
                key: str(made.row.id),
                "counts": counts,
                "omittedProperties": made.omitted,
            }
    except Problem as problem:
        if problem.extensions["retryable"]:
            raise
        raise JobFailed(problem.message) from None
    return None


COPY_DOCUMENT = Kind("copies.document", partial(_run, copy_document, "documentId"), timeout=TIMEOUT)
COPY_PROJECT = Kind("copies.project", partial(_run, copy_project, "projectId"), timeout=TIMEOUT)
KINDS = (COPY_DOCUMENT, COPY_PROJECT)
