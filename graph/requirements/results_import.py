"""The import of test results through the API: the text of a file, and what became of it."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from db.problem import Problem
from db.requirements.testing import ExecutionStatus
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import described
from graph.kit.mutations import Input, given, mutation, name_fields
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.formats.junit.recording import (
    MAX_NAMES,
    ResultOptions,
    ResultsImport,
    UnknownTests,
    import_results,
)
from graph.requirements.exchange.model.draft import Limits

MAX_RESULTS = 1_000
"""The most results of one request, which has a deadline; the command takes more."""
MAX_FILE_LENGTH = 1_000_000
"""The most characters of one file; the body of a request is bounded as well."""
DECLARATION = re.compile(r"^\ufeff?\s*<\?xml\b[^>]*\?>")
"""The declaration of an encoding, which text that has been decoded no longer has."""

describe_enum(
    UnknownTests,
    "The treatment of results whose test case is not in the project.",
    {
        "REPORT": "They are not recorded. The payload lists them.",
        "CREATE": "A test case is created for each, with the class and the name as `testId`.",
    },
)


@strawberry.input(description="Test results to import into a project.")
class TestResultsImportInput:
    __test__ = False

    project_id: UUID = strawberry.field(description="The ID of the project.")
    content: str = strawberry.field(
        description=f"The text of a file in JUnit XML, at most {MAX_FILE_LENGTH:,} characters and"
        f" {MAX_RESULTS:,} test cases. The command `gateway import` takes larger files."
    )
    unknown_tests: UnknownTests = strawberry.field(
        default=UnknownTests.REPORT,
        description="The treatment of results whose test case is not in the project.",
    )
    requirement_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the requirement of test cases that have no execution yet, and for"
        " which the file names none.",
    )
    executed_at: datetime | None = strawberry.field(
        default=UNSET,
        description="The date and time of the results. The default is that in the file, or now.",
    )
    execution_environment: str | None = strawberry.field(
        default=UNSET, description="The environment of the executions."
    )
    execution_version: str | None = strawberry.field(
        default=UNSET, description="The version of the product that was tested."
    )


@strawberry.type(description="The outcome of an import of test results.")
class TestResultsImportPayload:
    __test__ = False

    suites: int = described("The number of suites in the file.")
    cases: int = described("The number of test cases in the file.")
    passed: int = described("The number of these that passed.")
    failed: int = described("The number of these that failed.")
    errors: int = described("The number of these that ended with an error.")
    skipped: int = described("The number of these that were skipped.")
    recorded: int = described("The number of executions that were recorded.")
    created: int = described("The number of test cases that were created.")
    unknown: list[str] = described(
        f"The names in the file that no test case of the project has, at most {MAX_NAMES:,}."
        " Their results were not recorded."
    )
    unassigned: list[str] = described(
        "The names in the file of test cases for which no requirement is known, at most"
        f" {MAX_NAMES:,}. Their results were not recorded."
    )
    missing_requirements: list[str] = described(
        f"The requirements that the file names and the project has not, at most {MAX_NAMES:,}."
    )
    notes: list[str] = described("Notes on the parts of the file that were not imported.")
    dry_run: bool = described("Whether nothing was written, because `dryRun` was set.")


DryRun = Annotated[
    bool,
    strawberry.argument(description="Whether to check the file without writing anything."),
]


async def results_import(
    info: Info, input: Input[TestResultsImportInput], dry_run: DryRun = False
) -> Any:
    values = given(input)
    context = info.context
    if len(input.content) > MAX_FILE_LENGTH:
        message = f"At most {MAX_FILE_LENGTH} characters."
        raise Problem("INVALID", message, field=["input", "content"])
    options = ResultOptions(
        unknown=input.unknown_tests,
        requirement_id=values.get("requirement_id"),
        executed_at=values.get("executed_at"),
        environment=values.get("execution_environment"),
        version=values.get("execution_version"),
        dry_run=dry_run,
        limits=Limits(items=MAX_RESULTS),
    )
    source = Source("content", DECLARATION.sub("", input.content, count=1).encode())
    try:
        result = await import_results(
            context.session, input.project_id, source, options, context.spend
        )
    except Problem as problem:
        if problem.field[:1] == ("file",):
            problem.extensions["field"] = ["input", "content"]
        else:
            name_fields(problem, (), "input")
        raise
    finally:
        context.forget()
    return _payload(result)


def _payload(result: ResultsImport) -> TestResultsImportPayload:
    read = result.read
    return TestResultsImportPayload(
        suites=result.suites,
        cases=sum(read.values()),
        passed=read.get(ExecutionStatus.PASS, 0),
        failed=read.get(ExecutionStatus.FAIL, 0),
        errors=read.get(ExecutionStatus.ERROR, 0),
        skipped=read.get(ExecutionStatus.SKIP, 0),
        recorded=result.recorded,
        created=result.created,
        unknown=result.unknown,
        unassigned=result.unassigned,
        missing_requirements=result.missing,
        notes=result.notes,
        dry_run=result.dry_run,
    )


@strawberry.type
class Mutation:
    test_results_import = mutation(
        results_import,
        TestResultsImportPayload,
        "Record the test results of a file in JUnit XML, for each requirement that a test case"
        " verifies. Test cases are found by their `testId` in properties, names or tags.",
        scope="requirements:write",
    )
