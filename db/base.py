"""What every row has: an identity, a place in the tenant tree, a version and a past."""

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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from db.fields import identity


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
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text),
    }
    is_scope: ClassVar[bool] = False
    """Whether a role may be granted at a row of this model: organization, project, document."""

    @classmethod
    def scope_keys(cls) -> tuple[str, ...]:
        """The columns of this model at which a role may have been granted, widest scope first."""
        above = tuple(key for key in SCOPES if hasattr(cls, key))
        return (*above, "id") if cls.is_scope else above


class Entity(Base, kw_only=True):
    """A row under the policy: versioned, deleted softly, every change to it recorded.

    `*_by` are profiles' ids without a foreign key: the record outlives the account.
    """

    __abstract__ = True

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
        "exclude_properties": {"search"},  # see db.fields.Searchable
    }


class Part(Base, kw_only=True):
    """A row that is part of another one, made with it and never changed: no version, no past.

    Where it has scope columns of its own, the rule of the whole is asked at these.
    """

    __abstract__ = True

    whole: ClassVar[type[Entity]]
    whole_key: ClassVar[str]
    """The column that names the whole."""

    organization_id: Mapped[UUID] = mapped_column(sort_order=-9)
    id: Any


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


def organization_key() -> ForeignKeyConstraint:
    """The row's organization exists."""
    return ForeignKeyConstraint(["organization_id"], ["organizations.id"])


def project_key() -> ForeignKeyConstraint:
    """The row's project exists in the row's organization."""
    return tenant_key("projects", "project_id")


def document_key() -> ForeignKeyConstraint:
    """The row's document exists in the row's project, and takes the row along when it moves."""
    return tenant_key("documents", "project_id", "document_id", onupdate="CASCADE")


def tenant_key(target: str, *columns: str, **options: Any) -> ForeignKeyConstraint:
    """A key to `target` that cannot leave the tenant: it carries `organization_id`.

    `columns` are those after `organization_id`; the last of them names the target's row, the
    others are scopes which both tables have.
    """
    scopes = ("organization_id", *columns[:-1])
    return ForeignKeyConstraint(
        [*scopes, columns[-1]], [f"{target}.{key}" for key in (*scopes, "id")], **options
    )


def member_key(column: str) -> ForeignKeyConstraint:
    """The person is, or was, a member of the row's organization."""
    return ForeignKeyConstraint(
        ["organization_id", column],
        ["organization_members.organization_id", "organization_members.user_id"],
    )
