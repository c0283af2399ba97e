"""Base classes of the models: identity, place in the tenant tree, version, authors and deletion."""

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Interval,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.event import listens_for
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from db.fields import GENERATED, Json, identity
from db.functions import create_functions
from db.text import TEXT_TYPES, normalise_when_set
from db.traits import Traits


def _last_column(constraint: ForeignKeyConstraint, _: Table) -> str:
    return constraint.column_keys[-1]


NAMING: dict[str, Any] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(last_column)s",  # a key's tenant columns come first
    "pk": "pk_%(table_name)s",
    "last_column": _last_column,
}

SCOPES = ("organization_id", "project_id", "document_id")
"""The columns that place a row in the tenant tree, widest scope first."""


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False, repr=False):
    """Every table, also those outside the tenant tree (credentials, sessions, OAuth).

    Rows are equal by identity and show no values, so that none ends up in a log.
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        float: Double,
        datetime: DateTime(timezone=True),
        timedelta: Interval,
        dict[str, Any]: Json(none_as_null=True),
        list[Any]: Json(none_as_null=True),
        list[str]: ARRAY(Text),
        **TEXT_TYPES,
    }

    @classmethod
    def scope_keys(cls) -> tuple[str, ...]:
        """Return the columns of this model at which roles may be granted, widest scope first."""
        return tuple(key for key in SCOPES if hasattr(cls, key))


listens_for(Base.metadata, "before_create")(create_functions)
listens_for(Base, "attribute_instrument", propagate=True)(normalise_when_set)


class Entity(Base, kw_only=True):
    """A row under the policy: versioned, deleted softly, every change to it recorded.

    `*_by` are profiles' ids without a foreign key: the record outlives the account.
    """

    __abstract__ = True

    traits: ClassVar[Traits]
    """The properties that the model declares of the entity."""

    id: Mapped[UUID] = identity(sort_order=-10)
    version: Mapped[int] = mapped_column(
        BigInteger, init=False, server_default=text("1"), sort_order=80
    )
    created_at: Mapped[datetime] = mapped_column(
        init=False, server_default=func.now(), sort_order=90
    )
    created_by: Mapped[UUID | None] = mapped_column(init=False, default=None, sort_order=91)
    updated_at: Mapped[datetime] = mapped_column(
        init=False, server_default=func.now(), sort_order=92
    )
    updated_by: Mapped[UUID | None] = mapped_column(init=False, default=None, sort_order=93)
    deleted_at: Mapped[datetime | None] = mapped_column(init=False, default=None, sort_order=94)
    deleted_by: Mapped[UUID | None] = mapped_column(init=False, default=None, sort_order=95)

    __mapper_args__ = {
        "version_id_col": version,
        "eager_defaults": True,
        "exclude_properties": GENERATED,
    }

    @classmethod
    def scope_keys(cls) -> tuple[str, ...]:
        """Return the columns of this model at which roles may be granted, widest scope first."""
        above = super().scope_keys()
        return (*above, "id") if cls.traits.scope_key else above

    @classmethod
    def place_keys(cls) -> tuple[str, ...]:
        """Return the columns that place a row: changing one of them moves it."""
        position = ("position",) if hasattr(cls, "position") else ()
        scopes = (key for key in SCOPES[1:] if hasattr(cls, key))
        return (*scopes, *cls.traits.parents, *position)


BOOKKEEPING = frozenset(
    {"version", "created_at", "created_by", "updated_at", "updated_by", "deleted_by"}
)
"""Columns of an entity that follow from a change and are no part of it."""


class Part(Base, kw_only=True):
    """A row that is part of another one, created with it and never changed: no version, no history.

    Where it has scope columns of its own, the policy of the whole is checked at these.
    """

    __abstract__ = True

    whole: ClassVar[type[Entity]]
    whole_key: ClassVar[str]
    """The column that names the whole."""

    organization_id: Mapped[UUID] = mapped_column(sort_order=-9)
    id: Any

    @classmethod
    def scope_keys(cls) -> tuple[str, ...]:
        """Return the columns at which roles may be granted, widest scope first.

        The key of the whole is one of them where roles are granted at the whole, and the part has
        no place of its own beneath the organization.
        """
        above, key = super().scope_keys(), cls.whole.traits.scope_key
        return (*above, key) if key == cls.whole_key and above == SCOPES[:1] else above


Readable = type[Entity | Part]
"""A model whose rows a viewer may read."""


class InOrganization(Entity, kw_only=True):
    """A row of one organization: `organization_id` is the tenant, never null, never changed.

    Its model declares the foreign key `organization_key()`.
    """

    __abstract__ = True

    organization_id: Mapped[UUID] = mapped_column(sort_order=-9)


class InProject(InOrganization, kw_only=True):
    """A row of one project. Its model declares the composite foreign key `project_key()`."""

    __abstract__ = True

    project_id: Mapped[UUID] = mapped_column(sort_order=-8)


class InDocument(InProject, kw_only=True):
    """A row of one document. Its model declares the composite foreign key `document_key()`."""

    __abstract__ = True

    document_id: Mapped[UUID] = mapped_column(sort_order=-7)


def mapped_tables() -> set[Table]:
    """Return the tables of all models that are mapped, whatever metadata they belong to."""
    tables = (table for mapper in Base.registry.mappers for table in mapper.tables)
    return {table for table in tables if isinstance(table, Table)}


def organization_key() -> ForeignKeyConstraint:
    """Return the foreign key to the row's organization."""
    return ForeignKeyConstraint(["organization_id"], ["organizations.id"])


def project_key() -> ForeignKeyConstraint:
    """Return the foreign key to the row's project, in the row's organization."""
    return tenant_key("projects", "project_id")


def document_key() -> ForeignKeyConstraint:
    """Return the foreign key to the row's document, which takes the row along when it moves."""
    return tenant_key("documents", "project_id", "document_id", onupdate="CASCADE")


def tenant_key(target: str, *columns: str, **options: Any) -> ForeignKeyConstraint:
    """Return a foreign key to `target` within the tenant: it includes `organization_id`.

    `columns` are those after `organization_id`; the last of them names the target's row, the
    others are scopes which both tables have.
    """
    scopes = ("organization_id", *columns[:-1])
    return ForeignKeyConstraint(
        [*scopes, columns[-1]], [f"{target}.{key}" for key in (*scopes, "id")], **options
    )


def member_key(column: str) -> ForeignKeyConstraint:
    """Return the foreign key to a membership, present or past, of the row's organization."""
    return ForeignKeyConstraint(
        ["organization_id", column],
        ["organization_members.organization_id", "organization_members.user_id"],
    )
