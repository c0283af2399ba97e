"""The view document_summary: counts of each document's contents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, MetaData
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.text import Name


class DocumentSummary(Base, kw_only=True):
    """A living document's numbers, counted when read; deleted rows do not count. Read only."""

    metadata = MetaData()  # apart from the tables', which are created; this is a view
    __tablename__ = "document_summary"

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    project_id: Mapped[UUID]
    document_name: Mapped[Name]
    block_count: Mapped[int] = mapped_column(BigInteger)
    requirement_count: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]
