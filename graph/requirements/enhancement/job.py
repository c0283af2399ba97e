"""The job that asks the language model for a better wording, and stores it as a proposal."""

from datetime import UTC, datetime
from enum import Enum
from uuid import UUID

from db.problem import Problem
from db.requirements.requirements import Requirement
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import JobFailed, Run
from graph.platform.language_models.credits import reserve_again, settle
from graph.platform.language_models.port import ModelRefused, ModelUnreachable
from graph.requirements.enhancement.proposal import PROMPT, VERSION, Proposal, fault_of, quoted
from graph.requirements.quality.analysis import text_of

FEATURE = "requirement_enhancement"
"""The feature in `usage_logs`."""
OFF = "This gateway has no language model."


class EnhancementState(Enum):
    """The state of a proposed wording."""

    PROPOSED = "PROPOSED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


async def _enhance(run: Run) -> Result:
    """Ask for a wording of the text that was asked about, unless it has changed since."""
    model, id = run.language_model, UUID(run.payload["requirementId"])
    if model is None:
        raise JobFailed(OFF)
    rows = await run.session.rows(Requirement, Requirement.id == id, limit=1)
    if not rows:
        raise JobFailed("The requirement does not exist any more.")
    (row,) = rows
    text = text_of(row.name, row.description)
    data = quoted(row, text)
    terms = model.terms
    reserved = (run.organization_id, terms.most(data), terms)
    if not await reserve_again(run.database, run.job.id, *reserved):
        raise JobFailed("The organization has no credits left.")
    try:
        completion = await model.complete(PROMPT, data, Proposal)
    except ModelUnreachable as error:
        raise Problem("BUSY", str(error)) from error
    except ModelRefused as refused:
        await _settle(run, terms.price(refused.tokens), refused.tokens, terms.name)
        raise JobFailed(str(refused)) from refused
    tokens, proposed = completion.tokens, completion.answer.text.strip()
    await _settle(run, terms.price(tokens), tokens, terms.name)
    if fault := fault_of(proposed, text):
        raise JobFailed(fault)
    result = {"requirementId": str(id), "tokens": tokens, "credits": terms.price(tokens)}
    async with run.completing(result) as transaction:
        current = await transaction.find(Requirement, id)
        if text_of(current.name, current.description) != text:
            raise JobFailed("The text was changed meanwhile.")
        transaction.change(
            current,
            None,
            enhanced_requirement=proposed,
            enhancement={
                "state": EnhancementState.PROPOSED.value,
                "model": terms.name,
                "promptVersion": VERSION,
                "proposedAt": datetime.now(UTC).isoformat(timespec="milliseconds"),
            },
        )
    return None


async def _settle(run: Run, credits: int, tokens: int, model: str) -> None:
    user_id = run.job.user_id
    assert user_id is not None  # noqa: S101 (a job with a session has one)
    about = {"model": model, "tokens": tokens, "jobId": str(run.job.id), "promptVersion": VERSION}
    await settle(
        run.database, run.job.id, credits, user_id=user_id, feature=FEATURE, metadata=about
    )


ENHANCE = Kind("requirements.enhance", _enhance, max_attempts=3)
KINDS = (ENHANCE,)
