"""Properties, the definitions of custom fields, and the columns of tables that show them."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Index, select
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from db.base import (
    InDocument,
    InOrganization,
    document_key,
    organization_key,
    project_key,
    tenant_key,
)
from db.constraints import (
    check,
    finite,
    json_objects,
    not_blank,
    positive,
    trash_index,
    unique,
    unique_live,
)
from db.fields import Json, flag, json_object, labels, number
from db.requirements.documents import WITHIN_DOCUMENT
from db.text import Identifier, Name
from db.traits import ResourceType, Traits, Trash


class PropertyType(StrEnum):
    """The type of the values of a property."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    SELECT = "select"
    MULTI_SELECT = "multi_select"
    USER = "user"
    URL = "url"


class Property(InOrganization, kw_only=True):
    """The definition of a custom field, for an organization, one project or one document.

    `requirements.properties` holds the value under the `key`, which never changes.
    """

    __tablename__ = "properties"
    traits = Traits(ResourceType.PROPERTY, node="Property", trash=Trash.PURGED)

    project_id: Mapped[UUID | None] = mapped_column(default=None)
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    key: Mapped[Identifier]
    name: Mapped[Name]
    property_type: Mapped[PropertyType] = mapped_column(labels(PropertyType))
    options: Mapped[dict[str, Any]] = json_object()
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
        *not_blank("key"),
        *not_blank(),
        *json_objects("options"),
        *(
            unique_live(
                "properties",
                "organization_id",
                "project_id",
                "document_id",
                column,
                message=f"Another property of the same scope has this {column}.",
                postgresql_nulls_not_distinct=True,
            )
            for column in ("key", "name")
        ),
        Index(None, "project_id"),
        Index(None, "document_id"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("properties"),
    )


class Column(InDocument, kw_only=True):
    """A property shown in a block's table. Width is in pixels."""

    __tablename__ = "columns"
    traits = Traits(
        ResourceType.COLUMN,
        node="Column",
        named_by="property_name",
        parents=("block_id",),
        ordered_in="block_id",
        trash=Trash.PURGED,
    )

    block_id: Mapped[UUID]
    property_id: Mapped[UUID]
    position: Mapped[float] = number(0.0)
    width: Mapped[int | None] = mapped_column(default=None)
    is_hidden: Mapped[bool] = flag(default=False)
    is_pinned: Mapped[bool] = flag(default=False)
    default_value: Mapped[Any | None] = mapped_column(Json(none_as_null=True), default=None)

    @hybrid_property
    def property_name(self) -> str:
        raise AttributeError("`property_name` exists in statements only.")

    @property_name.inplace.expression
    @classmethod
    def _property_name(cls) -> ColumnElement[str]:
        """Return the expression for the name of the property that a column shows."""
        return select(Property.name).where(Property.id == cls.property_id).scalar_subquery()

    @hybrid_property
    def has_property(self) -> bool:
        raise AttributeError("`has_property` exists in statements only.")

    @has_property.inplace.expression
    @classmethod
    def _has_property(cls) -> ColumnElement[bool]:
        """Return the condition that the property of a column is not deleted."""
        deleted = select(Property.id).where(
            Property.id == cls.property_id, Property.deleted_at.is_not(None)
        )
        return ~deleted.exists()

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
        trash_index("columns"),
    )
