"""Documents, and the blocks that they are made of."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import (
    InDocument,
    InProject,
    document_key,
    project_key,
    tenant_key,
)
from db.constraints import (
    check,
    deleted_index,
    finite,
    json_objects,
    not_blank,
    slug_format,
    trash_index,
    unique,
    unique_live,
)
from db.fields import (
    Searchable,
    content_version,
    flag,
    json_object,
    number,
    search_of,
    word,
    words,
)
from db.gin import gin_index
from db.text import Identifier, Lines, Name, Names
from db.traits import ResourceType, Traits, Trash

WITHIN_DOCUMENT = {"onupdate": "CASCADE", "deferrable": True, "initially": "DEFERRED"}
"""Keys between a document's parts: they move together, in any order within a transaction."""


class Document(Searchable, InProject, kw_only=True):
    """A specification: blocks in order, with requirements in them."""

    __tablename__ = "documents"
    traits = Traits(
        ResourceType.DOCUMENT,
        node="Document",
        trash=Trash.PURGED,
        scope_key="document_id",
        ordered_in="project_id",
        content=("name", "description"),
    )

    name: Mapped[Name]
    slug: Mapped[str]
    description: Mapped[Lines | None] = mapped_column(default=None)
    tags: Mapped[Names] = words()
    external_id: Mapped[Identifier | None] = mapped_column(default=None)
    position: Mapped[float] = number(0.0)
    is_template: Mapped[bool] = flag(default=False)

    __table_args__ = (
        search_of(external_id="A", name="A", description="B"),
        content_version(),
        project_key(),
        unique("organization_id", "project_id", "id"),
        *not_blank(),
        slug_format(),
        *not_blank("external_id"),
        finite(),
        unique_live("documents", "organization_id", "project_id", "slug"),
        Index(None, "project_id", "position", "id"),
        Index(None, "organization_id", "external_id"),
        Index(None, "organization_id", "created_at", "id"),
        deleted_index("documents"),
        trash_index("documents"),
        gin_index("documents", "search"),
        gin_index("documents", "tags"),
    )


class Block(Searchable, InDocument, kw_only=True):
    """A piece of a document: a heading, a text, a table of requirements. Blocks may nest."""

    __tablename__ = "blocks"
    traits = Traits(
        ResourceType.BLOCK,
        node="Block",
        parents=("parent_id",),
        trash=Trash.PURGED,
        ordered_in="document_id",
        content=("type", "name", "content"),
    )

    parent_id: Mapped[UUID | None] = mapped_column(default=None)
    type: Mapped[Name] = word("text")
    name: Mapped[Name]
    position: Mapped[float] = number(0.0)
    content: Mapped[dict[str, Any]] = json_object()
    external_id: Mapped[Identifier | None] = mapped_column(default=None)

    __table_args__ = (
        search_of(external_id="A", name="A", content="C"),
        content_version(),
        document_key(),
        tenant_key("blocks", "project_id", "document_id", "parent_id", **WITHIN_DOCUMENT),
        unique("organization_id", "project_id", "document_id", "id"),
        check("parent_id", "other", "parent_id <> id", "A block cannot be its own parent."),
        *not_blank("type"),
        *not_blank(),
        *not_blank("external_id"),
        finite(),
        *json_objects("content"),
        check(
            "content",
            "size",
            "octet_length(content::text) <= 524288",
            "A block's content must not be larger than 512 KiB.",
        ),
        Index(None, "document_id", "position", "id"),
        Index(None, "parent_id", "position", "id"),
        Index(None, "project_id"),
        Index(None, "organization_id", "external_id"),
        Index(None, "organization_id", "created_at", "id"),
        deleted_index("blocks", "document_id", "organization_id", "project_id"),
        trash_index("blocks"),
        gin_index("blocks", "search"),
    )
