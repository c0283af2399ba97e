"""The background jobs of compliance: texts, assessments, uploads that were given up."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from db.compliance.documents import ComplianceDocument, UploadStatus
from db.pool import NOBODY
from db.problem import Problem
from graph.compliance.archive import archive
from graph.compliance.extraction.child import UnreadableError
from graph.compliance.extraction.process import extract
from graph.compliance.judging import model as by_model
from graph.compliance.judging import queue, rules
from graph.compliance.judging.findings import Finding, verified
from graph.compliance.judging.queue import Claimed, Lost
from graph.compliance.reports.job import REPORT
from graph.kit.storage import Stored
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import JobFailed, Run
from graph.platform.language_models.credits import reserve_again, settle
from graph.platform.language_models.port import LanguageModel, ModelRefused, ModelUnreachable

BATCH_SIZE = 100
"""Documents of one statement."""
FEATURE = "compliance_assessment"
"""The feature of the credits of a language model in `usage_logs`."""
MAX_SIZE = 50_000_000
DRAINED = 20
"""Assessments that one run of the recurring job takes, at most."""


async def _expire(run: Run) -> Result:
    """Give up uploads that were not finished in time."""
    expired, more = 0, True
    while more:
        async with run.database.auth.lend(NOBODY) as lent:
            found = await lent.fetchval("SELECT ctx.expire_compliance_documents($1)", BATCH_SIZE)
        expired += found
        more = found == BATCH_SIZE
    return {"expired": expired}


async def _extract(run: Run) -> Result:
    """Extract the text of a document that was uploaded; one that cannot be read is an error."""
    id = UUID(run.payload["documentId"])
    rows = await run.session.rows(ComplianceDocument, ComplianceDocument.id == id, limit=1)
    if not rows or rows[0].sha256 is None:
        raise JobFailed("The document does not exist any more.")
    (row,) = rows
    stored = Stored(row.id, row.sha256, row.name, row.media_type)
    values: dict[str, Any]
    try:
        pages = await extract(row.media_type, await run.storage.read(stored, MAX_SIZE))
        await queue.store_pages(run.database, id, pages)
        values = {"page_count": len(pages)}
    except UnreadableError as error:
        values = {"status": UploadStatus.ERROR, "error_message": str(error), "expires_at": None}
    async with run.completing({"pages": values.get("page_count")}) as transaction:
        current = await transaction.find(ComplianceDocument, id)
        transaction.change(current, None, **values)
    return None


async def _assess(run: Run) -> Result:
    """Run the assessment in turn; another worker may have had that of this job."""
    return {"assessed": int(await assess_next(run))}


async def _drain(run: Run) -> Result:
    """Run assessments that are still pending: those whose own job or worker is lost."""
    assessed = 0
    while assessed < DRAINED and await assess_next(run):
        assessed += 1
    return {"assessed": assessed}


async def assess_next(run: Run) -> bool:
    """Claim the assessment in turn and run it; return whether there was one."""
    held = await queue.claim(run.database, f"job {run.job.id}")
    if held is None:
        return False
    try:
        await _judge(run, held)
    except Lost:
        pass
    except UnreadableError as error:
        await _fail(run, held, str(error), final=True)
    except ModelRefused as refused:
        await _fail(run, held, str(refused), final=True)
    except Exception as error:
        reason = error.message if isinstance(error, Problem) else "The worker failed."
        await _fail(run, held, reason, final=False)
        raise
    return True


async def _fail(run: Run, held: Claimed, reason: str, *, final: bool) -> None:
    try:
        await queue.fail(run.database, held, reason, final=final)
    except Lost:
        return


async def _judge(run: Run, held: Claimed) -> None:
    pages = await _pages(run, held)
    known = held.known
    if run.language_model is None:
        name, findings = rules.NAME, await asyncio.to_thread(rules.judge, known, pages)
    else:
        name, findings = await _by_model(run, held, run.language_model, pages)
    result = await asyncio.to_thread(verified, known, findings, pages)
    await queue.complete(run.database, held, result, name)


async def _pages(run: Run, held: Claimed) -> list[str]:
    if pages := await queue.pages_of(run.database, held):
        return pages
    document: Mapping[str, Any] = held.document
    if document["sha256"] is None:
        raise UnreadableError("The document has no content.")
    id, digest = UUID(document["id"]), bytes.fromhex(document["sha256"])
    stored = Stored(id, digest, document["name"], document["media_type"])
    pages = await extract(document["media_type"], await run.storage.read(stored, MAX_SIZE))
    await queue.store_pages(run.database, id, pages)
    return pages


async def _by_model(
    run: Run, held: Claimed, model: LanguageModel, pages: list[str]
) -> tuple[str, list[Finding]]:
    """Return the name of the model and its findings, which are shown as they come."""
    requests, terms = by_model.requests_of(held.known, pages), model.terms
    credits = sum(terms.most(request) for request in requests)
    if not await reserve_again(run.database, run.job.id, held.organization_id, credits, terms):
        raise ModelRefused("The organization has not enough credits left for this document.")
    tokens = 0
    findings: list[Finding] = []
    try:
        async for judged in by_model.judge(model, requests):
            tokens += judged.tokens
            findings = judged.findings
            await queue.extend(run.database, held, min(judged.done, 0.99), findings)
    except ModelUnreachable as error:
        raise Problem("BUSY", str(error)) from error
    except ModelRefused as refused:
        tokens += refused.tokens
        raise
    finally:
        await settle(
            run.database,
            run.job.id,
            terms.price(tokens),
            user_id=held.user_id,
            feature=FEATURE,
            metadata={"model": terms.name, "tokens": tokens, "assessmentId": str(held.id)},
        )
    return terms.name, findings


EXPIRE = Kind("compliance.expire_uploads", _expire, every=timedelta(minutes=10))
EXTRACT = Kind("compliance.extract", _extract, max_attempts=3)
ASSESS = Kind("compliance.assess", _assess, max_attempts=3, timeout=600.0)
DRAIN = Kind("compliance.assess_pending", _drain, every=timedelta(seconds=30), timeout=600.0)
ARCHIVE = Kind("compliance.archive_results", archive, every=timedelta(days=1), timeout=3600.0)
KINDS = (EXPIRE,)
FILE_KINDS = (EXTRACT, ASSESS, DRAIN, ARCHIVE, REPORT)
"""The kinds that read documents, for workers that reach the storage of files."""
