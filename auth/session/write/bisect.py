"""Send many rows, each for itself: rows that PostgreSQL refuses are found by bisection."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import asyncpg

from auth.credentials.credential_lock import CredentialEnded
from auth.session.write.authorize_write import Writer, checked
from auth.session.write.db_errors import refusal
from auth.session.write.flush import PendingWrite, StoredValues, discard, settle
from auth.session.write.plan_limits import Exhausted
from auth.session.write.rights import RightsLost
from auth.session.write.unique import Name, give_up, name_of
from auth.session.write.unit_of_work import UnitOfWork
from db.base import Entity
from db.problem import CODES, Problem

MARK, BACK = "SAVEPOINT each", "ROLLBACK TO SAVEPOINT each"


class Sender(Writer, Protocol):
    """A writer that also sends, and counts the last rows as a request."""

    async def send(self, writes: Sequence[PendingWrite], *, last: bool) -> StoredValues:
        """Send these; see `auth.session.write.flush`."""


async def send_each(
    work: UnitOfWork, sender: Sender, rows: Sequence[Entity]
) -> dict[UUID, Problem]:
    """Send these rows in their order; return the refusals, by the row's id.

    A refused row is then as it was read. A refusal of the policy costs no statement; k rows that
    only PostgreSQL can refuse cost up to 4 k log n statements. An error that no row causes, such as
    a deadlock or a month without requests left, is raised.
    """
    problems: dict[UUID, Problem] = {}
    writes: list[PendingWrite] = []
    for row in rows:
        try:
            writes += checked([row], sender)
        except Problem as problem:
            problems[row.id] = problem
    sifting = _Bisection(work, sender, problems)
    if writes:
        await sifting.send(writes)
    settle(work, [write for write in writes if write.row.id not in problems], sifting.stored)
    for row in rows:
        if row.id in problems and row in work:
            discard(row)
    return problems


def _name_at(row: Entity, problem: Problem) -> Name | None:
    """Return the name that is taken, if rows of this model may exchange it; None otherwise."""
    if problem.code != "ALREADY_EXISTS" or not problem.field:
        return None
    return name_of(type(row), str(problem.field[-1]))


class _Bisection:
    """The rows stored and refused so far."""

    def __init__(self, work: UnitOfWork, sender: Sender, problems: dict[UUID, Problem]) -> None:
        self.work, self.sender, self.problems = work, sender, problems
        self.stored: StoredValues = {}
        self.is_marked = False

    async def send(self, writes: Sequence[PendingWrite]) -> None:
        """Send these after the rows stored already, which a savepoint protects."""
        if not self.is_marked:
            await self.work.execute(MARK)
        problem = await self._try(writes)
        if problem is None:
            return
        if len(writes) == 1:
            self.problems[writes[0].row.id] = problem
            return
        name = _name_at(writes[0].row, problem)
        if name is None or not await self._exchange(name, problem, writes):
            middle = len(writes) // 2
            await self.send(writes[:middle])
            await self.send(writes[middle:])

    async def _try(self, writes: Sequence[PendingWrite]) -> Problem | None:
        """Send these; on a refusal, roll back to the savepoint and return it."""
        try:
            self.stored |= await self.sender.send(writes, last=True)
        except (Exhausted, RightsLost, CredentialEnded):
            raise
        except (asyncpg.PostgresError, Problem) as error:
            problem = error if isinstance(error, Problem) else refusal(error)
            if not isinstance(problem, Problem) or CODES[problem.code].retryable:
                raise
            await self.work.execute(BACK)
            self.is_marked = True
            return problem
        self.is_marked = False
        return None

    async def _exchange(self, name: Name, problem: Problem, writes: Sequence[PendingWrite]) -> bool:
        """Send these, whose rows exchange names; return False when another error prevents it."""
        accepted, refused = await give_up(self.work, name, writes)
        if accepted and await self._try(accepted):
            return False
        self.problems |= {write.row.id: problem for write in refused}
        return True
