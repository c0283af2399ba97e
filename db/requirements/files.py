"""Files of requirements management: attachments, evidence and thumbnails."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import document_key, organization_key, project_key, tenant_key
from db.constraints import check, trash_index, unique_live
from db.core.files import StoredFile, stored_content
from db.fields import choice
from db.traits import ResourceType, Traits, Trash


class FileState(StrEnum):
    """The state of a file."""

    STORED = "stored"
    PENDING = "pending"


class FilePurpose(StrEnum):
    """The use of a file by the object that owns it."""

    ATTACHMENT = "attachment"
    THUMBNAIL = "thumbnail"


class File(StoredFile, kw_only=True):
    """A file of one object: a test case, an execution, a document or an external document.

    It is where its object is, so that the roles there hold for it, and it is hidden, moved and
    purged with it. A file of a document is in the document; the other keys name its object. A
    `pending` file whose content has not arrived by `expires_at` is removed.
    """

    __tablename__ = "files"
    traits = Traits(
        ResourceType.FILE,
        node="File",
        owned_by=("test_id", "execution_id", "external_document_id"),
        trash=Trash.PURGED,
    )

    project_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-8)
    document_id: Mapped[UUID | None] = mapped_column(default=None, sort_order=-7)
    test_id: Mapped[UUID | None] = mapped_column(default=None)
    execution_id: Mapped[UUID | None] = mapped_column(default=None)
    external_document_id: Mapped[UUID | None] = mapped_column(default=None)
    state: Mapped[FileState] = choice(FileState.PENDING)
    purpose: Mapped[FilePurpose] = choice(FilePurpose.ATTACHMENT)

    def when_stored(self, now: datetime) -> dict[str, Any]:  # noqa: ARG002 (others tell the time)
        """Return the state of a file that is stored."""
        return {"state": FileState.STORED}

    __table_args__ = (
        organization_key(),
        project_key(),
        document_key(),
        tenant_key("test_req", "project_id", "test_id", onupdate="CASCADE"),
        tenant_key("requirement_tests", "project_id", "execution_id", onupdate="CASCADE"),
        tenant_key("external_documents", "external_document_id"),
        *stored_content(),
        check(
            "sha256",
            "stored",
            "(state = 'stored') = (sha256 IS NOT NULL)",
            "A stored file has a digest of its content.",
        ),
        check(
            "document_id",
            "owner",
            "num_nonnulls(document_id, test_id, execution_id, external_document_id) <= 1"
            " AND (external_document_id IS NULL OR project_id IS NULL)",
            "A file belongs to one object.",
        ),
        check(
            "document_id",
            "project",
            "document_id IS NULL OR project_id IS NOT NULL",
            "A file of a document is in its project.",
        ),
        check(
            "purpose",
            "thumbnail",
            "purpose <> 'thumbnail' OR document_id IS NOT NULL",
            "Only documents have thumbnails.",
        ),
        unique_live(
            "files",
            "organization_id",
            "document_id",
            where="purpose = 'thumbnail'",
            message="The document has a thumbnail already.",
        ),
        Index(None, "document_id", "created_at", "id"),
        Index(None, "test_id", "created_at", "id"),
        Index(None, "execution_id", "created_at", "id"),
        Index(None, "external_document_id", "created_at", "id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index("ix_files_expires_at", "expires_at", postgresql_where=text("state = 'pending'")),
        trash_index("files"),
    )
