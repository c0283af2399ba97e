"""Comments: threads about an object, or about a span of one of its texts, and their comments."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import (
    Entity,
    InOrganization,
    document_key,
    organization_key,
    project_key,
    tenant_key,
)
from db.constraints import check, deleted_index, json_arrays, not_blank, trash_index, unique
from db.fields import any_key, json_list, words
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase
from db.text import Lines
from db.traits import ResourceType, Traits, Trash

MAX_BODY_LENGTH = 10_000
"""Characters of a comment, at most."""
MAX_QUOTE_LENGTH = 5_000
"""Characters of the text that a thread is about, at most."""
CONTEXT_LENGTH = 32
"""Characters before and after the text that are kept with it."""

ANCHORED: dict[type[Entity], tuple[str, ...]] = {
    Document: ("name", "description"),
    Block: ("name", "content"),
    Requirement: ("name", "description", "properties"),
    TestCase: ("title", "description", "preconditions", "expected_results"),
}
"""The columns with text that threads can be about, by model. The trigger `move_anchors` of each
table keeps the anchors in them."""


class CommentThread(InOrganization, kw_only=True):
    """A discussion of an object, which is where the object is, so that the roles there hold for it.

    A thread about a span of a text has an anchor (W3C Web Annotation, TextQuoteSelector and
    TextPositionSelector): the `field`, the `path` of keys in a JSON column, the text that was
    chosen (`quote`) and the text that is there now (`anchored_text`), with what is around it, and
    its place from `start_at` to `end_at` in code points. PostgreSQL moves the anchor when the text
    changes (`ctx.move_anchors`). The place is null once the text is gone.
    """

    __tablename__ = "comment_threads"
    traits = Traits(
        ResourceType.COMMENT,
        node="CommentThread",
        named_by=None,
        trash=Trash.PURGED,
        derived=("anchored_text", "prefix", "suffix", "start_at", "end_at"),
    )

    project_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-8)
    document_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-7)
    entity_type: Mapped[str]
    entity_id: Mapped[UUID] = any_key()
    field: Mapped[str | None] = mapped_column(default=None)
    path: Mapped[list[str]] = words()
    quote: Mapped[str | None] = mapped_column(default=None)
    anchored_text: Mapped[str | None] = mapped_column(default=None)
    prefix: Mapped[str | None] = mapped_column(default=None)
    suffix: Mapped[str | None] = mapped_column(default=None)
    start_at: Mapped[int | None] = mapped_column(default=None)
    end_at: Mapped[int | None] = mapped_column(default=None)
    resolved_at: Mapped[datetime | None] = mapped_column(default=None)
    resolved_by: Mapped[UUID | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        document_key(),
        unique("organization_id", "id"),
        unique("organization_id", "project_id", "document_id", "id"),
        *not_blank("entity_type"),
        check(
            "quote",
            "length",
            f"char_length(quote) BETWEEN 1 AND {MAX_QUOTE_LENGTH}",
            f"A quote has 1 to {MAX_QUOTE_LENGTH} characters.",
        ),
        check(
            "quote",
            "anchor",
            "num_nulls(field, quote, anchored_text, prefix, suffix) IN (0, 5)",
            "An anchor has a field, a quote and what is around it.",
        ),
        check(
            "start_at",
            "range",
            "(start_at IS NULL) = (end_at IS NULL) AND start_at >= 0 AND end_at >= start_at",
            "An anchor does not end before it starts.",
        ),
        Index(None, "entity_id", "created_at", "id"),
        Index(None, "document_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index(
            "ix_comment_threads_anchored", "entity_id", postgresql_where=text("field IS NOT NULL")
        ),
        deleted_index("comment_threads"),
        trash_index("comment_threads"),
    )


class Comment(InOrganization, kw_only=True):
    """A comment in a thread. `mentions` are the IDs of the people whom it names."""

    __tablename__ = "comments"
    traits = Traits(
        ResourceType.COMMENT,
        node="Comment",
        named_by=None,
        owned_by=("thread_id",),
        trash=Trash.PURGED,
    )

    project_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-8)
    document_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-7)
    thread_id: Mapped[UUID]
    body: Mapped[Lines]
    mentions: Mapped[list[Any]] = json_list()
    edited_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        organization_key(),
        project_key(),
        document_key(),
        tenant_key("comment_threads", "thread_id", ondelete="CASCADE"),
        # Which takes the comments along when their thread moves to another document.
        tenant_key(
            "comment_threads",
            "project_id",
            "document_id",
            "thread_id",
            onupdate="CASCADE",
            ondelete="CASCADE",
            name="fk_comments_thread_id_place",
        ),
        *not_blank("body", MAX_BODY_LENGTH),
        *json_arrays("mentions"),
        Index(None, "thread_id", "created_at", "id"),
        Index(None, "document_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("comments"),
    )
