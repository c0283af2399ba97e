"""Workers outside of the gateway: programs that claim and run assessments through the API."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import strawberry
from pydantic import ValidationError
from strawberry.scalars import JSON

from auth.session import Transaction
from auth.viewer import Role
from db.compliance.assessments import AssessmentStatus
from db.problem import Problem
from graph.compliance.frameworks import FrameworkRequirement, requirements_of
from graph.compliance.judging.findings import Finding, Verified, verified
from graph.compliance.judging.queue import Claimed
from graph.compliance.sql import queue
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.leases import (
    LEASE_SECONDS,
    MAX_LEASE,
    MIN_LEASE,
    LeaseId,
    LeaseSeconds,
    require_between,
)
from graph.kit.mutations import Input, mutation, writing
from graph.kit.scalars import BigInt
from graph.kit.storage import Stored

SCOPE = "compliance:work"
MAX_CLAIMED = 20
MAX_FINDINGS = 10_000
MAX_NAME_LENGTH, MAX_REASON_LENGTH = 100, 2000
ADDRESS_LIFETIME = timedelta(minutes=15)


@strawberry.input(description="The assessments to claim.")
class AssessmentsClaimInput:
    first: int = strawberry.field(
        default=1, description=f"The maximum number of assessments, 1 to {MAX_CLAIMED}."
    )
    lease_seconds: int = strawberry.field(
        default=120,
        description=LEASE_SECONDS,
    )
    worker: str = strawberry.field(
        default="external", description="The name of the worker, at most 100 characters."
    )


@strawberry.type(description="The definition of a framework of a claimed assessment.")
class ClaimedFramework:
    code: str = described("The code of the framework.")
    name: str = described("The name of the framework.")
    revision: int = described("The number of the revision.")
    definition: JSON = described("The definition as it is in the file of the framework.")

    @strawberry.field(description="The requirements of the revision.")
    def requirements(self) -> list[FrameworkRequirement]:
        return requirements_of(self.definition)


@strawberry.type(description="The document of a claimed assessment.")
class ClaimedDocument:
    id: UUID = described("The ID of the document.")
    name: str = described("The name of the file.")
    media_type: str = described("The media type of the content.")
    size: BigInt = described("The size of the content, in bytes.")
    sha256: str = described("The SHA-256 digest of the content, in hexadecimal.")
    url: str = described("A URL from which the content can be downloaded for 15 minutes.")


@strawberry.type(description="An assessment that a worker has claimed.")
class ClaimedAssessment:
    id: UUID = described("The ID of the assessment.")
    organization_id: UUID = described("The ID of the organization of the assessment.")
    attempt: int = described("The number of this attempt, from 1 to 3.")
    lease_id: UUID = described("The ID of the lease, which every further mutation requires.")
    lease_expires_at: datetime = described("The date and time when the lease expires.")
    document: ClaimedDocument = described("The document to assess.")
    frameworks: list[ClaimedFramework] = described("The frameworks to assess it against.")


@strawberry.type(description="The result of claiming assessments.")
class AssessmentsClaimPayload:
    assessments: list[ClaimedAssessment] = described(
        "The claimed assessments, in the order of the claim; empty if none is pending."
    )


@strawberry.type(description="The result of extending a lease.")
class AssessmentExtendPayload:
    lease_expires_at: datetime = described("The date and time when the lease expires.")


@strawberry.type(description="The result of ending an attempt.")
class AssessmentEndPayload:
    status: AssessmentStatus = described("The status of the assessment after the attempt.")


Progress = Annotated[
    float | None,
    strawberry.argument(
        description="The share that is done, from 0 to 1. Those who follow the assessment are told."
    ),
]
PartialFindings = Annotated[
    JSON | None,
    strawberry.argument(description="The findings so far, in the form of `assessmentComplete`."),
]
Results = Annotated[
    JSON,
    strawberry.argument(
        description="An object with `findings`, a list of objects with `framework` (code),"
        " `requirement` (identifier), `status`, `severity`, `evidence` (a list of `page` and"
        " `quote`) and `recommendation`, and optionally `summary`. Enumerations are in lower case;"
        " other members are kept."
    ),
]
ModelName = Annotated[
    str, strawberry.argument(description="The name of the model that has judged.")
]
Reason = Annotated[str, strawberry.argument(description="The reason for the failure, for users.")]
Final = Annotated[
    bool,
    strawberry.argument(description="Whether the assessment fails at once, without another try."),
]


def _text(value: str, longest: int, *field: str) -> str:
    if not value.strip() or len(value) > longest or "\0" in value:
        message = f"Must not be blank, and have at most {longest} characters."
        raise Problem("INVALID", message, field=field)
    return value


def _findings(given: Any, *field: str) -> list[Finding]:
    """Return the findings that a worker has sent. Raises INVALID with the place of a fault."""
    if not isinstance(given, list) or len(given) > MAX_FINDINGS:
        message = f"Must be a list of at most {MAX_FINDINGS:,} findings."
        raise Problem("INVALID", message, field=field)
    found = []
    for place, each in enumerate(given):
        try:
            found.append(Finding.model_validate(each))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            path = (*field, place, *fault["loc"])
            raise Problem("INVALID", f"{fault['msg']}.", field=path) from None
    return found


def _administered(transaction: Transaction) -> Sequence[UUID]:
    """Return the organizations whose assessments the viewer may run."""
    viewer = transaction.viewer
    tenants = [scope for scope in viewer.scopes_with(Role.ADMIN) if scope in viewer.organizations]
    for tenant in tenants:
        transaction.rights.require_role(Role.ADMIN, tenant)
    return tenants


async def _held(info: Info, call: Any) -> Any:
    """Return the result of a call. Raises NOT_FOUND if the lease is not held any more."""
    async with writing(info, None) as transaction:
        result = await transaction.call(call(_administered(transaction)))
        if result is None:
            message = "There is no such lease: it has expired, or the assessment has ended."
            raise Problem("NOT_FOUND", message, field=["leaseId"])
    return result


async def assessments_claim(
    info: Info, input: Input[AssessmentsClaimInput]
) -> AssessmentsClaimPayload | None:
    require_between(input.first, 1, MAX_CLAIMED, "input", "first")
    require_between(input.lease_seconds, MIN_LEASE, MAX_LEASE, "input", "leaseSeconds")
    worker = _text(input.worker, MAX_NAME_LENGTH, "input", "worker")
    storage = info.context.storage
    async with writing(info) as transaction:
        tenants = _administered(transaction)
        if not tenants:
            message = "Only administrators of an organization run its assessments."
            raise Problem("FORBIDDEN", message)
        lease = timedelta(seconds=input.lease_seconds)
        claimed = await transaction.call(queue.claim(input.first, lease, worker, tenants))
    info.context.session.show_secret()

    def address(document: dict[str, Any]) -> str:
        digest = bytes.fromhex(document["sha256"])
        id, name, media_type = UUID(document["id"]), document["name"], document["media_type"]
        return storage.address(Stored(id, digest, name, media_type), ADDRESS_LIFETIME)

    return AssessmentsClaimPayload(
        assessments=[
            ClaimedAssessment(
                id=UUID(each["id"]),
                organization_id=UUID(each["organization_id"]),
                attempt=each["attempt"],
                lease_id=UUID(each["lease_id"]),
                lease_expires_at=datetime.fromisoformat(each["lease_expires_at"]),
                document=ClaimedDocument(
                    **each["document"] | {"id": UUID(each["document"]["id"])},
                    url=address(each["document"]),
                ),
                frameworks=[ClaimedFramework(**framework) for framework in each["frameworks"]],
            )
            for each in claimed
        ]
    )


async def assessment_extend(
    info: Info,
    id: Id,
    lease_id: LeaseId,
    lease_seconds: LeaseSeconds = 120,
    progress: Progress = None,
    findings: PartialFindings = None,
) -> AssessmentExtendPayload | None:
    require_between(lease_seconds, MIN_LEASE, MAX_LEASE, "leaseSeconds")
    partial = None
    if progress is not None:
        require_between(progress, 0, 1, "progress")
    if findings is not None:
        read = [each.model_dump(mode="json") for each in _findings(findings, "findings")]
        for each in read:  # nothing is evidence before it is verified
            each["evidence"] = [quote | {"verified": False} for quote in each["evidence"]]
        partial = {"findings": read}
    time = timedelta(seconds=lease_seconds)
    until = await _held(
        info, lambda tenants: queue.extend(id, lease_id, time, progress, partial, tenants)
    )
    return AssessmentExtendPayload(lease_expires_at=until)


async def assessment_complete(
    info: Info, id: Id, lease_id: LeaseId, results: Results, model: ModelName
) -> AssessmentEndPayload | None:
    if not isinstance(results, dict):
        raise Problem("INVALID", "Must be an object with `findings`.", field=["results"])
    name = _text(model, MAX_NAME_LENGTH, "model")
    findings = _findings(results.get("findings"), "results", "findings")
    summary = results.get("summary")
    if summary is not None and not isinstance(summary, str):
        raise Problem("INVALID", "Must be a text.", field=["results", "summary"])
    ours = {"findings", "summary", "score"}
    more = {key: value for key, value in results.items() if key not in ours}
    pages = await _held(info, lambda tenants: queue.pages_of(id, lease_id, tenants))
    claimed = await _held(info, lambda tenants: queue.definitions_of(id, lease_id, tenants))
    known = Claimed.requirements_of(claimed)
    done: Verified = await asyncio.to_thread(verified, known, findings, pages, summary, more)
    status = await _held(
        info,
        lambda tenants: queue.complete(
            id, lease_id, done.results, done.severity_counts, done.score, name, tenants
        ),
    )
    return AssessmentEndPayload(status=AssessmentStatus(status))


async def assessment_fail(
    info: Info, id: Id, lease_id: LeaseId, error: Reason, final: Final = False
) -> AssessmentEndPayload | None:
    reason = _text(error, MAX_REASON_LENGTH, "error")
    status = await _held(
        info, lambda tenants: queue.fail(id, lease_id, reason, tenants, final=final)
    )
    return AssessmentEndPayload(status=AssessmentStatus(status))


@strawberry.type
class Mutation:
    assessments_claim = mutation(
        assessments_claim,
        AssessmentsClaimPayload,
        "Claim pending assessments of the organizations of which the viewer is an administrator."
        " Organizations take turns; of each, those that have waited longest come first. Until the"
        " lease expires, no other worker is given the assessment.",
        scope=SCOPE,
    )
    assessment_extend = mutation(
        assessment_extend,
        AssessmentExtendPayload,
        "Extend the lease of an assessment, and report its progress and findings.",
        scope=SCOPE,
    )
    assessment_complete = mutation(
        assessment_complete,
        AssessmentEndPayload,
        "Complete an assessment whose lease is held. Quotes that are not in the document are no"
        " evidence; what is said to be met without evidence is missing.",
        scope=SCOPE,
    )
    assessment_fail = mutation(
        assessment_fail,
        AssessmentEndPayload,
        "Report that an attempt has failed. The assessment is pending again, unless this was its"
        " third attempt or the failure is final.",
        scope=SCOPE,
    )
