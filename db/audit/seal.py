"""Tables of the chain of hashes: seals, the cursor of sealing, checkpoints, and archived parts.

Each organization has a chain of its own. Events outside of every organization form one more, under
`NO_ORGANIZATION`: a null would be equal to nothing, in keys as well as in policies.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, func, true
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from db.base import Base
from db.change import TransactionId
from db.constraints import check, positive, unique

NO_ORGANIZATION = UUID(int=0)
"""The chain of events without a tenant, such as a failed sign-in."""


class Snapshot(UserDefinedType[str]):
    """PostgreSQL's pg_snapshot: which transactions were over at a moment."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name in DDL."""
        return "pg_snapshot"


class AuditSeal(Base, kw_only=True):
    """One event's place in its chain: the SHA-256 of the place before it, the number, the event.

    `not_before` is null, or a time at which the event's transaction had not yet begun to write:
    an event with an earlier time was backdated. Rows are only added.
    """

    __tablename__ = "audit_seals"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_at: Mapped[datetime]
    event_id: Mapped[UUID]
    hash: Mapped[bytes]
    not_before: Mapped[datetime | None] = mapped_column(default=None)
    sealed_at: Mapped[datetime] = mapped_column(init=False, server_default=func.clock_timestamp())

    __table_args__ = (
        unique(
            "organization_id", "event_id", "event_at", message="The event has been sealed already."
        ),
        positive("seq"),
        check("hash", "digest", "octet_length(hash) = 32", "This is not a digest."),
    )


class AuditSealCursor(Base, kw_only=True):
    """The cursor of sealing: one row, which only `ctx.seal_audit_logs` changes.

    Every event of a transaction that had ended in the snapshot `sealed` has its seal; while that is
    null, every event is examined. While `sealing` is not null, events that had ended in it but not
    in `sealed` are being sealed, and `reached_*` is the last of them that was examined. `cluster`
    identifies the cluster of the snapshots, which are valid nowhere else.
    """

    __tablename__ = "audit_seal_cursor"

    one: Mapped[bool] = mapped_column(primary_key=True, default=True, server_default=true())
    cluster: Mapped[int] = mapped_column(BigInteger)
    sealed: Mapped[str | None] = mapped_column(Snapshot, default=None)
    sealed_at: Mapped[datetime | None] = mapped_column(default=None)
    sealing: Mapped[str | None] = mapped_column(Snapshot, default=None)
    sealing_at: Mapped[datetime | None] = mapped_column(default=None)
    reached_xid: Mapped[int | None] = mapped_column(TransactionId, default=None)
    reached_at: Mapped[datetime | None] = mapped_column(default=None)
    reached_id: Mapped[UUID | None] = mapped_column(default=None)

    __table_args__ = (check("one", "row", "one", "There is one cursor."),)


class AuditCheckpoint(Base, kw_only=True):
    """The head of a chain at a time. Rows are only added; copies outside the database prove most.

    A witness who has seen the head may sign it.
    """

    __tablename__ = "audit_checkpoints"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    made_at: Mapped[datetime] = mapped_column(
        primary_key=True, init=False, server_default=func.now()
    )
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    signature: Mapped[bytes | None] = mapped_column(default=None)
    key_id: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        positive("seq"),
        check("hash", "digest", "octet_length(hash) = 32", "This is not a digest."),
        check(
            "signature",
            "key",
            "(signature IS NULL) = (key_id IS NULL)",
            "A signature comes with the id of its key.",
        ),
    )


class AuditArchive(Base, kw_only=True):
    """A part of a chain, of one month, whose events and seals have left for a file.

    `until` is the end of the month, `previous_hash` and `head_hash` are those before the first and
    of the last event, and `sha256` is that of their records in the file. The seal of the last
    event stays. `restored_at` is null unless the events are back.
    """

    __tablename__ = "audit_archives"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    first_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    month: Mapped[date]
    until: Mapped[datetime]
    previous_hash: Mapped[bytes]
    head_hash: Mapped[bytes]
    sha256: Mapped[bytes]
    file: Mapped[str]
    archived_at: Mapped[datetime] = mapped_column(init=False, server_default=func.now())
    restored_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        positive("first_seq"),
        check("last_seq", "order", "last_seq >= first_seq", "The last event is before the first."),
        *(
            check(name, "digest", f"octet_length({name}) = 32", "This is not a digest.")
            for name in ("previous_hash", "head_hash", "sha256")
        ),
    )
