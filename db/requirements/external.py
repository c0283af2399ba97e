"""External documents: files and pages kept elsewhere."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import InOrganization, organization_key
from db.constraints import check, not_blank, not_negative, trash_index, unique
from db.fields import content_version
from db.text import Name
from db.traits import ResourceType, Traits, Trash


class ExternalDocument(InOrganization, kw_only=True):
    """A document outside the product. Size is in bytes; `gumloop_name` is its name in Gumloop.

    `check_status` is the HTTP status of the last check of the URL, and `check_error` the reason why
    it is not reachable. `extracted_text` is what the document processor has extracted.
    """

    __tablename__ = "external_documents"
    traits = Traits(
        ResourceType.EXTERNAL_DOCUMENT,
        node="ExternalDocument",
        trash=Trash.PURGED,
        content=("name", "url"),
    )

    name: Mapped[Name]
    url: Mapped[str | None] = mapped_column(default=None)
    type: Mapped[Name | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(BigInteger, default=None)
    gumloop_name: Mapped[Name | None] = mapped_column(default=None)
    checked_at: Mapped[datetime | None] = mapped_column(default=None)
    check_status: Mapped[int | None] = mapped_column(default=None)
    check_error: Mapped[str | None] = mapped_column(default=None)
    extracted_text: Mapped[str | None] = mapped_column(default=None)
    processed_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        content_version(),
        organization_key(),
        unique("organization_id", "id"),
        *not_blank(),
        check(
            "url",
            "web",
            r"url ~* '^https?://\S+$'",
            "An address begins with https:// or http:// and has no white space.",
        ),
        not_negative("size"),
        Index(None, "organization_id", "created_at", "id"),
        trash_index("external_documents"),
    )
