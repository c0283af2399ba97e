"""Assessments of documents against frameworks: created by members, run by workers."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from auth.session.write.plan_limits import reached
from db.compliance import assessments as db
from db.compliance.assessments import AssessmentStatus
from db.compliance.documents import ComplianceDocument as DocumentRow
from db.compliance.documents import UploadStatus
from db.compliance.frameworks import Framework as FrameworkRow
from db.compliance.frameworks import FrameworkRevision as RevisionRow
from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.core.plans import limits_of
from db.problem import Problem
from graph.compliance.archive import stored_results
from graph.compliance.documents import ComplianceDocument
from graph.compliance.frameworks import Framework, FrameworkRevision
from graph.compliance.jobs import ASSESS
from graph.compliance.results import (
    AssessmentResults,
    FindingComparison,
    FindingFilter,
    compared,
    shown,
)
from graph.compliance.sql import queue
from graph.core.changes import After, ChangeEvent, stream
from graph.core.feed import followable
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.core.usage import UsageLimit
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, unrefused
from graph.kit.mutations import Input, delete, mutation, restore, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of
from graph.kit.scalars import BigInt

MAX_FRAMEWORKS = 20
FREED = "The assessment was deleted before it was run."
RESULTS = ("id", "status", "results")

describe_enum(
    AssessmentStatus,
    "The status of an assessment.",
    {
        "PENDING": "Waiting for a worker.",
        "PROCESSING": "A worker is running it.",
        "COMPLETED": "The results are complete.",
        "FAILED": "It cannot be completed: `errorMessage`. Create another one to try again.",
    },
)


@strawberry.type(
    description="A framework that an assessment is run against, in the revision of that time."
)
class AssessmentFramework:
    framework_id: UUID = described("The ID of the framework.")
    framework_revision: int = described("The number of the revision.")
    framework: Framework | None = to_one(
        "framework_id", FrameworkRow, Framework, "The framework as it is now."
    )
    revision: FrameworkRevision | None = to_one(
        "revision_id",
        RevisionRow,
        FrameworkRevision,
        "The revision that the assessment is run against.",
    )


@strawberry.type(description="An assessment of a document against frameworks.")
class Assessment(Authored, Node):
    model = db.Assessment

    document_name: str = described("The name of the document when the assessment was created.")
    status: AssessmentStatus = described("The status of the assessment.")
    progress: float | None = described("The share that is done, from 0 to 1; null before it runs.")
    score: float | None = described(
        "The share of the requirements that is met, by weight, from 0 to 1; null before the"
        " assessment is completed, and if none applies."
    )
    error_message: str | None = described("The reason for the status `FAILED`; otherwise null.")
    attempts: int = described("The number of times that a worker has started the assessment.")
    started_at: datetime | None = described(
        "The date and time when a worker last started the assessment; null before."
    )
    completed_at: datetime | None = described(
        "The date and time when the assessment was completed; null before."
    )
    duration_ms: int | None = described("The duration of the last attempt, in milliseconds.")
    model_name: str | None = described("The name of what has judged: a language model, or `rules`.")
    results_archived_at: datetime | None = described(
        "The date and time when the results were moved to the archive, from which they take longer"
        " to be read; null before."
    )
    organization_id: UUID = described("The ID of the organization of the assessment.")
    compliance_document_id: UUID = described("The ID of the document.")
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the assessment."
    )
    compliance_document: ComplianceDocument | None = to_one(
        "compliance_document_id", DocumentRow, ComplianceDocument, "The document."
    )
    user: Profile | None = to_one(
        "user_id", ProfileRow, Profile, "The user who asked for the assessment."
    )

    @computed(
        "severity_counts",
        text="The numbers of findings that are open, by severity in lower case: those that are"
        " `PARTIAL` or `MISSING`.",
    )
    def severity_counts(root: strawberry.Parent[Any]) -> JSON:  # noqa: N805
        return root.severity_counts  # type: ignore[no-any-return]

    @computed(*RESULTS, text="The results; null before a worker has found something.")
    async def results(
        root: strawberry.Parent[Any],  # noqa: N805
        info: Info,
        filter: FindingFilter = None,
    ) -> AssessmentResults | None:
        stored = await stored_results(lambda: info.context.storage, root)
        partial = AssessmentStatus(root.status) is not AssessmentStatus.COMPLETED
        return shown(stored, filter, partial=partial) if stored else None

    @computed(
        *RESULTS,
        "compliance_document_id",
        text="The findings beside those of an earlier assessment of the same document. Both must be"
        " completed.",
    )
    async def comparison(
        root: strawberry.Parent[Any],  # noqa: N805
        info: Info,
        with_: Annotated[
            UUID,
            strawberry.argument(name="with", description="The ID of the earlier assessment."),
        ],
    ) -> list[FindingComparison]:
        earlier = await info.context.get(db.Assessment, with_)
        if earlier.compliance_document_id != root.compliance_document_id:
            raise Problem("INVALID", "It is of another document.", field=["with"])
        sides = []
        for side in (earlier, root):
            if AssessmentStatus(side.status) is not AssessmentStatus.COMPLETED:
                raise Problem("INVALID", "Both assessments must be completed.", field=["with"])
            stored = await stored_results(lambda: info.context.storage, side)
            sides.append(shown(stored, None, partial=False))
        return compared(*sides)


AssessmentFilterInput = filter_input(
    Assessment,
    "id",
    "organization_id",
    "compliance_document_id",
    "user_id",
    "document_name",
    "status",
    "completed_at",
    "created_at",
    "updated_at",
)
AssessmentOrderInput = order_input(
    Assessment, "document_name", "status", "completed_at", "created_at", "updated_at"
)
AssessmentFrameworkFilterInput = filter_input(
    AssessmentFramework, "framework_id", model=db.AssessmentFramework
)
AssessmentFrameworkOrderInput = order_input(AssessmentFramework, "framework_id")


@input_for(Assessment, "An assessment to create.")
class AssessmentCreateInput:
    compliance_document_id: UUID = strawberry.field(
        description="The ID of the document, which is `READY`."
    )
    framework_ids: list[UUID] = strawberry.field(
        description=f"The IDs of the frameworks, 1 to {MAX_FRAMEWORKS}, each active and named once."
    )


async def assessment_create(info: Info, input: Input[AssessmentCreateInput]) -> Any:
    wanted = input.framework_ids
    if not 0 < len(wanted) <= MAX_FRAMEWORKS or len(set(wanted)) < len(wanted):
        message = f"Must be 1 to {MAX_FRAMEWORKS} frameworks, each once."
        raise Problem("INVALID", message, field=["input", "frameworkIds"])
    async with writing(info) as transaction:
        document = await transaction.find(
            DocumentRow,
            input.compliance_document_id,
            lock=False,
            to_create=db.Assessment,
            field=["compliance_document_id"],
        )
        place: Any = scopes_beneath(DocumentRow, document)
        assessment = db.Assessment(
            **place,
            user_id=transaction.person,
            compliance_document_id=document.id,
            document_name=document.name,
        )
        transaction.require_create(assessment)
        if document.status is not UploadStatus.READY:
            raise Problem("INVALID", "The document is not ready.", field=["compliance_document_id"])
        await _prepare(transaction, assessment, wanted)
        transaction.add(assessment)
        await ASSESS.enqueue(transaction, assessment.organization_id, {"id": str(assessment.id)})
    return answer(payload_of(Assessment), assessment)


async def _prepare(
    transaction: Transaction, assessment: db.Assessment, wanted: Sequence[UUID]
) -> None:
    """Link the frameworks. Raises INVALID for one that is not active, and LIMIT_REACHED."""
    id, organization_id = assessment.id, assessment.organization_id
    prepared = await transaction.call(queue.prepare(id, organization_id, wanted))
    if prepared["linked"] != len(wanted):
        message = "A framework does not exist, or is not active any more."
        raise Problem("INVALID", message, field=["framework_ids"])
    most = await _maximum(transaction, organization_id)
    if most is not None and prepared["used"] >= most:
        raise reached("assessments", prepared["used"], most)


async def _maximum(transaction: Transaction, organization_id: UUID) -> int | None:
    organization = await transaction.find(
        OrganizationRow, organization_id, lock=False, to_create=db.Assessment
    )
    return limits_of(organization.billing_plan, organization.usage_limits).assessments


async def _free(_: Transaction, items: Sequence[Item], __: Found) -> None:
    """Take assessments that are deleted out of the queue for good, also if they are restored."""
    for item in unrefused(items):
        if item.row.status is AssessmentStatus.PENDING:
            item.row.status = AssessmentStatus.FAILED
            item.row.error_message = FREED


@strawberry.type(description="The assessments of an organization in this calendar month (UTC).")
class AssessmentUsage:
    assessments: UsageLimit = described(
        "The assessments that were completed, and those that are pending or processing. One more"
        " than the maximum is refused with `LIMIT_REACHED`."
    )
    billable: BigInt = described("The completed assessments that are billed.")


@computed(
    "id",
    "billing_plan",
    "usage_limits",
    text="The assessments of this month against the plan; null for those who are no members.",
)
async def _usage(root: strawberry.Parent[Any], info: Info) -> AssessmentUsage | None:
    if root.id not in info.context.viewer.organizations:
        return None
    async with info.context.session.transaction() as transaction:
        used = await transaction.call(queue.used(root.id))
        billable = await transaction.call(queue.billable(root.id))
    most = limits_of(root.billing_plan, root.usage_limits).assessments
    maximum = None if most is None else BigInt(most)
    limit = UsageLimit(current=BigInt(used), maximum=maximum)
    return AssessmentUsage(assessments=limit, billable=BigInt(billable))


def _assessments(key: str | None, text: str) -> Any:
    return connection(
        db.Assessment,
        Assessment,
        AssessmentFilterInput,
        AssessmentOrderInput,
        text,
        key=key,
        newest_first=True,
    )


extend_type(
    Assessment,
    frameworks=connection(
        db.AssessmentFramework,
        AssessmentFramework,
        AssessmentFrameworkFilterInput,
        AssessmentFrameworkOrderInput,
        "The frameworks that the assessment is run against.",
        key="assessment_id",
        by=("id",),
    ),
)
extend_type(
    ComplianceDocument,
    assessments=_assessments(
        "compliance_document_id", "The assessments of the document, newest first."
    ),
)
extend_type(
    Organization,
    assessments=_assessments("organization_id", "The assessments in the organization."),
    assessment_usage=_usage,
)
followable("entity", Assessment)


@strawberry.type
class Query:
    assessment = by_id(db.Assessment, Assessment, "Look up an assessment by its ID.")
    assessments = _assessments(None, "List assessments that the viewer can read, newest first.")


@strawberry.type
class Mutation:
    assessment_create = mutation(
        assessment_create,
        payload_of(Assessment),
        "Create an assessment of a document, which a worker runs. The same document can be assessed"
        " many times. `LIMIT_REACHED` if the plan allows no more in this month.",
    )
    assessment_delete = delete(
        Assessment,
        "Delete an assessment. One that no worker has started is not run any more. What was"
        " completed stays counted and billed.",
        prepare=_free,
    )
    assessment_restore = restore(Assessment, "Restore a deleted assessment.")


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="The changes of an assessment: its status, its progress and its results."
    )
    async def assessment_changed(
        self, info: Info, id: Id, after: After = None
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(db.Assessment, id)
        return stream("entity", row, after)
