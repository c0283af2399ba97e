"""The mutations of threads and comments: create, reply, edit, resolve, reopen and delete."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.base import Entity
from db.problem import Problem
from db.requirements import comments as db
from db.requirements.comments import MAX_BODY_LENGTH
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.kit.inputs import input_for
from graph.kit.items import Item, update_rows
from graph.kit.mutations import (
    ExpectedVersion,
    Input,
    delete,
    given,
    mutation,
    restore,
    writing,
)
from graph.kit.payloads import answer, payload_of
from graph.requirements.comments.anchors import TextAnchorInput, anchor_field, anchored
from graph.requirements.comments.telling import (
    MAX_MENTIONS,
    require_readers,
    tell_mentioned,
    tell_others,
    tell_resolved,
)
from graph.requirements.comments.types import COMMENTABLE_TYPES, Comment, CommentThread

MAX_THREADS = 500
"""Threads about one object, at most."""
MAX_COMMENTS = 1_000
"""Comments in one thread, at most."""
COMMENTABLE: tuple[type[Entity], ...] = tuple(type_.model for type_ in COMMENTABLE_TYPES)
BODY = f"The text of the comment, at most {MAX_BODY_LENGTH} characters."
MENTIONS = (
    f"The IDs of the users whom the comment mentions, at most {MAX_MENTIONS}. They are notified."
    " Each must be a member of the organization who can read the object."
)


@input_for(CommentThread, "A thread to create, with its first comment.")
class CommentThreadCreateInput:
    entity_id: UUID
    body: str = strawberry.field(description=BODY)
    mentions: list[UUID] | None = strawberry.field(default=UNSET, description=MENTIONS)
    anchor: TextAnchorInput | None = anchor_field()


@input_for(Comment, "A comment to add to a thread.")
class CommentCreateInput:
    thread_id: UUID
    body: str = strawberry.field(description=BODY)
    mentions: list[UUID] | None = strawberry.field(default=UNSET, description=MENTIONS)


@input_for(Comment, "The fields of a comment to change.")
class CommentUpdateInput:
    body: Maybe[str] = strawberry.field(description=BODY)
    mentions: Maybe[list[UUID]] = strawberry.field(
        description=f"{MENTIONS} Those who were mentioned before are not notified again."
    )


def _texts(ids: list[UUID]) -> list[str]:
    return [str(id) for id in ids]


async def comment_thread_create(info: Info, input: Input[CommentThreadCreateInput]) -> Any:
    values = given(input)
    session = info.context.session
    entity_id, anchor = values["entity_id"], values.get("anchor")
    found = await session.models_of([entity_id], COMMENTABLE)
    async with writing(info) as transaction:
        entity = await _commentable(transaction, found.get(entity_id), entity_id, anchor)
        place: Any = {
            key: scope
            for key, scope in scopes_beneath(type(entity), entity).items()
            if hasattr(db.CommentThread, key)
        }
        about = anchored(entity, anchor) if anchor else {}
        thread = db.CommentThread(
            **place, entity_type=type(entity).__name__, entity_id=entity_id, **about
        )
        transaction.require_create(thread)
        await _require_room(transaction, db.CommentThread, "entity_id", entity_id, MAX_THREADS)
        mentions = await require_readers(session.database, thread, values.get("mentions", []))
        transaction.add(thread)
        await transaction.flush()
        await _add(info, transaction, thread, values["body"], mentions)
    return answer(payload_of(CommentThread), thread)


async def _commentable(
    transaction: Transaction,
    model: type[Entity] | None,
    id: UUID,
    anchor: TextAnchorInput | None,
) -> Entity:
    """Return the object, locked if a text of it is referred to. Raises NOT_FOUND."""
    missing = Problem("NOT_FOUND", "There is no such object.", field=["entity_id"])
    if model is None:
        raise missing
    try:
        return await transaction.find(
            model, id, lock=bool(anchor), field=["entity_id"], to_create=db.CommentThread
        )
    except Problem as problem:
        raise missing if problem.code == "NOT_FOUND" else problem from None


async def _require_room(
    transaction: Transaction, model: type[Entity], key: str, id: UUID, most: int
) -> None:
    """Raise LIMIT_REACHED when there are as many rows beneath an object as there may be."""
    rows = await transaction.values(model, ("id",), getattr(model, key) == id, limit=most)
    if len(rows) >= most:
        raise Problem("LIMIT_REACHED", f"At most {most:,}.", field=[key], maximum=most)


async def _add(
    info: Info,
    transaction: Transaction,
    thread: db.CommentThread,
    body: str,
    mentions: list[UUID],
) -> db.Comment:
    """Add a comment to a thread, and notify people of it."""
    comment = db.Comment(
        organization_id=thread.organization_id,
        project_id=thread.project_id,
        document_id=thread.document_id,
        thread_id=thread.id,
        body=body,
        mentions=_texts(mentions),
    )
    transaction.add(comment)
    await transaction.flush()
    tell_mentioned(transaction, thread, comment, mentions)
    database = info.context.session.database
    await tell_others(transaction, database, thread, comment, mentions)
    return comment


async def comment_create(info: Info, input: Input[CommentCreateInput]) -> Any:
    values = given(input)
    database = info.context.session.database
    async with writing(info) as transaction:
        thread = await transaction.find(
            db.CommentThread, input.thread_id, field=["thread_id"], to_create=db.Comment
        )
        await _require_room(transaction, db.Comment, "thread_id", thread.id, MAX_COMMENTS)
        mentions = await require_readers(database, thread, values.get("mentions", []))
        comment = await _add(info, transaction, thread, values["body"], mentions)
    return answer(payload_of(Comment), comment)


async def comment_update(
    info: Info, id: Id, expected_version: ExpectedVersion, input: Input[CommentUpdateInput]
) -> Any:
    values = given(input)
    database = info.context.session.database
    async with writing(info) as transaction:
        item = Item(values, id, expected_version)
        if "mentions" in values:
            item.values = values | {"mentions": _texts(list(dict.fromkeys(values["mentions"])))}
        await update_rows(transaction, db.Comment, [item])
        comment = item.require()
        if comment.body != item.before.get("body", comment.body):
            comment.edited_at = transaction.now
        if "mentions" in values:
            before = set(item.before["mentions"])
            thread = await transaction.find(db.CommentThread, comment.thread_id, lock=False)
            added = [person for person in values["mentions"] if str(person) not in before]
            added = await require_readers(database, thread, added)
            tell_mentioned(transaction, thread, comment, added)
    versions = transaction.edits.merged.get(comment.id, ())
    return answer(payload_of(Comment, merges=True), comment, versions)


async def _set_resolved(info: Info, id: UUID, expected_version: int, *, resolved: bool) -> Any:
    async with writing(info, None) as transaction:
        thread = await transaction.find(db.CommentThread, id)
        changes: dict[str, Any] = {}
        if (thread.resolved_at is not None) != resolved:
            changes = {
                "resolved_at": transaction.now if resolved else None,
                "resolved_by": transaction.person if resolved else None,
            }
        await transaction.edits.update(thread, expected_version, changes)
        if resolved and changes:
            await tell_resolved(transaction, info.context.session.database, thread)
    return answer(payload_of(CommentThread), thread)


async def comment_thread_resolve(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    return await _set_resolved(info, id, expected_version, resolved=True)


async def comment_thread_reopen(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    return await _set_resolved(info, id, expected_version, resolved=False)


DELETED_BY = "Its author, and users with the role ADMIN, can delete it."


@strawberry.type
class Mutation:
    comment_thread_create = mutation(
        comment_thread_create,
        payload_of(CommentThread),
        "Start a thread about an object, or about a span of one of its texts. Requires the role"
        " VIEWER.",
    )
    comment_thread_resolve = mutation(
        comment_thread_resolve,
        payload_of(CommentThread),
        "Resolve a thread. Its author, and users with the role EDITOR, can resolve it.",
    )
    comment_thread_reopen = mutation(
        comment_thread_reopen,
        payload_of(CommentThread),
        "Reopen a resolved thread. Its author, and users with the role EDITOR, can reopen it.",
    )
    comment_thread_delete = delete(
        CommentThread, f"Delete a thread with its comments. {DELETED_BY} It can be restored."
    )
    comment_thread_restore = restore(CommentThread, "Restore a deleted thread.")
    comment_create = mutation(
        comment_create,
        payload_of(Comment),
        "Add a comment to a thread. Requires the role VIEWER.",
    )
    comment_update = mutation(
        comment_update,
        payload_of(Comment, merges=True),
        "Change a comment. Only its author can change it. `history` has the former texts.",
    )
    comment_delete = delete(Comment, f"Delete a comment. {DELETED_BY} It can be restored.")
    comment_restore = restore(Comment, "Restore a deleted comment.")
