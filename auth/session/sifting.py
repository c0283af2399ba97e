"""Many rows sent together, each for itself: what PostgreSQL refuses of them is found by halving."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auth.session.check import Writer, checked
from auth.session.limits import Exhausted
from auth.session.refusal import refusal
from auth.session.sending import Stored, Write, discard, settle
from db.base import Entity
from db.problem import CODES, Problem

MARK, BACK = text("SAVEPOINT each"), text("ROLLBACK TO SAVEPOINT each")


class Sender(Writer, Protocol):
    """Who also sends, and counts what is sent last as a request."""

    def send(self, connection: Connection, writes: Sequence[Write], *, last: bool) -> Stored:
        """Send these; see `auth.session.sending`."""


def send_each(session: Session, sender: Sender, rows: Sequence[Entity]) -> dict[UUID, Problem]:
    """Send these rows in their order; those that are refused, and why, by the row's id.

    A refused row is then as it was read. What the policy refuses costs no statement; k rows that
    only PostgreSQL can refuse cost up to 4 k log n statements. What no row is to blame for, such as
    a deadlock or a month without requests left, is raised.
    """
    problems: dict[UUID, Problem] = {}
    writes: list[Write] = []
    for row in rows:
        try:
            writes += checked([row], sender)
        except Problem as problem:
            problems[row.id] = problem
    sifting = _Sifting(session.connection(), sender, problems)
    if writes:
        sifting.send(writes)
    settle(session, [write for write in writes if write.row.id not in problems], sifting.stored)
    for row in rows:
        if row.id in problems and row in session:
            discard(row)
    return problems


class _Sifting:
    """The rows stored and refused so far."""

    def __init__(
        self, connection: Connection, sender: Sender, problems: dict[UUID, Problem]
    ) -> None:
        self.connection, self.sender, self.problems = connection, sender, problems
        self.stored: Stored = {}
        self.is_marked = False

    def send(self, writes: Sequence[Write]) -> None:
        """Send these after what is stored already, which a mark in the transaction protects."""
        if not self.is_marked:
            self.connection.execute(MARK)
        try:
            self.stored |= self.sender.send(self.connection, writes, last=True)
            self.is_marked = False
        except Exhausted:
            raise
        except (DBAPIError, Problem) as error:
            problem = refusal(error) if isinstance(error, DBAPIError) else error
            if not isinstance(problem, Problem) or CODES[problem.code].retryable:
                raise
            self.connection.execute(BACK)
            self.is_marked = True
            if len(writes) == 1:
                self.problems[writes[0].row.id] = problem
                return
            middle = len(writes) // 2
            self.send(writes[:middle])
            self.send(writes[middle:])
