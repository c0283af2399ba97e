"""Files that were imported and exported, kept for later exports and for the merge of answers."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, Function, Index, LargeBinary, Uuid, bindparam, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, Part, tenant_key
from db.constraints import check, json_objects
from db.core.projects import Project
from db.fields import choice, identity, json_object

MAX_EXPORTS = 100
"""Exports of a project that are kept; the oldest is removed."""


class ExchangeDirection(StrEnum):
    """The direction of a file: IMPORT into the gateway, or EXPORT from it."""

    IMPORT = "import"
    EXPORT = "export"


class ExchangeFile(Part, kw_only=True):
    """A file that was imported or exported, with the versions of the rows that were in it.

    `content` is the file that was imported, `versions` JSON, both compressed by zlib.
    `document_ids` are its documents, in the order of the file. `ctx.keep_exchange_file` writes
    rows, and removes those that a later import replaces. No field of the API shows them.
    """

    __tablename__ = "exchange_files"
    whole: ClassVar[type[Entity]] = Project
    whole_key: ClassVar[str] = "project_id"

    id: Mapped[UUID] = identity(sort_order=-10)
    project_id: Mapped[UUID]
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    direction: Mapped[ExchangeDirection] = choice(ExchangeDirection.IMPORT)
    format: Mapped[str]
    name: Mapped[str]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    options: Mapped[dict[str, Any]] = json_object()
    versions: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        tenant_key("projects", "project_id", ondelete="CASCADE"),
        *json_objects("options"),
        check("sha256", "digest", "octet_length(sha256) = 32", "This is not a SHA-256 digest."),
        Index(None, "project_id", "created_at", "id"),
    )


def keep_exchange_file(
    *,
    id: UUID,
    project: UUID,
    documents: Sequence[UUID],
    direction: ExchangeDirection,
    format: str,
    name: str,
    sha256: bytes,
    options: dict[str, Any],
    versions: bytes,
    content: bytes | None,
) -> Function[object]:
    """Return the call that keeps a file of a project in the tenants of the viewer.

    Imports of the same documents are replaced; of exports, the last MAX_EXPORTS are kept.
    """
    values = (
        (id, Uuid()),
        (project, Uuid()),
        (list(documents), ARRAY(Uuid)),
        (direction.value, None),
        (format, None),
        (name, None),
        (sha256, LargeBinary()),
        (options, JSONB()),
        (versions, LargeBinary()),
        (content, LargeBinary()),
    )
    return func.ctx.keep_exchange_file(
        *(bindparam(None, value, type_=type_, unique=True) for value, type_ in values)
    )
