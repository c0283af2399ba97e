"""Executions of test cases: the results, each for one requirement at one of its versions."""

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.requirements import testing as db
from db.requirements.requirements import Requirement as RequirementRow
from db.requirements.testing import ExecutionStatus
from db.requirements.testing import TestCase as TestCaseRow
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.kit.bulk import bulk
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Item, send_items
from graph.kit.json_items import json_items, shown_items
from graph.kit.mutations import Input, Place, delete, given, mutation, update, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, bulk_payload_of, payload_of
from graph.kit.scalars import BigInt
from graph.requirements.recording import complete, derive, record_rows
from graph.requirements.requirements import Requirement
from graph.requirements.sql.test_pairs import content_versions
from graph.requirements.testing import TestCase
from graph.requirements.testing_shapes import (
    MAX_DEFECTS,
    MAX_FILES,
    DefectLink,
    DefectLinkInput,
    FileLink,
    FileLinkInput,
)

describe_enum(
    ExecutionStatus,
    "The status of an execution. NOT_RUN and IN_PROGRESS can change; the others are final.",
    {
        "NOT_RUN": "The execution is planned.",
        "IN_PROGRESS": "The execution has started.",
        "PASS": "The requirement was met.",
        "FAIL": "The requirement was not met.",
        "SKIP": "The execution was skipped.",
        "BLOCKED": "Something else prevented the execution.",
        "ERROR": "The execution ended with an error of the test itself.",
    },
)


@strawberry.type(description="An execution of a test case for a requirement.")
class TestExecution(Authored, Node):
    __test__ = False
    model = db.TestExecution

    execution_status: ExecutionStatus = described("The status of the execution.")
    result_notes: str | None = described("Notes about the result.")
    executed_at: datetime | None = described(
        "The date and time of the result; null until the status is final."
    )
    execution_environment: str | None = described("The environment of the execution.")
    execution_version: str | None = described(
        "The version of the product that was tested, such as a release or a commit."
    )
    external_test_id: str | None = described(
        "The identifier of the test case in the system that executed it."
    )
    external_req_id: str | None = described(
        "The identifier of the requirement in the system that executed the test."
    )
    requirement_version: BigInt | None = described(
        "The version of the requirement that was tested; null if it is not known."
    )
    organization_id: UUID = described("The ID of the organization of the execution.")
    project_id: UUID = described("The ID of the project of the execution.")
    test_case: TestCase | None = to_one(
        "test_id", TestCaseRow, TestCase, "The test case that was executed."
    )
    requirement: Requirement | None = to_one(
        "requirement_id", RequirementRow, Requirement, "The requirement that was tested."
    )
    executed_by: Profile | None = to_one(
        "executed_by",
        ProfileRow,
        Profile,
        "The user or service account that executed the test case.",
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the execution."
    )

    @computed(
        "requirement_id",
        "requirement_version",
        "executed_at",
        text="Whether the content of the requirement was changed after the result. False without a"
        " result, and null if the requirement cannot be read, or when a past state is read.",
    )
    async def stale(root: strawberry.Parent[Any], info: Info) -> bool | None:  # noqa: N805
        context = info.context
        if context.past_of(root) is not None:
            return None
        batch = partial(content_versions, context.session)
        version = await context.loader("content versions", batch).load(root.requirement_id)
        if version is None:
            return None
        return root.executed_at is not None and version > (root.requirement_version or version)

    @computed("defects", text=f"The defects that were found, at most {MAX_DEFECTS}.")
    def defects(root: strawberry.Parent[Any]) -> list[DefectLink]:  # noqa: N805
        return shown_items(DefectLink, root.defects)

    @computed(
        "evidence_artifacts", text=f"Links to files that prove the result, at most {MAX_FILES}."
    )
    def evidence_artifacts(root: strawberry.Parent[Any]) -> list[FileLink]:  # noqa: N805
        return shown_items(FileLink, root.evidence_artifacts)


