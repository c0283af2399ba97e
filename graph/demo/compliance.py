"""Compliance in the demonstration: frameworks, a policy, two assessments, a task and a share."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from auth.credentials.shares import PREFIX
from auth.credentials.tokens import new_token
from auth.policy.scopes import scopes_beneath
from auth.secret import digest
from auth.session import Transaction, ViewerSession
from db.compliance.assessments import Assessment, FindingTask
from db.compliance.documents import ComplianceDocument, UploadStatus
from db.compliance.frameworks import Framework
from db.core.shares import Share
from graph.compliance import keeping
from graph.compliance.extraction.child import of_text
from graph.compliance.judging import rules
from graph.compliance.judging.findings import Finding, verified
from graph.compliance.judging.queue import Claimed, store_pages
from graph.compliance.sql import queue
from graph.kit.storage import Storage, Stored
from graph.platform.shares.creating import DEFAULT_LIFETIME, HINT_LENGTH

POLICY = Path(__file__).with_name("policy.txt")
NAME = "Information security policy.txt"
CODES = ("SOC2", "GDPR")
LEASE = timedelta(days=1)
"""The time for which the second assessment is in progress. A worker of the gateway completes it."""
WORKER = "demo"


async def add_compliance(
    session: ViewerSession, storage: Storage, organization_id: UUID, colleague: UUID
) -> None:
    """Assess a policy of the viewer, who is an owner: once completely, and once in part."""
    database = session.database
    for code in CODES:
        await keeping.add(database, keeping.file_of(code))
    content = POLICY.read_bytes()
    pages = list(of_text(content))
    async with session.transaction() as transaction:
        document = ComplianceDocument(
            organization_id=organization_id,
            user_id=transaction.person,
            name=NAME,
            media_type="text/plain",
            size=len(content),
            sha256=sha256(content).digest(),
            status=UploadStatus.READY,
            page_count=len(pages),
            uploaded_at=transaction.now,
        )
        transaction.add(document)
    stored = Stored(document.id, sha256(content).digest(), NAME, "text/plain")
    await storage.put(stored, content)
    await store_pages(database, document.id, pages)
    async with session.transaction() as transaction:
        done = await _assess(transaction, document, CODES)
    async with session.transaction() as transaction:
        findings = await _complete(transaction, organization_id, pages)
        (open_one, *_) = [each for each in findings if each["status"] == "missing"]
        _follow(transaction, document, done, open_one, colleague)
        await _assess(transaction, document, CODES[:1])
    async with session.transaction() as transaction:
        await _begin(transaction, organization_id, pages)


async def _assess(
    transaction: Transaction, document: ComplianceDocument, codes: tuple[str, ...]
) -> Assessment:
    """Create an assessment of the document."""
    assessment = Assessment(
        organization_id=document.organization_id,
        user_id=transaction.person,
        compliance_document_id=document.id,
        document_name=document.name,
    )
    known = await transaction.find_all(Framework, lock=False)
    frameworks = [each.id for each in known if each.code in codes]
    await transaction.call(queue.prepare(assessment.id, document.organization_id, frameworks))
    transaction.add(assessment)
    return assessment


async def _claim(
    transaction: Transaction, organization_id: UUID, pages: list[str]
) -> tuple[Claimed, list[Finding]]:
    """Return the assessment that is pending, as its worker has it, and what rules find."""
    (claimed,) = await transaction.call(queue.claim(1, LEASE, WORKER, [organization_id]))
    held = Claimed.read(claimed)
    return held, rules.judge(held.known, pages)


async def _complete(
    transaction: Transaction, organization_id: UUID, pages: list[str]
) -> list[dict[str, Any]]:
    """Complete the assessment that is pending; return its findings."""
    held, findings = await _claim(transaction, organization_id, pages)
    result = verified(held.known, findings, pages)
    counts, score = result.severity_counts, result.score
    lease = (held.id, held.lease_id)
    await transaction.call(
        queue.complete(*lease, result.results, counts, score, rules.NAME, [organization_id])
    )
    return cast("list[dict[str, Any]]", result.results["findings"])


async def _begin(transaction: Transaction, organization_id: UUID, pages: list[str]) -> None:
    """Have the assessment that is pending processed to a half."""
    held, findings = await _claim(transaction, organization_id, pages)
    half = [each.model_dump(mode="json") for each in findings[: len(findings) // 2]]
    await transaction.call(
        queue.extend(held.id, held.lease_id, LEASE, 0.5, {"findings": half}, [organization_id])
    )


def _follow(
    transaction: Transaction,
    document: ComplianceDocument,
    assessment: Assessment,
    finding: dict[str, Any],
    colleague: UUID,
) -> None:
    """Give a finding to a colleague, and share the report by an address that nobody has."""
    place: Any = scopes_beneath(Assessment, assessment)
    transaction.add(
        FindingTask(
            **place,
            compliance_document_id=document.id,
            framework=finding["framework"],
            requirement=finding["requirement"],
            title=f"Describe: {finding['title']}",
            assignee_id=colleague,
            due_date=transaction.now + timedelta(days=14),
        )
    )
    key = new_token(PREFIX)
    transaction.add(
        Share(
            **place,
            user_id=assessment.user_id,
            name="Auditor",
            key_hash=digest(key),
            hint=key[-HINT_LENGTH:],
            expires_at=transaction.now + DEFAULT_LIFETIME,
        )
    )
