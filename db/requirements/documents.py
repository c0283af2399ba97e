"""Documents, the blocks they are made of, and the properties and columns of their tables."""

from collections.abc import Collection
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement, Index, Select, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, aliased, mapped_column

from db.base import (
    InDocument,
    InOrganization,
    InProject,
    document_key,
    organization_key,
    project_key,
    tenant_key,
)
from db.constraints import (
    check,
    deleted_index,
    finite,
    json_objects,
    not_blank,
    positive,
    slug_format,
    trash_index,
    unique,
    unique_live,
)
from db.fields import Searchable, flag, json_object, number, search_of, word, words
from db.gin import gin_index

WITHIN_DOCUMENT = {"onupdate": "CASCADE", "deferrable": True, "initially": "DEFERRED"}
"""Keys between a document's parts: they move together, in any order within a transaction."""


class Document(Searchable, InProject, kw_only=True):
    """A specification: blocks in order, with requirements in them."""

    __tablename__ = "documents"
    is_scope: ClassVar[bool] = True

    name: Mapped[str]
    slug: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    tags: Mapped[list[str]] = words()
    external_id: Mapped[str | None] = mapped_column(default=None)
    position: Mapped[float] = number(0.0)

    __table_args__ = (
        search_of(external_id="A", name="A", description="B"),
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

    parent_id: Mapped[UUID | None] = mapped_column(default=None)
    type: Mapped[str] = word("text")
    name: Mapped[str]
    position: Mapped[float] = number(0.0)
    content: Mapped[dict[str, Any]] = json_object()
    external_id: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        search_of(external_id="A", name="A", content="C"),
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
        deleted_index("blocks"),
        trash_index("blocks"),
        gin_index("blocks", "search"),
    )


class Property(InOrganization, kw_only=True):
    """The definition of a custom field, for an organization, one project or one document."""

    __tablename__ = "properties"

    project_id: Mapped[UUID | None] = mapped_column(default=None)
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[str]
    property_type: Mapped[str]
    options: Mapped[dict[str, Any]] = json_object()
    scope: Mapped[str | None] = mapped_column(default=None)
    is_base: Mapped[bool] = flag(default=False)

    __table_args__ = (
        organization_key(),
        project_key(),
        document_key(),
        unique("organization_id", "id"),
        check(
            "project_id",
            "given",
            "document_id IS NULL OR project_id IS NOT NULL",
            "A document's property names its project, too.",
        ),
        *not_blank(),
        *not_blank("property_type"),
        *not_blank("scope"),
        *json_objects("options"),
        unique_live(
            "properties",
            "organization_id",
            "project_id",
            "document_id",
            "name",
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "project_id"),
        Index(None, "document_id"),
        Index(None, "organization_id", "created_at", "id"),
    )


class Column(InDocument, kw_only=True):
    """A property shown in a block's table. Width is in pixels."""

    __tablename__ = "columns"

    block_id: Mapped[UUID]
    property_id: Mapped[UUID]
    position: Mapped[float] = number(0.0)
    width: Mapped[int | None] = mapped_column(default=None)
    is_hidden: Mapped[bool] = flag(default=False)
    is_pinned: Mapped[bool] = flag(default=False)
    default_value: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        document_key(),
        tenant_key("blocks", "project_id", "document_id", "block_id", **WITHIN_DOCUMENT),
        tenant_key("properties", "property_id"),
        finite(),
        positive("width"),
        unique_live(
            "columns",
            "organization_id",
            "block_id",
            "property_id",
            message="The table shows this property already.",
        ),
        Index(None, "block_id", "position", "id"),
        Index(None, "property_id"),
        Index(None, "document_id"),
        Index(None, "project_id"),
        Index(None, "organization_id", "created_at"),
    )


def documents_with(model: type[InDocument], ids: Collection[UUID]) -> Select[UUID]:
    """The ids of the documents that these rows are in."""
    return select(model.document_id).where(_among(model, ids))


def with_those_above(blocks: Collection[UUID]) -> Select[UUID]:
    """The ids of these blocks and of all blocks that they stand in."""
    below, above = aliased(Block), aliased(Block)
    chain = select(below.id, below.parent_id).where(_among(below, blocks)).cte(recursive=True)
    chain = chain.union(select(above.id, above.parent_id).where(above.id == chain.c.parent_id))
    return select(chain.c.id)


def _among(model: type[InDocument], ids: Collection[UUID]) -> ColumnElement[bool]:
    return model.id == any_(bindparam(None, list(ids), type_=ARRAY(Uuid)))