TestExecutionFilterInput = filter_input(
    TestExecution,
    "id",
    "project_id",
    "test_id",
    "requirement_id",
    "execution_status",
    "executed_at",
    "executed_by",
    "execution_environment",
    "execution_version",
    "external_test_id",
    "external_req_id",
    "created_at",
    "updated_at",
)
TestExecutionOrderInput = order_input(
    TestExecution, "execution_status", "executed_at", "created_at", "updated_at"
)


@input_for(TestExecution, "An execution of a test case to record.")
class ExecutionRecordInput:
    test_case_id: UUID = strawberry.field(description="The ID of the test case.")
    requirement_id: UUID = strawberry.field(
        description="The ID of the requirement, in the organization of the test case."
    )
    execution_status: ExecutionStatus
    result_notes: str | None = UNSET
    executed_at: datetime | None = strawberry.field(
        default=UNSET,
        description="The date and time of the result, not in the future. The default is now.",
    )
    executed_by: UUID | None = strawberry.field(
        default=UNSET,
        name="executedById",
        description="The ID of the member of the organization who executed the test case. The"
        " default is the viewer.",
    )
    execution_environment: str | None = UNSET
    execution_version: str | None = UNSET
    defects: list[DefectLinkInput] | None = json_items(MAX_DEFECTS, default=UNSET)
    evidence_artifacts: list[FileLinkInput] | None = json_items(MAX_FILES, default=UNSET)
    external_test_id: str | None = UNSET
    external_req_id: str | None = UNSET


@input_for(
    TestExecution,
    "The fields of an execution to change. Once the status is final, only the notes, defects,"
    " evidence and external identifiers can change.",
)
class TestExecutionUpdateInput:
    __test__ = False

    execution_status: Maybe[ExecutionStatus]
    result_notes: Maybe[str | None]
    execution_environment: Maybe[str | None]
    execution_version: Maybe[str | None]
    defects: Maybe[list[DefectLinkInput]] = json_items(MAX_DEFECTS)
    evidence_artifacts: Maybe[list[FileLinkInput]] = json_items(MAX_FILES)
    external_test_id: Maybe[str | None]
    external_req_id: Maybe[str | None]


async def execution_record(info: Info, input: Input[ExecutionRecordInput]) -> Any:
    item = Item(given(input))
    async with writing(info) as transaction:
        await record_rows(transaction, [item])
        item.require()
        await send_items(transaction, [item])
        row = item.require()
        await derive(transaction, [item])
    return answer(payload_of(TestExecution), row)


def _item(input: Any, place: Place) -> Item:
    return Item(given(input, place))


def _executions(key: str | None, text: str) -> Any:
    return connection(
        db.TestExecution,
        TestExecution,
        TestExecutionFilterInput,
        TestExecutionOrderInput,
        text,
        key=key,
        newest_first=True,
    )


extend_type(
    TestCase, executions=_executions("test_id", "The executions of the test case, newest first.")
)
extend_type(
    Requirement,
    executions=_executions(
        "requirement_id", "The executions of test cases for the requirement, newest first."
    ),
)
extend_type(
    Project,
    test_executions=_executions(
        "project_id", "The executions of the test cases of the project, newest first."
    ),
)


@strawberry.type
class Query:
    test_execution = by_id(
        db.TestExecution, TestExecution, "Look up an execution of a test case by its ID."
    )
    test_executions = _executions(
        None, "List executions of test cases that the viewer can read, newest first."
    )


@strawberry.type
class Mutation:
    execution_record = mutation(
        execution_record,
        payload_of(TestExecution),
        "Record an execution of a test case for a requirement, and update the status and the result"
        " of the test case.",
    )
    executions_record = bulk(
        bulk_payload_of(TestExecution),
        ExecutionRecordInput,
        "Record up to 500 executions, and update the status and the result of their test cases.",
        _item,
        record_rows,
        finish=derive,
    )
    test_execution_update = update(
        TestExecution,
        TestExecutionUpdateInput,
        "Update an execution. A final status does not change; record another execution instead.",
        prepare=complete,
        finish=derive,
    )
    test_execution_delete = delete(
        TestExecution,
        "Delete an execution. The status and the result of the test case then follow from the"
        " latest that is left.",
        finish=derive,
    )
