"""Proposed wordings in the API: ask for one, read it with its diff, accept or reject it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.core.jobs import Job as JobRow
from db.problem import Problem
from db.requirements import requirements as db
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, computed, described, extend_type
from graph.kit.history import PARTS, DiffPart, Diffs
from graph.kit.mutations import ExpectedVersion, mutation, writing
from graph.kit.payloads import answer, payload_of
from graph.platform.jobs.types import Job
from graph.platform.language_models.credits import reserve
from graph.requirements.enhancement.job import ENHANCE, OFF, EnhancementState
from graph.requirements.enhancement.proposal import MAX_SOURCE_LENGTH, quoted
from graph.requirements.quality.analysis import text_of
from graph.requirements.requirements import Requirement

describe_enum(
    EnhancementState,
    "The state of a proposed wording.",
    {
        "PROPOSED": "Nobody has decided on the proposal yet.",
        "ACCEPTED": "The proposal was accepted as the text of the requirement.",
        "REJECTED": "The proposal was rejected.",
    },
    name="RequirementEnhancementState",
)


@strawberry.type(
    description="A wording of a requirement that a language model has proposed. It changes nothing"
    " unless it is accepted."
)
class RequirementEnhancement:
    before: strawberry.Private[str]
    text: str = described("The proposed text, in plain text: escape it like any text of a user.")
    state: EnhancementState = described("The state of the proposal.")
    model: str = described("The name of the language model.")
    prompt_version: str = described("The version of the instructions that the model was given.")
    proposed_at: datetime = described("The date and time of the proposal.")

    @strawberry.field(
        description="The difference between the current text and the proposed one, by words.",
        metadata={"largest_page": PARTS},
    )
    async def diff(self, info: Info) -> list[DiffPart]:
        parts = await info.context.once(Diffs, Diffs).between(self.before, self.text)
        return [DiffPart(kind=part.kind, text=part.text) for part in parts]


@strawberry.type(description="The result of asking for a proposed wording.")
class RequirementEnhancePayload:
    job_id: UUID = described("The ID of the job that asks the language model.")

    @strawberry.field(description="The job; null if the viewer cannot read it.")
    async def job(self, info: Info) -> Job | None:
        return await info.context.one(JobRow, self.job_id)  # type: ignore[return-value]


@computed(
    "name",
    "description",
    "enhanced_requirement",
    "enhancement",
    text="The latest wording that a language model has proposed; null for none, and for a share.",
)
def _enhancement(root: strawberry.Parent[Any], info: Info) -> RequirementEnhancement | None:
    stored = root.enhancement or {}
    if info.context.viewer.shared or "state" not in stored or root.enhanced_requirement is None:
        return None
    return RequirementEnhancement(
        before=text_of(root.name, root.description),
        text=root.enhanced_requirement,
        state=EnhancementState(stored["state"]),
        model=stored["model"],
        prompt_version=stored["promptVersion"],
        proposed_at=datetime.fromisoformat(stored["proposedAt"]),
    )


async def requirement_enhance(info: Info, id: Id) -> RequirementEnhancePayload | None:
    async with writing(info, None) as transaction:
        row = await transaction.find(db.Requirement, id, lock=False)
        transaction.require_update(row, {})
        terms = info.context.model_terms
        if terms is None:
            raise Problem("NOT_ENABLED", OFF)
        text = text_of(row.name, row.description)
        if len(text) > MAX_SOURCE_LENGTH:
            message = f"The text has more than {MAX_SOURCE_LENGTH:,} characters."
            raise Problem("INVALID", message, field=["id"])
        job = await ENHANCE.enqueue(transaction, row.organization_id, {"requirementId": str(id)})
        assert job is not None  # noqa: S101 (it has no key)
        credits = terms.most(quoted(row, text))
        await reserve(transaction, job, row.organization_id, credits, terms)
    return RequirementEnhancePayload(job_id=job)


async def requirement_enhancement_accept(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> Any:
    return await _decide(info, id, expected_version, EnhancementState.ACCEPTED)


async def requirement_enhancement_reject(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> Any:
    return await _decide(info, id, expected_version, EnhancementState.REJECTED)


async def _decide(info: Info, id: UUID, expected_version: int, state: EnhancementState) -> Any:
    async with writing(info, None) as transaction:
        row = await transaction.find(db.Requirement, id)
        proposed = row.enhancement.get("state") == EnhancementState.PROPOSED.value
        if not proposed or row.enhanced_requirement is None:
            transaction.require_update(row, {})
            raise Problem("INVALID", "The requirement has no open proposal.", field=["id"])
        values: dict[str, Any] = {"enhancement": {**row.enhancement, "state": state.value}}
        if state is EnhancementState.ACCEPTED:
            values["description"] = row.enhanced_requirement
        await transaction.edits.update(row, expected_version, values)
    versions = transaction.edits.merged.get(row.id, ())
    return answer(payload_of(Requirement, merges=True), row, versions)


extend_type(Requirement, enhancement=_enhancement)


@strawberry.type
class Mutation:
    requirement_enhance = mutation(
        requirement_enhance,
        RequirementEnhancePayload,
        "Ask a language model for a better wording of a requirement. A job stores it as a proposal."
        " `NOT_ENABLED` if the gateway has no language model, `LIMIT_REACHED` without credits.",
        scope="requirements:write",
    )
    requirement_enhancement_accept = mutation(
        requirement_enhancement_accept,
        payload_of(Requirement, merges=True),
        "Accept the proposed wording as the description of the requirement.",
    )
    requirement_enhancement_reject = mutation(
        requirement_enhancement_reject,
        payload_of(Requirement, merges=True),
        "Reject the proposed wording. The text stays as it is.",
    )
