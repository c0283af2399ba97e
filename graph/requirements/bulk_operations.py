"""Bulk operations in the API: queries as jobs, and mutations that are fed from a file."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from auth.session import Transaction
from db.core.jobs import Job as JobRow
from db.core.organizations import Organization
from db.job_queue import live_jobs
from db.problem import Problem
from db.requirements.files import File, FileState
from graph.kit.bulk import MAX_ITEMS
from graph.kit.context import Info
from graph.kit.fields import computed, described, extend_type
from graph.kit.mutations import Input, mutation, writing
from graph.platform.bulk.input import MAX_LINE
from graph.platform.bulk.jobs import QUERY, mutation_kind
from graph.platform.bulk.output import FILE_BYTES
from graph.platform.bulk.paging import paged
from graph.platform.jobs.files import ExportedFile, exported_file
from graph.platform.jobs.types import Job

MUTATION = mutation_kind(File)
KINDS = (QUERY, MUTATION)
NAMES = [kind.name for kind in KINDS]
MAX_RUNNING = 5
"""Bulk operations of an organization that wait or run at the same time."""
MAX_SIZE = 100 * 2**20
"""Bytes of the file of a mutation."""
MAX_VARIABLES = 64_000
"""Characters of the variables, as JSON."""


@strawberry.input(description="A query to run as a job.")
class BulkQueryStartInput:
    organization_id: UUID = strawberry.field(
        description="The ID of the organization. The query reads only what belongs to it."
    )
    query: str = strawberry.field(
        description="The query: a document with one operation. The list (connection) that is"
        " closest to its root is read as a whole, whatever its length: leave out its `after`. Its"
        " `first` is the number of items that are read at a time, 100 by default. Lists within it"
        " have one page."
    )
    variables: JSON | None = strawberry.field(
        default=UNSET, description="The values of the variables of the query, as an object."
    )


@strawberry.input(description="A mutation to run as a job, and the file with its variables.")
class BulkMutationStartInput:
    organization_id: UUID = strawberry.field(
        description="The ID of the organization. The mutation changes only what belongs to it."
    )
    mutation: str = strawberry.field(
        description="The mutation: a document with one operation. It runs for one line after the"
        " other."
    )
    file_id: UUID = strawberry.field(
        description="The ID of a file of JSON lines, whose upload is finished: an object in each"
        f" line. It has at most {MAX_SIZE // 2**20} MB, and a line at most {MAX_LINE:,} bytes."
    )
    variables: JSON | None = strawberry.field(
        default=UNSET, description="The values of variables that are the same for all lines."
    )
    items_variable: str | None = strawberry.field(
        default=UNSET,
        description="The name of a variable that takes a list, such as `items`. Each line is an"
        f" item of it, and up to {MAX_ITEMS} lines are sent together. By default, a line holds the"
        " variables of one run.",
    )


@strawberry.type(description="The result of starting a bulk operation.")
class BulkOperationStartPayload:
    job_id: UUID = described("The ID of the job. `jobChanged` follows it.")

    @strawberry.field(description="The job. `Job.bulkResult` has the result once it succeeds.")
    async def job(self, info: Info) -> Job | None:
        return await info.context.one(JobRow, self.job_id)  # type: ignore[return-value]


@strawberry.type(description="The result of a bulk operation.")
class BulkResult:
    lines: int = described("The number of lines in the files.")
    errors: int = described(
        "The number of lines with `errors`. A query with errors fails, and has no result."
    )
    files: list[ExportedFile] = strawberry.field(
        description="The files of JSON lines, in order. A file has about"
        f" {FILE_BYTES // 2**20} MB, and ends with a whole line.",
        metadata={"largest_page": 200},
    )


async def bulk_query_start(info: Info, input: Input[BulkQueryStartInput]) -> Any:
    operations = info.context.bulk
    async with writing(info) as transaction:
        organization = await _organization(transaction, input.organization_id)
        variables = _variables(input.variables or None)
        operations.require(input.query, "query", ["query"])
        paged(operations.schema, input.query)
        payload = {"query": input.query, "variables": variables}
        job = await QUERY.enqueue(transaction, organization.id, payload)
    return BulkOperationStartPayload(job_id=job)  # type: ignore[arg-type]


async def bulk_mutation_start(info: Info, input: Input[BulkMutationStartInput]) -> Any:
    operations, name = info.context.bulk, input.items_variable or None
    async with writing(info) as transaction:
        organization = await _organization(transaction, input.organization_id)
        file = await transaction.find(File, input.file_id, lock=False, field=["file_id"])
        if file.organization_id != organization.id:
            message = "The file belongs to another organization."
            raise Problem("INVALID", message, field=["file_id"])
        if file.state is not FileState.STORED:
            raise Problem("INVALID", "The upload of the file is not finished.", field=["file_id"])
        if file.size > MAX_SIZE:
            message = f"The file has more than {MAX_SIZE:,} bytes."
            raise Problem("INVALID", message, field=["file_id"])
        variables = _variables(input.variables or None)
        operations.require(input.mutation, "mutation", ["mutation"])
        if name is not None and not operations.declared(input.mutation).get(name):
            message = "The mutation declares no variable of this name that takes a list."
            raise Problem("INVALID", message, field=["items_variable"])
        payload = {
            "mutation": input.mutation,
            "fileId": str(file.id),
            "variables": variables,
            "itemsVariable": name,
        }
        job = await MUTATION.enqueue(transaction, organization.id, payload)
    return BulkOperationStartPayload(job_id=job)  # type: ignore[arg-type]


def _variables(given: Any) -> Mapping[str, Any]:
    """Return the variables. Raises INVALID for what is no object, or too large."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Problem("INVALID", "Must be an object.", field=["variables"])
    if len(str(given)) > MAX_VARIABLES:
        message = f"At most {MAX_VARIABLES:,} characters."
        raise Problem("INVALID", message, field=["variables"])
    return given


async def _organization(transaction: Transaction, id: UUID) -> Organization:
    """Return an organization of the viewer that has room for a job. Raises LIMIT_REACHED."""
    field = ["organization_id"]
    organization = await transaction.find(Organization, id, lock=False, field=field, to_create=File)
    if id not in transaction.viewer.organizations:
        message = "Only its members start bulk operations."
        raise Problem("FORBIDDEN", message, field=field)
    if await transaction.call(live_jobs(id, NAMES)) >= MAX_RUNNING:
        message = f"At most {MAX_RUNNING} bulk operations of an organization run at the same time."
        raise Problem("LIMIT_REACHED", message, field=field)
    return organization


@computed(
    "id",
    "kind",
    "result",
    text="The result of a bulk operation; null for other jobs, and until it has succeeded. The"
    " files are removed with the job, a week after it ends.",
)
def _bulk_result(root: strawberry.Parent[Any]) -> BulkResult | None:
    result = root.result if root.kind in NAMES else None
    if result is None:
        return None
    files = [exported_file(root.id, file) for file in result["files"]]
    return BulkResult(lines=result["lines"], errors=result["errors"], files=files)


extend_type(Job, bulk_result=_bulk_result)


@strawberry.type
class Mutation:
    bulk_query_start = mutation(
        bulk_query_start,
        BulkOperationStartPayload,
        "Run a query as a job. The result is a file of JSON lines: a line for each item of the"
        " list that is closest to the root, or one line with the data of a query without a list.",
        scope="requirements:write",
    )
    bulk_mutation_start = mutation(
        bulk_mutation_start,
        BulkOperationStartPayload,
        "Run a mutation for each line of a file of JSON lines, as a job. The result is a file of"
        " JSON lines with the answers, in the same order.",
        scope="requirements:write",
    )
