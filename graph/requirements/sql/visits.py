"""The SQL of visits to documents."""

from sqlalchemy import exists

from db.core.stars import Visit
from db.requirements.documents import Document

IS_THERE = exists().where(Document.id == Visit.document_id, Document.deleted_at.is_(None))
"""The condition of visits to documents that are not deleted."""
