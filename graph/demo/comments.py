"""Threads of the demonstration: a question about a span of a text, answered, and a resolved one."""

from typing import Any
from uuid import UUID

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction, ViewerSession
from db.requirements.comments import CONTEXT_LENGTH, Comment, CommentThread
from db.requirements.requirements import Requirement

ASKED = ("SYS-002", "400 metres of calm water", "Is this at high tide or at low tide?")
"""The identifier of a requirement, a quote of its description, and a question."""
ANSWERED = "At mean low water, as in the survey of the harbour."
RESOLVED = ("SYS-010", None, "Does the crew count?")


async def add_comments(asks: ViewerSession, answers: ViewerSession) -> None:
    """Start two threads as one person, and answer and resolve as another; both may do so."""
    threads = []
    async with asks.transaction() as transaction:
        for external_id, quote, body in (ASKED, RESOLVED):
            threads.append(await _start(transaction, external_id, quote, body))
    first, second = threads
    async with answers.transaction() as transaction:
        for id, body in ((first, ANSWERED), (second, "No, passengers alone.")):
            thread = await transaction.find(CommentThread, id)
            transaction.add(_comment(thread, body))
            if id == second:
                resolved: dict[str, Any] = {"resolved_at": transaction.now}
                transaction.change(thread, None, **resolved, resolved_by=transaction.person)


async def _start(transaction: Transaction, external_id: str, quote: str | None, body: str) -> UUID:
    (requirement,) = await transaction.find_all(
        Requirement, Requirement.external_id == external_id, lock=False
    )
    place: dict[str, Any] = scopes_beneath(Requirement, requirement)
    anchor: dict[str, Any] = {}
    if quote:
        text = requirement.description or ""
        start = text.index(quote)
        end = start + len(quote)
        anchor = {
            "field": "description",
            "quote": quote,
            "anchored_text": quote,
            "prefix": text[max(0, start - CONTEXT_LENGTH) : start],
            "suffix": text[end : end + CONTEXT_LENGTH],
            "start_at": start,
            "end_at": end,
        }
    thread = CommentThread(**place, entity_type="Requirement", entity_id=requirement.id, **anchor)
    transaction.add(thread)
    await transaction.flush()
    transaction.add(_comment(thread, body))
    return thread.id


def _comment(thread: CommentThread, body: str) -> Comment:
    return Comment(
        organization_id=thread.organization_id,
        project_id=thread.project_id,
        document_id=thread.document_id,
        thread_id=thread.id,
        body=body,
    )
