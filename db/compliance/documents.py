"""Documents that are assessed for compliance: uploaded files of an organization."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import member_key, organization_key
from db.constraints import check, positive, trash_index, unique
from db.core.files import StoredFile, stored_content
from db.fields import choice
from db.traits import ResourceType, Traits, Trash


class UploadStatus(StrEnum):
    """The status of the upload of a document."""

    UPLOADING = "uploading"
    READY = "ready"
    ERROR = "error"


class ComplianceDocument(StoredFile, kw_only=True):
    """A document to assess, of the member who has uploaded it.

    Colleagues see it. A document whose content has not arrived by `expires_at`, or cannot be read,
    is in `error`, and does not count towards the storage.
    """

    __tablename__ = "compliance_documents"
    traits = Traits(ResourceType.COMPLIANCE_DOCUMENT, node="ComplianceDocument", trash=Trash.PURGED)
    address_lifetime: ClassVar[timedelta] = timedelta(minutes=15)

    user_id: Mapped[UUID]
    status: Mapped[UploadStatus] = choice(UploadStatus.UPLOADING)
    page_count: Mapped[int | None] = mapped_column(default=None)
    error_message: Mapped[str | None] = mapped_column(default=None)
    uploaded_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def failure(self) -> str | None:
        """Return the reason why the upload has failed, if it has."""
        return self.error_message

    def when_stored(self, now: datetime) -> dict[str, Any]:
        """Return the status of a document that is stored, and the time."""
        return {"status": UploadStatus.READY, "uploaded_at": now}

    __table_args__ = (
        organization_key(),
        member_key("user_id"),
        unique("organization_id", "id"),
        *stored_content(),
        check(
            "status",
            "ready",
            "status <> 'ready' OR sha256 IS NOT NULL",
            "A document that is ready has a digest of its content.",
        ),
        check(
            "error_message",
            "error",
            "(status = 'error') = (error_message IS NOT NULL)",
            "A document has an error message if its upload has failed.",
        ),
        check(
            "error_message",
            "length",
            "char_length(error_message) <= 1000",
            "At most 1,000 characters.",
        ),
        positive("page_count"),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "organization_id", "created_at", "id"),
        Index(
            "ix_compliance_documents_expires_at",
            "expires_at",
            postgresql_where=text("status = 'uploading'"),
        ),
        trash_index("compliance_documents"),
    )
