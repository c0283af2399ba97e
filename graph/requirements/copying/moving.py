"""The move of a document, within its project or to another one with everything in it."""

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.session import Transaction
from auth.session.write.db_errors import forbidden
from auth.session.write.relocating import Relocation
from db.base import Entity
from db.core.projects import Project, UserRole
from db.core.shares import Share
from db.problem import Problem
from db.requirements.comments import CommentThread
from db.requirements.documents import Block, Document
from db.requirements.files import File
from db.requirements.numbering import NumberingRule
from db.requirements.properties import Column, Property
from db.requirements.requirements import Requirement
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.items import Item
from graph.kit.moving import Scopes, To, move_rows
from graph.kit.mutations import ExpectedVersion, mutation, writing
from graph.kit.ordering import place_input
from graph.kit.payloads import answer, payload_of
from graph.requirements.documents import Document as DocumentType
from graph.requirements.following import LINKS
from graph.requirements.workflows.enforcement import require_arrival

MAX_OBJECTS = 10_000
"""The most blocks and requirements of a document that is moved to another project."""
IN_DOCUMENT: tuple[type[Entity], ...] = (
    Block,
    Requirement,
    Column,
    Property,
    NumberingRule,
    File,
    CommentThread,
    Share,
    UserRole,
)
"""The models whose rows are in a document, and get a new version when its project changes."""
ProjectId = Annotated[
    UUID | None,
    strawberry.argument(
        description="The ID of the project to move it to, in the same organization. The default is"
        " its project."
    ),
]


class _Nobody:
    """No rows that follow one by one: those of a document follow together."""

    def change(self, transaction: Transaction, moved: Collection[UUID]) -> None:
        """Change nothing."""


async def _follow(
    transaction: Transaction,  # noqa: ARG001 (of Follow)
    model: Any,  # noqa: ARG001
    crossed: Mapping[UUID, UUID],  # noqa: ARG001
    scopes: Scopes,  # noqa: ARG001
    other_project: bool,  # noqa: ARG001
) -> _Nobody:
    return _Nobody()


async def document_move(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    place_at: To[place_input(DocumentType)],  # type: ignore[valid-type]
    project_id: ProjectId = None,
) -> Any:
    async with writing(info, None) as transaction:
        if project_id is None:
            item = Item({"place_at": place_at}, id, expected_version)
            await move_rows(transaction, Document, [item])
        else:
            place = SimpleNamespace(at=place_at.at, project_id=project_id)
            item = Item({"place_at": place}, id, expected_version)
            before = (await transaction.find(Document, id, lock=False)).project_id
            if not await transaction.find_by_id(Project, [before], lock=False):
                raise forbidden(Document)  # to whom the document alone is shared
            await _to_project(transaction, item, before)
        row = item.require()
    merged = transaction.edits.merged.get(id, ())
    return answer(payload_of(DocumentType, merges=True), row, merged)


async def _to_project(transaction: Transaction, item: Item, before: UUID) -> None:
    """Move a document, and take along what is in it, deleted rows too."""
    await move_rows(transaction, Document, [item], _follow)
    if item.problem:
        field = [*item.problem.field]
        where = ["project_id"] if field == ["place_at", "project_id"] else field
        details = {k: v for k, v in item.problem.extensions.items() if k not in LEFT}
        raise Problem(item.problem.code, item.problem.message, field=where, **details)
    document: Document = item.require()
    after = document.project_id
    if after == before:
        return
    ids = [document.id]
    for holder in (Block, Requirement):
        here = holder.document_id == document.id
        found = await transaction.values(holder, ("id",), here, deleted=None, limit=MAX_OBJECTS + 1)
        ids += [id for (id,) in found]
    if len(ids) > MAX_OBJECTS:
        message = f"A document of at most {MAX_OBJECTS:,} blocks and requirements can be moved."
        raise Problem("LIMIT_REACHED", message, maximum=MAX_OBJECTS)
    found = await transaction.values(
        Requirement, ("status",), Requirement.document_id == document.id, deleted=None
    )
    scopes = (document.organization_id, after)
    noted = await require_arrival(transaction, scopes, {status for (status,) in found})
    for model in IN_DOCUMENT:
        move = Relocation(model, "document_id", [document.id], before, after, noted)
        await transaction.relocate(move)
    for kept, key in LINKS:
        await transaction.relocate(Relocation(kept, key, ids, before, after))


LEFT = ("code", "retryable", "field")


@strawberry.type
class Mutation:
    document_move = mutation(
        document_move,
        payload_of(DocumentType, merges=True),
        "Move a document within its project, or to another project with everything in it: its"
        " blocks, requirements, tables, properties, files, comments, roles, shares and baselines,"
        " and the trace links and assignments of its objects. Test cases stay in their project.",
    )
