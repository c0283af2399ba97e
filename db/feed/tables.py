"""What the feed consists of: entries that writers leave, their order, and how far it reaches.

The record of changes says what has happened; an entry only points to it. Writers leave entries at
their commit and wait for nobody but another commit in the same document; the sequencer, of which
one is at work in the whole cluster, then gives them their positions.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, func, true
from sqlalchemy.orm import Mapped, mapped_column

from db.audit.seal import Snapshot
from db.base import Base
from db.change import TransactionId
from db.constraints import check, not_negative, positive
from db.fields import labels, number


class Departed(StrEnum):
    """What a row has left behind by being moved: its document, or its project as well."""

    DOCUMENT = "document"
    PROJECT = "project"


class FeedDocument(Base, kw_only=True):
    """How many entries a document has had: the number of its newest, and no number was left out.

    Only `ctx.enter_feed` changes it, at a commit. There is no foreign key: whoever follows a
    document that is purged still hears that it was deleted.
    """

    __tablename__ = "feed_documents"

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (positive("sequence"),)


class Entry(Base, kw_only=True):
    """An event of the record, as one document, project and organization hear of it.

    A row that is moved away makes two: one where it is now, and one, `departed`, where it was.
    `sequence` counts the entries of the document without gaps.
    """

    __abstract__ = True

    event_id: Mapped[UUID]
    event_at: Mapped[datetime]
    organization_id: Mapped[UUID | None] = mapped_column(default=None)
    project_id: Mapped[UUID | None] = mapped_column(default=None)
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    sequence: Mapped[int | None] = mapped_column(BigInteger, default=None)
    departed: Mapped[Departed | None] = mapped_column(labels(Departed), default=None)


class FeedEntry(Entry, kw_only=True):
    """An entry that was committed. Removed soon after it has its position."""

    __tablename__ = "feed_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, init=False)
    xid: Mapped[int] = mapped_column(
        TransactionId, init=False, server_default=func.pg_current_xact_id()
    )

    __table_args__ = (Index(None, "xid", "event_id"),)


class FeedPosition(Entry, kw_only=True):
    """An entry in its place. Positions begin at 1, without gaps; rows are kept for some days."""

    __tablename__ = "feed_positions"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[int] = mapped_column(BigInteger)
    sequenced_at: Mapped[datetime] = mapped_column(
        init=False, server_default=func.clock_timestamp()
    )

    __table_args__ = (
        positive("position"),
        Index(None, "organization_id", "position"),
        Index(None, "project_id", "position"),
        Index(None, "document_id", "position"),
        Index(None, "event_id"),
    )


class FeedCursor(Base, kw_only=True):
    """How far the feed reaches: one row, which only `ctx.sequence_feed` changes.

    Every entry whose transaction was over in `snapshot` has its position; the newest is `position`.
    `epoch` names this order. It is another one where the order may have been lost in part, and a
    position then means nothing any more: in another cluster, or on another timeline of this one,
    which is what a replica begins when it is promoted.
    """

    __tablename__ = "feed_cursor"

    one: Mapped[bool] = mapped_column(primary_key=True, default=True, server_default=true())
    snapshot: Mapped[str] = mapped_column(Snapshot)
    position: Mapped[int] = number(0, BigInteger)
    epoch: Mapped[UUID] = mapped_column(init=False, server_default=func.gen_random_uuid())
    cluster: Mapped[int] = mapped_column(BigInteger)
    timeline: Mapped[int]

    __table_args__ = (check("one", "row", "one", "There is one cursor."), not_negative("position"))
