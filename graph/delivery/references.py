"""Rows that inputs name: they must exist for the viewer, in the same project, or be members."""

from collections.abc import Mapping, Sequence

from auth.session import Transaction
from auth.session.write.db_errors import missing
from db.base import Entity
from db.core.organizations import OrganizationMember
from db.problem import Problem
from graph.kit.items import Found, Item, Prepare, unrefused


def references(
    rows: Mapping[str, type[Entity]], people: Sequence[str] = (), then: Prepare | None = None
) -> Prepare:
    """Return the preparation that refuses items which name what the viewer cannot see.

    `rows` are the columns that name rows, with their models; those of a project must be in that of
    the item, unless the model is of a document. `people` name members. `then` prepares the others.
    """

    async def prepare(transaction: Transaction, items: Sequence[Item], found: Found) -> None:
        for column, model in rows.items():
            await _require_rows(transaction, items, column, model)
        for column in people:
            await _require_people(transaction, items, column)
        open_ = unrefused(items)
        if then and open_:
            await then(transaction, open_, found)

    return prepare


def _naming(items: Sequence[Item], column: str) -> list[Item]:
    return [item for item in unrefused(items) if item.values.get(column) is not None]


async def _require_rows(
    transaction: Transaction, items: Sequence[Item], column: str, model: type[Entity]
) -> None:
    naming = _naming(items, column)
    ids = {item.values[column] for item in naming}
    found = await transaction.find_by_id(model, ids, lock=False, to_create=_model(naming))
    for item in naming:
        row = found.get(item.values[column])
        if row is None or not _together(item.row, row):
            item.refuse(missing(model, [column]))


def _model(items: Sequence[Item]) -> type[Entity] | None:
    return type(items[0].row) if items else None


def _together(row: Entity, other: Entity) -> bool:
    """Return whether two rows are in the same organization, and in the same project."""
    keys = ["organization_id"]
    if hasattr(other, "project_id") and not hasattr(other, "document_id"):
        keys.append("project_id")
    return all(getattr(row, key) == getattr(other, key) for key in keys)


async def _require_people(transaction: Transaction, items: Sequence[Item], column: str) -> None:
    naming = _naming(items, column)
    ids = {item.values[column] for item in naming}
    members = await transaction.find_by_id(
        OrganizationMember, ids, lock=False, key="user_id", to_create=_model(naming)
    )
    known = {(member.organization_id, member.user_id) for member in members.values()}
    for item in naming:
        if (item.row.organization_id, item.values[column]) not in known:
            message = "The user is not a member of the organization."
            item.refuse(Problem("NOT_FOUND", message, field=[column]))
