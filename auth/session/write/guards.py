"""Rules of products for writing a column: checked for every write, whichever way it comes.

A product registers rules for columns of a model (`guard`). The transaction calls them before it
sends rows in which the column is new, so that no mutation, import or application of a change set
can go around them. A rule may complete the rows that it allows, such as with the time of a status.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auth.session.write.authorize_write import differences
from auth.session.write.unit_of_work import state_of
from db.base import SCOPES, Entity
from db.problem import Problem

PROJECT = SCOPES[1]


@dataclass(frozen=True)
class GuardedWrite:
    """A row about to be sent: the old values of what has changed, which a new row has not.

    A row that `arrives` from another project is new to the rules of this one.
    """

    row: Any
    old: Mapping[str, Any]
    is_new: bool
    arrives: bool = False


Guard = Callable[[Any, Sequence[GuardedWrite]], Awaitable[Mapping[UUID, Problem]]]
"""Returns the refusals, by the ID of the row, from the transaction and the writes.

It reads in sets, by `Transaction.rules` alone: rows are not sent before they are checked.
"""

_GUARDS: dict[type[Entity], list[tuple[str, Any, Guard]]] = {}


def guard(model: type[Entity], column: str, initial: object, check: Guard) -> None:
    """Have `check` called for writes of the column, and for rows from other projects.

    New rows and those from other projects are not checked if they have the `initial` value.
    """
    _GUARDS.setdefault(model, []).append((column, initial, check))


async def refusals(transaction: Any, rows: Iterable[Entity]) -> dict[UUID, Problem]:
    """Return the refusals of rows that are about to be sent, by the ID of the row."""
    found: dict[type[Entity], list[Entity]] = {}
    for row in rows:
        if type(row) in _GUARDS:
            found.setdefault(type(row), []).append(row)
    problems: dict[UUID, Problem] = {}
    for model, guarded in found.items():
        for column, initial, check in _GUARDS[model]:
            written = (_write(row, column, initial) for row in guarded)
            if writes := [write for write in written if write]:
                problems = {**await check(transaction, writes), **problems}
    return problems


def _write(row: Entity, column: str, initial: object) -> GuardedWrite | None:
    state = state_of(row)
    if state.key is None:
        new = getattr(row, column)
        return None if new == initial else GuardedWrite(row, {}, is_new=True)
    if state.committed_state.keys().isdisjoint((column, PROJECT)):
        return None
    old, _ = differences(row)
    if PROJECT in old:
        arrived = GuardedWrite(row, {}, is_new=True, arrives=True)
        return None if getattr(row, column) == initial else arrived
    return GuardedWrite(row, old, is_new=False) if column in old else None
