"""Idempotency keys of requests, with the answer for every repeat."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.constraints import check

MAX_KEY_LENGTH = 255
"""Characters of a key, at most; each is visible ASCII."""


class IdempotencyKey(Base, kw_only=True):
    """The first request with this key of a principal: a person, by way of one client or of none.

    The row is inserted before the request's effect and completed after it, in one transaction: a
    reader finds the answer, and an insert of the same key waits until the first request ends. The
    key is free again after 24 hours, so there is no foreign key to the person.
    """

    __tablename__ = "idempotency_keys"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]
    status: Mapped[int | None] = mapped_column(default=None)
    answer: Mapped[bytes | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())

    __table_args__ = (
        check("key", "visible", f"key ~ '^[!-~]{{1,{MAX_KEY_LENGTH}}}$'", "This is not a key."),
        check("request_hash", "digest", "octet_length(request_hash) = 32", "This is not a digest."),
        check(
            "answer",
            "complete",
            "(answer IS NULL) = (status IS NULL)",
            "An answer has a status.",
        ),
        Index(None, "created_at"),
    )
