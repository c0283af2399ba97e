"""Requests that carry a key, and the answer that each repeat of one is given."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.constraints import check

LONGEST_KEY = 255
"""Characters of a key, at most; each is visible ASCII."""


class IdempotencyKey(Base, kw_only=True):
    """The first request with this key of a principal: a person, by way of one client or of none.

    The row is inserted before the request's effect and completed after it, in one transaction: who
    reads it finds the answer, and who inserts the same key waits until the first is over. The key
    is free again after 24 hours. There is no foreign key: the row outlives nobody by more.
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
        check("key", "visible", f"key ~ '^[!-~]{{1,{LONGEST_KEY}}}$'", "This is not a key."),
        check("request_hash", "digest", "octet_length(request_hash) = 32", "This is not a digest."),
        check(
            "answer",
            "complete",
            "(answer IS NULL) = (status IS NULL)",
            "An answer has a status.",
        ),
        Index(None, "created_at"),
    )
