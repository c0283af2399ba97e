"""The merge of a returned file: what its author edited becomes a change set, nothing is written.

Each value is compared with the one that was exported, and merged with what happened since by the
rules of change sets, which show conflicts to be resolved.
"""

from dataclasses import dataclass
from uuid import UUID

from auth.session import Transaction, ViewerSession
from db.core.projects import Project
from db.problem import Problem
from db.requirements.change_sets import ChangeSet
from graph.requirements.change_sets.proposing import Edit, Plan
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Draft, Progress
from graph.requirements.exchange.model.versions import Versions
from graph.requirements.exchange.result import ImportResult
from graph.requirements.exchange.returned.comparing import Returned

MAX_ITEMS = 2_000
"""The most objects of a change set."""
MAX_LEFT_OUT = 50
"""Edits that may be refused before the merge is."""
MAX_NAME = 500


@dataclass
class Merge:
    """The edits of a returned file, and what was found out about them."""

    project: Project
    source: Source
    result: ImportResult
    returned: Returned
    edits: list[Edit]
    change_set: UUID | None = None
    conflicts: int = 0


async def compare(
    session: ViewerSession,
    project: UUID,
    source: Source,
    draft: Draft,
    versions: Versions,
    *,
    deletes: bool,
    progress: Progress,
) -> Merge:
    """Return the edits of a returned file, which the rules of the project allow.

    With `deletes`, what was exported and is not in the file is to be deleted. Raises INVALID for
    more edits than a change set holds, or many that are refused.
    """
    result = ImportResult(source.name, True, draft.counts, notes=draft.notes)
    async with session.transaction() as transaction:
        target = await transaction.find(Project, project, lock=False)
        returned = Returned(transaction, target, draft, result, progress, versions)
        await returned.run()
        edits = [*returned.edits, *(returned.absent() if deletes else ())]
        await transaction.abandon()
    if len({edit.id for edit in edits}) > MAX_ITEMS:
        message = f"{source.name}: more than {MAX_ITEMS:,} objects differ from the export."
        raise Problem("INVALID", message)
    for number, edit in enumerate(edits):
        edit.path = ("objects", number)
    merge = Merge(target, source, result, returned, edits)
    if edits:
        await _check(session, merge)
    return merge


async def _check(session: ViewerSession, merge: Merge) -> None:
    """Leave out the edits that are refused, with a note of each; count conflicts."""
    for _ in range(MAX_LEFT_OUT):
        try:
            async with session.transaction() as transaction:
                plan = await _plan(transaction, merge)
                merge.conflicts = await plan.conflicts()
                await plan.check()
                await transaction.abandon()
        except Problem as problem:
            refused = _refused(problem, merge.edits)
            if refused is None:
                raise
            merge.edits = [edit for edit in merge.edits if edit.id != refused.id]
            name = _name(merge, refused)
            merge.result.notes.append(f"{name}: {problem.message} It is left out.")
        else:
            return
    message = f"{merge.source.name}: more than {MAX_LEFT_OUT} changes are refused; the first: "
    raise Problem("INVALID", message + merge.result.notes[-MAX_LEFT_OUT])


def _refused(problem: Problem, edits: list[Edit]) -> Edit | None:
    """Return the edit that a problem is about."""
    path = tuple(problem.field or ())[:2]
    return (
        None
        if problem.extensions["retryable"]
        else next((e for e in edits if e.path == path), None)
    )


def _name(merge: Merge, edit: Edit) -> str:
    names = {
        row.id: name
        for rows in (merge.returned.block_rows, merge.returned.requirement_rows)
        for each in rows.values()
        for name, row in each.items()
    }
    return names.get(edit.id) or str(edit.values.get("name") or edit.id)


async def _plan(transaction: Transaction, merge: Merge) -> Plan:
    """Return the plan of a new change set with the edits."""
    stem = merge.source.name
    change_set = ChangeSet(
        organization_id=merge.project.organization_id,
        project_id=merge.project.id,
        name=f"Changes in {stem}"[:MAX_NAME],
        edited_at=transaction.now,
    )
    transaction.add(change_set)
    await transaction.flush()
    plan = Plan(transaction, change_set)
    await plan.make(merge.edits, skip_missing=True, gone=merge.returned.deleted)
    return plan


async def propose(transaction: Transaction, merge: Merge) -> None:
    """Create the change set of the edits, if there are any."""
    if not merge.edits:
        return
    plan = await _plan(transaction, merge)
    merge.conflicts = await plan.conflicts()
    if plan.store():
        merge.change_set = plan.change_set.id
    await transaction.flush()
