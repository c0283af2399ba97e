"""Tables of the feed: entries that writers add, their order, and the cursor.

An entry only refers to an event of the audit log. Writers add entries at their commit and wait for
nobody; the sequencer, of which one works in the whole cluster, then gives them their positions, and
sequence numbers in their documents.
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
    """The reason why an entry is at another place than its row, and which streams have it.

    A moved row has left its document, or its project as well. A link's target is in another
    document, or in another project as well.
    """

    DOCUMENT = "document"
    PROJECT = "project"
    LINKED_DOCUMENT = "linked_document"
    LINKED_PROJECT = "linked_project"

    @property
    def is_linked(self) -> bool:
        """Return whether the entry is at the place of a link's target."""
        return self in (Departed.LINKED_DOCUMENT, Departed.LINKED_PROJECT)

    @property
    def in_project(self) -> bool:
        """Return whether the stream of the entry's project has it, besides that of its document."""
        return self in (Departed.PROJECT, Departed.LINKED_PROJECT)


class FeedDocument(Base, kw_only=True):
    """The number of a document's entries, which is the sequence number of its newest, without gaps.

    Only `ctx.sequence_feed` changes it. There is no foreign key: followers of a purged document
    still receive the event of its deletion.
    """

    __tablename__ = "feed_documents"

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (positive("sequence"),)


class Entry(Base, kw_only=True):
    """An entry of the feed: an event, in the document, project and organization it is shown in.

    A row that is moved adds two: one where it is now, and one, `departed`, where it was. So does a
    trace link between two documents: one where its source is, and one where its target is.
    `sequence` counts the entries of the document without gaps; it is null until it has a position.
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
    """The cursor of the feed: one row, which only `ctx.sequence_feed` changes.

    Entries whose transactions had ended in `snapshot` have positions; the newest is `position`.
    `epoch` names this order. It changes where the order may have been lost in part, so that old
    positions are invalid: in another cluster, or on another timeline of this one, which a replica
    begins when it is promoted.
    """

    __tablename__ = "feed_cursor"

    one: Mapped[bool] = mapped_column(primary_key=True, default=True, server_default=true())
    snapshot: Mapped[str] = mapped_column(Snapshot)
    position: Mapped[int] = number(0, BigInteger)
    epoch: Mapped[UUID] = mapped_column(init=False, server_default=func.gen_random_uuid())
    cluster: Mapped[int] = mapped_column(BigInteger)
    timeline: Mapped[int]

    __table_args__ = (check("one", "row", "one", "There is one cursor."), not_negative("position"))
