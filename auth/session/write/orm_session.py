"""The ORM session of a `Transaction`: each flush checks, stamps, sends and records its rows."""

from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.event import listens_for
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from auth.session.write.authorize_write import checked
from auth.session.write.bisect import Sender
from auth.session.write.flush import settle
from db.base import Entity
from db.connection import enter


class Flushing(Sender, Protocol):
    """A sender whose rows are sent at the flushes of its session."""

    told: bool
    ending: bool


class WritingSession(Session):
    """The ORM session of one `Transaction`, which alone may execute statements on it."""


@listens_for(WritingSession, "after_begin")
def _tell_database(session: Session, _: SessionTransaction, connection: Connection) -> None:
    transaction: Flushing = session.info["transaction"]
    if not transaction.told:
        enter(connection, transaction.viewer.context)


@listens_for(WritingSession, "do_orm_execute")
def _only_by_transaction(state: ORMExecuteState) -> None:
    if not state.execution_options.get("of_transaction"):
        message = "Read and write through the methods of Transaction; this would escape the policy."
        raise TypeError(message)


@listens_for(WritingSession, "before_flush")
def _before_flush(session: Session, *_: object) -> None:
    if session.deleted:
        message = "Rows are never removed; Transaction.delete hides them."
        raise TypeError(message)
    transaction: Flushing = session.info["transaction"]
    rows = [row for row in (*session.new, *session.dirty) if isinstance(row, Entity)]
    writes = list(checked(rows, transaction))
    stored = transaction.send(session.connection(), writes, last=transaction.ending)
    settle(session, writes, stored)
