"""Stored files: the columns of the file entity of every product, and the queue of removals."""

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, InOrganization
from db.constraints import check, not_blank
from db.fields import identity
from db.text import Name

MAX_SIZE = 5_000_000_000
"""Bytes that a file may have whatever the settings: S3 copies no larger object at once."""
MEDIA_TYPE = r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$"
"""The form of a media type without parameters (RFC 6838, section 4.2), in lower case."""


class StoredFile(InOrganization, kw_only=True):
    """A file whose content is in the storage of files, once it has a digest. Size is in bytes.

    A product's file entity adds the keys of the rows that own files, and what it says about the
    state of the upload. The size counts towards the storage of the organization from the creation
    of the row until it is purged. The content never changes.
    """

    __abstract__ = True

    address_lifetime: ClassVar[timedelta] = timedelta(hours=1)
    """The time for which an address for uploading is valid."""

    name: Mapped[Name]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes | None] = mapped_column(default=None)
    expires_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def failure(self) -> str | None:
        """Return the reason why the upload cannot go on, if there is one."""
        return None

    def when_stored(self, now: datetime) -> dict[str, Any]:
        """Return the columns that change, besides the digest, once the content is stored."""
        raise NotImplementedError


def stored_content() -> tuple[CheckConstraint, ...]:
    """Return the checks of the columns of a stored file."""
    return (
        *not_blank(),
        check(
            "media_type",
            "format",
            f"media_type ~ '{MEDIA_TYPE}'",
            "A media type has the form of `image/png`, in lower case and without parameters.",
        ),
        check(
            "size",
            "range",
            f"size BETWEEN 1 AND {MAX_SIZE}",
            f"A file has 1 to {MAX_SIZE} bytes.",
        ),
        check("sha256", "digest", "octet_length(sha256) = 32", "This is not a digest."),
    )


class FileRemoval(Base, kw_only=True):
    """A file whose row is gone, and whose content is still to be removed from the storage."""

    __tablename__ = "file_removals"

    id: Mapped[UUID] = identity()
    file_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (Index(None, "created_at", "id"),)
